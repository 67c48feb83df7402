//! Counters of a log, cheap to count and to read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the fsync latency buckets, in microseconds; one more bucket holds the rest.
pub const SYNC_MICROS: [u64; 14] =
    [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 409_600, 1_638_400];

/// What a log has done since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Groups on disk.
    pub commits: u64,
    /// Frames in them.
    pub frames: u64,
    /// Bytes in them, headers included.
    pub bytes: u64,
    /// Largest group, in bytes.
    pub group_bytes_max: u64,
    /// Written by the broker, not yet on disk.
    pub uncommitted_bytes: u64,
    /// Per bucket of [`SYNC_MICROS`] and one beyond: fsyncs of the journal.
    pub syncs: [u64; SYNC_MICROS.len() + 1],
    /// Time spent in those fsyncs, in microseconds.
    pub sync_micros: u64,
    /// Segments begun.
    pub segments_begun: u64,
    /// Segments begun in a recycled file.
    pub segments_recycled: u64,
    /// Segments deleted.
    pub segments_deleted: u64,
    /// Spans read.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Reads and chores waiting for a reader thread.
    pub reads_waiting: u64,
    /// Snapshots finished.
    pub snapshots: u64,
    /// Bytes in them.
    pub snapshot_bytes: u64,
    /// Times the disk was found full.
    pub full: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) group_bytes_max: AtomicU64,
    pub(crate) syncs: [AtomicU64; SYNC_MICROS.len() + 1],
    pub(crate) sync_micros: AtomicU64,
    pub(crate) segments_begun: AtomicU64,
    pub(crate) segments_recycled: AtomicU64,
    pub(crate) segments_deleted: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) read_bytes: AtomicU64,
    pub(crate) snapshots: AtomicU64,
    pub(crate) snapshot_bytes: AtomicU64,
    pub(crate) full: AtomicU64,
}

impl Counters {
    pub(crate) fn synced(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = SYNC_MICROS.partition_point(|&bound| bound < micros);
        self.syncs[bucket].fetch_add(1, Relaxed);
        self.sync_micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn committed(&self, frames: u64, bytes: u64) {
        self.commits.fetch_add(1, Relaxed);
        self.frames.fetch_add(frames, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.group_bytes_max.fetch_max(bytes, Relaxed);
    }

    pub(crate) fn stats(&self, uncommitted_bytes: u64, reads_waiting: u64) -> Stats {
        Stats {
            commits: self.commits.load(Relaxed),
            frames: self.frames.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            group_bytes_max: self.group_bytes_max.load(Relaxed),
            uncommitted_bytes,
            syncs: std::array::from_fn(|bucket| self.syncs[bucket].load(Relaxed)),
            sync_micros: self.sync_micros.load(Relaxed),
            segments_begun: self.segments_begun.load(Relaxed),
            segments_recycled: self.segments_recycled.load(Relaxed),
            segments_deleted: self.segments_deleted.load(Relaxed),
            reads: self.reads.load(Relaxed),
            read_bytes: self.read_bytes.load(Relaxed),
            reads_waiting,
            snapshots: self.snapshots.load(Relaxed),
            snapshot_bytes: self.snapshot_bytes.load(Relaxed),
            full: self.full.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_their_buckets() {
        let counters = Counters::default();
        for micros in [0, 50, 51, 1_638_400, 9_999_999] {
            counters.synced(Duration::from_micros(micros));
        }
        let stats = counters.stats(1, 2);
        assert_eq!((stats.syncs[0], stats.syncs[1], stats.syncs[13], stats.syncs[14]), (2, 1, 1, 1));
        assert_eq!((stats.uncommitted_bytes, stats.reads_waiting), (1, 2));
    }
}
