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

/// Has served clients once since the process began.
pub(crate) async fn startup(State(desk): State<Desk>) -> (StatusCode, &'static str) {
    if desk.board.was_ready() { (StatusCode::OK, "started\n") } else { (status(false), "starting\n") }
}

fn status(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
