//! Letting go of segments: freed ones become spares for the journal, or are deleted.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use anymq_runtime::Disk;
use parking_lot::Mutex;

use crate::log::Inner;
use crate::segment::{self, Class, Freed, Segment};

/// Files that will become journal segments. Their content is stale: a new header with a new salt makes it unreadable.
pub(crate) struct Spares {
    paths: Mutex<Vec<String>>,
    next: AtomicU32,
    preparing: AtomicBool,
}

impl Spares {
    pub(crate) fn new(paths: Vec<String>, next: u32) -> Self {
        Spares { paths: Mutex::new(paths), next: AtomicU32::new(next), preparing: AtomicBool::new(false) }
    }

    pub(crate) fn take(&self) -> Option<String> {
        self.paths.lock().pop()
    }

    pub(crate) fn put(&self, path: String) {
        self.paths.lock().push(path);
    }

    pub(crate) fn len(&self) -> usize {
        self.paths.lock().len()
    }

    /// A path no spare ever had.
    fn path(&self) -> String {
        segment::spare_path(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A new, empty spare, not in the pool.
    pub(crate) fn create(&self, disk: &dyn Disk) -> io::Result<String> {
        let path = self.path();
        disk.create(&path)?;
        Ok(path)
    }

    /// Whether the caller should see to it that there is a spare.
    pub(crate) fn want_one(&self) -> bool {
        self.paths.lock().is_empty() && !self.preparing.swap(true, Ordering::AcqRel)
    }
}

impl Inner {
    /// Has a file with room on disk ready, so that beginning a segment does not wait for that.
    pub(crate) fn prepare_spare(&self) {
        if self.spares.len() == 0
            && let Ok(path) = self.spares.create(&*self.disk)
        {
            // Without room it is still a file to begin with; the committer finds out and says so.
            let _ =
                self.disk.open(&path).and_then(|file| file.allocate(u64::from(self.config.segment_bytes)));
            self.spares.put(path);
        }
        self.spares.preparing.store(false, Ordering::Release);
    }

    pub(crate) fn free(&self, segment: u32) {
        let end = {
            let pending = self.pending.lock();
            pending.end()
        };
        // One that is being written is not free, whatever was counted.
        self.segments.update(segment, |s| s.freed = s.freed.or(s.sealed.then_some(Freed { end })));
        if self.committed() >= end {
            if self.reclaimable().next().is_some() {
                self.jobs.push_chore(crate::read::Job::Reclaim);
            }
        } else {
            self.reclaim_at.fetch_min(end.0, Ordering::Relaxed);
        }
    }

    fn reclaimable(&self) -> impl Iterator<Item = (u32, Segment)> {
        let committed = self.committed();
        let older = match &**self.snapshots.lock() {
            [older, _, ..] => Some(older.through),
            _ => None,
        };
        self.segments.freed().into_iter().filter_map(move |(id, segment, freed)| {
            let past = match segment.class {
                Class::Journal => older?.segment() > id && committed >= freed.end,
                // Snapshots point into these; both kept ones must be younger than the last pointer's end.
                Class::Mixed | Class::Stream(_) => older? >= freed.end,
            };
            past.then_some((id, segment))
        })
    }

    /// Lets go of every freed segment that no snapshot needs.
    pub(crate) fn reclaim(&self) {
        let _alone = self.reclaiming.lock();
        let mut recycled = Vec::new();
        let mut changed = false;
        for (id, segment) in self.reclaimable() {
            self.segments.remove(id);
            self.files.forget(id);
            let path = segment::path(id, segment.class);
            let room = self.spares.len() + recycled.len() < self.config.spares_max;
            let gone = if segment.class == Class::Journal && self.config.recycle && room {
                self.recycle(&path).map(|spare| recycled.push(spare))
            } else {
                self.counters.segments_deleted.fetch_add(1, Ordering::Relaxed);
                self.disk.remove(&path)
            };
            match gone {
                Ok(()) => changed = true,
                Err(e) => {
                    tracing::warn!(segment = id, error = %e, "cannot let go of a segment; will try again");
                    self.segments.insert(id, segment);
                }
            }
        }
        if changed && let Err(e) = self.disk.sync_dir(segment::DIR) {
            self.fail(&format!("syncing {}: {e}", segment::DIR));
            return;
        }
        // Only now: a spare must not be overwritten while its old name may still come back.
        for spare in recycled {
            self.spares.put(spare);
        }
    }

    fn recycle(&self, path: &str) -> io::Result<String> {
        let file = self.disk.open(path)?;
        let bytes = u64::from(self.config.segment_bytes);
        if file.size()? > bytes {
            file.set_len(bytes)?;
        }
        let spare = self.spares.path();
        self.disk.rename(path, &spare)?;
        Ok(spare)
    }
}
