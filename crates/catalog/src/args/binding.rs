//! Arguments and keys of a binding, as its source's kind reads them.

use anymq_types::value::{Table, Value};

use super::problem::{term, type_name};
use crate::model::{ExchangeKind, QueueKind};

/// Greatest weight of a binding of a consistent hash exchange; each unit takes memory.
pub const WEIGHT_MAX: u32 = 10_000;

/// A binding that is refused. `Display` is RabbitMQ's text; the AMQP code is always 406.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBinding {
    /// `x-match` is none of the four words.
    #[error("Invalid x-match field value <<\"{0}\">>; expected all, any, all-with-x, or any-with-x")]
    MatchValue(String),
    /// `x-match` is not a string.
    #[error("Invalid x-match field type {0} (value {1}); expected longstr")]
    MatchType(&'static str, String),
    /// The weight is no number.
    #[error("The binding key must be an integer: <<\"{0}\">>")]
    WeightNotInteger(String),
    /// The weight is 0 or less.
    #[error("The binding key must be greater than 0")]
    WeightNotPositive,
    /// The weight is beyond [`WEIGHT_MAX`].
    #[error("The binding key must not exceed {WEIGHT_MAX}")]
    WeightTooLarge,
    /// A local random exchange takes no keys.
    #[error("Non empty binding '{0}' key not permitted")]
    KeyNotEmpty(String),
    /// A local random exchange chooses among classic queues.
    #[error("Queue type {} not valid for this exchange type", .0.module())]
    QueueKind(QueueKind),
}

/// Checks a binding from an exchange of that routing kind; `queue` is the destination's type, if it is a queue.
pub fn check(
    kind: ExchangeKind,
    queue: Option<QueueKind>,
    key: &[u8],
    args: &Table,
) -> Result<(), InvalidBinding> {
    match kind {
        ExchangeKind::Headers => check_match(args),
        ExchangeKind::ConsistentHash => weight(key).map(drop),
        ExchangeKind::LocalRandom => match queue {
            _ if !key.is_empty() => {
                Err(InvalidBinding::KeyNotEmpty(String::from_utf8_lossy(key).into_owned()))
            }
            Some(kind) if kind != QueueKind::Classic => Err(InvalidBinding::QueueKind(kind)),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn check_match(args: &Table) -> Result<(), InvalidBinding> {
    match args.get("x-match") {
        None => Ok(()),
        Some(Value::Str(text)) => match text.as_str() {
            Some("all" | "any" | "all-with-x" | "any-with-x") => Ok(()),
            _ => Err(InvalidBinding::MatchValue(String::from_utf8_lossy(text.as_bytes()).into_owned())),
        },
        Some(other) => Err(InvalidBinding::MatchType(type_name(other), term(other))),
    }
}

/// Reads the weight of a binding of a consistent hash exchange.
pub fn weight(key: &[u8]) -> Result<u32, InvalidBinding> {
    let text = std::str::from_utf8(key).ok();
    let Some(weight) = text.and_then(|text| text.parse::<i64>().ok()) else {
        return Err(InvalidBinding::WeightNotInteger(String::from_utf8_lossy(key).into_owned()));
    };
    match u32::try_from(weight) {
        Err(_) if weight > 0 => Err(InvalidBinding::WeightTooLarge),
        Err(_) | Ok(0) => Err(InvalidBinding::WeightNotPositive),
        Ok(weight) if weight > WEIGHT_MAX => Err(InvalidBinding::WeightTooLarge),
        Ok(weight) => Ok(weight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_with_rabbitmqs_words() {
        use ExchangeKind::{ConsistentHash, Headers, LocalRandom, Topic};
        let table = |value: Value| Table::from_iter([("x-match", value)]);
        for (kind, queue, key, args, expected) in [
            (Topic, None, "#.#", Table::new(), None),
            (Headers, None, "", table("any-with-x".into()), None),
            (
                Headers,
                None,
                "",
                table("some".into()),
                Some(
                    "Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x",
                ),
            ),
            (
                Headers,
                None,
                "",
                table(true.into()),
                Some("Invalid x-match field type bool (value true); expected longstr"),
            ),
            (ConsistentHash, None, "20", Table::new(), None),
            (ConsistentHash, None, "x", Table::new(), Some("The binding key must be an integer: <<\"x\">>")),
            (ConsistentHash, None, "", Table::new(), Some("The binding key must be an integer: <<\"\">>")),
            (ConsistentHash, None, "0", Table::new(), Some("The binding key must be greater than 0")),
            (ConsistentHash, None, "-1", Table::new(), Some("The binding key must be greater than 0")),
            (ConsistentHash, None, "10001", Table::new(), Some("The binding key must not exceed 10000")),
            (
                ConsistentHash,
                None,
                "99999999999",
                Table::new(),
                Some("The binding key must not exceed 10000"),
            ),
            (LocalRandom, Some(QueueKind::Classic), "", Table::new(), None),
            (LocalRandom, None, "k", Table::new(), Some("Non empty binding 'k' key not permitted")),
            (
                LocalRandom,
                Some(QueueKind::Stream),
                "",
                Table::new(),
                Some("Queue type rabbit_stream_queue not valid for this exchange type"),
            ),
        ] {
            let error = check(kind, queue, key.as_bytes(), &args).err().map(|e| e.to_string());
            assert_eq!(error.as_deref(), expected);
        }
    }
}
