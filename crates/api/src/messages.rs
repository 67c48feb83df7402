//! Messages seen without taking them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Query parameters of looking at messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesQuery {
    /// Only this partition.
    pub partition: Option<u32>,
    /// Where to begin: `earliest`, `latest` (the default: what comes from now on), an offset, `-N` for the last N of each partition,
    /// `@MS` for the first published then or later (milliseconds since the Unix epoch), `~MS` for a time so many milliseconds ago, or
    /// what an answer gave as `next`.
    pub from: Option<String>,
    /// At most this many; at most [`MESSAGES_MAX`].
    pub count: Option<usize>,
    /// If there is none, wait so long for one.
    pub wait_ms: Option<u64>,
    /// Show so many bytes of each body; at most [`BODY_MAX`].
    pub body_max: Option<usize>,
}

/// Most messages in one answer.
pub const MESSAGES_MAX: usize = 1_000;
/// Most bytes of a body that are shown.
pub const BODY_MAX: usize = 1 << 20;

/// Messages, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// In the order of each partition.
    pub items: Vec<Message>,
    /// Goes on behind them: the next question's `from`.
    pub next: String,
    /// Offsets that can be read behind them.
    pub left: u64,
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// Number of its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// When it was published.
    pub published_at: u64,
    /// Exchange it was published to; empty: the default one, or none.
    pub exchange: String,
    /// Routing key, or Kafka's key; none if it is empty or the name of the topic or queue itself.
    pub key: Option<Payload>,
    /// Properties other than headers, by their names in AMQP.
    pub properties: Map<String, Value>,
    /// Headers.
    pub headers: Map<String, Value>,
    /// Its body, or the beginning of it.
    pub body: Payload,
    /// Bytes of its body.
    pub bytes: u64,
}

/// Bytes that anybody may have written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// They are UTF-8.
    Text(String),
    /// They are not.
    Base64(String),
}

impl Default for Payload {
    fn default() -> Self {
        Payload::Text(String::new())
    }
}
