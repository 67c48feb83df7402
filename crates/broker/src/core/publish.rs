//! From a publisher into queues.

use anymq_types::props::PropsRef;
use anymq_types::record::Record;
use anymq_types::{ConnectionId, QueueId};
use bytes::Bytes;

use super::Core;
use super::fx::Fx;
use crate::api::{Delivery, Event, PublishBatch, PublishItem, Published};
use crate::error::{Error, Result};
use crate::journal::{APPEND, Append};
use crate::queue::Chunk;
use crate::queue::encoding::Encoding;
use crate::queue::settings::Kind;
use crate::routing::{Message, Outcome, Targets};
use crate::wheel::Entry;
use anymq_types::limits::{CHUNK_BYTES_MAX, CHUNK_MESSAGES_MAX};

/// Prefix of a routing key that means a client's reply address.
pub(crate) const REPLY_PREFIX: &str = "amq.rabbitmq.reply-to.";

/// Whether a message is for a client's reply address.
pub(crate) fn is_reply(record: &Record<'_>) -> bool {
    record.exchange.is_empty() && record.routing_key.starts_with(REPLY_PREFIX.as_bytes())
}

/// Volatile offsets are reserved in steps of this many, so that a restart never gives them out again.
const RESERVE_STEP: u64 = 1 << 16;

/// Consecutive messages of a batch that go to the same queues.
struct Gathered {
    start: usize,
    end: usize,
    count: u32,
    persistent: bool,
}

impl Gathered {
    /// Adds the message at `start..end`, if it belongs to the same chunk.
    fn takes(&mut self, start: usize, end: usize, persistent: bool) -> bool {
        let fits = self.end == start
            && self.persistent == persistent
            && self.count < CHUNK_MESSAGES_MAX
            && end - self.start <= CHUNK_BYTES_MAX;
        if fits {
            (self.end, self.count) = (end, self.count + 1);
        }
        fits
    }
}

impl Core {
    /// Routes and stores the messages of a batch, in order, up to the first that cannot be taken.
    pub(crate) fn publish(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        batch: &mut PublishBatch,
    ) -> Published {
        let chunk = Bytes::from(std::mem::take(&mut batch.chunk));
        let items = std::mem::take(&mut batch.items);
        let (refused, seeds) = (std::mem::take(&mut batch.refused), std::mem::take(&mut batch.seeds));
        let mut published = Published::default();
        let mut targets = Targets::new();
        let mut reached = false;
        let mut gathered: Option<Gathered> = None;
        let mut last: Option<Record<'_>> = None;
        for (index, item) in items.iter().enumerate() {
            let (start, end) = (item.start as usize, item.end as usize);
            if refused.binary_search(&(index as u32)).is_ok() {
                published.taken += 1;
                published.rejected.push(index as u32);
                continue;
            }
            let Some(record) = Record::parse(&chunk[start..end]) else {
                published.error = Some(Error::invalid("a message could not be read"));
                break;
            };
            let same = item.extra_keys.is_none()
                && last.is_some_and(|l| l.exchange == record.exchange && l.routing_key == record.routing_key)
                && !self.routes_by_content(session, record.exchange);
            if !same {
                self.flush(fx, &chunk, &mut gathered, &targets);
                let seed = seeds.get(index).copied().unwrap_or_else(|| self.next_random());
                match self.route(fx, session, &record, item, seed, &mut targets) {
                    Ok(found) => reached = found,
                    Err(error) => {
                        published.error = Some(error);
                        break;
                    }
                }
            }
            last = item.extra_keys.is_none().then_some(record);
            published.taken += 1;
            if !reached {
                published.unroutable.push(index as u32);
                self.stats.unroutable(item.mandatory);
            }
            self.stats.copies += targets.as_slice().len() as u64;
            if targets.as_slice().is_empty() {
                // Unroutable, or handed straight to a reply address: not to be taken for the next message's route.
                last = None;
                continue;
            }
            if self.any_bounded(targets.as_slice()) {
                self.flush(fx, &chunk, &mut gathered, &targets);
                if !self.publish_bounded(fx, &chunk.slice(start..end), &record, targets.as_slice()) {
                    published.rejected.push(index as u32);
                }
                continue;
            }
            if !gathered.as_mut().is_some_and(|g| g.takes(start, end, record.persistent)) {
                self.flush(fx, &chunk, &mut gathered, &targets);
                gathered = Some(Gathered { start, end, count: 1, persistent: record.persistent });
            }
        }
        self.flush(fx, &chunk, &mut gathered, &targets);
        self.count(session, &published, batch.confirms);
        published.commit = fx.end();
        published
    }

    fn count(&mut self, session: ConnectionId, published: &Published, confirms: bool) {
        self.stats.published(published.taken as u64, confirms);
        if confirms {
            self.stats.confirmed += (published.taken - published.rejected.len()) as u64;
        }
        if let Some(session) = self.sessions.get_mut(&session) {
            session.published += published.taken as u64;
        }
    }

    /// Whether every message of a batch could be taken: access and exchange; nothing is stored.
    pub(crate) fn check_batch(
        &mut self,
        session: ConnectionId,
        batch: &PublishBatch,
        from: usize,
    ) -> Result<()> {
        for item in batch.items.iter().skip(from) {
            let bytes = batch.chunk.get(item.start as usize..item.end as usize);
            let record =
                bytes.and_then(Record::parse).ok_or_else(|| Error::invalid("a message could not be read"))?;
            let exchange = std::str::from_utf8(record.exchange)
                .map_err(|_| Error::invalid("exchange name is not UTF-8"))?;
            self.may_publish(session, exchange, record.routing_key, item)?;
            let Some(state) = self.sessions.get(&session) else {
                return Err(Error::unavailable("the connection is closing"));
            };
            if !self.routers.get(&state.vhost).is_some_and(|r| r.has_exchange(record.exchange)) {
                return Err(Error::not_found(format!(
                    "no exchange '{exchange}' in vhost '{}'",
                    state.vhost_name
                )));
            }
        }
        Ok(())
    }

    fn flush(&mut self, fx: &mut Fx<'_>, chunk: &Bytes, gathered: &mut Option<Gathered>, targets: &Targets) {
        let Some(g) = gathered.take() else { return };
        // A small part of a large read is copied, so that it does not hold the rest in memory.
        let part = g.end - g.start;
        let records = if part * 4 < chunk.len() {
            Bytes::copy_from_slice(&chunk[g.start..g.end])
        } else {
            chunk.slice(g.start..g.end)
        };
        self.append(fx, targets.as_slice(), records, g.count, g.persistent);
    }

    /// Appends records to every target: one journal frame for all that keep them.
    pub(crate) fn append(
        &mut self,
        fx: &mut Fx<'_>,
        targets: &[QueueId],
        records: Bytes,
        count: u32,
        persistent: bool,
    ) {
        let lasting: smallvec::SmallVec<[(QueueId, u64); 4]> = targets
            .iter()
            .filter_map(|id| self.queues.get(id))
            .filter(|q| q.durable && (persistent || q.kind != Kind::Classic))
            .map(|q| (q.id, q.stream.next))
            .collect();
        let stored = (!lasting.is_empty())
            .then(|| fx.frame(APPEND, |out| Append::write(lasting.iter().copied(), count, &records, out)));
        for &id in targets {
            let Some(queue) = self.queues.get_mut(&id) else { continue };
            let base = queue.stream.next;
            let stored = stored.filter(|_| lasting.iter().any(|&(q, _)| q == id));
            let volatile = stored.is_none();
            if volatile && queue.durable && base + count as u64 > queue.reserved {
                queue.reserved = base + count as u64 + RESERVE_STEP;
                self.write_mark(fx, id);
            }
            let data = Some(records.clone());
            let encoding = Encoding::Canonical;
            let chunk = Chunk { records: &records, count, encoding, data, stored, volatile };
            let mut timers = Vec::new();
            self.with_queue(id, |queue, segments| queue.append(base, chunk, segments, &mut timers));
            fx.timers.extend(timers.into_iter().map(|(at, what)| Entry { at, queue: id, what }));
            self.touch(fx, id);
        }
    }

    fn write_mark(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        use crate::journal::{MARK, put_varint};
        let Some(queue) = self.queues.get(&id) else { return };
        let (seen, reserved) = (queue.seen(), queue.reserved);
        fx.frame(MARK, |out| {
            put_varint(out, id.0);
            put_varint(out, seen);
            put_varint(out, reserved);
        });
    }

    /// Whether an exchange looks at more than the routing key, so that neighbours may go elsewhere.
    fn routes_by_content(&self, session: ConnectionId, exchange: &[u8]) -> bool {
        let Some(session) = self.sessions.get(&session) else { return true };
        match (self.routers.get(&session.vhost), std::str::from_utf8(exchange)) {
            (Some(router), Ok(_)) => !router.is_cacheable(exchange),
            _ => true,
        }
    }

    /// Finds the queues a message goes to, or why it may not go there.
    fn route(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        record: &Record<'_>,
        item: &PublishItem,
        seed: u64,
        targets: &mut Targets,
    ) -> Result<bool> {
        if is_reply(record) {
            targets.clear();
            self.may_publish(session, "", record.routing_key, item)?;
            return self.reply(fx, record);
        }
        self.destinations(session, record, item, seed, targets)
    }

    /// The queues a message that is no direct reply goes to; whether there are any.
    pub(crate) fn destinations(
        &mut self,
        session: ConnectionId,
        record: &Record<'_>,
        item: &PublishItem,
        seed: u64,
        targets: &mut Targets,
    ) -> Result<bool> {
        targets.clear();
        let exchange =
            std::str::from_utf8(record.exchange).map_err(|_| Error::invalid("exchange name is not UTF-8"))?;
        self.may_publish(session, exchange, record.routing_key, item)?;
        let Some(state) = self.sessions.get_mut(&session) else {
            return Err(Error::unavailable("the connection is closing"));
        };
        let Some(router) = self.routers.get(&state.vhost) else {
            return Err(Error::unavailable("the vhost is being deleted"));
        };
        let copies: crate::routing::Copies<'_> = item.extra_keys.iter().flatten().map(|k| &**k).collect();
        let message = Message {
            exchange: record.exchange,
            routing_key: record.routing_key,
            copies: &copies,
            props: || PropsRef::parse(record.props).ok(),
            seed,
            trusted: false,
        };
        let refused = |what: String| format!("{what} in vhost '{}'", state.vhost_name);
        match router.route(&message, targets) {
            Outcome::Routed => Ok(true),
            Outcome::Unroutable => Ok(false),
            Outcome::NoSuchExchange => Err(Error::not_found(refused(format!("no exchange '{exchange}'")))),
            Outcome::Internal => {
                Err(Error::forbidden(refused(format!("cannot publish to internal exchange '{exchange}'"))))
            }
            Outcome::TooMany => Err(Error::exhausted(refused(format!(
                "more queues than a message can have are bound to exchange '{exchange}'"
            )))),
        }
    }

    /// A message for a client's reply address goes straight to its connection.
    fn reply(&mut self, fx: &mut Fx<'_>, record: &Record<'_>) -> Result<bool> {
        let suffix = &record.routing_key[REPLY_PREFIX.len()..];
        let address = std::str::from_utf8(suffix).ok().and_then(|s| self.replies.get(s));
        let Some(address) = address else { return Ok(false) };
        if address.outbox.room() {
            let delivery = Delivery {
                token: address.token,
                consumer: anymq_types::ConsumerId(0),
                queue: QueueId(0),
                first: anymq_types::Offset(0),
                count: 1,
                records: Bytes::copy_from_slice(record.bytes),
                redelivered: false,
                attempts: 0,
                counts_attempts: false,
                is_stream: false,
                auto_ack: true,
            };
            address.outbox.push(Event::Delivery(delivery));
            let outbox = address.outbox.clone();
            fx.wake(&outbox);
            self.stats.replies += 1;
            return Ok(true);
        }
        Ok(false)
    }
}
