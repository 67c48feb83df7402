//! Partitions by the names that groups know them by, and back.

use std::collections::BTreeSet;
use std::sync::Arc;

use anymq_types::{QueueId, VhostId};

use super::Core;
use crate::core::partitions::{queue_of, topic_id};
use crate::groups::offsets::Offsets;
use crate::groups::offsets_api::TopicRef;
use crate::topics::TopicId;

/// A topic, seen in place.
#[derive(Clone, Copy)]
pub(super) struct Found<'c> {
    pub(super) name: &'c Arc<str>,
    pub(super) id: TopicId,
    /// Its partitions' streams, in the order of their numbers.
    pub(super) partitions: &'c [QueueId],
}

impl Found<'_> {
    /// The stream of partition `number`.
    pub(super) fn partition(&self, number: i32) -> Option<QueueId> {
        self.partitions.get(usize::try_from(number).ok()?).copied()
    }
}

impl Core {
    /// A topic, or the queue that is one.
    pub(super) fn find_topic(&self, vhost: VhostId, topic: TopicRef<'_>) -> Option<Found<'_>> {
        match topic {
            TopicRef::Name(name) => {
                if let Some(topic) = self.catalog.topic(vhost, name) {
                    return Some(Found {
                        name: &topic.name,
                        id: topic_id(topic.id()),
                        partitions: &topic.partitions,
                    });
                }
                let queue = self.catalog.queue(vhost, name).filter(|queue| self.is_topic(queue))?;
                Some(Found {
                    name: &queue.name,
                    id: topic_id(queue.id),
                    partitions: std::slice::from_ref(&queue.id),
                })
            }
            TopicRef::Id(id) => {
                let queue = queue_of(id).and_then(|id| self.queues.get(&id))?;
                let name = self.catalog.topic_of(queue.id).map_or(&queue.name, |topic| &topic.name);
                self.find_topic(vhost, TopicRef::Name(name)).filter(|found| found.id == id)
            }
        }
    }

    /// The topics in which a group has committed something, each with the numbers of those partitions.
    pub(super) fn topics_of<'c>(
        &'c self,
        vhost: VhostId,
        offsets: &Offsets,
    ) -> Vec<(Found<'c>, Vec<(u32, QueueId)>)> {
        let mut seen = BTreeSet::new();
        let mut topics = Vec::new();
        for (id, _) in offsets.iter() {
            let Some(queue) = self.queues.get(&id) else { continue };
            let name = self.catalog.topic_of(id).map_or(&queue.name, |topic| &topic.name);
            if !seen.insert(name) {
                continue;
            }
            let Some(found) = self.find_topic(vhost, TopicRef::Name(name)) else { continue };
            let numbered = (0u32..).zip(found.partitions.iter().copied());
            let partitions = numbered.filter(|&(_, id)| offsets.get(id).is_some()).collect();
            topics.push((found, partitions));
        }
        topics
    }
}
