//! Vhosts.

use std::sync::Arc;

use anymq_types::VhostId;
use serde::{Deserialize, Serialize};

use super::QueueKind;

/// A vhost: a world of names of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vhost {
    /// Never reused.
    pub id: VhostId,
    /// Unique.
    pub name: Arc<str>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Fills in the type of a durable, not exclusive queue that is declared without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_queue_type: Option<QueueKind>,
    /// For people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What its users may open and declare together.
    #[serde(default)]
    pub limits: VhostLimits,
}

impl Vhost {
    /// A vhost of that name with nothing set.
    pub fn new(id: VhostId, name: impl Into<Arc<str>>) -> Self {
        Vhost {
            id,
            name: name.into(),
            description: String::new(),
            default_queue_type: None,
            tags: Vec::new(),
            limits: VhostLimits::default(),
        }
    }
}

/// Limits of a vhost; `None` is no limit, 0 admits none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VhostLimits {
    /// Open connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// Declared queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_queues: Option<u32>,
}
