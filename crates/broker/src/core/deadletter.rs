//! Messages that nobody shall get: dead-lettered with their history, or dropped.

use anymq_types::props::{Properties, PropsRef};
use anymq_types::record::{Record, RecordHead};
use anymq_types::value::{Table, Value};
use anymq_types::{Millis, QueueId};
use bytes::Bytes;

use super::Core;
use super::fx::Fx;
use crate::queue::pick::Run;
use crate::routing::{Message, Targets};

/// Why a message is dead-lettered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A consumer refused it.
    Rejected,
    /// Its time was over.
    Expired,
    /// There was no room.
    MaxLength,
    /// It failed too often.
    DeliveryLimit,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::Rejected => "rejected",
            Reason::Expired => "expired",
            Reason::MaxLength => "maxlen",
            Reason::DeliveryLimit => "delivery_limit",
        }
    }
}

/// Most entries of a message's death history that are kept.
const DEATHS_MAX: usize = 64;

impl Core {
    /// Ends a message that is neither ready nor leased any more: dead-letters it where its queue says so, and settles it.
    pub(crate) fn kill(&mut self, fx: &mut Fx<'_>, id: QueueId, run: &Run, reason: Reason) {
        let bytes = anymq_types::record::body_len(&run.records).unwrap_or(0) as u64;
        self.dead_letter(fx, id, run, reason);
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.counters.dropped += 1;
        }
        self.settle_range(fx, id, run.first, run.first + 1, bytes);
    }

    /// Ends a message that is ready or just released but whose record may be on disk.
    pub(crate) fn kill_offset(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        offset: u64,
        level: u8,
        reason: Reason,
    ) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        match queue.record(offset) {
            Ok(records) => {
                let run = Run { first: offset, count: 1, records, redelivered: false, attempts: 0 };
                self.kill(fx, id, &run, reason);
            }
            Err(Some(number)) => {
                queue.views_mut().dying.push((offset, level, reason));
                self.request_load(fx, id, number);
            }
            Err(None) => {}
        }
    }

    /// Kills the messages that waited for their record.
    pub(crate) fn bury(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(views) = queue.views.as_deref_mut().filter(|v| !v.dying.is_empty()) else { return };
        for (offset, level, reason) in std::mem::take(&mut views.dying) {
            if self.queues.get(&id).is_some_and(|q| !q.is_settled(offset)) {
                self.kill_offset(fx, id, offset, level, reason);
            }
        }
    }

    /// Sends a copy of a message, with its history, to its queue's dead-letter exchange.
    pub(crate) fn dead_letter(&mut self, fx: &mut Fx<'_>, id: QueueId, run: &Run, reason: Reason) {
        let Some(queue) = self.queues.get(&id) else { return };
        let (kind, at_least_once) = (queue.kind, queue.settings.dead_letter_at_least_once);
        self.stats.dead_lettered(queue.kind, &queue.settings, reason);
        let Some(exchange) = queue.settings.dead_letter_exchange.clone() else { return };
        let Some(record) = Record::parse(&run.records) else { return };
        let new_key = queue.settings.dead_letter_routing_key.clone();
        let (name, vhost) = (queue.name.clone(), queue.vhost);
        let Ok(mut props) = PropsRef::parse(record.props).map(Properties::from) else { return };
        if !record.dead {
            forget_claims(&mut props);
        }
        let mut copies = extra_keys(&props);
        let routing_keys: Vec<Vec<u8>> =
            std::iter::once(record.routing_key.to_vec()).chain(copies.iter().map(|k| k.to_vec())).collect();
        let key = new_key.as_deref().map_or(record.routing_key, |k| k.as_bytes());
        // A routing key of the queue's own replaces all that the message had.
        let blind = if new_key.is_some() { &[][..] } else { record.blind };
        if new_key.is_some() {
            copies.clear();
        } else {
            copies.extend(record.blind_keys().map(Box::from));
        }
        add_death(
            &mut props,
            &Death {
                queue: &name,
                reason,
                exchange: record.exchange,
                routing_keys: &routing_keys,
                now: fx.now,
            },
        );
        props.expiration = None;
        let targets = self.dead_letter_targets(vhost, &exchange, key, &copies, &props);
        if targets.is_empty() {
            return;
        }
        self.stats.of(kind).deaths.arrived += u64::from(at_least_once);
        let mut block = Vec::with_capacity(record.props.len() + 128);
        if props.encode(&mut block).is_err() {
            tracing::warn!(queue = %name, "a dead letter's headers are too large; it is dropped");
            return;
        }
        let head = RecordHead {
            expires: None,
            due: None,
            dead: true,
            exchange: exchange.as_bytes(),
            routing_key: key,
            blind,
            props: &block,
            ..record.head()
        };
        let mut chunk = Vec::with_capacity(head.record_len(record.body.len()));
        head.write(record.body.len(), &mut chunk);
        chunk.extend_from_slice(record.body);
        self.append(fx, &targets, Bytes::from(chunk), 1, record.persistent);
        for &target in &targets {
            self.enforce_length(fx, target);
        }
    }

    /// Where a dead letter goes: not into a queue it has been in before without a consumer's refusal since.
    fn dead_letter_targets(
        &mut self,
        vhost: anymq_types::VhostId,
        exchange: &str,
        key: &[u8],
        extra: &[Box<[u8]>],
        props: &Properties,
    ) -> Vec<QueueId> {
        let seed = self.next_random();
        let Some(router) = self.routers.get(&vhost) else { return Vec::new() };
        let mut block = Vec::new();
        if props.encode(&mut block).is_err() {
            return Vec::new();
        }
        let copies: crate::routing::Copies<'_> = extra.iter().map(|k| &**k).collect();
        let message = Message {
            exchange: exchange.as_bytes(),
            routing_key: key,
            copies: &copies,
            props: || PropsRef::parse(&block).ok(),
            seed,
            trusted: true,
        };
        let mut targets = Targets::new();
        router.route(&message, &mut targets);
        let goes = |id: &QueueId| self.queues.get(id).is_some_and(|q| !cycles(props, &q.name));
        targets.as_slice().iter().copied().filter(goes).collect()
    }
}

/// A client's own word about deaths does not count.
fn forget_claims(props: &mut Properties) {
    let Some(headers) = &mut props.headers else { return };
    for name in ["x-death", "x-first-death-queue", "x-first-death-reason", "x-first-death-exchange"] {
        headers.remove(name);
    }
}

/// Keys in the CC header.
fn extra_keys(props: &Properties) -> Vec<Box<[u8]>> {
    let Some(Value::Array(keys)) = props.headers.as_ref().and_then(|h| h.get("CC")) else {
        return Vec::new();
    };
    keys.iter().filter_map(|k| k.as_str()).map(|k| k.as_bytes().into()).collect()
}

/// Whether a message was in `queue` before and no consumer refused it since: then it would go round for ever. Its history begins
/// with the death that is under way; refusals before its last stay in `queue` do not excuse another round.
fn cycles(props: &Properties, queue: &str) -> bool {
    let Some(Value::Array(deaths)) = props.headers.as_ref().and_then(|h| h.get("x-death")) else {
        return false;
    };
    for death in deaths {
        let Value::Table(death) = death else { continue };
        if death.get("reason").and_then(Value::as_str) == Some(Reason::Rejected.as_str()) {
            return false;
        }
        if death.get("queue").and_then(Value::as_str) == Some(queue) {
            return true;
        }
    }
    false
}

struct Death<'a> {
    queue: &'a str,
    reason: Reason,
    exchange: &'a [u8],
    routing_keys: &'a [Vec<u8>],
    now: Millis,
}

/// Enters a death into the message's history (`x-death`, newest first) and into `x-first-death-*` and `x-last-death-*`.
fn add_death(props: &mut Properties, death: &Death<'_>) {
    let expiration = props.expiration.clone();
    let headers = props.headers.get_or_insert_with(Table::new);
    let mut deaths = match headers.remove("x-death") {
        Some(Value::Array(deaths)) => deaths,
        _ => Vec::new(),
    };
    let same = |d: &Value| {
        matches!(d, Value::Table(t) if t.get("queue").and_then(Value::as_str) == Some(death.queue)
            && t.get("reason").and_then(Value::as_str) == Some(death.reason.as_str()))
    };
    let entry = match deaths.iter().position(same).map(|at| deaths.remove(at)) {
        Some(Value::Table(mut entry)) => {
            let count = entry.get("count").and_then(Value::as_int).unwrap_or(0) + 1;
            entry.insert("count", count);
            entry
        }
        _ => new_death(death, expiration),
    };
    deaths.insert(0, Value::Table(entry));
    deaths.truncate(DEATHS_MAX);
    headers.insert("x-death", Value::Array(deaths));
    let exchange = String::from_utf8_lossy(death.exchange).into_owned();
    if headers.get("x-first-death-reason").is_none() {
        headers.insert("x-first-death-exchange", exchange.as_str());
        headers.insert("x-first-death-queue", death.queue);
        headers.insert("x-first-death-reason", death.reason.as_str());
    }
    headers.insert("x-last-death-exchange", exchange.as_str());
    headers.insert("x-last-death-queue", death.queue);
    headers.insert("x-last-death-reason", death.reason.as_str());
}

fn new_death(death: &Death<'_>, expiration: Option<anymq_types::value::Text>) -> Table {
    let mut entry = Table::new();
    entry.insert("count", 1i64);
    entry.insert("reason", death.reason.as_str());
    entry.insert("queue", death.queue);
    entry.insert("time", Value::Timestamp(death.now.0 / 1000));
    entry.insert("exchange", Value::Str(death.exchange.into()));
    let keys = death.routing_keys.iter().map(|k| Value::Str(k.as_slice().into())).collect();
    entry.insert("routing-keys", Value::Array(keys));
    if let Some(expiration) = expiration {
        entry.insert("original-expiration", Value::Str(expiration));
    }
    entry
}
