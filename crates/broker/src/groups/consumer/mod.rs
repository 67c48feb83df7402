//! The consumer protocol: the broker assigns, and each member comes to its share by itself. (KIP-848.)
//!
//! Whatever changes what members want, or the topics there are, makes a new *epoch* of the group and a new *target*: who shall have
//! what. Each member walks from what it has to its target, one heartbeat at a time, without waiting for the others:
//!
//! ```text
//!   Stable --- target leaves something out ---> Unrevoked --- it has given that up ---> (next epoch)
//!      ^  \--- target has something that others still hold --> Unreleased ---+
//!      +-------------------- they have given it up --------------------------+
//! ```
//!
//! **Invariant.** A partition is held (assigned, or not given up yet) by one member at most; nobody gets it before. A machine without I/O:
//! the time and the topics there are come in, answers and deadlines go out.

pub(crate) mod assign;
mod classic;
mod heartbeat;
mod member;
mod reconcile;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_types::Millis;

use self::assign::{Assignor, Wish};
pub(crate) use self::classic::ClassicSide;
pub(crate) use self::heartbeat::{Beat, check};
pub(crate) use self::member::{Member, State};
use super::api::{GroupFault, GroupResult, GroupState};
use super::classic::Moving;
use super::consumer_api::{ConsumerDescribed, ConsumerMember, TopicPartitions};
use crate::topics::TopicId;

/// Partitions: topic and number.
pub(crate) type Share = BTreeSet<(TopicId, i32)>;

/// The epoch of a static member that left and may come back.
pub(crate) const AWAY: i32 = -2;

/// The topics there are.
pub(crate) trait Topics {
    /// Identity and number of partitions; whoever may read it.
    fn find(&self, name: &str) -> Option<(TopicId, u32)>;
    /// Names of those that the member who speaks may read.
    fn names(&self) -> Vec<Arc<str>>;
    /// Changes whenever topics do.
    fn version(&self) -> u64;
}

/// A group of the consumer protocol.
#[derive(Debug)]
pub(crate) struct Consumer {
    epoch: i32,
    /// Epoch of the target.
    assigned: i32,
    assignor: Assignor,
    members: BTreeMap<Arc<str>, Member>,
    instances: BTreeMap<Arc<str>, Arc<str>>,
    /// Partitions that some member holds.
    held: Share,
    /// Topics that members want and that exist, with the number of their partitions.
    topics: BTreeMap<Arc<str>, (TopicId, u32)>,
    /// [`Topics::version`] when those were looked up.
    seen: u64,
    bytes: u64,
}

impl Consumer {
    pub(crate) fn new() -> Self {
        Consumer {
            epoch: 0,
            assigned: 0,
            assignor: Assignor::Uniform,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            held: Share::new(),
            topics: BTreeMap::new(),
            seen: 0,
            bytes: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn state(&self) -> GroupState {
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.assigned {
            GroupState::Assigning
        } else if self.members.values().all(|m| m.is_at(self.assigned)) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// Bytes that its members have made it hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts what it holds: after changes, not at every heartbeat.
    fn weigh(&mut self) {
        self.bytes = self.members.values().map(Member::bytes).sum::<u64>() + self.held.len() as u64 * 64;
    }

    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        self.members.values().any(|m| m.wants(topic))
    }

    /// Whether a commit is one of a member in its present epoch, or of a client that is no member of an empty group.
    pub(crate) fn check_commit(&self, member: &str, epoch: i32, knows_epochs: bool) -> GroupResult<()> {
        if epoch < 0 && self.members.is_empty() {
            return Ok(());
        }
        let known = self.members.get(member).ok_or(GroupFault::UnknownMember)?;
        if known.classic.is_some() {
            return if known.epoch == epoch { Ok(()) } else { Err(GroupFault::IllegalGeneration) };
        }
        if !knows_epochs {
            return Err(GroupFault::UnsupportedVersion);
        }
        if known.epoch == epoch { Ok(()) } else { Err(GroupFault::StaleEpoch) }
    }

    /// Whether a member that asks for offsets is one.
    pub(crate) fn check_fetch(&self, member: &str, epoch: i32) -> GroupResult<()> {
        let known = self.members.get(member).ok_or(GroupFault::UnknownMember)?;
        if known.epoch == epoch { Ok(()) } else { Err(GroupFault::StaleEpoch) }
    }

    /// Puts members out whose sessions are over, or who have not given up in time what they should have.
    pub(crate) fn tick(&mut self, now: Millis) {
        let late = self.members.iter().filter(|(_, m)| m.next_due().is_some_and(|at| at <= now));
        let late: Vec<_> = late.map(|(id, _)| id.clone()).collect();
        late.iter().for_each(|id| self.remove(id));
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.members.values().filter_map(Member::next_due).min()
    }

    /// An empty group at that epoch.
    pub(crate) fn at_epoch(epoch: i32) -> Self {
        Consumer { epoch, assigned: epoch, ..Consumer::new() }
    }

    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Takes a member in that has its target, but for what others hold already.
    pub(crate) fn adopt(&mut self, id: Arc<str>, mut member: Member) {
        (member.epoch, member.previous) = (self.epoch, self.epoch);
        member.target.retain(|partition| self.held.insert(*partition));
        member.assigned = member.target.clone();
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.members.insert(id, member);
    }

    /// The members that speak the classic protocol, as they go back to it.
    pub(crate) fn classic_members(&self) -> impl Iterator<Item = Moving> + '_ {
        self.members.iter().filter_map(|(id, member)| {
            let classic = member.classic.as_ref()?;
            Some(Moving {
                id: id.clone(),
                instance: member.instance.clone(),
                client_id: member.client_id.clone(),
                host: member.host,
                session_ms: classic.session_ms,
                rebalance_ms: member.rebalance_ms,
                protocols: classic.protocols.clone(),
                assignment: self.written(&member.target, classic.version()).into(),
            })
        })
    }

    /// Takes a member out: what it held is free, and all is to be assigned anew.
    fn remove(&mut self, id: &str) {
        let Some(member) = self.members.remove(id) else { return };
        member.held().for_each(|partition| {
            self.held.remove(partition);
        });
        if let Some(instance) = &member.instance
            && self.instances.get(instance).is_some_and(|owner| **owner == *id)
        {
            self.instances.remove(instance);
        }
        let members = &self.members;
        self.topics.retain(|name, _| members.values().any(|m| m.wants(name)));
        self.epoch += 1;
        self.weigh();
    }

    /// The group as an operator sees it.
    pub(crate) fn describe(&self) -> ConsumerDescribed {
        let member = |(id, member): (&Arc<str>, &Member)| ConsumerMember {
            id: id.clone(),
            instance: member.instance.clone(),
            rack: member.rack.clone(),
            epoch: member.epoch,
            client_id: member.client_id.clone(),
            host: member.host,
            topics: member.topics.iter().cloned().collect(),
            pattern: member.pattern.as_ref().map(|pattern| pattern.as_str().into()),
            assigned: by_topic(&member.assigned),
            target: by_topic(&member.target),
            is_classic: member.classic.is_some(),
        };
        ConsumerDescribed {
            state: self.state(),
            epoch: self.epoch,
            assignment_epoch: self.assigned,
            assignor: self.assignor.name(),
            members: self.members.iter().map(member).collect(),
        }
    }
}

/// The same, by topic.
pub(crate) fn by_topic(share: &Share) -> TopicPartitions {
    let mut topics = TopicPartitions::new();
    for &(topic, partition) in share {
        match topics.last_mut() {
            Some((last, partitions)) if *last == topic => partitions.push(partition),
            _ => topics.push((topic, vec![partition])),
        }
    }
    topics
}
