//! Logins with access tokens: JSON Web Tokens (RFC 7519) whose scopes are the permissions, as RabbitMQ's OAuth 2 plugin
//! takes them.
//!
//! ```text
//!   token -> header (algorithm, key id) -> key -> signature -> claims -> Token -> Access in one vhost
//! ```
//!
//! [`TokenVerifier`] knows no protocol: any door that is given a token has it verified here. It reads no file, no clock
//! and no network; keys and time come in as arguments. Who fetches keys ([`Refresh`]) is told when one is missing.
//!
//! Invariants: a token is looked into for its algorithm and key only, until its signature is verified. The algorithm
//! must be allowed, and be one for the very key: a public key is never used as a secret. Text of a token never becomes
//! part of a pattern.

mod claims;
mod config;
mod crypto;
mod error;
mod keys;
mod refresh;
mod scope;
mod token;
mod unsecured;
mod verifier;

pub use config::{Config, assignment};
pub use error::{KeyError, TokenError};
pub use keys::{JWKS_BYTES_MAX, Key, Keys, SECRET_BYTES_MIN, parse_jwks};
pub use refresh::Refresh;
pub(crate) use scope::ScopeAccess;
pub use scope::{Grant, Wildcard};
pub use token::Token;
pub use unsecured::Unsecured;
pub use verifier::{TOKEN_BYTES_MAX, TokenVerifier};

#[cfg(test)]
mod tests;
