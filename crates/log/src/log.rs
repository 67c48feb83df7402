//! The log itself: what its parts share, and the handle the broker holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anymq_runtime::Disk;
use anymq_types::{Millis, Position};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::archive::Archive;
use crate::committer::{self, Committer, Step};
use crate::config::Config;
use crate::error::{CommitError, OpenError, ReadError, WriteError};
use crate::frame::FrameIter;
use crate::read::{Files, Job, Jobs};
use crate::reclaim::Spares;
use crate::recovery::{self, Recovered, Replay};
use crate::segment::{Class, SegmentStat, Segments};
use crate::snapshot::{Kept, SnapshotWriter};
use crate::stats::{Counters, Stats};
use crate::waiters::{CommitWaker, Waiters};
use crate::writer::{Pending, Writer};

/// Whether the log can commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Ok,
    /// The disk is full; it goes on by itself when there is room.
    Full {
        /// Since when.
        since: Millis,
    },
    /// It cannot, and will not in this process.
    Failed(String),
}

/// What the threads, the writers and the readers share.
pub(crate) struct Inner {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) config: Config,
    pub(crate) identity: u128,
    pub(crate) pending: Mutex<Pending>,
    /// Wakes the committer; used with `pending`.
    pub(crate) wake: Condvar,
    pub(crate) committed: AtomicU64,
    pub(crate) uncommitted: AtomicU64,
    pub(crate) waiters: Waiters,
    pub(crate) segments: Segments,
    pub(crate) files: Files,
    pub(crate) jobs: Jobs,
    pub(crate) spares: Spares,
    /// Snapshots kept, oldest first.
    pub(crate) snapshots: Mutex<Vec<Kept>>,
    pub(crate) snapshot_seq: AtomicU64,
    pub(crate) reclaiming: Mutex<()>,
    /// A commit that reaches this position lets a freed segment go.
    pub(crate) reclaim_at: AtomicU64,
    pub(crate) committer: Mutex<Committer>,
    pub(crate) counters: Counters,
    pub(crate) recovered: Recovered,
    health: Mutex<Health>,
    failed: AtomicBool,
    full: AtomicBool,
}

/// What recovery found, from which a log starts.
pub(crate) struct Start {
    pub(crate) identity: u128,
    pub(crate) tail: Position,
    pub(crate) pending: Pending,
    pub(crate) committer: Committer,
    pub(crate) segments: Segments,
    pub(crate) spares: Spares,
    pub(crate) snapshots: Vec<Kept>,
    pub(crate) snapshot_seq: u64,
    pub(crate) recovered: Recovered,
}

impl Inner {
    pub(crate) fn committed(&self) -> Position {
        Position(self.committed.load(Ordering::Acquire))
    }

    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Nothing is committed from here on. The callback is called once.
    pub(crate) fn fail(&self, reason: &str) {
        if self.failed.swap(true, Ordering::AcqRel) {
            return;
        }
        *self.health.lock() = Health::Failed(reason.to_owned());
        self.waiters.stop();
        (self.config.on_fatal)(reason);
    }

    pub(crate) fn full(&self) {
        if !self.full.swap(true, Ordering::AcqRel) {
            *self.health.lock() = Health::Full { since: self.config.clock.now() };
            self.counters.full.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn recovered_from_full(&self) {
        if self.full.load(Ordering::Relaxed) && self.full.swap(false, Ordering::AcqRel) {
            let mut health = self.health.lock();
            if matches!(*health, Health::Full { .. }) {
                *health = Health::Ok;
            }
        }
    }

    /// Chores that a commit makes due, left to the reader threads.
    pub(crate) fn after_commit(&self, end: Position) {
        if end.offset() > self.config.segment_bytes / 2 && self.spares.want_one() {
            self.jobs.push_chore(Job::PrepareSpare);
        }
        if end.0 >= self.reclaim_at.load(Ordering::Relaxed) {
            self.reclaim_at.store(u64::MAX, Ordering::Relaxed);
            self.jobs.push_chore(Job::Reclaim);
        }
    }

    /// Somebody waits for `end`: it lingers no longer.
    pub(crate) fn hurry(&self, end: Position) {
        let mut pending = self.pending.lock();
        if pending.lingers(end) {
            pending.urgent = true;
            if std::mem::take(&mut pending.idle) {
                self.wake.notify_one();
            }
        }
    }

    fn commit_round(&self) -> Step {
        let mut committer = self.committer.lock();
        loop {
            match committer.step(self) {
                Step::Committed => {}
                Step::Idle => {
                    committer.seal(self, false);
                    return Step::Idle;
                }
                step => return step,
            }
        }
    }

    pub(crate) fn wait_committed(&self, end: Position) -> Result<(), CommitError> {
        if self.config.threads {
            return self.waiters.wait(self, end);
        }
        while self.committed() < end {
            match self.commit_round() {
                Step::Full => return Err(CommitError::Full),
                Step::Failed => return Err(self.failure()),
                Step::Idle | Step::Committed => {}
            }
        }
        Ok(())
    }

    pub(crate) fn failure(&self) -> CommitError {
        match &*self.health.lock() {
            Health::Failed(reason) => CommitError::Failed(reason.clone()),
            Health::Ok | Health::Full { .. } => CommitError::Full,
        }
    }
}

/// The journal of one data directory. Clones share it; its threads end when the last clone goes.
#[derive(Clone)]
pub struct Log {
    pub(crate) inner: Arc<Inner>,
    threads: Arc<Threads>,
}

/// Tells the threads to end when the last handle goes.
struct Threads {
    inner: Arc<Inner>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Threads {
    fn stop(&self) {
        self.inner.pending.lock().closing = true;
        self.inner.wake.notify_all();
        self.inner.jobs.close();
    }
}

impl Log {
    /// Opens the data directory, or makes it one; gives `replay` the newest usable snapshot and every frame after it.
    pub fn open(disk: Arc<dyn Disk>, config: Config, replay: &mut dyn Replay) -> Result<Log, OpenError> {
        let start = recovery::recover(&*disk, &config, replay)?;
        let inner = Arc::new(Inner {
            jobs: Jobs::new(config.reads_max),
            files: Files::new(config.files_max),
            disk,
            config,
            identity: start.identity,
            pending: Mutex::new(start.pending),
            wake: Condvar::new(),
            committed: AtomicU64::new(start.tail.0),
            uncommitted: AtomicU64::new(0),
            waiters: Waiters::default(),
            segments: start.segments,
            spares: start.spares,
            snapshots: Mutex::new(start.snapshots),
            snapshot_seq: AtomicU64::new(start.snapshot_seq),
            reclaiming: Mutex::new(()),
            reclaim_at: AtomicU64::new(u64::MAX),
            committer: Mutex::new(start.committer),
            counters: Counters::default(),
            recovered: start.recovered,
            health: Mutex::new(Health::Ok),
            failed: AtomicBool::new(false),
            full: AtomicBool::new(false),
        });
        let threads = Arc::new(Threads { inner: Arc::clone(&inner), handles: Mutex::new(Vec::new()) });
        let log = Log { inner, threads };
        if log.inner.config.threads {
            log.start_threads()?;
        }
        Ok(log)
    }

    fn start_threads(&self) -> Result<(), OpenError> {
        let mut handles = self.threads.handles.lock();
        let committer = Arc::clone(&self.inner);
        let mut spawn = |name: String, run: Box<dyn FnOnce() + Send>| {
            let started = std::thread::Builder::new().name(name).spawn(run);
            started.map(|handle| handles.push(handle)).map_err(OpenError::io("starting a thread"))
        };
        spawn("log-committer".into(), Box::new(move || committer::run(&committer)))?;
        for reader in 0..self.inner.config.readers {
            let inner = Arc::clone(&self.inner);
            spawn(format!("log-reader-{reader}"), Box::new(move || inner.run_jobs(true)))?;
        }
        Ok(())
    }

    /// Locks the pending group for writing. Never waits for the disk. While the writer lives, no other method of the
    /// log may be called on the same thread: several take the same lock.
    pub fn writer(&self) -> Writer<'_> {
        Writer::new(&self.inner)
    }

    /// End of everything written so far, as [`Writer::end`] says it. Locks the pending group for a moment.
    pub fn end(&self) -> Position {
        self.inner.pending.lock().end()
    }

    /// Everything that ends at or before this position is on disk.
    pub fn committed(&self) -> Position {
        self.inner.committed()
    }

    /// Calls `waker` once, when everything up to `end` is on disk: from the committer, or at once if it is already.
    /// Never, if the log fails before.
    pub fn when_committed(&self, end: Position, waker: Arc<dyn CommitWaker>) {
        self.inner.waiters.add(&self.inner, end, waker);
    }

    /// Waits until everything up to `end` is on disk. Without threads it commits itself, and an error says that the
    /// disk is full; with threads it waits until there is room.
    pub fn wait_committed(&self, end: Position) -> Result<(), CommitError> {
        self.inner.wait_committed(end)
    }

    /// So much is uncommitted that no more should be taken in; also when nothing will be committed any more.
    pub fn congested(&self) -> bool {
        self.inner.uncommitted.load(Ordering::Relaxed) > self.inner.config.uncommitted_bytes_max
            || self.inner.failed()
    }

    /// Reads `bytes` bytes from `at`, which is where a frame starts; blocks. What is not written yet comes from memory.
    pub fn read(&self, at: Position, bytes: u32) -> Result<Bytes, ReadError> {
        self.inner.read(at, bytes)
    }

    /// Whether [`Log::read`] will not wait for the disk, as far as can be told.
    pub fn is_cached(&self, at: Position, bytes: u32) -> bool {
        self.inner.is_cached(at, bytes)
    }

    /// As [`Log::read`], on one of the log's reader threads, which then calls `done`. If too many reads are waiting or
    /// the log is closed, `done` is called at once, with that error.
    pub fn read_async(
        &self,
        at: Position,
        bytes: u32,
        done: Box<dyn FnOnce(Result<Bytes, ReadError>) + Send>,
    ) {
        self.inner.jobs.push_read(at, bytes, done);
    }

    /// The frames of a span that was read from `at`.
    pub fn frames<'a>(&self, at: Position, span: &'a [u8]) -> FrameIter<'a> {
        // The frames of a segment that is gone do not verify against salt 0 either, and are reported one by one.
        FrameIter::new(at, span, self.inner.segments.get(at.segment()).map_or(0, |s| s.salt))
    }

    /// Starts a snapshot of the state after all frames before `through`, which is what [`Writer::end`] said when the
    /// state was taken. Its caller's thread does the work; the journal goes on meanwhile.
    pub fn snapshot(&self, through: Position) -> SnapshotWriter {
        SnapshotWriter::new(Arc::clone(&self.inner), through)
    }

    /// All segments, by id.
    pub fn segments(&self) -> Vec<SegmentStat> {
        self.inner.segments.stats()
    }

    /// Nothing in `segment` is live any more, given everything written until now. It is recycled or deleted once that
    /// is committed and no kept snapshot needs it: for a journal segment, when the older of the two kept snapshots is
    /// past it; for any other, when both were taken after this call. Does no I/O. Not remembered across restarts.
    /// Nothing happens if the segment is not sealed.
    pub fn free(&self, segment: u32) {
        self.inner.free(segment);
    }

    /// A writer of segments outside the journal, for what is copied out of it.
    pub fn archive(&self, class: Class) -> Result<Archive, WriteError> {
        Archive::new(Arc::clone(&self.inner), class)
    }

    /// Whether the log can commit.
    pub fn health(&self) -> Health {
        self.inner.health.lock().clone()
    }

    /// Ends the log as a failed fsync does: what its user knows is not what is on disk any more.
    pub fn fail(&self, reason: &str) {
        self.inner.fail(reason);
    }

    /// What the log has done since it was opened.
    pub fn stats(&self) -> Stats {
        let uncommitted = self.inner.uncommitted.load(Ordering::Relaxed);
        self.inner.counters.stats(uncommitted, self.inner.jobs.waiting())
    }

    /// Bytes of the files that are kept for the next segments; one of them may have found no room yet and does not count.
    pub fn spare_bytes(&self) -> u64 {
        self.inner.spares.len().saturating_sub(1) as u64 * u64::from(self.inner.config.segment_bytes)
    }

    /// What opening found.
    pub fn recovered(&self) -> &Recovered {
        &self.inner.recovered
    }

    /// Identity of the data directory.
    pub fn identity(&self) -> u128 {
        self.inner.identity
    }

    /// Without threads: commits what is pending.
    pub fn commit_now(&self) -> Health {
        self.inner.commit_round();
        self.health()
    }

    /// Without threads: does the reads and chores that wait for a reader.
    pub fn run_reads_now(&self) {
        self.inner.run_jobs(false);
    }

    /// Commits everything, marks the journal's end and ends the threads. What is written afterwards goes nowhere.
    ///
    /// Not to be called from a commit waker or a read's `done`: it waits for the threads that call them.
    pub fn close(&self) -> Result<(), CommitError> {
        self.threads.stop();
        let handles = std::mem::take(&mut *self.threads.handles.lock());
        for handle in handles {
            if handle.join().is_err() {
                self.inner.fail("a thread of the log panicked");
            }
        }
        match self.inner.commit_round() {
            Step::Full => return Err(CommitError::Full),
            Step::Failed => return Err(self.inner.failure()),
            Step::Idle | Step::Committed => self.inner.committer.lock().seal(&self.inner, true),
        }
        if self.inner.failed() { Err(self.inner.failure()) } else { Ok(()) }
    }
}
