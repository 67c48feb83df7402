//! `/config` and `/config/{subject}`: levels of compatibility

use anymq_broker::Principal;
use anymq_catalog::Compatibility;
use axum::Extension;
use axum::extract::State;
use serde_json::{Value, json};

use super::Answer;
use crate::answer::{Body, Json, Path, Query};
use crate::serve::Desk;
use crate::settings::ALL;
use crate::wire::{Asked, LevelBody};

fn level(level: Compatibility) -> Json<Value> {
    Json(json!({ "compatibilityLevel": level.as_str() }))
}

async fn read(desk: Desk, caller: Principal, subject: String, or_global: bool) -> Answer<Value> {
    Ok(level(desk.ask(caller, move |registry| registry.level(&subject, or_global)).await?))
}

async fn set(desk: Desk, caller: Principal, subject: String, body: LevelBody) -> Answer<Value> {
    let mut answer = json!({});
    if let Some(level) = &body.compatibility {
        answer["compatibility"] = level.to_ascii_uppercase().into();
    }
    if let Some(normalize) = body.normalize {
        answer["normalize"] = normalize.into();
    }
    desk.ask(caller, move |registry| registry.set_level(&subject, &body)).await?;
    Ok(Json(answer))
}

async fn delete(desk: Desk, caller: Principal, subject: String) -> Answer<Value> {
    Ok(level(desk.ask(caller, move |registry| registry.delete_level(&subject)).await?))
}

pub(crate) async fn of_all(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
) -> Answer<Value> {
    read(desk, caller, ALL.into(), false).await
}

pub(crate) async fn put_all(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Body(body): Body<LevelBody>,
) -> Answer<Value> {
    set(desk, caller, ALL.into(), body).await
}

pub(crate) async fn delete_all(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
) -> Answer<Value> {
    delete(desk, caller, ALL.into()).await
}

pub(crate) async fn of_one(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Value> {
    read(desk, caller, subject, asked.default_to_global.0).await
}

pub(crate) async fn put_one(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
    Body(body): Body<LevelBody>,
) -> Answer<Value> {
    set(desk, caller, subject, body).await
}

pub(crate) async fn delete_one(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
) -> Answer<Value> {
    delete(desk, caller, subject).await
}
