//! The progress line: on stderr, only on a terminal.

use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::Ordering::Relaxed;

use crate::clock::{Nanos, SECOND};
use crate::live::Live;

const INTERVAL: Nanos = SECOND / 5;
const BAR: usize = 24;

/// Draws at most five times a second.
pub(crate) struct Progress {
    shown: bool,
    /// When it was drawn last, and what had been delivered and published then.
    last: Cell<(Nanos, u64, u64)>,
}

impl Progress {
    pub(crate) fn new(wanted: bool) -> Progress {
        Progress { shown: wanted && stderr().is_terminal(), last: Cell::new((0, 0, 0)) }
    }

    /// Draws if it is time to.
    pub(crate) fn draw(&self, live: &Live) {
        let now = live.clock.now();
        let (then, delivered_then, published_then) = self.last.get();
        if !self.shown || now < then + INTERVAL {
            return;
        }
        let (delivered, published) = (live.delivered.load(Relaxed), live.published.load(Relaxed));
        self.last.set((now, delivered, published));
        if now > live.start {
            let rate = |now_count: u64, count: u64| {
                now_count.saturating_sub(count) as f64 * SECOND as f64 / (now - then).max(1) as f64
            };
            let rates = (rate(published, published_then), rate(delivered, delivered_then));
            // A terminal that cannot be written to is no reason to stop measuring.
            let _ = write!(stderr(), "\r{}\x1b[K", line(now, live.start, live.measure_to(), rates));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
        self.last.set((0, 0, 0));
    }
}

fn line(now: Nanos, start: Nanos, end: Nanos, (published, delivered): (f64, f64)) -> String {
    let part = ((now - start) as f64 / (end - start).max(1) as f64).min(1.0);
    let filled = (part * BAR as f64) as usize;
    let left = end.saturating_sub(now) as f64 / SECOND as f64;
    format!(
        "[{}{}] {:3.0} %  {left:.0} s left  {published:.0}/s published  {delivered:.0}/s delivered",
        "#".repeat(filled),
        " ".repeat(BAR - filled),
        part * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line() {
        assert_eq!(
            line(3 * SECOND, SECOND, 5 * SECOND, (1234.4, 99.0)),
            "[############            ]  50 %  2 s left  1234/s published  99/s delivered"
        );
        assert!(line(9 * SECOND, SECOND, 5 * SECOND, (0.0, 0.0)).contains("100 %  0 s left"));
    }
}
