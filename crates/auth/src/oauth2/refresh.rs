//! When a key set is fetched: between those who miss a key and the thread that fetches.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anymq_types::Millis;

/// Shortest time between two fetches that unknown keys ask for, in milliseconds.
const PAUSE_MS: u64 = 60_000;
/// Most callers that wait for one fetch; others are told no at once.
const WAITING_MAX: u32 = 32;

/// A meeting place; it neither reads a clock nor the network.
#[derive(Debug, Default)]
pub struct Refresh {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Asked for, or being done.
    is_wanted: bool,
    asked_at: Option<Millis>,
    /// Fetches that ended.
    rounds: u64,
    waiting: u32,
    is_closed: bool,
}

impl Refresh {
    /// Asks for a fetch, unless one was asked for within the last minute, and waits until it has ended. Blocks: for
    /// threads that may. Whether there are new keys to look at.
    pub fn ask(&self, now: Millis, patience: Duration) -> bool {
        let mut state = self.state();
        if !state.is_wanted {
            let too_soon = state.asked_at.is_some_and(|at| now.0.saturating_sub(at.0) < PAUSE_MS);
            if too_soon || state.is_closed {
                return false;
            }
            state.is_wanted = true;
            state.asked_at = Some(now);
            self.changed.notify_all();
        }
        if state.waiting >= WAITING_MAX {
            return false;
        }
        state.waiting += 1;
        let round = state.rounds;
        let waited = self.changed.wait_timeout_while(state, patience, |s| s.rounds == round && !s.is_closed);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.rounds != round
    }

    /// For the thread that fetches: waits until it is asked, or `period` is over; false once there is nothing more to do.
    pub fn wait(&self, period: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), period, |s| !s.is_wanted && !s.is_closed);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.is_closed
    }

    /// For the thread that fetches: a fetch has ended, well or not.
    pub fn done(&self) {
        let mut state = self.state();
        state.is_wanted = false;
        state.rounds += 1;
        self.changed.notify_all();
    }

    /// No more fetches: everybody who waits is let go.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Flags and counters: valid after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn one_fetch_serves_all_and_the_next_waits_a_minute() {
        let refresh = Arc::new(Refresh::default());
        let fetches = Arc::new(AtomicU32::new(0));
        let fetcher = std::thread::spawn({
            let (refresh, fetches) = (refresh.clone(), fetches.clone());
            move || {
                while refresh.wait(LONG) {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    refresh.done();
                }
            }
        });
        assert!(refresh.ask(Millis(1_000), LONG));
        assert!(!refresh.ask(Millis(1_001), LONG));
        assert!(!refresh.ask(Millis(1_000 + PAUSE_MS - 1), LONG));
        assert!(refresh.ask(Millis(1_000 + PAUSE_MS), LONG));
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
        refresh.close();
        fetcher.join().unwrap();
        assert!(!refresh.ask(Millis(10 * PAUSE_MS), LONG));
    }

    #[test]
    fn who_waits_is_counted_and_patience_ends() {
        let refresh = Refresh::default();
        assert!(!refresh.ask(Millis(0), Duration::ZERO));
        refresh.state().waiting = WAITING_MAX;
        assert!(!refresh.ask(Millis(0), LONG));
        assert_eq!(refresh.state().waiting, WAITING_MAX);
        assert!(refresh.wait(Duration::ZERO));
    }
}
