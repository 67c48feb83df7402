//! `/compatibility/subjects/{subject}/versions` and `…/{version}`

use anymq_broker::Principal;
use axum::Extension;
use axum::extract::State;

use super::Answer;
use crate::answer::{Body, Json, Path, Query};
use crate::registry::Which;
use crate::serve::Desk;
use crate::wire::{Asked, SchemaBody, Verdict};

pub(crate) async fn one(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path((subject, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Body(body): Body<SchemaBody>,
) -> Answer<Verdict> {
    let which = Some(Which::parse(&version)?);
    let (normalize, verbose) = (asked.normalize.0, asked.verbose.0);
    let verdict =
        desk.ask(caller, move |registry| registry.would_fit(&subject, which, body, normalize, verbose));
    Ok(Json(verdict.await?))
}

pub(crate) async fn all(
    State(desk): State<Desk>,
    Extension(caller): Extension<Principal>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Body(body): Body<SchemaBody>,
) -> Answer<Verdict> {
    let (normalize, verbose) = (asked.normalize.0, asked.verbose.0);
    let verdict =
        desk.ask(caller, move |registry| registry.would_fit(&subject, None, body, normalize, verbose));
    Ok(Json(verdict.await?))
}
