//! Settings of consumer groups.

use anymq_types::ByteSize;
use serde::{Deserialize, Serialize};

use super::classic::Limits;

/// Settings of consumer groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long the first generation of an empty group of the classic protocol waits for more members, in milliseconds. Kafka's own
    /// default is 3 s, its sample configuration has 0. A longer delay spares large groups a few generations when all members start
    /// at once.
    pub initial_rebalance_delay_ms: u64,
    /// Shortest session timeout that a member of the classic protocol may ask for, in milliseconds.
    pub session_timeout_min_ms: u32,
    /// Longest session timeout that a member of the classic protocol may ask for, in milliseconds.
    pub session_timeout_max_ms: u32,
    /// Most members of a group.
    pub members_max: u32,
    /// Without a heartbeat for so long a member of the consumer protocol is out, in milliseconds.
    pub consumer_session_timeout_ms: u32,
    /// How often members of the consumer protocol are told to send a heartbeat, in milliseconds.
    pub consumer_heartbeat_interval_ms: u32,
    /// Most groups.
    pub groups_max: u32,
    /// Most memory that all groups hold: members, what they say of themselves, assignments, offsets.
    pub memory_max: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            initial_rebalance_delay_ms: 0,
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 1_800_000,
            members_max: 5_000,
            consumer_session_timeout_ms: 45_000,
            consumer_heartbeat_interval_ms: 5_000,
            groups_max: 100_000,
            memory_max: ByteSize(256 << 20),
        }
    }
}

impl Config {
    /// Names the first setting that makes no sense.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.session_timeout_min_ms == 0 || self.session_timeout_min_ms > self.session_timeout_max_ms {
            return Err(format!(
                "broker.groups.session_timeout_min_ms: {} is not in 1..=session_timeout_max_ms ({})",
                self.session_timeout_min_ms, self.session_timeout_max_ms
            ));
        }
        if self.initial_rebalance_delay_ms > 300_000 {
            return Err(format!(
                "broker.groups.initial_rebalance_delay_ms: {} is more than 300000",
                self.initial_rebalance_delay_ms
            ));
        }
        if self.members_max == 0 || self.groups_max == 0 {
            return Err("broker.groups: members_max and groups_max must be at least 1".into());
        }
        if self.consumer_heartbeat_interval_ms == 0
            || self.consumer_heartbeat_interval_ms >= self.consumer_session_timeout_ms
        {
            return Err(format!(
                "broker.groups.consumer_heartbeat_interval_ms: {} is not in 1..consumer_session_timeout_ms ({})",
                self.consumer_heartbeat_interval_ms, self.consumer_session_timeout_ms
            ));
        }
        Ok(())
    }

    pub(crate) fn classic(&self) -> Limits {
        Limits { members_max: self.members_max as usize, initial_delay_ms: self.initial_rebalance_delay_ms }
    }
}
