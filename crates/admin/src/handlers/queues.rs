//! `/queues`

use anymq_api::{Declare, DeleteQuery, ListQuery, Page, Queue, Removed};
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
) -> Answer<Page<Queue>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.queues(&filter))).await?))
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
) -> Answer<Queue> {
    operator.in_vhost(&vhost)?;
    Ok(Json(desk.ask(move |hall| hall.queue(&vhost, &name)).await?))
}

pub(crate) async fn put(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
    Body(declare): Body<Declare>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.put_queue(&operator, &vhost, &name, declare)).await?))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
    Query(only): Query<DeleteQuery>,
) -> Answer<Removed> {
    let messages = desk.ask(move |hall| hall.delete_queue(&operator, &vhost, &name, only)).await?;
    Ok(Json(Removed { messages }))
}

pub(crate) async fn purge(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
) -> Answer<Removed> {
    let messages = desk.ask(move |hall| hall.purge_queue(&operator, &vhost, &name)).await?;
    Ok(Json(Removed { messages }))
}
