//! The table of paths, and who is let in.

use std::net::SocketAddr;
use std::time::Duration;

use anymq_broker::{Principal, Turn};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::errors::{Refusal, Result};
use crate::handlers::{compatibility, config, ids, modes, subjects, versions};
use crate::serve::{Desk, Peer};

/// The user of this name logs in with this password where nobody does.
const GUEST: &str = "guest";

/// Everything, behind a login.
pub(crate) fn router(desk: Desk) -> Router {
    let limit = usize::try_from(desk.config.body_max.0).unwrap_or(usize::MAX);
    Router::new()
        .route("/", get(ids::root))
        .route("/contexts", get(ids::contexts))
        .route("/subjects", get(subjects::list))
        .route("/subjects/{subject}", post(subjects::look_up).delete(subjects::delete))
        .route("/subjects/{subject}/versions", get(versions::list).post(versions::register))
        .route("/subjects/{subject}/versions/{version}", get(versions::info).delete(versions::delete))
        .route("/subjects/{subject}/versions/{version}/schema", get(versions::schema))
        .route("/subjects/{subject}/versions/{version}/referencedby", get(versions::referenced_by))
        .route("/schemas", get(ids::list))
        .route("/schemas/types", get(ids::types))
        .route("/schemas/types/", get(ids::types))
        .route("/schemas/ids/{id}", get(ids::info))
        .route("/schemas/ids/{id}/schema", get(ids::schema))
        .route("/schemas/ids/{id}/subjects", get(ids::subjects))
        .route("/schemas/ids/{id}/versions", get(ids::versions))
        .route("/compatibility/subjects/{subject}/versions", post(compatibility::all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(compatibility::one))
        .route("/config", get(config::of_all).put(config::put_all).delete(config::delete_all))
        .route("/config/{subject}", get(config::of_one).put(config::put_one).delete(config::delete_one))
        .route("/mode", get(modes::of_all).put(modes::put_all).delete(modes::delete_all))
        .route("/mode/{subject}", get(modes::of_one).put(modes::put_one).delete(modes::delete_one))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(desk.clone(), login))
        .layer(from_fn(log_changes))
        .layer(DefaultBodyLimit::max(limit))
        .layer(map_response(harden))
        .with_state(desk)
}

/// Refuses everybody who is not known before anything else of the request is looked at.
async fn login(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let Some(&Peer(peer)) = request.extensions().get::<Peer>() else {
        return Refusal::store("the connection has no peer").into_response();
    };
    let header = request.headers().get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
    let known = match header.map(credentials) {
        None => anonymous(&desk, peer).await,
        Some(Some((user, password))) => named(&desk, user, password, peer).await,
        Some(None) => Err(unauthorized()),
    };
    match known {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) => {
            tracing::info!(%peer, "registry login refused");
            refusal.into_response()
        }
    }
}

fn unauthorized() -> Refusal {
    Refusal::new(401, 401, "Unauthorized")
}

async fn named(desk: &Desk, user: String, password: String, peer: SocketAddr) -> Result<Principal> {
    // The wait takes up no thread and no turn of the desk.
    match desk.broker.login_turn(&user, password.as_bytes(), peer) {
        Turn::Now => {}
        Turn::After(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Turn::Never => return Err(unauthorized()),
    }
    let broker = desk.broker.clone();
    let admit = move || broker.admit(&user, password.as_bytes(), peer).map_err(|_| unauthorized());
    desk.work(admit).await
}

/// Whoever does not say who it is.
async fn anonymous(desk: &Desk, peer: SocketAddr) -> Result<Principal> {
    match desk.config.anonymous_user.as_str() {
        "" => Err(unauthorized()),
        GUEST => named(desk, GUEST.into(), GUEST.into(), peer).await,
        user => desk.broker.authenticate_external(user, peer).map_err(|_| unauthorized()),
    }
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

/// One line in the log for each request that may change something: who, what, how it ended. No bodies.
async fn log_changes(request: Request, next: Next) -> Response {
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<Peer>().map(|p| p.0);
    let header = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let user = header.and_then(credentials).map(|(user, _)| user).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::info!(?user, ?peer, %method, path, status = response.status().as_u16(), "registry request");
    response
}

async fn no_such_path() -> Refusal {
    Refusal::new(404, 404, "HTTP 404 Not Found")
}

async fn wrong_method() -> Refusal {
    Refusal::new(405, 405, "HTTP 405 Method Not Allowed")
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
        for (header, expected) in [
            ("Basic Z3Vlc3Q6Z3Vlc3Q=", Some(("guest", "guest"))),
            ("basic YTpiOmM=", Some(("a", "b:c"))),
            ("Basic YQ==", None),
            ("Basic !!!", None),
            ("Bearer Z3Vlc3Q6Z3Vlc3Q=", None),
            ("Basic", None),
        ] {
            let found = credentials(header);
            assert_eq!(found.as_ref().map(|(u, p)| (u.as_str(), p.as_str())), expected, "{header}");
        }
    }
}
