//! HTTP/1.1 on connections that `net` accepted.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{Broker, Principal};
use anymq_net::{Lifecycle, Listener};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::errors::{Refusal, Result};
use crate::judge::Judge;
use crate::registry::Registry;
use crate::router;
use crate::shelf::Shelf;

/// How long a peer may take to send a request's head, and how long it may stay silent between two requests.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);
/// Largest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a request waits for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(5);

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What handlers work with. Clones share one state.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) broker: Broker,
    pub(crate) config: Arc<Config>,
    shelf: Shelf,
    turns: Arc<Semaphore>,
}

impl Desk {
    fn new(broker: Broker, config: Config, shelf: Shelf) -> Desk {
        let turns = Arc::new(Semaphore::new(config.max_requests));
        Desk { broker, config: Arc::new(config), shelf, turns }
    }

    /// Runs `work` on a blocking thread, a bounded number at a time. It goes on to its end even if nobody waits any more.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(TURN_DEADLINE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Refusal::new(429, 429, "too many requests are being worked on"));
        };
        let answer = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop(turn);
            answer
        });
        answer.await.unwrap_or_else(|_| Err(Refusal::store("the request failed inside the broker")))
    }

    /// The same, with the registry as a caller sees it.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        caller: Principal,
        question: impl FnOnce(Registry) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let registry = Registry {
            broker: self.broker.clone(),
            config: self.config.clone(),
            shelf: self.shelf.clone(),
            caller,
        };
        self.work(move || question(registry)).await
    }
}

/// Has the broker judge messages by the schemas in its catalogue, and serves the registry if there is a listener.
pub fn serve(listener: Option<Listener>, broker: Broker, config: Config, life: &Lifecycle) {
    let shelf = Shelf::default();
    broker.validate_with(Arc::new(Judge::of(shelf.clone())));
    let Some(listener) = listener else { return };
    let deadline = config.request_deadline;
    let router = router::router(Desk::new(broker, config, shelf));
    let stopping = life.stopping().clone();
    listener.serve(life, move |accepted| {
        let peer = accepted.peer;
        let router = TowerToHyperService::new(router.clone());
        let stopping = stopping.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let answer = router.call(request);
            async move {
                match tokio::time::timeout(deadline, answer).await {
                    Ok(answer) => answer,
                    Err(_) => Ok(Refusal::new(500, 50002, "the request took too long").into_response()),
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_DEADLINE)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(accepted.stream), service);
        async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stopping.cancelled() => {
                    // Finishes the request that is being worked on.
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "registry connection ended early");
            }
        }
    });
}
