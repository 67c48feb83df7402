//! Effects of one operation on the core: journal frames as they are written, and what is done after the lock is released.

use std::sync::Arc;

use anymq_log::{Log, Writer};
use anymq_types::{Millis, Position, QueueId};

use crate::journal;
use crate::outbox::Outbox;
use crate::wheel::Entry;

/// A span of the journal that a queue needs in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoadRequest {
    pub(crate) queue: QueueId,
    /// First offset of the extent at `at`.
    pub(crate) base: u64,
    pub(crate) at: Position,
    pub(crate) bytes: u32,
}

/// Messages settled in this operation, not yet journaled.
#[derive(Debug)]
pub(crate) struct SettledRange {
    pub(crate) queue: QueueId,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) body_bytes: u64,
}

/// One operation's effects.
pub(crate) struct Fx<'a> {
    pub(crate) now: Millis,
    log: &'a Log,
    writer: Option<Writer<'a>>,
    /// Only settlements were written, which nobody waits for unless he says so.
    lingers: bool,
    /// Bytes of all frames.
    pub(crate) bytes: u64,
    end: Option<Position>,
    /// Queues to pump before the operation ends.
    pub(crate) dirty: Vec<QueueId>,
    pub(crate) settled: Vec<SettledRange>,
    pub(crate) timers: Vec<Entry>,
    /// Connections to wake once the lock is released.
    pub(crate) wakes: Vec<Arc<Outbox>>,
    /// Connections whose alarms or congestion changed.
    pub(crate) signals: Vec<Arc<Outbox>>,
    /// Connections to wake once what this operation wrote is on disk.
    pub(crate) watchers: Vec<Arc<Outbox>>,
    pub(crate) loads: Vec<LoadRequest>,
}

/// What is left to do once the core's lock is released.
pub(crate) struct After {
    pub(crate) wakes: Vec<Arc<Outbox>>,
    pub(crate) signals: Vec<Arc<Outbox>>,
    pub(crate) watchers: Vec<Arc<Outbox>>,
    pub(crate) loads: Vec<LoadRequest>,
    /// End of the last frame written.
    pub(crate) end: Option<Position>,
}

impl<'a> Fx<'a> {
    pub(crate) fn new(log: &'a Log, now: Millis) -> Self {
        Fx {
            now,
            log,
            writer: None,
            lingers: true,
            bytes: 0,
            end: None,
            dirty: Vec::new(),
            settled: Vec::new(),
            timers: Vec::new(),
            wakes: Vec::new(),
            signals: Vec::new(),
            watchers: Vec::new(),
            loads: Vec::new(),
        }
    }

    /// Writes a frame; all frames of one operation are in one group. Its position and length.
    pub(crate) fn frame(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) -> (Position, u32) {
        self.lingers &= matches!(kind, journal::SETTLE | journal::ATTEMPTS | journal::SHARE_TAKEN);
        let writer = self.writer.get_or_insert_with(|| self.log.writer());
        let at = writer.frame(kind, 0, body);
        let end = writer.end();
        self.end = Some(end);
        self.bytes += end.0 - at.0;
        (at, (end.0 - at.0) as u32)
    }

    /// Everything before it is on disk.
    pub(crate) fn committed(&self) -> Position {
        self.log.committed()
    }

    /// End of the last frame this operation wrote.
    pub(crate) fn end(&self) -> Option<Position> {
        self.end
    }

    /// Notes that a connection has something to read.
    pub(crate) fn wake(&mut self, outbox: &Arc<Outbox>) {
        if !self.wakes.iter().rev().take(8).any(|o| Arc::ptr_eq(o, outbox)) {
            self.wakes.push(outbox.clone());
        }
    }

    /// Notes that `start..end` of a queue was settled and the journal must know.
    pub(crate) fn settled(&mut self, queue: QueueId, start: u64, end: u64, body_bytes: u64) {
        if let Some(last) = self.settled.last_mut()
            && last.queue == queue
            && last.end == start
        {
            last.end = end;
            last.body_bytes += body_bytes;
            return;
        }
        self.settled.push(SettledRange { queue, start, end, body_bytes });
    }

    /// Writes one `SETTLE` frame per queue for what was settled so far.
    pub(crate) fn write_settled(&mut self) {
        if self.settled.is_empty() {
            return;
        }
        let mut settled = std::mem::take(&mut self.settled);
        settled.sort_unstable_by_key(|s| (s.queue, s.start));
        let mut rest = &settled[..];
        while let Some(first) = rest.first() {
            let n = rest.partition_point(|s| s.queue <= first.queue);
            let (mine, others) = rest.split_at(n);
            let bytes = mine.iter().map(|s| s.body_bytes).sum();
            let ranges: Vec<_> = mine.iter().map(|s| (s.start, s.end)).collect();
            self.frame(journal::SETTLE, |out| journal::write_settle(first.queue, bytes, &ranges, out));
            rest = others;
        }
        settled.clear();
        self.settled = settled;
    }

    /// Releases the journal's writer and hands over what is left to do.
    pub(crate) fn finish(self) -> After {
        debug_assert!(
            self.settled.is_empty() && self.dirty.is_empty() && self.timers.is_empty(),
            "effects left behind"
        );
        if let Some(mut writer) = self.writer
            && self.lingers
        {
            writer.linger();
        }
        After {
            wakes: self.wakes,
            signals: self.signals,
            watchers: self.watchers,
            loads: self.loads,
            end: self.end,
        }
    }
}
