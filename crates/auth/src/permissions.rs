//! What an administrator grants a user in a vhost.

use serde::{Deserialize, Serialize};

/// The three rights of AMQP's access control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Create, delete or change a resource.
    Configure,
    /// Put messages in: publish, bind a queue or exchange as destination.
    Write,
    /// Take messages out: consume, get, purge, bind an exchange as source.
    Read,
}

impl Action {
    /// Lower-case word, as refusal texts have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Configure => "configure",
            Action::Write => "write",
            Action::Read => "read",
        }
    }
}

/// Patterns over resource names, one for each right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// See [`Action::Configure`].
    pub configure: String,
    /// See [`Action::Write`].
    pub write: String,
    /// See [`Action::Read`].
    pub read: String,
}

impl Permissions {
    /// All rights on everything.
    pub fn full() -> Self {
        let all = || ".*".to_owned();
        Permissions { configure: all(), write: all(), read: all() }
    }
}

/// Patterns over routing keys of one topic exchange. `{username}`, `{vhost}` and `{client_id}` stand for the
/// connection's own values, as literals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPermissions {
    /// Keys that may be published with.
    pub write: String,
    /// Keys that may be bound with.
    pub read: String,
}
