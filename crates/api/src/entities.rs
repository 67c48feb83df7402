//! What exists: one struct for each noun of the command line.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Arguments of a queue, exchange, binding or consumer, as JSON.
pub type Arguments = Map<String, Value>;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries, in the order of their names.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
}

/// Which part of a list is wanted: query parameters of every list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    /// Only this vhost.
    pub vhost: Option<String>,
    /// Only names that contain this text.
    pub name: Option<String>,
    /// Leave out this many first.
    pub offset: usize,
    /// At most this many; at most [`PAGE_MAX`].
    pub limit: Option<usize>,
}

/// Most entries on one page.
pub const PAGE_MAX: usize = 10_000;

/// A vhost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vhost {
    /// Name.
    pub name: String,
    /// What it is for, in the operator's words.
    pub description: String,
    /// Queue type for declarations that name none.
    pub default_queue_type: Option<String>,
    /// Most connections; none: no limit.
    pub max_connections: Option<u64>,
    /// Most queues; none: no limit.
    pub max_queues: Option<u64>,
    /// Queues in it.
    pub queues: u64,
}

/// A user. Passwords are never given out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// Name.
    pub name: String,
    /// Tags: `administrator`, `monitoring`, `policymaker`, `management`.
    pub tags: Vec<String>,
    /// May log in with a password.
    pub has_password: bool,
}

/// Body of creating or changing a user. What is not given stays as it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserPut {
    /// New password.
    pub password: Option<String>,
    /// New tags.
    pub tags: Option<Vec<String>>,
}

/// Shows no password.
impl std::fmt::Debug for UserPut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserPut").field("tags", &self.tags).finish_non_exhaustive()
    }
}

/// What a user may do in a vhost: regular expressions over names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permission {
    /// User.
    pub user: String,
    /// Vhost.
    pub vhost: String,
    /// May create and delete names that match.
    pub configure: String,
    /// May publish to names that match.
    pub write: String,
    /// May consume from names that match.
    pub read: String,
}

/// An exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// Vhost.
    pub vhost: String,
    /// Name; empty for the default exchange.
    pub name: String,
    /// Type: `direct`, `fanout`, `topic`, `headers`, `x-…`.
    pub kind: String,
    /// Survives restarts.
    pub durable: bool,
    /// Deleted with its last binding.
    pub auto_delete: bool,
    /// Clients cannot publish to it.
    pub internal: bool,
    /// Arguments.
    pub arguments: Arguments,
    /// Name of the policy in force.
    pub policy: Option<String>,
}

/// A queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Queue {
    /// Vhost.
    pub vhost: String,
    /// Name.
    pub name: String,
    /// Type: `classic`, `quorum`, `stream`.
    pub kind: String,
    /// Survives restarts.
    pub durable: bool,
    /// Deleted when its last consumer goes.
    pub auto_delete: bool,
    /// Belongs to one connection.
    pub exclusive: bool,
    /// Arguments.
    pub arguments: Arguments,
    /// Name of the policy in force.
    pub policy: Option<String>,
    /// Ready and unacknowledged messages together.
    pub messages: u64,
    /// Messages ready for delivery.
    pub ready: u64,
    /// Messages delivered and not yet acknowledged.
    pub unacked: u64,
    /// Messages that wait for their time.
    pub delayed: u64,
    /// Bytes of all messages.
    pub bytes: u64,
    /// Bytes of message data in memory.
    pub memory_bytes: u64,
    /// Consumers.
    pub consumers: u64,
    /// How long its oldest message has been there, at least; none if it is empty.
    pub oldest_age_ms: Option<u64>,
    /// Messages published to it since the broker started.
    pub published_total: u64,
    /// Messages delivered since the broker started.
    pub delivered_total: u64,
    /// Messages acknowledged since the broker started.
    pub acked_total: u64,
    /// Messages delivered again since the broker started.
    pub redelivered_total: u64,
    /// Messages dead-lettered or dropped since the broker started.
    pub dropped_total: u64,
}

/// Body of creating an exchange or a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Declare {
    /// Exchange type; not used for queues, whose type is the argument `x-queue-type`.
    pub kind: Option<String>,
    /// Survives restarts.
    pub durable: bool,
    /// Deleted with its last consumer (queue) or binding (exchange).
    pub auto_delete: bool,
    /// Clients cannot publish to it (exchange).
    pub internal: bool,
    /// Arguments.
    pub arguments: Arguments,
}

impl Default for Declare {
    fn default() -> Self {
        let arguments = Arguments::new();
        Declare { kind: None, durable: true, auto_delete: false, internal: false, arguments }
    }
}

/// Query parameters of deleting a queue or an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeleteQuery {
    /// Only if nobody consumes from it (queue) or nothing is bound to it (exchange).
    pub if_unused: bool,
    /// Only if it holds no message.
    pub if_empty: bool,
}

/// How many messages a purge or a deletion removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Messages.
    pub messages: u64,
}

/// A binding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Binding {
    /// Vhost.
    pub vhost: String,
    /// Exchange that messages come from.
    pub source: String,
    /// `queue` or `exchange`.
    pub destination_kind: String,
    /// Where messages go.
    pub destination: String,
    /// Routing key.
    pub routing_key: String,
    /// Arguments.
    pub arguments: Arguments,
}

/// A policy: settings for every queue or exchange whose name matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Vhost.
    pub vhost: String,
    /// Name.
    pub name: String,
    /// Regular expression over names.
    pub pattern: String,
    /// `queues`, `classic_queues`, `quorum_queues`, `streams`, `exchanges` or `all`.
    pub apply_to: String,
    /// The highest one that matches wins.
    pub priority: i64,
    /// Its settings.
    pub definition: Map<String, Value>,
    /// An operator policy: merged with what users set, the smaller limit wins.
    pub operator: bool,
}

/// A client connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// Id, unique while the broker runs.
    pub id: u64,
    /// Who is logged in.
    pub user: String,
    /// Vhost it opened.
    pub vhost: String,
    /// Door: `amqp`.
    pub protocol: String,
    /// What the client calls itself.
    pub client_name: String,
    /// Product and version, as the client says.
    pub client: String,
    /// Where it comes from.
    pub peer: String,
    /// Over TLS.
    pub tls: bool,
    /// When it logged in.
    pub connected_at: u64,
    /// Open channels.
    pub channels: u64,
    /// Consumers on all channels.
    pub consumers: u64,
    /// Messages delivered and not yet acknowledged.
    pub unacked: u64,
    /// Messages published since it logged in.
    pub published_total: u64,
    /// Bytes that wait to be written to it.
    pub outbox_bytes: u64,
    /// Held back by an alarm.
    pub blocked: bool,
}

/// A channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// Connection.
    pub connection: u64,
    /// Its number.
    pub number: u16,
    /// Who is logged in.
    pub user: String,
    /// Vhost.
    pub vhost: String,
    /// Most unacknowledged messages of each consumer started from now on; 0: no limit.
    pub prefetch: u64,
    /// Most unacknowledged messages of the whole channel; 0: no limit.
    pub prefetch_global: u64,
    /// Messages delivered and not yet acknowledged.
    pub unacked: u64,
    /// Consumers.
    pub consumers: u64,
    /// Publishes are confirmed.
    pub confirms: bool,
    /// Publishes and acknowledgements wait for a commit.
    pub transactional: bool,
}

/// A consumer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consumer {
    /// Connection.
    pub connection: u64,
    /// Vhost of its queue.
    pub vhost: String,
    /// Queue it consumes from.
    pub queue: String,
    /// What the client calls it.
    pub tag: String,
    /// Most unacknowledged messages; 0: no limit.
    pub prefetch: u64,
    /// Messages count as acknowledged when sent.
    pub auto_ack: bool,
    /// Refuses other consumers.
    pub exclusive: bool,
    /// Higher ones are served first.
    pub priority: i64,
    /// The one that gets messages, where only one does.
    pub active: bool,
    /// Messages delivered and not yet acknowledged.
    pub unacked: u64,
}

/// Body of closing a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloseConnection {
    /// Why, in words for the client.
    pub reason: Option<String>,
}

/// Who the request comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whoami {
    /// User.
    pub user: String,
    /// Tags.
    pub tags: Vec<String>,
}

/// What an import changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Entries taken from the file.
    pub entries: u64,
    /// Entries left out, and why.
    pub skipped: Vec<String>,
}
