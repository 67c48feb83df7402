//! Share groups: members take records from the same partitions, each record for itself. (KIP-932.)
//!
//! Three things make one: its **members**, who the broker gives partitions to take from (memory only: after a restart they join again); the
//! **sessions** in which members fetch (memory only, and gone with their connection); and its place in each **partition**, which lasts: frames
//! of the kinds `SHARE` and `SHARE_TAKEN`, items `SHARE` of snapshots. See docs/adr/0009.
//!
//! A machine without I/O: the time and the topics there are come in, answers, deadlines and changes for the journal go out.

pub(crate) mod assign;
pub(crate) mod durable;
mod members;
pub(crate) mod partition;
pub(crate) mod sessions;
pub(crate) mod spans;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::{Millis, QueueId};

use self::members::Member;
pub(crate) use self::members::{Beat, check};
use self::partition::SharePartition;
use self::sessions::Sessions;
use super::api::GroupState;
use super::consumer::{Topics, by_topic};
use super::share_api::{ShareDescribed, ShareMember};
use super::{ENTRY_BYTES, Out};
use crate::topics::TopicId;

/// A share group.
#[derive(Debug, Default)]
pub(crate) struct Share {
    epoch: i32,
    /// Epoch of the assignment.
    assigned: i32,
    members: BTreeMap<Arc<str>, Member>,
    /// Topics that members want and that exist, with the number of their partitions.
    topics: BTreeMap<Arc<str>, (TopicId, u32)>,
    /// [`Topics::version`] when those were looked up.
    seen: u64,
    pub(crate) sessions: Sessions,
    partitions: BTreeMap<QueueId, SharePartition>,
    members_bytes: u64,
    partitions_bytes: u64,
}

impl Share {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether nobody would miss it.
    pub(crate) fn is_unused(&self) -> bool {
        self.members.is_empty() && self.sessions.is_empty() && self.partitions.is_empty()
    }

    pub(crate) fn state(&self) -> GroupState {
        if self.members.is_empty() { GroupState::Empty } else { GroupState::Stable }
    }

    /// Bytes that clients have made it hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.members_bytes + self.partitions_bytes + self.sessions.bytes()
    }

    /// Topics that members want and that exist.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.topics.iter().map(|(name, &(_, count))| (name, count))
    }

    /// Its place in a partition, if it has one.
    pub(crate) fn partition(&self, id: QueueId) -> Option<&SharePartition> {
        self.partitions.get(&id)
    }

    /// Its places, by partition.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (QueueId, &SharePartition)> {
        self.partitions.iter().map(|(&id, partition)| (id, partition))
    }

    /// Changes its place in a partition.
    pub(crate) fn with_partition<T>(
        &mut self,
        id: QueueId,
        change: impl FnOnce(&mut SharePartition) -> T,
    ) -> Option<T> {
        let partition = self.partitions.get_mut(&id)?;
        let before = partition.bytes();
        let value = change(partition);
        self.partitions_bytes = self.partitions_bytes + partition.bytes() - before;
        Some(value)
    }

    /// Gives it a new place in a partition; whether it had none.
    pub(crate) fn put_partition(&mut self, id: QueueId, start: u64) -> bool {
        let had = self.forget_partition(id);
        let partition = SharePartition::new(start);
        self.partitions_bytes += partition.bytes();
        self.partitions.insert(id, partition);
        !had
    }

    /// Forgets its place; whether it had one.
    pub(crate) fn forget_partition(&mut self, id: QueueId) -> bool {
        let gone = self.partitions.remove(&id);
        self.partitions_bytes -= gone.as_ref().map_or(0, SharePartition::bytes);
        gone.is_some()
    }

    /// When something is due next; locks are on the wheel.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.members.values().map(|member| member.session).min()
    }

    /// The group as an operator sees it.
    pub(crate) fn describe(&self) -> ShareDescribed {
        let member = |(id, member): (&Arc<str>, &Member)| ShareMember {
            id: id.clone(),
            rack: member.rack.clone(),
            epoch: member.epoch,
            client_id: member.client_id.clone(),
            host: member.host,
            topics: member.topics.iter().cloned().collect(),
            assigned: by_topic(&member.target),
        };
        ShareDescribed {
            state: self.state(),
            epoch: self.epoch,
            assignment_epoch: self.assigned,
            members: self.members.iter().map(member).collect(),
        }
    }

    fn weigh(&mut self) {
        self.members_bytes = self.members.values().map(Member::bytes).sum();
    }
}
