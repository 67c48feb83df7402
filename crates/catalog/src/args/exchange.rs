//! Arguments of an exchange.

use anymq_types::value::{Table, Value};

use super::Args;
use super::problem::{resource, type_name};
use crate::model::ExchangeKind;

/// The topic whose records go through an exchange.
pub const FROM_TOPIC: &str = "x-anymq-from-topic";

const HASH_PROPERTIES: [&str; 3] = ["correlation_id", "message_id", "timestamp"];

/// An exchange declaration that is refused. `Display` is RabbitMQ's text; the AMQP code is always 406.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExchange {
    /// No type is given.
    #[error("invalid exchange type ''")]
    NoType,
    /// Nobody knows the type.
    #[error("unknown exchange type '{0}'")]
    UnknownType(String),
    /// The alternate exchange is not a string.
    #[error("invalid type '{type_name}' for arg 'alternate-exchange' in {resource}")]
    AlternateExchangeType {
        /// Type of the value.
        type_name: &'static str,
        /// `exchange 'x' in vhost '/'`
        resource: String,
    },
    /// A delayed exchange that does not say what it wraps.
    #[error("Invalid argument, 'x-delayed-type' must be an existing exchange type")]
    DelayedType,
    /// A consistent hash over an unknown property.
    #[error("Unsupported property: {0}")]
    HashProperty(String),
    /// A consistent hash over two things.
    #[error("hash-header and hash-property are mutually exclusive")]
    HashTwice,
    /// A delayed exchange of a topic: records of a topic are due when they are there.
    #[error("an x-delayed-message exchange cannot have the argument '{FROM_TOPIC}'")]
    DelayedTopic,
    /// An argument that is a name, and is given something else.
    #[error("invalid type '{type_name}' for arg '{key}' in {resource}")]
    NameType {
        /// The argument's name.
        key: &'static str,
        /// Type of the value.
        type_name: &'static str,
        /// `exchange 'x' in vhost '/'`
        resource: String,
    },
}

/// Reads the type's name.
pub fn kind(name: &str) -> Result<ExchangeKind, InvalidExchange> {
    ExchangeKind::parse(name).ok_or_else(|| match name {
        "" => InvalidExchange::NoType,
        _ => InvalidExchange::UnknownType(name.to_owned()),
    })
}

/// Checks the arguments of an exchange that does not exist yet.
pub fn check(kind: ExchangeKind, name: &str, vhost: &str, table: &Table) -> Result<(), InvalidExchange> {
    match table.get("alternate-exchange") {
        None | Some(Value::Str(_)) => {}
        Some(other) => {
            let resource = resource("exchange", name, vhost);
            return Err(InvalidExchange::AlternateExchangeType { type_name: type_name(other), resource });
        }
    }
    match table.get(FROM_TOPIC) {
        Some(Value::Str(_)) if kind == ExchangeKind::Delayed => return Err(InvalidExchange::DelayedTopic),
        None | Some(Value::Str(_)) => {}
        Some(other) => {
            let (type_name, resource) = (type_name(other), resource("exchange", name, vhost));
            return Err(InvalidExchange::NameType { key: FROM_TOPIC, type_name, resource });
        }
    }
    let routing_kind = match kind {
        ExchangeKind::Delayed => delayed_kind_of(table).ok_or(InvalidExchange::DelayedType)?,
        kind => kind,
    };
    if routing_kind == ExchangeKind::ConsistentHash {
        check_hash(name, vhost, table)?;
    }
    Ok(())
}

fn check_hash(name: &str, vhost: &str, table: &Table) -> Result<(), InvalidExchange> {
    let text = |key: &'static str| match table.get(key) {
        None => Ok(None),
        Some(Value::Str(text)) => Ok(Some(String::from_utf8_lossy(text.as_bytes()).into_owned())),
        Some(other) => {
            let resource = resource("exchange", name, vhost);
            Err(InvalidExchange::NameType { key, type_name: type_name(other), resource })
        }
    };
    match (text("hash-header")?, text("hash-property")?) {
        (Some(_), Some(_)) => Err(InvalidExchange::HashTwice),
        (None, Some(property)) if !HASH_PROPERTIES.contains(&property.as_str()) => {
            Err(InvalidExchange::HashProperty(property))
        }
        _ => Ok(()),
    }
}

/// The kind a delayed exchange wraps; it cannot wrap another delayed one.
pub(crate) fn delayed_kind(args: &Args) -> Option<ExchangeKind> {
    delayed_kind_of(args.table())
}

fn delayed_kind_of(table: &Table) -> Option<ExchangeKind> {
    table
        .get("x-delayed-type")
        .and_then(Value::as_str)
        .and_then(ExchangeKind::parse)
        .filter(|kind| *kind != ExchangeKind::Delayed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, Value)]) -> Table {
        entries.iter().cloned().collect()
    }

    #[test]
    fn refuses_with_rabbitmqs_words() {
        use ExchangeKind::{ConsistentHash, Delayed, Direct};
        for (kind, entries, expected) in [
            (Direct, vec![], None),
            (Direct, vec![("alternate-exchange", "x".into())], None),
            (
                Direct,
                vec![("alternate-exchange", 1i32.into())],
                Some("invalid type 'signedint' for arg 'alternate-exchange' in exchange 'e' in vhost '/'"),
            ),
            (Direct, vec![("x-anymq-from-topic", "t".into())], None),
            (
                Direct,
                vec![("x-anymq-from-topic", 1i32.into())],
                Some("invalid type 'signedint' for arg 'x-anymq-from-topic' in exchange 'e' in vhost '/'"),
            ),
            (
                Delayed,
                vec![("x-anymq-from-topic", "t".into()), ("x-delayed-type", "topic".into())],
                Some("an x-delayed-message exchange cannot have the argument 'x-anymq-from-topic'"),
            ),
            (Delayed, vec![], Some("Invalid argument, 'x-delayed-type' must be an existing exchange type")),
            (Delayed, vec![("x-delayed-type", "topic".into())], None),
            (
                Delayed,
                vec![("x-delayed-type", "x-delayed-message".into())],
                Some("Invalid argument, 'x-delayed-type' must be an existing exchange type"),
            ),
            (ConsistentHash, vec![("hash-header", "h".into())], None),
            (ConsistentHash, vec![("hash-property", "message_id".into())], None),
            (ConsistentHash, vec![("hash-property", "app_id".into())], Some("Unsupported property: app_id")),
            (
                ConsistentHash,
                vec![("hash-property", "message_id".into()), ("hash-header", "h".into())],
                Some("hash-header and hash-property are mutually exclusive"),
            ),
        ] {
            let error = check(kind, "e", "/", &table(&entries)).err().map(|e| e.to_string());
            assert_eq!(error.as_deref(), expected, "{entries:?}");
        }
        assert_eq!(kind("bogus").unwrap_err().to_string(), "unknown exchange type 'bogus'");
        assert_eq!(kind("").unwrap_err().to_string(), "invalid exchange type ''");
    }
}
