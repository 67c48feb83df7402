//! Policies and parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::VhostId;
use serde::{Deserialize, Serialize};

/// What a policy applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyTo {
    /// Queues and exchanges.
    #[default]
    All,
    /// Queues of every type.
    Queues,
    /// Classic queues.
    ClassicQueues,
    /// Quorum queues.
    QuorumQueues,
    /// Streams.
    Streams,
    /// Exchanges.
    Exchanges,
}

impl ApplyTo {
    /// The value of `apply-to`.
    pub fn as_str(self) -> &'static str {
        match self {
            ApplyTo::All => "all",
            ApplyTo::Queues => "queues",
            ApplyTo::ClassicQueues => "classic_queues",
            ApplyTo::QuorumQueues => "quorum_queues",
            ApplyTo::Streams => "streams",
            ApplyTo::Exchanges => "exchanges",
        }
    }

    /// Reads the value of `apply-to`.
    pub fn parse(name: &str) -> Option<Self> {
        use ApplyTo::{All, ClassicQueues, Exchanges, Queues, QuorumQueues, Streams};
        [All, Queues, ClassicQueues, QuorumQueues, Streams, Exchanges]
            .into_iter()
            .find(|a| a.as_str() == name)
    }
}

/// A policy: settings for all queues or exchanges whose name matches. Of those that match, the one of highest
/// priority applies, alone; an operator policy is merged into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Where.
    pub vhost: VhostId,
    /// Unique in the vhost among policies, or among operator policies.
    pub name: Arc<str>,
    /// Regular expression over names, not anchored.
    pub pattern: String,
    /// To what.
    #[serde(default)]
    pub apply_to: ApplyTo,
    /// Higher wins; of equal ones, the first by name.
    #[serde(default)]
    pub priority: i32,
    /// Settings by name: `message-ttl`, `max-length`, ...
    pub definition: BTreeMap<String, serde_json::Value>,
    /// True for an operator policy.
    #[serde(default)]
    pub operator: bool,
}

/// A runtime parameter of a component that is no part of the broker; kept for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Where.
    pub vhost: VhostId,
    /// Whose.
    pub component: Arc<str>,
    /// Unique in vhost and component.
    pub name: Arc<str>,
    /// Anything.
    pub value: serde_json::Value,
}

/// A parameter of no vhost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalParameter {
    /// Unique.
    pub name: Arc<str>,
    /// Anything.
    pub value: serde_json::Value,
}
