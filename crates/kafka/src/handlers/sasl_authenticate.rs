//! `SaslAuthenticate`: a mechanism's token. Before the login the handshake takes it, and later the session if the login is
//! renewed; otherwise it comes too late.

use std::time::Duration;

use crate::session::{Cx, Head, Reply};
use crate::wire::messages::sasl::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use crate::wire::{ErrorCode, Segments};

pub(super) fn sasl_authenticate(cx: &mut Cx<'_>, _: SaslAuthenticateRequest<'_>) -> Reply {
    cx.reply(&SaslAuthenticateResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        error_message: Some("SaslAuthenticate request received after successful authentication".into()),
        ..Default::default()
    })
}

/// What the mechanism says, and how long the login is good, if that is the end of it.
pub(crate) fn answer(head: Head, token: &[u8], lifetime: Option<Duration>) -> Segments {
    let lifetime_ms = lifetime.map_or(0, |lifetime| lifetime.as_millis());
    head.encode(&SaslAuthenticateResponse {
        auth_bytes: token.into(),
        session_lifetime_ms: i64::try_from(lifetime_ms).unwrap_or(i64::MAX),
        ..Default::default()
    })
}

/// The login was refused.
pub(crate) fn refusal(head: Head, reason: &str) -> Segments {
    head.encode(&SaslAuthenticateResponse {
        error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
        error_message: Some(reason.into()),
        ..Default::default()
    })
}
