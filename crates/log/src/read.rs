//! Reading spans: from memory while they are being written, else from the segment's file.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anymq_runtime::{Disk, DiskFile};
use anymq_types::Position;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::error::ReadError;
use crate::group::GROUP_HEADER;
use crate::log::Inner;
use crate::segment::{self, Class, SEGMENT_HEADER};

type Done = Box<dyn FnOnce(Result<Bytes, ReadError>) + Send>;

/// What reader threads do.
pub(crate) enum Job {
    /// Read a span and hand it over.
    Read(Position, u32, Done),
    /// Let go of freed segments.
    Reclaim,
    /// Have a file ready for the next segment.
    PrepareSpare,
}

struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// Jobs waiting for a reader thread.
pub(crate) struct Jobs {
    queue: Mutex<Queue>,
    more: Condvar,
    max: usize,
}

impl Jobs {
    pub(crate) fn new(max: usize) -> Self {
        Jobs { queue: Mutex::new(Queue { jobs: VecDeque::new(), closed: false }), more: Condvar::new(), max }
    }

    pub(crate) fn push_read(&self, at: Position, bytes: u32, done: Done) {
        let mut queue = self.queue.lock();
        let refused = if queue.closed {
            ReadError::Closed
        } else if queue.jobs.len() >= self.max {
            ReadError::Busy
        } else {
            queue.jobs.push_back(Job::Read(at, bytes, done));
            drop(queue);
            self.more.notify_one();
            return;
        };
        drop(queue);
        done(Err(refused));
    }

    /// A chore is queued at most once by its sender, so that it needs no limit.
    pub(crate) fn push_chore(&self, chore: Job) {
        let mut queue = self.queue.lock();
        if !queue.closed {
            queue.jobs.push_back(chore);
            self.more.notify_one();
        }
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.queue.lock().jobs.len() as u64
    }

    pub(crate) fn close(&self) {
        self.queue.lock().closed = true;
        self.more.notify_all();
    }

    fn next(&self, wait: bool) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            match queue.jobs.pop_front() {
                Some(job) => return Some(job),
                None if wait && !queue.closed => self.more.wait(&mut queue),
                None => return None,
            }
        }
    }
}

/// Segment files open for reading, a bounded number of them.
pub(crate) struct Files {
    open: Mutex<(u64, HashMap<u32, OpenFile>)>,
    max: usize,
}

struct OpenFile {
    file: Arc<dyn DiskFile>,
    used: u64,
}

impl Files {
    pub(crate) fn new(max: usize) -> Self {
        Files { open: Mutex::new((0, HashMap::new())), max }
    }

    fn get(&self, disk: &dyn Disk, id: u32, class: Class) -> io::Result<Arc<dyn DiskFile>> {
        {
            let (tick, open) = &mut *self.open.lock();
            *tick += 1;
            if let Some(entry) = open.get_mut(&id) {
                entry.used = *tick;
                return Ok(Arc::clone(&entry.file));
            }
        }
        let file = disk.open(&segment::path(id, class))?;
        let (tick, open) = &mut *self.open.lock();
        if open.len() >= self.max
            && let Some(oldest) = open.iter().min_by_key(|(_, entry)| entry.used).map(|(&id, _)| id)
        {
            open.remove(&oldest);
        }
        open.insert(id, OpenFile { file: Arc::clone(&file), used: *tick });
        Ok(file)
    }

    pub(crate) fn forget(&self, id: u32) {
        self.open.lock().1.remove(&id);
    }
}

impl Inner {
    /// Does jobs until there are none (`wait`: until the log is closed).
    pub(crate) fn run_jobs(&self, wait: bool) {
        while let Some(job) = self.jobs.next(wait) {
            match job {
                Job::Read(at, bytes, done) => done(self.read(at, bytes)),
                Job::Reclaim => self.reclaim(),
                Job::PrepareSpare => self.prepare_spare(),
            }
        }
    }

    /// Whether a span is in the operating system's memory, as far as can be told.
    pub(crate) fn is_cached(&self, at: Position, bytes: u32) -> bool {
        let (id, from) = (at.segment(), u64::from(at.offset()));
        let Some(known) = self.segments.get(id) else { return false };
        let file = self.files.get(&*self.disk, id, known.class);
        file.is_ok_and(|file| file.is_cached(from, bytes as usize))
    }

    pub(crate) fn read(&self, at: Position, bytes: u32) -> Result<Bytes, ReadError> {
        let id = at.segment();
        let from = u64::from(at.offset());
        let to = from + u64::from(bytes);
        let pending = self.pending.lock();
        // Looked up under this lock: a group leaves memory only after the table knows that it is written.
        let known = self.segments.get(id).ok_or(ReadError::NoSegment(id))?;
        let in_pending = (!pending.bytes.is_empty() && pending.start.segment() == id).then_some(&*pending);
        let flight = pending.flight.clone().filter(|flight| flight.start.segment() == id);
        let end = match (in_pending, &flight) {
            (Some(pending), _) => u64::from(pending.end().offset()),
            (None, Some(flight)) => u64::from(flight.end().offset()),
            (None, None) => known.bytes,
        };
        if to > end || from < u64::from(SEGMENT_HEADER) {
            return Err(ReadError::OutOfRange { at, bytes });
        }
        // What is still in memory of the span; nothing, as a rule.
        let mut span = Vec::new();
        let mut in_file = to;
        if let Some(pending) = in_pending {
            let start = u64::from(pending.start.offset());
            in_file = in_file.min(start);
            copy(&mut span, (from, to), start, &pending.bytes);
            if from <= start && to >= start + GROUP_HEADER as u64 {
                pending.header().write(&mut span[(start - from) as usize..], known.salt);
            }
        }
        drop(pending);
        if let Some(flight) = flight {
            let start = u64::from(flight.start.offset());
            in_file = in_file.min(start);
            copy(&mut span, (from, to), start, &flight.bytes);
        }
        let of_file = |error| self.read_failed(id, error);
        let file = || self.files.get(&*self.disk, id, known.class).map_err(of_file);
        if span.is_empty() {
            span = file()?.read_vec_at(from, bytes as usize).map_err(of_file)?;
        } else if in_file > from {
            file()?.read_exact_at(from, &mut span[..(in_file - from) as usize]).map_err(of_file)?;
        }
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        self.counters.read_bytes.fetch_add(u64::from(bytes), Ordering::Relaxed);
        Ok(Bytes::from(span))
    }

    fn read_failed(&self, id: u32, source: io::Error) -> ReadError {
        match self.segments.get(id) {
            // Reclaimed between the look at the table and the look at the disk.
            None => ReadError::NoSegment(id),
            Some(_) => ReadError::Io { segment: id, source },
        }
    }
}

/// Copies the part of `group` (which starts at offset `start` of its segment) that lies in `span`, which is to have the
/// bytes `from..to` of the segment and gets its length with the first of them.
fn copy(span: &mut Vec<u8>, (from, to): (u64, u64), start: u64, group: &[u8]) {
    let low = from.max(start);
    let high = to.min(start + group.len() as u64);
    if low < high {
        span.resize((to - from) as usize, 0);
        let part = &group[(low - start) as usize..(high - start) as usize];
        span[(low - from) as usize..(high - from) as usize].copy_from_slice(part);
    }
}
