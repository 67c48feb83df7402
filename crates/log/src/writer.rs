//! Writing: frames go into the pending group, in memory; the committer takes it from there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anymq_runtime::Rng;
use anymq_types::Position;
use parking_lot::MutexGuard;

use crate::committer::LINGER_BYTES_MAX;
use crate::frame::{self, FRAME_HEADER, OWN};
use crate::group::{GROUP_HEADER, GroupCrc, GroupHeader};
use crate::log::Inner;
use crate::segment::{Class, SEGMENT_HEADER, Segment};

/// A group that is being written to disk. Readers may look into it meanwhile.
pub(crate) struct Flight {
    /// Position of the group header.
    pub(crate) start: Position,
    /// Where the journal ended before.
    pub(crate) previous: Position,
    pub(crate) salt: u32,
    pub(crate) frames: u32,
    /// The group, header included.
    pub(crate) bytes: Vec<u8>,
}

impl Flight {
    pub(crate) fn end(&self) -> Position {
        self.start.plus(self.bytes.len() as u32)
    }
}

/// The group that frames are being added to, and the end of the one before.
pub(crate) struct Pending {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: Position,
    /// End of the last group, pending group excluded.
    pub(crate) tail: Position,
    salt: u32,
    frames: u32,
    crc: GroupCrc,
    rng: Rng,
    /// A buffer that has been written and is used again.
    pub(crate) spare: Vec<u8>,
    /// The group the committer is writing.
    pub(crate) flight: Option<Arc<Flight>>,
    /// Somebody waits for the pending group, or may.
    pub(crate) urgent: bool,
    /// The committer waits to be woken.
    pub(crate) idle: bool,
    /// It wakes by itself within [`crate::LINGER`].
    pub(crate) timed: bool,
    /// No group is to be begun any more.
    pub(crate) closing: bool,
}

impl Pending {
    pub(crate) fn new(tail: Position, salt: u32, rng: Rng) -> Self {
        Pending {
            bytes: Vec::new(),
            start: tail,
            tail,
            salt,
            frames: 0,
            crc: GroupCrc::new(),
            rng,
            spare: Vec::new(),
            flight: None,
            urgent: false,
            idle: false,
            timed: false,
            closing: false,
        }
    }

    pub(crate) fn end(&self) -> Position {
        if self.bytes.is_empty() { self.tail } else { self.start.plus(self.bytes.len() as u32) }
    }

    /// Whether `at` lies in the pending group and nobody has asked for it yet.
    pub(crate) fn lingers(&self, at: Position) -> bool {
        !self.urgent && !self.bytes.is_empty() && at > self.start
    }

    /// A random number, for whoever needs a salt.
    pub(crate) fn draw(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Header of the pending group as it is now; there must be one.
    pub(crate) fn header(&self) -> GroupHeader {
        GroupHeader {
            position: self.start,
            bytes: (self.bytes.len() - GROUP_HEADER) as u32,
            frames: self.frames,
            crc: self.crc.value(self.salt),
            seal: false,
        }
    }

    /// Takes the pending group out, its header filled in; `None` if there is none.
    pub(crate) fn take(&mut self) -> Option<Arc<Flight>> {
        if self.bytes.is_empty() {
            return None;
        }
        let header = self.header();
        let mut bytes = std::mem::replace(&mut self.bytes, std::mem::take(&mut self.spare));
        header.write(&mut bytes, self.salt);
        let (start, previous) = (self.start, self.tail);
        let flight = Arc::new(Flight { start, previous, salt: self.salt, frames: self.frames, bytes });
        self.tail = flight.end();
        self.urgent = false;
        self.flight = Some(Arc::clone(&flight));
        Some(flight)
    }

    /// Fixes where the pending group will stand; its first frame is about to be written.
    #[cold]
    fn begin(&mut self, log: &Inner) {
        self.start = self.tail;
        if self.tail.segment() == 0 || self.tail.offset() >= log.config.segment_bytes {
            let id = log.segments.next_id();
            log.segments.update(self.tail.segment(), |s| s.sealed = true);
            self.start = Position::new(id, SEGMENT_HEADER);
            self.salt = self.rng.next_u32();
            let bytes = u64::from(SEGMENT_HEADER);
            let class = Class::Journal;
            log.segments.insert(id, Segment { class, salt: self.salt, bytes, sealed: false, freed: None });
        }
        self.frames = 0;
        self.crc = GroupCrc::new();
        self.bytes.resize(GROUP_HEADER, 0);
    }
}

/// Adds frames to the pending group. All frames of one writer are in one group: after a crash all are there, or none.
/// Holds a lock: keep it short. Dropping it wakes the committer, unless it [lingers](Writer::linger).
pub struct Writer<'a> {
    log: &'a Inner,
    pending: MutexGuard<'a, Pending>,
    before: usize,
    lingers: bool,
    /// Start of a frame whose body is being written; still set if that panicked.
    unfinished: Option<usize>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(log: &'a Inner) -> Self {
        let pending = log.pending.lock();
        let before = pending.bytes.len();
        Writer { log, pending, before, lingers: false, unfinished: None }
    }

    /// Appends a frame; `body` appends its body to the buffer it is given and must leave what is there before alone.
    ///
    /// # Panics
    /// If `kind` is 0, if `body` shortens the buffer, or if the group outgrows its segment's 4 GiB: with
    /// [`crate::Log::congested`] respected it cannot.
    pub fn frame(&mut self, kind: u8, shard: u16, body: impl FnOnce(&mut Vec<u8>)) -> Position {
        self.frame_with(kind, 0, shard, body)
    }

    /// As [`Writer::frame`], with flags.
    pub fn frame_with(
        &mut self,
        kind: u8,
        flags: u8,
        shard: u16,
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Position {
        assert!(kind != OWN, "kind 0 is the log's own");
        let pending = &mut *self.pending;
        if pending.bytes.is_empty() {
            pending.begin(self.log);
        }
        let at = pending.bytes.len();
        self.unfinished = Some(at);
        pending.bytes.extend_from_slice(&[0; FRAME_HEADER]);
        body(&mut pending.bytes);
        assert!(pending.bytes.len() >= at + FRAME_HEADER, "a frame body is only appended");
        let group_max = u32::MAX - pending.start.offset();
        assert!(pending.bytes.len() <= group_max as usize, "a group ends within its segment's 4 GiB");
        frame::seal_header(&mut pending.bytes[at..], pending.salt, kind, flags, shard);
        pending.crc.add(&pending.bytes[at..]);
        pending.frames += 1;
        self.unfinished = None;
        pending.start.plus(at as u32)
    }

    /// Nobody waits for what this writer writes: it may go to disk with a later group, or when somebody asks for it, and
    /// does so within [`crate::LINGER`] at the latest.
    pub fn linger(&mut self) {
        self.lingers = true;
    }

    /// End of what has been written so far: once [`crate::Log::committed`] reaches it, all of that is on disk.
    pub fn end(&self) -> Position {
        self.pending.end()
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if let Some(at) = self.unfinished {
            self.pending.bytes.truncate(at);
        }
        let grown = self.pending.bytes.len() - self.before;
        if grown == 0 {
            return;
        }
        self.log.uncommitted.fetch_add(grown as u64, Ordering::Relaxed);
        self.pending.urgent |= !self.lingers || self.pending.bytes.len() > LINGER_BYTES_MAX;
        // A busy committer looks for more by itself, one that will wake in time is left alone: no system call then.
        if self.pending.idle && (self.pending.urgent || !self.pending.timed) {
            self.pending.idle = false;
            self.log.wake.notify_one();
        }
    }
}
