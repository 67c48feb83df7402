//! Time: what day it is, and how long something took. The only place that reads the system's clocks.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anymq_types::Millis;
use parking_lot::Mutex;

/// Source of time.
pub trait Clock: Send + Sync + 'static {
    /// Wall clock, milliseconds since the Unix epoch. May jump in either direction.
    fn now(&self) -> Millis;

    /// Time since an arbitrary fixed moment. Never goes back.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock {
    time: Mutex<(Millis, Duration)>,
}

impl ManualClock {
    /// A clock that shows `now`; its monotonic side starts at zero.
    pub fn new(now: Millis) -> Self {
        ManualClock { time: Mutex::new((now, Duration::ZERO)) }
    }

    /// Moves both sides forward.
    pub fn advance(&self, by: Duration) {
        let mut time = self.time.lock();
        time.0.0 = time.0.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
        time.1 = time.1.saturating_add(by);
    }

    /// Sets the wall clock alone, as an administrator or a leap does; the monotonic side stays.
    pub fn jump_to(&self, now: Millis) {
        self.time.lock().0 = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.time.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.time.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clock_is_after_2024_and_monotonic() {
        let clock = SystemClock;
        assert!(clock.now() > Millis(1_704_067_200_000));
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }

    #[test]
    fn manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Millis(1_000));
        assert_eq!((clock.now(), clock.monotonic()), (Millis(1_000), Duration::ZERO));
        clock.advance(Duration::from_micros(2_500));
        assert_eq!((clock.now(), clock.monotonic()), (Millis(1_002), Duration::from_micros(2_500)));
        clock.jump_to(Millis(5));
        assert_eq!((clock.now(), clock.monotonic()), (Millis(5), Duration::from_micros(2_500)));
    }
}
