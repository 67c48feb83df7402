//! The arguments a queue may carry: which types accept each, and how its value is read.

use anymq_types::value::{Table, Value};

use super::{DeadLetterStrategy, Overflow, QueueArgs};
use crate::args::problem::{Problem, type_name};
use crate::model::{QueueKind, RoutingKey};
use crate::schema_rules::{SchemaRules, SubjectNaming};

/// Ten years, RabbitMQ's bound on every time to live.
const TTL_MS_MAX: i64 = 315_360_000_000;
/// RabbitMQ's bound on a stream's segment, in bytes.
pub(super) const SEGMENT_BYTES_MAX: u64 = 3_000_000_000;
const LOCATORS: [&str; 4] = ["client-local", "balanced", "random", "least-leaders"];

const C: u8 = 1;
const Q: u8 = 2;
const S: u8 = 4;
/// Silently unknown, not refused, for the types that do not have it.
const LAX: u8 = 8;
/// Not compared when a queue is declared again.
const UNCOMPARED: u8 = 16;

type Read = Result<(), Problem>;

/// One argument.
pub(crate) struct Known {
    pub(crate) key: &'static str,
    flags: u8,
    pub(crate) parse: fn(&mut QueueArgs, &Value, &Table) -> Read,
}

impl Known {
    pub(crate) fn is_for(&self, kind: QueueKind) -> bool {
        let bit = match kind {
            QueueKind::Classic => C,
            QueueKind::Quorum => Q,
            QueueKind::Stream => S,
        };
        self.flags & bit != 0
    }

    /// A queue of another type is refused if it carries this argument.
    pub(crate) fn refused_elsewhere(&self) -> bool {
        self.flags & LAX == 0
    }

    /// Compared when a queue is declared again.
    pub(crate) fn is_compared(&self) -> bool {
        self.flags & UNCOMPARED == 0
    }
}

const fn known(key: &'static str, flags: u8, parse: fn(&mut QueueArgs, &Value, &Table) -> Read) -> Known {
    Known { key, flags, parse }
}

/// In the order RabbitMQ checks them; `x-queue-type` comes before all and is read by the caller.
pub(crate) static KNOWN: [Known; 28] = [
    known("x-expires", C | Q, |args, value, _| set(&mut args.expires_ms, expires(value))),
    known("x-message-ttl", C | Q, |args, value, _| set(&mut args.message_ttl_ms, ttl(value))),
    known("x-dead-letter-exchange", C | Q, |args, value, _| {
        let name = text(value)?.ok_or(Problem::Atom("invalid_utf8"))?;
        args.dead_letter_exchange = Some(name.into());
        Ok(())
    }),
    known("x-dead-letter-routing-key", C | Q, dead_letter_routing_key),
    known("x-dead-letter-strategy", Q, |args, value, _| {
        args.dead_letter_strategy = Some(match text(value)? {
            Some("at-most-once") => DeadLetterStrategy::AtMostOnce,
            Some("at-least-once") => DeadLetterStrategy::AtLeastOnce,
            _ => return Err(Problem::Atom("invalid_dlx_strategy")),
        });
        Ok(())
    }),
    known("x-max-length", C | Q, |args, value, _| set(&mut args.max_length, not_negative(value))),
    known("x-max-length-bytes", C | Q | S, |args, value, _| {
        set(&mut args.max_length_bytes, not_negative(value))
    }),
    // Memory is the broker's business here; RabbitMQ ignores both, too.
    known("x-max-in-memory-length", Q, |_, value, _| not_negative(value).map(drop)),
    known("x-max-in-memory-bytes", Q, |_, value, _| not_negative(value).map(drop)),
    known("x-max-priority", C, |args, value, _| {
        let n = not_negative(value)?;
        args.max_priority = Some(u8::try_from(n).map_err(|_| Problem::MaxValueExceeded(n as i64))?);
        Ok(())
    }),
    known("x-overflow", C | Q, |args, value, _| {
        args.overflow = Some(match text(value)? {
            Some("drop-head") => Overflow::DropHead,
            Some("reject-publish") => Overflow::RejectPublish,
            Some("reject-publish-dlx") => Overflow::RejectPublishDlx,
            _ => return Err(Problem::Atom("invalid_overflow")),
        });
        Ok(())
    }),
    // One storage serves all modes and versions.
    known("x-queue-mode", C, |_, value, _| match text(value)? {
        Some("default" | "lazy") => Ok(()),
        _ => Err(Problem::Text(format!("unsupported queue mode '{}'", shown(value)))),
    }),
    known("x-queue-version", C, |_, value, _| match not_negative(value)? {
        1 | 2 => Ok(()),
        other => Err(Problem::Text(format!("unsupported queue version '{other}'"))),
    }),
    known("x-single-active-consumer", C | Q, |args, value, _| {
        set(&mut args.single_active_consumer, boolean(value))
    }),
    // How many members, and where they live: a single node has one answer.
    known("x-quorum-initial-group-size", Q, |_, value, _| positive(value).map(drop)),
    known("x-max-age", S, |args, value, _| {
        let age = text(value)?.and_then(max_age_ms).ok_or(Problem::Atom("invalid_max_age"))?;
        args.max_age_ms = Some(age);
        Ok(())
    }),
    known("x-stream-max-segment-size-bytes", S, |args, value, _| {
        set(&mut args.stream_max_segment_bytes, not_negative(value))
    }),
    known("x-stream-filter-size-bytes", S | LAX | UNCOMPARED, |args, value, _| {
        // Out of range is refused by the caller, in words of its own.
        args.stream_filter_bytes = value.as_int().and_then(|n| u8::try_from(n).ok()).filter(|n| *n >= 16);
        Ok(())
    }),
    known("x-initial-cluster-size", S, |_, value, _| positive(value).map(drop)),
    known("x-queue-leader-locator", C | Q | S, |_, value, _| match text(value)? {
        Some(locator) if LOCATORS.contains(&locator) => Ok(()),
        _ => Err(Problem::Atom("invalid_queue_locator_arg")),
    }),
    known("x-delivery-limit", Q, |args, value, _| set(&mut args.delivery_limit, integer(value))),
    known("x-consumer-timeout", C | Q | LAX | UNCOMPARED, |args, value, _| {
        set(&mut args.consumer_timeout_ms, not_negative(value))
    }),
    known("x-anymq-lease-ms", C | Q, |args, value, _| set(&mut args.lease_ms, expires(value))),
    known("x-anymq-delay-ms", C | Q, |args, value, _| set(&mut args.delay_ms, ttl(value))),
    known("x-anymq-message-group", C | Q, |args, value, _| set(&mut args.message_group, boolean(value))),
    known("x-anymq-dedup-window-ms", C | Q | S, |args, value, _| {
        set(&mut args.dedup_window_ms, expires(value))
    }),
    known("x-anymq-schema-validation", C | Q | S, |args, value, _| {
        let parts = text(value)?.and_then(SchemaRules::parts).ok_or(Problem::Atom("invalid_schema_parts"))?;
        args.schema_validation = Some(parts);
        Ok(())
    }),
    known("x-anymq-schema-subject", C | Q | S, |args, value, _| {
        let naming = text(value)?.filter(|text| SubjectNaming::WORDS.contains(text));
        let naming = naming.and_then(SubjectNaming::named).ok_or(Problem::Atom("invalid_schema_subject"))?;
        args.schema_subject = Some(naming);
        Ok(())
    }),
];

fn set<T>(slot: &mut Option<T>, value: Result<T, Problem>) -> Read {
    *slot = Some(value?);
    Ok(())
}

fn dead_letter_routing_key(args: &mut QueueArgs, value: &Value, table: &Table) -> Read {
    let Value::Str(key) = value else { return Err(Problem::UnacceptableType(type_name(value))) };
    if table.get("x-dead-letter-exchange").is_none() {
        return Err(Problem::RoutingKeyButNoDlx);
    }
    args.dead_letter_routing_key = Some(RoutingKey::from(key.as_bytes()));
    Ok(())
}

pub(crate) fn integer(value: &Value) -> Result<i64, Problem> {
    value.as_int().ok_or_else(|| Problem::ExpectedInteger(type_name(value)))
}

fn not_negative(value: &Value) -> Result<u64, Problem> {
    let n = integer(value)?;
    u64::try_from(n).map_err(|_| Problem::ValueNegative(n))
}

fn positive(value: &Value) -> Result<u64, Problem> {
    match not_negative(value)? {
        0 => Err(Problem::ValueZero),
        n => Ok(n),
    }
}

fn ttl(value: &Value) -> Result<u64, Problem> {
    match integer(value)? {
        n if n > TTL_MS_MAX => Err(Problem::ValueTooLarge(n)),
        _ => not_negative(value),
    }
}

fn expires(value: &Value) -> Result<u64, Problem> {
    match ttl(value)? {
        0 => Err(Problem::ValueZero),
        n => Ok(n),
    }
}

fn boolean(value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Bool(b) => Ok(*b),
        other => Err(Problem::UnacceptableType(type_name(other))),
    }
}

/// The text of a long string, `None` if it is not UTF-8.
fn text(value: &Value) -> Result<Option<&str>, Problem> {
    match value {
        Value::Str(text) => Ok(text.as_str()),
        other => Err(Problem::UnacceptableType(type_name(other))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        other => type_name(other).to_owned(),
    }
}

/// `7D`, `12h`: a positive number and one of Y M D h m s, in milliseconds.
pub(crate) fn max_age_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (value, unit) = text.split_at(digits);
    let seconds: u64 = match unit {
        "Y" => 365 * 24 * 3600,
        "M" => 30 * 24 * 3600,
        "D" => 24 * 3600,
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        _ => return None,
    };
    let value: u64 = value.parse().ok().filter(|v| *v > 0)?;
    value.checked_mul(seconds * 1000)
}
