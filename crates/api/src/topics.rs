//! Topics and their partitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A topic. A queue that Kafka can name is a topic with one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Topic {
    /// Vhost.
    pub vhost: String,
    /// Name.
    pub name: String,
    /// Identity, as a UUID.
    pub id: String,
    /// Type of its partitions: `stream`, unless it is a queue of another type.
    pub kind: String,
    /// How many partitions.
    pub partitions: u64,
    /// Messages of all partitions together.
    pub messages: u64,
    /// Bytes of all partitions together.
    pub bytes: u64,
    /// Settings that are not at their default.
    pub config: BTreeMap<String, String>,
    /// Its partitions; in a list of topics left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<Partition>,
}

/// A partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Partition {
    /// Number.
    pub number: u32,
    /// First offset that is kept.
    pub first_offset: u64,
    /// Offset of the next message.
    pub next_offset: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Body of creating a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicPut {
    /// How many partitions.
    pub partitions: u32,
    /// Settings, by their names in Kafka.
    pub config: BTreeMap<String, String>,
}

impl Default for TopicPut {
    fn default() -> Self {
        TopicPut { partitions: 1, config: BTreeMap::new() }
    }
}
