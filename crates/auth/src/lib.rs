//! Principals, credentials and permissions.
//!
//! Stands on `types` only. It decides, it does not store: users and permissions are kept by the catalogue, the
//! questions are asked by the broker, so no door can forget them. Start with [`Authenticator`] (who is it?),
//! [`scram`] where it is asked to prove it, or [`oauth2`] where a token says so, and [`Access`] (what may they do?).
//!
//! Nothing here reads a clock or makes randomness: time, salts and keys come in as arguments. Two things cost time:
//! [`Authenticator::verify`] and [`PasswordHash::argon2id`] run argon2id, tens of milliseconds and 19 MiB each; call
//! them on a blocking thread and bound how many run at once.
//!
//! Invariants: a refusal says nothing about whether the user exists, neither in text nor in time. A pattern that
//! does not compile is refused when it is set and never treated as one that matches. Matching is linear in the name.

mod access;
pub mod acl;
mod backoff;
mod error;
mod login;
pub mod oauth2;
mod password;
mod pattern;
mod permissions;
pub mod scram;
mod tags;

pub use access::{Access, AccessSpec};
pub use backoff::{Backoff, Turn};
pub use error::{HashError, PatternError, Refusal};
pub use login::{Attempt, Authenticator, Config, LoopbackUsers};
pub use password::{HashingAlgorithm, PasswordHash, SALT_BYTES};
pub use pattern::{PATTERN_BYTES_MAX, Pattern};
pub use permissions::{Action, Permissions, TopicPermissions};
pub use tags::Tags;

/// Who a connection acts for, once it has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user's name.
    pub user: std::sync::Arc<str>,
    /// What the user may do besides messaging.
    pub tags: Tags,
}
