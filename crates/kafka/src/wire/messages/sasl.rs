//! Logins.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Blob, Text};

messages! {
    /// SaslHandshake request.
    SaslHandshakeRequest<'a> {
        mechanism: &'a str [0..],
    }

    /// SaslHandshake response.
    SaslHandshakeResponse<'a> {
        error_code: ErrorCode [0..],
        mechanisms: Array<'a, Text<'a>> [0..],
    }

    /// SaslAuthenticate request.
    SaslAuthenticateRequest<'a> {
        auth_bytes: &'a [u8] [0..],
    }

    /// SaslAuthenticate response.
    SaslAuthenticateResponse<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        auth_bytes: Blob<'a> [0..],
        session_lifetime_ms: i64 [1..],
    }
}
