//! Refused connections in the log: each one once, a flood of them summed up.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const LINES_PER_WINDOW: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// Writes at most 20 lines a second, then how many it kept back.
#[derive(Debug)]
pub(crate) struct Refusals {
    door: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Instant,
    lines: u32,
    kept_back: u64,
}

impl Refusals {
    pub(crate) fn new(door: &'static str) -> Self {
        Refusals { door, state: Mutex::new(State { since: now(), lines: 0, kept_back: 0 }) }
    }

    pub(crate) fn log(&self, peer: SocketAddr, reason: &str) {
        let (write, kept_back) = self.count(now());
        if kept_back > 0 {
            tracing::warn!(door = self.door, kept_back, "more refused connections, not listed one by one");
        }
        if write {
            tracing::warn!(door = self.door, %peer, reason, "connection refused");
        }
    }

    /// Whether to write this one, and how many before it were not written.
    fn count(&self, now: Instant) -> (bool, u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept_back = 0;
        if now.duration_since(state.since) >= WINDOW {
            kept_back = state.kept_back;
            *state = State { since: now, lines: 0, kept_back: 0 };
        }
        let write = state.lines < LINES_PER_WINDOW;
        if write {
            state.lines += 1;
        } else {
            state.kept_back += 1;
        }
        (write, kept_back)
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "thins out log lines only; no state of the broker depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_is_summed_up() {
        let refusals = Refusals::new("test");
        let start = now();
        let written = (0..100).filter(|_| refusals.count(start).0).count();
        assert_eq!(written, LINES_PER_WINDOW as usize);
        assert_eq!(refusals.count(start + WINDOW), (true, 80));
        assert_eq!(refusals.count(start + WINDOW), (true, 0));
    }
}
