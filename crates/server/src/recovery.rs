//! How far reading the journal is, for whoever waits: in the log every second, in health and metrics always.

use std::time::Duration;

use anymq_admin::Board;
use anymq_broker::Progress;
use anymq_runtime::{Clock, SystemClock};

/// Pause between two lines in the log; a recovery that is shorter says nothing.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Recovery {
    board: Board,
    next: Duration,
}

impl Recovery {
    pub(crate) fn new(board: Board) -> Self {
        Recovery { board, next: SystemClock.monotonic() + PAUSE }
    }

    pub(crate) fn tell(&mut self, progress: Progress) {
        let Progress { done, total } = progress;
        self.board.progress(progress.percent());
        let now = SystemClock.monotonic();
        if now >= self.next {
            self.next = now + PAUSE;
            tracing::info!(
                done_bytes = done,
                total_bytes = total,
                percent = progress.percent(),
                "reading the journal"
            );
        }
    }
}
