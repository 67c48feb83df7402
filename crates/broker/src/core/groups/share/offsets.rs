//! A share group's place in partitions as operators see and set it, and how it comes back after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_auth::acl::Operation;
use anymq_types::{ConnectionId, Millis, Position, QueueId, VhostId};

use super::super::{Caller, Core};
use crate::core::fx::Fx;
use crate::groups::Key;
use crate::groups::api::{GroupFault, GroupKind, GroupResult};
use crate::groups::offsets_api::TopicRef;
use crate::groups::share::durable::{Place, Where, write_changes};
use crate::groups::share_api::{AskedOffsets, ShareOffset, ShareOffsets, SharesAltered};
use crate::journal::SHARE;
use crate::topics::TopicId;
use crate::wheel::{Entry, What};

/// Spans after which a snapshot begins another item.
const ITEM_SPANS: usize = 1_024;

impl Core {
    /// How far a share group has come. A group that does not exist has come nowhere.
    pub(crate) fn share_offsets(
        &mut self,
        session: ConnectionId,
        committed: Position,
        group: &str,
        asked: &AskedOffsets<'_>,
    ) -> GroupResult<Vec<ShareOffsets>> {
        let caller = self.share_operator(session, group, Operation::Describe)?;
        let all;
        let asked = match asked {
            Some(asked) => asked,
            None => {
                all = self.shared_topics(session, caller.vhost, group);
                &all.iter().map(|(name, numbers)| (&**name, numbers.clone())).collect()
            }
        };
        let committed_only = self.group_settings(caller.vhost, group).committed_only;
        let mut topics = Vec::with_capacity(asked.len());
        for (name, numbers) in asked {
            let found = self.topic_to(session, caller.vhost, TopicRef::Name(name), Operation::Describe);
            let found = found.map(|found| (found.name.clone(), found.id, found.partitions.to_vec()));
            let of = |core: &mut Core, number: i32| match &found {
                Ok((_, _, ids)) => {
                    let id = usize::try_from(number).ok().and_then(|number| ids.get(number)).copied();
                    Ok(id
                        .and_then(|id| core.share_offset(committed, caller.vhost, group, id, committed_only)))
                }
                Err(GroupFault::NoTopic) => Ok(None),
                Err(fault) => Err(fault.clone()),
            };
            let partitions = numbers.iter().map(|&number| (number, of(self, number))).collect();
            let (name, id) = match &found {
                Ok((name, id, _)) => (name.clone(), *id),
                Err(_) => (Arc::from(*name), TopicId(0)),
            };
            topics.push(ShareOffsets { name, id, partitions });
        }
        Ok(topics)
    }

    fn share_operator(
        &self,
        session: ConnectionId,
        group: &str,
        operation: Operation,
    ) -> GroupResult<Caller> {
        if group.is_empty() {
            return Err(GroupFault::InvalidName);
        }
        self.group_user_to(session, group, operation)
    }

    fn share_offset(
        &mut self,
        committed: Position,
        vhost: VhostId,
        group: &str,
        id: QueueId,
        committed_only: bool,
    ) -> Option<ShareOffset> {
        let mut high = self.high_watermark(id, committed);
        if committed_only {
            high = self.partitions.get(&id).map_or(high, |p| p.transactions.last_stable(high));
        }
        let first = self.queues.get(&id)?.log_start();
        let place = self.groups.get(vhost, group)?.as_share()?.partition(id)?;
        let gone = first.saturating_sub(place.start());
        Some(ShareOffset { start: place.start().max(first), lag: place.lag(high).saturating_sub(gone) })
    }

    /// Topics that members want, or in which the group has a place, with all their partitions.
    fn shared_topics(
        &self,
        session: ConnectionId,
        vhost: VhostId,
        group: &str,
    ) -> BTreeMap<Arc<str>, Vec<i32>> {
        let Some(share) = self.groups.get(vhost, group).and_then(|found| found.as_share()) else {
            return BTreeMap::new();
        };
        let placed = share.partitions().filter_map(|(id, _)| {
            let queue = self.queues.get(&id)?;
            Some(self.catalog.topic_of(id).map_or(&queue.name, |topic| &topic.name))
        });
        let names: BTreeSet<&Arc<str>> = share.topics().map(|(name, _)| name).chain(placed).collect();
        let numbered = names.into_iter().filter_map(|name| {
            let found = self.topic_to(session, vhost, TopicRef::Name(name), Operation::Describe).ok()?;
            Some((name.clone(), (0..found.partitions.len() as i32).collect()))
        });
        numbered.collect()
    }

    /// Has a share group without members begin elsewhere; the group is made if there is none.
    pub(crate) fn alter_share(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        group: &str,
        asked: &[(&str, Vec<(i32, i64)>)],
    ) -> GroupResult<SharesAltered> {
        let vhost = self.group_caller(session, group)?.vhost;
        self.empty_share(fx, session, vhost, group)?;
        let mut topics = Vec::with_capacity(asked.len());
        for (name, starts) in asked {
            let found = self.usable_topic(session, vhost, TopicRef::Name(name));
            let found = found.map(|found| (found.id, found.partitions.to_vec()));
            let mut results = Vec::with_capacity(starts.len());
            for &(number, start) in starts {
                let id = match &found {
                    Ok((_, ids)) => {
                        let id = usize::try_from(number).ok().and_then(|number| ids.get(number));
                        id.copied().ok_or(GroupFault::NoPartition)
                    }
                    Err(fault) => Err(fault.clone()),
                };
                let result = id.map(|partition| {
                    let at = Where { vhost, group, partition };
                    self.set_place(fx, &at, Place::Begin(u64::try_from(start).unwrap_or(0)), SHARE);
                });
                results.push((number, result));
            }
            topics.push((found.map_or(TopicId(0), |(id, _)| id), results));
        }
        Ok(SharesAltered { topics, commit: None })
    }

    /// Forgets how far a share group without members has come in topics. Of each topic, one result: its number is 0.
    pub(crate) fn delete_share(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        group: &str,
        asked: &[&str],
    ) -> GroupResult<SharesAltered> {
        let vhost = self.share_operator(session, group, Operation::Delete)?.vhost;
        let share = self.groups.get(vhost, group).and_then(|found| found.as_share());
        if !share.ok_or(GroupFault::NotFound)?.is_empty() {
            return Err(GroupFault::NotEmpty);
        }
        let mut topics = Vec::with_capacity(asked.len());
        for name in asked {
            let found = self.usable_topic(session, vhost, TopicRef::Name(name));
            let found = found.map(|found| (found.id, found.partitions.to_vec()));
            let result = found.as_ref().map_err(Clone::clone).and_then(|(_, ids)| {
                let share = self.groups.get(vhost, group).and_then(|found| found.as_share());
                let placed = |id: &&QueueId| share.is_some_and(|share| share.partition(**id).is_some());
                let placed: Vec<QueueId> = ids.iter().filter(placed).copied().collect();
                if placed.is_empty() {
                    return Err(GroupFault::NoPartition);
                }
                for partition in placed {
                    self.set_place(fx, &Where { vhost, group, partition }, Place::Forget, SHARE);
                }
                Ok(())
            });
            topics.push((found.map_or(TopicId(0), |(id, _)| id), vec![(0, result)]));
        }
        Ok(SharesAltered { topics, commit: None })
    }

    /// Gives a group a place in a partition, or takes it, in the journal too.
    pub(super) fn set_place(&mut self, fx: &mut Fx<'_>, at: &Where<'_>, place: Place, kind: u8) {
        if self.queues.get(&at.partition).is_some_and(|queue| queue.durable) {
            fx.frame(kind, |out| place.write(at, out));
        }
        self.apply_place(fx.now, at, place);
    }

    fn apply_place(&mut self, now: Millis, at: &Where<'_>, place: Place) {
        // The partition may have been deleted since: the journal is read again from before the snapshot.
        if !self.queues.contains_key(&at.partition) {
            return;
        }
        match place {
            Place::Begin(start) => self.groups.put_place(now, at.vhost, at.group, at.partition, start),
            Place::Forget => self.groups.remove_place(now, at.vhost, at.group, at.partition),
            Place::Change(start, changes) => {
                self.groups.with_share(now, at.vhost, at.group, |share| {
                    share.with_partition(at.partition, |place| place.replay(start, changes))
                });
            }
        }
    }

    /// Repeats a change to a place, from the journal or a snapshot.
    pub(in crate::core) fn replay_share(&mut self, body: &[u8]) -> Option<()> {
        let (at, place) = Place::parse(body)?;
        // A group, too, may have been deleted since.
        let exists = self.catalog.vhost_by_id(at.vhost).is_some();
        if exists && self.groups.get(at.vhost, at.group).is_some_and(|g| g.kind() == GroupKind::Share) {
            self.apply_place(self.recovered_at, &at, place);
        }
        Some(())
    }

    /// Places that outlive a restart, as bodies that [`Core::replay_share`] reads.
    pub(in crate::core) fn durable_shares(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let shares =
            self.groups.iter().filter_map(|(vhost, name, group)| Some((vhost, name, group.as_share()?)));
        let places = shares.flat_map(|(vhost, name, share)| {
            share.partitions().map(move |(partition, place)| (Where { vhost, group: name, partition }, place))
        });
        let lasting =
            places.filter(|(at, _)| self.queues.get(&at.partition).is_some_and(|queue| queue.durable));
        lasting.flat_map(|(at, place)| {
            let mut begin = Vec::new();
            Place::Begin(place.start()).write(&at, &mut begin);
            let mut items = vec![begin];
            items.extend(place.lasting().chunks(ITEM_SPANS).map(|spans| {
                let mut item = Vec::new();
                write_changes(&at, place.start(), spans, &mut item);
                item
            }));
            items
        })
    }

    /// After a restart: nobody has what members had, and dead letters that were not written are.
    pub(in crate::core) fn shares_recovered(&mut self, now: Millis) {
        let mut locked = Vec::new();
        let mut dying: Vec<(QueueId, Key)> = Vec::new();
        for (vhost, name, group) in self.groups.iter() {
            for (id, place) in group.as_share().into_iter().flat_map(|share| share.partitions()) {
                if place.next_due().is_some() {
                    locked.push((id, vhost, name.clone()));
                }
                if place.dying().is_some() {
                    dying.push((id, (vhost, name.clone())));
                }
            }
        }
        for (id, vhost, name) in locked {
            self.groups.with_share(now, vhost, &name, |share| {
                share.with_partition(id, |place| place.armed = Some(now))
            });
            self.wheel.add(Entry { at: now, queue: id, what: What::Locks });
        }
        for (id, key) in dying {
            self.share_letters.entry(id).or_default().push(key);
            self.wheel.add(Entry { at: now, queue: id, what: What::Look });
        }
    }
}
