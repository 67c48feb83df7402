use super::*;

fn check(pairs: &[(&str, &str)]) -> String {
    let set = pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    check_group_config(&Config::default(), &set).map_or_else(|fault| fault.0, |()| "fine".into())
}

/// The sentences are those of Kafka 4.2.
#[test]
fn settings_are_checked() {
    let duration =
        "The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.";
    for (name, value, says) in [
        (
            RESET,
            "x",
            format!(
                "Invalid value x for configuration {RESET}: Invalid value `x` for configuration {RESET}. {duration}"
            ),
        ),
        (RESET, "by_duration:PT1H", "fine".into()),
        (LOCK, "15000", "fine".into()),
        (
            LOCK,
            "1",
            format!("{LOCK} must be greater than or equal to group.share.min.record.lock.duration.ms"),
        ),
        (
            LOCK,
            "100000",
            format!("{LOCK} must be less than or equal to group.share.max.record.lock.duration.ms"),
        ),
        (LOCK, "x", format!("Invalid value x for configuration {LOCK}: Not a number of type INT")),
        (
            CONSUMER_SESSION,
            "1",
            format!(
                "{CONSUMER_SESSION} must be greater than or equal to group.consumer.min.session.timeout.ms"
            ),
        ),
        (
            SHARE_HEARTBEAT,
            "99999",
            format!("{SHARE_HEARTBEAT} must be less than or equal to group.share.max.heartbeat.interval.ms"),
        ),
        ("foo", "1", "Unknown group config name: foo".into()),
        (
            ISOLATION,
            "READ_COMMITTED",
            format!(
                "Invalid value READ_COMMITTED for configuration {ISOLATION}: String must be one of: read_committed, read_uncommitted"
            ),
        ),
        (ATTEMPTS, "1", format!("{ATTEMPTS} must be greater than or equal to 2")),
        (
            DEAD_TOPIC,
            "a topic",
            format!(
                "Invalid value a topic for configuration {DEAD_TOPIC}: {}",
                crate::core::partitions::name_fault("a topic").unwrap()
            ),
        ),
        (DEAD_TOPIC, "dlq", "fine".into()),
        (DEAD_TOPIC, "", "fine".into()),
        (
            DEAD_COPY,
            "yes",
            format!("Invalid value yes for configuration {DEAD_COPY}: String must be one of: true, false"),
        ),
    ] {
        assert_eq!(check(&[(name, value)]), says, "{name} = {value}");
    }
}

#[test]
fn durations() {
    for (text, ms) in [
        ("PT1H", Some(3_600_000)),
        ("P1D", Some(86_400_000)),
        ("P1DT2H3M4.5S", Some(93_784_500)),
        ("PT0S", Some(0)),
        ("PT0.0015S", Some(1)),
        ("-PT1H", None),
        ("PT-1H", None),
        ("PT", None),
        ("P", None),
        ("PT1", None),
        ("PT1M1H", None),
        ("PT1.5H", None),
        ("P99999999999999999999D", None),
    ] {
        assert_eq!(duration_ms(text), ms, "{text}");
    }
}
