//! `[auth.oauth2]`.

use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::{Deserialize, Serialize};

/// `[auth.oauth2]`: logins with an access token (JWT) as the password. See docs/operating/oauth2.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Take tokens. Users with passwords log in as before.
    pub enabled: bool,
    /// What the tokens call this broker: it must be in their audience, and their scopes begin with it.
    pub resource_server_id: String,
    /// What scopes begin with, if it is not the resource server's id and a dot; `none` for nothing.
    pub scope_prefix: String,
    /// Refuse tokens whose audience (`aud`) does not name the resource server.
    pub verify_aud: bool,
    /// Refuse tokens that never expire.
    pub require_exp: bool,
    /// Another claim that holds scopes: a list, text, or an object with the resource server's id as key.
    pub additional_scopes_key: String,
    /// Claims that may hold the user's name, the first that is there counts; `sub` and `client_id` are looked at last.
    pub preferred_username_claims: Vec<String>,
    /// Scopes that stand for others: `admin=rabbitmq.tag:administrator rabbitmq.read:*/*`.
    pub scope_aliases: Vec<String>,
    /// Algorithms that tokens may be signed with; those with a secret (`HS256`, `HS384`, `HS512`) need `secrets` as well.
    pub algorithms: Vec<String>,
    /// Public keys: `key id=PEM file`.
    pub signing_keys: Vec<String>,
    /// Secrets of at least 32 bytes for `HS256` and its like: `key id=file`. A line end at the end of the file does not belong to it.
    pub secrets: Vec<String>,
    /// The key of tokens that name none; if empty, the only key there is.
    pub default_key: String,
    /// A JSON Web Key Set on disk.
    pub jwks_file: PathBuf,
    /// Where the key set is fetched from (https): at the start, every `jwks_refresh`, and when a token names an unknown key, at most once a minute.
    pub jwks_url: String,
    /// Authorities in PEM form that certify the server of `jwks_url`; if empty, those of the system.
    pub jwks_ca: PathBuf,
    /// How often the key set is fetched again, so that keys withdrawn by the issuer are forgotten.
    #[serde(with = "anymq_types::units::duration")]
    pub jwks_refresh: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            enabled: false,
            resource_server_id: "rabbitmq".into(),
            scope_prefix: String::new(),
            verify_aud: true,
            require_exp: false,
            additional_scopes_key: String::new(),
            preferred_username_claims: Vec::new(),
            scope_aliases: Vec::new(),
            algorithms: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
                .map(str::to_owned)
                .into(),
            signing_keys: Vec::new(),
            secrets: Vec::new(),
            default_key: String::new(),
            jwks_file: PathBuf::new(),
            jwks_url: String::new(),
            jwks_ca: PathBuf::new(),
            jwks_refresh: Duration::from_secs(3600),
        }
    }
}

/// Splits `name=value`.
pub fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    (!name.is_empty() && !value.is_empty()).then_some((name, value))
}

impl Config {
    /// Checks what types cannot: the key at fault and what is wrong with it.
    ///
    /// # Errors
    /// The first mistake.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        if !self.enabled {
            return Ok(());
        }
        if self.resource_server_id.is_empty() {
            return Err(("resource_server_id", "is empty, must name this broker".into()));
        }
        for (key, list) in [
            ("scope_aliases", &self.scope_aliases),
            ("signing_keys", &self.signing_keys),
            ("secrets", &self.secrets),
        ] {
            if let Some(entry) = list.iter().find(|entry| assignment(entry).is_none()) {
                return Err((key, format!("has {entry:?}, which is not of the form name=value")));
            }
        }
        let algorithms = self.allowed().map_err(|reason| ("algorithms", reason))?;
        let by_secret = |a: &Algorithm| a.family() == AlgorithmFamily::Hmac;
        if algorithms.is_empty() {
            return Err(("algorithms", "is empty, no token could be verified".into()));
        }
        if self.secrets.is_empty() && algorithms.iter().any(by_secret) {
            return Err(("algorithms", "has one that needs a secret, and secrets is empty".into()));
        }
        if !self.secrets.is_empty() && !algorithms.iter().any(by_secret) {
            return Err(("secrets", "is of no use: algorithms has none that needs a secret".into()));
        }
        let has_file = !self.jwks_file.as_os_str().is_empty();
        if self.signing_keys.is_empty() && self.secrets.is_empty() && !has_file && self.jwks_url.is_empty() {
            return Err((
                "enabled",
                "is true without keys: set signing_keys, secrets, jwks_file or jwks_url".into(),
            ));
        }
        if !self.jwks_url.is_empty() && !self.jwks_url.starts_with("https://") {
            return Err(("jwks_url", format!("is {:?}, must begin with https://", self.jwks_url)));
        }
        if self.jwks_refresh < Duration::from_secs(60) {
            return Err(("jwks_refresh", "is less than 1m".into()));
        }
        Ok(())
    }

    pub(super) fn allowed(&self) -> Result<Vec<Algorithm>, String> {
        let parse = |name: &String| name.parse().map_err(|_| format!("has {name:?}, which is not supported"));
        self.algorithms.iter().map(parse).collect()
    }

    /// What scopes of this broker begin with.
    pub(super) fn prefix(&self) -> String {
        match self.scope_prefix.as_str() {
            "" => format!("{}.", self.resource_server_id),
            "none" => String::new(),
            prefix => prefix.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let good = Config { enabled: true, signing_keys: vec!["k=k.pem".into()], ..Config::default() };
        assert_eq!(good.validate(), Ok(()));
        assert_eq!(Config::default().validate(), Ok(()));
        let list = |text: &str| vec![text.to_owned()];
        let cases = [
            (Config { resource_server_id: String::new(), ..good.clone() }, "resource_server_id"),
            (Config { signing_keys: list("k.pem"), ..good.clone() }, "signing_keys"),
            (Config { scope_aliases: list("admin="), ..good.clone() }, "scope_aliases"),
            (Config { signing_keys: Vec::new(), ..good.clone() }, "enabled"),
            (Config { algorithms: list("none"), ..good.clone() }, "algorithms"),
            (Config { algorithms: list("HS256"), ..good.clone() }, "algorithms"),
            (Config { algorithms: Vec::new(), ..good.clone() }, "algorithms"),
            (Config { secrets: list("k=f"), ..good.clone() }, "secrets"),
            (Config { jwks_url: "http://idp/keys".into(), ..good.clone() }, "jwks_url"),
            (Config { jwks_refresh: Duration::from_secs(1), ..good }, "jwks_refresh"),
        ];
        for (config, key) in cases {
            assert_eq!(config.validate().unwrap_err().0, key);
        }
    }
}
