//! How one queue behaves: its arguments and policies, resolved.

use std::sync::Arc;

use anymq_catalog::SchemaRules;
use anymq_catalog::topic_config::TopicSettings;

/// What kind of queue a client asked for. One engine; the differences are these few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Requeued messages go back to their place.
    #[default]
    Classic,
    /// Requeued messages go to the front in the order they come back; attempts are counted and limited.
    Quorum,
    /// Nothing is consumed: every consumer reads at its own offset.
    Stream,
}

/// What happens to a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest ready message goes.
    #[default]
    DropHead,
    /// The new message is refused.
    RejectPublish,
    /// The new message is refused and dead-lettered.
    RejectPublishDlx,
}

/// Resolved settings; shared by all queues that have the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Time to live of every message, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// The queue is deleted after this long without use, in milliseconds.
    pub expires_ms: Option<u64>,
    /// Most ready messages.
    pub max_length: Option<u64>,
    /// Most bytes of ready bodies (of everything kept, for a stream).
    pub max_length_bytes: Option<u64>,
    /// What happens beyond that.
    pub overflow: Overflow,
    /// Dead-letter exchange.
    pub dead_letter_exchange: Option<Arc<str>>,
    /// Routing key for dead letters; their own if `None`.
    pub dead_letter_routing_key: Option<Arc<str>>,
    /// `at-least-once` was asked for; it holds for every dead letter here, so this is only told.
    pub dead_letter_at_least_once: bool,
    /// Highest priority kept apart; `None`: no priorities.
    pub max_priority: Option<u8>,
    /// One consumer at a time.
    pub single_active_consumer: bool,
    /// Deliveries that may fail before a message is dead-lettered; `None`: no limit.
    pub delivery_limit: Option<u32>,
    /// Messages with a group are delivered one at a time per group.
    pub message_groups: bool,
    /// A lease ends by itself after this long, in milliseconds; `None`: with its holder.
    pub lease_ms: Option<u64>,
    /// Messages with the same deduplication key within this window are stored once, in milliseconds.
    pub dedup_ms: Option<u64>,
    /// Every message is delivered this much later, in milliseconds.
    pub delay_ms: Option<u64>,
    /// Oldest message a stream keeps, in milliseconds.
    pub max_age_ms: Option<u64>,
    /// A consumer that holds a message longer than this gives it back, in milliseconds; `None`: never.
    pub consumer_timeout_ms: Option<u64>,
    /// Of a topic's partition: its own settings, which say what is kept.
    pub topic: Option<Arc<TopicSettings>>,
    /// What must be written with a schema of the registry.
    pub schemas: SchemaRules,
}
