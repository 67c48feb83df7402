//! OAUTHBEARER (RFC 7628): the client's first message.

use std::borrow::Cow;

use anymq_broker::scram;

/// What a client sends once it was told that its token is refused.
pub(super) const GOT_IT: &[u8] = b"\x01";

/// What is said of a token that is refused.
pub(super) const INVALID_TOKEN: &str = r#"{"status":"invalid_token"}"#;

/// The client's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Initial<'a> {
    /// Whom to act for, if anybody is named.
    pub(super) identity: Option<Cow<'a, str>>,
    /// The token.
    pub(super) token: &'a str,
}

/// Reads it: `n,[a=name],` and pairs of key and value, each ended by a byte 1, and one more. Pairs that are not known are for
/// others to know.
pub(super) fn parse(message: &[u8]) -> Option<Initial<'_>> {
    let text = std::str::from_utf8(message).ok()?;
    let (identity, pairs) = text.strip_prefix("n,")?.split_once(',')?;
    let identity = match identity {
        "" => None,
        identity => Some(scram::name(identity.strip_prefix("a=")?)?),
    };
    let pairs = pairs.strip_prefix('\x01')?.strip_suffix('\x01')?.strip_suffix('\x01')?;
    let mut token = None;
    for pair in pairs.split('\x01') {
        let (key, value) = pair.split_once('=').filter(|(key, value)| is_key(key) && is_value(value))?;
        if key == "auth" && token.replace(bearer(value)?).is_some() {
            return None;
        }
    }
    Some(Initial { identity, token: token? })
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_token = !token.is_empty()
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_the_rfc_has_them() {
        for (message, expected) in [
            ("n,,\x01auth=Bearer a.b-_.\x01\x01", Some((None, "a.b-_."))),
            ("n,a=me=2C,\x01auth=bearer   abc\x01\x01", Some((Some("me,"), "abc"))),
            ("n,,\x01host=h\x01auth=Bearer abc\x01port=9092\x01\x01", Some((None, "abc"))),
            ("y,,\x01auth=Bearer abc\x01\x01", None),
            ("p=x,,\x01auth=Bearer abc\x01\x01", None),
            ("n,,\x01auth=Bearer abc\x01", None),
            ("n,,auth=Bearer abc\x01\x01", None),
            ("n,,\x01auth=Basic abc\x01\x01", None),
            ("n,,\x01auth=Bearer \x01\x01", None),
            ("n,,\x01auth=Bearer a b\x01\x01", None),
            ("n,,\x01auth=Bearer abc\x01auth=Bearer abd\x01\x01", None),
            ("n,,\x01host=h\x01\x01", None),
            ("n,,\x01\x01", None),
            ("n,b=c,\x01auth=Bearer abc\x01\x01", None),
            ("\x01", None),
            ("", None),
        ] {
            let read = parse(message.as_bytes());
            let read = read.as_ref().map(|initial| (initial.identity.as_deref(), initial.token));
            assert_eq!(read, expected, "{message:?}");
        }
    }
}
