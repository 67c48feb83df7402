//! `/health/live`, `/health/ready`, `/health/startup`: for machines, without login, telling strangers nothing.

use anymq_api::Health;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::desk::Desk;

/// The process answers. Nothing else: a restart helps no broker that is merely busy.
pub(crate) async fn live() -> (StatusCode, &'static str) {
    (StatusCode::OK, "live\n")
}

/// Serves clients; 503 while reading the journal, while draining and after storage has failed.
pub(crate) async fn ready(State(desk): State<Desk>) -> (StatusCode, Json<Health>) {
    let health = desk.board.health();
    (status(health.ready), Json(health))
}

/// Has served clients once since the process began; until then, how much of the journal is read.
pub(crate) async fn startup(State(desk): State<Desk>) -> (StatusCode, String) {
    if desk.board.was_ready() {
        return (StatusCode::OK, "started\n".into());
    }
    let text = match desk.board.health().percent {
        Some(percent) => format!("starting: {percent} % of the journal is read\n"),
        None => "starting\n".into(),
    };
    (status(false), text)
}

fn status(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
