//! `/subjects/{subject}/versions` and what is below

use anymq_broker::Principal;
use axum::Extension;
use axum::extract::State;
use serde_json::{Value, json};

use super::Answer;
use crate::answer::{Body, Json, Path, Query, Text};
use crate::errors::Refusal;
use crate::registry::Which;
use crate::serve::Desk;
use crate::wire::{Asked, SchemaBody, VersionAnswer};

pub(crate) async fn list(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Vec<u32>> {
    Ok(Json(desk.ask(caller, move |registry| registry.versions(&subject, &asked)).await?))
}

pub(crate) async fn register(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Body(body): Body<SchemaBody>,
) -> Answer<Value> {
    let registered = desk.ask(caller, move |registry| registry.register(&subject, body, asked.normalize.0));
    Ok(Json(json!({ "id": registered.await?.id })))
}

async fn found(
    desk: Desk,
    caller: Principal,
    (subject, version): (String, String),
    asked: Asked,
) -> Result<VersionAnswer, Refusal> {
    let which = Which::parse(&version)?;
    desk.ask(caller, move |registry| registry.version(&subject, which, &asked)).await
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(path): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Answer<VersionAnswer> {
    Ok(Json(found(desk, caller, path, asked).await?))
}

/// Its text only.
pub(crate) async fn schema(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(path): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Text, Refusal> {
    Ok(Text(found(desk, caller, path, asked).await?.schema.schema))
}

pub(crate) async fn referenced_by(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path((subject, version)): Path<(String, String)>,
) -> Answer<Vec<u32>> {
    let which = Which::parse(&version)?;
    Ok(Json(desk.ask(caller, move |registry| registry.referenced_by(&subject, which)).await?))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path((subject, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Answer<u32> {
    let which = Which::parse(&version)?;
    let deleted =
        desk.ask(caller, move |registry| registry.delete_version(&subject, which, asked.permanent.0));
    Ok(Json(deleted.await?))
}
