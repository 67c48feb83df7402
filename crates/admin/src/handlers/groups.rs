//! `/groups` and `/transactions`

use anymq_api::{Group, ListQuery, Page, ResetOffsets, ResetPlan, Transaction};
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
) -> Answer<Page<Group>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.groups(&filter))).await?))
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
) -> Answer<Group> {
    operator.in_vhost(&vhost)?;
    Ok(Json(desk.ask(move |hall| hall.group(&vhost, &name)).await?))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.delete_group(&operator, &vhost, &name)).await?))
}

pub(crate) async fn reset(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
    Body(ask): Body<ResetOffsets>,
) -> Answer<ResetPlan> {
    Ok(Json(desk.ask(move |hall| hall.reset_offsets(&operator, &vhost, &name, &ask)).await?))
}

pub(crate) async fn transactions(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Transaction>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.transactions(&filter))).await?))
}

pub(crate) async fn abort(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, id)): Path<(String, String)>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.abort_transaction(&operator, &vhost, &id)).await?))
}
