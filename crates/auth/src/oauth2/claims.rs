//! What the claims of a verified token say: who, until when, and what for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::config::{Config, assignment};
use super::error::TokenError;
use super::token::Token;
use crate::tags::Tags;

/// Most scopes of one token; as many as RabbitMQ takes.
const SCOPES_MAX: usize = 2048;
/// Longest user name, in bytes.
const USER_BYTES_MAX: usize = 255;
/// How much later `nbf` may be than now, in seconds: clocks differ.
const LEEWAY_S: u64 = 60;
/// Who a token without a name is for.
const NOBODY: &str = "unknown";

/// How claims are read: the part of the configuration that speaks of them.
#[derive(Debug)]
pub(super) struct Rules {
    resource_server_id: String,
    prefix: String,
    verify_aud: bool,
    require_exp: bool,
    additional_scopes_key: Option<String>,
    username_claims: Vec<String>,
    aliases: BTreeMap<String, Vec<String>>,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Rules {
        let aliases = config.scope_aliases.iter().filter_map(|entry| assignment(entry));
        let defaults = ["sub", "client_id"].map(str::to_owned);
        Rules {
            resource_server_id: config.resource_server_id.clone(),
            prefix: config.prefix(),
            verify_aud: config.verify_aud,
            require_exp: config.require_exp,
            additional_scopes_key: Some(config.additional_scopes_key.clone()).filter(|key| !key.is_empty()),
            username_claims: config.preferred_username_claims.iter().cloned().chain(defaults).collect(),
            aliases: aliases.map(|(name, scopes)| (name.to_owned(), words(scopes).collect())).collect(),
        }
    }

    /// Reads the claims, and judges audience and `nbf`; whether the token has expired is asked of the token.
    pub(super) fn read(&self, claims: &Map<String, Value>, now_s: u64) -> Result<Token, TokenError> {
        self.check_audience(claims)?;
        if seconds(claims, "nbf")?.is_some_and(|from| from > now_s.saturating_add(LEEWAY_S)) {
            return Err(TokenError::NotYet);
        }
        let expires = seconds(claims, "exp")?;
        if expires.is_none() && self.require_exp {
            return Err(TokenError::NoExpiry);
        }
        let named = self.username_claims.iter().find_map(|claim| claims.get(claim)?.as_str());
        let user = named.unwrap_or(NOBODY);
        if user.is_empty() || user.len() > USER_BYTES_MAX {
            return Err(TokenError::Claim("user name"));
        }
        let scopes = self.scopes(claims);
        let tags = scopes.iter().filter_map(|scope| scope.strip_prefix("tag:"));
        let variables = match scopes.iter().any(|scope| scope.contains('{')) {
            true => {
                claims.iter().filter_map(|(k, v)| Some((k.as_str().into(), v.as_str()?.into()))).collect()
            }
            false => BTreeMap::new(),
        };
        Ok(Token { user: user.into(), tags: Tags::new(tags), scopes, variables, expires })
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        let named = match claims.get("aud") {
            Some(Value::String(text)) => text.split(' ').any(|id| id == self.resource_server_id),
            Some(Value::Array(list)) => list.iter().any(|id| id.as_str() == Some(&self.resource_server_id)),
            _ => false,
        };
        match named || !self.verify_aud {
            true => Ok(()),
            false => Err(TokenError::Audience(self.resource_server_id.clone())),
        }
    }

    /// The scopes that are for this broker, without their prefix, each once.
    fn scopes(&self, claims: &Map<String, Value>) -> Vec<Box<str>> {
        let mut all: Vec<String> = claims.get("scope").map(texts).unwrap_or_default();
        if let Some(claim) = self.additional_scopes_key.as_ref().and_then(|key| claims.get(key)) {
            match claim.as_object() {
                Some(by_server) => {
                    let mine = by_server.get(&self.resource_server_id).map(texts).unwrap_or_default();
                    all.extend(mine.iter().map(|scope| format!("{}.{scope}", self.resource_server_id)));
                }
                None => all.extend(texts(claim)),
            }
        }
        // The form of requesting party tokens, as Keycloak issues them.
        let permissions =
            claims.get("authorization").and_then(|a| a.get("permissions")).and_then(Value::as_array);
        all.extend(permissions.into_iter().flatten().filter_map(|p| p.get("scopes")).flat_map(texts));
        let meant: Vec<String> =
            all.iter().filter_map(|scope| self.aliases.get(scope)).flatten().cloned().collect();
        all.extend(meant);
        all.retain(|scope| scope.starts_with(&self.prefix));
        all.sort_unstable();
        all.dedup();
        all.truncate(SCOPES_MAX);
        all.iter().map(|scope| scope[self.prefix.len()..].into()).collect()
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned)
}

/// A list of texts, or texts separated by spaces.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => words(text).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// A time in seconds since 1970, its fraction cut off; a time before that is 0.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            // Saturates: what is beyond the range is as good as its end.
            let whole = number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64));
            whole.map(Some).ok_or(TokenError::Claim(name))
        }
        Some(_) => Err(TokenError::Claim(name)),
    }
}
