//! `/bindings`

use anymq_api::{Binding, ListQuery, Page};
use axum::extract::State;
use axum::{Extension, Json};

use super::{Answer, filter};
use crate::access::Operator;
use crate::answer::{Body, Query};
use crate::desk::Desk;

pub(crate) async fn list(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Binding>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.bindings(&filter))).await?))
}

pub(crate) async fn put(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Body(binding): Body<Binding>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.put_binding(&operator, binding)).await?))
}

pub(crate) async fn remove(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Body(binding): Body<Binding>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.delete_binding(&operator, binding)).await?))
}
