//! Settings of the broker.

use anymq_catalog::QueueKind;
use anymq_types::ByteSize;
use serde::{Deserialize, Serialize};

/// Settings of the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of this node, as clients and metrics see it.
    pub node_name: String,
    /// Name of the cluster, as clients see it.
    pub cluster_name: String,
    /// Largest message body.
    pub message_size_max: ByteSize,
    /// Bytes of messages kept in memory; beyond it they are read from the journal when needed.
    pub memory_budget: ByteSize,
    /// Resident memory at which publishers are held back; 0: 60 % of the machine's (or the container's).
    pub memory_high_watermark: ByteSize,
    /// Free disk space below which publishers are held back.
    pub disk_free_limit: ByteSize,
    /// Journal bytes kept so that consumed messages can be read again; the oldest go first.
    pub history_bytes: ByteSize,
    /// Journal bytes after which a snapshot is taken.
    pub snapshot_every: ByteSize,
    /// A consumer that holds a message longer than this has its channel closed, in milliseconds; 0: never.
    pub consumer_timeout_ms: u64,
    /// Type of a queue that is declared without `x-queue-type`, in vhosts that have no default of their own: `classic`, `quorum` or
    /// `stream`. Queues that cannot be of that type (exclusive, transient, auto-delete) are classic.
    pub default_queue_type: QueueKind,
    /// Most connections; 0: no limit.
    pub connections_max: u32,
    /// Users that may connect from this machine only.
    pub loopback_users: Vec<String>,
    /// Let addresses wait that failed to log in several times. Off where all clients come from one address, a proxy's.
    pub login_backoff: bool,
    /// Consumer groups.
    pub groups: crate::groups::config::Config,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            node_name: "anymq@localhost".into(),
            cluster_name: "anymq@localhost".into(),
            message_size_max: ByteSize(128 << 20),
            memory_budget: ByteSize(64 << 20),
            memory_high_watermark: ByteSize(0),
            disk_free_limit: ByteSize(50_000_000),
            history_bytes: ByteSize(1 << 30),
            snapshot_every: ByteSize(256 << 20),
            consumer_timeout_ms: 0,
            default_queue_type: QueueKind::Classic,
            connections_max: 0,
            loopback_users: vec!["guest".into()],
            login_backoff: true,
            groups: Default::default(),
        }
    }
}

impl Config {
    /// Names the first setting that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        if self.node_name.is_empty() || self.node_name.len() > 255 {
            return Err("broker.node_name: must have 1 to 255 bytes".into());
        }
        if self.message_size_max.0 == 0 || self.message_size_max.0 > 512 << 20 {
            return Err(format!("broker.message_size_max: {} is not in 1..=512MiB", self.message_size_max));
        }
        if self.memory_budget.0 < 1 << 20 {
            return Err(format!("broker.memory_budget: {} is less than 1MiB", self.memory_budget));
        }
        if self.snapshot_every.0 < 1 << 20 {
            return Err(format!("broker.snapshot_every: {} is less than 1MiB", self.snapshot_every));
        }
        self.groups.validate()
    }
}
