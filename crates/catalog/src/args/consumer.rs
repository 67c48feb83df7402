//! Arguments of a consumer.

use anymq_types::Millis;
use anymq_types::value::{Table, Text, Value};

use super::problem::{ArgError, Problem, resource, type_name};
use super::queue::max_age_ms;
use crate::model::QueueKind;

/// Where a consumer of a stream begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamOffset {
    /// With what is published from now on.
    #[default]
    Next,
    /// With the oldest record there is.
    First,
    /// With the newest chunk.
    Last,
    /// With that record, or the next one after it.
    Offset(u64),
    /// With the first record from that moment on.
    Timestamp(Millis),
    /// With the first record that is at most so many milliseconds old.
    Age(u64),
}

/// What the arguments of a consumer say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerArgs {
    /// Higher ones are served first while they have credit.
    pub priority: i64,
    /// Of a stream; `None` if not given.
    pub stream_offset: Option<StreamOffset>,
    /// Of a stream: only records with one of these filter values; empty takes all.
    pub stream_filter: Vec<Text>,
    /// Of a stream: also records without a filter value.
    pub stream_match_unfiltered: bool,
    /// Overrides the queue's, in milliseconds.
    pub consumer_timeout_ms: Option<u64>,
}

/// A consumer that is refused. `Display` is RabbitMQ's text; the AMQP code is always 406.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConsumer {
    /// A value is not acceptable.
    #[error(transparent)]
    Arg(#[from] ArgError),
    /// The argument belongs to another queue type.
    #[error("invalid arg '{key}' for {resource} of queue type {}", kind.module())]
    NotForKind {
        /// The argument's name.
        key: &'static str,
        /// `queue 'q' in vhost '/'`
        resource: String,
        /// The queue's type.
        kind: QueueKind,
    },
}

const STREAM_ONLY: [&str; 3] = ["x-stream-offset", "x-stream-filter", "x-stream-match-unfiltered"];

/// Reads and checks the arguments of a consumer of that queue.
pub fn check(
    kind: QueueKind,
    queue: &str,
    vhost: &str,
    table: &Table,
) -> Result<ConsumerArgs, InvalidConsumer> {
    let error = |key, problem| ArgError { key, resource: resource("queue", queue, vhost), problem };
    let mut args = ConsumerArgs::default();
    let stream = kind == QueueKind::Stream;
    if let Some(value) = table.get("x-priority").filter(|_| !stream) {
        args.priority =
            value.as_int().ok_or_else(|| error("x-priority", Problem::ExpectedInteger(type_name(value))))?;
    }
    if let Some(value) = table.get("x-consumer-timeout") {
        let problem = match value.as_int() {
            None => Problem::ExpectedInteger(type_name(value)),
            Some(n) => Problem::ValueNegative(n),
        };
        let n = value.as_int().and_then(|n| u64::try_from(n).ok());
        args.consumer_timeout_ms = Some(n.ok_or_else(|| error("x-consumer-timeout", problem))?);
    }
    if stream {
        read_stream(table, &mut args).map_err(|problem| error("x-stream-offset", problem))?;
    }
    let foreign: &[&str] = if stream { &["x-priority"] } else { &STREAM_ONLY };
    for (name, _) in table.iter() {
        if let Some(key) = foreign.iter().find(|key| key.as_bytes() == name) {
            return Err(InvalidConsumer::NotForKind { key, resource: resource("queue", queue, vhost), kind });
        }
    }
    Ok(args)
}

fn read_stream(table: &Table, args: &mut ConsumerArgs) -> Result<(), Problem> {
    args.stream_offset = table.get("x-stream-offset").map(stream_offset).transpose()?;
    match table.get("x-stream-filter") {
        Some(Value::Str(text)) => args.stream_filter.push(text.clone()),
        Some(Value::Array(values)) => {
            let texts = values
                .iter()
                .filter_map(|v| if let Value::Str(text) = v { Some(text.clone()) } else { None });
            args.stream_filter.extend(texts);
        }
        _ => {}
    }
    args.stream_match_unfiltered = matches!(table.get("x-stream-match-unfiltered"), Some(Value::Bool(true)));
    Ok(())
}

fn stream_offset(value: &Value) -> Result<StreamOffset, Problem> {
    match value {
        Value::Str(text) => match text.as_str() {
            Some("first") => Ok(StreamOffset::First),
            Some("last") => Ok(StreamOffset::Last),
            Some("next") => Ok(StreamOffset::Next),
            Some(age) if max_age_ms(age).is_some() => {
                Ok(StreamOffset::Age(max_age_ms(age).unwrap_or_default()))
            }
            _ => Err(Problem::StreamOffset("longstr", String::from_utf8_lossy(text.as_bytes()).into_owned())),
        },
        Value::Timestamp(seconds) => Ok(StreamOffset::Timestamp(Millis(seconds.saturating_mul(1000)))),
        other => match other.as_int() {
            // RabbitMQ takes a negative offset for the first.
            Some(n) => Ok(StreamOffset::Offset(u64::try_from(n).unwrap_or(0))),
            None => Err(Problem::UnacceptableType(type_name(other))),
        },
    }
}

#[cfg(test)]
mod tests;
