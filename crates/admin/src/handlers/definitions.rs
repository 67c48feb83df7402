//! `/definitions`: RabbitMQ's definitions.json.

use anymq_api::Imported;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use super::Answer;
use crate::answer::{Body, Query};
use crate::desk::Desk;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Which {
    vhost: Option<String>,
}

pub(crate) async fn export(State(desk): State<Desk>, Query(which): Query<Which>) -> Answer<Value> {
    Ok(Json(desk.ask(move |hall| hall.export(which.vhost.as_deref())).await?))
}

pub(crate) async fn import(
    State(desk): State<Desk>,
    Query(which): Query<Which>,
    Body(definitions): Body<Value>,
) -> Answer<Imported> {
    Ok(Json(desk.ask(move |hall| hall.import(which.vhost.as_deref(), &definitions)).await?))
}
