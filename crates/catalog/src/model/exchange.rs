//! Exchanges.

use std::sync::Arc;

use anymq_types::{ExchangeId, VhostId};
use serde::{Deserialize, Serialize};

use crate::args::Args;

/// How an exchange chooses. The names are RabbitMQ's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExchangeKind {
    /// Bindings whose key is the routing key.
    #[serde(rename = "direct")]
    Direct,
    /// All bindings.
    #[serde(rename = "fanout")]
    Fanout,
    /// Bindings whose pattern of words matches the routing key.
    #[serde(rename = "topic")]
    Topic,
    /// Bindings whose arguments match the headers.
    #[serde(rename = "headers")]
    Headers,
    /// One binding, by a stable hash; binding keys are weights.
    #[serde(rename = "x-consistent-hash")]
    ConsistentHash,
    /// One binding, by the hash of the routing key modulo their number.
    #[serde(rename = "x-modulus-hash")]
    ModulusHash,
    /// One binding, at random.
    #[serde(rename = "x-random")]
    Random,
    /// One binding to a classic queue of this node, at random.
    #[serde(rename = "x-local-random")]
    LocalRandom,
    /// Delays by the header `x-delay`, then chooses as the argument `x-delayed-type` says.
    #[serde(rename = "x-delayed-message")]
    Delayed,
}

impl ExchangeKind {
    /// All of them.
    pub const ALL: [ExchangeKind; 9] = [
        ExchangeKind::Direct,
        ExchangeKind::Fanout,
        ExchangeKind::Topic,
        ExchangeKind::Headers,
        ExchangeKind::ConsistentHash,
        ExchangeKind::ModulusHash,
        ExchangeKind::Random,
        ExchangeKind::LocalRandom,
        ExchangeKind::Delayed,
    ];

    /// The name clients declare it by.
    pub fn as_str(self) -> &'static str {
        match self {
            ExchangeKind::Direct => "direct",
            ExchangeKind::Fanout => "fanout",
            ExchangeKind::Topic => "topic",
            ExchangeKind::Headers => "headers",
            ExchangeKind::ConsistentHash => "x-consistent-hash",
            ExchangeKind::ModulusHash => "x-modulus-hash",
            ExchangeKind::Random => "x-random",
            ExchangeKind::LocalRandom => "x-local-random",
            ExchangeKind::Delayed => "x-delayed-message",
        }
    }

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Never reused.
    pub id: ExchangeId,
    /// Where.
    pub vhost: VhostId,
    /// Unique in the vhost; the default exchange's is empty.
    pub name: Arc<str>,
    /// How it chooses.
    pub kind: ExchangeKind,
    /// Survives a restart.
    pub durable: bool,
    /// Goes with its last binding.
    #[serde(default)]
    pub auto_delete: bool,
    /// Takes messages from other exchanges only.
    #[serde(default)]
    pub internal: bool,
    /// As declared.
    #[serde(default, skip_serializing_if = "Args::is_empty")]
    pub args: Args,
}

impl Exchange {
    /// How it chooses once a message is due: for a delayed exchange, the kind it wraps.
    pub fn routing_kind(&self) -> ExchangeKind {
        match self.kind {
            ExchangeKind::Delayed => crate::args::delayed_kind(&self.args).unwrap_or(ExchangeKind::Direct),
            kind => kind,
        }
    }

    /// The topic whose records go through it, if one is named.
    pub fn from_topic(&self) -> Option<&str> {
        self.args.table().get(crate::args::exchange::FROM_TOPIC).and_then(|v| v.as_str())
    }

    /// True for the exchanges every vhost is born with; they cannot be deleted.
    pub fn is_predeclared(&self) -> bool {
        self.id.0 & crate::catalog::PREDECLARED_ID_BIT != 0
    }
}
