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
    /// Shortest interval between heartbeats that may be set for a single group, in milliseconds.
    pub heartbeat_interval_min_ms: u32,
    /// Longest such interval, in milliseconds.
    pub heartbeat_interval_max_ms: u32,
    /// Shortest time without a heartbeat after which a member is out that may be set for a single group, in milliseconds.
    pub member_timeout_min_ms: u32,
    /// Longest such time, in milliseconds.
    pub member_timeout_max_ms: u32,
    /// Without a heartbeat for so long a member of a share group is out, in milliseconds.
    pub share_session_timeout_ms: u32,
    /// How often members of a share group are told to send a heartbeat, in milliseconds.
    pub share_heartbeat_interval_ms: u32,
    /// Most members of a share group.
    pub share_members_max: u32,
    /// Most share sessions, in which members fetch, of all groups.
    pub share_sessions_max: u32,
    /// A record that a share group's member does not acknowledge for so long is delivered again, in milliseconds.
    pub share_record_lock_duration_ms: u32,
    /// Shortest such time that may be set for a single group, in milliseconds.
    pub share_record_lock_min_ms: u32,
    /// Longest such time, in milliseconds.
    pub share_record_lock_max_ms: u32,
    /// A share group's record is delivered so often, then it is given up.
    pub share_delivery_count_limit: u16,
    /// Most records of a partition that a share group was delivered and has not acknowledged.
    pub share_partition_max_record_locks: u32,
    /// Most groups.
    pub groups_max: u32,
    /// Most groups that one user has made.
    pub groups_per_user_max: u32,
    /// Most memory that all groups hold: members, what they say of themselves, assignments, offsets.
    pub memory_max: ByteSize,
    /// Most memory that the groups hold that one user has made.
    pub memory_per_user_max: ByteSize,
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
            heartbeat_interval_min_ms: 5_000,
            heartbeat_interval_max_ms: 15_000,
            member_timeout_min_ms: 45_000,
            member_timeout_max_ms: 60_000,
            share_session_timeout_ms: 45_000,
            share_heartbeat_interval_ms: 5_000,
            share_members_max: 200,
            share_sessions_max: 2_000,
            share_record_lock_duration_ms: 30_000,
            share_record_lock_min_ms: 15_000,
            share_record_lock_max_ms: 60_000,
            share_delivery_count_limit: 5,
            share_partition_max_record_locks: 2_000,
            groups_max: 100_000,
            groups_per_user_max: 50_000,
            memory_max: ByteSize(256 << 20),
            memory_per_user_max: ByteSize(128 << 20),
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
        if self.members_max == 0 || self.groups_max == 0 || self.groups_per_user_max == 0 {
            let says = "broker.groups: members_max, groups_max and groups_per_user_max must be at least 1";
            return Err(says.into());
        }
        if self.consumer_heartbeat_interval_ms == 0
            || self.consumer_heartbeat_interval_ms >= self.consumer_session_timeout_ms
        {
            return Err(format!(
                "broker.groups.consumer_heartbeat_interval_ms: {} is not in 1..consumer_session_timeout_ms ({})",
                self.consumer_heartbeat_interval_ms, self.consumer_session_timeout_ms
            ));
        }
        self.validate_share()
    }

    fn validate_share(&self) -> Result<(), String> {
        let ordered = [
            ("heartbeat_interval", self.heartbeat_interval_min_ms, self.heartbeat_interval_max_ms),
            ("member_timeout", self.member_timeout_min_ms, self.member_timeout_max_ms),
            ("share_record_lock", self.share_record_lock_min_ms, self.share_record_lock_max_ms),
        ];
        if let Some((name, min, max)) = ordered.into_iter().find(|&(_, min, max)| min == 0 || min > max) {
            return Err(format!("broker.groups.{name}_min_ms: {min} is not in 1..={name}_max_ms ({max})"));
        }
        if self.share_heartbeat_interval_ms == 0
            || self.share_heartbeat_interval_ms >= self.share_session_timeout_ms
        {
            return Err(format!(
                "broker.groups.share_heartbeat_interval_ms: {} is not in 1..share_session_timeout_ms ({})",
                self.share_heartbeat_interval_ms, self.share_session_timeout_ms
            ));
        }
        let counts = [self.share_members_max, self.share_sessions_max, self.share_partition_max_record_locks];
        if counts.contains(&0) || self.share_record_lock_duration_ms == 0 {
            return Err("broker.groups: share_members_max, share_sessions_max, share_partition_max_record_locks and share_record_lock_duration_ms must be at least 1".into());
        }
        if self.share_partition_max_record_locks > 10_000 {
            return Err(format!(
                "broker.groups.share_partition_max_record_locks: {} is more than 10000",
                self.share_partition_max_record_locks
            ));
        }
        if !(1..=1_000).contains(&self.share_delivery_count_limit) {
            return Err(format!(
                "broker.groups.share_delivery_count_limit: {} is not in 1..=1000",
                self.share_delivery_count_limit
            ));
        }
        Ok(())
    }

    pub(crate) fn classic(&self) -> Limits {
        Limits { members_max: self.members_max as usize, initial_delay_ms: self.initial_rebalance_delay_ms }
    }
}
