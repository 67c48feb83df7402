//! HTTP/1.1 on connections that `net` accepted.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anymq_api::{Problem, codes};
use anymq_net::{Lifecycle, Listener};
use axum::Router;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use crate::answer::Refusal;
use crate::desk::Desk;
use crate::router;

/// How long a peer may take to send a request's head, and how long it may stay silent between two requests.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Largest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves the admin API, metrics and health.
pub fn serve_admin(listener: Listener, life: &Lifecycle, desk: Desk) {
    serve(listener, life, router::admin(desk.clone()), desk);
}

/// Serves metrics and health only, without login.
pub fn serve_metrics(listener: Listener, life: &Lifecycle, desk: Desk) {
    serve(listener, life, router::metrics(desk.clone()), desk);
}

fn serve(listener: Listener, life: &Lifecycle, router: Router, desk: Desk) {
    let stopping = life.stopping().clone();
    let deadline = desk.config.request_deadline;
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
                    Err(_) => {
                        let what = format!("the request took longer than {} seconds", deadline.as_secs_f32());
                        Ok(Refusal(Problem::new(&codes::TIMED_OUT, what)).into_response())
                    }
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
                tracing::debug!(%peer, %error, "http connection ended early");
            }
        }
    });
}
