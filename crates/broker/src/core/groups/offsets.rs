//! Committing offsets, looking them up, forgetting them, and bringing them back after a restart.

use std::sync::Arc;

use anymq_auth::acl::{Operation, ResourceKind};
use anymq_types::{ConnectionId, QueueId, VhostId};

use super::topics::Found;
use super::{Caller, Core};
use crate::core::fx::Fx;
use crate::groups::api::{GroupFault, GroupKind, GroupResult, GroupState};
use crate::groups::durable::{self, Change};
use crate::groups::offsets_api::{
    Commit, CommitOffsets, Committed, CommittedAll, FetchOffsets, TopicOffsets, TopicRef,
};
use crate::groups::{METADATA_BYTES_MAX, Machine, Out};
use crate::journal::OFFSETS;
use crate::topics::TopicId;

/// Bytes of offsets after which a snapshot begins another item.
const ITEM_BYTES: usize = 32 << 10;

/// Whatever is asked of partitions: by topic, partition by partition.
type Asked<'a, T> = [(TopicRef<'a>, Vec<T>)];

/// Offsets that may be committed.
pub(crate) struct Checked {
    pub(crate) vhost: VhostId,
    /// What becomes of each, by topic.
    pub(crate) topics: Vec<Vec<GroupResult<()>>>,
    pub(crate) offsets: Vec<(QueueId, Committed)>,
}

impl Core {
    /// Commits offsets; what became of each.
    pub(crate) fn commit_offsets(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        request: &CommitOffsets<'_>,
    ) -> GroupResult<CommittedAll> {
        let group = request.who.group;
        let Checked { vhost, topics, offsets } = self.check_offsets(fx, session, request)?;
        self.ensure_group(session, vhost, group);
        if !offsets.is_empty() {
            self.change_group(fx, vhost, group, Change::Commit(offsets));
        }
        // One that was made for this commit and got nothing is forgotten in time.
        self.groups.with(fx.now, vhost, group, &mut Out::default(), |_, _| ());
        Ok(CommittedAll { topics, commit: None })
    }

    /// Commits what a user's transaction has put by.
    pub(crate) fn commit_pending(
        &mut self,
        fx: &mut Fx<'_>,
        user: &Arc<str>,
        (vhost, group): (VhostId, &str),
        offsets: Vec<(QueueId, Committed)>,
    ) {
        self.groups.ensure_of(vhost, group, Some(user).filter(|user| !user.is_empty()));
        self.change_group(fx, vhost, group, Change::Commit(offsets));
        self.groups.with(fx.now, vhost, group, &mut Out::default(), |_, _| ());
    }

    /// Which of the offsets may be committed, and by whom.
    pub(crate) fn check_offsets(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        request: &CommitOffsets<'_>,
    ) -> GroupResult<Checked> {
        let who = &request.who;
        let caller = self.group_user(session, who.group)?;
        let nobody = who.generation < 0 && who.member.is_empty() && who.instance.is_none();
        // A transaction's producer need not say who consumes.
        let shares = self.groups.get(caller.vhost, who.group).is_some_and(|group| group.as_share().is_some());
        if shares || !(request.in_transaction && nobody) {
            self.check_commit(fx, caller, request)?;
        }
        if !self.groups_have_room(session, caller.vhost, who.group) {
            return Err(GroupFault::Full);
        }
        let mut offsets: Vec<(QueueId, Committed)> = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic, commits) in &request.topics {
            let found = self.usable_topic(session, caller.vhost, *topic);
            let results = commits.iter().map(|commit| {
                let id = self.check_offset(caller, who.group, &found, commit)?;
                let metadata = commit.metadata.into();
                offsets.push((id, Committed { offset: commit.offset, epoch: commit.epoch, metadata }));
                Ok(())
            });
            topics.push(results.collect());
        }
        Ok(Checked { vhost: caller.vhost, topics, offsets })
    }

    fn check_commit(
        &mut self,
        fx: &mut Fx<'_>,
        caller: Caller,
        request: &CommitOffsets<'_>,
    ) -> GroupResult<()> {
        let who = &request.who;
        let mut out = Out::default();
        let checked = self.groups.with(fx.now, caller.vhost, who.group, &mut out, |group, out| {
            match &mut group.machine {
                Machine::Classic(classic) => {
                    classic.check_commit(fx.now, who.member, who.instance, who.generation, out)
                }
                Machine::Consumer(consumer) => {
                    consumer.check_commit(who.member, who.generation, request.knows_epochs)
                }
                Machine::Share(_) => Err(GroupFault::NotFound),
            }
        });
        self.answer_groups(fx, out, None);
        match checked {
            Some(checked) => checked,
            None if who.generation < 0 => Ok(()),
            None if request.knows_epochs => Err(GroupFault::NotFound),
            None => Err(GroupFault::IllegalGeneration),
        }
    }

    fn check_offset(
        &self,
        caller: Caller,
        group: &str,
        found: &GroupResult<Found<'_>>,
        commit: &Commit<'_>,
    ) -> GroupResult<QueueId> {
        let found = found.as_ref().map_err(Clone::clone)?;
        let id = found.partition(commit.partition).ok_or(GroupFault::NoPartition)?;
        if commit.metadata.len() > METADATA_BYTES_MAX {
            return Err(GroupFault::MetadataTooLarge);
        }
        let full = self.groups.get(caller.vhost, group).is_some_and(|g| !g.offsets.has_room_for(id));
        if full { Err(GroupFault::TooLarge) } else { Ok(id) }
    }

    /// A topic that a session may read.
    pub(super) fn usable_topic(
        &self,
        session: ConnectionId,
        vhost: VhostId,
        topic: TopicRef<'_>,
    ) -> GroupResult<Found<'_>> {
        self.topic_to(session, vhost, topic, Operation::Read)
    }

    /// A topic to which a session may do `operation`.
    pub(super) fn topic_to(
        &self,
        session: ConnectionId,
        vhost: VhostId,
        topic: TopicRef<'_>,
        operation: Operation,
    ) -> GroupResult<Found<'_>> {
        let found = self.find_topic(vhost, topic);
        let name = match topic {
            TopicRef::Name(name) => name,
            TopicRef::Id(_) => found.as_ref().ok_or(GroupFault::NoTopic)?.name,
        };
        let may = self.may(session, ResourceKind::Topic, name, operation);
        if may { found.ok_or(GroupFault::NoTopic) } else { Err(GroupFault::TopicForbidden) }
    }

    /// Looks offsets up.
    pub(crate) fn fetch_offsets(
        &self,
        session: ConnectionId,
        request: &FetchOffsets<'_>,
    ) -> GroupResult<Vec<TopicOffsets>> {
        let caller = self.group_user_to(session, request.group, Operation::Describe)?;
        let group = self.groups.get(caller.vhost, request.group);
        if let (Some(Machine::Consumer(consumer)), Some((id, epoch))) =
            (group.map(|g| &g.machine), request.member)
        {
            consumer.check_fetch(id, epoch)?;
        }
        let pending = request.stable_only.then(|| self.coordinator.pending(caller.vhost, request.group));
        let unstable = |id: Option<QueueId>| id.zip(pending.as_ref()).is_some_and(|(id, p)| p.contains(&id));
        let Some(asked) = &request.topics else {
            let Some(group) = group else { return Ok(Vec::new()) };
            let topics = self.topics_of(caller.vhost, &group.offsets).into_iter();
            let seen = topics.filter(|(f, _)| self.may_see(session, f.name));
            let offsets = |(found, partitions): (Found<'_>, Vec<(u32, QueueId)>)| TopicOffsets {
                name: found.name.clone(),
                id: found.id,
                partitions: (partitions.iter())
                    .map(|&(number, id)| match unstable(Some(id)) {
                        true => (number as i32, Err(GroupFault::Unstable)),
                        false => (number as i32, Ok(group.offsets.get(id).cloned())),
                    })
                    .collect(),
            };
            return Ok(seen.map(offsets).collect());
        };
        let look_up = |(topic, partitions): &(TopicRef<'_>, Vec<i32>)| {
            let found = self.topic_to(session, caller.vhost, *topic, Operation::Describe);
            let one = |&number: &i32| {
                let offset = match &found {
                    Ok(found) if unstable(found.partition(number)) => Err(GroupFault::Unstable),
                    Ok(found) => {
                        let id = found.partition(number);
                        Ok(group.zip(id).and_then(|(group, id)| group.offsets.get(id).cloned()))
                    }
                    // Who asks by name hears that nothing was committed.
                    Err(GroupFault::NoTopic) if matches!(topic, TopicRef::Name(_)) => Ok(None),
                    Err(fault) => Err(fault.clone()),
                };
                (number, offset)
            };
            let (name, id) = match (topic, &found) {
                (_, Ok(found)) => (found.name.clone(), found.id),
                (TopicRef::Name(name), Err(_)) => (Arc::from(*name), TopicId(0)),
                (TopicRef::Id(id), Err(_)) => (Arc::default(), *id),
            };
            TopicOffsets { name, id, partitions: partitions.iter().map(one).collect() }
        };
        Ok(asked.iter().map(look_up).collect())
    }

    /// Forgets offsets of topics that no member uses; what became of each.
    pub(crate) fn delete_offsets(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        name: &str,
        asked: &Asked<'_, i32>,
    ) -> GroupResult<CommittedAll> {
        let caller = self.group_user_to(session, name, Operation::Delete)?;
        if name.is_empty() {
            return Err(GroupFault::InvalidName);
        }
        let group = self.groups.get(caller.vhost, name).ok_or(GroupFault::NotFound)?;
        // Whether it can be told at all does not depend on the topic.
        group.is_subscribed("")?;
        let mut gone = Vec::new();
        let mut topics = Vec::with_capacity(asked.len());
        for (topic, partitions) in asked {
            let found = self.usable_topic(session, caller.vhost, *topic).and_then(|found| {
                if group.is_subscribed(found.name)? { Err(GroupFault::Subscribed) } else { Ok(found) }
            });
            let results = partitions.iter().map(|&number| {
                let id =
                    found.as_ref().map_err(Clone::clone)?.partition(number).ok_or(GroupFault::NoPartition)?;
                gone.extend(group.offsets.get(id).map(|_| id));
                Ok(())
            });
            topics.push(results.collect());
        }
        if !gone.is_empty() {
            self.change_group(fx, caller.vhost, name, Change::Forget(gone));
            self.groups.with(fx.now, caller.vhost, name, &mut Out::default(), |_, _| ());
        }
        Ok(CommittedAll { topics, commit: None })
    }

    /// Deletes a group that has no members.
    pub(crate) fn delete_group(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        name: &str,
    ) -> GroupResult<()> {
        let caller = self.group_user_to(session, name, Operation::Delete)?;
        let group = self.groups.get(caller.vhost, name).ok_or(GroupFault::NotFound)?;
        if group.state() != GroupState::Empty {
            return Err(GroupFault::NotEmpty);
        }
        self.forget_group(fx, caller.vhost, name);
        Ok(())
    }

    /// Forgets a group, in the journal too if it is there.
    pub(super) fn forget_group(&mut self, fx: &mut Fx<'_>, vhost: VhostId, name: &str) {
        if self.groups.get(vhost, name).is_some_and(|group| group.lasts()) {
            self.change_group(fx, vhost, name, Change::Delete);
        } else {
            self.groups.remove(vhost, name);
        }
    }

    /// Journals a change to a group and makes it.
    pub(super) fn change_group(&mut self, fx: &mut Fx<'_>, vhost: VhostId, name: &str, change: Change) {
        fx.frame(OFFSETS, |out| change.write(vhost, name, out));
        self.apply_group(vhost, name, change);
    }

    fn apply_group(&mut self, vhost: VhostId, name: &str, change: Change) {
        match change {
            Change::Commit(offsets) => {
                for (partition, committed) in offsets {
                    // It may have been deleted since: the journal is read again from before the snapshot.
                    if self.queues.contains_key(&partition) {
                        self.groups.put_offset(vhost, name, partition, committed);
                    }
                }
            }
            Change::Forget(partitions) => {
                partitions.iter().for_each(|&partition| self.groups.remove_offset(vhost, name, partition));
            }
            Change::Delete => {
                self.groups.remove(vhost, name);
            }
            Change::Kind(kind) => self.groups.set_kind(vhost, name, kind),
            Change::Config(config) => self.groups.set_config(vhost, name, config),
        }
    }

    /// Repeats a change to a group, from the journal or a snapshot.
    pub(crate) fn replay_group(&mut self, body: &[u8]) -> Option<()> {
        let (vhost, name, change) = Change::parse(body)?;
        // A vhost that was deleted since has no groups.
        if self.catalog.vhost_by_id(vhost).is_some() {
            self.apply_group(vhost, name, change);
        }
        Some(())
    }

    /// What of groups outlives a restart, as bodies that [`Core::replay_group`] reads.
    pub(crate) fn durable_groups(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let configs = self.groups.configs().map(|((vhost, name), config)| {
            let mut item = Vec::new();
            Change::Config(config.clone()).write(*vhost, name, &mut item);
            item
        });
        let groups =
            self.groups.iter().filter(|(_, _, group)| group.lasts()).flat_map(|(vhost, name, group)| {
                let mut items = Vec::new();
                if group.kind() != GroupKind::Classic {
                    let mut item = Vec::new();
                    Change::Kind(group.kind()).write(vhost, name, &mut item);
                    items.push(item);
                }
                let lasting =
                    group.offsets.iter().filter(|(id, _)| self.queues.get(id).is_some_and(|q| q.durable));
                let lasting: Vec<_> = lasting.collect();
                let mut rest = &lasting[..];
                while !rest.is_empty() {
                    let mut bytes = 0;
                    let fits = rest.iter().take_while(|(_, committed)| {
                        let before = bytes;
                        bytes += committed.metadata.len() + 24;
                        before < ITEM_BYTES
                    });
                    let (part, others) = rest.split_at(fits.count());
                    let mut item = Vec::new();
                    durable::write_commit(vhost, name, part.iter().copied(), &mut item);
                    items.push(item);
                    rest = others;
                }
                items
            });
        configs.chain(groups)
    }
}
