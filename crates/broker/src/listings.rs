//! Listings for operators that are put together from several things.

pub(crate) mod groups;
pub(crate) mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_catalog::Destination;
use anymq_types::{QueueId, VhostId};

use crate::api::HolderAbout;
use crate::broker::Broker;
use crate::core::Core;
use crate::latency::CommitWaits;
use crate::queue::Queue;
use crate::topics::TopicInfo;

/// One holder: an AMQP channel.
#[derive(Clone, Debug)]
pub struct ChannelStatus {
    /// Its connection.
    pub connection: u64,
    /// What its door says of it.
    pub about: HolderAbout,
    /// Who.
    pub user: Arc<str>,
    /// Where.
    pub vhost: Arc<str>,
    /// Most unsettled messages of all its consumers together; 0: no limit.
    pub limit: u32,
    /// Messages delivered and not settled.
    pub unacked: u64,
    /// Consumers.
    pub consumers: u32,
}

/// A queue that dead letters go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// Its vhost.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Messages in it, delivered or not.
    pub messages: u64,
}

/// One topic.
#[derive(Clone, Debug)]
pub struct TopicStatus {
    /// Its vhost.
    pub vhost: Arc<str>,
    /// What it is.
    pub info: TopicInfo,
    /// Its partitions, in the order of their numbers.
    pub partitions: Vec<PartitionStatus>,
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// First offset that is kept, and the next one.
    pub offsets: (u64, u64),
    /// Bytes of what is kept.
    pub bytes: u64,
}

/// Where a topic's partitions begin and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicEdges {
    /// Its vhost.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it has.
    pub total: u64,
    /// First offset that is kept and the next one, by number; fewer than `total` if not all were wanted.
    pub partitions: Vec<(u64, u64)>,
}

impl Broker {
    /// Every topic, by vhost and name; those `wanted` names only. A queue that can be a topic is one.
    pub fn topics(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<TopicStatus> {
        let core = self.inner.core.lock();
        let mut list = Vec::new();
        for vhost in core.catalog.vhosts() {
            for info in core.topics_in(vhost.id, |name| wanted(&vhost.name, name)) {
                let of = |q: &Queue| PartitionStatus {
                    offsets: (q.log_start(), q.stream.next),
                    bytes: q.ready_bytes,
                };
                let queues = info.partitions.iter().filter_map(|id| core.queues.get(id));
                let partitions = queues.map(|q| of(q)).collect();
                list.push(TopicStatus { vhost: vhost.name.clone(), info, partitions });
            }
        }
        list
    }

    /// Partitions of topics and, if they are wanted, of queues that are topics; at most so many, and how many more there are.
    pub fn topic_edges(&self, queues: bool, limit: usize) -> (Vec<TopicEdges>, u64) {
        let committed = self.inner.log.committed();
        let core = self.inner.core.lock();
        let (mut list, mut room, mut beyond) = (Vec::new(), limit, 0);
        let mut add = |vhost: &Arc<str>, name: &Arc<str>, ids: &[QueueId]| {
            let shown = &ids[..ids.len().min(room)];
            room -= shown.len();
            beyond += (ids.len() - shown.len()) as u64;
            let edges = shown.iter().filter_map(|&id| core.edges(id, committed));
            let partitions: Vec<(u64, u64)> = edges.map(|edges| (edges.first, edges.end)).collect();
            if !partitions.is_empty() {
                let (vhost, name) = (vhost.clone(), name.clone());
                list.push(TopicEdges { vhost, name, total: ids.len() as u64, partitions });
            }
        };
        for vhost in core.catalog.vhosts() {
            for topic in core.catalog.topics(vhost.id) {
                add(&vhost.name, &topic.name, &topic.partitions);
            }
            for queue in core.catalog.queues(vhost.id).filter(|queue| queues && core.is_topic(queue)) {
                add(&vhost.name, &queue.name, &[queue.id]);
            }
        }
        (list, beyond)
    }

    /// How long publishers had to wait for their confirms.
    pub fn commit_waits(&self) -> CommitWaits {
        self.inner.stopwatch.waits()
    }

    /// Every channel, by connection and number.
    pub fn channels(&self) -> Vec<ChannelStatus> {
        let core = self.inner.core.lock();
        let mut list = Vec::new();
        for session in core.sessions.values() {
            for holder in session.holders.iter().filter_map(|id| core.holders.get(id.0)) {
                let consumers = holder.consumers.iter().filter_map(|id| core.consumers.get(id.0));
                let of_streams = consumers.filter(|c| c.cursor.is_some()).map(|c| u64::from(c.unacked));
                list.push(ChannelStatus {
                    connection: session.id.0,
                    about: holder.about,
                    user: session.user.clone(),
                    vhost: session.vhost_name.clone(),
                    limit: holder.limit,
                    unacked: u64::from(holder.held) + of_streams.sum::<u64>(),
                    consumers: holder.consumers.len() as u32,
                });
            }
        }
        list.sort_by_key(|c| (c.connection, c.about.number));
        list
    }

    /// Every queue that a dead letter of another one can reach as things are set now, by vhost and name. A dead letter that
    /// keeps its key and goes to the default exchange is not foreseen.
    pub fn dead_letter_queues(&self) -> Vec<DeadLetterQueue> {
        let core = self.inner.core.lock();
        let mut found = BTreeMap::new();
        for vhost in core.catalog.vhosts() {
            for name in core.dead_letter_queues(vhost.id) {
                let Some(def) = core.catalog.queue(vhost.id, &name) else { continue };
                let Some(queue) = core.queues.get(&def.id) else { continue };
                let messages = queue.ready + queue.unacked();
                let key = (vhost.name.clone(), def.name.clone());
                found.insert(key.clone(), DeadLetterQueue { vhost: key.0, name: key.1, messages });
            }
        }
        found.into_values().collect()
    }
}

impl Core {
    /// Names of queues that are bound to a dead-letter exchange, or are named by a dead-letter key.
    fn dead_letter_queues(&self, vhost: VhostId) -> BTreeSet<Arc<str>> {
        let (mut queues, mut exchanges) = (BTreeSet::new(), BTreeSet::new());
        for settings in self.queues.values().filter(|q| q.vhost == vhost).map(|q| &q.settings) {
            let Some(exchange) = &settings.dead_letter_exchange else { continue };
            if !exchange.is_empty() {
                exchanges.insert(Arc::<str>::from(&**exchange));
            } else if let Some(key) = &settings.dead_letter_routing_key {
                queues.insert(Arc::<str>::from(&**key));
            }
        }
        let mut next: Vec<Arc<str>> = exchanges.iter().cloned().collect();
        while let Some(exchange) = next.pop() {
            for binding in self.catalog.bindings_from(vhost, &exchange) {
                match &binding.destination {
                    Destination::Queue(name) => drop(queues.insert(name.clone())),
                    Destination::Exchange(name) if exchanges.insert(name.clone()) => next.push(name.clone()),
                    Destination::Exchange(_) => {}
                }
            }
        }
        queues
    }
}
