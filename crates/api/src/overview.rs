//! The broker as a whole.

use serde::{Deserialize, Serialize};

/// How the broker is, in one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overview {
    /// Version of the binary.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// When this answer was made.
    pub now_at: u64,
    /// Data directory.
    pub data_dir: String,
    /// Whether acknowledged messages survive a restart.
    pub persistent: bool,
    /// Open ports.
    pub listeners: Vec<ListenerAddress>,
    /// What is wrong; empty when all is well.
    pub alarms: Vec<String>,
    /// How many of each thing there are.
    pub counts: Counts,
    /// Message counters since the start.
    pub totals: Totals,
    /// Memory and disk.
    pub resources: Resources,
}

/// A socket that a door listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerAddress {
    /// Door: `amqp`, `admin`, `metrics`.
    pub door: String,
    /// `IP:PORT`.
    pub address: String,
    /// Over TLS.
    pub tls: bool,
}

/// How many of each thing there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Vhosts.
    pub vhosts: u64,
    /// Exchanges.
    pub exchanges: u64,
    /// Queues.
    pub queues: u64,
    /// Connections.
    pub connections: u64,
    /// Channels.
    pub channels: u64,
    /// Consumers.
    pub consumers: u64,
    /// Messages ready for delivery.
    pub ready: u64,
    /// Messages delivered and not yet acknowledged.
    pub unacked: u64,
    /// Messages that wait for their time.
    pub delayed: u64,
    /// How long the oldest message of any queue has been there, at least; none if all are empty. Streams do not count.
    pub oldest_age_ms: Option<u64>,
}

/// Counters since the broker started; they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Messages taken from publishers.
    pub published: u64,
    /// Messages that reached at least one queue.
    pub routed: u64,
    /// Messages confirmed to publishers who asked for it.
    pub confirmed: u64,
    /// Messages that reached no queue: dropped, or returned where that was asked for.
    pub unroutable: u64,
    /// Of those, returned.
    pub returned: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Of those, delivered again.
    pub redelivered: u64,
    /// Messages acknowledged, by a client or by delivery.
    pub acked: u64,
    /// Messages dead-lettered because they expired.
    pub dead_lettered_expired: u64,
    /// Messages dead-lettered because a consumer rejected them.
    pub dead_lettered_rejected: u64,
    /// Messages dead-lettered because the queue was full.
    pub dead_lettered_maxlen: u64,
    /// Messages dead-lettered because they were delivered too often.
    pub dead_lettered_delivery_limit: u64,
    /// Connections that logged in.
    pub connections_opened: u64,
    /// Connections that ended.
    pub connections_closed: u64,
    /// Channels opened.
    pub channels_opened: u64,
    /// Channels closed.
    pub channels_closed: u64,
    /// Declarations of queues, of those that existed too.
    pub queues_declared: u64,
    /// Queues created.
    pub queues_created: u64,
    /// Queues deleted.
    pub queues_deleted: u64,
    /// Logins refused.
    pub auth_failures: u64,
    /// Logins that had to wait, or were refused unheard, because their address had failed too often.
    pub auth_held_back: u64,
}

/// Memory and disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Resident memory of the process.
    pub resident_bytes: u64,
    /// Message data held in memory.
    pub message_bytes: u64,
    /// Above this, publishers are held back.
    pub memory_limit_bytes: u64,
    /// Journal and archive files.
    pub journal_bytes: u64,
    /// Written to the journal and not yet synced.
    pub pending_bytes: u64,
    /// Free space of the data directory's file system.
    pub disk_free_bytes: u64,
    /// Below this, publishers are held back.
    pub disk_limit_bytes: u64,
    /// Open file descriptors.
    pub fds: u64,
    /// Most file descriptors.
    pub fds_max: u64,
}

/// Answer of `/health/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Serves clients.
    pub ready: bool,
    /// `starting`, `ready`, `draining`, `failed`.
    pub state: String,
    /// How much of the journal is read, while starting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// What is wrong, in words that name no secret and nothing a stranger should know.
    pub problems: Vec<String>,
}
