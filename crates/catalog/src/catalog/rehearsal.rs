//! Whether several changes can be made one after the other, found out without making any.

use std::sync::Arc;

use anymq_auth::acl::AclSet;

use super::{Catalog, VhostEntry};
use crate::change::{Change, ChangeError};
use crate::model::{Destination, Exchange, Queue, Topic, Vhost};

impl Catalog {
    /// Makes the changes on a copy of the part that they touch. Costs as much as they do, not as much as there is. What
    /// follows from a change by itself (auto-delete exchanges that lose their last binding) is left out.
    ///
    /// # Errors
    /// The first that cannot be made.
    pub fn rehearse(&self, changes: &[Change]) -> Result<(), ChangeError> {
        let mut stage = Catalog::new();
        stage.users = self.users.clone();
        stage.quotas = self.quotas.clone();
        for vhost in self.vhosts() {
            stage.add_vhost(vhost.clone(), self.acls(vhost.id));
        }
        for change in changes {
            stage.add_touched(self, change);
        }
        changes.iter().try_for_each(|change| stage.apply(change.clone()).map(drop))
    }

    /// Adds whatever of `real` decides whether the change can be made.
    fn add_touched(&mut self, real: &Catalog, change: &Change) {
        match change {
            Change::ExchangePut(x) => {
                self.add_exchange(real.exchange_by_id(x.id));
                self.add_exchange(real.exchange(x.vhost, &x.name));
            }
            Change::ExchangeDelete { id } => self.add_exchange(real.exchange_by_id(*id)),
            Change::QueuePut(q) => {
                self.add_queue(real.queue_by_id(q.id));
                self.add_queue(real.queue(q.vhost, &q.name));
            }
            Change::QueueDelete { id } => self.add_queue(real.queue_by_id(*id)),
            Change::BindingPut(b) => {
                self.add_exchange(real.exchange(b.vhost, &b.source));
                match &b.destination {
                    Destination::Queue(name) => self.add_queue(real.queue(b.vhost, name)),
                    Destination::Exchange(name) => self.add_exchange(real.exchange(b.vhost, name)),
                }
            }
            Change::SchemaVersionPut(version) => {
                let schema = real.schemas(version.vhost).and_then(|s| s.schema(version.schema));
                if let (Some(schema), Some(entry)) = (schema, self.vhosts.get_mut(&version.vhost)) {
                    entry.schemas.put_schema((**schema).clone());
                }
            }
            Change::TopicPut(topic) => {
                let old = real.topic(topic.vhost, &topic.name);
                old.into_iter().for_each(|old| self.add_topic(real, old));
                for &id in &topic.partitions {
                    self.add_queue(real.queue_by_id(id));
                    real.topic_of(id).into_iter().for_each(|other| self.add_topic(real, other));
                }
            }
            _ => {}
        }
    }

    fn add_topic(&mut self, real: &Catalog, topic: &Arc<Topic>) {
        topic.partitions.iter().for_each(|&id| self.add_queue(real.queue_by_id(id)));
        let Some(entry) = self.vhosts.get_mut(&topic.vhost) else { return };
        entry.topics.insert(topic.name.clone(), topic.clone());
        self.topics.extend(topic.partitions.iter().map(|&id| (id, topic.clone())));
    }

    fn add_vhost(&mut self, vhost: Arc<Vhost>, acls: Arc<AclSet>) {
        self.vhost_ids.insert(vhost.name.clone(), vhost.id);
        self.vhosts.insert(vhost.id, VhostEntry { acls, ..VhostEntry::new(vhost) });
    }

    fn add_exchange(&mut self, exchange: Option<&Arc<Exchange>>) {
        let Some(exchange) = exchange else { return };
        let Some(entry) = self.vhosts.get_mut(&exchange.vhost) else { return };
        self.exchanges.insert(exchange.id, exchange.clone());
        entry.exchanges.insert(exchange.name.clone(), exchange.clone());
    }

    fn add_queue(&mut self, queue: Option<&Arc<Queue>>) {
        let Some(queue) = queue else { return };
        let Some(entry) = self.vhosts.get_mut(&queue.vhost) else { return };
        self.queues.insert(queue.id, queue.clone());
        entry.queues.insert(queue.name.clone(), queue.clone());
    }
}
