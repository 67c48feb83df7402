//! `/metrics`, `/metrics/per-object` and `/metrics/detailed` in the Prometheus text format.
//!
//! Values are read when asked for; nothing is registered or kept per object. The text is written directly: names must
//! be exactly those of existing dashboards, which a registry that adds suffixes does not give.

mod aggregate;
mod detailed;
mod exposition;
mod kafka;
mod objects;
mod process;
mod rabbitmq;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::answer::{Query, Refusal};
use crate::board::Board;
use crate::desk::Desk;

use detailed::Wanted;
pub(crate) use exposition::Exposition;
pub(crate) use process::Process;

/// The broker as a whole, and the depth of some queues.
pub(crate) async fn aggregated(State(desk): State<Desk>) -> Response {
    page(desk, aggregate::write).await
}

/// Every queue, topic and group, as far as the limit on series goes.
pub(crate) async fn per_object(State(desk): State<Desk>) -> Response {
    page(desk, objects::write).await
}

/// Of each thing, the families that the query asks for.
pub(crate) async fn detailed(
    State(desk): State<Desk>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let wanted = Wanted::new(query);
    page(desk, move |board, out| detailed::write(board, &wanted, out)).await
}

async fn page(desk: Desk, write: impl FnOnce(&Board, &mut Exposition) + Send + 'static) -> Response {
    let (board, series_max) = (desk.board.clone(), desk.metrics.series_max);
    let text = desk.work(move || {
        let mut out = Exposition::new(series_max);
        write(&board, &mut out);
        Ok(out.finish())
    });
    match text.await {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(problem) => Refusal(problem).into_response(),
    }
}
