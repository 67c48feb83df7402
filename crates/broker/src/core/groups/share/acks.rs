//! What becomes of records that members have: acknowledged, released, refused, or their time is over.

use anymq_auth::Action;
use anymq_types::{ConnectionId, Millis, QueueId, VhostId};

use super::super::Core;
use crate::core::fx::Fx;
use crate::core::partitions::Refused;
use crate::groups::api::GroupResult;
use crate::groups::offsets_api::TopicRef;
use crate::groups::settings::Resolved;
use crate::groups::share::durable::{Where, write_changes};
use crate::groups::share::partition::{Changes, Rule, SharePartition};
use crate::groups::share::spans::State;
use crate::groups::share_api::{AckBatch, AckFault, PartitionAcks};
use crate::journal::{SHARE, SHARE_TAKEN};
use crate::wheel::{Entry, What};

impl Core {
    /// Ends or renews locks, partition by partition.
    pub(crate) fn share_acknowledge(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        group: &str,
        member: &str,
        acks: &[PartitionAcks],
    ) -> GroupResult<Vec<Result<(), AckFault>>> {
        let caller = self.group_caller(session, group)?;
        let settings = self.group_settings(caller.vhost, group);
        let rule = rule(&settings, fx.now);
        let mut results = Vec::with_capacity(acks.len());
        for (topic, number, batches) in acks {
            let found = self.find_topic(caller.vhost, TopicRef::Id(*topic));
            let partition = found.map_or(Err(AckFault::NoTopic), |found| {
                found.partition(*number).ok_or(AckFault::NoPartition)
            });
            let result = partition.and_then(|partition| {
                self.may_use(session, partition, Action::Read).map_err(|refused| match refused {
                    Refused::NoPartition => AckFault::NoPartition,
                    Refused::Forbidden => AckFault::Forbidden,
                })?;
                let at = Where { vhost: caller.vhost, group, partition };
                self.acknowledge_one(fx, &at, member, batches, &rule)
            });
            results.push(result);
        }
        Ok(results)
    }

    fn acknowledge_one(
        &mut self,
        fx: &mut Fx<'_>,
        at: &Where<'_>,
        member: &str,
        batches: &[AckBatch],
        rule: &Rule,
    ) -> Result<(), AckFault> {
        if batches.iter().any(|batch| !batch.is_whole()) {
            return Err(AckFault::Invalid);
        }
        let result = self
            .with_place(fx, at, SHARE, |place, changes| place.acknowledge(member, batches, rule, changes));
        result.unwrap_or(Err(AckFault::NoPartition))
    }

    /// Takes everything back that a member has, of all partitions or some.
    pub(super) fn release_member(
        &mut self,
        fx: &mut Fx<'_>,
        vhost: VhostId,
        group: &str,
        member: &str,
        of: Option<Vec<QueueId>>,
    ) {
        let rule = rule(&self.group_settings(vhost, group), fx.now);
        let share = self.groups.get(vhost, group).and_then(|found| found.as_share());
        let all = || share.into_iter().flat_map(|share| share.partitions()).map(|(id, _)| id).collect();
        let partitions: Vec<QueueId> = of.unwrap_or_else(all);
        for partition in partitions {
            let at = Where { vhost, group, partition };
            self.with_place(fx, &at, SHARE_TAKEN, |place, changes| place.release_of(member, &rule, changes));
        }
    }

    /// Takes back what members of share groups have had for too long in a partition.
    pub(in crate::core) fn expire_locks(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let now = fx.now;
        for (vhost, group) in self.groups.readers(id).to_vec() {
            let rule = rule(&self.group_settings(vhost, &group), now);
            let at = Where { vhost, group: &group, partition: id };
            let due = self.with_place(fx, &at, SHARE_TAKEN, |place, changes| {
                if place.armed.is_none_or(|armed| armed > now) {
                    return None;
                }
                place.expire(now, &rule, changes);
                place.armed = place.next_due();
                place.armed
            });
            if let Some(due) = due.flatten() {
                fx.timers.push(Entry { at: due, queue: id, what: What::Locks });
            }
        }
    }

    /// Has the wheel look at a place's locks at `until`, unless it does so before.
    pub(super) fn arm_locks(&mut self, fx: &mut Fx<'_>, at: &Where<'_>, until: Millis) {
        let armed = self.groups.with_share(fx.now, at.vhost, at.group, |share| {
            share.with_partition(at.partition, |place| {
                let later = place.armed.is_none_or(|armed| until < armed);
                if later {
                    place.armed = Some(until);
                }
                later
            })
        });
        if armed.flatten() == Some(true) {
            fx.timers.push(Entry { at: until, queue: at.partition, what: What::Locks });
        }
    }

    /// Changes a group's place in a partition; the journal hears what has changed, as a frame of `kind`.
    pub(super) fn with_place<T>(
        &mut self,
        fx: &mut Fx<'_>,
        at: &Where<'_>,
        kind: u8,
        change: impl FnOnce(&mut SharePartition, &mut Changes) -> T,
    ) -> Option<T> {
        let mut changes = Changes::new();
        let (value, start, moved) = self.groups.with_share(fx.now, at.vhost, at.group, |share| {
            share.with_partition(at.partition, |place| {
                let before = place.start();
                let value = change(place, &mut changes);
                (value, place.start(), place.start() != before)
            })
        })??;
        let durable = self.queues.get(&at.partition).is_some_and(|queue| queue.durable);
        if durable && (moved || !changes.is_empty()) {
            fx.frame(kind, |out| write_changes(at, start, &changes, out));
        }
        if changes.iter().any(|(_, _, state)| matches!(state, State::Dying { .. })) {
            self.write_letters(fx, at);
        }
        if changes.iter().any(|(_, _, state)| matches!(state, State::Available { .. })) {
            self.wake_watchers(fx, at.partition);
        }
        Some(value)
    }
}

/// What becomes of a group's records that come back.
pub(super) fn rule(settings: &Resolved, now: Millis) -> Rule {
    Rule {
        attempts_max: settings.attempts_max,
        dead_letters: settings.dead_topic.is_some(),
        until: Millis(now.0.saturating_add(settings.lock_ms)),
    }
}
