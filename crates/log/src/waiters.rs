//! Who waits for a commit.

use std::sync::Arc;

use anymq_types::Position;
use parking_lot::{Condvar, Mutex};

use crate::error::CommitError;
use crate::log::Inner;

/// Told that something is on disk. Called on the committer's thread: hand over and return.
pub trait CommitWaker: Send + Sync {
    /// Everything that ends at or before `up_to` is on disk.
    fn committed(&self, up_to: Position);
}

type Waiting = Vec<(Position, Arc<dyn CommitWaker>)>;

#[derive(Default)]
pub(crate) struct Waiters {
    waiting: Mutex<Waiting>,
    /// Reused between commits.
    due: Mutex<Waiting>,
    blocked: Mutex<()>,
    woken: Condvar,
}

impl Waiters {
    pub(crate) fn add(&self, log: &Inner, end: Position, waker: Arc<dyn CommitWaker>) {
        let mut waiting = self.waiting.lock();
        // The committer publishes before it takes this lock, so nothing falls between.
        let committed = log.committed();
        if committed < end {
            waiting.push((end, waker));
            drop(waiting);
            log.hurry(end);
        } else {
            drop(waiting);
            waker.committed(committed);
        }
    }

    /// Everything up to `end` has been published as committed.
    pub(crate) fn wake(&self, end: Position) {
        let mut due = self.due.lock();
        due.extend(self.waiting.lock().extract_if(.., |(at, _)| *at <= end));
        for (_, waker) in due.drain(..) {
            waker.committed(end);
        }
        drop(due);
        self.stop();
    }

    /// Lets blocked waiters look again.
    pub(crate) fn stop(&self) {
        drop(self.blocked.lock());
        self.woken.notify_all();
    }

    pub(crate) fn wait(&self, log: &Inner, end: Position) -> Result<(), CommitError> {
        log.hurry(end);
        let mut blocked = self.blocked.lock();
        while log.committed() < end {
            if log.failed() {
                return Err(log.failure());
            }
            self.woken.wait(&mut blocked);
        }
        Ok(())
    }
}
