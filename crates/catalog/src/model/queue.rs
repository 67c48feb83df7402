//! Queues.

use std::sync::Arc;

use anymq_types::{ConnectionId, QueueId, VhostId};
use serde::{Deserialize, Serialize};

use crate::args::Args;

/// The three queue types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueKind {
    /// Requeues to the original position; may be exclusive, transient, server-named.
    #[default]
    Classic,
    /// Always durable; counts deliveries; requeues in return order.
    Quorum,
    /// Keeps records; consumers read by offset.
    Stream,
}

impl QueueKind {
    /// The value of `x-queue-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            QueueKind::Classic => "classic",
            QueueKind::Quorum => "quorum",
            QueueKind::Stream => "stream",
        }
    }

    /// RabbitMQ's module for it, which its error texts name.
    pub fn module(self) -> &'static str {
        match self {
            QueueKind::Classic => "rabbit_classic_queue",
            QueueKind::Quorum => "rabbit_quorum_queue",
            QueueKind::Stream => "rabbit_stream_queue",
        }
    }

    /// Reads the value of `x-queue-type`, in its short or long form.
    pub fn parse(name: &str) -> Option<Self> {
        [QueueKind::Classic, QueueKind::Quorum, QueueKind::Stream]
            .into_iter()
            .find(|kind| kind.as_str() == name || kind.module() == name)
    }
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Never reused.
    pub id: QueueId,
    /// Where.
    pub vhost: VhostId,
    /// Unique in the vhost.
    pub name: Arc<str>,
    /// Its type.
    #[serde(default)]
    pub kind: QueueKind,
    /// Declared as durable. What survives a restart is [`Queue::is_durable`].
    pub durable: bool,
    /// Goes with its last consumer.
    #[serde(default)]
    pub auto_delete: bool,
    /// The connection it belongs to and goes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_owner: Option<ConnectionId>,
    /// As declared, without `x-queue-type`, which is [`Queue::kind`].
    #[serde(default, skip_serializing_if = "Args::is_empty")]
    pub args: Args,
}

impl Queue {
    /// Survives a restart: durable and not exclusive.
    pub fn is_durable(&self) -> bool {
        self.durable && self.exclusive_owner.is_none()
    }
}
