//! The table of paths.

use std::net::SocketAddr;
use std::time::Duration;

use anymq_api::{Problem, codes};
use anymq_broker::Turn;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::access::{Need, Operator};
use crate::answer::{CodeMark, Refusal};
use crate::desk::Desk;
use crate::hall::Login;
use crate::handlers::{
    bindings, clients, definitions, exchanges, groups, messages, overview, policies, queues, topics, users,
    vhosts,
};
use crate::serve::Peer;
use crate::{health, metrics};

/// Everything: the API behind a login, metrics and health in the open.
pub(crate) fn admin(desk: Desk) -> Router {
    let limit = usize::try_from(desk.config.body_max.0).unwrap_or(usize::MAX);
    let see = Router::new()
        .route("/whoami", get(overview::whoami))
        .route("/overview", get(overview::overview))
        .route("/vhosts", get(vhosts::list))
        .route("/vhosts/{vhost}", get(vhosts::info))
        .route("/exchanges", get(exchanges::list))
        .route("/exchanges/{vhost}/{name}", get(exchanges::info))
        // The default exchange has no name.
        .route("/exchanges/{vhost}/", get(exchanges::info_default))
        .route("/queues", get(queues::list))
        .route("/queues/{vhost}/{name}", get(queues::info))
        .route("/topics", get(topics::list))
        .route("/topics/{vhost}/{name}", get(topics::info))
        .route("/groups", get(groups::list))
        .route("/groups/{vhost}/{name}", get(groups::info))
        .route("/transactions", get(groups::transactions))
        .route("/messages/{vhost}/{name}", get(messages::look))
        .route("/bindings", get(bindings::list))
        .route("/policies", get(policies::list))
        .route("/policies/{vhost}/{kind}/{name}", get(policies::info))
        .route("/connections", get(clients::connections))
        .route("/connections/{id}", get(clients::connection))
        .route("/channels", get(clients::channels))
        .route("/consumers", get(clients::consumers))
        .route_layer(from_fn(|r, n| check(Need::See, r, n)));
    let set_policies = Router::new()
        .route("/policies/{vhost}/{kind}/{name}", put(policies::put).delete(policies::delete))
        .route_layer(from_fn(|r, n| check(Need::SetPolicies, r, n)));
    let administer = Router::new()
        .route("/vhosts/{vhost}", put(vhosts::put).delete(vhosts::delete))
        .route("/users", get(users::list))
        .route("/users/{user}", get(users::info).put(users::put).delete(users::delete))
        .route("/permissions", get(users::permissions))
        .route("/permissions/{vhost}/{user}", put(users::put_permission).delete(users::delete_permission))
        .route("/exchanges/{vhost}/{name}", put(exchanges::put).delete(exchanges::delete))
        .route("/queues/{vhost}/{name}", put(queues::put).delete(queues::delete))
        .route("/queues/{vhost}/{name}/messages", delete(queues::purge))
        .route("/topics/{vhost}/{name}", put(topics::put).delete(topics::delete))
        .route("/groups/{vhost}/{name}", delete(groups::delete))
        .route("/groups/{vhost}/{name}/offsets", post(groups::reset))
        .route("/transactions/{vhost}/{id}/abort", post(groups::abort))
        .route("/bindings", post(bindings::put))
        .route("/bindings/remove", post(bindings::remove))
        .route("/connections/{id}/close", post(clients::close))
        .route("/definitions", get(definitions::export).post(definitions::import))
        .route_layer(from_fn(|r, n| check(Need::Administer, r, n)));
    let api = see
        .merge(set_policies)
        .merge(administer)
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(limit))
        .layer(from_fn_with_state(desk.clone(), login))
        .layer(from_fn(log_changes));
    open_paths().nest("/api/v1", api).layer(map_response(harden)).with_state(desk)
}

/// Metrics and health.
pub(crate) fn metrics(desk: Desk) -> Router {
    open_paths().layer(map_response(harden)).with_state(desk)
}

fn open_paths() -> Router<Desk> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/health/startup", get(health::startup))
        .route("/metrics", get(metrics::aggregated))
        .route("/metrics/per-object", get(metrics::per_object))
        .route("/metrics/detailed", get(metrics::detailed))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
}

/// Refuses everybody who is not known before anything else of the request is looked at.
async fn login(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let Some(&Peer(peer)) = request.extensions().get::<Peer>() else {
        return Refusal(Problem::new(&codes::INTERNAL, "the connection has no peer")).into_response();
    };
    let header = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let Some((user, password)) = header.and_then(credentials) else {
        return Refusal(Problem::new(&codes::LOGIN_MISSING, "the request names no user")).into_response();
    };
    match check_password(&desk, user, password, peer).await {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(problem) => {
            tracing::warn!(%peer, code = problem.code, "admin login refused");
            Refusal(problem).into_response()
        }
    }
}

async fn check_password(
    desk: &Desk,
    user: String,
    password: String,
    peer: SocketAddr,
) -> Result<Operator, Problem> {
    // The wait takes up no thread and no turn of the desk.
    match desk.board.hall()?.login_turn(&Login { user: &user, password: &password, peer }) {
        Turn::Now => {}
        Turn::After(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Turn::Never => return Err(Problem::new(&codes::LOGIN_REFUSED, "login refused")),
    }
    desk.ask(move |hall| hall.login(Login { user: &user, password: &password, peer })).await
}

/// User and password of a basic authorization header (RFC 7617).
fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

async fn check(need: Need, request: Request, next: Next) -> Response {
    let allowed = match request.extensions().get::<Operator>() {
        Some(operator) => operator.may(need),
        None => Err(Problem::new(&codes::LOGIN_MISSING, "nobody is logged in")),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(problem) => Refusal(problem).into_response(),
    }
}

/// One line in the log for each request that changes something: who, what, how it ended. No bodies.
async fn log_changes(request: Request, next: Next) -> Response {
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<Peer>().map(|p| p.0);
    let header = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let user = header.and_then(credentials).map(|(user, _)| user).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let code = response.extensions().get::<CodeMark>().map_or(0, |mark| mark.0);
    tracing::info!(?user, peer = ?peer, %method, path, status = response.status().as_u16(), code, "admin change");
    response
}

async fn no_such_path(request: Request) -> Response {
    let what = format!("nothing at {:?}", request.uri().path());
    Refusal(Problem::new(&codes::NO_SUCH_PATH, what)).into_response()
}

async fn wrong_method(request: Request) -> Response {
    let what = format!("{:?} does not take {}", request.uri().path(), request.method());
    let mut response = Refusal(Problem::new(&codes::METHOD_WRONG, what)).into_response();
    *response.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Answers are data, not pages: nothing may sniff, frame or keep them.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_read() {
        let cases = [
            ("Basic Z3Vlc3Q6Z3Vlc3Q=", Some(("guest", "guest"))),
            ("basic YTpiOmM=", Some(("a", "b:c"))),
            ("Basic YQ==", None),
            ("Basic !!!", None),
            ("Bearer Z3Vlc3Q6Z3Vlc3Q=", None),
            ("Basic", None),
        ];
        for (header, expected) in cases {
            let found = credentials(header);
            let found = found.as_ref().map(|(u, p)| (u.as_str(), p.as_str()));
            assert_eq!(found, expected, "{header}");
        }
    }
}
