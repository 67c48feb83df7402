//! `/mode` and `/mode/{subject}`: what may be done

use anymq_broker::Principal;
use anymq_catalog::SubjectMode;
use axum::Extension;
use axum::extract::State;
use serde_json::{Value, json};

use super::Answer;
use crate::answer::{Body, Json, Path, Query};
use crate::serve::Desk;
use crate::settings::ALL;
use crate::wire::{Asked, ModeBody};

fn mode(mode: SubjectMode) -> Json<Value> {
    Json(json!({ "mode": mode.as_str() }))
}

async fn read(desk: Desk, caller: Principal, subject: String, or_global: bool) -> Answer<Value> {
    Ok(mode(desk.ask(caller, move |registry| registry.mode(&subject, or_global)).await?))
}

async fn set(desk: Desk, caller: Principal, subject: String, body: ModeBody, force: bool) -> Answer<Value> {
    Ok(mode(desk.ask(caller, move |registry| registry.set_mode(&subject, &body.mode, force)).await?))
}

async fn delete(desk: Desk, caller: Principal, subject: String) -> Answer<Value> {
    Ok(mode(desk.ask(caller, move |registry| registry.delete_mode(&subject)).await?))
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
    Query(asked): Query<Asked>,
    Body(body): Body<ModeBody>,
) -> Answer<Value> {
    set(desk, caller, ALL.into(), body, asked.force.0).await
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
    Query(asked): Query<Asked>,
    Body(body): Body<ModeBody>,
) -> Answer<Value> {
    set(desk, caller, subject, body, asked.force.0).await
}

pub(crate) async fn delete_one(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
) -> Answer<Value> {
    delete(desk, caller, subject).await
}
