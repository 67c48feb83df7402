use super::*;

fn sample<'a>() -> RecordHead<'a> {
    RecordHead {
        persistent: true,
        priority: 7,
        timestamp: Millis(1_700_000_000_123),
        expires: Some(Millis(5)),
        due: Some(Millis(6)),
        exchange: b"ex",
        routing_key: b"a.b.c",
        dead: true,
        group: Some(b"g1"),
        blind: b"\x01a\x00\x02bc",
        props: &[0x80, 0x00, 3, b'a', b'/', b'b'],
    }
}

#[test]
fn what_is_written_is_read() {
    let mut chunk = Vec::new();
    sample().write(5, &mut chunk);
    chunk.extend_from_slice(b"hello");
    RecordHead { exchange: b"", routing_key: b"q", ..RecordHead::default() }.write(0, &mut chunk);
    let records: Vec<_> = Records::new(&chunk).collect();
    assert_eq!(records.len(), 2);
    let first = records[0];
    assert_eq!((first.persistent, first.priority, first.timestamp), (true, 7, Millis(1_700_000_000_123)));
    assert_eq!((first.expires, first.due, first.group), (Some(Millis(5)), Some(Millis(6)), Some(&b"g1"[..])));
    assert!(first.dead && !records[1].dead);
    assert_eq!(first.blind_keys().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
    assert_eq!(records[1].blind_keys().count(), 0);
    assert_eq!((first.exchange, first.routing_key, first.body), (&b"ex"[..], &b"a.b.c"[..], &b"hello"[..]));
    assert_eq!(first.props, sample().props);
    assert_eq!(first.bytes.len(), sample().record_len(5));
    assert_eq!((body_len(&chunk), body_len(records[1].bytes)), (Some(5), Some(0)));
    assert_eq!((records[1].routing_key, records[1].body, records[1].group), (&b"q"[..], &b""[..], None));
}

#[test]
fn a_record_cut_anywhere_is_refused() {
    let mut chunk = Vec::new();
    sample().write(5, &mut chunk);
    chunk.extend_from_slice(b"hello");
    for cut in 0..chunk.len() {
        assert_eq!(Record::parse(&chunk[..cut]), None, "cut at {cut}");
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    let mut chunk = Vec::new();
    sample().write(5, &mut chunk);
    chunk.extend_from_slice(b"hello");
    for at in 0..chunk.len() {
        let mut lie = chunk.clone();
        lie[at] = 0xff;
        if let Some(record) = Record::parse(&lie) {
            assert!(record.bytes.len() <= lie.len());
        }
    }
    assert_eq!(record_len(&[0, 0, 0, 0]), None);
    assert_eq!(record_len(&[1, 2]), None);
}
