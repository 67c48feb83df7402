//! `SaslAuthenticate`: a mechanism's token. Before the login the handshake takes it; afterwards it comes too late.

use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::sasl::{SaslAuthenticateRequest, SaslAuthenticateResponse};

pub(super) fn sasl_authenticate(cx: &mut Cx<'_>, _: SaslAuthenticateRequest<'_>) -> Reply {
    cx.reply(&SaslAuthenticateResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        error_message: Some("SaslAuthenticate request received after successful authentication".into()),
        ..Default::default()
    })
}
