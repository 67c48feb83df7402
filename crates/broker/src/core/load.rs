//! Messages that are on disk come back into memory, ahead of the cursor.

use anymq_log::{Frame, Log, ReadError};
use anymq_types::{Millis, QueueId};
use bytes::{Bytes, BytesMut};

use super::Core;
use super::fx::{Fx, LoadRequest};
use super::reclaim::Survivor;
use crate::journal::{APPEND, Append, BATCH, Batches, Moved, Piece, SPILL};
use crate::queue::encoding::Encoding;
use crate::wheel::{Entry, What};

/// Bytes of journal read at once.
const READ_AHEAD_BYTES: u32 = 256 << 10;
/// Pause before a read that found too many waiting is asked for again, in milliseconds.
const BUSY_RETRY_MS: u64 = 10;

impl Core {
    /// Asks for extent `number` of a queue, and as many after it as lie close by.
    pub(crate) fn request_load(&mut self, fx: &mut Fx<'_>, id: QueueId, number: u64) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.loading {
            return;
        }
        let Some(first) = queue.stream.extent(number) else { return };
        let (base, at) = (first.base, first.at);
        let mut end = at.0 + first.span as u64;
        let mut own = first.own as u64;
        let mut next = number + 1;
        while let Some(e) = queue.stream.extent(next) {
            let reach = (e.at.0 + e.span as u64).saturating_sub(at.0);
            let near = e.stored
                && e.at.segment() == at.segment()
                && e.at.0 >= end
                && reach <= READ_AHEAD_BYTES as u64;
            if !near || e.data.is_some() || (own + e.own as u64) * 4 < reach {
                break;
            }
            own += e.own as u64;
            end = e.at.0 + e.span as u64;
            next += 1;
        }
        queue.loading = true;
        fx.loads.push(LoadRequest { queue: id, base, at, bytes: (end - at.0) as u32 });
    }

    /// A span has been read: installs the records of the queue that asked, and serves it.
    pub(crate) fn loaded(
        &mut self,
        fx: &mut Fx<'_>,
        log: &Log,
        request: &LoadRequest,
        span: Result<Bytes, ReadError>,
    ) {
        let id = request.queue;
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.loading = false;
        match &span {
            Ok(span) => self.install_span(log, request, span),
            // Says nothing about what is stored.
            Err(ReadError::Closed) => return,
            Err(ReadError::Busy) => {
                fx.timers.push(Entry { at: Millis(fx.now.0 + BUSY_RETRY_MS), queue: id, what: What::Look });
                return;
            }
            Err(why) => {
                tracing::error!(queue = %id, at = %request.at, %why, "stored messages could not be read")
            }
        }
        // The extent asked for is there now, or it does not verify; unless it was moved or merged meanwhile: then it is asked for again.
        let same = |e: &crate::queue::extent::Extent| {
            e.at == request.at && e.base == request.base && e.span <= request.bytes
        };
        let extent = self.queues.get(&id).and_then(|q| q.stream.extent(q.stream.find(request.base)?));
        if extent.is_some_and(|e| same(e) && e.live > 0 && e.data.is_none()) {
            let good = span.map_or_else(|_| Vec::new(), |span| pieces_in(log, request, &span));
            self.isolate(fx, id, request.base, good);
        }
        self.bury(fx, id);
        self.enforce_length(fx, id);
        self.touch(fx, id);
    }

    fn install_span(&mut self, log: &Log, request: &LoadRequest, span: &Bytes) {
        let id = request.queue;
        let mut pending: Option<(u64, BytesMut)> = None;
        let frames = log.frames(request.at, span).filter_map(Result::ok);
        let parts: Vec<Part> = frames.filter_map(|frame| part_of(&frame, id, span)).collect();
        let mut base_at = request.base;
        for Part { base, count, bytes: records, .. } in parts {
            if base < base_at {
                continue;
            }
            let Some(queue) = self.queues.get(&id) else { return };
            let Some(extent) = queue.stream.find(base).and_then(|n| queue.stream.extent(n)) else { continue };
            let (extent_base, extent_count) = (extent.base, extent.count);
            base_at = base + count as u64;
            if extent_base == base && extent_count == count {
                self.with_queue(id, |q, _| q.install(base, records));
                continue;
            }
            // A merged extent: its chunks one after another.
            let (start, mut data) = pending
                .take()
                .filter(|&(start, _)| start == extent_base)
                .unwrap_or((extent_base, BytesMut::new()));
            data.extend_from_slice(&records);
            if base_at == extent_base + extent_count as u64 {
                self.with_queue(id, |q, _| q.install(extent_base, data.freeze()));
            } else {
                pending = Some((start, data));
            }
        }
    }

    /// A span that was to be copied does not verify: what is damaged in it goes, unless the extent has changed meanwhile.
    pub(crate) fn isolate_survivor(&mut self, fx: &mut Fx<'_>, log: &Log, survivor: &Survivor, span: &Bytes) {
        let (id, base) = (survivor.queue, survivor.base);
        let Some(queue) = self.queues.get(&id) else { return };
        let extent = queue.stream.find(base).and_then(|n| queue.stream.extent(n));
        if extent.is_some_and(|e| e.base == base && e.at == survivor.at && e.span == survivor.span) {
            let request = LoadRequest { queue: id, base, at: survivor.at, bytes: survivor.span };
            self.isolate(fx, id, base, pieces_in(log, &request, span));
            self.touch(fx, id);
        }
    }

    /// Something in a stored extent did not verify: it is reported, its messages are given up, everything else goes on. `good` are
    /// the chunks that do verify.
    fn isolate(&mut self, fx: &mut Fx<'_>, id: QueueId, base: u64, mut good: Vec<Piece>) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(extent) = queue.stream.find(base).and_then(|n| queue.stream.extent(n)) else { return };
        let (start, end, at) = (extent.base, extent.end(), extent.at);
        good.retain(|p| p.base >= start && p.base + p.count as u64 <= end);
        good.sort_unstable_by_key(|p| p.base);
        if good.iter().any(|p| p.count as u64 == end - start) {
            good.clear(); // It verifies, and is not what the index says.
        }
        let mut lost = Vec::new();
        let mut from = start;
        for piece in &good {
            if from < piece.base {
                lost.push((from, piece.base));
            }
            from = from.max(piece.base + piece.count as u64);
        }
        if from < end {
            lost.push((from, end));
        }
        let messages: u64 = lost.iter().map(|(from, to)| to - from).sum();
        tracing::error!(queue = %queue.name, %at, messages, "damaged messages are skipped; run anymq check");
        self.stats.corrupt += messages;
        for (from, to) in lost {
            self.give_up(fx, id, from, to);
        }
        // The rest stands in the index by itself from now on, where it is.
        let split = Moved { queue: id, start, end, pieces: good };
        self.with_queue(id, |queue, segments| queue.move_extents(&split, segments));
    }

    /// Settles messages that cannot be read.
    fn give_up(&mut self, fx: &mut Fx<'_>, id: QueueId, start: u64, end: u64) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let leased: Vec<u64> = queue.leases.keys().copied().filter(|o| (start..end).contains(o)).collect();
        for offset in leased {
            self.release_lease(id, offset);
        }
        let Some(queue) = self.queues.get_mut(&id) else { return };
        for (at, stop) in queue.unsettled_in(start, end) {
            queue.ready = queue.ready.saturating_sub(stop - at);
            if queue.settle_range(at, stop, &mut self.segments) {
                fx.settled(id, at, stop, 0);
            }
        }
    }
}

/// The chunks of a queue in a span, where they stand.
fn pieces_in(log: &Log, request: &LoadRequest, span: &Bytes) -> Vec<Piece> {
    let piece = |frame: Frame<'_>| {
        let part = part_of(&frame, request.queue, span)?;
        let bytes = anymq_log::FRAME_HEADER + frame.body.len();
        Some(Piece { base: part.base, count: part.count, at: frame.at, span: bytes as u32 })
    };
    log.frames(request.at, span).filter_map(|frame| piece(frame.ok()?)).collect()
}

/// What a frame holds for a queue.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) base: u64,
    pub(crate) count: u32,
    pub(crate) encoding: Encoding,
    pub(crate) bytes: Bytes,
}

/// What a frame holds for a queue, if it is whole.
pub(crate) fn part_of(frame: &Frame<'_>, id: QueueId, span: &Bytes) -> Option<Part> {
    let (encoding, base, count, bytes) = match frame.kind {
        APPEND | SPILL => {
            let append = Append::parse(frame.body)?;
            (Encoding::Canonical, append.base_in(id)?, Some(append.count), append.records)
        }
        BATCH => {
            let batches = Batches::parse(frame.body).filter(|b| b.queue == id)?;
            (Encoding::Batches, batches.base, None, batches.bytes)
        }
        _ => return None,
    };
    let offsets = u32::try_from(encoding.offsets(bytes)?).ok()?;
    (count.is_none_or(|count| count == offsets)).then(|| Part {
        base,
        count: offsets,
        encoding,
        bytes: span.slice_ref(bytes),
    })
}
