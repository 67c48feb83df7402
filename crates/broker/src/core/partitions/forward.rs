//! From a topic on through exchanges (docs/adr/0012).
//!
//! An exchange that names a topic (`x-anymq-from-topic`) is given every record of it that a reader of committed records sees, in the order
//! of each partition, from the moment it is made on: what is bound to it gets a copy. How far a partition has come is its cursor,
//! and a step of it is in one journal group with the copies: none is lost or made twice, whatever happens. Where records are in
//! memory that is the group in which they were stored, or their transaction committed. What is on disk is read first; a step takes
//! [`STEP_BYTES`], others' operations come in between. Retention and compaction wait for the cursor.
//!
//! Cost: nothing for topics without such exchanges, a look into an empty table apart; else one decoding of the batch, one routing a
//! record and exchange, one frame of 12 bytes a step, and the copies.

use std::sync::Arc;

use anymq_auth::acl::{Operation, ResourceKind};
use anymq_catalog::Exchange;
use anymq_catalog::args::exchange::FROM_TOPIC;
use anymq_types::limits::{CHUNK_BYTES_MAX, CHUNK_MESSAGES_MAX};
use anymq_types::props::PropsRef;
use anymq_types::record::{Record, RecordHead, Records};
use anymq_types::value::Table;
use anymq_types::{ConnectionId, ExchangeId, Millis, QueueId, VhostId};
use bytes::Bytes;
use smallvec::SmallVec;

use super::super::Core;
use super::super::fx::Fx;
use super::super::streams::{Mapping, Next, StreamCursor, next_run};
use crate::error::{Error, Result};
use crate::journal::{FORWARDED, Reader, put_varint};
use crate::queue::settings::Kind;
use crate::routing::{FastMap, Message, Targets};
use crate::wheel::{Entry, What};

/// Bytes of records after which a step ends.
const STEP_BYTES: usize = 1 << 20;
/// Most exchanges that a topic may have: every record goes through all of them.
const PER_TOPIC_MAX: usize = 16;

/// Exchanges of one topic.
type Sinks = Arc<[(ExchangeId, Arc<str>)]>;

/// Which topics' records go through which exchanges.
#[derive(Debug, Default)]
pub(crate) struct TopicExchanges {
    by_vhost: FastMap<VhostId, FastMap<Arc<str>, Sinks>>,
}

impl TopicExchanges {
    fn of(&self, vhost: VhostId, topic: &str) -> Option<&Sinks> {
        self.by_vhost.get(&vhost)?.get(topic)
    }

    /// Whether the exchange is new, and how many its topic has with it.
    fn put(&mut self, topic: &str, exchange: &Exchange) -> Option<usize> {
        let topics = self.by_vhost.entry(exchange.vhost).or_default();
        let before: &[_] = topics.get(topic).map_or(&[], |sinks| sinks);
        if before.iter().any(|(id, _)| *id == exchange.id) {
            return None;
        }
        let with: Sinks = before.iter().cloned().chain([(exchange.id, exchange.name.clone())]).collect();
        let count = with.len();
        topics.insert(topic.into(), with);
        Some(count)
    }

    /// An exchange is gone.
    pub(crate) fn remove(&mut self, id: ExchangeId) {
        for topics in self.by_vhost.values_mut() {
            topics.retain(|_, sinks| {
                if sinks.iter().any(|(sink, _)| *sink == id) {
                    *sinks = sinks.iter().filter(|(sink, _)| *sink != id).cloned().collect();
                }
                !sinks.is_empty()
            });
        }
        self.by_vhost.retain(|_, topics| !topics.is_empty());
    }

    /// A vhost is gone.
    pub(crate) fn remove_vhost(&mut self, vhost: VhostId) {
        self.by_vhost.remove(&vhost);
    }
}

/// Messages for the same queues, to be appended together.
#[derive(Default)]
struct Gathered {
    targets: SmallVec<[QueueId; 8]>,
    chunk: Vec<u8>,
    count: u32,
}

impl Core {
    /// Whether a session may declare an exchange with these arguments, as far as they name a topic.
    pub(crate) fn check_topic_exchange(
        &self,
        session: ConnectionId,
        vhost: VhostId,
        args: &Table,
    ) -> Result<()> {
        let Some(topic) = args.get(FROM_TOPIC).and_then(|v| v.as_str()) else { return Ok(()) };
        let info = self.topic_in(vhost, topic);
        if !self.may(session, ResourceKind::Topic, topic, Operation::Read) {
            return Err(Error::forbidden(format!("read access to topic '{topic}' refused")));
        }
        let info = info.ok_or_else(|| Error::not_found(format!("no topic '{topic}' for '{FROM_TOPIC}'")))?;
        if info.kind != Kind::Stream {
            let text = format!("'{topic}' is a queue whose messages are consumed, not a topic or stream");
            return Err(Error::invalid(text));
        }
        if self.topic_exchanges.of(vhost, topic).is_some_and(|sinks| sinks.len() >= PER_TOPIC_MAX) {
            let text = format!("topic '{topic}' has {PER_TOPIC_MAX} exchanges, which is the most");
            return Err(Error::exhausted(text));
        }
        Ok(())
    }

    /// An exchange is there. The first of its topic begins with what comes from now on.
    pub(crate) fn topic_exchange_put(&mut self, fx: Option<&mut Fx<'_>>, exchange: &Exchange) {
        let Some(topic) = exchange.from_topic() else { return };
        let is_first = self.topic_exchanges.put(topic, exchange) == Some(1);
        let (Some(fx), true) = (fx, is_first) else { return };
        let partitions = self.topic_in(exchange.vhost, topic).map(|info| info.partitions);
        for id in partitions.unwrap_or_default() {
            let next = self.queues.get(&id).map_or(0, |queue| queue.stream.next);
            self.set_forwarded(fx, id, next);
        }
    }

    fn set_forwarded(&mut self, fx: &mut Fx<'_>, id: QueueId, to: u64) {
        self.partition(id).forwarded = to;
        if self.queues.get(&id).is_some_and(|queue| queue.durable) {
            fx.frame(FORWARDED, |out| write_forwarded(id, to, out));
        }
    }

    pub(crate) fn replay_forwarded(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let (id, to) = (QueueId(r.varint()?), r.varint()?);
        if self.queues.contains_key(&id) {
            self.partition(id).forwarded = to;
        }
        Some(())
    }

    /// The topic of a partition and the exchanges that it has; `None` if it has none.
    fn exchanges_of(&self, id: QueueId) -> Option<(Arc<str>, VhostId, Sinks)> {
        if self.topic_exchanges.by_vhost.is_empty() {
            return None;
        }
        let queue = self.queues.get(&id).filter(|queue| queue.kind == Kind::Stream)?;
        let topic = self.catalog.topic_of(id).map_or(&queue.name, |topic| &topic.name);
        let sinks = self.topic_exchanges.of(queue.vhost, topic)?;
        Some((topic.clone(), queue.vhost, sinks.clone()))
    }

    /// What must be kept for a topic's exchanges begins here.
    pub(crate) fn forwarded_to(&self, id: QueueId) -> u64 {
        let waits = self.exchanges_of(id).is_some();
        if waits { self.partitions.get(&id).map_or(0, |p| p.forwarded) } else { u64::MAX }
    }

    /// After a restart every partition is looked at: a step may have been the last thing that was done.
    pub(crate) fn forward_all(&mut self, now: Millis) {
        let ids: Vec<QueueId> =
            self.queues.keys().copied().filter(|&id| self.exchanges_of(id).is_some()).collect();
        ids.into_iter().for_each(|queue| self.wheel.add(Entry { at: now, queue, what: What::Look }));
    }

    /// Takes a partition's records one step on through its topic's exchanges.
    pub(crate) fn forward(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some((topic, vhost, sinks)) = self.exchanges_of(id) else { return };
        let before = self.partition(id).forwarded;
        let Some(start) = self.queues.get(&id).map(|queue| queue.log_start()) else { return };
        let mut cursor = StreamCursor::at(before.max(start));
        let mut bytes = 0;
        while let Some(queue) = self.queues.get(&id) {
            let transactions = self.partitions.get(&id).map(|partition| &partition.transactions);
            let mapping = Mapping { topic: &topic, now: fx.now };
            match next_run(queue, transactions, &mut cursor, mapping, CHUNK_MESSAGES_MAX) {
                Next::Run { records, .. } => {
                    bytes += records.len();
                    sinks.iter().for_each(|(_, exchange)| self.route_on(fx, vhost, exchange, &records));
                    if bytes >= STEP_BYTES {
                        fx.timers.push(Entry { at: Millis(fx.now.0 + 1), queue: id, what: What::Look });
                        break;
                    }
                }
                Next::Load(number) => {
                    self.request_load(fx, id, number);
                    break;
                }
                Next::End => break,
            }
        }
        if cursor.offset() > before {
            self.set_forwarded(fx, id, cursor.offset());
        }
    }

    /// Routes records of a topic through one of its exchanges.
    fn route_on(&mut self, fx: &mut Fx<'_>, vhost: VhostId, exchange: &str, records: &Bytes) {
        let mut gathered = Gathered::default();
        for record in Records::new(records) {
            let targets = self.targets_from(vhost, exchange, &record);
            if targets.is_empty() {
                continue;
            }
            let full = gathered.chunk.len() + record.bytes.len() > CHUNK_BYTES_MAX
                || gathered.count >= CHUNK_MESSAGES_MAX;
            if full || gathered.targets != targets {
                self.append_gathered(fx, std::mem::take(&mut gathered));
                gathered.targets = targets;
            }
            // A stream keeps whatever it is given, and so do those who get it from there.
            let head = RecordHead {
                persistent: true,
                exchange: exchange.as_bytes(),
                due: None,
                blind: &[],
                ..record.head()
            };
            head.write(record.body.len(), &mut gathered.chunk);
            gathered.chunk.extend_from_slice(record.body);
            gathered.count += 1;
        }
        self.append_gathered(fx, gathered);
    }

    fn append_gathered(&mut self, fx: &mut Fx<'_>, gathered: Gathered) {
        let Gathered { targets, chunk, count } = gathered;
        if count == 0 {
            return;
        }
        let chunk = Bytes::from(chunk);
        self.stats.copies += u64::from(count) * targets.len() as u64;
        if !self.any_bounded(&targets) {
            return self.append(fx, &targets, chunk, count, true);
        }
        for record in Records::new(&chunk) {
            self.publish_bounded(fx, &chunk.slice_ref(record.bytes), &record, &targets);
        }
    }

    /// Where a topic's record goes: not into another topic with exchanges, nor back into its own. So it never goes round.
    fn targets_from(
        &mut self,
        vhost: VhostId,
        exchange: &str,
        record: &Record<'_>,
    ) -> SmallVec<[QueueId; 8]> {
        let seed = self.next_random();
        let Some(router) = self.routers.get(&vhost) else { return SmallVec::new() };
        let message = Message {
            exchange: exchange.as_bytes(),
            routing_key: record.routing_key,
            copies: &[],
            props: || PropsRef::parse(record.props).ok(),
            seed,
            trusted: true,
        };
        let mut targets = Targets::new();
        router.route(&message, &mut targets);
        targets.as_slice().iter().copied().filter(|&id| self.exchanges_of(id).is_none()).collect()
    }
}

/// Appends what [`Core::replay_forwarded`] reads.
pub(crate) fn write_forwarded(id: QueueId, to: u64, out: &mut Vec<u8>) {
    put_varint(out, id.0);
    put_varint(out, to);
}
