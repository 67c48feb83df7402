//! `/connections`, `/channels`, `/consumers`

use anymq_api::{Channel, CloseConnection, Connection, Consumer, ListQuery, Page};
use axum::extract::State;
use axum::{Extension, Json};

use super::{Answer, filter};
use crate::access::Operator;
use crate::answer::{Body, Path, Query};
use crate::desk::Desk;

/// Longest reason a client is told, in bytes: a short string of the protocols.
const REASON_BYTES_MAX: usize = 200;

pub(crate) async fn connections(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Connection>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.connections(&filter))).await?))
}

pub(crate) async fn connection(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<u64>,
) -> Answer<Connection> {
    let connection = desk.ask(move |hall| hall.connection(id)).await?;
    operator.in_vhost(&connection.vhost)?;
    Ok(Json(connection))
}

pub(crate) async fn close(
    State(desk): State<Desk>,
    Path(id): Path<u64>,
    Body(close): Body<CloseConnection>,
) -> Answer<()> {
    let mut reason = close.reason.unwrap_or_else(|| "closed by an operator".into());
    while reason.len() > REASON_BYTES_MAX {
        reason.pop();
    }
    Ok(Json(desk.ask(move |hall| hall.close_connection(id, &reason)).await?))
}

pub(crate) async fn channels(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Channel>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.channels(&filter))).await?))
}

pub(crate) async fn consumers(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Consumer>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.consumers(&filter))).await?))
}
