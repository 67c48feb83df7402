//! Definitions of policies: the keys, their values, and the queue types each is for.

use std::sync::Arc;

use anymq_types::value::{Table, Value};
use serde_json::Value as Json;

use super::PolicyError;
use crate::args::queue::{KNOWN, QueueArgs};
use crate::model::{Policy, QueueKind};

/// One policy key.
struct Key {
    name: &'static str,
    /// RabbitMQ's words for its value.
    what: &'static str,
    /// May stand in an operator policy.
    operator: bool,
    /// Queue types to which a policy with this key does not apply at all.
    not_for: &'static [QueueKind],
}

use QueueKind::{Classic, Quorum, Stream};

const fn key(name: &'static str, what: &'static str, operator: bool, not_for: &'static [QueueKind]) -> Key {
    Key { name, what, operator, not_for }
}

/// In the order of RabbitMQ's validators. Those of other plugins and of mirroring, which existed once, are accepted
/// so that definitions can be imported; they change nothing on a single node.
static KEYS: [Key; 33] = [
    key("alternate-exchange", "alternate exchange name", false, &[]),
    key("consumer-timeout", "consumer timeout", false, &[]),
    key("dead-letter-exchange", "dead letter exchange name", false, &[Stream]),
    key("dead-letter-routing-key", "dead letter routing key", false, &[Stream]),
    key("dead-letter-strategy", "dead letter strategy", false, &[Classic, Stream]),
    key("message-ttl", "message TTL", true, &[Stream]),
    key("expires", "queue expiry", true, &[Stream]),
    key("max-length", "maximum length", true, &[Stream]),
    key("max-length-bytes", "maximum length in bytes", true, &[]),
    key("max-in-memory-length", "maximum memory in bytes", true, &[Classic, Stream]),
    key("max-in-memory-bytes", "maximum memory in bytes", true, &[Classic, Stream]),
    key("queue-mode", "queue-mode value", false, &[Quorum, Stream]),
    key("queue-version", "queue-version value", true, &[]),
    key("overflow", "overflow value", true, &[Stream]),
    key("delivery-limit", "delivery limit", true, &[Classic, Stream]),
    key("max-age", "max age", false, &[Classic, Quorum]),
    key("stream-max-segment-size-bytes", "segment size", false, &[Classic, Quorum]),
    key("stream-filter-size-bytes", "filter size. Valid range is 16-255", false, &[]),
    key("queue-leader-locator", "queue leader locator value", false, &[]),
    key("initial-cluster-size", "cluster size", false, &[Classic, Quorum]),
    key("queue-master-locator", "queue leader locator value", false, &[Quorum, Stream]),
    key("target-group-size", "target group size", true, &[Classic, Stream]),
    key("federation-upstream", "federation upstream", false, &[]),
    key("federation-upstream-set", "federation upstream set", false, &[]),
    key("federation-upstream-pattern", "federation upstream pattern", false, &[]),
    key("ha-mode", "ha mode", true, &[Quorum, Stream]),
    key("ha-params", "ha params", true, &[Quorum, Stream]),
    key("ha-sync-mode", "ha sync mode", true, &[Quorum, Stream]),
    key("ha-sync-batch-size", "ha sync batch size", true, &[]),
    key("ha-promote-on-shutdown", "ha promote on shutdown", true, &[Quorum, Stream]),
    key("ha-promote-on-failure", "ha promote on failure", true, &[Quorum, Stream]),
    key("anymq-schema-validation", "schema validation: key, value or both with a comma", false, &[]),
    key("anymq-schema-subject", "schema subject: topic, record or topic-record", false, &[]),
];

/// Whether a policy with that key can apply to queues of that type.
pub(super) fn is_for(name: &str, kind: QueueKind) -> bool {
    KEYS.iter().find(|key| key.name == name).is_none_or(|key| !key.not_for.contains(&kind))
}

/// Checks a definition and reads what it sets: for queues, and the alternate exchange.
pub(super) fn parse(policy: &Policy) -> Result<(QueueArgs, Option<Arc<str>>), PolicyError> {
    if policy.definition.is_empty() {
        return Err(PolicyError::Empty);
    }
    let mut values = QueueArgs::default();
    let mut alternate_exchange = None;
    for (name, json) in &policy.definition {
        let Some(key) = KEYS.iter().find(|key| key.name == name && (key.operator || !policy.operator)) else {
            return Err(PolicyError::UnknownKey(name.clone(), json.to_string()));
        };
        let invalid = || PolicyError::Value { value: json.to_string(), what: key.what };
        match key.name {
            "alternate-exchange" => alternate_exchange = Some(json.as_str().ok_or_else(invalid)?.into()),
            name => read(&mut values, name, json).ok_or_else(invalid)?,
        }
    }
    Ok((values, alternate_exchange))
}

/// Reads one value as the queue argument of that name reads it; keys that are no argument set nothing.
fn read(values: &mut QueueArgs, name: &str, json: &Json) -> Option<()> {
    let known = KNOWN.iter().find(|known| known.key.strip_prefix("x-") == Some(name));
    let Some(known) = known else { return Some(()) };
    let value = match json {
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::I64(n.as_i64()?),
        Json::String(text) => Value::from(text.as_str()),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    // A routing key without an exchange is an error among arguments, not in a policy: the exchange may be an argument.
    let companions = Table::from_iter([("x-dead-letter-exchange", "")]);
    (known.parse)(values, &value, &companions).ok()?;
    match name {
        "stream-filter-size-bytes" if values.stream_filter_bytes.is_none() => None,
        "stream-max-segment-size-bytes" if values.stream_max_segment_bytes > Some(3_000_000_000) => None,
        _ => Some(()),
    }
}
