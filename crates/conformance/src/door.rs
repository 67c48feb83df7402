//! What a promise needs from a door: few words, none of a protocol's own.

use std::time::Duration;

/// What happens to messages that come back, and to those that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A returned message takes its old place.
    Classic,
    /// A returned message goes to the front, in the order of returning; failed deliveries are counted.
    Quorum,
    /// Nothing is consumed; every reader has its own place.
    Stream,
}

/// What a full queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest make room.
    DropHead,
    /// The newcomer is refused.
    Reject,
    /// The newcomer is refused and dead-lettered.
    RejectToDeadLetter,
}

/// A durable queue to declare.
#[derive(Clone, Debug)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Time to live of each message.
    pub ttl: Option<Duration>,
    /// Deleted after so long without use.
    pub expires: Option<Duration>,
    /// Queue that dead letters go to.
    pub dead_letter_to: Option<String>,
    /// Dead letters are routed by the keys they were published with.
    pub dead_letter_by_keys: bool,
    /// Most ready messages, and what happens beyond.
    pub max_length: Option<(u64, Overflow)>,
    /// Highest priority.
    pub priorities: Option<u8>,
    /// Failed deliveries before a message is dead-lettered.
    pub delivery_limit: Option<u32>,
    /// One consumer at a time.
    pub single_active_consumer: bool,
    /// One outstanding message a group.
    pub groups: bool,
    /// How long a deduplication id is remembered.
    pub dedup_window: Option<Duration>,
    /// Every message comes so much later.
    pub delay: Option<Duration>,
}

impl QueueSpec {
    /// A queue with nothing special about it.
    pub fn new(name: &str, kind: Kind) -> Self {
        QueueSpec {
            name: name.into(),
            kind,
            ttl: None,
            expires: None,
            dead_letter_to: None,
            dead_letter_by_keys: false,
            max_length: None,
            priorities: None,
            delivery_limit: None,
            single_active_consumer: false,
            groups: false,
            dedup_window: None,
            delay: None,
        }
    }
}

/// A message to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its body.
    pub body: Vec<u8>,
    /// It need not survive a restart.
    pub volatile: bool,
    /// Higher goes first, where the queue has priorities.
    pub priority: u8,
    /// Time to live.
    pub ttl: Option<Duration>,
    /// Not delivered before.
    pub delay: Option<Duration>,
    /// Message group.
    pub group: Option<String>,
    /// Deduplication id.
    pub dedup: Option<String>,
    /// Further queues that get it, which the recipients do not see.
    pub blind_copies: Vec<String>,
}

impl Message {
    /// A message with nothing special about it.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Message { body: body.into(), ..Message::default() }
    }
}

/// What a publisher hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message is safe.
    Confirmed,
    /// It was not taken.
    Refused,
    /// Nothing: the door cannot tell.
    Silence,
}

/// A client that consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(pub usize);

/// What a door needs to end a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who has it.
    pub client: Client,
    /// The door's own, such as queue and offset, or channel and delivery tag.
    pub token: (u64, u64),
}

/// One entry of a message's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Where it died.
    pub queue: String,
    /// Of what: `rejected`, `expired`, `maxlen`, `delivery_limit`.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// A message as a client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its body.
    pub body: Vec<u8>,
    /// Somebody may have had it before.
    pub redelivered: bool,
    /// Its history, newest first.
    pub deaths: Vec<Death>,
    /// To end it.
    pub lease: Lease,
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Done with.
    Ack,
    /// Not wanted.
    Reject,
    /// Somebody else's turn.
    Requeue,
}

/// Where the messages of a queue are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ready, delayed ones included.
    pub waiting: u64,
    /// With clients.
    pub leased: u64,
}

/// How the broker goes away and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// It is told to stop, and started.
    Restart,
    /// It dies; what it had not synced is gone.
    Crash,
    /// The same, a moment after it took a snapshot.
    CrashAfterSnapshot,
}

impl Interruption {
    /// All of them.
    pub const ALL: [Interruption; 3] =
        [Interruption::Restart, Interruption::Crash, Interruption::CrashAfterSnapshot];
}

/// One protocol's way to a broker on an empty data directory. Clients are gone after an interruption. Anything unexpected is a panic.
pub trait Door {
    /// Makes a queue, durably.
    fn declare(&mut self, queue: &QueueSpec);

    /// Removes a queue, durably.
    fn delete(&mut self, queue: &str);

    /// Whether there is such a queue.
    fn exists(&mut self, queue: &str) -> bool;

    /// Drops what is ready, durably.
    fn purge(&mut self, queue: &str);

    /// Publishes in order and waits for the answers.
    fn publish(&mut self, queue: &str, messages: &[Message]) -> Vec<Answer>;

    /// A new client.
    fn connect(&mut self) -> Client;

    /// A client goes without a word.
    fn disconnect(&mut self, client: Client);

    /// One message, if one is ready.
    fn fetch(&mut self, client: Client, queue: &str) -> Option<Given>;

    /// Has messages of a queue sent to a client, `credit` unsettled ones at most; from the first on, if it is a stream.
    fn consume(&mut self, client: Client, queue: &str, credit: u32);

    /// The next message sent to a client; `None` once it is certain that none is on its way.
    fn receive(&mut self, client: Client) -> Option<Given>;

    /// Ends a delivery.
    fn end(&mut self, lease: Lease, how: End);

    /// Returns when everything that was ended is durably so.
    fn flush(&mut self);

    /// How many messages are where.
    fn counts(&mut self, queue: &str) -> Counts;

    /// Lets time pass.
    fn pass(&mut self, time: Duration);

    /// The broker goes and comes back.
    fn interrupt(&mut self, how: Interruption);
}
