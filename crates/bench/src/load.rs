//! What every load says, whatever the protocol: how many clients, how much, for how long.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Smallest message: the time at which it was due stands in it.
pub(crate) const SIZE_MIN: u32 = 8;
/// Most producers, consumers, queues or partitions.
pub(crate) const CLIENTS_MAX: u32 = 20_000;

/// What the machinery that is the same for all protocols goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) producers: u32,
    pub(crate) consumers: u32,
    /// Copies of each message that arrive.
    pub(crate) copies: u64,
    /// Whether the server says what it has taken.
    pub(crate) confirms: bool,
    /// Most messages on their way; 0: no limit.
    pub(crate) backlog: u64,
    pub(crate) warmup: Duration,
    pub(crate) duration: Duration,
    /// Messages after which the run ends; 0: only after the duration.
    pub(crate) messages: u64,
    /// Bytes of a message's content, where rates are told in bytes as well.
    pub(crate) message_bytes: Option<u64>,
}

/// The protocol's words for what happens to a message.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) published: &'static str,
    pub(crate) confirmed: &'static str,
    pub(crate) delivered: &'static str,
    /// From when it was due until it was delivered.
    pub(crate) latency: &'static str,
    /// From when it was due until the server said that it has it.
    pub(crate) confirm_latency: &'static str,
}

/// One workload of a protocol: flags of the command and keys of a file of cases, by the same names.
pub(crate) trait Load: Clone + Debug + Serialize + DeserializeOwned + Sync {
    const WORDS: Words;

    fn plan(&self) -> Plan;

    /// The same at another rate, in messages a second.
    #[must_use]
    fn at_rate(&self, rate: u64) -> Self;

    /// What has to run before it, unmeasured, on the same queues or topics.
    fn before(&self) -> Option<Self> {
        None
    }

    /// Checks what a server would refuse or what would measure nothing.
    fn validate(&self) -> Result<()>;

    /// In a few words: `1 to 1, 100 B, …`.
    fn describe(&self) -> String;
}
