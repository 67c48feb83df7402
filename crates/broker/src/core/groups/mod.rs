//! Consumer groups: rights and limits before the machines of `groups`, answers and deadlines behind them.

mod configs;
mod consumer;
mod offsets;
mod share;
pub(crate) use offsets::Checked;
mod status;
mod topics;

use std::sync::Arc;

use anymq_auth::acl::{Operation, ResourceKind};
use anymq_types::{ConnectionId, VhostId};

use self::consumer::At;
use super::Core;
use super::fx::Fx;
use crate::api::Event;
use crate::groups::api::{
    ClassicDescribed, GroupAnswer, GroupFault, GroupListed, GroupResult, InGroup, JoinGroup, Joined, Leaving,
    SyncGroup, Synced,
};
use crate::groups::classic::Join;
use crate::groups::embedded::CONSUMER;
use crate::groups::{MEMBER_BYTES_MAX, Machine, NAME_BYTES_MAX, Out, Peer, Waiter};

/// A session that may use a group.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub(super) vhost: VhostId,
    pub(super) peer: Peer,
}

impl Core {
    /// That there can be such a group, and that the session may use it.
    pub(super) fn group_caller(&self, session: ConnectionId, group: &str) -> GroupResult<Caller> {
        if group.is_empty() { Err(GroupFault::InvalidName) } else { self.group_user(session, group) }
    }

    /// The same of a group that only has offsets: its name may be empty, as that of the first consumers was.
    pub(super) fn group_user(&self, session: ConnectionId, group: &str) -> GroupResult<Caller> {
        self.group_user_to(session, group, Operation::Read)
    }

    /// The same, to do `operation` to it.
    pub(super) fn group_user_to(
        &self,
        session: ConnectionId,
        group: &str,
        operation: Operation,
    ) -> GroupResult<Caller> {
        if group.len() > NAME_BYTES_MAX {
            return Err(GroupFault::InvalidName);
        }
        let state = self.sessions.get(&session).ok_or(GroupFault::Forbidden)?;
        let refused = !state.access.may(self.now, ResourceKind::Group, group, operation);
        let peer = Peer { host: state.info.principal.peer.ip() };
        if refused { Err(GroupFault::Forbidden) } else { Ok(Caller { vhost: state.vhost, peer }) }
    }

    /// Whether groups may hold more than they do, and those of the user who made this one, or is about to.
    pub(super) fn groups_have_room(&self, session: ConnectionId, vhost: VhostId, name: &str) -> bool {
        let limits = &self.config.groups;
        let group = self.groups.get(vhost, name);
        let user = match group {
            Some(group) => group.owner.as_ref(),
            None => self.sessions.get(&session).map(|state| &state.user),
        };
        let held = user.map(|user| self.groups.held_by(user)).unwrap_or_default();
        let all = self.groups.bytes() < limits.memory_max.0 && held.bytes < limits.memory_per_user_max.0;
        let one_more = self.groups.len() < limits.groups_max as usize
            && held.groups < limits.groups_per_user_max as usize;
        all && (group.is_some() || one_more)
    }

    /// Makes a group for a session's user if there is none of that name.
    pub(super) fn ensure_group(&mut self, session: ConnectionId, vhost: VhostId, name: &str) {
        let user = self.sessions.get(&session).map(|state| &state.user);
        self.groups.ensure_of(vhost, name, user);
    }

    /// That the session may be a member of such a group and want these topics. If it `joins`, there is room, and the group is there.
    fn admit_member(
        &mut self,
        session: ConnectionId,
        group: &str,
        topics: Option<&[&str]>,
        joins: bool,
    ) -> GroupResult<Caller> {
        let caller = self.group_caller(session, group)?;
        if topics.unwrap_or_default().iter().any(|name| !self.may_see(session, name)) {
            return Err(GroupFault::TopicForbidden);
        }
        if joins {
            if !self.groups_have_room(session, caller.vhost, group) {
                return Err(GroupFault::Full);
            }
            self.ensure_group(session, caller.vhost, group);
        }
        Ok(caller)
    }

    /// Hands answers to those who wait for them; the one for `own` is returned.
    pub(super) fn answer_groups(
        &mut self,
        fx: &mut Fx<'_>,
        out: Out,
        own: Option<Waiter>,
    ) -> Option<GroupAnswer> {
        let mut mine = None;
        for (waiter, answer) in out.answers {
            if own == Some(waiter) && mine.is_none() {
                mine = Some(answer);
            } else if let Some(state) = self.sessions.get(&waiter.session) {
                state.outbox.push(Event::Group { token: waiter.token, answer: Box::new(answer) });
                fx.wake(&state.outbox);
            }
        }
        if let Some(at) = self.groups.next_due() {
            self.earliest_timer = Some(self.earliest_timer.map_or(at, |earliest| earliest.min(at)));
        }
        mine
    }

    /// `JoinGroup`: the answer, if it need not wait for others.
    pub(crate) fn join_group(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        request: &JoinGroup<'_>,
    ) -> Option<Joined> {
        let own = Waiter { session, token: request.token };
        let refuse = |fault| {
            let member: Arc<str> = request.member.into();
            Some(Joined { fault: Some(fault), member, generation: -1, ..Joined::default() })
        };
        let caller = match self.check_join(session, request) {
            Ok(caller) => caller,
            Err(fault) => return refuse(fault),
        };
        let fresh = self.new_member_id(request.instance.unwrap_or(request.client_id));
        let limits = self.config.groups.classic();
        self.ensure_group(session, caller.vhost, request.group);
        let (mut out, now) = (Out::default(), fx.now);
        let join = Join { request, peer: caller.peer, waiter: own };
        self.with_group(fx, at(session, caller, request.group), &mut out, |group, topics, out| {
            group.make_classic_if_empty();
            match &mut group.machine {
                Machine::Classic(classic) => classic.join(now, join, fresh, &limits, out),
                Machine::Consumer(consumer) => {
                    consumer.join_classic(now, join, topics, limits.members_max, fresh, out);
                }
                Machine::Share(_) => {
                    let member: Arc<str> = request.member.into();
                    let fault = Some(GroupFault::InconsistentProtocol);
                    let joined = Joined { fault, member, generation: -1, ..Joined::default() };
                    out.answer(own, GroupAnswer::Joined(joined));
                }
            }
        });
        match self.answer_groups(fx, out, Some(own))? {
            GroupAnswer::Joined(joined) => Some(joined),
            GroupAnswer::Synced(_) => None,
        }
    }

    fn check_join(&self, session: ConnectionId, request: &JoinGroup<'_>) -> GroupResult<Caller> {
        let caller = self.group_caller(session, request.group)?;
        let limits = &self.config.groups;
        let bounds = limits.session_timeout_min_ms..=limits.session_timeout_max_ms;
        if !u32::try_from(request.session_ms).is_ok_and(|ms| bounds.contains(&ms)) {
            return Err(GroupFault::InvalidSessionTimeout);
        }
        let said: usize = request.protocols.iter().map(|(name, metadata)| name.len() + metadata.len()).sum();
        let instance = request.instance.map_or(0, str::len);
        if said + instance > MEMBER_BYTES_MAX || request.protocols.len() > PROTOCOLS_MAX {
            return Err(GroupFault::TooLarge);
        }
        let exists = self.groups.get(caller.vhost, request.group).is_some();
        if !request.member.is_empty() {
            return if exists { Ok(caller) } else { Err(GroupFault::UnknownMember) };
        }
        if self.groups_have_room(session, caller.vhost, request.group) {
            Ok(caller)
        } else {
            Err(GroupFault::Full)
        }
    }

    /// An id that no member has had: the name and 128 random bits in the form of a UUID (RFC 9562, version 4).
    pub(super) fn new_member_id(&mut self, name: &str) -> Arc<str> {
        let (high, low) = (self.next_random(), self.next_random());
        let name = &name[..name.floor_char_boundary(MEMBER_NAME_BYTES_MAX)];
        format!(
            "{name}-{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
        .into()
    }

    /// `SyncGroup`: the answer, if it need not wait for the leader.
    pub(crate) fn sync_group(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        request: &SyncGroup<'_>,
    ) -> Option<GroupResult<Synced>> {
        let own = Waiter { session, token: request.token };
        let caller = match self.group_caller(session, request.who.group) {
            Ok(caller) => caller,
            Err(fault) => return Some(Err(fault)),
        };
        let said: usize = request.assignments.iter().map(|(_, share)| share.len()).sum();
        if said as u64 > self.config.groups.memory_max.0 / 4 {
            return Some(Err(GroupFault::TooLarge));
        }
        let (mut out, now) = (Out::default(), fx.now);
        let here = at(session, caller, request.who.group);
        let found = self.with_group(fx, here, &mut out, |group, _, out| match &mut group.machine {
            Machine::Classic(classic) => classic.sync(now, request, own, out),
            Machine::Consumer(consumer) => {
                let synced = consumer.sync_classic(now, request, out);
                out.answer(own, GroupAnswer::Synced(synced));
            }
            Machine::Share(_) => {
                out.answer(own, GroupAnswer::Synced(Err(GroupFault::UnknownMember)));
            }
        });
        if found.is_none() {
            return Some(Err(GroupFault::UnknownMember));
        }
        match self.answer_groups(fx, out, Some(own))? {
            GroupAnswer::Synced(synced) => Some(synced),
            GroupAnswer::Joined(_) => None,
        }
    }

    /// `Heartbeat`.
    pub(crate) fn group_heartbeat(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        who: &InGroup<'_>,
    ) -> GroupResult<()> {
        let caller = self.group_caller(session, who.group)?;
        let mut out = Out::default();
        let result =
            self.groups.with(fx.now, caller.vhost, who.group, &mut out, |group, out| {
                match &mut group.machine {
                    Machine::Classic(classic) => {
                        classic.heartbeat(fx.now, who.member, who.instance, who.generation, out)
                    }
                    Machine::Consumer(consumer) => consumer.heartbeat_classic(fx.now, who, out),
                    Machine::Share(_) => Err(GroupFault::UnknownMember),
                }
            });
        self.answer_groups(fx, out, None);
        result.unwrap_or(Err(GroupFault::UnknownMember))
    }

    /// `LeaveGroup`: what became of each.
    pub(crate) fn leave_group(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        group: &str,
        leaving: &[Leaving<'_>],
    ) -> GroupResult<Vec<GroupResult<()>>> {
        let caller = self.group_caller(session, group)?;
        let (mut out, now) = (Out::default(), fx.now);
        let results = self.with_group(fx, at(session, caller, group), &mut out, |group, _, out| {
            match &mut group.machine {
                Machine::Classic(classic) => classic.leave(now, leaving, out),
                Machine::Consumer(consumer) => consumer.leave_classic(leaving),
                Machine::Share(_) => vec![Err(GroupFault::UnknownMember); leaving.len()],
            }
        });
        self.answer_groups(fx, out, None);
        Ok(results.unwrap_or_else(|| vec![Err(GroupFault::UnknownMember); leaving.len()]))
    }

    /// Groups that a session may use.
    pub(crate) fn list_groups(&self, session: ConnectionId) -> Vec<GroupListed> {
        let Some(state) = self.sessions.get(&session) else { return Vec::new() };
        let all = self.must_cluster(session, Operation::Describe).is_ok();
        let may = |name: &str| all || self.may(session, ResourceKind::Group, name, Operation::Describe);
        let groups = self.groups.of(state.vhost).filter(|(name, _)| may(name));
        groups
            .map(|(name, group)| {
                let protocol_type = match &group.machine {
                    Machine::Classic(classic) => classic.protocol_type().cloned().unwrap_or_default(),
                    Machine::Consumer(_) => CONSUMER.into(),
                    Machine::Share(_) => SHARE.into(),
                };
                GroupListed { name: name.clone(), protocol_type, state: group.state(), kind: group.kind() }
            })
            .collect()
    }

    /// A group of the classic protocol.
    pub(crate) fn describe_classic(
        &self,
        session: ConnectionId,
        name: &str,
    ) -> GroupResult<ClassicDescribed> {
        let caller = self.group_user_to(session, name, Operation::Describe)?;
        if name.is_empty() {
            return Err(GroupFault::InvalidName);
        }
        let group = self.groups.get(caller.vhost, name).ok_or(GroupFault::NotFound)?;
        match &group.machine {
            Machine::Classic(classic) => Ok(classic.describe()),
            Machine::Consumer(_) | Machine::Share(_) => Err(GroupFault::NotFound),
        }
    }

    /// Does what is due in groups.
    pub(super) fn tick_groups(&mut self, fx: &mut Fx<'_>) {
        for _ in 0..GROUPS_AT_ONCE_MAX {
            let Some((vhost, name)) = self.groups.take_due(fx.now) else { break };
            if self.groups.is_over(fx.now, vhost, &name) {
                self.forget_group(fx, vhost, &name);
                continue;
            }
            let (mut out, now) = (Out::default(), fx.now);
            let limits = self.config.groups.classic();
            let here = At { session: None, vhost, name: &name };
            self.with_group(fx, here, &mut out, |group, _, out| group.tick(now, &limits, out));
            // What it goes on with is due later; a group that changed its protocol says so by itself.
            self.groups.with(now, vhost, &name, &mut out, |group, out| group.due(out));
            self.answer_groups(fx, out, None);
        }
    }
}

fn at<'a>(session: ConnectionId, caller: Caller, name: &'a str) -> At<'a> {
    At { session: Some(session), vhost: caller.vhost, name }
}

/// Type of the protocol of share groups.
const SHARE: &str = "share";
/// Protocols that one member may know.
const PROTOCOLS_MAX: usize = 64;
/// What is kept of a client's name in its member id.
const MEMBER_NAME_BYTES_MAX: usize = 1_024;
/// Groups looked at before other operations get their turn.
const GROUPS_AT_ONCE_MAX: usize = 1_024;
