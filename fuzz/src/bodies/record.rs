//! Records and chunks (`types::record`).

use anymq_types::Millis;
use anymq_types::record::{self, Record, RecordHead, Records};

/// A chunk: the cheap looks agree with the full one, a record written again from its parts is the same, and the walk
/// over the chunk adds up.
pub fn records(data: &[u8]) {
    let mut walked = 0;
    let mut records = Records::new(data);
    for record in records.by_ref() {
        assert_eq!(record::record_len(&data[walked..]), Some(record.bytes.len()));
        assert_eq!(record::body_len(&data[walked..]), Some(record.body.len()));
        assert_eq!(record::priority(record.bytes), record.priority);
        again(&record);
        let keys: usize = record.blind_keys().map(|key| key.len() + 1).sum();
        assert!(keys <= record.blind.len());
        walked += record.bytes.len();
    }
    assert_eq!(records.rest(), &data[walked..]);
    // What does not parse may be looked at all the same.
    let rest = records.rest();
    let _ = (record::record_len(rest), record::body_len(rest), record::attrs(rest), record::priority(rest));
}

/// A record that is written from its own head is the same message.
fn again(record: &Record<'_>) {
    let head = record.head();
    let mut bytes = Vec::new();
    head.write(record.body.len(), &mut bytes);
    bytes.extend_from_slice(record.body);
    assert_eq!(head.record_len(record.body.len()), bytes.len());
    let read = Record::parse(&bytes).expect("what was written parses");
    assert_eq!(Record { bytes: record.bytes, ..read }, *record);
}

/// A chunk of records with every attribute.
fn chunk() -> Vec<u8> {
    let mut out = Vec::new();
    let plain =
        RecordHead { exchange: b"", routing_key: b"q", timestamp: Millis(1_000), ..RecordHead::default() };
    let full = RecordHead {
        persistent: true,
        priority: 9,
        expires: Some(Millis(5_000)),
        due: Some(Millis(4_000)),
        exchange: b"amq.topic",
        routing_key: b"a.b",
        dead: true,
        group: Some(b"g"),
        blind: b"\x01x\x02yz",
        props: b"\x10\0\x02",
        ..plain
    };
    for (head, body) in [(plain, &b"hello"[..]), (full, b"world"), (plain, b"")] {
        head.write(body.len(), &mut out);
        out.extend_from_slice(body);
    }
    out
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let whole = chunk();
    vec![whole[..whole.len() - 3].to_vec(), whole, vec![0; 20], b"\x10\0\0\0".to_vec()]
}
