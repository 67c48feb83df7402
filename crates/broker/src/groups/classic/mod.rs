//! The classic protocol: members join, one of them assigns, all learn their share. (Kafka protocol guide, JoinGroup to LeaveGroup;
//! KIP-62, KIP-134, KIP-345, KIP-394, KIP-814.)
//!
//! ```text
//!            a member joins                  all have joined, or time is up
//!   Empty ------------------> Preparing ------------------------------------> Completing
//!     ^                        |  ^  ^                                            |
//!     +--- nobody is left -----+  |  +-- a member comes, goes, or changes --------+
//!                                 +----------------------- Stable <---------------+  the leader has assigned
//! ```
//!
//! A machine without I/O: the time and new member ids come in, answers and the earliest deadline go out in an [`Out`].

mod join;
pub(crate) use self::join::Join;
mod leave;
mod members;
mod moving;
mod sync;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::Millis;
use bytes::Bytes;

pub(crate) use self::members::Protocols;
use self::members::{Member, Members};
pub(crate) use self::moving::Moving;
use super::Out;
use super::api::{ClassicDescribed, ClassicMember, GroupFault, GroupResult, GroupState};

/// Bounds that a group keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) members_max: usize,
    /// How long the first generation of an empty group waits for more members, in milliseconds.
    pub(crate) initial_delay_ms: u64,
}

/// How long a member that is new to the group may wait for its first generation.
const NEW_MEMBER_MS: u64 = 300_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Empty,
    Preparing {
        /// The group was empty before.
        initial: bool,
    },
    Completing,
    Stable,
}

/// When the present joining ends.
#[derive(Clone, Copy, Debug)]
struct JoinTimer {
    at: Millis,
    /// In the first generation: how much longer it may be put off if members keep coming, and by how much this time.
    initial: Option<(u64, u64)>,
}

/// A group of the classic protocol.
#[derive(Debug)]
pub(crate) struct Classic {
    phase: Phase,
    generation: i32,
    protocol_type: Option<Arc<str>>,
    protocol: Option<Arc<str>>,
    leader: Option<Arc<str>>,
    members: Members,
    /// Ids given out whose owners have not come back with them, and until when they may.
    pending: BTreeMap<Arc<str>, Millis>,
    /// A member came during the delay of the first generation.
    came: bool,
    joining: Option<JoinTimer>,
    /// Until when members of the present generation may ask for their assignment.
    syncing: Option<Millis>,
}

impl Classic {
    pub(crate) fn new() -> Self {
        Classic {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: Members::default(),
            pending: BTreeMap::new(),
            came: false,
            joining: None,
            syncing: None,
        }
    }

    pub(crate) fn state(&self) -> GroupState {
        match self.phase {
            Phase::Empty => GroupState::Empty,
            Phase::Preparing { .. } => GroupState::PreparingRebalance,
            Phase::Completing => GroupState::CompletingRebalance,
            Phase::Stable => GroupState::Stable,
        }
    }

    /// Whether nobody would miss it: no members, and none on their way.
    pub(crate) fn is_unused(&self) -> bool {
        self.phase == Phase::Empty && self.pending.is_empty()
    }

    pub(crate) fn protocol_type(&self) -> Option<&Arc<str>> {
        self.protocol_type.as_ref()
    }

    /// Bytes that its members have made it hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.members.bytes() + self.pending.len() as u64 * super::ENTRY_BYTES
    }

    fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// That there is such a member, and that it is still the one behind its static name.
    fn check_member(&self, member: &str, instance: Option<&str>) -> GroupResult<()> {
        if let Some(instance) = instance {
            match self.members.of_instance(instance) {
                None => return Err(GroupFault::UnknownMember),
                Some(id) if **id != *member => return Err(GroupFault::FencedInstance),
                Some(_) => {}
            }
        }
        if self.members.get(member).is_none() { Err(GroupFault::UnknownMember) } else { Ok(()) }
    }

    /// A member says that it is alive.
    pub(crate) fn heartbeat(
        &mut self,
        now: Millis,
        member: &str,
        instance: Option<&str>,
        generation: i32,
        out: &mut Out,
    ) -> GroupResult<()> {
        self.check_member(member, instance)?;
        if generation != self.generation {
            return Err(GroupFault::IllegalGeneration);
        }
        match self.phase {
            Phase::Empty => Err(GroupFault::UnknownMember),
            Phase::Preparing { .. } => {
                self.alive(now, member, out);
                Err(GroupFault::RebalanceInProgress)
            }
            Phase::Completing | Phase::Stable => {
                self.alive(now, member, out);
                Ok(())
            }
        }
    }

    /// Whether a commit is one of the present generation, or of a client that is no member of an empty group.
    pub(crate) fn check_commit(
        &mut self,
        now: Millis,
        member: &str,
        instance: Option<&str>,
        generation: i32,
        out: &mut Out,
    ) -> GroupResult<()> {
        if generation < 0 && self.phase == Phase::Empty {
            return Ok(());
        }
        if generation < 0 && member.is_empty() && instance.is_none() {
            return Err(GroupFault::UnknownMember);
        }
        self.check_member(member, instance)?;
        if generation != self.generation {
            return Err(GroupFault::IllegalGeneration);
        }
        if self.phase == Phase::Completing {
            return Err(GroupFault::RebalanceInProgress);
        }
        self.alive(now, member, out);
        Ok(())
    }

    /// Whether offsets of a topic are in use: those of consumers by the topics they subscribe to, those of others always.
    ///
    /// # Errors
    /// [`GroupFault::NotEmpty`] if the group has members of which nobody knows what they use.
    pub(crate) fn is_subscribed(&self, topic: &str) -> GroupResult<bool> {
        if self.phase == Phase::Empty {
            return Ok(false);
        }
        if self.protocol_type.as_deref() != Some(super::embedded::CONSUMER) {
            return Err(GroupFault::NotEmpty);
        }
        let Some(protocol) = &self.protocol else { return Ok(true) };
        Ok(self.members.iter().any(|(_, member)| {
            // Of members that cannot be understood everything is in use.
            super::embedded::Subscription::parse(&member.metadata(protocol))
                .is_none_or(|subscription| subscription.topics.contains(&topic))
        }))
    }

    /// The group as an operator sees it.
    pub(crate) fn describe(&self) -> ClassicDescribed {
        let stable = self.phase == Phase::Stable;
        let protocol = self.protocol.clone().filter(|_| stable).unwrap_or_default();
        let describe = |(id, member): (&Arc<str>, &Member)| ClassicMember {
            id: id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            host: member.host,
            metadata: if stable { member.metadata(&protocol) } else { Bytes::new() },
            assignment: if stable { member.assignment.clone() } else { Bytes::new() },
        };
        ClassicDescribed {
            state: self.state(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: self.members.iter().map(describe).collect(),
            protocol,
        }
    }
}
