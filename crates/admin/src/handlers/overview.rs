//! `/overview`, `/whoami`

use anymq_api::{Overview, Whoami};
use axum::extract::State;
use axum::{Extension, Json};

use super::Answer;
use crate::access::Operator;
use crate::desk::Desk;

pub(crate) async fn overview(State(desk): State<Desk>) -> Answer<Overview> {
    let mut overview = desk.ask(|hall| Ok(hall.overview())).await?;
    overview.listeners = desk.board.open_listeners();
    Ok(Json(overview))
}

pub(crate) async fn whoami(Extension(operator): Extension<Operator>) -> Json<Whoami> {
    Json(Whoami { user: operator.user, tags: operator.tags })
}
