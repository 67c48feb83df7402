//! When messages are due in a run with a rate.

use crate::clock::{Nanos, SECOND};

/// Message `n` is due `n` intervals after the start.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// Nanoseconds.
    phase: f64,
    interval: f64,
    n: u64,
}

impl Schedule {
    /// The part of producer `index` of `count` in `rate` messages a second of all; none if there is no rate. They take
    /// turns, so that the sum is as even as one producer would be.
    pub(crate) fn share(rate: u64, index: u32, count: u32) -> Option<Schedule> {
        let count = f64::from(count);
        (rate > 0).then(|| Schedule::new(rate as f64 / count, f64::from(index) / count))
    }

    /// `rate` messages a second, the first after `phase` of an interval.
    pub(crate) fn new(rate: f64, phase: f64) -> Schedule {
        let interval = SECOND as f64 / rate;
        Schedule { phase: (interval * phase).floor(), interval, n: 0 }
    }

    /// When the next message is due in a run that began at `start`.
    #[inline]
    pub(crate) fn due(&self, start: Nanos) -> Nanos {
        start + self.phase as Nanos + (self.n as f64 * self.interval) as Nanos
    }

    /// Goes on to the message after it.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.n += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_does_not_drift() {
        let mut schedule = Schedule::new(3.0, 0.5);
        let first = schedule.due(1000);
        schedule.n = 3_000_000;
        assert_eq!(schedule.due(1000) - first, 1_000_000 * SECOND);
    }

    #[test]
    fn producers_take_turns() {
        let due = |index| Schedule::share(1000, index, 4).expect("a rate").due(7);
        assert_eq!([due(0), due(1), due(3)], [7, 1_000_007, 3_000_007]);
        assert!(Schedule::share(0, 0, 1).is_none());
    }
}
