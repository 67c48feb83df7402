//! `/users`, `/permissions`: for administrators only.

use anymq_api::{ListQuery, Page, Permission, User, UserPut};
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
) -> Answer<Page<User>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.users(&filter))).await?))
}

pub(crate) async fn info(State(desk): State<Desk>, Path(user): Path<String>) -> Answer<User> {
    Ok(Json(desk.ask(move |hall| hall.user(&user)).await?))
}

pub(crate) async fn put(
    State(desk): State<Desk>,
    Path(user): Path<String>,
    Body(put): Body<UserPut>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.put_user(&user, put)).await?))
}

pub(crate) async fn delete(State(desk): State<Desk>, Path(user): Path<String>) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.delete_user(&user)).await?))
}

pub(crate) async fn permissions(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Query(query): Query<ListQuery>,
) -> Answer<Page<Permission>> {
    let filter = filter(&operator, query)?;
    Ok(Json(desk.ask(move |hall| Ok(hall.permissions(&filter))).await?))
}

pub(crate) async fn put_permission(
    State(desk): State<Desk>,
    Path((vhost, user)): Path<(String, String)>,
    Body(permission): Body<Permission>,
) -> Answer<()> {
    let permission = Permission { vhost, user, ..permission };
    Ok(Json(desk.ask(move |hall| hall.put_permission(permission)).await?))
}

pub(crate) async fn delete_permission(
    State(desk): State<Desk>,
    Path((vhost, user)): Path<(String, String)>,
) -> Answer<()> {
    Ok(Json(desk.ask(move |hall| hall.delete_permission(&vhost, &user)).await?))
}
