//! Groups as operators see them.

use std::sync::Arc;

use anymq_types::{Position, VhostId};

use super::Core;
use crate::groups::api::ClassicDescribed;
use crate::groups::consumer_api::{ConsumerDescribed, TopicPartitions};
use crate::groups::embedded::{CONSUMER, parse_assignment};
use crate::groups::offsets_api::TopicRef;
use crate::groups::share_api::ShareDescribed;
use crate::groups::{Group, Machine};
use crate::listings::groups::{GroupMember, GroupOffset, GroupStatus};
use crate::queue::age::Published;

/// Type of the protocol of share groups, and who assigns in them.
const SHARE: &str = "share";
const SIMPLE: &str = "simple";

/// A partition that a group has committed an offset of, and what says since when the next message waits.
type Behind = (GroupOffset, Option<Published>);

impl Core {
    /// Every group, by vhost and name; those `wanted` names only.
    pub(crate) fn group_names(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<(Arc<str>, Arc<str>)> {
        let named = self.groups.iter().filter_map(|(vhost, name, _)| {
            let vhost = self.catalog.vhost_by_id(vhost)?;
            wanted(&vhost.name, name).then(|| (vhost.name.clone(), name.clone()))
        });
        let mut names: Vec<_> = named.collect();
        names.sort_unstable();
        names
    }

    /// One group, and apart from it how far it has read.
    pub(crate) fn group_status(
        &self,
        vhost: &str,
        name: &str,
        committed: Position,
    ) -> Option<(GroupStatus, Vec<Behind>)> {
        let vhost = self.catalog.vhost(vhost)?;
        let group = self.groups.get(vhost.id, name)?;
        let (protocol_type, protocol, members) = match &group.machine {
            Machine::Classic(classic) => {
                let described = classic.describe();
                let members = classic_members(&described);
                (described.protocol_type, described.protocol, members)
            }
            Machine::Consumer(consumer) => {
                let described = consumer.describe();
                let members = self.consumer_members(vhost.id, &described);
                (CONSUMER.into(), described.assignor.into(), members)
            }
            Machine::Share(share) => {
                let members = self.share_members(vhost.id, &share.describe());
                (SHARE.into(), SIMPLE.into(), members)
            }
        };
        let status = GroupStatus {
            vhost: vhost.name.clone(),
            name: name.into(),
            kind: group.kind(),
            state: group.state(),
            protocol_type,
            protocol,
            members,
            offsets: Vec::new(),
        };
        Some((status, self.behind(vhost.id, group, committed)))
    }

    fn consumer_members(&self, vhost: VhostId, described: &ConsumerDescribed) -> Vec<GroupMember> {
        let member = |member: &crate::ConsumerMember| GroupMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            host: member.host,
            assigned: self.named(vhost, &member.assigned),
        };
        described.members.iter().map(member).collect()
    }

    fn share_members(&self, vhost: VhostId, described: &ShareDescribed) -> Vec<GroupMember> {
        let member = |member: &crate::ShareMember| GroupMember {
            id: member.id.clone(),
            instance: None,
            client_id: member.client_id.clone(),
            host: member.host,
            assigned: self.named(vhost, &member.assigned),
        };
        described.members.iter().map(member).collect()
    }

    /// Partitions by the names of their topics.
    fn named(&self, vhost: VhostId, partitions: &TopicPartitions) -> Vec<(Arc<str>, Vec<i32>)> {
        let named = partitions.iter().filter_map(|(id, numbers)| {
            let found = self.find_topic(vhost, TopicRef::Id(*id))?;
            Some((found.name.clone(), numbers.clone()))
        });
        named.collect()
    }

    /// Offsets that a group has committed, of partitions that are there.
    fn behind(&self, vhost: VhostId, group: &Group, committed: Position) -> Vec<Behind> {
        let mut offsets = Vec::new();
        for (found, partitions) in self.topics_of(vhost, &group.offsets) {
            offsets.extend(partitions.into_iter().filter_map(|(partition, id)| {
                // Clients may commit negative ones, with meanings of their own.
                let next = u64::try_from(group.offsets.get(id)?.offset).ok()?;
                let edges = self.edges(id, committed)?;
                let unread = (next < edges.end).then(|| self.queues.get(&id)?.published(next)).flatten();
                let offset = GroupOffset {
                    topic: found.name.clone(),
                    partition,
                    committed: next,
                    first: edges.first,
                    stable: edges.stable,
                    end: edges.end,
                    done: 0,
                    waiting_since: None,
                };
                Some((offset, unread))
            }));
        }
        let places = group.as_share().into_iter().flat_map(|share| share.partitions());
        offsets.extend(places.filter_map(|(id, place)| {
            let (topic, partition) = self.partition_name(id)?;
            let edges = self.edges(id, committed)?;
            let next = place.start().max(edges.first);
            let done = edges.end.saturating_sub(next).saturating_sub(place.lag(edges.end));
            let unread = (next < edges.end).then(|| self.queues.get(&id)?.published(next)).flatten();
            let (first, stable, end) = (edges.first, edges.stable, edges.end);
            let offset = GroupOffset {
                topic,
                partition,
                committed: next,
                first,
                stable,
                end,
                done,
                waiting_since: None,
            };
            Some((offset, unread))
        }));
        offsets
    }
}

fn classic_members(described: &ClassicDescribed) -> Vec<GroupMember> {
    let is_consumer = &*described.protocol_type == CONSUMER;
    let member = |member: &crate::ClassicMember| {
        let assigned = parse_assignment(&member.assignment).filter(|_| is_consumer).unwrap_or_default();
        GroupMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            host: member.host,
            assigned: assigned.into_iter().map(|(topic, numbers)| (topic.into(), numbers)).collect(),
        }
    };
    described.members.iter().map(member).collect()
}
