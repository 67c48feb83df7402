//! What doors say to the hall and hear from it.

use std::net::SocketAddr;
use std::sync::Arc;

use anymq_auth::oauth2::Token;
use anymq_types::value::Table;
use anymq_types::{ConsumerId, Millis, Offset, Position, QueueId};
use bytes::Bytes;

/// A client that has proved who it is.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user's name.
    pub user: String,
    /// Where it connects from; the loopback rule looks at this and at nothing else.
    pub peer: SocketAddr,
    /// The token that says what it may do; without one the catalogue does.
    pub token: Option<Arc<Token>>,
}

impl Principal {
    /// A user of the catalogue.
    pub fn of_user(user: impl Into<String>, peer: SocketAddr) -> Principal {
        Principal { user: user.into(), peer, token: None }
    }

    /// Whoever a token is for.
    pub fn of_token(token: Arc<Token>, peer: SocketAddr) -> Principal {
        Principal { user: token.user().to_owned(), peer, token: Some(token) }
    }
}

/// A new connection, after authentication.
#[derive(Clone, Debug)]
pub struct Connect {
    /// Who.
    pub principal: Principal,
    /// Which vhost it opens.
    pub vhost: String,
    /// The door's name: `amqp`, `kafka`, …
    pub protocol: &'static str,
    /// Local address it came in on.
    pub local: SocketAddr,
    /// What the client calls itself (at most 255 bytes are kept).
    pub client_name: String,
    /// What the client said of itself: product, version, platform, capabilities.
    pub client_properties: Table,
    /// Whether the transport is encrypted.
    pub tls: bool,
}

/// A result and, if it must be on disk before it is told, the position that has to be committed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The result.
    pub value: T,
    /// Tell it only once [`crate::Session::committed`] has reached this.
    pub commit: Option<Position>,
}

/// `exchange.declare`.
#[derive(Clone, Debug)]
pub struct DeclareExchange<'a> {
    /// Name.
    pub name: &'a str,
    /// Type name: `direct`, `fanout`, `topic`, `headers`, `x-…`.
    pub kind: &'a str,
    /// Only look whether it exists.
    pub passive: bool,
    /// Survives restarts.
    pub durable: bool,
    /// Deleted with its last binding.
    pub auto_delete: bool,
    /// Clients cannot publish to it.
    pub internal: bool,
    /// Arguments.
    pub args: &'a Table,
}

/// `queue.declare`.
#[derive(Clone, Debug)]
pub struct DeclareQueue<'a> {
    /// Name; empty asks for a generated one.
    pub name: &'a str,
    /// Only look whether it exists.
    pub passive: bool,
    /// Survives restarts.
    pub durable: bool,
    /// Only for this connection, and deleted with it.
    pub exclusive: bool,
    /// Deleted when its last consumer goes.
    pub auto_delete: bool,
    /// Arguments.
    pub args: &'a Table,
}

/// Answer to `queue.declare`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDeclared {
    /// Its name, generated if none was given.
    pub name: String,
    /// Messages ready for delivery.
    pub messages: u64,
    /// Consumers.
    pub consumers: u32,
}

/// What a binding leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A queue.
    Queue(&'a str),
    /// Another exchange.
    Exchange(&'a str),
}

/// `queue.bind`, `exchange.bind` and their opposites.
#[derive(Clone, Debug)]
pub struct Bind<'a> {
    /// Exchange that messages come from.
    pub source: &'a str,
    /// Where they go.
    pub destination: Destination<'a>,
    /// Routing key of the binding.
    pub routing_key: &'a str,
    /// Arguments: part of the binding's identity.
    pub args: &'a Table,
}

/// One message of a [`PublishBatch`].
#[derive(Clone, Debug)]
pub struct PublishItem {
    /// First byte of its record in the batch's chunk.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
    /// Further routing keys (CC and BCC).
    pub extra_keys: Option<Box<[Box<[u8]>]>>,
    /// Its publisher gets it back if it reaches no queue.
    pub mandatory: bool,
}

/// Messages of one channel, encoded as records one after another by the door.
#[derive(Clone, Debug, Default)]
pub struct PublishBatch {
    /// Records (see `types::record`), back to back.
    pub chunk: Vec<u8>,
    /// One entry a record.
    pub items: Vec<PublishItem>,
    /// Their publisher is told which were taken.
    pub confirms: bool,
    /// Left empty by doors: items that are not of the schema that their queue demands, in order.
    pub refused: Vec<u32>,
    /// Left empty by doors: the chance by which each item is routed, if that was decided before.
    pub seeds: Vec<u64>,
}

impl PublishBatch {
    /// Whether it holds no message.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Notes that the record from byte `start` of the chunk to its present end is one message.
    pub fn push(&mut self, start: usize, extra_keys: Option<Box<[Box<[u8]>]>>) {
        let (start, end) = (start as u32, self.chunk.len() as u32);
        self.items.push(PublishItem { start, end, extra_keys, mandatory: false });
    }
}

/// What became of a batch.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Items taken, from the first; less than the batch only with `error`.
    pub taken: usize,
    /// Why the next item was refused; nothing after it was looked at.
    pub error: Option<crate::Error>,
    /// Items that reached no queue, by index.
    pub unroutable: Vec<u32>,
    /// Items that a queue's overflow policy, or its schemas, refused, by index.
    pub rejected: Vec<u32>,
    /// Confirm only once this is committed; `None`: confirm at once.
    pub commit: Option<Position>,
}

/// `basic.consume`.
#[derive(Clone, Debug)]
pub struct Subscribe<'a> {
    /// Queue.
    pub queue: &'a str,
    /// Given back with each delivery and notice; the door's own reference (channel and consumer).
    pub token: u64,
    /// The channel's holder (see [`crate::Session::open_holder`]).
    pub holder: HolderId,
    /// What the client calls it; shown to operators.
    pub tag: &'a str,
    /// Messages count as settled when sent.
    pub auto_ack: bool,
    /// Refuse other consumers.
    pub exclusive: bool,
    /// Most unacknowledged messages for this consumer; 0: no limit.
    pub prefetch: u32,
    /// Arguments (x-priority, x-stream-offset, x-stream-filter …).
    pub args: &'a Table,
}

/// A scope that holds leases: an AMQP channel. Closing it returns them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HolderId(pub u64);

/// What operators see of a holder; known to its door only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HolderAbout {
    /// The channel's number.
    pub number: u16,
    /// Most unsettled messages of each consumer that is still to come; 0: no limit.
    pub prefetch: u32,
    /// Its publishes are confirmed.
    pub confirms: bool,
    /// Its publishes and settlements wait for a commit.
    pub transactional: bool,
}

/// A run of consecutive messages for one consumer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The consumer's token.
    pub token: u64,
    /// The consumer.
    pub consumer: ConsumerId,
    /// Where the messages are.
    pub queue: QueueId,
    /// Offset of the first; the others follow without a gap.
    pub first: Offset,
    /// How many.
    pub count: u32,
    /// Their records, back to back.
    pub records: Bytes,
    /// Whether they were delivered before.
    pub redelivered: bool,
    /// Earlier deliveries that count against the delivery limit (0 on the first).
    pub attempts: u32,
    /// Whether the queue counts attempts in a header (`x-delivery-count`).
    pub counts_attempts: bool,
    /// Whether the queue is a stream (`x-stream-offset`).
    pub is_stream: bool,
    /// Whether it is settled already.
    pub auto_ack: bool,
}

/// One thing the hall tells a connection.
#[derive(Clone, Debug)]
pub enum Event {
    /// Messages for a consumer.
    Delivery(Delivery),
    /// Answer to [`crate::Session::fetch`] that could not be given at once; `None`: nothing came in time.
    Fetched {
        /// The request's token.
        token: u64,
        /// The message, and how many are ready behind it.
        message: Option<(Delivery, u64)>,
    },
    /// The consumer is gone: its queue was deleted.
    Cancelled {
        /// The consumer's token.
        token: u64,
    },
    /// A message was not settled within the consumer timeout: its holder is closed, its leases have returned.
    TimedOut {
        /// The holder that is gone.
        holder: HolderId,
        /// The timeout, in milliseconds.
        timeout_ms: u64,
    },
    /// Answer to [`crate::Session::load`].
    Loaded(crate::topics::Loaded),
    /// Answer to [`crate::Session::join_group`] or [`crate::Session::sync_group`] that could not be given at once.
    Group {
        /// The request's token.
        token: u64,
        /// The answer.
        answer: Box<crate::GroupAnswer>,
    },
    /// Somebody closed this connection.
    Close {
        /// Why, in words for the client.
        reason: String,
    },
}

/// `basic.get` and receive calls of other protocols.
#[derive(Clone, Debug)]
pub struct Fetch<'a> {
    /// Queue.
    pub queue: &'a str,
    /// Comes back in [`Event::Fetched`].
    pub token: u64,
    /// The channel's holder.
    pub holder: HolderId,
    /// Settled when sent.
    pub auto_ack: bool,
    /// How long to wait for a message, in milliseconds; 0: not at all.
    pub wait_ms: u64,
}

/// What [`crate::Session::fetch`] says at once.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// A message, and how many are ready behind it.
    Message(Delivery, u64),
    /// There is none.
    Empty,
    /// An [`Event::Fetched`] will follow.
    Later,
}

/// One settled lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Settled {
    /// Queue.
    pub queue: QueueId,
    /// Offset.
    pub offset: Offset,
}

/// How leases end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done with: never delivered again.
    Ack,
    /// Not wanted: dead-lettered, or dropped where the queue has no dead-letter exchange.
    Reject,
    /// Give it to somebody again.
    Requeue,
}

/// Publishes and settlements that take effect together or not at all.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Messages.
    pub publish: PublishBatch,
    /// Settlements, in order.
    pub settle: Vec<(Outcome, Vec<Settled>)>,
}

/// Why publishers are held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// Memory above the high-water mark.
    pub memory: bool,
    /// Free disk space below the limit.
    pub disk: bool,
}

impl Alarms {
    /// Whether publishers are held back.
    pub fn any(self) -> bool {
        self.memory || self.disk
    }

    /// `low on memory`, `low on disk`, or both joined by ` & `.
    pub fn reason(self) -> String {
        match (self.memory, self.disk) {
            (true, true) => "low on memory & low on disk".into(),
            (true, false) => "low on memory".into(),
            (false, true) => "low on disk".into(),
            (false, false) => String::new(),
        }
    }
}

/// Time and size facts a door needs to fill in records.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Largest message body, in bytes.
    pub message_bytes_max: usize,
    /// The broker's clock.
    pub now: Millis,
}
