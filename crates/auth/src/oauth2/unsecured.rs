//! Tokens that nobody signed (`alg: none`, RFC 7519 section 6): who they name is a claim and no proof. For tests on one
//! machine; who takes them has been told to.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::error::TokenError;
use super::verifier::TOKEN_BYTES_MAX;

/// Longest user name, in bytes.
const USER_BYTES_MAX: usize = 255;

/// What an unsigned token claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsecured {
    /// Whom it names (`sub`).
    pub user: String,
    /// When it ends, in seconds since 1970.
    pub expires_s: u64,
}

impl Unsecured {
    /// Reads a token; it must name a user, and an end that is not over.
    ///
    /// # Errors
    /// If it is signed, not well-formed, or not valid at `now_s`.
    pub fn read(token: &[u8], now_s: u64) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let text = std::str::from_utf8(token).map_err(|_| TokenError::Malformed)?;
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(""), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let (header, claims) = (object(header)?, object(claims)?);
        match header.get("alg").and_then(Value::as_str) {
            Some("none") => {}
            other => return Err(TokenError::Algorithm(other.unwrap_or_default().chars().take(32).collect())),
        }
        let user = claims.get("sub").and_then(Value::as_str).ok_or(TokenError::Claim("sub"))?;
        if user.is_empty() || user.len() > USER_BYTES_MAX {
            return Err(TokenError::Claim("sub"));
        }
        let at = seconds(&claims, "exp")?.ok_or(TokenError::NoExpiry)?;
        if at <= now_s {
            return Err(TokenError::Expired { at, now: now_s });
        }
        if seconds(&claims, "iat")?.is_some_and(|from| from > now_s) {
            return Err(TokenError::NotYet);
        }
        Ok(Unsecured { user: user.to_owned(), expires_s: at })
    }
}

fn object(part: &str) -> Result<Map<String, Value>, TokenError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

/// A time in seconds since 1970, its fraction cut off.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64().map(|seconds| seconds as u64)),
        Some(_) => Err(TokenError::Claim(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", encode(header), encode(claims))
    }

    #[test]
    fn only_unsigned_tokens_with_a_user_and_an_end_are_read() {
        const NONE: &str = r#"{"alg":"none"}"#;
        let good = Ok(Unsecured { user: "u".into(), expires_s: 200 });
        for (token, expected) in [
            (token(NONE, r#"{"sub":"u","exp":200}"#), good.clone()),
            (token(NONE, r#"{"sub":"u","exp":200.9,"iat":99}"#), good),
            (token(NONE, r#"{"sub":"u","exp":100}"#), Err(TokenError::Expired { at: 100, now: 100 })),
            (token(NONE, r#"{"sub":"u","exp":200,"iat":101}"#), Err(TokenError::NotYet)),
            (token(NONE, r#"{"sub":"u"}"#), Err(TokenError::NoExpiry)),
            (token(NONE, r#"{"sub":"u","exp":"200"}"#), Err(TokenError::Claim("exp"))),
            (token(NONE, r#"{"sub":"","exp":200}"#), Err(TokenError::Claim("sub"))),
            (token(NONE, r#"{"sub":1,"exp":200}"#), Err(TokenError::Claim("sub"))),
            (
                token(r#"{"alg":"None"}"#, r#"{"sub":"u","exp":200}"#),
                Err(TokenError::Algorithm("None".into())),
            ),
            (
                token(r#"{"alg":"HS256"}"#, r#"{"sub":"u","exp":200}"#),
                Err(TokenError::Algorithm("HS256".into())),
            ),
            (token(NONE, r#"{"sub":"u","exp":200}"#) + "abcd", Err(TokenError::Malformed)),
            (token(NONE, r#"{"sub":"u","exp":200}"#) + ".", Err(TokenError::Malformed)),
            (token(NONE, "[]"), Err(TokenError::Malformed)),
            (String::from("abc"), Err(TokenError::Malformed)),
            (String::new(), Err(TokenError::Malformed)),
            ("a".repeat(TOKEN_BYTES_MAX + 1), Err(TokenError::TooLong)),
        ] {
            assert_eq!(Unsecured::read(token.as_bytes(), 100), expected, "{token:.80}");
        }
    }
}
