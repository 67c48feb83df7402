//! Members of the classic protocol in a group of the consumer protocol: a group changes over while it works, one member at a time.
//!
//! Such a member joins, asks for its share and sends heartbeats as ever; it is never the leader, so that it assigns nothing. When
//! its share changes it hears that it must join again.

use std::sync::Arc;

use anymq_types::Millis;

use super::{Consumer, Member, Share, State, Topics};
use crate::groups::Out;
use crate::groups::api::{GroupAnswer, GroupFault, GroupResult, InGroup, Joined, Leaving, SyncGroup, Synced};
use crate::groups::classic::{Join, Protocols};
use crate::groups::embedded::{self, CONSUMER, Partitions, Subscription};

/// What is known of a member because it speaks the classic protocol.
#[derive(Clone, Debug)]
pub(crate) struct ClassicSide {
    pub(crate) session_ms: u64,
    /// What it said of itself; never empty.
    pub(crate) protocols: Protocols,
    /// It must have joined again by then.
    pub(crate) join: Option<Millis>,
    /// It must have asked for its share by then.
    pub(crate) sync: Option<Millis>,
}

impl ClassicSide {
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.join.into_iter().chain(self.sync).min()
    }

    pub(super) fn version(&self) -> i16 {
        let metadata = self.protocols.first().map(|(_, metadata)| &metadata[..]);
        metadata.and_then(Subscription::parse).map_or(0, |subscription| subscription.version)
    }

    fn knows(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| **name == *protocol)
    }
}

impl Consumer {
    /// Whether all members speak the classic protocol: then one of them can lead again.
    pub(crate) fn is_all_classic(&self) -> bool {
        !self.members.is_empty() && self.members.values().all(|m| m.classic.is_some())
    }

    /// `JoinGroup`; `fresh` is the id of a member that has none. It never waits.
    pub(crate) fn join_classic(
        &mut self,
        now: Millis,
        join: Join<'_>,
        topics: &dyn Topics,
        members_max: usize,
        fresh: Arc<str>,
        out: &mut Out,
    ) {
        let request = join.request;
        let is_unknown = request.member.is_empty();
        if self.members.len() >= members_max && !self.members.contains_key(request.member) {
            return join.refuse("", GroupFault::Full, out);
        }
        let subscription = request.protocols.first().and_then(|(_, metadata)| Subscription::parse(metadata));
        let Some(subscription) = subscription.filter(|_| self.supports(&join)) else {
            return join.refuse(request.member, GroupFault::InconsistentProtocol, out);
        };
        if is_unknown && request.instance.is_none() && request.can_take_id {
            return join.refuse(&fresh, GroupFault::MemberIdRequired, out);
        }
        let id: Arc<str> = if is_unknown { fresh } else { request.member.into() };
        if !is_unknown
            && let Some(instance) = request.instance
            && let Err(fault) = self.check_place(&id, instance)
        {
            return join.refuse(&id, fault, out);
        }
        let mut changed = self.enter(&id, request.instance, join.peer);
        changed |= self.update_classic(&join, &id, &subscription);
        changed |= self.seen != topics.version() && self.has_missed(topics);
        if changed {
            self.look_up(topics);
            self.epoch += 1;
        }
        if self.epoch > self.assigned {
            self.assign();
        }
        let owned = self.share(&subscription.owned, topics);
        self.reconcile(now, &id, Some(&owned), out);
        self.weigh();
        let Some(member) = self.members.get_mut(&id) else { return };
        let sync = Millis(now.0 + member.rebalance_ms);
        if let Some(classic) = &mut member.classic {
            (classic.join, classic.sync) = (None, Some(sync));
            out.due(sync);
        }
        let generation = member.epoch;
        self.alive(now, &id, out);
        let joined = Joined {
            fault: None,
            member: id,
            generation,
            protocol_type: Some(CONSUMER.into()),
            protocol: request.protocols.first().map(|(name, _)| Arc::from(*name)),
            ..Joined::default()
        };
        out.answer(join.waiter, GroupAnswer::Joined(joined));
    }

    fn supports(&self, join: &Join<'_>) -> bool {
        let all_know =
            |name: &str| self.members.values().filter_map(|m| m.classic.as_ref()).all(|c| c.knows(name));
        join.request.protocol_type == CONSUMER
            && join.request.protocols.iter().any(|(name, _)| all_know(name))
    }

    fn update_classic(&mut self, join: &Join<'_>, id: &str, subscription: &Subscription<'_>) -> bool {
        let request = join.request;
        let Some(member) = self.members.get_mut(id) else { return false };
        member.client_id = join.peer.client(request.client_id);
        member.host = join.peer.host;
        member.rebalance_ms = request.rebalance_ms.max(0) as u64;
        let session_ms = request.session_ms.max(0) as u64;
        member.classic =
            Some(ClassicSide { session_ms, protocols: join.protocols(), join: None, sync: None });
        (member.pattern, member.matched) = (None, Default::default());
        let topics = subscription.topics.iter().map(|&name| Arc::from(name)).collect();
        let before = std::mem::replace(&mut member.topics, topics);
        before != member.topics
    }

    fn share(&self, partitions: &Partitions<'_>, topics: &dyn Topics) -> Share {
        let found = partitions.iter().filter_map(|(name, numbers)| Some((topics.find(name)?.0, numbers)));
        found.flat_map(|(topic, numbers)| numbers.iter().map(move |&number| (topic, number))).collect()
    }

    /// That a static name belongs to that member.
    fn check_place(&self, id: &str, instance: &str) -> GroupResult<()> {
        let owner = self.instances.get(instance).ok_or(GroupFault::UnknownMember)?;
        if **owner == *id { Ok(()) } else { Err(GroupFault::FencedInstance) }
    }

    fn alive(&mut self, now: Millis, id: &str, out: &mut Out) {
        let Some(member) = self.members.get_mut(id) else { return };
        let at = Millis(now.0 + member.classic.as_ref().map_or(0, |classic| classic.session_ms));
        member.session = Some(at);
        out.due(at);
    }

    /// A member that speaks the classic protocol, in its present generation.
    fn check_classic(&self, who: &InGroup<'_>) -> GroupResult<(&Member, &ClassicSide)> {
        if let Some(instance) = who.instance {
            self.check_place(who.member, instance)?;
        }
        let member = self.members.get(who.member).ok_or(GroupFault::UnknownMember)?;
        let classic = member.classic.as_ref().ok_or(GroupFault::UnknownMember)?;
        if who.generation == member.epoch {
            Ok((member, classic))
        } else {
            Err(GroupFault::IllegalGeneration)
        }
    }

    /// It must join again, and has its rebalance timeout for that.
    fn call_back(&mut self, now: Millis, id: &str, out: &mut Out) {
        let Some(member) = self.members.get_mut(id) else { return };
        let at = Millis(now.0 + member.rebalance_ms);
        if let Some(classic) = &mut member.classic {
            classic.join.get_or_insert(at);
            out.due(at);
        }
    }

    /// `SyncGroup`: the member's share. It never waits.
    pub(crate) fn sync_classic(
        &mut self,
        now: Millis,
        request: &SyncGroup<'_>,
        out: &mut Out,
    ) -> GroupResult<Synced> {
        let id = request.who.member;
        let (member, classic) = self.check_classic(&request.who)?;
        let first = classic.protocols.first().map(|(name, _)| &**name);
        if request.protocol_type.is_some_and(|kind| kind != CONSUMER)
            || request.protocol.is_some_and(|name| Some(name) != first)
        {
            return Err(GroupFault::InconsistentProtocol);
        }
        if self.epoch > member.epoch && member.state != State::Unrevoked {
            self.call_back(now, id, out);
            return Err(GroupFault::RebalanceInProgress);
        }
        let assignment = self.written(&member.assigned, classic.version()).into();
        if let Some(classic) = self.members.get_mut(id).and_then(|m| m.classic.as_mut()) {
            classic.sync = None;
        }
        self.alive(now, id, out);
        Ok(Synced {
            protocol_type: request.protocol_type.map(Into::into),
            protocol: request.protocol.map(Into::into),
            assignment,
        })
    }

    /// A share as consumers write it.
    pub(super) fn written(&self, share: &Share, version: i16) -> Vec<u8> {
        let mut partitions: Partitions<'_> = Vec::new();
        for (name, (topic, _)) in &self.topics {
            let numbers: Vec<i32> = share.iter().filter(|(t, _)| t == topic).map(|&(_, n)| n).collect();
            if !numbers.is_empty() {
                partitions.push((name, numbers));
            }
        }
        embedded::write_assignment(version, &partitions)
    }

    /// `Heartbeat`.
    pub(crate) fn heartbeat_classic(
        &mut self,
        now: Millis,
        who: &InGroup<'_>,
        out: &mut Out,
    ) -> GroupResult<()> {
        let (member, _) = self.check_classic(who)?;
        let waits =
            || member.target.difference(&member.assigned).any(|partition| self.held.contains(partition));
        let is_behind = match member.state {
            State::Unrevoked => true,
            State::Unreleased => member.epoch < self.epoch || !waits(),
            State::Stable => member.epoch < self.epoch,
        };
        self.alive(now, who.member, out);
        if is_behind {
            self.call_back(now, who.member, out);
            return Err(GroupFault::RebalanceInProgress);
        }
        Ok(())
    }

    /// `LeaveGroup`: what became of each.
    pub(crate) fn leave_classic(&mut self, leaving: &[Leaving<'_>]) -> Vec<GroupResult<()>> {
        let mut leave = |who: &Leaving<'_>| {
            let id: Arc<str> = match who.instance {
                Some(instance) => {
                    let owner = self.instances.get(instance).ok_or(GroupFault::UnknownMember)?;
                    if !who.member.is_empty() && **owner != *who.member {
                        return Err(GroupFault::FencedInstance);
                    }
                    owner.clone()
                }
                None => who.member.into(),
            };
            let is_classic = self.members.get(&id).is_some_and(|m| m.classic.is_some());
            if !is_classic {
                return Err(GroupFault::UnknownMember);
            }
            self.remove(&id);
            Ok(())
        };
        leaving.iter().map(&mut leave).collect()
    }
}
