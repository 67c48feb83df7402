//! How long publishers wait for the disk: one sample for each commit, whatever the number of messages.
//!
//! A publish that waits starts the watch unless it runs already; the commit that covers it stops it. So what is measured is
//! the longest wait of each group, for the price of one look at a flag per publish.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use anymq_log::stats::SYNC_MICROS;
use anymq_log::{CommitWaker, Log};
use anymq_runtime::Clock;
use anymq_types::Position;

/// Waits of publishers, per bucket of [`SYNC_MICROS`] and one beyond.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitWaits {
    /// How many fell into each.
    pub counts: [u64; SYNC_MICROS.len() + 1],
    /// Their sum, in microseconds.
    pub micros: u64,
}

pub(crate) struct Stopwatch {
    clock: Arc<dyn Clock>,
    running: AtomicBool,
    /// When it was started, in microseconds of the monotonic clock.
    since: AtomicU64,
    counts: [AtomicU64; SYNC_MICROS.len() + 1],
    micros: AtomicU64,
}

impl Stopwatch {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Stopwatch {
            clock,
            running: AtomicBool::new(false),
            since: AtomicU64::new(0),
            counts: Default::default(),
            micros: AtomicU64::new(0),
        })
    }

    /// A publisher waits for `at`.
    pub(crate) fn start(self: &Arc<Self>, log: &Log, at: Position) {
        if self.running.load(Relaxed) || self.running.swap(true, SeqCst) {
            return;
        }
        self.since.store(self.now(), Relaxed);
        log.when_committed(at, self.clone());
    }

    pub(crate) fn waits(&self) -> CommitWaits {
        CommitWaits {
            counts: std::array::from_fn(|i| self.counts[i].load(Relaxed)),
            micros: self.micros.load(Relaxed),
        }
    }

    /// Time since some fixed moment.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    fn now(&self) -> u64 {
        self.elapsed().as_micros() as u64
    }
}

impl CommitWaker for Stopwatch {
    fn committed(&self, _: Position) {
        let took = self.now().saturating_sub(self.since.load(Relaxed));
        self.counts[SYNC_MICROS.partition_point(|&bound| bound < took)].fetch_add(1, Relaxed);
        self.micros.fetch_add(took, Relaxed);
        self.running.store(false, SeqCst);
    }
}
