//! `/topics`

use anymq_api::{ListQuery, Page, Removed, Topic, TopicPut};
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
) -> Answer<Page<Topic>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.topics(&filter))).await?))
}

pub(crate) async fn info(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
) -> Answer<Topic> {
    operator.in_vhost(&vhost)?;
    Ok(Json(desk.ask(move |hall| hall.topic(&vhost, &name)).await?))
}

pub(crate) async fn put(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
    Body(put): Body<TopicPut>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.put_topic(&operator, &vhost, &name, put)).await?))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
) -> Answer<Removed> {
    let messages = desk.ask(move |hall| hall.delete_topic(&operator, &vhost, &name)).await?;
    Ok(Json(Removed { messages }))
}
