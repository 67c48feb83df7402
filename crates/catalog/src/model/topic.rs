//! Topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::{QueueId, VhostId};
use serde::{Deserialize, Serialize};

/// A topic: a name over streams, one per partition. Its identity is that of its first partition, which is never reused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Where.
    pub vhost: VhostId,
    /// Unique among the topics of the vhost.
    pub name: Arc<str>,
    /// The partitions' queues, in the order of their numbers; at least one, and only ever added to.
    pub partitions: Vec<QueueId>,
    /// What was set, by key, as its client wrote it; what was not set follows the broker's defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<Arc<str>, Arc<str>>,
}

impl Topic {
    /// The first partition's queue.
    pub fn id(&self) -> QueueId {
        self.partitions[0]
    }

    /// The name of partition `number`'s queue in a topic that is created with `count` partitions. With one partition it is
    /// the topic's: one name, one stream. No topic can be named like a partition of another.
    pub fn queue_name(topic: &str, number: u32, count: u32) -> String {
        if count == 1 { topic.to_owned() } else { format!("{topic}/{number}") }
    }
}
