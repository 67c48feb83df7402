//! Changes of exchanges, queues and bindings.

use std::sync::Arc;

use anymq_types::{ExchangeId, QueueId, VhostId};

use super::Applied;
use crate::args::Args;
use crate::catalog::{Catalog, VhostEntry};
use crate::change::{Change, ChangeError};
use crate::model::{Binding, Destination, Exchange, Queue};

/// Argument tables remembered for sharing.
const RECENT_ARGS_MAX: usize = 32;

impl Catalog {
    pub(super) fn exchange_put(&mut self, mut exchange: Exchange) -> Result<Applied, ChangeError> {
        self.share_args(&mut exchange.args);
        let entry = self.vhosts.get_mut(&exchange.vhost).ok_or(ChangeError::NoVhost(exchange.vhost))?;
        let same_name = entry.exchanges.get(&exchange.name).is_none_or(|old| old.id == exchange.id);
        let old = self.exchanges.get(&exchange.id);
        let identity = |x: &Exchange| (x.vhost, x.name.clone(), x.kind, x.durable);
        if !same_name || old.is_some_and(|old| identity(old) != identity(&exchange)) {
            return Err(ChangeError::Conflict { kind: "exchange", name: exchange.name });
        }
        if !exchange.is_predeclared() {
            self.next.exchange = self.next.exchange.max(ExchangeId(exchange.id.0 + 1));
        }
        let changed = old.is_none_or(|old| **old != exchange);
        let exchange = Arc::new(exchange);
        self.exchanges.insert(exchange.id, exchange.clone());
        entry.exchanges.insert(exchange.name.clone(), exchange);
        Ok(Applied::changed(changed))
    }

    pub(super) fn exchange_delete(&mut self, id: ExchangeId) -> Applied {
        let Some(exchange) = self.exchanges.get(&id).filter(|x| !x.is_predeclared()).cloned() else {
            return Applied::default();
        };
        self.exchanges.remove(&id);
        let entry = self.vhosts.get_mut(&exchange.vhost).expect("an exchange is in a vhost");
        entry.exchanges.remove(&exchange.name);
        let from = entry.bindings.from(exchange.name.clone());
        let to = entry.bindings.to(Destination::Exchange(exchange.name.clone()));
        let mut doomed: Vec<Arc<Binding>> = from.chain(to).cloned().collect();
        // A binding of an exchange to itself is found twice.
        doomed.dedup_by(|a, b| Arc::ptr_eq(a, b));
        self.remove_bindings(exchange.vhost, doomed)
    }

    pub(super) fn queue_put(&mut self, mut queue: Queue) -> Result<Applied, ChangeError> {
        self.share_args(&mut queue.args);
        let entry = self.vhosts.get_mut(&queue.vhost).ok_or(ChangeError::NoVhost(queue.vhost))?;
        let same_name = entry.queues.get(&queue.name).is_none_or(|old| old.id == queue.id);
        let old = self.queues.get(&queue.id);
        let identity = |q: &Queue| (q.vhost, q.name.clone(), q.kind, q.is_durable());
        if !same_name || old.is_some_and(|old| identity(old) != identity(&queue)) {
            return Err(ChangeError::Conflict { kind: "queue", name: queue.name });
        }
        self.next.queue = self.next.queue.max(QueueId(queue.id.0 + 1));
        let changed = old.is_none_or(|old| **old != queue);
        let queue = Arc::new(queue);
        self.queues.insert(queue.id, queue.clone());
        entry.queues.insert(queue.name.clone(), queue);
        Ok(Applied::changed(changed))
    }

    pub(super) fn queue_delete(&mut self, id: QueueId) -> Applied {
        let Some(queue) = self.queues.remove(&id) else { return Applied::default() };
        let entry = self.vhosts.get_mut(&queue.vhost).expect("a queue is in a vhost");
        entry.queues.remove(&queue.name);
        let doomed = entry.bindings.to(Destination::Queue(queue.name.clone())).cloned().collect();
        // A topic that lost a partition is none any more; the broker does not let that happen to one with several.
        let topic = self.topics.remove(&id).and_then(|topic| entry.topics.remove(&topic.name));
        for id in topic.iter().flat_map(|topic| &topic.partitions) {
            self.topics.remove(id);
        }
        let mut applied = self.remove_bindings(queue.vhost, doomed);
        applied.cascade.extend(topic.map(|t| Change::TopicDelete { vhost: t.vhost, name: t.name.clone() }));
        applied
    }

    pub(super) fn binding_put(&mut self, mut binding: Binding) -> Result<Applied, ChangeError> {
        self.share_args(&mut binding.args);
        let entry = self.vhosts.get_mut(&binding.vhost).ok_or(ChangeError::NoVhost(binding.vhost))?;
        let vhost = &entry.vhost.name;
        let no_exchange =
            |name: &Arc<str>| ChangeError::NoExchange { name: name.clone(), vhost: vhost.clone() };
        // The indexes share the names of what they connect.
        binding.source = match entry.exchanges.get(&binding.source) {
            Some(exchange) => exchange.name.clone(),
            None => return Err(no_exchange(&binding.source)),
        };
        binding.destination = match &binding.destination {
            Destination::Queue(name) => match entry.queues.get(name) {
                Some(queue) => Destination::Queue(queue.name.clone()),
                None => return Err(ChangeError::NoQueue { name: name.clone(), vhost: vhost.clone() }),
            },
            Destination::Exchange(name) => match entry.exchanges.get(name) {
                Some(exchange) => Destination::Exchange(exchange.name.clone()),
                None => return Err(no_exchange(name)),
            },
        };
        Ok(Applied::changed(entry.bindings.insert(Arc::new(binding))))
    }

    pub(super) fn binding_delete(&mut self, binding: &Binding) -> Applied {
        let Some(entry) = self.vhosts.get_mut(&binding.vhost) else { return Applied::default() };
        if !entry.bindings.remove(binding) {
            return Applied::default();
        }
        let consequences = entry.abandoned(&binding.source).into_iter().collect();
        Applied { changed: true, cascade: Vec::new(), consequences }
    }

    /// Removes bindings whose end is gone, and says which exchanges go with them.
    fn remove_bindings(&mut self, vhost: VhostId, doomed: Vec<Arc<Binding>>) -> Applied {
        let mut applied = Applied::changed(true);
        let entry = self.vhosts.get_mut(&vhost).expect("the caller found it");
        for binding in &doomed {
            if entry.bindings.remove(binding) {
                applied.cascade.push(Change::BindingDelete((**binding).clone()));
            }
        }
        let mut sources: Vec<&Arc<str>> = doomed.iter().map(|binding| &binding.source).collect();
        sources.sort();
        sources.dedup();
        applied.consequences = sources.into_iter().filter_map(|source| entry.abandoned(source)).collect();
        applied
    }

    /// Makes equal argument tables one, among those seen lately: 100 000 queues are rarely declared in many ways.
    fn share_args(&mut self, args: &mut Args) {
        let Some(table) = args.shared() else { return };
        match self.recent_args.iter().position(|known| known == table) {
            Some(at) => {
                args.share(&self.recent_args[at]);
                self.recent_args.swap(at, at / 2);
            }
            None => {
                if self.recent_args.len() >= RECENT_ARGS_MAX {
                    self.recent_args.pop();
                }
                self.recent_args.push(table.clone());
            }
        }
    }
}

impl VhostEntry {
    /// The deletion of an auto-delete exchange that has no bindings any more.
    fn abandoned(&self, source: &Arc<str>) -> Option<Change> {
        let exchange = self.exchanges.get(source)?;
        let empty = self.bindings.from(source.clone()).next().is_none();
        (exchange.auto_delete && empty).then_some(Change::ExchangeDelete { id: exchange.id })
    }
}
