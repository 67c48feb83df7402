use super::*;

fn read(kind: QueueKind, entries: &[(&str, Value)]) -> Result<ConsumerArgs, String> {
    let table: Table = entries.iter().cloned().collect();
    check(kind, "q", "/", &table).map_err(|error| error.to_string())
}

#[test]
fn reads_what_is_set() {
    use QueueKind::{Classic, Quorum, Stream};
    let of = |edit: fn(&mut ConsumerArgs)| {
        let mut args = ConsumerArgs::default();
        edit(&mut args);
        args
    };
    for (kind, entries, expected) in [
        (Classic, vec![], of(|_| {})),
        (Classic, vec![("x-priority", Value::I8(-3))], of(|a| a.priority = -3)),
        (Quorum, vec![("x-priority", Value::I64(10))], of(|a| a.priority = 10)),
        (Classic, vec![("x-cancel-on-ha-failover", true.into())], of(|_| {})),
        (Classic, vec![("x-consumer-timeout", Value::I32(5))], of(|a| a.consumer_timeout_ms = Some(5))),
        (
            Stream,
            vec![("x-stream-offset", "first".into())],
            of(|a| a.stream_offset = Some(StreamOffset::First)),
        ),
        (
            Stream,
            vec![("x-stream-offset", Value::I32(42))],
            of(|a| a.stream_offset = Some(StreamOffset::Offset(42))),
        ),
        (
            Stream,
            vec![("x-stream-offset", Value::Timestamp(7))],
            of(|a| a.stream_offset = Some(StreamOffset::Timestamp(Millis(7000)))),
        ),
        (
            Stream,
            vec![("x-stream-offset", "1h".into())],
            of(|a| a.stream_offset = Some(StreamOffset::Age(3_600_000))),
        ),
        (
            Stream,
            vec![
                ("x-stream-filter", Value::Array(vec!["a".into(), "b".into()])),
                ("x-stream-match-unfiltered", true.into()),
            ],
            of(|a| {
                a.stream_filter = vec!["a".into(), "b".into()];
                a.stream_match_unfiltered = true;
            }),
        ),
    ] {
        assert_eq!(read(kind, &entries), Ok(expected), "{entries:?}");
    }
}

#[test]
fn refuses_with_rabbitmqs_words() {
    use QueueKind::{Classic, Stream};
    for (kind, key, value, expected) in [
        (
            Classic,
            "x-priority",
            "1".into(),
            "x-priority' for queue 'q' in vhost '/': \"expected integer, got longstr\"",
        ),
        (
            Classic,
            "x-consumer-timeout",
            Value::I32(-1),
            "x-consumer-timeout' for queue 'q' in vhost '/': {value_negative,-1}",
        ),
        (
            Classic,
            "x-stream-offset",
            "first".into(),
            "x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
        ),
        (
            Stream,
            "x-priority",
            Value::I32(1),
            "x-priority' for queue 'q' in vhost '/' of queue type rabbit_stream_queue",
        ),
        (
            Stream,
            "x-stream-offset",
            "zzz".into(),
            "x-stream-offset' for queue 'q' in vhost '/': {invalid_stream_offset_arg,{longstr,<<\"zzz\">>}}",
        ),
    ] {
        assert_eq!(read(kind, &[(key, value)]), Err(format!("invalid arg '{expected}")));
    }
}
