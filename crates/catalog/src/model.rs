//! What the catalogue holds: plain records, serialised as JSON into the journal.
//!
//! Fields a newer version added are ignored on read; fields an older one did not write have defaults. Names are
//! shared (`Arc<str>`), because each stands in a record and in an index.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use anymq_auth::{PasswordHash, Permissions, Tags, TopicPermissions};
use anymq_types::value::Text;
use anymq_types::{ConnectionId, ExchangeId, QueueId, VhostId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::args::Args;

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

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique.
    pub name: Arc<str>,
    /// What is kept of the password.
    pub password: PasswordHash,
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

    /// True for the exchanges every vhost is born with; they cannot be deleted.
    pub fn is_predeclared(&self) -> bool {
        self.id.0 & crate::catalog::PREDECLARED_ID_BIT != 0
    }
}

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

/// A routing key or binding key: any bytes, at most 255.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingKey(Arc<[u8]>);

impl RoutingKey {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, with replacement characters where it is none.
    pub fn to_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Default for RoutingKey {
    fn default() -> Self {
        RoutingKey(Arc::from([]))
    }
}

impl fmt::Debug for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text(), f)
    }
}

impl From<&str> for RoutingKey {
    fn from(text: &str) -> Self {
        RoutingKey(text.as_bytes().into())
    }
}

impl From<&[u8]> for RoutingKey {
    fn from(bytes: &[u8]) -> Self {
        RoutingKey(bytes.into())
    }
}

impl Serialize for RoutingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Text::from(self.as_bytes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RoutingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(RoutingKey(Text::deserialize(deserializer)?.0.into()))
    }
}

/// Where a binding leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// The queue of that name.
    Queue(Arc<str>),
    /// The exchange of that name.
    Exchange(Arc<str>),
}

impl Destination {
    /// The name, of whichever.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Destination::Queue(name) | Destination::Exchange(name) => name,
        }
    }

    /// `queue` or `exchange`.
    pub fn kind(&self) -> &'static str {
        match self {
            Destination::Queue(_) => "queue",
            Destination::Exchange(_) => "exchange",
        }
    }
}

/// A binding. All of it is its identity, the arguments too; their order does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Where.
    pub vhost: VhostId,
    /// Name of the exchange it leads from.
    pub source: Arc<str>,
    /// Where it leads.
    pub destination: Destination,
    /// Key, pattern or weight, as the source's kind reads it.
    #[serde(default)]
    pub routing_key: RoutingKey,
    /// Header matches, for a headers exchange. Keep them sorted: [`Args::sorted`].
    #[serde(default, skip_serializing_if = "Args::is_empty")]
    pub args: Args,
}

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
