//! From a snapshot and the journal back to the state they describe.

use anymq_log::{Frame, Replay, ReplayError};
use anymq_types::record::{self, Record, Records};
use anymq_types::{Millis, QueueId};

use super::Core;
use super::snapshot;
use crate::journal::{
    self, APPEND, ATTEMPTS, Append, BATCH, CATALOG, COMPACTED, FORWARDED, MARK, MOVED, OFFSETS, PRODUCER_IDS,
    Reader, SETTLE, SHARE, SHARE_TAKEN, SPILL, TRIM, TXN, TXN_OFFSETS, read_pairs, read_ranges,
};
use crate::queue::encoding::Encoding;
use crate::queue::extent::Extent;
use crate::queue::segments::SegmentUse;
use crate::queue::settings::Kind;
use crate::queue::{Queue, time_s};
use crate::wheel::{Entry, What};

impl Replay for Core {
    fn restore(&mut self, chunk: &[u8]) -> Result<(), ReplayError> {
        for item in snapshot::items(chunk) {
            let (kind, body) = item.ok_or_else(|| ReplayError("a snapshot item is cut short".into()))?;
            self.restore_item(kind, body)
                .ok_or_else(|| ReplayError(format!("a snapshot item of kind {kind} does not parse")))??;
        }
        Ok(())
    }

    fn replay(&mut self, frame: Frame<'_>) -> Result<(), ReplayError> {
        let parsed = match frame.kind {
            APPEND => self.replay_append(&frame),
            BATCH => self.replay_batches(&frame),
            OFFSETS => self.replay_group(frame.body),
            SHARE | SHARE_TAKEN => self.replay_share(frame.body),
            PRODUCER_IDS => self.replay_producer_ids(frame.body),
            TXN => self.replay_transaction(frame.body),
            TXN_OFFSETS => self.replay_pending_offsets(frame.body),
            COMPACTED => self.replay_compacted(frame.body),
            FORWARDED => self.replay_forwarded(frame.body),
            SETTLE => self.replay_settle(frame.body),
            CATALOG => {
                let change = serde_json::from_slice(frame.body)
                    .map_err(|e| ReplayError(format!("catalogue record at {}: {e}", frame.at)))?;
                return self
                    .replay_change(change)
                    .map_err(|e| ReplayError(format!("catalogue record at {}: {e}", frame.at)));
            }
            ATTEMPTS => self.replay_attempts(frame.body),
            MARK => self.replay_mark(frame.body),
            MOVED => self.replay_moved(frame.body),
            TRIM => self.replay_trim(frame.body),
            SPILL => Some(()),
            other => {
                return Err(ReplayError(format!(
                    "frame of unknown kind {other} at {}: written by a newer version",
                    frame.at
                )));
            }
        };
        parsed.ok_or_else(|| {
            ReplayError(format!("frame of kind {} at {} does not parse", frame.kind, frame.at))
        })
    }
}

impl Core {
    fn restore_item(&mut self, kind: u8, body: &[u8]) -> Option<Result<(), ReplayError>> {
        if kind == snapshot::CATALOG {
            let change = serde_json::from_slice(body).ok()?;
            return Some(self.replay_change(change).map_err(ReplayError));
        }
        let mut r = Reader::new(body);
        match kind {
            snapshot::GROUP => return self.replay_group(body).map(Ok),
            snapshot::SHARE => return self.replay_share(body).map(Ok),
            snapshot::PRODUCER_IDS => return self.replay_producer_ids(body).map(Ok),
            snapshot::TXN => return self.replay_transaction(body).map(Ok),
            snapshot::TXN_OFFSETS => return self.replay_pending_offsets(body).map(Ok),
            snapshot::FORWARDED => return self.replay_forwarded(body).map(Ok),
            snapshot::COMPACTED => return self.replay_compacted(body).map(Ok),
            _ => {}
        }
        let queue = self.queues.get_mut(&QueueId(r.varint()?))?;
        match kind {
            snapshot::QUEUE => {
                queue.restored_next = r.varint()?;
                queue.head = r.varint()?;
                queue.seen_before = r.varint()?;
                queue.reserved = r.varint()?;
                queue.ready_bytes = r.varint()?;
            }
            snapshot::EXTENTS => queue.restore_extents(Encoding::Canonical, &mut r)?,
            snapshot::BATCH_EXTENTS => queue.restore_extents(Encoding::Batches, &mut r)?,
            snapshot::OPEN_TRANSACTIONS => {
                let id = queue.id;
                self.partition(id).transactions.restore(&mut r)?;
            }
            snapshot::PRODUCERS => {
                let id = queue.id;
                self.partition(id).producers.restore(&mut r)?;
            }
            snapshot::SETTLED | snapshot::URGENT => {
                let ranges = read_ranges(&mut r)?;
                if ranges.last().is_some_and(|&(_, end)| end > queue.restored_next) {
                    return None;
                }
                for (start, end) in ranges {
                    match kind {
                        snapshot::SETTLED => queue.settled.insert(start, end),
                        _ => queue.urge(start, end),
                    }
                }
            }
            snapshot::PRIORITIES | snapshot::FOLDED_PRIORITIES => queue.restore_priorities(kind, &mut r)?,
            snapshot::ATTEMPTS => {
                for (offset, n) in read_pairs(&mut r)? {
                    queue.views_mut().attempts.insert(offset, n as u32);
                }
            }
            snapshot::TIMERS => {
                let (id, due) = (queue.id, r.varint()? == 1);
                for (offset, at) in read_pairs(&mut r)? {
                    let what = if due { What::Due(offset) } else { What::Expire(offset) };
                    if due {
                        queue.delay(offset, Millis(at));
                    }
                    self.wheel.add(Entry { at: Millis(at), queue: id, what });
                }
            }
            snapshot::DEDUP => queue.restore_dedup(&mut r)?,
            _ => return None,
        }
        Some(Ok(()))
    }

    fn replay_append(&mut self, frame: &Frame<'_>) -> Option<()> {
        let append = Append::parse(frame.body)?;
        let mut records = Records::new(append.records);
        if records.by_ref().count() != append.count as usize || !records.rest().is_empty() {
            return None;
        }
        let span = (anymq_log::FRAME_HEADER + frame.body.len()) as u32;
        for (id, base) in append.targets() {
            // The queue may have been deleted later in the journal that the snapshot already covers.
            let Some(queue) = self.queues.get_mut(&id) else { continue };
            queue.restore_next(&mut self.segments);
            if base < queue.stream.next {
                continue;
            }
            queue.skip_to(base);
            let extent = Extent {
                base,
                at: frame.at,
                count: append.count,
                live: append.count,
                span,
                own: span,
                time_s: time_s(Encoding::Canonical, append.records),
                stored: true,
                volatile: false,
                synced: true,
                encoding: Encoding::Canonical,
                data: None,
            };
            queue.stream.push(extent);
            self.segments.retain(frame.at.segment(), span);
            self.replay_records(id, base, append.records);
        }
        Some(())
    }

    fn replay_records(&mut self, id: QueueId, base: u64, records: &[u8]) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let dedups = queue.views().is_some_and(|v| v.dedup.is_some());
        let prioritised = queue.views().is_some_and(|v| v.priorities.is_some());
        let mut rest = records;
        let mut offset = base;
        while let Some(len) = record::record_len(rest) {
            queue.ready_bytes += record::body_len(rest).unwrap_or(0) as u64;
            let special = record::attrs(rest) & (record::EXPIRES | record::DUE) != 0;
            if (special || prioritised || dedups || queue.is_urgent(record::priority(rest)))
                && let Some(record) = Record::parse(rest)
            {
                let (expires, due) = (
                    record.expires.map(|at| (at, What::Expire(offset))),
                    record.due.map(|at| (at, What::Due(offset))),
                );
                if let Some(at) = record.due {
                    queue.delay(offset, at);
                } else if queue.is_urgent(record.priority) {
                    queue.urge(offset, offset + 1);
                }
                for (at, what) in expires.into_iter().chain(due) {
                    self.wheel.add(Entry { at, queue: id, what });
                }
                if let Some(views) = queue.views.as_deref_mut() {
                    if let (Some(p), None) = (&mut views.priorities, record.due) {
                        let level = p.level(record.priority);
                        p.push(level, offset);
                    }
                    if let (Some(d), Some(key)) = (&mut views.dedup, super::bounded::dedup_key(&record)) {
                        d.check(key, offset, record.timestamp.0);
                    }
                }
            }
            rest = &rest[len..];
            offset += 1;
        }
    }

    fn replay_settle(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let (id, bytes) = (QueueId(r.varint()?), r.varint()?);
        let ranges = read_ranges(&mut r)?;
        let Some(queue) = self.queues.get_mut(&id) else { return Some(()) };
        queue.restore_next(&mut self.segments);
        for (start, end) in ranges {
            queue.settle_missing(start, end, &mut self.segments);
        }
        queue.ready_bytes = queue.ready_bytes.saturating_sub(bytes);
        Some(())
    }

    fn replay_attempts(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let id = QueueId(r.varint()?);
        let pairs = read_pairs(&mut r)?;
        if let Some(queue) = self.queues.get_mut(&id) {
            let head = queue.head;
            let attempts = &mut queue.views_mut().attempts;
            attempts.extend(pairs.into_iter().filter(|&(o, _)| o >= head).map(|(o, n)| (o, n as u32)));
        }
        Some(())
    }

    fn replay_mark(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let (id, seen, reserved) = (QueueId(r.varint()?), r.varint()?, r.varint()?);
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.seen_before = queue.seen_before.max(seen);
            queue.reserved = queue.reserved.max(reserved);
        }
        Some(())
    }

    fn replay_trim(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let (id, offset) = (QueueId(r.varint()?), r.varint()?);
        if let Some(queue) = self.queues.get_mut(&id) {
            if queue.kind != Kind::Stream {
                return None;
            }
            queue.restore_next(&mut self.segments);
            queue.trim(offset, &mut self.segments);
        }
        Some(())
    }

    fn replay_moved(&mut self, body: &[u8]) -> Option<()> {
        let moved = journal::Moved::parse(body)?;
        if let Some(queue) = self.queues.get_mut(&moved.queue) {
            queue.restore_next(&mut self.segments);
            queue.move_extents(&moved, &mut self.segments);
        }
        Some(())
    }

    /// The journal has been read: counts what it came to, and starts from there.
    pub(crate) fn recovered(&mut self, now: Millis, in_order: bool) {
        self.groups.recovered(now);
        self.shares_recovered(now);
        let mut delayed: hashbrown::HashMap<QueueId, u64> = hashbrown::HashMap::new();
        for entry in self.wheel.iter() {
            if let (What::Due(offset), Some(queue)) = (entry.what, self.queues.get(&entry.queue))
                && !queue.is_settled(offset)
            {
                *delayed.entry(entry.queue).or_default() += 1;
            }
        }
        for queue in self.queues.values_mut() {
            queue.recovered(delayed.get(&queue.id).copied().unwrap_or(0), now, &mut self.segments);
            // After a crash nobody knows what consumers have seen: a delivery does not wait for the disk.
            if !in_order {
                queue.seen_before = queue.stream.next;
            }
            for what in queue.appointments() {
                let at = Millis(match what {
                    What::Idle => now.0.saturating_add(queue.settings.expires_ms.unwrap_or(0)),
                    _ => now.0,
                });
                self.wheel.add(Entry { at, queue: queue.id, what });
            }
        }
        self.forward_all(now);
    }
}

impl Queue {
    /// After a snapshot, before anything else: counts what is live, and goes on at the offset that was next.
    pub(crate) fn restore_next(&mut self, segments: &mut SegmentUse) {
        let next = std::mem::take(&mut self.restored_next);
        if next == 0 {
            return;
        }
        if next > self.stream.next {
            self.skip_to(next);
        }
        while let Some(end) = self.settled.pop_through(self.head) {
            self.head = self.head.max(end);
        }
        for number in self.stream.first_number()..self.stream.end_number() {
            let Some(extent) = self.stream.extent_mut(number) else { break };
            let from = extent.base.max(self.head);
            let end = extent.end();
            extent.live = if from < end { (end - from - self.settled.count_in(from, end)) as u32 } else { 0 };
            if extent.live > 0 {
                segments.retain(extent.at.segment(), extent.own);
            }
        }
        self.rewind();
    }

    /// What has to be looked at by itself after a restart: whoever would have put it on the wheel is gone.
    fn appointments(&self) -> impl Iterator<Item = What> + use<> {
        let is_stream = self.kind == Kind::Stream;
        let head = self.settings.ttl_ms.is_some() && self.ready > 0 && !is_stream;
        let all = [
            head.then_some(What::HeadTtl),
            self.settings.expires_ms.map(|_| What::Idle),
            (is_stream && (self.settings.max_age_ms.is_some() || self.settings.topic.is_some()))
                .then_some(What::Look),
        ];
        all.into_iter().flatten()
    }

    fn recovered(&mut self, delayed: u64, now: Millis, segments: &mut SegmentUse) {
        self.restore_next(segments);
        if self.reserved > self.stream.next {
            self.skip_to(self.reserved);
        }
        self.stream.replayed();
        self.used = now;
        if delayed > 0 {
            self.views_mut().delayed = delayed;
        }
        let live: u64 = self.stream.extents().map(|e| e.live as u64).sum();
        self.ready = match self.kind {
            Kind::Stream => live,
            Kind::Classic | Kind::Quorum => live.saturating_sub(delayed),
        };
        self.rewind();
    }
}
