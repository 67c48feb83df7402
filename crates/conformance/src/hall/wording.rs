//! The promises' words in the hall's.

use anymq_broker::PublishBatch;
use anymq_types::Millis;
use anymq_types::props::{Properties, PropsRef};
use anymq_types::record::{Record, RecordHead};
use anymq_types::value::{Table, Value};

use crate::door::{Death, Kind, Message, Overflow, QueueSpec};

/// A queue's arguments.
pub(super) fn arguments(spec: &QueueSpec) -> Table {
    let mut args = Table::new();
    let kind = match spec.kind {
        Kind::Classic => "classic",
        Kind::Quorum => "quorum",
        Kind::Stream => "stream",
    };
    args.insert("x-queue-type", kind);
    let millis = [
        ("x-message-ttl", spec.ttl),
        ("x-expires", spec.expires),
        ("x-anymq-dedup-window-ms", spec.dedup_window),
        ("x-anymq-delay-ms", spec.delay),
    ];
    for (key, time) in millis {
        if let Some(time) = time {
            args.insert(key, time.as_millis() as i64);
        }
    }
    if let Some(queue) = &spec.dead_letter_to {
        args.insert("x-dead-letter-exchange", "");
        args.insert("x-dead-letter-routing-key", queue.as_str());
    } else if spec.dead_letter_by_keys {
        args.insert("x-dead-letter-exchange", "");
    }
    if let Some((max, overflow)) = spec.max_length {
        args.insert("x-max-length", max as i64);
        let overflow = match overflow {
            Overflow::DropHead => "drop-head",
            Overflow::Reject => "reject-publish",
            Overflow::RejectToDeadLetter => "reject-publish-dlx",
        };
        args.insert("x-overflow", overflow);
    }
    if let Some(max) = spec.priorities {
        args.insert("x-max-priority", i32::from(max));
    }
    if let Some(limit) = spec.delivery_limit {
        args.insert("x-delivery-limit", i64::from(limit));
    }
    for (key, set) in
        [("x-single-active-consumer", spec.single_active_consumer), ("x-anymq-message-group", spec.groups)]
    {
        if set {
            args.insert(key, Value::Bool(true));
        }
    }
    args
}

/// Messages for a queue, by way of the default exchange.
pub(super) fn batch(now: Millis, queue: &str, messages: &[Message]) -> PublishBatch {
    let mut batch = PublishBatch { confirms: true, ..PublishBatch::default() };
    for message in messages {
        let after = |time: std::time::Duration| Millis(now.0 + time.as_millis() as u64);
        let mut props = Properties::default();
        if let Some(id) = &message.dedup {
            let mut headers = Table::new();
            headers.insert("x-deduplication-header", id.as_str());
            props.headers = Some(headers);
        }
        let mut block = Vec::new();
        props.encode(&mut block).expect("a short header fits");
        let mut blind = Vec::new();
        for key in &message.blind_copies {
            blind.push(key.len() as u8);
            blind.extend_from_slice(key.as_bytes());
        }
        let head = RecordHead {
            persistent: !message.volatile,
            priority: message.priority,
            timestamp: now,
            expires: message.ttl.map(after),
            due: message.delay.map(after),
            routing_key: queue.as_bytes(),
            group: message.group.as_deref().map(str::as_bytes),
            blind: &blind,
            props: &block,
            ..RecordHead::default()
        };
        let start = batch.chunk.len();
        head.write(message.body.len(), &mut batch.chunk);
        batch.chunk.extend_from_slice(&message.body);
        let copies: Vec<Box<[u8]>> = message.blind_copies.iter().map(|k| k.as_bytes().into()).collect();
        batch.push(start, (!copies.is_empty()).then(|| copies.into_boxed_slice()));
    }
    batch
}

/// A message's history, newest first.
pub(super) fn deaths(record: &Record<'_>) -> Vec<Death> {
    let props =
        PropsRef::parse(record.props).map(Properties::from).expect("properties that the broker stored");
    let Some(Value::Array(list)) = props.headers.as_ref().and_then(|h| h.get("x-death")).cloned() else {
        return Vec::new();
    };
    let entry = |value: &Value| {
        let Value::Table(table) = value else { panic!("an entry of x-death that is no table: {value:?}") };
        let text = |key: &str| table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let count = table.get("count").and_then(Value::as_int).unwrap_or(0) as u64;
        Death { queue: text("queue"), reason: text("reason"), count }
    };
    list.iter().map(entry).collect()
}
