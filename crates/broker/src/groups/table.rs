//! All groups, by vhost and name, and when each is looked at next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_types::{Millis, QueueId, VhostId};

use super::api::GroupKind;
use super::holdings::{Held, Holdings};
use super::offsets_api::Committed;
use super::settings::GroupConfig;
use super::share::Share;
use super::{ENTRY_BYTES, Group, IDLE_MS, Out};
use crate::routing::FastMap;

/// A group's place in the table.
pub(crate) type Key = (VhostId, Arc<str>);

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_name: BTreeMap<VhostId, BTreeMap<Arc<str>, Box<Group>>>,
    due: BTreeSet<(Millis, VhostId, Arc<str>)>,
    len: usize,
    bytes: u64,
    holdings: Holdings,
    /// Groups that have an offset of a partition.
    readers: FastMap<QueueId, Vec<Key>>,
    topics_version: u64,
    /// What was set for single groups, whether they exist or not.
    configs: BTreeMap<Key, GroupConfig>,
    /// Share sessions of all groups.
    share_sessions: usize,
}

impl Groups {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that clients have made them hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the groups of a user hold.
    pub(crate) fn held_by(&self, user: &str) -> Held {
        self.holdings.of(user)
    }

    pub(crate) fn get(&self, vhost: VhostId, name: &str) -> Option<&Group> {
        self.by_name.get(&vhost)?.get(name).map(|group| &**group)
    }

    /// All of a vhost, by name.
    pub(crate) fn of(&self, vhost: VhostId) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        self.by_name.get(&vhost).into_iter().flatten().map(|(name, group)| (name, &**group))
    }

    /// All groups, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (VhostId, &Arc<str>, &Group)> {
        self.by_name
            .iter()
            .flat_map(|(&vhost, groups)| groups.iter().map(move |(name, g)| (vhost, name, &**g)))
    }

    /// Makes a group of that name if there is none.
    pub(crate) fn ensure(&mut self, vhost: VhostId, name: &str) {
        self.ensure_of(vhost, name, None);
    }

    /// The same, for a user.
    pub(crate) fn ensure_of(&mut self, vhost: VhostId, name: &str, owner: Option<&Arc<str>>) {
        let groups = self.by_name.entry(vhost).or_default();
        if !groups.contains_key(name) {
            let group = Box::new(Group::new(owner.cloned()));
            let bytes = weight(name, &group);
            self.bytes += bytes;
            if let Some(owner) = owner {
                self.holdings.made(owner, bytes);
            }
            self.len += 1;
            groups.insert(name.into(), group);
        }
    }

    /// Runs `change` on a group, and keeps count of what it holds and when it is due.
    pub(crate) fn with<T>(
        &mut self,
        now: Millis,
        vhost: VhostId,
        name: &str,
        out: &mut Out,
        change: impl FnOnce(&mut Group, &mut Out) -> T,
    ) -> Option<T> {
        let (key, group) = get_key_value_mut(self.by_name.get_mut(&vhost)?, name)?;
        let (before, sessions) = (weight(name, group), sessions(group));
        let value = change(group, out);
        let after = weight(name, group);
        recount(&mut self.bytes, &mut self.holdings, group, (before, after));
        self.share_sessions = self.share_sessions + self::sessions(group) - sessions;
        let mut due = out.due.take();
        group.idle = if group.is_unused() { group.idle.or(Some(now)) } else { None };
        if let Some(since) = group.idle {
            let gone = Millis(since.0 + IDLE_MS);
            due = Some(due.map_or(gone, |due| due.min(gone)));
        }
        if let Some(at) = due
            && group.timer.is_none_or(|timer| at < timer)
        {
            if let Some(timer) = group.timer.replace(at) {
                self.due.remove(&(timer, vhost, key.clone()));
            }
            self.due.insert((at, vhost, key.clone()));
        }
        Some(value)
    }

    /// Forgets a group.
    pub(crate) fn remove(&mut self, vhost: VhostId, name: &str) -> Option<Box<Group>> {
        let (key, group) = self.by_name.get_mut(&vhost)?.remove_entry(name)?;
        let bytes = weight(name, &group);
        self.bytes -= bytes;
        if let Some(owner) = &group.owner {
            self.holdings.gone(owner, bytes);
        }
        self.share_sessions -= sessions(&group);
        self.len -= 1;
        let shared = group.as_share().into_iter().flat_map(|share| share.partitions().map(|(id, _)| id));
        let read = group.offsets.iter().map(|(partition, _)| partition).chain(shared);
        read.for_each(|partition| drop_reader(&mut self.readers, partition, vhost, name));
        if let Some(timer) = group.timer {
            self.due.remove(&(timer, vhost, key));
        }
        Some(group)
    }

    /// Forgets all groups of a vhost.
    pub(crate) fn remove_vhost(&mut self, vhost: VhostId) {
        let names: Vec<_> = self.of(vhost).map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| {
            self.remove(vhost, name);
        });
        self.by_name.remove(&vhost);
        let gone: Vec<Arc<str>> =
            self.configs.keys().filter(|(of, _)| *of == vhost).map(|(_, name)| name.clone()).collect();
        gone.iter().for_each(|name| self.set_config(vhost, name, GroupConfig::new()));
    }

    /// Commits an offset, in a group that is made if there is none.
    pub(crate) fn put_offset(
        &mut self,
        vhost: VhostId,
        name: &str,
        partition: QueueId,
        committed: Committed,
    ) {
        self.ensure(vhost, name);
        let Some(groups) = self.by_name.get_mut(&vhost) else { return };
        let Some((key, group)) = get_key_value_mut(groups, name) else { return };
        let before = group.offsets.bytes();
        if group.offsets.put(partition, committed) {
            self.readers.entry(partition).or_default().push((vhost, key));
        }
        let after = group.offsets.bytes();
        recount(&mut self.bytes, &mut self.holdings, group, (before, after));
    }

    /// Forgets an offset.
    pub(crate) fn remove_offset(&mut self, vhost: VhostId, name: &str, partition: QueueId) {
        if self.take_offset(vhost, name, partition) {
            drop_reader(&mut self.readers, partition, vhost, name);
        }
    }

    fn take_offset(&mut self, vhost: VhostId, name: &str, partition: QueueId) -> bool {
        let group = self.by_name.get_mut(&vhost).and_then(|groups| groups.get_mut(name));
        let Some(group) = group else { return false };
        let before = group.offsets.bytes();
        let had = group.offsets.remove(partition);
        let after = group.offsets.bytes();
        recount(&mut self.bytes, &mut self.holdings, group, (before, after));
        had
    }

    /// A partition is gone, and all offsets of it.
    pub(crate) fn partition_gone(&mut self, now: Millis, partition: QueueId) {
        for (vhost, name) in self.readers.remove(&partition).unwrap_or_default() {
            self.take_offset(vhost, &name, partition);
            self.with_share(now, vhost, &name, |share| share.forget_partition(partition));
            // A group that has nothing left is looked at when it has been so for long enough.
            self.with(now, vhost, &name, &mut Out::default(), |_, _| ());
        }
    }

    /// A group's kind, which outlives its members.
    pub(crate) fn set_kind(&mut self, vhost: VhostId, name: &str, kind: GroupKind) {
        self.ensure(vhost, name);
        if let Some(group) = self.by_name.get_mut(&vhost).and_then(|groups| groups.get_mut(name)) {
            let before = group.bytes();
            group.set_kind(kind);
            let after = group.bytes();
            recount(&mut self.bytes, &mut self.holdings, group, (before, after));
        }
    }

    /// Runs `change` on a share group.
    pub(crate) fn with_share<T>(
        &mut self,
        now: Millis,
        vhost: VhostId,
        name: &str,
        change: impl FnOnce(&mut Share) -> T,
    ) -> Option<T> {
        self.with(now, vhost, name, &mut Out::default(), |group, _| group.share().map(change))?
    }

    /// Gives a share group a place in a partition.
    pub(crate) fn put_place(
        &mut self,
        now: Millis,
        vhost: VhostId,
        name: &str,
        partition: QueueId,
        start: u64,
    ) {
        let fresh = self.with_share(now, vhost, name, |share| share.put_partition(partition, start));
        if fresh == Some(true)
            && let Some((key, _)) = self.by_name.get(&vhost).and_then(|groups| groups.get_key_value(name))
        {
            self.readers.entry(partition).or_default().push((vhost, key.clone()));
        }
    }

    /// Forgets a share group's place in a partition.
    pub(crate) fn remove_place(&mut self, now: Millis, vhost: VhostId, name: &str, partition: QueueId) {
        if self.with_share(now, vhost, name, |share| share.forget_partition(partition)) == Some(true) {
            drop_reader(&mut self.readers, partition, vhost, name);
        }
    }

    /// The groups that have a place or an offset in a partition.
    pub(crate) fn readers(&self, partition: QueueId) -> &[Key] {
        self.readers.get(&partition).map_or(&[], Vec::as_slice)
    }

    /// How many share sessions there are.
    pub(crate) fn share_sessions(&self) -> usize {
        self.share_sessions
    }

    /// What was set for a group.
    pub(crate) fn config(&self, vhost: VhostId, name: &str) -> Option<&GroupConfig> {
        // Most brokers have none.
        if self.configs.is_empty() { None } else { self.configs.get(&(vhost, name.into())) }
    }

    /// Groups for which something was set.
    pub(crate) fn configs(&self) -> impl Iterator<Item = (&Key, &GroupConfig)> {
        self.configs.iter()
    }

    /// How many they are.
    pub(crate) fn configs_len(&self) -> usize {
        self.configs.len()
    }

    /// Sets a group's settings, all of them.
    pub(crate) fn set_config(&mut self, vhost: VhostId, name: &str, config: GroupConfig) {
        let weigh = |config: &GroupConfig| -> u64 {
            let pairs = config.iter().map(|(name, value)| name.len() + value.len() + 64);
            ENTRY_BYTES + pairs.sum::<usize>() as u64
        };
        let key = (vhost, Arc::from(name));
        self.bytes -= self.configs.remove(&key).as_ref().map_or(0, weigh);
        if !config.is_empty() {
            self.bytes += weigh(&config);
            self.configs.insert(key, config);
        }
    }

    /// Topics have come, gone or changed, or who may read them.
    pub(crate) fn topics_changed(&mut self) {
        self.topics_version += 1;
    }

    /// Changes whenever topics do.
    pub(crate) fn topics_version(&self) -> u64 {
        self.topics_version
    }

    /// After a restart: what is left of groups without members and offsets goes in time.
    pub(crate) fn recovered(&mut self, now: Millis) {
        let all: Vec<Key> = self.iter().map(|(vhost, name, _)| (vhost, name.clone())).collect();
        for (vhost, name) in all {
            self.with(now, vhost, &name, &mut Out::default(), |_, _| ());
        }
    }

    /// When the next group is to be looked at.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|&(at, _, _)| at)
    }

    /// The next group that is due, taken off the list.
    pub(crate) fn take_due(&mut self, now: Millis) -> Option<Key> {
        let (at, vhost, name) = self.due.first().filter(|(at, _, _)| *at <= now).cloned()?;
        self.due.remove(&(at, vhost, name.clone()));
        if let Some(group) = self.by_name.get_mut(&vhost).and_then(|groups| groups.get_mut(&name)) {
            group.timer = None;
        }
        Some((vhost, name))
    }

    /// Whether a group has been without use for as long as it is kept.
    pub(crate) fn is_over(&self, now: Millis, vhost: VhostId, name: &str) -> bool {
        self.get(vhost, name).and_then(|g| g.idle).is_some_and(|since| since.0 + IDLE_MS <= now.0)
    }
}

fn drop_reader(readers: &mut FastMap<QueueId, Vec<Key>>, partition: QueueId, vhost: VhostId, name: &str) {
    if let Some(keys) = readers.get_mut(&partition) {
        keys.retain(|(v, n)| *v != vhost || **n != *name);
        if keys.is_empty() {
            readers.remove(&partition);
        }
    }
}

fn sessions(group: &Group) -> usize {
    group.as_share().map_or(0, |share| share.sessions.len())
}

/// A group holds more or less than before.
fn recount(bytes: &mut u64, holdings: &mut Holdings, group: &Group, (before, after): (u64, u64)) {
    if before != after {
        *bytes = *bytes + after - before;
        if let Some(owner) = &group.owner {
            holdings.changed(owner, before, after);
        }
    }
}

fn weight(name: &str, group: &Group) -> u64 {
    name.len() as u64 + ENTRY_BYTES + group.bytes()
}

fn get_key_value_mut<'a>(
    groups: &'a mut BTreeMap<Arc<str>, Box<Group>>,
    name: &str,
) -> Option<(Arc<str>, &'a mut Group)> {
    let key = groups.get_key_value(name)?.0.clone();
    groups.get_mut(name).map(|group| (key, &mut **group))
}
