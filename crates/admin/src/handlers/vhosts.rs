//! `/vhosts`

use anymq_api::{ListQuery, Page, Vhost};
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
) -> Answer<Page<Vhost>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.vhosts(&filter))).await?))
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path(vhost): Path<String>,
) -> Answer<Vhost> {
    operator.in_vhost(&vhost)?;
    Ok(Json(desk.ask(move |hall| hall.vhost(&vhost)).await?))
}

pub(crate) async fn put(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    Body(vhost): Body<Vhost>,
) -> Answer<()> {
    let vhost = Vhost { name, ..vhost };
    Ok(Json(desk.ask(move |hall| hall.put_vhost(&operator, vhost)).await?))
}

pub(crate) async fn delete(State(desk): State<Desk>, Path(vhost): Path<String>) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.delete_vhost(&vhost)).await?))
}
