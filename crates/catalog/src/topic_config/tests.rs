//! What a running Kafka 4.2.0 answered to `CreateTopics` with these settings, and what they come to here.

use super::*;
use crate::schema_rules::SubjectNaming;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<Arc<str>, Arc<str>> {
    pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
}

fn settings(pairs: &[(&str, &str)]) -> TopicSettings {
    TopicSettings::resolve(&map(pairs), &BrokerSettings::default()).unwrap()
}

fn check(pairs: &[(&str, &str)]) -> Result<(), ConfigError> {
    validate(&map(pairs), &BrokerSettings::default())
}

fn broker(node: &[(&str, &str)], every: &[(&str, &str)]) -> Result<BrokerSettings, ConfigError> {
    BrokerSettings::default().with(Layer::Every, &map(every))?.with(Layer::Node, &map(node))
}

#[test]
fn the_table_is_in_order_and_its_defaults_are_the_settings_of_a_topic_that_sets_nothing() {
    assert!(KEYS.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(KEYS.len(), 38);
    for key in KEYS {
        assert!(std::ptr::eq(find(key.name).unwrap(), key));
        let mut settings = TopicSettings::default();
        key.apply(&mut settings, key.default).unwrap();
        assert_eq!(settings, TopicSettings::default(), "{}", key.name);
        assert!(key.doc.ends_with('.'), "{}", key.name);
    }
}

#[test]
fn each_setting_that_is_done_changes_what_the_topic_does() {
    for (name, value) in [
        ("cleanup.policy", "compact"),
        ("compression.gzip.level", "9"),
        ("compression.type", "zstd"),
        ("compression.zstd.level", "-7"),
        ("confluent.key.schema.validation", "true"),
        ("confluent.key.subject.name.strategy", SubjectNaming::CLASSES[1]),
        ("confluent.value.schema.validation", "true"),
        ("confluent.value.subject.name.strategy", SubjectNaming::CLASSES[2]),
        ("delete.retention.ms", "1"),
        ("max.compaction.lag.ms", "1"),
        ("max.message.bytes", "100"),
        ("message.timestamp.after.max.ms", "1"),
        ("message.timestamp.before.max.ms", "1"),
        ("message.timestamp.difference.max.ms", "1"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.1"),
        ("min.compaction.lag.ms", "1"),
        ("retention.bytes", "1"),
        ("retention.ms", "1"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "1"),
    ] {
        assert_ne!(settings(&[(name, value)]), TopicSettings::default(), "{name}");
    }
    let done = KEYS.iter().filter(|key| matches!(key.standing, Standing::Done(_))).count();
    assert_eq!(done, 21, "a setting that is done stands in the list above");
}

#[test]
fn values_come_out_typed() {
    let of = settings(&[
        ("cleanup.policy", " compact , delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", " +5 "),
        ("compression.type", " gzip "),
        ("compression.gzip.level", "7"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "1e-1"),
    ]);
    assert_eq!(of.cleanup, Cleanup { delete: true, compact: true });
    assert_eq!((of.retention_ms, of.retention_bytes), (None, Some(5)));
    assert_eq!((of.compression, of.gzip_level), (CompressionType::Gzip, Some(7)));
    assert_eq!(of.timestamp_type, TimestampType::LogAppend);
    assert_eq!(of.min_cleanable_dirty_ratio, 0.1);
    assert_eq!(settings(&[("cleanup.policy", "")]).cleanup, Cleanup { delete: false, compact: false });
    assert_eq!(settings(&[("retention.bytes", "-2")]).retention_bytes, None);
}

#[test]
fn a_topic_stands_on_the_brokers_defaults() {
    let node = [("log.retention.ms", "1000"), ("message.max.bytes", " 77 ")];
    let every = [("log.retention.ms", "9"), ("log.roll.ms", "8"), ("log.cleanup.policy", "compact")];
    let broker = broker(&node, &every).unwrap();
    let of = TopicSettings::resolve(&map(&[("segment.ms", "5")]), &broker).unwrap();
    assert_eq!((of.retention_ms, of.max_message_bytes, of.segment_ms), (Some(1000), 77, 5));
    assert_eq!(of.cleanup, Cleanup { delete: false, compact: true });
    let places: Vec<_> = broker.places(find("retention.ms").unwrap()).collect();
    assert_eq!(places, [(Layer::Node, &"1000".into()), (Layer::Every, &"9".into())]);
    // As Kafka does it: the two may cross by a default, but no topic can be set across it.
    let crossing = BrokerSettings::default();
    let lag = [("log.cleaner.max.compaction.lag.ms", "5"), ("log.cleaner.min.compaction.lag.ms", "6")];
    let crossing = crossing.with(Layer::Every, &map(&lag)).unwrap();
    assert_eq!(TopicSettings::resolve(&map(&[]), &crossing).unwrap().max_compaction_lag_ms, 5);
    let own = map(&[("min.compaction.lag.ms", "7")]);
    assert_eq!(validate(&own, &crossing), Err(ConfigError::LagsCross { min: 7, max: 5 }));
}

#[test]
fn every_setting_of_the_broker_is_one_of_topics() {
    let mut names = std::collections::BTreeSet::new();
    for key in KEYS {
        let Some(name) = key.broker_name else {
            assert!(find_of_broker(key.name).is_none() && key.broker_fallback.is_none(), "{}", key.name);
            continue;
        };
        assert!(names.insert(name), "{name}");
        for either in [name, key.name] {
            assert_eq!(find_of_broker(either).map(|(key, name)| (key.name, name)), Some((key.name, name)));
        }
        let set = broker(&[(key.name, key.default)], &[]).unwrap();
        assert_eq!(set.of(Layer::Node), &map(&[(name, key.default)]));
        assert_eq!(TopicSettings::resolve(&map(&[]), &set).unwrap(), TopicSettings::default());
    }
    assert_eq!(names.len(), 29);
}

#[test]
fn what_cannot_be_set_of_the_broker_is_refused_in_kafkas_words() {
    let said = |pairs: &[(&str, &str)]| broker(&[], pairs).unwrap_err().to_string();
    let fixed =
        [("broker.rack", "3"), ("log.retention.hours", "9"), ("log.retention.ms", "x"), ("node.id", "7")];
    assert_eq!(
        said(&fixed),
        "Cannot update these configs dynamically: Set(broker.rack, log.retention.hours, node.id)"
    );
    for (name, value, says) in [
        (
            "log.retention.ms",
            "x",
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
        ),
        (
            "log.retention.ms",
            "0",
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        ),
        (
            "log.segment.bytes",
            "14",
            "Invalid value 14 for configuration log.segment.bytes: Value must be at least 1048576",
        ),
        (
            "cleanup.policy",
            "foo",
            "Invalid value foo for configuration log.cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "remote.storage.enable",
            "true",
            "Cannot update these configs dynamically: Set(remote.storage.enable)",
        ),
    ] {
        assert_eq!(said(&[(name, value)]), says);
    }
    let many: Vec<String> = (0..1000).map(|n| format!("{n}{}", "x".repeat(1000))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
    assert!(said(&many).len() < 6_000, "what a client sent is not repeated without a bound");
    let unlimited = broker(&[], &[("log.retention.ms", "-5")]).unwrap();
    assert_eq!(TopicSettings::resolve(&map(&[]), &unlimited).unwrap().retention_ms, None);
}

#[test]
fn the_parameter_holds_what_is_set_and_nothing_in_it_breaks() {
    let set = broker(&[("retention.ms", "5")], &[("compression.type", "lz4"), ("log.cleanup.policy", "")]);
    let json = set.clone().unwrap().to_json().unwrap();
    let want = serde_json::json!({
        "default": {"compression.type": "lz4", "log.cleanup.policy": ""}, "node": {"log.retention.ms": "5"}
    });
    assert_eq!(json, want);
    assert_eq!(BrokerSettings::read(&json), (set.unwrap(), vec![]));
    assert_eq!(BrokerSettings::default().to_json(), None);
    let odd = serde_json::json!({
        "node": {"log.retention.ms": "soon", "log.roll.ms": 5, "node.id": "7", "log.retention.bytes": "6"}, "nodes": {}, "default": 1
    });
    let (read, faults) = BrokerSettings::read(&odd);
    assert_eq!(
        (read.of(Layer::Node), faults.len()),
        (&map(&[("log.retention.bytes", "6")]), 5),
        "{faults:?}"
    );
    for odd in [serde_json::json!(null), serde_json::json!([1]), serde_json::json!("x")] {
        assert_eq!(BrokerSettings::read(&odd).1, ["not an object"]);
    }
}

#[test]
fn what_kafka_accepts_is_accepted() {
    for (name, value) in [
        ("cleanup.policy", "compact,compact"),
        ("compression.lz4.level", "9"),
        ("compression.zstd.level", "-131072"),
        ("delete.retention.ms", "+5"),
        ("flush.messages", "1"),
        ("flush.ms", "0"),
        ("follower.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "1:2,3:4"),
        ("local.retention.bytes", "5"),
        ("local.retention.ms", "99999999999"),
        ("max.message.bytes", "0"),
        ("min.insync.replicas", "100"),
        ("preallocate", "TRUE"),
        ("remote.log.copy.disable", "true"),
        ("remote.storage.enable", "False"),
        ("retention.bytes", "-9"),
        ("retention.ms", "0"),
        ("segment.index.bytes", "4"),
        ("unclean.leader.election.enable", "true"),
    ] {
        assert_eq!(check(&[(name, value)]), Ok(()), "{name}={value}");
    }
}

#[test]
fn what_kafka_refuses_is_refused_in_its_words() {
    for (name, value, says) in [
        ("cleanup.policy", "Delete", "String must be one of: compact, delete"),
        ("cleanup.policy", "compact,", "String must be one of: compact, delete"),
        (
            "compression.type",
            "none",
            "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        ("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"),
        ("compression.lz4.level", "18", "Value must be no more than 17"),
        ("compression.zstd.level", "-131073", "Value must be at least -131072"),
        ("delete.retention.ms", "-1", "Value must be at least 0"),
        ("delete.retention.ms", "1.5", "Not a number of type LONG"),
        ("delete.retention.ms", "9223372036854775808", "Not a number of type LONG"),
        ("delete.retention.ms", "", "Not a number of type LONG"),
        ("flush.messages", "0", "Value must be at least 1"),
        ("index.interval.bytes", "2147483648", "Not a number of type INT"),
        ("local.retention.ms", "-3", "Value must be at least -2"),
        ("max.compaction.lag.ms", "0", "Value must be at least 1"),
        ("message.timestamp.type", "createtime", "String must be one of: CreateTime, LogAppendTime"),
        ("min.cleanable.dirty.ratio", "-0.1", "Value must be at least 0"),
        ("min.cleanable.dirty.ratio", "1.1", "Value must be no more than 1"),
        ("min.cleanable.dirty.ratio", "x", "Not a number of type DOUBLE"),
        ("min.insync.replicas", "0", "Value must be at least 1"),
        ("preallocate", "yes", "Expected value to be either true or false"),
        ("retention.ms", "-2", "Value must be at least -1"),
        ("segment.bytes", "1048575", "Value must be at least 1048576"),
        ("segment.index.bytes", "3", "Value must be at least 4"),
        ("segment.ms", "0", "Value must be at least 1"),
    ] {
        let said = check(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(said, format!("Invalid value {value} for configuration {name}: {says}"));
    }
    for name in ["message.format.version", "message.downconversion.enable", "unknown.key", ""] {
        let said = check(&[(name, "1")]).unwrap_err().to_string();
        assert_eq!(said, format!("Unknown topic config name: {name}"));
    }
    let long = "0".repeat((128 << 10) + 1);
    for (name, value) in [("retention.ms", &*long), (&*long, "1")] {
        let error = check(&[(name, value)]).unwrap_err();
        assert!(error.to_string().len() < 400, "what a client sent is not repeated without a bound");
    }
    let crossed = [("max.compaction.lag.ms", "1"), ("min.compaction.lag.ms", "2")];
    assert_eq!(
        check(&crossed).unwrap_err().to_string(),
        "conflict topic config setting min.compaction.lag.ms (2) > max.compaction.lag.ms (1)"
    );
}

#[test]
fn what_is_not_done_is_refused() {
    for (name, value) in [
        ("remote.storage.enable", "true"),
        ("compression.lz4.level", "5"),
        ("min.cleanable.dirty.ratio", "NaN"),
        ("follower.replication.throttled.replicas", "foo"),
        ("leader.replication.throttled.replicas", "1:2,*"),
    ] {
        let error = check(&[(name, value)]).unwrap_err();
        assert!(matches!(error, ConfigError::Value { .. }), "{name}={value}: {error}");
    }
}
