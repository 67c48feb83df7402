//! Where requests meet the broker: a bounded number at a time, on blocking threads, with a deadline.

use std::sync::Arc;
use std::time::Duration;

use anymq_api::{Problem, codes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::board::Board;
use crate::config::{Config, MetricsConfig};
use crate::hall::{Hall, Result};

/// How long a request waits for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(5);
/// Most requests that wait for something to happen.
const WAITING_MAX: usize = 64;

/// What handlers work with. Clones share one state.
#[derive(Clone)]
pub struct Desk {
    pub(crate) board: Board,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<MetricsConfig>,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Desk {
    /// A desk in front of the broker that `board` will show.
    pub fn new(board: Board, config: Config, metrics: MetricsConfig) -> Self {
        let turns = Arc::new(Semaphore::new(config.max_requests));
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        Desk { board, config: Arc::new(config), metrics: Arc::new(metrics), turns, waiting }
    }

    /// Lets a request wait for something to happen, as long as it keeps what is returned.
    pub(crate) fn wait_turn(&self) -> Result<OwnedSemaphorePermit> {
        let busy = |_| Problem::new(&codes::BUSY, format!("{WAITING_MAX} requests wait already"));
        self.waiting.clone().try_acquire_owned().map_err(busy)
    }

    /// Runs `question` on a blocking thread. It goes on to its end even if nobody waits any more, and keeps its turn.
    pub(crate) async fn ask<T, F>(&self, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Hall) -> Result<T> + Send + 'static,
    {
        let hall = self.board.hall()?;
        self.work(move || question(hall.as_ref())).await
    }

    /// The same for work that does not need the broker to be ready.
    pub(crate) async fn work<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let turn = tokio::time::timeout(TURN_DEADLINE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let what = format!("{} admin requests are being worked on", self.config.max_requests);
            return Err(Problem::new(&codes::BUSY, what));
        };
        let answer = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop(turn);
            answer
        });
        answer
            .await
            .unwrap_or_else(|_| Err(Problem::new(&codes::INTERNAL, "the request failed inside the broker")))
    }
}
