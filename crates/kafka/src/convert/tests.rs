use anymq_types::Millis;
use anymq_types::props::Properties;
use anymq_types::record::RecordHead;
use anymq_types::value::{Table, Value};

use super::*;

/// A record of an exchange, with a routing key, properties and a body.
fn record(exchange: &[u8], routing_key: &[u8], props: &Properties, body: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    props.encode(&mut block).unwrap();
    let head =
        RecordHead { timestamp: Millis(1234), exchange, routing_key, props: &block, ..RecordHead::default() };
    let mut out = Vec::new();
    head.write(body.len(), &mut out);
    out.extend_from_slice(body);
    out
}

fn run(records: &[Vec<u8>]) -> Run {
    let (base, bytes) = (7, Bytes::from(records.concat()));
    Run { encoding: Encoding::Canonical, base, end: base + records.len() as u64, bytes }
}

/// Key, value and headers of every record of a batch, as text.
fn read(batch: &[u8]) -> Vec<String> {
    let text = |bytes: Option<&[u8]>| bytes.map_or("-".into(), |b| String::from_utf8_lossy(b).into_owned());
    let mut records = anymq_batch::Records::new(batch, 1 << 20).unwrap();
    let mut all = Vec::new();
    while let Some(record) = records.next_record().unwrap() {
        let mut line =
            format!("{}@{} {}={}", record.offset, record.timestamp, text(record.key), text(record.value));
        for header in record.headers {
            line.push_str(&format!(" {}:{}", text(Some(header.key)), text(header.value)));
        }
        all.push(line);
    }
    all
}

#[test]
fn messages_become_records_of_one_batch() {
    let headers: Table = [("n", Value::I32(5)), ("none", Value::Void)].into_iter().collect();
    let props = Properties {
        content_type: Some("text/plain".into()),
        headers: Some(headers),
        priority: Some(3),
        timestamp: Some(99),
        message_id: Some("m1".into()),
        delivery_mode: Some(2),
        ..Properties::default()
    };
    let records = [
        record(b"logs", b"key", &props, b"one"),
        record(b"", b"orders", &Properties::default(), b"two"),
        record(b"", b"", &Properties::default(), b""),
    ];
    let batch = to_batches(run(&records), "orders").unwrap();
    assert_eq!(
        read(&batch),
        [
            "7@1234 key=one n:5 none:- content-type:text/plain message-id:m1 priority:3 timestamp:99 x-exchange:logs",
            "8@1234 -=two",
            "9@1234 -=",
        ]
    );
    let header = anymq_batch::BatchHeader::parse(&batch).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch, header.last_offset_delta), (7, 0, 2));
}

#[test]
fn what_a_queue_was_given_in_batches_comes_back() {
    let headers: Table = [
        ("x-tombstone", Value::Bool(true)),
        ("x-key", Value::Str("long".into())),
        ("h", Value::Str("v".into())),
    ]
    .into_iter()
    .collect();
    let props = Properties { headers: Some(headers), ..Properties::default() };
    let batch = to_batches(run(&[record(b"", b"orders", &props, b"")]), "orders").unwrap();
    assert_eq!(read(&batch), ["7@1234 long=- h:v"]);
}

#[test]
fn batches_go_out_as_they_are() {
    let bytes = Bytes::from_static(b"whatever it is");
    let run = Run { encoding: Encoding::Batches, base: 0, end: 1, bytes: bytes.clone() };
    assert_eq!(to_batches(run, "t").unwrap(), bytes);
}

#[test]
fn runs_are_cut_where_a_unit_ends() {
    let one = record(b"", b"k", &Properties::default(), b"0123456789");
    let len = one.len() as u64;
    let canonical = run(&[one.clone(), one.clone(), one]);
    let batch = |base| {
        let one = to_batches(canonical.clone(), "t").unwrap();
        let mut bytes = one.to_vec();
        anymq_batch::set_base_offset(&mut bytes, base);
        bytes
    };
    let unit = batch(7).len() as u64;
    let batches =
        Run { encoding: Encoding::Batches, base: 7, end: 13, bytes: [batch(7), batch(10)].concat().into() };
    let cases = [
        (&canonical, len * 3, false, Some((10, len * 3))),
        (&canonical, len * 3 - 1, false, Some((9, len * 2))),
        (&canonical, len - 1, false, None),
        (&canonical, 0, true, Some((8, len))),
        (&batches, unit * 2 - 1, false, Some((10, unit))),
        (&batches, 1, true, Some((10, unit))),
        (&batches, 1, false, None),
    ];
    for (run, max, at_least_one, expected) in cases {
        let found = cut(run, max, at_least_one).map(|run| (run.end, run.bytes.len() as u64));
        assert_eq!(found, expected, "{max} {at_least_one}");
    }
}
