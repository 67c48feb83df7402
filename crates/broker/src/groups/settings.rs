//! Settings of single groups, which may exist before the group does: names, bounds and meaning are those of Kafka's group configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::Config;

/// A group's settings as they were set, by name.
pub type GroupConfig = BTreeMap<Arc<str>, Arc<str>>;

/// Most bytes of a value.
pub const VALUE_BYTES_MAX: usize = 1_024;

/// What kind of value a setting has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKeyKind {
    /// A number.
    Int,
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
}

/// A setting of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKey {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: GroupKeyKind,
    /// Its value where none is set: the broker's own setting.
    pub default: String,
    /// What it is for.
    pub doc: &'static str,
    bounds: Bounds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bounds {
    None,
    /// From, to, and what the broker calls these bounds.
    Number(u32, u32, &'static str),
    OneOf(&'static [&'static str]),
    Reset,
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GroupConfigFault(pub String);

const CONSUMER_SESSION: &str = "consumer.session.timeout.ms";
const CONSUMER_HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const SHARE_SESSION: &str = "share.session.timeout.ms";
const SHARE_HEARTBEAT: &str = "share.heartbeat.interval.ms";
const LOCK: &str = "share.record.lock.duration.ms";
const RESET: &str = "share.auto.offset.reset";
const ISOLATION: &str = "share.isolation.level";
const ATTEMPTS: &str = "share.delivery.count.limit";
const LOCKS: &str = "share.partition.max.record.locks";
pub(crate) const DEAD_TOPIC: &str = "errors.deadletterqueue.topic.name";
const DEAD_COPY: &str = "errors.deadletterqueue.copy.record.enable";

const READ_COMMITTED: &str = "read_committed";
const READ_UNCOMMITTED: &str = "read_uncommitted";

/// Every setting of groups, by name.
pub fn group_keys(config: &Config) -> Vec<GroupKey> {
    let mut keys = numbers(config);
    keys.extend(texts());
    keys.sort_by_key(|key| key.name);
    keys
}

fn numbers(c: &Config) -> Vec<GroupKey> {
    let beat = |name, default: u32, called, doc| {
        number(name, default, (c.heartbeat_interval_min_ms, c.heartbeat_interval_max_ms, called), doc)
    };
    let session = |name, default: u32, called, doc| {
        number(name, default, (c.member_timeout_min_ms, c.member_timeout_max_ms, called), doc)
    };
    vec![
        beat(
            CONSUMER_HEARTBEAT,
            c.consumer_heartbeat_interval_ms,
            "group.consumer.{}.heartbeat.interval.ms",
            "How often members of a consumer group send a heartbeat.",
        ),
        session(
            CONSUMER_SESSION,
            c.consumer_session_timeout_ms,
            "group.consumer.{}.session.timeout.ms",
            "Without a heartbeat for so long a member of a consumer group is out.",
        ),
        beat(
            SHARE_HEARTBEAT,
            c.share_heartbeat_interval_ms,
            "group.share.{}.heartbeat.interval.ms",
            "How often members of a share group send a heartbeat.",
        ),
        session(
            SHARE_SESSION,
            c.share_session_timeout_ms,
            "group.share.{}.session.timeout.ms",
            "Without a heartbeat for so long a member of a share group is out.",
        ),
        number(
            LOCK,
            c.share_record_lock_duration_ms,
            (
                c.share_record_lock_min_ms,
                c.share_record_lock_max_ms,
                "group.share.{}.record.lock.duration.ms",
            ),
            "Records that are not acknowledged for so long are delivered again.",
        ),
        number(
            ATTEMPTS,
            c.share_delivery_count_limit.into(),
            (2, 10, ""),
            "A record is delivered so often, then it is given up.",
        ),
        number(
            LOCKS,
            c.share_partition_max_record_locks,
            (100, 10_000, ""),
            "Most records of a partition that are delivered and not acknowledged.",
        ),
    ]
}

/// A number between two, and what the broker calls these bounds.
fn number(
    name: &'static str,
    default: u32,
    (from, to, called): (u32, u32, &'static str),
    doc: &'static str,
) -> GroupKey {
    let bounds = Bounds::Number(from, to, called);
    GroupKey { name, kind: GroupKeyKind::Int, default: default.to_string(), doc, bounds }
}

fn texts() -> [GroupKey; 4] {
    let key = |name, kind, default: &str, bounds, doc| {
        let default = default.into();
        GroupKey { name, kind, default, doc, bounds }
    };
    [
        key(
            RESET,
            GroupKeyKind::Text,
            "latest",
            Bounds::Reset,
            "Where a share group begins in a partition: latest, earliest or by_duration:PnDTnHnMn.nS.",
        ),
        key(
            ISOLATION,
            GroupKeyKind::Text,
            READ_UNCOMMITTED,
            Bounds::OneOf(&[READ_COMMITTED, READ_UNCOMMITTED]),
            "Whether records of transactions that are open or were aborted are delivered.",
        ),
        key(
            DEAD_TOPIC,
            GroupKeyKind::Text,
            "",
            Bounds::None,
            "Topic for records that a share group has given up. Empty: they are not kept.",
        ),
        key(
            DEAD_COPY,
            GroupKeyKind::Bool,
            "false",
            Bounds::OneOf(&["true", "false"]),
            "Whether such a record is copied there, or only where it was and why.",
        ),
    ]
}

/// Checks settings.
///
/// # Errors
/// The first that cannot be.
pub fn check_group_config(config: &Config, set: &GroupConfig) -> Result<(), GroupConfigFault> {
    let keys = group_keys(config);
    for (name, value) in set {
        let shown: String = name.chars().take(256).collect();
        let key = keys.iter().find(|key| *key.name == **name);
        let key = key.ok_or_else(|| GroupConfigFault(format!("Unknown group config name: {shown}")))?;
        key.check(value)?;
    }
    let of = |name: &str| {
        let default = keys.iter().find(|key| key.name == name).map_or("0", |key| &key.default);
        set.get(name).map_or(default, |value| value).trim().parse::<u64>().unwrap_or(0)
    };
    for (session, beat) in [(CONSUMER_SESSION, CONSUMER_HEARTBEAT), (SHARE_SESSION, SHARE_HEARTBEAT)] {
        if of(session) <= of(beat) && (set.contains_key(session) || set.contains_key(beat)) {
            return Err(GroupConfigFault(format!("{session} must be greater than {beat}")));
        }
    }
    Ok(())
}

impl GroupKey {
    fn check(&self, value: &str) -> Result<(), GroupConfigFault> {
        let name = self.name;
        let shown: String = value.chars().take(64).collect();
        let odd = |why: String| {
            Err(GroupConfigFault(format!("Invalid value {shown} for configuration {name}: {why}")))
        };
        if value.len() > VALUE_BYTES_MAX {
            return odd(format!("a value has no more than {VALUE_BYTES_MAX} bytes"));
        }
        match self.bounds {
            Bounds::None => match crate::core::partitions::name_fault(value) {
                Some(fault) if !value.is_empty() => odd(fault),
                _ => Ok(()),
            },
            Bounds::OneOf(known) if known.contains(&value) => Ok(()),
            Bounds::OneOf(known) => odd(format!("String must be one of: {}", known.join(", "))),
            Bounds::Reset if Reset::parse(value).is_some() => Ok(()),
            Bounds::Reset => odd(format!(
                "Invalid value `{shown}` for configuration {name}. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
            )),
            Bounds::Number(from, to, called) => {
                let Ok(number) = value.trim().parse::<i32>() else {
                    return odd("Not a number of type INT".into());
                };
                let number = i64::from(number);
                let bound = |which: &str, at: u32| match called {
                    "" => at.to_string(),
                    called => called.replace("{}", which),
                };
                if number < i64::from(from) {
                    let least = bound("min", from);
                    return Err(GroupConfigFault(format!("{name} must be greater than or equal to {least}")));
                }
                if number > i64::from(to) {
                    let most = bound("max", to);
                    return Err(GroupConfigFault(format!("{name} must be less than or equal to {most}")));
                }
                Ok(())
            }
        }
    }
}

/// Where a share group begins in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    Latest,
    Earliest,
    /// With what is no older, in milliseconds.
    Since(u64),
}

impl Reset {
    fn parse(text: &str) -> Option<Reset> {
        match text {
            "latest" => Some(Reset::Latest),
            "earliest" => Some(Reset::Earliest),
            other => duration_ms(other.strip_prefix("by_duration:")?).map(Reset::Since),
        }
    }
}

/// A duration as ISO 8601 writes it, of days and less, not negative: `PnDTnHnMn.nS`.
fn duration_ms(text: &str) -> Option<u64> {
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    let mut total = 0u64;
    let mut said = false;
    let parts =
        [(days, &[('D', 86_400_000u64)][..]), (time, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)])];
    for (mut rest, units) in parts {
        for &(unit, ms) in units {
            let Some((number, after)) = rest.split_once(unit) else { continue };
            (rest, said) = (after, true);
            total = total.checked_add(in_ms(number, ms, unit == 'S')?)?;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    said.then_some(total)
}

fn in_ms(number: &str, ms: u64, has_fraction: bool) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || (number.contains('.') && !(has_fraction && digits(fraction) && fraction.len() <= 9))
    {
        return None;
    }
    let parts: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(ms)?.checked_add(parts)
}

/// What a group's settings come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) consumer_session_ms: u64,
    pub(crate) consumer_heartbeat_ms: i32,
    pub(crate) share_session_ms: u64,
    pub(crate) share_heartbeat_ms: i32,
    pub(crate) lock_ms: u64,
    pub(crate) reset: Reset,
    pub(crate) committed_only: bool,
    pub(crate) attempts_max: u16,
    pub(crate) locks_max: u64,
    /// Topic for dead letters.
    pub(crate) dead_topic: Option<Arc<str>>,
    pub(crate) dead_copy: bool,
}

impl Resolved {
    /// The broker's settings, but for those that were set for the group.
    pub(crate) fn of(config: &Config, set: Option<&GroupConfig>) -> Resolved {
        let get = |name: &str| set.and_then(|set| set.get(name)).map(|value| value.trim());
        // Values were checked when they were set; bounds may be others now.
        let number = |name: &str, default: u32| {
            get(name).and_then(|value| value.parse::<u32>().ok()).unwrap_or(default)
        };
        let beat = |name, default| number(name, default).try_into().unwrap_or(i32::MAX);
        Resolved {
            consumer_session_ms: number(CONSUMER_SESSION, config.consumer_session_timeout_ms).into(),
            consumer_heartbeat_ms: beat(CONSUMER_HEARTBEAT, config.consumer_heartbeat_interval_ms),
            share_session_ms: number(SHARE_SESSION, config.share_session_timeout_ms).into(),
            share_heartbeat_ms: beat(SHARE_HEARTBEAT, config.share_heartbeat_interval_ms),
            lock_ms: number(LOCK, config.share_record_lock_duration_ms).into(),
            reset: get(RESET).and_then(Reset::parse).unwrap_or(Reset::Latest),
            committed_only: get(ISOLATION) == Some(READ_COMMITTED),
            attempts_max: number(ATTEMPTS, config.share_delivery_count_limit.into())
                .try_into()
                .unwrap_or(u16::MAX),
            locks_max: number(LOCKS, config.share_partition_max_record_locks).into(),
            dead_topic: get(DEAD_TOPIC).filter(|name| !name.is_empty()).map(Arc::from),
            dead_copy: get(DEAD_COPY) == Some("true"),
        }
    }
}

#[cfg(test)]
mod tests;
