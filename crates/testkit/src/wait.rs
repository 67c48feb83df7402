//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

use crate::Error;

/// How often a condition is asked.
pub const POLL: Duration = Duration::from_millis(2);

/// Asks `condition` until it gives a value; an error naming `what` after `limit`.
#[allow(clippy::disallowed_methods, reason = "a test waits for another process in real time")]
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, Error> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if start.elapsed() >= limit {
            return Err(Error::Deadline { what: what.to_owned(), limit });
        }
        std::thread::sleep(POLL);
    }
}
