//! Consumer groups: who is in them, and how far they are behind.

use std::net::IpAddr;
use std::sync::Arc;

use anymq_types::Millis;

use crate::broker::Broker;
use crate::groups::api::{GroupKind, GroupState};

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// Its vhost.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Who assigns partitions to members.
    pub kind: GroupKind,
    /// Its state.
    pub state: GroupState,
    /// Type of its protocol; empty if it never had a member.
    pub protocol_type: Arc<str>,
    /// How partitions are assigned; empty while nobody says so.
    pub protocol: Arc<str>,
    /// Its members, by their ids.
    pub members: Vec<GroupMember>,
    /// How far it has read, by topic and partition.
    pub offsets: Vec<GroupOffset>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub id: Arc<str>,
    /// Its static name.
    pub instance: Option<Arc<str>>,
    /// What the client calls itself.
    pub client_id: Arc<str>,
    /// Where it is.
    pub host: IpAddr,
    /// Its partitions, by topic.
    pub assigned: Vec<(Arc<str>, Vec<i32>)>,
}

/// How far a group has read a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: u32,
    /// The next offset the group wants.
    pub committed: u64,
    /// First offset that is kept.
    pub first: u64,
    /// One past the last offset below which no transaction is open.
    pub stable: u64,
    /// One past the last offset.
    pub end: u64,
    /// Offsets after the next wanted that are done already, of a share group.
    pub done: u64,
    /// When the first message was published that the group has not read. Exact if it is in memory, else it is at least that old.
    pub waiting_since: Option<Millis>,
}

impl GroupOffset {
    /// Offsets between what was committed and the end.
    pub fn lag(&self) -> u64 {
        self.end.saturating_sub(self.committed).saturating_sub(self.done)
    }

    /// The same up to the last stable offset: what a reader of committed messages can still get.
    pub fn stable_lag(&self) -> u64 {
        self.stable.saturating_sub(self.committed).saturating_sub(self.done)
    }
}

impl GroupStatus {
    /// Offsets that it has not read, of all partitions.
    pub fn lag(&self) -> u64 {
        self.offsets.iter().map(GroupOffset::lag).sum()
    }

    /// When the oldest message was published that it has not read.
    pub fn waiting_since(&self) -> Option<Millis> {
        self.offsets.iter().filter_map(|offset| offset.waiting_since).min()
    }
}

impl Broker {
    /// Vhosts and names of all groups, in order; those `wanted` names only.
    pub fn group_names(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<(Arc<str>, Arc<str>)> {
        self.inner.core.lock().group_names(wanted)
    }

    /// One group.
    pub fn group(&self, vhost: &str, name: &str) -> Option<GroupStatus> {
        let committed = self.inner.log.committed();
        let found = self.inner.core.lock().group_status(vhost, name, committed);
        let (status, behind) = found?;
        // Batches are looked into when nobody waits for it.
        let offsets = behind.into_iter().map(|(offset, unread)| {
            let waiting_since = unread.and_then(|published| published.exact());
            GroupOffset { waiting_since, ..offset }
        });
        let mut offsets: Vec<GroupOffset> = offsets.collect();
        offsets.sort_unstable_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Some(GroupStatus { offsets, ..status })
    }
}
