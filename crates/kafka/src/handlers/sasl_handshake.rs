//! `SaslHandshake`: agrees on a mechanism. Before the login the handshake answers it, and later the session if the login
//! must be renewed; otherwise it comes too late.

use crate::sasl::Mechanism;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::sasl::{SaslHandshakeRequest, SaslHandshakeResponse};

pub(super) fn sasl_handshake(cx: &mut Cx<'_>, _: SaslHandshakeRequest<'_>) -> Reply {
    cx.reply(&too_late())
}

/// The answer to a client that has logged in, or is about to.
pub(crate) fn too_late() -> SaslHandshakeResponse<'static> {
    SaslHandshakeResponse { error_code: ErrorCode::ILLEGAL_SASL_STATE, ..Default::default() }
}

/// The answer to a client that is to log in.
pub(crate) fn answer(offered: &[Mechanism], is_one: bool) -> SaslHandshakeResponse<'static> {
    let error_code = match is_one {
        true => ErrorCode::NONE,
        false => ErrorCode::UNSUPPORTED_SASL_MECHANISM,
    };
    let mechanisms = offered.iter().map(|mechanism| mechanism.name().into()).collect();
    SaslHandshakeResponse { error_code, mechanisms }
}
