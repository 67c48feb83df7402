//! `/schemas` and what is below, and what says what this is

use std::sync::Arc;

use anymq_broker::Principal;
use anymq_catalog::SchemaKind;
use axum::Extension;
use axum::extract::State;
use serde_json::{Value, json};

use super::Answer;
use crate::answer::{Json, Path, Query, Text};
use crate::errors::Refusal;
use crate::serve::Desk;
use crate::wire::{Asked, SchemaAnswer, SubjectVersion, VersionAnswer};

pub(crate) async fn root() -> Json<Value> {
    Json(json!({}))
}

/// The default one: there are no others.
pub(crate) async fn contexts() -> Json<[&'static str; 1]> {
    Json(["."])
}

pub(crate) async fn types() -> Json<[&'static str; 3]> {
    Json(SchemaKind::ALL.map(SchemaKind::as_str))
}

pub(crate) async fn list(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Query(asked): Query<Asked>,
) -> Answer<Vec<VersionAnswer>> {
    Ok(Json(desk.ask(caller, move |registry| registry.schemas(&asked)).await?))
}

async fn found(desk: Desk, caller: Principal, id: String, asked: Asked) -> Result<SchemaAnswer, Refusal> {
    let id = number(&id)?;
    desk.ask(caller, move |registry| registry.schema(id, &asked)).await
}

fn number(id: &str) -> Result<u32, Refusal> {
    id.parse().map_err(|_| Refusal::new(404, 404, "HTTP 404 Not Found"))
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<SchemaAnswer> {
    Ok(Json(found(desk, caller, id, asked).await?))
}

/// Its text only.
pub(crate) async fn schema(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Text, Refusal> {
    Ok(Text(found(desk, caller, id, asked).await?.schema))
}

pub(crate) async fn subjects(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Vec<Arc<str>>> {
    let id = number(&id)?;
    let uses = desk.ask(caller, move |registry| registry.uses(id, &asked)).await?;
    let mut subjects: Vec<_> = uses.into_iter().map(|used| used.subject).collect();
    subjects.dedup();
    Ok(Json(subjects))
}

pub(crate) async fn versions(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Vec<SubjectVersion>> {
    let id = number(&id)?;
    Ok(Json(desk.ask(caller, move |registry| registry.uses(id, &asked)).await?))
}
