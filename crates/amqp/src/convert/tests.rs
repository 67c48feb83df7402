use anymq_broker::api::Delivery;
use anymq_types::props::{Properties, PropsRef};
use anymq_types::record::{Record, RecordHead};
use anymq_types::value::{Table, Value};
use anymq_types::{ConsumerId, Millis, Offset, QueueId};

use super::*;
use crate::wire::{ContentHeader, Frame, Method, Payload, parse_frame};

const PUBLISHER: Publisher<'_> = Publisher {
    user: "guest",
    impersonator: false,
    now: Millis(1_000),
    message_bytes_max: 1 << 20,
    reply_address: Some("amq.rabbitmq.reply-to.abc"),
};

fn block(properties: &Properties) -> Vec<u8> {
    let mut block = Vec::new();
    properties.encode(&mut block).unwrap();
    block
}

/// The record made of a 2-byte message with these properties.
fn publish(properties: &Properties) -> Result<(Vec<u8>, Head), String> {
    let props = block(properties);
    let header = ContentHeader { class_id: 60, weight: 0, body_size: 2, props: &props };
    let mut chunk = Vec::new();
    let envelope = Envelope { exchange: b"e", routing_key: b"k" };
    let head = encode_head(envelope, &header, &PUBLISHER, &mut chunk).map_err(|error| error.reply_text())?;
    chunk.extend_from_slice(b"hi");
    Ok((chunk, head))
}

#[test]
fn a_plain_message_keeps_its_properties_bit_for_bit() {
    let properties = Properties {
        delivery_mode: Some(2),
        priority: Some(7),
        message_id: Some("m".into()),
        ..Default::default()
    };
    let (chunk, head) = publish(&properties).unwrap();
    let record = Record::parse(&chunk).unwrap();
    assert_eq!(head, Head::default());
    assert_eq!((record.exchange, record.routing_key, record.body), (&b"e"[..], &b"k"[..], &b"hi"[..]));
    assert_eq!((record.persistent, record.priority, record.timestamp), (true, 7, Millis(1_000)));
    assert_eq!((record.expires, record.due, record.group), (None, None, None));
    assert_eq!(record.props, block(&properties));
}

#[test]
fn expirations() {
    let cases = [
        ("0", Ok(Millis(1_000))),
        ("2000", Ok(Millis(3_000))),
        ("+5", Ok(Millis(1_005))),
        ("abc", Err("invalid expiration 'abc': no_integer")),
        ("", Err("invalid expiration '': no_integer")),
        ("12ab", Err("invalid expiration '12ab': {leftover_string,\"ab\"}")),
        ("-1", Err("invalid expiration '-1': {value_negative,-1}")),
        ("315360000001", Err("invalid expiration '315360000001': {value_too_large, 315360000001}")),
        (
            "99999999999999999999",
            Err("invalid expiration '99999999999999999999': {value_too_large, 99999999999999999999}"),
        ),
    ];
    for (expiration, expected) in cases {
        let properties = Properties { expiration: Some(expiration.into()), ..Default::default() };
        let found = publish(&properties).map(|(chunk, _)| Record::parse(&chunk).unwrap().expires.unwrap());
        assert_eq!(found, expected.map_err(|text| format!("PRECONDITION_FAILED - {text}")), "{expiration:?}");
    }
}

#[test]
fn user_id_must_be_true() {
    let good = Properties { user_id: Some("guest".into()), ..Default::default() };
    assert!(publish(&good).is_ok());
    let bad = Properties { user_id: Some("bob".into()), ..Default::default() };
    let text = "PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'guest'";
    assert_eq!(publish(&bad).unwrap_err(), text);
}

#[test]
fn copies_are_routed_and_blind_ones_hidden() {
    let keys = |keys: &[&str]| Value::Array(keys.iter().map(|key| Value::from(*key)).collect());
    let headers: Table =
        [("CC", keys(&["a", "b"])), ("n", Value::I32(1)), ("BCC", keys(&["c"]))].into_iter().collect();
    let (chunk, head) = publish(&Properties { headers: Some(headers), ..Default::default() }).unwrap();
    let expected: Vec<Box<[u8]>> = [b"a", b"b", b"c"].map(|key| Box::from(&key[..])).to_vec();
    assert_eq!(head.extra_keys, Some(expected.into_boxed_slice()));
    let record = Record::parse(&chunk).unwrap();
    assert_eq!(record.blind_keys().collect::<Vec<_>>(), [b"c"]);
    let props = PropsRef::parse(record.props).unwrap();
    let names: Vec<_> = props.headers().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(names, [&b"CC"[..], b"n"]);

    let headers = Some([("CC", Value::from("a"))].into_iter().collect());
    let error = publish(&Properties { headers, ..Default::default() }).unwrap_err();
    assert_eq!(error, "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}");
}

#[test]
fn delays_become_due_times_and_turn_negative() {
    let cases = [
        (Value::I32(500), Some(Millis(1_500)), Value::I32(-500)),
        (Value::U16(7), Some(Millis(1_007)), Value::I64(-7)),
        (Value::from("20"), Some(Millis(1_020)), Value::I64(-20)),
        (Value::I32(-500), None, Value::I32(-500)),
        (Value::I32(0), None, Value::I32(0)),
        (Value::from("soon"), None, Value::from("soon")),
    ];
    for (value, due, after) in cases {
        let headers = Some([("x-delay", value)].into_iter().collect());
        let (chunk, _) = publish(&Properties { headers, ..Default::default() }).unwrap();
        let record = Record::parse(&chunk).unwrap();
        let props = PropsRef::parse(record.props).unwrap();
        assert_eq!((record.due, props.headers().unwrap().get("x-delay").unwrap().to_value()), (due, after));
    }
}

#[test]
fn replies_go_to_the_channels_address() {
    let asks = Properties { reply_to: Some(REPLY_TO.into()), ..Default::default() };
    let (chunk, _) = publish(&asks).unwrap();
    let props = PropsRef::parse(Record::parse(&chunk).unwrap().props).unwrap();
    assert_eq!(props.reply_to(), Some(&b"amq.rabbitmq.reply-to.abc"[..]));
    let props = block(&asks);
    let header = ContentHeader { class_id: 60, weight: 0, body_size: 0, props: &props };
    let nobody = Publisher { reply_address: None, ..PUBLISHER };
    let envelope = Envelope { exchange: b"", routing_key: b"q" };
    let error = encode_head(envelope, &header, &nobody, &mut Vec::new()).unwrap_err();
    assert_eq!(error.reply_text(), "PRECONDITION_FAILED - fast reply consumer does not exist");
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let header = |class_id, weight, body_size, props| ContentHeader { class_id, weight, body_size, props };
    let cases = [
        (
            header(50, 0, 1, b"\0\0"),
            "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead",
        ),
        (
            header(60, 1, 1, b"\0\0"),
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        ),
        (
            header(60, 0, u64::MAX, b"\0\0"),
            "PRECONDITION_FAILED - message size 18446744073709551615 is larger than configured max size 1048576",
        ),
        (header(60, 0, 1, b"\0\x01"), "SYNTAX_ERROR - unknown property flags 0x0001"),
        (header(60, 0, 1, b"\x20\0\0\0\0\x03\x01k?"), "SYNTAX_ERROR - headers: unknown field type 0x3f"),
    ];
    for (header, text) in cases {
        let envelope = Envelope { exchange: b"", routing_key: b"q" };
        let error = encode_head(envelope, &header, &PUBLISHER, &mut Vec::new()).unwrap_err();
        assert_eq!(error.reply_text(), text);
    }
}

fn delivery(count: u32) -> Delivery {
    let mut records = Vec::new();
    for n in 0..count {
        RecordHead { exchange: b"e", routing_key: b"k", props: b"\0\0", ..RecordHead::default() }
            .write(1, &mut records);
        records.push(n as u8);
    }
    Delivery {
        token: 0,
        consumer: ConsumerId(1),
        queue: QueueId(1),
        first: Offset(40),
        count,
        records: records.into(),
        redelivered: true,
        attempts: 0,
        counts_attempts: false,
        is_stream: false,
        auto_ack: false,
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while let Some((frame, len)) = parse_frame(bytes, 0).unwrap() {
        frames.push(frame);
        bytes = &bytes[len..];
    }
    assert!(bytes.is_empty());
    frames
}

fn header_of(frame: &Frame<'_>, name: &str) -> Option<Value> {
    let Payload::Header(header) = frame.payload else { panic!("{frame:?}") };
    PropsRef::parse(header.props).unwrap().headers()?.get(name).map(|value| value.to_value())
}

#[test]
fn a_run_is_delivered_with_rising_tags() {
    let mut out = Vec::new();
    encode_deliveries(&delivery(2), "tag", 3, 8, 4096, &mut out);
    let frames = frames(&out);
    assert_eq!(frames.len(), 6);
    for (n, frame) in [(8, frames[0]), (9, frames[3])] {
        let Payload::Method(method) = frame.payload else { panic!("{frame:?}") };
        let Ok(Method::BasicDeliver(deliver)) = method.decode() else { panic!("{method:?}") };
        assert_eq!((deliver.consumer_tag, deliver.delivery_tag, deliver.redelivered), ("tag", n, true));
        assert_eq!((deliver.exchange, deliver.routing_key, frame.channel), ("e", "k", 3));
    }
    assert_eq!((frames[2].payload, frames[5].payload), (Payload::Body(b"\0"), Payload::Body(b"\x01")));
}

#[test]
fn queues_add_their_header() {
    let cases = [
        (Delivery { is_stream: true, ..delivery(2) }, "x-stream-offset", [Some(40), Some(41)]),
        (
            Delivery { counts_attempts: true, attempts: 2, ..delivery(2) },
            "x-delivery-count",
            [Some(2), Some(2)],
        ),
        (Delivery { counts_attempts: true, ..delivery(2) }, "x-delivery-count", [None, None]),
        (Delivery { attempts: 2, ..delivery(2) }, "x-delivery-count", [None, None]),
    ];
    for (delivery, name, expected) in cases {
        let mut out = Vec::new();
        encode_deliveries(&delivery, "t", 1, 1, 4096, &mut out);
        let frames = frames(&out);
        let found = [&frames[1], &frames[4]].map(|frame| header_of(frame, name));
        assert_eq!(found, expected.map(|n| n.map(Value::I64)));
    }
}

#[test]
fn fetched_and_returned_messages_are_whole() {
    let mut out = Vec::new();
    encode_fetched(&delivery(1), 1, 5, 1 << 40, 4096, &mut out);
    let Payload::Method(method) = frames(&out)[0].payload else { panic!() };
    let Ok(Method::BasicGetOk(ok)) = method.decode() else { panic!("{method:?}") };
    assert_eq!((ok.delivery_tag, ok.message_count, ok.redelivered), (5, u32::MAX, true));
    let mut out = Vec::new();
    let delivery = delivery(1);
    encode_return(&Record::parse(&delivery.records).unwrap(), 1, 4096, &mut out);
    let Payload::Method(method) = frames(&out)[0].payload else { panic!() };
    let Ok(Method::BasicReturn(back)) = method.decode() else { panic!("{method:?}") };
    assert_eq!(
        (back.reply_code, back.reply_text, back.exchange, back.routing_key),
        (312, "NO_ROUTE", "e", "k")
    );
    assert_eq!(frames(&out).len(), 3);
}
