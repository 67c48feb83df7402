//! Streams: every consumer reads at its own offset, nothing is consumed.

use std::collections::BTreeSet;

use anymq_catalog::args::consumer::{ConsumerArgs, StreamOffset};
use anymq_types::props::PropsRef;
use anymq_types::record::{self, Record, Records};
use anymq_types::{ConsumerId, Millis, Offset, QueueId};
use bytes::Bytes;

use super::Core;
use super::fx::Fx;
use super::partitions::open::OpenTransactions;
use super::stats::Way;
use crate::api::{Delivery, Event, HolderId, Settled, Subscribe};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::queue::encoding::Encoding;
use crate::queue::extent::Place;
use crate::queue::settings::Kind;
use crate::wheel::{Entry, What};

/// Most messages handed to a stream consumer in one run.
const RUN_MAX: u32 = 256;
/// Bytes of records made of a batch after which a run ends.
const RUN_BYTES_MAX: usize = 1 << 20;

/// A consumer's place in a stream.
#[derive(Debug)]
pub(crate) struct StreamCursor {
    place: Place,
    /// Not before this moment: skipped one by one at the beginning.
    since: Option<Millis>,
    /// Only messages with one of these filter values; empty: all.
    filter: Vec<Vec<u8>>,
    match_unfiltered: bool,
    /// Delivered and not acknowledged: they only count against the credit.
    outstanding: BTreeSet<u64>,
}

impl StreamCursor {
    pub(crate) fn new(queue: &Queue, args: &ConsumerArgs, now: Millis) -> Self {
        let (offset, since) = match args.stream_offset.unwrap_or_default() {
            StreamOffset::First => (queue.log_start(), None),
            StreamOffset::Last => {
                (queue.stream.extents().next_back().map_or(queue.stream.next, |e| e.base), None)
            }
            StreamOffset::Next => (queue.stream.next, None),
            StreamOffset::Offset(offset) => (offset.max(queue.log_start()), None),
            StreamOffset::Timestamp(at) => (queue.log_start(), Some(at)),
            StreamOffset::Age(ms) => (queue.log_start(), Some(Millis(now.0.saturating_sub(ms)))),
        };
        StreamCursor {
            place: Place::at(offset),
            since,
            filter: args.stream_filter.iter().map(|f| f.as_bytes().to_vec()).collect(),
            match_unfiltered: args.stream_match_unfiltered,
            outstanding: BTreeSet::new(),
        }
    }

    /// Reads everything from an offset on.
    pub(crate) fn at(offset: u64) -> Self {
        StreamCursor {
            place: Place::at(offset),
            since: None,
            filter: Vec::new(),
            match_unfiltered: true,
            outstanding: BTreeSet::new(),
        }
    }

    /// The offset it reads next.
    pub(crate) fn offset(&self) -> u64 {
        self.place.offset
    }

    /// Whether a message is for this consumer.
    fn takes(&self, record: &Record<'_>) -> bool {
        if self.since.is_some_and(|since| record.timestamp < since) {
            return false;
        }
        if self.filter.is_empty() {
            return true;
        }
        let props = PropsRef::parse(record.props).ok();
        let value = props
            .as_ref()
            .and_then(|p| p.headers())
            .and_then(|h| h.get("x-stream-filter-value"))
            .and_then(|v| v.as_bytes());
        value.map_or(self.match_unfiltered, |v| self.filter.iter().any(|f| f == v))
    }
}

/// What becomes a record's where its batch does not say it.
#[derive(Clone, Copy)]
pub(crate) struct Mapping<'a> {
    pub(crate) topic: &'a str,
    pub(crate) now: Millis,
}

pub(crate) enum Next {
    Run { first: u64, count: u32, records: Bytes },
    Load(u64),
    End,
}

impl Core {
    pub(crate) fn check_stream_subscribe(&self, id: QueueId, s: &Subscribe<'_>, vhost: &str) -> Result<()> {
        debug_assert_eq!(self.queues.get(&id).map(|q| q.kind), Some(Kind::Stream));
        if s.auto_ack {
            return Err(Error::not_implemented(format!(
                "automatic acknowledgement not supported by stream queue '{}' in vhost '{vhost}'",
                s.queue
            )));
        }
        if s.prefetch == 0 {
            return Err(Error::invalid(format!(
                "consumer prefetch count is not set for stream queue '{}' in vhost '{vhost}'",
                s.queue
            )));
        }
        Ok(())
    }

    /// Serves every consumer of a stream that has credit and something to read.
    pub(crate) fn pump_stream(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        self.forward(fx, id);
        self.retain_stream(fx, id);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let mut ready: Vec<ConsumerId> = Vec::new();
        while let Some((consumer, _)) = queue.consumers.next() {
            ready.push(consumer);
        }
        for consumer in ready {
            let drained = self.serve_stream(fx, id, consumer);
            let keep = drained && self.capacity(consumer) > 0;
            let Some(c) = self.consumers.get_mut(consumer.0) else { continue };
            c.in_ring = keep;
            let priority = c.priority;
            if keep && let Some(queue) = self.queues.get_mut(&id) {
                queue.consumers.enter(consumer, priority);
            }
        }
    }

    /// Hands a consumer what it can take. True if it is left with credit.
    fn serve_stream(&mut self, fx: &mut Fx<'_>, id: QueueId, consumer: ConsumerId) -> bool {
        loop {
            let capacity = self.capacity(consumer).min(RUN_MAX);
            if capacity == 0 {
                return false;
            }
            let (Some(c), Some(queue)) = (self.consumers.get_mut(consumer.0), self.queues.get(&id)) else {
                return false;
            };
            let Some(cursor) = c.cursor.as_deref_mut() else { return false };
            let transactions = self.partitions.get(&id).map(|partition| &partition.transactions);
            let topic = self.catalog.topic_of(id).map_or(&*queue.name, |topic| &topic.name);
            let mapping = Mapping { topic, now: Millis(0) };
            match next_run(queue, transactions, cursor, mapping, capacity) {
                Next::Run { first, count, records } => {
                    self.deliver_stream(fx, id, consumer, first, count, records)
                }
                Next::Load(number) => {
                    self.request_load(fx, id, number);
                    return true;
                }
                Next::End => return true,
            }
        }
    }

    fn deliver_stream(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        consumer: ConsumerId,
        first: u64,
        count: u32,
        records: Bytes,
    ) {
        let (Some(c), Some(queue)) = (self.consumers.get_mut(consumer.0), self.queues.get_mut(&id)) else {
            return;
        };
        c.unacked += count;
        if let Some(h) = self.holders.get_mut(c.holder.0) {
            h.used += count;
        }
        if let Some(cursor) = c.cursor.as_deref_mut() {
            cursor.outstanding.extend(first..first + count as u64);
        }
        let way = Way { fetch: false, auto_ack: false, again: false };
        queue.counters.deliveries_mut().add(count as u64, way);
        self.stats.of(Kind::Stream).deliveries.add(count as u64, way);
        let delivery = Delivery {
            token: c.token,
            consumer,
            queue: id,
            first: Offset(first),
            count,
            records,
            redelivered: false,
            attempts: 0,
            counts_attempts: false,
            is_stream: true,
            auto_ack: false,
        };
        let outbox = c.outbox.clone();
        outbox.push(Event::Delivery(delivery));
        fx.wake(&outbox);
    }

    /// Settling a stream's messages gives credit back, whatever the outcome.
    pub(crate) fn credit_stream(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        holder: HolderId,
        leases: &[Settled],
    ) {
        let Some(h) = self.holders.get_mut(holder.0) else { return };
        for consumer in h.consumers.clone() {
            let Some(c) = self.consumers.get_mut(consumer.0).filter(|c| c.queue == id) else { continue };
            let Some(cursor) = c.cursor.as_deref_mut() else { continue };
            let n = leases.iter().filter(|s| cursor.outstanding.remove(&s.offset.0)).count() as u32;
            c.unacked -= n;
            if let Some(h) = self.holders.get_mut(holder.0) {
                h.used -= n.min(h.used);
            }
            self.stats.of(Kind::Stream).deliveries.acked += n as u64;
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.counters.deliveries_mut().acked += n as u64;
            }
            self.revive(fx, consumer);
        }
    }

    /// Applies a stream's retention: length in bytes and age.
    pub(crate) fn retain_stream(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get(&id) else { return };
        if let Some(topic) = queue.settings.topic.clone() {
            return self.retain_topic(fx, id, &topic);
        }
        let (max_bytes, max_age) = (queue.settings.max_length_bytes, queue.settings.max_age_ms);
        if max_bytes.is_none_or(|max| queue.stream.own <= max) && max_age.is_none() {
            return;
        }
        let mut bytes: u64 = queue.stream.own;
        let mut keep_from = queue.stream.first();
        let (extents, forwarded) = (queue.stream.extents().len(), self.forwarded_to(id));
        for extent in queue.stream.extents().take(extents.saturating_sub(1)) {
            let over = max_bytes.is_some_and(|max| bytes > max);
            let old = max_age.is_some_and(|age| (extent.time_s as u64 + 1) * 1000 + age < fx.now.0);
            if !over && !old || extent.end() > forwarded {
                break;
            }
            bytes -= extent.own as u64;
            keep_from = extent.end();
        }
        if keep_from > queue.stream.first() {
            self.trim(fx, id, keep_from);
        }
        self.watch_age(fx, id);
    }

    /// Lets everything before an offset go.
    pub(crate) fn trim(&mut self, fx: &mut Fx<'_>, id: QueueId, keep_from: u64) {
        use crate::journal::{TRIM, put_varint};
        if self.queues.get(&id).is_some_and(|queue| queue.durable) {
            fx.frame(TRIM, |out| {
                put_varint(out, id.0);
                put_varint(out, keep_from);
            });
        }
        self.with_queue(id, |queue, segments| queue.trim(keep_from, segments));
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.transactions.trim(keep_from);
        }
    }

    /// Has a stream with a maximum age looked at when its oldest chunk reaches it.
    fn watch_age(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let (Some(age), Some(oldest)) = (queue.settings.max_age_ms, queue.stream.extents().next()) else {
            return;
        };
        if queue.head_timer == Millis(0) && queue.stream.extents().len() > 1 {
            let at = Millis(((oldest.time_s as u64 + 1) * 1000 + age).max(fx.now.0) + 1);
            queue.head_timer = at;
            fx.timers.push(Entry { at, queue: id, what: What::Look });
        }
    }
}

/// The next messages that a reader may see.
pub(crate) fn next_run(
    queue: &Queue,
    transactions: Option<&OpenTransactions>,
    cursor: &mut StreamCursor,
    mapping: Mapping<'_>,
    max: u32,
) -> Next {
    let stable = transactions.map_or(queue.stream.next, |t| t.last_stable(queue.stream.next));
    loop {
        if cursor.place.offset >= stable {
            return Next::End;
        }
        let Some(number) = queue.stream.settle_place(&mut cursor.place) else { return Next::End };
        let Some(extent) = queue.stream.extent(number) else { return Next::End };
        if extent.live == 0 {
            cursor.place = Place::at(extent.end()); // It was damaged, and given up.
            continue;
        }
        let Some((data, byte)) = queue.stream.rest_at(&cursor.place) else { return Next::Load(number) };
        let rest = &data[byte as usize..];
        if extent.encoding == Encoding::Batches {
            match run_of_batch(queue, transactions, rest, cursor, mapping, max) {
                Some(run) => return run,
                None => continue,
            }
        }
        let left = extent.end() - cursor.place.offset;
        let (mut count, mut bytes, mut skipped) = (0u32, 0usize, 0usize);
        for r in Records::new(rest).take((left as usize).min(max as usize)) {
            if !cursor.takes(&r) {
                if count == 0 {
                    skipped = r.bytes.len();
                }
                break;
            }
            count += 1;
            bytes += r.bytes.len();
        }
        if count == 0 {
            let skip = if skipped > 0 { skipped } else { record::record_len(rest).unwrap_or(rest.len()) };
            cursor.place.step(1, skip as u32);
            continue;
        }
        cursor.since = None; // Timestamps rise: from here on everything is new enough.
        let first = cursor.place.offset;
        let records = data.slice(byte as usize..byte as usize + bytes);
        cursor.place.step(count as u64, bytes as u32);
        return Next::Run { first, count, records };
    }
}

/// The next messages of the batch at the cursor, as records; `None` if it has none that the consumer takes: the cursor is behind it then.
fn run_of_batch(
    queue: &Queue,
    transactions: Option<&OpenTransactions>,
    batches: &[u8],
    cursor: &mut StreamCursor,
    mapping: Mapping<'_>,
    max: u32,
) -> Option<Next> {
    let Some((size, offsets)) = Encoding::Batches.unit(batches) else {
        cursor.place = Place::at(cursor.place.offset + 1);
        return None;
    };
    let batch = &batches[..size];
    let header = anymq_batch::BatchHeader::parse(batch).unwrap_or_default();
    let base = header.base_offset.cast_unsigned();
    let (from, end) = (cursor.place.offset, base + offsets);
    let aborted = transactions.is_some_and(|t| t.is_aborted(header.producer_id, base));
    if header.attributes.is_transactional() && aborted {
        cursor.place = Place::at(end);
        return None;
    }
    let (mut first, mut count, mut records) = (from, 0u32, Vec::new());
    let read = crate::mapping::each_message(batch, mapping.topic, mapping.now, |offset, write| {
        if offset < from {
            return true;
        }
        let start = records.len();
        write(&mut records);
        let wanted = Record::parse(&records[start..]).is_some_and(|r| cursor.takes(&r));
        if !wanted || count > 0 && offset != first + u64::from(count) {
            records.truncate(start);
            return count == 0;
        }
        first = if count == 0 { offset } else { first };
        count += 1;
        count < max && records.len() < RUN_BYTES_MAX
    });
    if let Err(fault) = read {
        tracing::error!(queue = %queue.name, offset = base, %fault, "a batch could not be read and is skipped");
    }
    if count == 0 {
        cursor.place = Place::at(end);
        return None;
    }
    cursor.since = None;
    match first + u64::from(count) {
        next if next >= end => cursor.place = Place::at(end),
        next => cursor.place.step(next - from, 0),
    }
    Some(Next::Run { first, count, records: records.into() })
}
