//! `/subjects` and `/subjects/{subject}`

use std::sync::Arc;

use anymq_broker::Principal;
use axum::Extension;
use axum::extract::State;

use super::Answer;
use crate::answer::{Body, Json, Path, Query};
use crate::serve::Desk;
use crate::wire::{Asked, SchemaBody, VersionAnswer};

pub(crate) async fn list(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Query(asked): Query<Asked>,
) -> Answer<Vec<Arc<str>>> {
    Ok(Json(desk.ask(caller, move |registry| registry.subjects(&asked)).await?))
}

pub(crate) async fn look_up(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Body(body): Body<SchemaBody>,
) -> Answer<VersionAnswer> {
    let found = desk
        .ask(caller, move |registry| registry.look_up(&subject, body, asked.normalize.0, asked.deleted.0));
    Ok(Json(found.await?))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Vec<u32>> {
    let deleted = desk.ask(caller, move |registry| registry.delete_subject(&subject, asked.permanent.0));
    Ok(Json(deleted.await?))
}
