//! `/policies`

use anymq_api::{ListQuery, Page, Policy, Problem, codes};
use axum::extract::State;
use axum::{Extension, Json};

use super::{Answer, filter};
use crate::access::{Need, Operator};
use crate::answer::{Body, Path, Query};
use crate::desk::Desk;

/// Vhost, `user` or `operator`, name.
type Place = (String, String, String);

pub(crate) async fn list(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Policy>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.policies(&filter))).await?))
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, kind, name)): Path<Place>,
) -> Answer<Policy> {
    operator.in_vhost(&vhost)?;
    let kind = is_operator_policy(&kind)?;
    Ok(Json(desk.ask(move |hall| hall.policy(&vhost, &name, kind)).await?))
}

pub(crate) async fn put(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, kind, name)): Path<Place>,
    Body(policy): Body<Policy>,
) -> Answer<()> {
    let kind = may_change(&operator, &vhost, &kind)?;
    let policy = Policy { vhost, name, operator: kind, ..policy };
    Ok(Json(desk.ask(move |hall| hall.put_policy(policy)).await?))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, kind, name)): Path<Place>,
) -> Answer<()> {
    let kind = may_change(&operator, &vhost, &kind)?;
    Ok(Json(desk.ask(move |hall| hall.delete_policy(&vhost, &name, kind)).await?))
}

/// Operator policies bound what users may set, so users' policymakers may not change them.
fn may_change(operator: &Operator, vhost: &str, kind: &str) -> Result<bool, Problem> {
    operator.in_vhost(vhost)?;
    let kind = is_operator_policy(kind)?;
    if kind {
        operator.may(Need::Administer)?;
    }
    Ok(kind)
}

fn is_operator_policy(kind: &str) -> Result<bool, Problem> {
    match kind {
        "user" => Ok(false),
        "operator" => Ok(true),
        _ => Err(Problem::new(&codes::NO_SUCH_PATH, format!("{kind:?} is neither user nor operator"))),
    }
}
