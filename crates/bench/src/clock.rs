//! The one clock of a benchmark: nanoseconds since it was started.

use std::time::{Duration, Instant};

/// Nanoseconds on a [`Clock`].
pub(crate) type Nanos = u64;

pub(crate) const SECOND: Nanos = 1_000_000_000;

/// Monotonic; copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { origin: Instant::now() }
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
