//! Committing: takes the pending group, writes it with one call, makes it durable with another, tells who waits.
//!
//! What arrives meanwhile is the next group; no group that somebody waits for is ever put off. What nobody waits for, as a
//! settlement, goes with the next one, or by itself after [`LINGER`]. A full disk keeps the group and tries again. Any other
//! failure ends it: after a failed fsync the kernel may have dropped the data and call the next one a success, so the
//! group is never acknowledged and nothing is written again. Recovery decides what is on disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anymq_runtime::DiskFile;
use anymq_types::Position;

use crate::error::is_full;
use crate::group::{GROUP_HEADER, GroupHeader};
use crate::log::Inner;
use crate::segment::{self, Class, Header};
use crate::writer::Flight;

/// What became of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing was pending.
    Idle,
    /// A group is on disk.
    Committed,
    /// No room; the group waits.
    Full,
    /// Nothing is committed any more.
    Failed,
}

/// A buffer larger than this is given back to the system unless it is being used.
const BUFFER_KEPT: usize = 4 << 20;

/// How long frames that nobody waits for may stay in memory.
pub const LINGER: Duration = Duration::from_millis(5);
/// A group of more bytes than this does not linger.
pub(crate) const LINGER_BYTES_MAX: usize = 64 << 10;

/// The state of the one that writes the journal.
pub(crate) struct Committer {
    file: Option<Arc<dyn DiskFile>>,
    segment: u32,
    salt: u32,
    /// Bytes of the file that are known to have room on disk.
    allocated: u64,
    /// A group that found the disk full.
    retry: Option<Arc<Flight>>,
    /// Where a seal stands, if it is the last thing written.
    sealed: Option<Position>,
}

impl Committer {
    pub(crate) fn new(file: Option<Arc<dyn DiskFile>>, at: Position, salt: u32, allocated: u64) -> Self {
        Committer { file, segment: at.segment(), salt, allocated, retry: None, sealed: None }
    }

    /// One round: at most one group.
    pub(crate) fn step(&mut self, log: &Inner) -> Step {
        if log.failed() {
            return Step::Failed;
        }
        let taken = self.retry.take().or_else(|| log.pending.lock().take());
        let Some(flight) = taken else { return Step::Idle };
        match self.write(log, &flight) {
            Ok(()) => {
                self.publish(log, flight);
                Step::Committed
            }
            Err((e, Stage::Write)) if is_full(&e) => {
                log.full();
                self.retry = Some(flight);
                Step::Full
            }
            Err((e, stage)) => {
                log.fail(&format!("{} of {}: {e}", stage.name(), flight.start));
                Step::Failed
            }
        }
    }

    fn write(&mut self, log: &Inner, flight: &Flight) -> Result<(), (io::Error, Stage)> {
        if self.segment != flight.start.segment() || self.file.is_none() {
            self.begin_segment(log, flight)?;
        }
        let file = self.file.as_ref().expect("begun above");
        let end = u64::from(flight.end().offset());
        let write = |e| (e, Stage::Write);
        if end > self.allocated {
            // Reserved first, so that a full disk shows here and not at the fsync.
            file.allocate(end).map_err(write)?;
            self.allocated = end;
        }
        self.sealed = None;
        file.write_at(u64::from(flight.start.offset()), &flight.bytes).map_err(write)?;
        let began = log.config.clock.monotonic();
        file.sync_data().map_err(|e| (e, Stage::Sync))?;
        log.counters.synced(log.config.clock.monotonic().saturating_sub(began));
        Ok(())
    }

    /// Makes the file of `flight`'s segment: a spare, or a new file, with a durable header before it has its name.
    fn begin_segment(&mut self, log: &Inner, flight: &Flight) -> Result<(), (io::Error, Stage)> {
        let write = |e| (e, Stage::Write);
        // The segment that is left ends with a seal: its end is known even when its successor is gone.
        self.seal(log, true);
        let (spare, recycled) = match log.spares.take() {
            Some(path) => (path, true),
            None => (log.spares.create(&*log.disk).map_err(write)?, false),
        };
        // Until it has its segment's name it is a spare, and found again if this does not go through.
        let begun = self.begin_in(log, flight, &spare);
        if begun.is_err() {
            log.spares.put(spare);
        } else {
            log.counters.segments_begun.fetch_add(1, Ordering::Relaxed);
            log.counters.segments_recycled.fetch_add(u64::from(recycled), Ordering::Relaxed);
        }
        begun
    }

    fn begin_in(&mut self, log: &Inner, flight: &Flight, spare: &str) -> Result<(), (io::Error, Stage)> {
        let write = |e| (e, Stage::Write);
        let id = flight.start.segment();
        let file = log.disk.open(spare).map_err(write)?;
        let bytes = u64::from(log.config.segment_bytes);
        file.allocate(bytes).map_err(write)?;
        let header = Header {
            class: Class::Journal,
            identity: log.identity,
            id,
            salt: flight.salt,
            previous: flight.previous,
        };
        file.write_at(0, &header.encode()).map_err(write)?;
        file.sync_data().map_err(|e| (e, Stage::Sync))?;
        log.disk.rename(spare, &segment::path(id, Class::Journal)).map_err(write)?;
        log.disk.sync_dir(segment::DIR).map_err(|e| (e, Stage::Sync))?;
        self.allocated = file.size().map_err(write)?;
        self.file = Some(file);
        self.segment = id;
        self.salt = flight.salt;
        Ok(())
    }

    fn publish(&mut self, log: &Inner, flight: Arc<Flight>) {
        let end = flight.end();
        let bytes = flight.bytes.len();
        log.segments.update(end.segment(), |s| s.bytes = u64::from(end.offset()));
        log.committed.store(end.0, Ordering::Release);
        log.uncommitted.fetch_sub(bytes as u64, Ordering::Relaxed);
        log.counters.committed(u64::from(flight.frames), bytes as u64);
        log.recovered_from_full();
        {
            let mut pending = log.pending.lock();
            pending.flight = None;
            // A reader may still be copying from it; then the next buffer is a new one.
            if let Ok(flight) = Arc::try_unwrap(flight)
                && (bytes * 8 > flight.bytes.capacity() || flight.bytes.capacity() <= BUFFER_KEPT)
            {
                pending.spare = flight.bytes;
                pending.spare.clear();
            }
        }
        log.waiters.wake(end);
        log.after_commit(end);
    }

    /// Nothing is pending: marks the journal's end, so that damage to the last group is told from a torn write even
    /// if the process dies now. Not synced: after a power cut there may be none.
    pub(crate) fn seal(&mut self, log: &Inner, durable: bool) {
        let Some(file) = self.file.as_ref().filter(|_| !log.failed()) else { return };
        let at = log.committed();
        let mut result = Ok(());
        if self.sealed != Some(at) && at.segment() == self.segment {
            let mut seal = [0; GROUP_HEADER];
            GroupHeader::seal(at).write(&mut seal, self.salt);
            result = file.write_at(u64::from(at.offset()), &seal);
            self.sealed = Some(at);
        }
        if durable && result.is_ok() {
            result = file.sync_data();
        }
        match result {
            // A seal is a help, not a promise: without room there is none.
            Err(e) if is_full(&e) => {}
            Err(e) => log.fail(&format!("sealing at {at}: {e}")),
            Ok(()) => {}
        }
    }
}

/// Which half of a commit failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Write,
    Sync,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Write => "writing",
            Stage::Sync => "syncing",
        }
    }
}

/// The committer thread: until the log is closing and nothing is pending, or nothing can be committed any more.
pub(crate) fn run(log: &Inner) {
    loop {
        let mut committer = log.committer.lock();
        let due = committer.retry.is_some() || log.pending.lock().urgent;
        match if due { committer.step(log) } else { Step::Idle } {
            Step::Committed => {}
            Step::Failed => return,
            Step::Full => {
                drop(committer);
                let mut pending = log.pending.lock();
                if pending.closing {
                    return;
                }
                log.wake.wait_for(&mut pending, log.config.retry);
            }
            Step::Idle => {
                committer.seal(log, false);
                drop(committer);
                if !wait(log) {
                    return;
                }
            }
        }
    }
}

/// Waits until a group is due; false if the log is closing and there is none.
fn wait(log: &Inner) -> bool {
    let mut pending = log.pending.lock();
    // After a commit there is likely more to come: whoever writes what may linger need not wake this thread then.
    let mut recent = true;
    while !pending.urgent {
        if pending.closing {
            pending.urgent = !pending.bytes.is_empty();
            return pending.urgent;
        }
        pending.idle = true;
        if !recent && pending.bytes.is_empty() {
            log.wake.wait(&mut pending);
            recent = true;
            continue;
        }
        pending.timed = true;
        let slept = log.wake.wait_for(&mut pending, LINGER).timed_out();
        pending.timed = false;
        if slept {
            recent = false;
            pending.urgent |= !pending.bytes.is_empty();
        }
    }
    pending.idle = false;
    true
}
