//! Reading by offset: what is in memory is given at once, what is on disk is asked for.

use anymq_auth::acl::Operation;
use anymq_log::{Log, ReadError};
use anymq_types::{ConnectionId, Position, QueueId};
use bytes::Bytes;

use super::super::Core;
use super::super::fx::Fx;
use super::super::load::{Part, part_of};
use super::super::reclaim::Survivor;
use super::Refused;
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::queue::extent::Extent;
use crate::queue::settings::Kind;
use crate::topics::{Cold, Found, OffsetFound, OffsetOf, ProducerStatus, Read, ReadOut, Run, Span};

/// Journal bytes read at once where a client asks for less.
const COLD_BYTES_MIN: u32 = 64 << 10;
/// Chunks are read together while at least one byte in this many is theirs.
const COLD_SPARSE_MAX: u64 = 4;
/// Most places of the journal that are read for one partition together.
const SPANS_MAX: usize = 256;
/// Most bytes of the chunk given for a look at timestamps.
const CHUNK_BYTES_MAX: u32 = u32::MAX;

impl Core {
    /// Reads partitions, in order; with `wake_below`, the session is woken when there is more, if all found is less than that.
    pub(crate) fn read(
        &mut self,
        session: ConnectionId,
        committed: Position,
        reads: &[Read],
        wake_below: Option<u64>,
    ) -> (Vec<ReadOut>, bool) {
        let mut bytes = 0u64;
        let mut whole = true;
        let mut found = Vec::with_capacity(reads.len());
        for read in reads {
            let out = self.read_one(session, committed, read, bytes == 0);
            match &out.found {
                Found::Runs(runs) => bytes += runs.iter().map(|run| run.bytes.len() as u64).sum::<u64>(),
                _ => whole = false,
            }
            found.push(out);
        }
        let waits = wake_below.is_some_and(|least| whole && bytes < least);
        if waits {
            reads.iter().for_each(|read| self.watch(session, read.partition));
        }
        // Who wrote what is not committed yet has woken those who watched then: it wakes nobody who came since.
        let ahead = |(read, out): (&Read, &ReadOut)| {
            self.queues.get(&read.partition).is_some_and(|queue| queue.stream.next > out.high_watermark)
        };
        let pending = waits && reads.iter().zip(&found).any(ahead);
        (found, pending)
    }

    fn read_one(&mut self, session: ConnectionId, committed: Position, read: &Read, first: bool) -> ReadOut {
        let mut out = ReadOut {
            start: 0,
            high_watermark: 0,
            last_stable: 0,
            aborted: Vec::new(),
            found: Found::NoPartition,
        };
        if let Err(refused) = self.may_use(session, read.partition, Operation::Read) {
            out.found = match refused {
                Refused::NoPartition => Found::NoPartition,
                Refused::Forbidden => Found::Forbidden,
            };
            return out;
        }
        let high = self.high_watermark(read.partition, committed);
        let transactions = self.partitions.get(&read.partition).map(|p| &p.transactions);
        let Some(queue) = self.queues.get(&read.partition) else { return out };
        out.start = queue.log_start();
        out.high_watermark = high.max(out.start);
        out.last_stable = transactions.map_or(high, |t| t.last_stable(high)).max(out.start);
        let limit = if read.stable_only { out.last_stable } else { out.high_watermark };
        out.found = if read.offset < out.start || read.offset > queue.stream.next {
            Found::OutOfRange
        } else {
            let least_one = read.at_least_one && first;
            queue.find_runs(read.offset, limit, read.max_bytes, least_one)
        };
        if let (true, Some(transactions)) = (read.stable_only, transactions) {
            let end = match &out.found {
                Found::Runs(runs) => runs.last().map_or(read.offset, |run| run.end),
                Found::Cold(_) => limit,
                _ => read.offset,
            };
            out.aborted = transactions.aborted_in(read.offset, end);
        }
        out
    }

    /// Producers that have written to a partition.
    pub(crate) fn producers(&self, session: ConnectionId, id: QueueId) -> Result<Vec<ProducerStatus>> {
        self.must(session, id, Operation::Read)?;
        let Some(partition) = self.partitions.get(&id) else { return Ok(Vec::new()) };
        Ok(partition.producers.statuses(|producer| partition.transactions.since(producer)))
    }

    fn must(&self, session: ConnectionId, id: QueueId, operation: Operation) -> Result<()> {
        self.may_use(session, id, operation).map_err(|refused| match refused {
            Refused::NoPartition => Error::not_found("no such partition"),
            Refused::Forbidden => Error::forbidden("access to the topic is not allowed"),
        })
    }

    /// An offset by what it is asked for.
    pub(crate) fn offset_of(
        &mut self,
        session: ConnectionId,
        committed: Position,
        id: QueueId,
        of: OffsetOf,
    ) -> Result<OffsetFound> {
        self.must(session, id, Operation::Describe)?;
        let high = self.high_watermark(id, committed);
        let queue = self.queues.get(&id).ok_or_else(|| Error::not_found("no such partition"))?;
        let start = queue.log_start();
        Ok(match of {
            OffsetOf::First => OffsetFound::Offset(start),
            OffsetOf::Next { stable_only } => {
                let transactions = self.partitions.get(&id).map(|p| &p.transactions).filter(|_| stable_only);
                OffsetFound::Offset(transactions.map_or(high, |t| t.last_stable(high)).max(start))
            }
            OffsetOf::Since { at, from } => {
                queue.chunk_where(from.max(start), high, |e| (u64::from(e.time_s) + 1) * 1000 > at.0)
            }
            OffsetOf::Latest { from } => {
                let live = queue.stream.extents().filter(|e| e.end() > start && e.base < high);
                let latest = live.map(|e| e.time_s).max();
                queue.chunk_where(from.max(start), high, |e| Some(e.time_s) == latest)
            }
        })
    }

    /// Everything before an offset goes; the first that is kept.
    pub(crate) fn delete_records(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        committed: Position,
        id: QueueId,
        before: Option<u64>,
    ) -> Result<u64> {
        self.may_use(session, id, Operation::Delete).map_err(|refused| match refused {
            Refused::NoPartition => Error::not_found("no such partition"),
            Refused::Forbidden => Error::forbidden("deleting from the topic is not allowed"),
        })?;
        let high = self.high_watermark(id, committed);
        let queue = self.queues.get(&id).ok_or_else(|| Error::not_found("no such partition"))?;
        if queue.kind != Kind::Stream {
            return Err(Error::not_allowed(format!(
                "'{}' is a queue and not a stream: purge it",
                queue.name
            )));
        }
        let before = before.unwrap_or(high);
        if before > high {
            return Err(Error::invalid(format!("offset {before} is after the high watermark {high}")));
        }
        if before > queue.log_start() {
            self.trim(fx, id, before);
        }
        Ok(self.queues.get(&id).map_or(before, |queue| queue.log_start()))
    }

    /// What was read for [`Cold`] did not verify: damaged messages are given up, unless they are somewhere else by now.
    pub(crate) fn check_cold(&mut self, fx: &mut Fx<'_>, log: &Log, cold: &Cold, span: &Bytes) {
        let Some(queue) = self.queues.get(&cold.partition) else { return };
        let Span { at, bytes, .. } = cold.first;
        let extents = queue.stream.extents().filter(|e| {
            e.stored && e.at.segment() == at.segment() && e.at >= at && e.at.0 < at.0 + u64::from(bytes)
        });
        let survivors: Vec<Survivor> = extents.filter(|e| e.live > 0).map(|e| queue.survivor(e)).collect();
        for survivor in survivors {
            let from = (survivor.at.0 - at.0) as usize;
            // Nothing at all, if it could not be read.
            let bytes =
                span.get(from..from + survivor.span as usize).map(|b| span.slice_ref(b)).unwrap_or_default();
            let whole = log
                .frames(survivor.at, &bytes)
                .filter_map(|frame| part_of(&frame.ok()?, survivor.queue, &bytes));
            let offsets: u64 = whole.map(|part| u64::from(part.count)).sum();
            if offsets < survivor.end - survivor.base {
                self.isolate_survivor(fx, log, &survivor, &bytes);
            }
        }
    }
}

impl Queue {
    /// Runs from the record or batch that holds `offset`, none beyond `limit`.
    pub(crate) fn find_runs(&self, offset: u64, limit: u64, max_bytes: u32, at_least_one: bool) -> Found {
        let mut runs: Vec<Run> = Vec::new();
        let mut left = u64::from(max_bytes);
        let mut at = offset;
        let mut number = self.stream.number_of(offset);
        while let Some(extent) = self.stream.extent(number).filter(|e| e.base < limit) {
            number += 1;
            if self.is_gone(extent) {
                continue;
            }
            let Some(data) = &extent.data else {
                if runs.is_empty() && extent.stored {
                    return Found::Cold(self.cold(number - 1, at.max(extent.base), limit, max_bytes));
                }
                break;
            };
            let first = at_least_one && runs.is_empty();
            let (run, whole) = cut(extent, data, at.max(extent.base), limit, left, first);
            let Some(run) = run else { break };
            left = left.saturating_sub(run.bytes.len() as u64);
            at = run.end;
            runs.push(run);
            if !whole || left == 0 {
                break;
            }
        }
        Found::Runs(runs)
    }

    /// Whether an extent has nothing to give: its messages were damaged, or lived in memory only.
    fn is_gone(&self, extent: &Extent) -> bool {
        let given_up = self.kind == Kind::Stream && extent.live == 0;
        given_up || extent.data.is_none() && !extent.stored
    }

    /// What extent `number` begins and is asked for, as long as all of it is on disk.
    fn cold(&self, number: u64, offset: u64, limit: u64, max_bytes: u32) -> Cold {
        let (first, mut next) = self.span(number, limit, max_bytes.max(COLD_BYTES_MIN).into());
        let mut left = u64::from(max_bytes).saturating_sub(first.own);
        let mut further = Vec::new();
        while further.len() < SPANS_MAX
            && let Some(e) = self.stream.extent(next).filter(|e| e.base < limit && e.data.is_none())
            && !self.is_gone(e)
            && u64::from(e.own) <= left
        {
            let (span, after) = self.span(next, limit, left);
            left = left.saturating_sub(span.own);
            further.push(span);
            next = after;
        }
        Cold { partition: self.id, offset, limit, first, further }
    }

    /// The span that extent `number` begins, with as many after it as lie close by; and which extent comes after it.
    fn span(&self, number: u64, limit: u64, most: u64) -> (Span, u64) {
        let first = self.stream.extent(number).expect("the caller has it");
        let (at, mut end, mut own) = (first.at, first.at.0 + u64::from(first.span), u64::from(first.own));
        let mut next = number + 1;
        while let Some(e) = self.stream.extent(next).filter(|e| e.base < limit) {
            let reach = (e.at.0 + u64::from(e.span)).saturating_sub(at.0);
            let near = e.stored && e.at.segment() == at.segment() && e.at.0 >= end && reach <= most;
            if !near || e.data.is_some() || (own + u64::from(e.own)) * COLD_SPARSE_MAX < reach {
                break;
            }
            own += u64::from(e.own);
            end = e.at.0 + u64::from(e.span);
            next += 1;
        }
        (Span { at, bytes: (end - at.0) as u32, own }, next)
    }

    /// The first chunk from an offset on of which `wanted` says so.
    pub(crate) fn chunk_where(&self, from: u64, limit: u64, wanted: impl Fn(&Extent) -> bool) -> OffsetFound {
        let mut number = self.stream.number_of(from);
        while let Some(extent) = self.stream.extent(number).filter(|e| e.base < limit) {
            if wanted(extent) && !self.is_gone(extent) {
                let offset = from.max(extent.base);
                return match &extent.data {
                    Some(data) => cut(extent, data, offset, limit, u64::from(CHUNK_BYTES_MAX), true)
                        .0
                        .map_or(OffsetFound::Nothing, OffsetFound::In),
                    None => OffsetFound::Cold(self.cold(number, offset, extent.end().min(limit), 0)),
                };
            }
            number += 1;
        }
        OffsetFound::Nothing
    }

    fn survivor(&self, extent: &Extent) -> Survivor {
        Survivor {
            queue: self.id,
            class: anymq_log::Class::Stream(self.id.0),
            base: extent.base,
            end: extent.end(),
            at: extent.at,
            span: extent.span,
            live: self.unsettled_in(extent.base, extent.end()),
        }
    }
}

/// What of an extent's data is asked for, and whether that is all of it.
fn cut(
    extent: &Extent,
    data: &Bytes,
    offset: u64,
    limit: u64,
    max: u64,
    at_least_one: bool,
) -> (Option<Run>, bool) {
    let Some((begin, ahead)) = extent.encoding.find(data, offset - extent.base) else { return (None, false) };
    let begin = begin as usize;
    let base = extent.base + ahead;
    let (mut end, mut bytes, mut whole) = (base, 0usize, true);
    for (unit, offsets) in extent.encoding.units(&data[begin..]) {
        let fits = (bytes + unit) as u64 <= max || at_least_one && bytes == 0;
        if !fits || end + offsets > limit {
            whole = false;
            break;
        }
        bytes += unit;
        end += offsets;
    }
    if bytes == 0 {
        return (None, whole);
    }
    let run = Run { encoding: extent.encoding, base, end, bytes: data.slice(begin..begin + bytes) };
    (Some(run), whole)
}

/// What the first span of [`Cold`], which was read, and the others, which are read now, hold of it; `None` if the first begins with
/// something else. What is not to be had of the others is left for another time.
pub(crate) fn runs_in(
    log: &Log,
    cold: &Cold,
    first: &std::result::Result<Bytes, ReadError>,
) -> Option<Vec<Run>> {
    let mut runs = runs_from(log, cold, cold.offset, cold.first.at, first.as_ref().ok()?)?;
    for span in &cold.further {
        let end = runs.last()?.end;
        let read = log.read(span.at, span.bytes).ok();
        let Some(more) = read.and_then(|bytes| runs_from(log, cold, end, span.at, &bytes)) else { break };
        runs.extend(more);
    }
    Some(runs)
}

fn runs_from(log: &Log, cold: &Cold, offset: u64, at: Position, span: &Bytes) -> Option<Vec<Run>> {
    let frames = log.frames(at, span).filter_map(std::result::Result::ok);
    let mut runs: Vec<Run> = Vec::new();
    for part in frames.filter_map(|frame| part_of(&frame, cold.partition, span)) {
        let end = part.base + u64::from(part.count);
        if end <= offset || part.base >= cold.limit || end > cold.limit {
            continue;
        }
        // What follows a hole is read by itself.
        if runs.last().is_some_and(|last| last.end != part.base) {
            break;
        }
        runs.push(run_of(part, if runs.is_empty() { offset } else { 0 })?);
    }
    let right = runs.first().is_some_and(|run| run.base <= offset);
    right.then_some(runs)
}

fn run_of(part: Part, from: u64) -> Option<Run> {
    let (byte, ahead) = part.encoding.find(&part.bytes, from.saturating_sub(part.base))?;
    Some(Run {
        encoding: part.encoding,
        base: part.base + ahead,
        end: part.base + u64::from(part.count),
        bytes: part.bytes.slice(byte as usize..),
    })
}
