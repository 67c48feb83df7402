//! How everything ends: stop accepting, let doors say goodbye, then cut off.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owns every task of every door. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    tasks: TaskTracker,
    stopping: CancellationToken,
    aborted: CancellationToken,
}

/// How a drain went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every task ended by itself.
    Clean,
    /// The deadline passed; this many tasks were cut off.
    CutOff(usize),
}

impl Lifecycle {
    /// A lifecycle with no tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` until it ends or the drain's deadline has passed.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let aborted = self.aborted.clone();
        self.tasks.spawn(async move {
            aborted.run_until_cancelled(task).await;
        });
    }

    /// Cancelled when the process should stop: accept loops end, doors take leave of their clients.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Tasks that have not ended.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// No task is running.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Cancels [`stopping`](Self::stopping), waits up to `deadline` for the tasks, then drops what is left.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(deadline, self.tasks.wait()).await.is_ok() {
            return Drained::Clean;
        }
        let left = self.tasks.len();
        self.aborted.cancel();
        self.tasks.wait().await;
        Drained::CutOff(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_is_clean_when_tasks_heed_the_token() {
        let life = Lifecycle::new();
        for _ in 0..3 {
            let stopping = life.stopping().clone();
            life.spawn(async move { stopping.cancelled().await });
        }
        assert_eq!(life.len(), 3);
        assert_eq!(life.drain(Duration::from_secs(5)).await, Drained::Clean);
        assert!(life.is_empty());
    }

    #[tokio::test]
    async fn drain_cuts_off_what_does_not_end() {
        let life = Lifecycle::new();
        life.spawn(std::future::pending());
        life.spawn(async {});
        assert_eq!(life.drain(Duration::from_millis(20)).await, Drained::CutOff(1));
        assert!(life.is_empty());
    }
}
