//! What the workers share while they run: the plan of the run and running totals.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::clock::{Clock, Nanos};

/// When things happen. Set before the start, except that the end may come earlier.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) clock: Clock,
    /// Workers begin.
    pub(crate) start: Nanos,
    /// What is due from here on is measured.
    pub(crate) measure_from: Nanos,
    /// Producers stop; what is due after it is not measured.
    measure_to: AtomicU64,
    /// All stop, whatever is still on the way.
    give_up: AtomicU64,
    /// A worker failed.
    pub(crate) failed: AtomicBool,
    /// Producers that have published and heard all they will.
    pub(crate) producers_done: AtomicU64,
    /// Totals since the start, for the progress line and for knowing when all has arrived.
    pub(crate) published: AtomicU64,
    pub(crate) delivered: AtomicU64,
    /// Most copies on the way.
    pub(crate) backlog: u64,
    /// Copies of each message that arrive.
    pub(crate) copies: u64,
}

impl Live {
    pub(crate) fn new(
        clock: Clock,
        start: Nanos,
        measure_from: Nanos,
        measure_to: Nanos,
        grace: Nanos,
    ) -> Live {
        Live {
            clock,
            start,
            measure_from,
            measure_to: AtomicU64::new(measure_to),
            give_up: AtomicU64::new(measure_to + grace),
            failed: AtomicBool::new(false),
            producers_done: AtomicU64::new(0),
            published: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            backlog: u64::MAX,
            copies: 1,
        }
    }

    /// Messages that may be published before consumers have caught up.
    pub(crate) fn room(&self) -> u64 {
        if self.backlog == u64::MAX {
            return u64::MAX;
        }
        let waiting = self.published.load(Relaxed).saturating_sub(self.delivered.load(Relaxed) / self.copies);
        self.backlog.saturating_sub(waiting)
    }

    pub(crate) fn measure_to(&self) -> Nanos {
        self.measure_to.load(Relaxed)
    }

    /// Ends the measurement at `now` instead of later.
    pub(crate) fn end(&self, now: Nanos, grace: Nanos) {
        self.measure_to.fetch_min(now, Relaxed);
        self.give_up.fetch_min(now + grace, Relaxed);
    }

    /// Whether workers must stop at `now`, done or not.
    pub(crate) fn is_over(&self, now: Nanos) -> bool {
        now >= self.give_up.load(Relaxed) || self.failed.load(Relaxed)
    }

    /// Whether something that was due or happened at `at` is measured.
    #[inline]
    pub(crate) fn is_measured(&self, at: Nanos) -> bool {
        at >= self.measure_from && at < self.measure_to()
    }
}
