//! Declaring again what exists: is it the same?
//!
//! Sources: `rabbit_amqqueue.erl` (`assert_equivalence`), `rabbit_exchange.erl`, `rabbit_misc.erl`
//! (`assert_args_equivalence`): arguments are compared by class of type and by value, known ones only.

use anymq_types::ConnectionId;
use anymq_types::value::{Table, Value};

use crate::args::Args;
use crate::args::queue::{InvalidQueue, KNOWN, QueueRequest};
use crate::args::type_name;
use crate::model::{Exchange, ExchangeKind, Queue};

/// A declaration that differs from what exists. `Display` is RabbitMQ's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inequivalent {
    /// Another connection's queue, or exclusive where the existing one is not: AMQP 405.
    #[error(
        "cannot obtain exclusive access to locked {resource}. It could be originally declared on another connection \
         or the exclusive property value does not match that of the original declaration."
    )]
    Locked {
        /// `queue 'q' in vhost '/'`
        resource: String,
    },
    /// A property or argument differs: AMQP 406.
    #[error("inequivalent arg '{key}' for {resource}: received {received} but current is {current}")]
    Arg {
        /// The property's or argument's name.
        key: &'static str,
        /// `queue 'q' in vhost '/'`
        resource: String,
        /// What was declared now.
        received: String,
        /// What was declared then.
        current: String,
    },
    /// The queue type asked for is not one: AMQP 406.
    #[error(transparent)]
    Invalid(#[from] InvalidQueue),
}

/// Compares a declaration with the queue that has the name; `owner` is the declaring connection.
pub fn check_queue(
    queue: &Queue,
    request: &QueueRequest<'_>,
    owner: ConnectionId,
) -> Result<(), Inequivalent> {
    let resource = || crate::args::resource("queue", &queue.name, request.vhost);
    if queue.exclusive_owner != request.exclusive.then_some(owner) {
        return Err(Inequivalent::Locked { resource: resource() });
    }
    let durable = request.durable && !request.exclusive;
    let flag = |key, received: bool, current: bool| {
        difference(key, received != current, &received, &current, resource)
    };
    flag("durable", durable, queue.is_durable())?;
    flag("auto_delete", request.auto_delete, queue.auto_delete)?;
    let compared = KNOWN.iter().filter(|known| known.is_for(queue.kind) && known.is_compared());
    for known in compared {
        compare(known.key, queue.args.table(), request.args, resource)?;
    }
    let kind = request.kind()?;
    difference("x-queue-type", kind != queue.kind, kind.as_str(), queue.kind.as_str(), resource)
}

/// An exchange as a client declares it.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // The fields of exchange.declare.
pub struct ExchangeRequest<'a> {
    pub kind: ExchangeKind,
    pub durable: bool,
    pub auto_delete: bool,
    pub internal: bool,
    pub args: &'a Table,
}

/// Compares a declaration with the exchange that has the name.
pub fn check_exchange(
    exchange: &Exchange,
    request: &ExchangeRequest<'_>,
    vhost: &str,
) -> Result<(), Inequivalent> {
    let resource = || crate::args::resource("exchange", &exchange.name, vhost);
    let kinds = (request.kind.as_str(), exchange.kind.as_str());
    difference("type", kinds.0 != kinds.1, kinds.0, kinds.1, resource)?;
    let flag = |key, received: bool, current: bool| {
        difference(key, received != current, &received, &current, resource)
    };
    flag("durable", request.durable, exchange.durable)?;
    flag("auto_delete", request.auto_delete, exchange.auto_delete)?;
    flag("internal", request.internal, exchange.internal)?;
    compare("alternate-exchange", exchange.args.table(), request.args, resource)?;
    if exchange.kind == ExchangeKind::Delayed {
        compare("x-delayed-type", exchange.args.table(), request.args, resource)?;
    }
    Ok(())
}

fn difference<T: std::fmt::Display + ?Sized>(
    key: &'static str,
    differs: bool,
    received: &T,
    current: &T,
    resource: impl FnOnce() -> String,
) -> Result<(), Inequivalent> {
    if !differs {
        return Ok(());
    }
    let (received, current) = (format!("'{received}'"), format!("'{current}'"));
    Err(Inequivalent::Arg { key, resource: resource(), received, current })
}

fn compare(
    key: &'static str,
    current: &Table,
    received: &Table,
    resource: impl FnOnce() -> String,
) -> Result<(), Inequivalent> {
    let (received, current) = match (received.get(key), current.get(key)) {
        (None, None) => return Ok(()),
        // Both are there: the values alone are shown, and a string equals the same bytes of another type.
        (Some(new), Some(old)) if same(new, old) => return Ok(()),
        (Some(new), Some(old)) => (format!("'{}'", shown(new)), format!("'{}'", shown(old))),
        (new, old) => (typed(new), typed(old)),
    };
    Err(Inequivalent::Arg { key, resource: resource(), received, current })
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Str(a) | Value::Bytes(a), Value::Str(b) | Value::Bytes(b)) => a == b,
        _ => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}

/// `none`, or `the value '1000' of type 'signedint'`.
fn typed(value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(value) => format!("the value '{}' of type '{}'", shown(value), type_name(value)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) | Value::Bytes(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        other => crate::args::term(other),
    }
}

/// The arguments of a queue as clients and tools list them: with its type, where that is not the usual one.
pub fn listed_args(queue: &Queue) -> Table {
    let mut table = queue.args.table().clone();
    if queue.kind != crate::model::QueueKind::Classic {
        table.insert("x-queue-type", queue.kind.as_str());
    }
    table
}

/// The arguments of a queue as the catalogue keeps them: without its type.
pub fn kept_args(declared: &Table) -> Args {
    let mut table = declared.clone();
    table.remove("x-queue-type");
    Args::new(table)
}

#[cfg(test)]
mod tests;
