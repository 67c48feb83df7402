//! `/exchanges`

use anymq_api::{Declare, DeleteQuery, Exchange, ListQuery, Page};
use axum::extract::State;
use axum::{Extension, Json};

use super::{Answer, filter};
use crate::access::Operator;
use crate::answer::{Body, Path, Query};
use crate::desk::Desk;

pub(crate) async fn list(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Exchange>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.exchanges(&filter))).await?))
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
) -> Answer<Exchange> {
    operator.in_vhost(&vhost)?;
    Ok(Json(desk.ask(move |hall| hall.exchange(&vhost, &name)).await?))
}

pub(crate) async fn info_default(
    desk: State<Desk>,
    operator: Extension<Operator>,
    Path(vhost): Path<String>,
) -> Answer<Exchange> {
    info(desk, operator, Path((vhost, String::new()))).await
}

pub(crate) async fn put(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
    Body(declare): Body<Declare>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.put_exchange(&operator, &vhost, &name, declare)).await?))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
    Query(only): Query<DeleteQuery>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.delete_exchange(&operator, &vhost, &name, only)).await?))
}
