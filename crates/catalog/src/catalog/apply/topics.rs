//! Changes of topics.

use std::sync::Arc;

use anymq_types::VhostId;

use super::Applied;
use crate::catalog::Catalog;
use crate::change::{Change, ChangeError};
use crate::model::{QueueKind, Topic};

impl Catalog {
    pub(super) fn topic_put(&mut self, topic: Topic) -> Result<Applied, ChangeError> {
        let entry = self.vhosts.get(&topic.vhost).ok_or(ChangeError::NoVhost(topic.vhost))?;
        let old = entry.topics.get(&topic.name).cloned();
        let no_partition = |number: usize| Err(ChangeError::NoPartition { name: topic.name.clone(), number });
        if topic.partitions.is_empty() {
            return no_partition(0);
        }
        for (number, id) in topic.partitions.iter().enumerate() {
            let queue = self.queues.get(id);
            let is_stream = queue
                .is_some_and(|q| q.kind == QueueKind::Stream && q.vhost == topic.vhost && q.is_durable());
            let elsewhere = self.topics.get(id).is_some_and(|t| t.name != topic.name);
            if !is_stream || elsewhere || topic.partitions[..number].contains(id) {
                return no_partition(number);
            }
        }
        if old.as_ref().is_some_and(|old| !topic.partitions.starts_with(&old.partitions)) {
            return Err(ChangeError::Conflict { kind: "topic", name: topic.name });
        }
        let changed = old.is_none_or(|old| *old != topic);
        let topic = Arc::new(topic);
        self.topics.extend(topic.partitions.iter().map(|&id| (id, topic.clone())));
        if let Some(entry) = self.vhosts.get_mut(&topic.vhost) {
            entry.topics.insert(topic.name.clone(), topic);
        }
        Ok(Applied::changed(changed))
    }

    pub(super) fn topic_delete(&mut self, vhost: VhostId, name: &str) -> Applied {
        let removed = self.vhosts.get_mut(&vhost).and_then(|entry| entry.topics.remove(name));
        let Some(topic) = removed else { return Applied::default() };
        let mut applied = Applied::changed(true);
        for &id in &topic.partitions {
            self.topics.remove(&id);
            let gone = self.queue_delete(id);
            applied.cascade.extend(gone.cascade);
            applied.cascade.push(Change::QueueDelete { id });
            applied.consequences.extend(gone.consequences);
        }
        applied
    }
}
