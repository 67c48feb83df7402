//! Share groups: members and sessions; records in `fetch`, what becomes of them in `acks` and `letters`.

mod acks;
mod fetch;
mod letters;
mod offsets;

use std::sync::Arc;

use anymq_auth::acl::Operation;
use anymq_types::{ConnectionId, VhostId};

use super::consumer::At;
use super::{Caller, Core};
use crate::core::fx::Fx;
use crate::groups::api::{GroupFault, GroupKind, GroupResult};
use crate::groups::consumer_api::{ConsumerBeat, TopicNames};
use crate::groups::durable::Change;
use crate::groups::offsets_api::TopicRef;
use crate::groups::share::sessions::Use;
use crate::groups::share::{Beat, check};
use crate::groups::share_api::{ShareDescribed, ShareFault, ShareHeartbeat, ShareSession};
use crate::groups::{Machine, Out};
use crate::journal::OFFSETS;

impl Core {
    /// `ShareGroupHeartbeat`.
    pub(crate) fn share_heartbeat(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        request: &ShareHeartbeat<'_>,
    ) -> GroupResult<ConsumerBeat> {
        check(request)?;
        let caller =
            self.admit_member(session, request.group, request.topics.as_deref(), request.epoch == 0)?;
        let members_max = self.config.groups.share_members_max as usize;
        let settings = self.group_settings(caller.vhost, request.group);
        let (now, peer) = (fx.now, caller.peer);
        let mut out = Out::default();
        let at = At { session: Some(session), vhost: caller.vhost, name: request.group };
        let result = self.with_group(fx, at, &mut out, |group, topics, out| {
            let share = if request.epoch == 0 {
                group.make_share()?
            } else {
                group.share().ok_or(GroupFault::NotFound)?
            };
            if request.epoch < 0 {
                return share.leave(request.member);
            }
            let (session_ms, interval_ms) = (settings.share_session_ms, settings.share_heartbeat_ms);
            share.heartbeat(now, &Beat { request, peer, topics, members_max, session_ms, interval_ms }, out)
        });
        self.answer_groups(fx, out, None);
        result.unwrap_or(Err(GroupFault::NotFound))
    }

    /// A share group, and the names of the topics that its members have.
    pub(crate) fn describe_share(
        &self,
        session: ConnectionId,
        name: &str,
    ) -> GroupResult<(ShareDescribed, TopicNames)> {
        let caller = self.group_user_to(session, name, Operation::Describe)?;
        let described = match self.groups.get(caller.vhost, name).map(|group| &group.machine) {
            Some(Machine::Share(share)) => share.describe(),
            Some(Machine::Classic(_) | Machine::Consumer(_)) | None => return Err(GroupFault::NotFound),
        };
        let topics = described.members.iter().flat_map(|member| &member.assigned);
        let named = |&(id, _): &(crate::topics::TopicId, Vec<i32>)| {
            self.find_topic(caller.vhost, TopicRef::Id(id)).map(|found| (id, found.name.clone()))
        };
        let names = topics.filter_map(named).collect();
        Ok((described, names))
    }

    /// Opens a share session, or goes on with it; how long records are locked, in milliseconds.
    pub(crate) fn share_session(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        request: &ShareSession<'_>,
    ) -> Result<u64, ShareFault> {
        let caller = self.share_caller(session, request.group, request.member)?;
        let lock_ms = self.group_settings(caller.vhost, request.group).lock_ms;
        let limits = &self.config.groups;
        let has_room = self.groups.share_sessions() < limits.share_sessions_max as usize
            && self.groups.bytes() < limits.memory_max.0;
        let used = self.groups.with_share(fx.now, caller.vhost, request.group, |share| {
            share.sessions.enter(session, request, has_room)
        });
        if used.ok_or(GroupFault::NotFound)?? == Use::Open && request.epoch == 0 {
            let key: (Arc<str>, Arc<str>, i32) = (request.group.into(), request.member.into(), request.node);
            if let Some(state) = self.sessions.get_mut(&session)
                && !state.shares.contains(&key)
            {
                state.shares.push(key);
            }
        }
        Ok(lock_ms)
    }

    /// Ends a share session: what its member has comes back.
    pub(crate) fn end_share(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        group: &str,
        member: &str,
        node: i32,
    ) -> Result<(), ShareFault> {
        let caller = self.share_caller(session, group, member)?;
        if let Some(state) = self.sessions.get_mut(&session) {
            state.shares.retain(|(g, m, n)| **g != *group || **m != *member || *n != node);
        }
        self.close_share(fx, caller.vhost, group, member, node);
        Ok(())
    }

    /// A connection is gone, and the share sessions that it has opened.
    pub(in crate::core) fn end_shares(
        &mut self,
        fx: &mut Fx<'_>,
        vhost: VhostId,
        connection: ConnectionId,
        shares: &[(Arc<str>, Arc<str>, i32)],
    ) {
        for (group, member, node) in shares {
            let share = self.groups.get(vhost, group).and_then(|found| found.as_share());
            // Another connection may have opened it anew.
            if share.and_then(|share| share.sessions.connection(*node, member)) == Some(connection) {
                self.close_share(fx, vhost, group, member, *node);
            }
        }
    }

    fn close_share(&mut self, fx: &mut Fx<'_>, vhost: VhostId, group: &str, member: &str, node: i32) {
        let closed = self.groups.with_share(fx.now, vhost, group, |share| {
            let partitions = share.sessions.remove(node, member)?;
            // What it has by way of other nodes stays with it.
            Some(share.sessions.has(member).then_some(partitions))
        });
        let Some(of) = closed.flatten() else { return };
        let of = of.map(|partitions| {
            let stream = |(topic, number)| self.find_topic(vhost, TopicRef::Id(topic))?.partition(number);
            partitions.into_iter().filter_map(stream).collect()
        });
        self.release_member(fx, vhost, group, member, of);
    }

    fn share_caller(&self, session: ConnectionId, group: &str, member: &str) -> GroupResult<Caller> {
        let caller = self.group_caller(session, group)?;
        if member.is_empty() || member.len() > MEMBER_ID_BYTES_MAX {
            return Err(GroupFault::Invalid("MemberId can't be empty.".into()));
        }
        Ok(caller)
    }

    /// Makes sure that there is a share group of that name without members.
    fn empty_share(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        vhost: VhostId,
        name: &str,
    ) -> GroupResult<()> {
        if !self.groups_have_room(session, vhost, name) {
            return Err(GroupFault::Full);
        }
        self.ensure_group(session, vhost, name);
        let mut out = Out::default();
        let made = self.groups.with(fx.now, vhost, name, &mut out, |group, _| {
            let before = group.kind();
            let is_empty = group.make_share()?.is_empty();
            if is_empty { Ok(before != GroupKind::Share) } else { Err(GroupFault::NotEmpty) }
        });
        if made.ok_or(GroupFault::NotFound)?? {
            fx.frame(OFFSETS, |out| Change::Kind(GroupKind::Share).write(vhost, name, out));
        }
        Ok(())
    }
}

/// Longest id of a member, as far as sessions keep it.
const MEMBER_ID_BYTES_MAX: usize = 4_096;
