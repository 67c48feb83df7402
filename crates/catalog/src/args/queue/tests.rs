use super::*;

fn table(entries: &[(&str, Value)]) -> Table {
    entries.iter().cloned().collect()
}

fn request<'a>(kind: &str, args: &'a mut Table) -> QueueRequest<'a> {
    if !kind.is_empty() {
        args.insert("x-queue-type", kind);
    }
    QueueRequest {
        vhost: "/",
        name: "q",
        durable: true,
        exclusive: false,
        auto_delete: false,
        args,
        default_kind: QueueKind::Classic,
    }
}

fn error(kind: &str, key: &str, value: Value) -> Option<String> {
    let mut args = table(&[(key, value)]);
    request(kind, &mut args).check().err().map(|error| error.to_string())
}

/// Texts seen from RabbitMQ 4.0.5 or read in its source of that version.
#[test]
fn refuses_values_with_rabbitmqs_words() {
    let int = Value::I32;
    for (kind, key, value, expected) in [
        ("", "x-message-ttl", int(-1), "{value_negative,-1}"),
        ("", "x-message-ttl", "a".into(), "\"expected integer, got longstr\""),
        ("", "x-message-ttl", Value::I64(315_360_000_001), "{value_too_large,315360000001}"),
        ("", "x-message-ttl", Value::Bool(true), "\"expected integer, got bool\""),
        ("", "x-expires", int(0), "{value_zero,0}"),
        ("", "x-expires", int(-5), "{value_negative,-5}"),
        ("", "x-max-length", int(-1), "{value_negative,-1}"),
        ("", "x-max-length-bytes", Value::Void, "\"expected integer, got void\""),
        ("", "x-max-priority", int(256), "{max_value_exceeded,256}"),
        ("", "x-max-priority", int(-1), "{value_negative,-1}"),
        ("", "x-overflow", "zzz".into(), "invalid_overflow"),
        ("", "x-overflow", int(1), "{unacceptable_type,signedint}"),
        ("", "x-dead-letter-routing-key", "k".into(), "routing_key_but_no_dlx_defined"),
        ("", "x-dead-letter-routing-key", int(1), "{unacceptable_type,signedint}"),
        ("", "x-single-active-consumer", "yes".into(), "{unacceptable_type,longstr}"),
        ("", "x-queue-mode", "eager".into(), "\"unsupported queue mode 'eager'\""),
        ("", "x-queue-version", int(3), "\"unsupported queue version '3'\""),
        ("", "x-queue-leader-locator", "here".into(), "invalid_queue_locator_arg"),
        ("zzz", "x-unknown", int(1), "\"unsupported queue type 'zzz'\""),
        ("quorum", "x-dead-letter-strategy", "maybe".into(), "invalid_dlx_strategy"),
        ("quorum", "x-quorum-initial-group-size", int(0), "{value_zero,0}"),
        ("quorum", "x-delivery-limit", "3".into(), "\"expected integer, got longstr\""),
        ("stream", "x-max-age", "7w".into(), "invalid_max_age"),
        ("stream", "x-max-age", "0D".into(), "invalid_max_age"),
        ("stream", "x-max-age", "D".into(), "invalid_max_age"),
        ("stream", "x-max-age", int(7), "{unacceptable_type,signedint}"),
        ("stream", "x-initial-cluster-size", int(-1), "{value_negative,-1}"),
    ] {
        let key_shown = if kind == "zzz" { "x-queue-type" } else { key };
        let expected = format!("invalid arg '{key_shown}' for queue 'q' in vhost '/': {expected}");
        assert_eq!(error(kind, key, value).as_deref(), Some(&*expected));
    }
}

#[test]
fn refuses_what_belongs_to_another_type_or_is_out_of_range() {
    for (kind, key, value, expected) in [
        (
            "quorum",
            "x-max-priority",
            Value::I32(5),
            "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
        ),
        (
            "classic",
            "x-delivery-limit",
            Value::I32(5),
            "invalid arg 'x-delivery-limit' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
        ),
        (
            "stream",
            "x-message-ttl",
            Value::I32(5),
            "invalid arg 'x-message-ttl' for queue 'q' in vhost '/' of queue type rabbit_stream_queue",
        ),
        (
            "",
            "x-dead-letter-exchange",
            Value::I32(1),
            "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
        ),
        (
            "stream",
            "x-stream-max-segment-size-bytes",
            Value::I64(3_000_000_001),
            "Exceeded max value for x-stream-max-segment-size-bytes",
        ),
        (
            "stream",
            "x-stream-filter-size-bytes",
            Value::I32(15),
            "Invalid value for  x-stream-filter-size-bytes",
        ),
    ] {
        assert_eq!(error(kind, key, value).as_deref(), Some(expected));
    }
}

#[test]
fn accepts_what_every_type_knows_and_what_nobody_knows() {
    for (kind, key, value) in [
        ("", "x-message-ttl", Value::I32(0)),
        ("", "x-message-ttl", Value::I8(10)),
        ("", "x-max-priority", Value::U8(255)),
        ("", "x-overflow", "reject-publish-dlx".into()),
        ("", "x-queue-mode", "lazy".into()),
        ("", "x-unheard-of", Value::Void),
        ("", "x-stream-filter-size-bytes", Value::I32(1)),
        ("quorum", "x-delivery-limit", Value::I32(-1)),
        ("quorum", "x-max-in-memory-length", Value::I32(0)),
        ("stream", "x-max-age", "1Y".into()),
        ("stream", "x-stream-filter-size-bytes", Value::I32(255)),
        ("rabbit_quorum_queue", "x-expires", Value::I32(1)),
    ] {
        assert_eq!(error(kind, key, value), None, "{kind} {key}");
    }
}

#[test]
fn reads_what_is_set() {
    let mut args = table(&[
        ("x-message-ttl", Value::I16(500)),
        ("x-expires", Value::I64(1000)),
        ("x-max-length", Value::U32(10)),
        ("x-max-length-bytes", Value::I32(0)),
        ("x-overflow", "reject-publish".into()),
        ("x-dead-letter-exchange", "".into()),
        ("x-dead-letter-routing-key", "k".into()),
        ("x-single-active-consumer", true.into()),
        ("x-consumer-timeout", Value::I32(60_000)),
        ("x-anymq-lease-ms", Value::I32(30_000)),
        ("x-anymq-message-group", true.into()),
    ]);
    let (kind, read) = request("classic", &mut args).check().unwrap();
    assert_eq!(kind, QueueKind::Classic);
    let expected = QueueArgs {
        message_ttl_ms: Some(500),
        expires_ms: Some(1000),
        max_length: Some(10),
        max_length_bytes: Some(0),
        overflow: Some(Overflow::RejectPublish),
        dead_letter_exchange: Some("".into()),
        dead_letter_routing_key: Some("k".into()),
        single_active_consumer: Some(true),
        consumer_timeout_ms: Some(60_000),
        lease_ms: Some(30_000),
        message_group: Some(true),
        ..QueueArgs::default()
    };
    assert_eq!(read, expected);
    assert_eq!(QueueArgs::of(kind, &args), expected);
    assert_eq!(max_age_ms("2h"), Some(7_200_000));
    assert_eq!(max_age_ms("99999999999999999999h"), None);
    assert_eq!(max_age_ms("9999999999999999h"), None);
}

#[test]
fn quorum_queues_and_streams_are_durable_shared_and_named() {
    type Edit = fn(&mut QueueRequest<'_>);
    let cases: [(Edit, &str); 5] = [
        (|r| r.auto_delete = true, "invalid property 'auto-delete' for queue 'q' in vhost '/'"),
        (|r| r.exclusive = true, "invalid property 'exclusive-owner' for queue 'q' in vhost '/'"),
        (|r| r.durable = false, "invalid property 'non-durable' for queue 'q' in vhost '/'"),
        (
            |r| (r.durable, r.exclusive, r.auto_delete) = (false, true, true),
            "invalid property 'auto-delete' for queue 'q' in vhost '/'",
        ),
        (|r| r.name = "", "Cannot declare a server-named queue for type rabbit_quorum_queue"),
    ];
    for (edit, expected) in cases {
        let mut args = Table::new();
        let mut request = request("quorum", &mut args);
        edit(&mut request);
        assert_eq!(request.check().unwrap_err().to_string(), expected);
        let args = Table::new();
        let mut classic = QueueRequest { args: &args, ..request };
        assert!(classic.check().is_ok(), "a classic queue may");
        classic.default_kind = QueueKind::Quorum;
        let kind = classic.kind().unwrap();
        let unsuited = classic.exclusive || classic.auto_delete || !classic.durable;
        let expected = if unsuited { QueueKind::Classic } else { QueueKind::Quorum };
        assert_eq!(kind, expected, "the vhost's default where it suits");
    }
}
