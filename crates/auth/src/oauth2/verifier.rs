//! From the bytes a client sends to a verified token.

use std::sync::{PoisonError, RwLock};

use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value};

use super::claims::Rules;
use super::config::Config;
use super::crypto;
use super::error::TokenError;
use super::keys::{Key, Keys};
use super::refresh::Refresh;
use super::token::Token;

/// Longest token looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Verifies tokens. Shared by all connections; never blocks but for its own short lock.
pub struct TokenVerifier {
    rules: Rules,
    algorithms: Vec<Algorithm>,
    default_key: Option<String>,
    keys: RwLock<Ring>,
    refresh: Option<Refresh>,
}

/// Keys by where they come from, so that each part is replaced by itself.
#[derive(Default)]
struct Ring {
    fixed: Keys,
    fetched: Keys,
}

impl TokenVerifier {
    /// A verifier without keys.
    ///
    /// # Errors
    /// An algorithm that is not supported.
    pub fn new(config: &Config) -> Result<TokenVerifier, String> {
        crypto::install();
        Ok(TokenVerifier {
            rules: Rules::new(config),
            algorithms: config.allowed()?,
            default_key: Some(config.default_key.clone()).filter(|id| !id.is_empty()),
            keys: RwLock::default(),
            refresh: (!config.jwks_url.is_empty()).then(Refresh::default),
        })
    }

    /// Replaces the keys that were read from files.
    pub fn set_keys(&self, keys: Keys) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).fixed = keys;
    }

    /// Replaces the keys that were fetched.
    pub fn set_fetched(&self, keys: Keys) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).fetched = keys;
    }

    /// Where to say that a key is missing; `None` if keys are not fetched.
    pub fn refresh(&self) -> Option<&Refresh> {
        self.refresh.as_ref()
    }

    /// Whether this is a token at all, and not a password: it has three parts, of which the first is a header.
    pub fn is_token(&self, secret: &[u8]) -> bool {
        secret.len() <= TOKEN_BYTES_MAX && jsonwebtoken::decode_header(secret).is_ok()
    }

    /// Verifies a token that somebody logs in with.
    ///
    /// # Errors
    /// If it cannot be trusted, is for another server, or is not valid at `now_s` (seconds since 1970).
    pub fn verify(&self, token: &[u8], now_s: u64) -> Result<Token, TokenError> {
        let token = self.verify_unexpired(token, now_s)?;
        token.check_expiry(now_s)?;
        Ok(token)
    }

    /// [`TokenVerifier::verify`], but for its end: for those who look at that themselves.
    ///
    /// # Errors
    /// As there.
    pub fn verify_unexpired(&self, token: &[u8], now_s: u64) -> Result<Token, TokenError> {
        self.rules.read(&self.claims(token)?, now_s)
    }

    /// The claims of a token whose signature verifies.
    fn claims(&self, token: &[u8]) -> Result<Map<String, Value>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let key = self.key(&header)?;
        if !self.algorithms.contains(&header.alg) || !key.takes(header.alg) {
            return Err(TokenError::Algorithm(format!("{:?}", header.alg)));
        }
        let mut validation = Validation::new(header.alg);
        // Times are judged by the broker's clock, and the audience by the broker's rules, afterwards.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        match jsonwebtoken::decode(token, &key.decoding, &validation) {
            Ok(decoded) => Ok(decoded.claims),
            Err(error) if *error.kind() == jsonwebtoken::errors::ErrorKind::InvalidSignature => {
                Err(TokenError::Signature)
            }
            Err(_) => Err(TokenError::Malformed),
        }
    }

    /// The key a token names, or the one for those that name none.
    fn key(&self, header: &Header) -> Result<Key, TokenError> {
        let ring = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = header.kid.as_ref().or(self.default_key.as_ref()) {
            let key = ring.fixed.get(id).or_else(|| ring.fetched.get(id));
            return key.cloned().ok_or_else(|| TokenError::UnknownKey(id.chars().take(128).collect()));
        }
        let mut all = ring.fixed.values().chain(ring.fetched.values());
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only.clone()),
            // With keys still to come, one of them may be the only one.
            (None, _) if self.refresh.is_some() => Err(TokenError::UnknownKey(String::new())),
            _ => Err(TokenError::NoKey),
        }
    }
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenVerifier").field("rules", &self.rules).finish_non_exhaustive()
    }
}
