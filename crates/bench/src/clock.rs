//! The one clock of a benchmark: nanoseconds since it was started.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds on a [`Clock`].
pub(crate) type Nanos = u64;

pub(crate) const SECOND: Nanos = 1_000_000_000;

/// Monotonic; copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// What the time of day was then, in ms since the epoch.
    wall_ms: u64,
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
impl Clock {
    pub(crate) fn start() -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { origin: Instant::now(), wall_ms: wall.as_millis() as u64 }
    }

    /// The time of day at `at`, in ms since the epoch, as a record's timestamp has it.
    #[inline]
    pub(crate) fn wall_ms(&self, at: Nanos) -> i64 {
        (self.wall_ms + at / (SECOND / 1000)) as i64
    }

    /// Never 0, so that 0 can mean "no time".
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        // 584 years fit.
        (self.origin.elapsed().as_nanos() as Nanos).max(1)
    }

    /// Lets `span` pass; only for the thread that watches the others.
    pub(crate) fn pause(&self, span: Duration) {
        std::thread::sleep(span);
    }
}
