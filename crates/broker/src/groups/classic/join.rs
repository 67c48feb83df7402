//! Joining, and how a generation begins.

use std::sync::Arc;

use anymq_types::Millis;
use bytes::Bytes;

use super::members::{Member, Protocols};
use super::{Classic, JoinTimer, Limits, Phase};
use crate::groups::api::{GroupAnswer, GroupFault, JoinGroup, Joined, JoinedMember};
use crate::groups::{Out, Peer, Waiter};

/// A request to join, and where it came from.
#[derive(Clone, Copy)]
pub(crate) struct Join<'a> {
    pub(crate) request: &'a JoinGroup<'a>,
    pub(crate) peer: Peer,
    pub(crate) waiter: Waiter,
}

impl Join<'_> {
    pub(crate) fn refuse(&self, member: &str, fault: GroupFault, out: &mut Out) {
        let joined =
            Joined { fault: Some(fault), member: member.into(), generation: -1, ..Joined::default() };
        out.answer(self.waiter, GroupAnswer::Joined(joined));
    }

    /// Its protocols; of those with the same name the first.
    pub(crate) fn protocols(&self) -> Protocols {
        let mut protocols = Protocols::with_capacity(self.request.protocols.len().min(16));
        for &(name, metadata) in &self.request.protocols {
            if !protocols.iter().any(|(other, _)| **other == *name) {
                protocols.push((name.into(), Bytes::copy_from_slice(metadata)));
            }
        }
        protocols
    }

    fn update(&self, member: &mut Member) {
        member.protocols = self.protocols();
        member.session_ms = self.request.session_ms.max(0) as u64;
        member.rebalance_ms = self.request.rebalance_ms.max(0) as u64;
    }
}

impl Classic {
    /// A member joins; `fresh` is the id it gets if it has none.
    pub(crate) fn join(
        &mut self,
        now: Millis,
        join: Join<'_>,
        fresh: Arc<str>,
        limits: &Limits,
        out: &mut Out,
    ) {
        let request = join.request;
        if !self.has_room_for(request.member, limits) {
            self.forget(request.member);
            self.pending.remove(request.member);
            return join.refuse("", GroupFault::Full, out);
        }
        if !self.supports(request) {
            return join.refuse(request.member, GroupFault::InconsistentProtocol, out);
        }
        if !request.member.is_empty() {
            return self.join_known(now, join, limits, out);
        }
        match request.instance {
            Some(instance) => match self.members.of_instance(instance).cloned() {
                Some(old) => self.join_again(now, join, &old, fresh, limits, out),
                None => self.add(now, join, fresh, limits, out),
            },
            None if request.can_take_id => {
                let at = Millis(now.0 + request.session_ms.max(0) as u64);
                self.pending.insert(fresh.clone(), at);
                out.due(at);
                join.refuse(&fresh, GroupFault::MemberIdRequired, out);
            }
            None => self.add(now, join, fresh, limits, out),
        }
    }

    fn has_room_for(&self, member: &str, limits: &Limits) -> bool {
        let known = self.members.get(member);
        let count = match self.phase {
            Phase::Empty => {
                return self.pending.len() < limits.members_max || self.pending.contains_key(member);
            }
            Phase::Preparing { .. } => {
                if known.is_some_and(Member::is_joining) {
                    return true;
                }
                // Places are for those that come: some who have one may not come back.
                if known.is_none() && self.members.len() >= limits.members_max.saturating_mul(2) {
                    return false;
                }
                self.members.joining()
            }
            Phase::Completing | Phase::Stable => {
                if known.is_some() {
                    return true;
                }
                self.members.len()
            }
        };
        let waits = !self.pending.contains_key(member) && self.pending.len() >= limits.members_max;
        count < limits.members_max && !waits
    }

    fn supports(&self, request: &JoinGroup<'_>) -> bool {
        if self.phase == Phase::Empty || self.members.len() == 0 {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(request.protocol_type)
            && request.protocols.iter().any(|(name, _)| self.members.all_know(name))
    }

    /// A member that has an id.
    fn join_known(&mut self, now: Millis, join: Join<'_>, limits: &Limits, out: &mut Out) {
        let request = join.request;
        let id = request.member;
        if self.pending.contains_key(id) {
            if request.instance.is_some() {
                return join.refuse(id, GroupFault::Invalid("a static member needs no id first".into()), out);
            }
            return self.add(now, join, id.into(), limits, out);
        }
        if let Err(fault) = self.check_member(id, request.instance) {
            return join.refuse(id, fault, out);
        }
        let same = self.members.get(id).is_some_and(|m| m.knows(&request.protocols));
        match self.phase {
            Phase::Empty => join.refuse(id, GroupFault::UnknownMember, out),
            // It did not get the answer.
            Phase::Completing if same => out.answer(join.waiter, GroupAnswer::Joined(self.joined(id))),
            // A leader asks for a new assignment by joining again.
            Phase::Stable if same && !self.is_leader(id) => {
                out.answer(join.waiter, GroupAnswer::Joined(self.joined(id)));
            }
            Phase::Preparing { .. } | Phase::Completing | Phase::Stable => {
                self.members.change(id, |member| join.update(member));
                self.members.wait_join(id, join.waiter, out);
                self.rebalance_or_complete(now, limits, out);
            }
        }
    }

    /// A new member.
    fn add(&mut self, now: Millis, join: Join<'_>, id: Arc<str>, limits: &Limits, out: &mut Out) {
        self.pending.remove(&id);
        if self.phase == (Phase::Preparing { initial: true }) {
            self.came = true;
        }
        if self.members.len() == 0 {
            self.protocol_type = Some(join.request.protocol_type.into());
        }
        let instance = join.request.instance.map(Into::into);
        let mut member = Member::new(instance, join.peer.client(join.request.client_id), join.peer.host);
        join.update(&mut member);
        self.members.insert(id.clone(), member);
        self.members.wait_join(&id, join.waiter, out);
        self.leader.get_or_insert_with(|| id.clone());
        self.awaited(now, &id, out);
        self.rebalance_or_complete(now, limits, out);
    }

    /// A static member has started again: it takes its place over, with a new id, and need not disturb the others.
    fn join_again(
        &mut self,
        now: Millis,
        join: Join<'_>,
        old: &Arc<str>,
        id: Arc<str>,
        limits: &Limits,
        out: &mut Out,
    ) {
        let leader = self.leader.clone().unwrap_or_default();
        self.members.turn_away(old, &GroupFault::FencedInstance, out);
        let Some(mut member) = self.members.remove(old) else { return };
        join.update(&mut member);
        member.client_id = join.peer.client(join.request.client_id);
        member.host = join.peer.host;
        self.members.insert(id.clone(), member);
        self.members.wait_join(&id, join.waiter, out);
        if self.is_leader(old) {
            self.leader = Some(id.clone());
        }
        self.alive(now, &id, out);
        match self.phase {
            Phase::Stable if self.members.elect() == self.protocol => {
                let leads = self.is_leader(&id);
                let mut joined = self.joined(&id);
                if join.request.can_skip {
                    joined.skip_assignment = leads;
                } else {
                    // It must not think that it leads: it would assign anew.
                    joined.members.clear();
                    joined.leader = leader;
                }
                self.members.answer_join(&id, joined, out);
            }
            Phase::Stable | Phase::Completing => self.rebalance(now, out),
            Phase::Preparing { .. } | Phase::Empty => self.rebalance_or_complete(now, limits, out),
        }
    }

    /// What a member hears of the present generation.
    fn joined(&self, id: &str) -> Joined {
        let members = if self.is_leader(id) { self.for_leader() } else { Vec::new() };
        Joined {
            fault: None,
            member: id.into(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members,
        }
    }

    fn for_leader(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |(id, member): (&Arc<str>, &Member)| JoinedMember {
            id: id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.iter().map(member).collect()
    }

    /// Somebody came or changed: a new generation, or one member less to wait for.
    fn rebalance_or_complete(&mut self, now: Millis, limits: &Limits, out: &mut Out) {
        match self.phase {
            Phase::Empty => self.begin(now, limits, out),
            Phase::Stable | Phase::Completing => self.rebalance(now, out),
            Phase::Preparing { initial: false } => {
                self.complete_if_all_joined(now, out);
            }
            Phase::Preparing { initial: true } => {}
        }
    }

    /// The first generation of an empty group: it may wait for more members, so that not each of them causes another.
    fn begin(&mut self, now: Millis, limits: &Limits, out: &mut Out) {
        self.syncing = None;
        self.phase = Phase::Preparing { initial: true };
        self.came = false;
        let delay = limits.initial_delay_ms;
        if delay == 0 {
            return self.complete(now, out);
        }
        let left = self.members.rebalance_ms().saturating_sub(delay);
        self.set_joining(now, delay, Some((left, delay)), out);
    }

    fn set_joining(&mut self, now: Millis, ms: u64, initial: Option<(u64, u64)>, out: &mut Out) {
        let at = Millis(now.0 + ms);
        self.joining = Some(JoinTimer { at, initial });
        out.due(at);
    }

    /// Has all members join again. (From Stable and Completing.)
    pub(super) fn rebalance(&mut self, now: Millis, out: &mut Out) {
        if self.phase == Phase::Completing {
            self.assign_none(now, &GroupFault::RebalanceInProgress, out);
        }
        self.syncing = None;
        self.members.iter_mut().for_each(|(_, m)| m.unsynced = false);
        self.phase = Phase::Preparing { initial: false };
        if !self.complete_if_all_joined(now, out) {
            let ms = self.members.rebalance_ms();
            self.set_joining(now, ms, None, out);
        }
    }

    /// Begins the next generation if nobody is waited for; whether it did.
    pub(super) fn complete_if_all_joined(&mut self, now: Millis, out: &mut Out) -> bool {
        let preparing = matches!(self.phase, Phase::Preparing { .. });
        let all = preparing && self.members.all_joining() && self.pending.is_empty();
        if all {
            self.complete(now, out);
        }
        all
    }

    pub(super) fn join_time_over(
        &mut self,
        now: Millis,
        initial: Option<(u64, u64)>,
        limits: &Limits,
        out: &mut Out,
    ) {
        if !matches!(self.phase, Phase::Preparing { .. }) {
            return;
        }
        match initial {
            Some((left, delay)) if self.came && left > 0 => {
                self.came = false;
                let next = limits.initial_delay_ms.min(left);
                self.set_joining(now, next, Some((left.saturating_sub(delay), next)), out);
            }
            _ => self.complete(now, out),
        }
    }

    /// Begins the next generation, without those that have not joined; static members stay.
    fn complete(&mut self, now: Millis, out: &mut Out) {
        self.joining = None;
        let gone = |m: &Member| !m.is_joining() && m.instance.is_none();
        let gone: Vec<_> = self.members.iter().filter(|(_, m)| gone(m)).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| self.forget(id));
        if self.members.len() > 0 && !self.elect_leader() {
            // Static members alone, and none of them is here.
            let ms = self.members.rebalance_ms();
            return self.set_joining(now, ms.max(1), None, out);
        }
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.len() == 0 {
            self.protocol = None;
            self.phase = Phase::Empty;
            return;
        }
        self.protocol = self.members.elect();
        self.phase = Phase::Completing;
        let ids: Vec<_> = self.members.iter().map(|(id, _)| id.clone()).collect();
        for id in &ids {
            let joined = self.joined(id);
            self.members.answer_join(id, joined, out);
            if let Some(member) = self.members.get_mut(id) {
                member.is_new = false;
                member.unsynced = true;
            }
            self.alive(now, id, out);
        }
        let at = Millis(now.0 + self.members.rebalance_ms());
        self.syncing = Some(at);
        out.due(at);
    }

    /// Makes sure that the leader has joined; whether anybody has.
    fn elect_leader(&mut self) -> bool {
        let here = |id: &Arc<str>| self.members.get(id).is_some_and(Member::is_joining);
        if self.leader.as_ref().is_some_and(here) {
            return true;
        }
        let elected = self.members.iter().find(|(_, m)| m.is_joining()).map(|(id, _)| id.clone());
        let found = elected.is_some();
        if found {
            self.leader = elected;
        }
        found
    }

    /// Removes a member; another leads if it did.
    pub(super) fn forget(&mut self, id: &str) {
        self.members.remove(id);
        if self.is_leader(id) {
            self.leader = self.members.iter().next().map(|(id, _)| id.clone());
        }
    }
}
