//! Arguments of a queue.

use std::sync::Arc;

use anymq_types::value::{Table, Value};

use super::problem::{ArgError, Problem, resource, type_name};
use crate::model::{QueueKind, RoutingKey};
use crate::schema_rules::{SchemaRules, SubjectNaming};

mod known;

pub(crate) use known::{KNOWN, max_age_ms};

/// What happens to a message when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest make room, dead-lettered as `maxlen`.
    #[default]
    DropHead,
    /// The new one is refused: a negative confirm.
    RejectPublish,
    /// The new one is refused and dead-lettered.
    RejectPublishDlx,
}

/// Whether a dead-lettered message is kept until its targets have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadLetterStrategy {
    /// Sent once.
    #[default]
    AtMostOnce,
    /// Kept until confirmed.
    AtLeastOnce,
}

/// What the arguments of a queue say, or the definition of a policy: only what is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // Each is the argument of that name; `_ms` are milliseconds, `_bytes` bytes.
pub struct QueueArgs {
    pub message_ttl_ms: Option<u64>,
    pub expires_ms: Option<u64>,
    pub max_length: Option<u64>,
    pub max_length_bytes: Option<u64>,
    pub overflow: Option<Overflow>,
    pub dead_letter_exchange: Option<Arc<str>>,
    pub dead_letter_routing_key: Option<RoutingKey>,
    pub dead_letter_strategy: Option<DeadLetterStrategy>,
    pub max_priority: Option<u8>,
    pub single_active_consumer: Option<bool>,
    /// Negative is no limit.
    pub delivery_limit: Option<i64>,
    pub consumer_timeout_ms: Option<u64>,
    pub max_age_ms: Option<u64>,
    pub stream_max_segment_bytes: Option<u64>,
    pub stream_filter_bytes: Option<u8>,
    /// `x-anymq-lease-ms`: a delivery not settled by then is delivered again.
    pub lease_ms: Option<u64>,
    /// `x-anymq-delay-ms`: every message is delivered that much later.
    pub delay_ms: Option<u64>,
    /// `x-anymq-message-group`: messages of a group in order, one outstanding.
    pub message_group: Option<bool>,
    /// `x-anymq-dedup-window-ms`: how long a deduplication id is remembered.
    pub dedup_window_ms: Option<u64>,
    /// `x-anymq-schema-validation`: key, value or both are of a schema that the registry knows; which of them.
    pub schema_validation: Option<(bool, bool)>,
    /// `x-anymq-schema-subject`: how the schema's subject is named.
    pub schema_subject: Option<SubjectNaming>,
}

impl QueueArgs {
    /// What must be written with a schema.
    pub(crate) fn schema_rules(&self) -> SchemaRules {
        let naming = self.schema_subject.unwrap_or_default();
        let (key, value) = self.schema_validation.unwrap_or_default();
        SchemaRules { key: key.then_some(naming), value: value.then_some(naming) }
    }
}

/// A queue declaration that is refused. `Display` is RabbitMQ's text; the AMQP code is always 406.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQueue {
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
        /// The type declared.
        kind: QueueKind,
    },
    /// The dead letter exchange is not a string.
    #[error("invalid type '{type_name}' for arg 'x-dead-letter-exchange' in {resource}")]
    DeadLetterExchangeType {
        /// Type of the value.
        type_name: &'static str,
        /// `queue 'q' in vhost '/'`
        resource: String,
    },
    /// A quorum queue or stream that is transient, exclusive or auto-delete.
    #[error("invalid property '{property}' for {resource}")]
    Property {
        /// Which.
        property: &'static str,
        /// `queue 'q' in vhost '/'`
        resource: String,
    },
    /// A quorum queue or stream needs a name.
    #[error("Cannot declare a server-named queue for type {}", .0.module())]
    ServerNamed(QueueKind),
    /// `x-stream-max-segment-size-bytes` beyond 3 GB.
    #[error("Exceeded max value for x-stream-max-segment-size-bytes")]
    SegmentBytes,
    /// `x-stream-filter-size-bytes` not within 16 to 255. The two spaces are RabbitMQ's.
    #[error("Invalid value for  x-stream-filter-size-bytes")]
    FilterBytes,
}

/// A queue as a client declares it.
#[derive(Clone, Copy, Debug)]
pub struct QueueRequest<'a> {
    /// Name of the vhost.
    pub vhost: &'a str,
    /// Name; empty asks the server for one.
    pub name: &'a str,
    /// Survives a restart; ignored for an exclusive queue.
    pub durable: bool,
    /// Belongs to the connection.
    pub exclusive: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
    /// As they came.
    pub args: &'a Table,
    /// The vhost's default type, or the node's.
    pub default_kind: QueueKind,
}

impl QueueRequest<'_> {
    /// The type: the argument, else the vhost's default where the declaration suits it, else classic.
    pub fn kind(&self) -> Result<QueueKind, InvalidQueue> {
        let durable = self.durable && !self.exclusive;
        let suits = |kind: QueueKind| kind == QueueKind::Classic || (durable && !self.auto_delete);
        let default = if suits(self.default_kind) { self.default_kind } else { QueueKind::Classic };
        match self.args.get("x-queue-type") {
            None => Ok(default),
            Some(Value::Str(text)) if *text == "undefined" => Ok(default),
            Some(Value::Str(text)) => text.as_str().and_then(QueueKind::parse).ok_or_else(|| {
                let shown = String::from_utf8_lossy(text.as_bytes());
                self.error("x-queue-type", Problem::Text(format!("unsupported queue type '{shown}'")))
            }),
            Some(other) => Err(self.error("x-queue-type", Problem::UnacceptableType(type_name(other)))),
        }
    }

    /// Checks everything; called for a queue that does not exist yet, after the name itself has been checked.
    pub fn check(&self) -> Result<(QueueKind, QueueArgs), InvalidQueue> {
        let kind = self.kind()?;
        if self.name.is_empty() && kind != QueueKind::Classic {
            return Err(InvalidQueue::ServerNamed(kind));
        }
        self.check_dead_letter_exchange()?;
        let args = self.parse_known(kind)?;
        if kind != QueueKind::Classic {
            self.check_properties()?;
        }
        if kind == QueueKind::Stream {
            self.check_stream(&args)?;
        }
        Ok((kind, args))
    }

    fn parse_known(&self, kind: QueueKind) -> Result<QueueArgs, InvalidQueue> {
        let mut args = QueueArgs::default();
        for known in KNOWN.iter().filter(|known| known.is_for(kind)) {
            if let Some(value) = self.args.get(known.key) {
                (known.parse)(&mut args, value, self.args)
                    .map_err(|problem| self.error(known.key, problem))?;
            }
        }
        for (key, _) in self.args.iter() {
            let foreign = KNOWN.iter().find(|known| known.key.as_bytes() == key && !known.is_for(kind));
            if let Some(known) = foreign.filter(|known| known.refused_elsewhere()) {
                return Err(InvalidQueue::NotForKind { key: known.key, resource: self.resource(), kind });
            }
        }
        Ok(args)
    }

    fn check_dead_letter_exchange(&self) -> Result<(), InvalidQueue> {
        match self.args.get("x-dead-letter-exchange") {
            None | Some(Value::Str(_)) => Ok(()),
            Some(other) => {
                let type_name = type_name(other);
                Err(InvalidQueue::DeadLetterExchangeType { type_name, resource: self.resource() })
            }
        }
    }

    fn check_properties(&self) -> Result<(), InvalidQueue> {
        let property = if self.auto_delete {
            "auto-delete"
        } else if self.exclusive {
            "exclusive-owner"
        } else if !self.durable {
            "non-durable"
        } else {
            return Ok(());
        };
        Err(InvalidQueue::Property { property, resource: self.resource() })
    }

    fn check_stream(&self, args: &QueueArgs) -> Result<(), InvalidQueue> {
        if args.stream_max_segment_bytes.is_some_and(|bytes| bytes > known::SEGMENT_BYTES_MAX) {
            return Err(InvalidQueue::SegmentBytes);
        }
        match self.args.get("x-stream-filter-size-bytes") {
            Some(_) if args.stream_filter_bytes.is_none() => Err(InvalidQueue::FilterBytes),
            _ => Ok(()),
        }
    }

    fn error(&self, key: &'static str, problem: Problem) -> InvalidQueue {
        ArgError { key, resource: self.resource(), problem }.into()
    }

    fn resource(&self) -> String {
        resource("queue", self.name, self.vhost)
    }
}

impl QueueArgs {
    /// Reads the arguments of a queue that exists; what is not valid there is left out.
    pub fn of(kind: QueueKind, table: &Table) -> Self {
        let mut args = QueueArgs::default();
        for known in KNOWN.iter().filter(|known| known.is_for(kind)) {
            if let Some(value) = table.get(known.key) {
                // Checked when it was declared; a definitions file of a newer version may hold what is unknown here.
                let _ = (known.parse)(&mut args, value, table);
            }
        }
        args
    }
}

#[cfg(test)]
mod tests;
