//! `/messages`

use std::pin::pin;
use std::time::Duration;

use anymq_api::{Messages, MessagesQuery};
use axum::extract::State;
use axum::{Extension, Json};

use super::Answer;
use crate::access::Operator;
use crate::answer::{Path, Query};
use crate::desk::Desk;

/// Longest wait for a message.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Messages from a place on. If there are none, waits for some, if that is wanted; the wait takes up no thread and no turn of the desk.
pub(crate) async fn look(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    Path((vhost, name)): Path<(String, String)>,
    Query(mut query): Query<MessagesQuery>,
) -> Answer<Messages> {
    operator.in_vhost(&vhost)?;
    let wait =
        Duration::from_millis(query.wait_ms.unwrap_or(0)).min(WAIT_MAX).min(desk.config.request_deadline / 2);
    let _waiting = if wait.is_zero() { None } else { Some(desk.wait_turn()?) };
    let mut over = pin!(tokio::time::sleep(wait));
    loop {
        let (operator, vhost, name, ask) = (operator.clone(), vhost.clone(), name.clone(), query.clone());
        let (page, more) = desk.ask(move |hall| hall.messages(&operator, &vhost, &name, &ask)).await?;
        let Some(more) = more.filter(|_| !wait.is_zero()) else { return Ok(Json(page)) };
        tokio::select! {
            () = &mut over => return Ok(Json(page)),
            () = more => query.from = Some(page.next),
        }
    }
}
