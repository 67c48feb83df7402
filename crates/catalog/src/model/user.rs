//! Users and what they may do.

use std::sync::Arc;

use anymq_auth::scram::ScramCredentials;
use anymq_auth::{PasswordHash, Permissions, Tags, TopicPermissions};
use anymq_types::VhostId;
use serde::{Deserialize, Serialize};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique.
    pub name: Arc<str>,
    /// What is kept of the password.
    pub password: PasswordHash,
    /// What is kept of it, or of others, for logins by challenge and response.
    #[serde(default, skip_serializing_if = "ScramCredentials::is_empty")]
    pub scram: ScramCredentials,
    /// What the user may do besides messaging.
    #[serde(default)]
    pub tags: Tags,
    /// What the user may open.
    #[serde(default)]
    pub limits: UserLimits,
}

/// Limits of a user; `None` is no limit, 0 admits none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLimits {
    /// Open connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// Open channels, over all connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_channels: Option<u32>,
}

/// What a user may do in a vhost. A user without one has no access to the vhost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// Who.
    pub user: Arc<str>,
    /// Where.
    pub vhost: VhostId,
    /// What.
    #[serde(flatten)]
    pub grant: Permissions,
}

/// Which routing keys a user may use with a topic exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPermission {
    /// Who.
    pub user: Arc<str>,
    /// Where.
    pub vhost: VhostId,
    /// Name of the exchange; it need not exist.
    pub exchange: Arc<str>,
    /// Which keys.
    #[serde(flatten)]
    pub grant: TopicPermissions,
}
