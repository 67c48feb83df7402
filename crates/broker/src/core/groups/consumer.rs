//! Groups whose partitions the broker assigns.

use std::sync::Arc;

use anymq_auth::acl::Operation;
use anymq_types::{ConnectionId, VhostId};

use super::Core;
use crate::core::fx::Fx;
use crate::groups::api::{GroupFault, GroupResult};
use crate::groups::consumer::{Beat, Topics, check};
use crate::groups::consumer_api::{ConsumerBeat, ConsumerDescribed, ConsumerHeartbeat, TopicNames};
use crate::groups::durable::Change;
use crate::groups::offsets_api::TopicRef;
use crate::groups::{Group, Machine, Out};
use crate::journal::OFFSETS;
use crate::topics::TopicId;

/// Topics as a session sees them.
pub(super) struct Seen<'c> {
    core: &'c Core,
    version: u64,
    session: Option<ConnectionId>,
    vhost: VhostId,
}

/// Which group is meant, and who asks: nobody if it is its own deadline.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) session: Option<ConnectionId>,
    pub(super) vhost: VhostId,
    pub(super) name: &'a str,
}

impl Topics for Seen<'_> {
    fn find(&self, name: &str) -> Option<(TopicId, u32)> {
        let found = self.core.find_topic(self.vhost, TopicRef::Name(name))?;
        Some((found.id, found.partitions.len() as u32))
    }

    fn names(&self) -> Vec<Arc<str>> {
        let Some(session) = self.session else { return Vec::new() };
        self.core.topic_names(session)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Core {
    /// `ConsumerGroupHeartbeat`.
    pub(crate) fn consumer_heartbeat(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        request: &ConsumerHeartbeat<'_>,
    ) -> GroupResult<ConsumerBeat> {
        check(request)?;
        let caller =
            self.admit_member(session, request.group, request.topics.as_deref(), request.epoch == 0)?;
        let fresh = self.new_member_id("consumer");
        let members_max = self.config.groups.members_max as usize;
        let settings = self.group_settings(caller.vhost, request.group);
        let (session_ms, interval_ms) = (settings.consumer_session_ms, settings.consumer_heartbeat_ms);
        let (now, peer) = (fx.now, caller.peer);
        let mut out = Out::default();
        let at = At { session: Some(session), vhost: caller.vhost, name: request.group };
        let result = self.with_group(fx, at, &mut out, |group, topics, out| {
            if request.epoch == 0 {
                group.make_consumer(now, topics, out)?;
            }
            let consumer = group.consumer().ok_or(GroupFault::NotFound)?;
            if request.epoch < 0 {
                return consumer.leave(request);
            }
            let beat = Beat { request, peer, topics, members_max, session_ms, interval_ms };
            consumer.heartbeat(now, &beat, fresh, out)
        });
        self.answer_groups(fx, out, None);
        result.unwrap_or(Err(GroupFault::NotFound))
    }

    /// Runs `change` on a group, with the topics it may want. If the group is of another kind afterwards the journal hears of it.
    pub(super) fn with_group<T>(
        &mut self,
        fx: &mut Fx<'_>,
        at: At<'_>,
        out: &mut Out,
        change: impl FnOnce(&mut Group, &dyn Topics, &mut Out) -> T,
    ) -> Option<T> {
        let mut groups = std::mem::take(&mut self.groups);
        let topics =
            Seen { core: self, version: groups.topics_version(), session: at.session, vhost: at.vhost };
        let changed = groups.with(fx.now, at.vhost, at.name, out, |group, out| {
            let before = group.kind();
            let value = change(group, &topics, out);
            group.leave_protocol(fx.now, out);
            (value, Some(group.kind()).filter(|&kind| kind != before))
        });
        self.groups = groups;
        let (value, kind) = changed?;
        if let Some(kind) = kind {
            fx.frame(OFFSETS, |out| Change::Kind(kind).write(at.vhost, at.name, out));
        }
        Some(value)
    }

    /// A group of the consumer protocol.
    pub(crate) fn describe_consumer(
        &self,
        session: ConnectionId,
        name: &str,
    ) -> GroupResult<(ConsumerDescribed, TopicNames)> {
        let caller = self.group_user_to(session, name, Operation::Describe)?;
        let described = match self.groups.get(caller.vhost, name).map(|group| &group.machine) {
            Some(Machine::Consumer(consumer)) => consumer.describe(),
            Some(Machine::Classic(_) | Machine::Share(_)) | None => return Err(GroupFault::NotFound),
        };
        let shares = described.members.iter().flat_map(|m| m.assigned.iter().chain(&m.target));
        let named = |&(id, _): &(TopicId, Vec<i32>)| {
            self.find_topic(caller.vhost, TopicRef::Id(id)).map(|found| (id, found.name.clone()))
        };
        let names = shares.filter_map(named).collect();
        Ok((described, names))
    }
}
