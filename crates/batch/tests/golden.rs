//! Bytes written by hand against the crate, both ways.

mod by_hand;

use anymq_batch::{
    BatchBuilder, BatchHeader, Compression, Control, Fault, HEADER_BYTES, Head, Header, Record, Records,
    TimestampType, first_size, marker, next_sequence, set_base_offset, set_leader_epoch, set_log_append_time,
};
use by_hand::{RAW, RECORDS, Raw, stored};

type Owned = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn own(record: &Record<'_>) -> Owned {
    let headers = record.headers.map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)));
    let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
    (record.offset, record.timestamp, key, value, headers.collect())
}

fn read(batch: &[u8]) -> Result<Vec<Owned>, Fault> {
    let mut owned = Vec::new();
    Records::new(batch, 1 << 20)?.for_each(|record| owned.push(own(record)))?;
    Ok(owned)
}

fn expected(base: i64, timestamps: [i64; 2]) -> Vec<Owned> {
    let header = (b"h".to_vec(), Some(b"x".to_vec()));
    vec![
        (base, timestamps[0], Some(b"k".to_vec()), Some(b"hello".to_vec()), vec![header]),
        (base + 1, timestamps[1], None, None, vec![]),
    ]
}

/// The bytes of [`RAW`] in full, so that the helper that assembles the others is itself held to something.
#[rustfmt::skip]
const GOLDEN: &[u8] = &[
    0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 73,  0xff, 0xff, 0xff, 0xff,  2,  0x26, 0xab, 0xde, 0xb3,
    0, 0,  0, 0, 0, 1,  0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0,  0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 5,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  0xff, 0xff,  0xff, 0xff, 0xff, 0xff,  0, 0, 0, 2,
    0x20, 0, 0, 0, 2, b'k', 10, b'h', b'e', b'l', b'l', b'o', 2, 2, b'h', 2, b'x',
    0x0c, 0, 10, 2, 1, 1, 0,
];

#[test]
fn the_builder_writes_the_golden_bytes() {
    assert_eq!(RAW.with(RECORDS), GOLDEN);
    let mut builder = BatchBuilder::new(Head::default(), Compression::None);
    let header = Header { key: b"h", value: Some(b"x") };
    builder.push(RAW.base_timestamp, Some(b"k"), Some(b"hello"), &[header]).expect("fits");
    builder.push(RAW.max_timestamp, None, None, &[]).expect("fits");
    assert_eq!((builder.count(), builder.len()), (2, GOLDEN.len()));
    assert_eq!(builder.finish().expect("two records"), GOLDEN);
}

#[test]
fn a_header_is_read_field_by_field() {
    let raw = Raw {
        base_offset: 0x0102_0304_0506_0708,
        leader_epoch: 9,
        attributes: 0x5f | 0x80,
        last_offset_delta: 10,
        base_timestamp: 11,
        max_timestamp: 12,
        producer_id: 13,
        producer_epoch: 14,
        base_sequence: i32::MAX - 3,
        count: 15,
        ..RAW
    };
    let batch = raw.with(b"?");
    let header = BatchHeader::parse(&batch).expect("a header");
    assert_eq!(header.base_offset, 0x0102_0304_0506_0708);
    assert_eq!((header.length, header.size()), (50, 62));
    assert_eq!((header.leader_epoch, header.magic), (9, 2));
    assert_eq!(header.crc, by_hand::crc(0x82f6_3b78, &batch[21..]));
    assert_eq!((header.last_offset_delta, header.last_offset()), (10, 0x0102_0304_0506_0708 + 10));
    assert_eq!((header.base_timestamp, header.max_timestamp), (11, 12));
    assert_eq!((header.producer_id, header.producer_epoch), (13, 14));
    assert_eq!((header.base_sequence, header.last_sequence()), (i32::MAX - 3, 6));
    assert_eq!((header.count, header.delete_horizon()), (15, Some(11)));
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert!(header.attributes.is_transactional() && !header.attributes.is_control());
    assert_eq!(header.attributes.codec(), Err(Fault::UnknownCodec(7)));
    assert_eq!(first_size(&batch[..17]), Ok(62));
    assert_eq!((next_sequence(i32::MAX, 1), next_sequence(0, 5)), (0, 5));
    // What is no header.
    for (at, bytes, fault) in [
        (8, &[0, 0, 0, 48][..], Fault::Length(48)),
        (8, &[0, 0, 0, 13], Fault::Length(13)),
        (8, &[0xff; 4], Fault::Length(-1)),
        (16, &[1], Fault::Magic(1)),
        (16, &[0xff], Fault::Magic(-1)),
    ] {
        let mut batch = batch.clone();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(BatchHeader::parse(&batch), Err(fault));
    }
    assert_eq!(BatchHeader::parse(&batch[..60]), Err(Fault::Cut { have: 60, need: HEADER_BYTES }));
    assert_eq!(first_size(&batch[..16]), Err(Fault::Cut { have: 16, need: HEADER_BYTES }));
}

#[test]
fn records_are_read_from_every_compression() {
    let times = [RAW.base_timestamp, RAW.max_timestamp];
    assert_eq!(read(GOLDEN), Ok(expected(0, times)));
    for (codec, packed) in stored(RECORDS) {
        let batch = Raw { attributes: codec, base_offset: 7, ..RAW }.with(&packed);
        assert_eq!(read(&batch), Ok(expected(7, times)), "codec {codec}");
        // The broker's time covers the records' own.
        let batch = Raw { attributes: codec | 8, ..RAW }.with(&packed);
        assert_eq!(read(&batch), Ok(expected(0, [RAW.max_timestamp; 2])), "codec {codec}");
        // A batch that was put together: streams of gzip, framed snappy and zstd may follow each other.
        if packed.first() != Some(&(RECORDS.len() as u8)) && codec != 3 {
            let twice = [&packed[..], &packed[..]].concat();
            let batch = Raw { attributes: codec, count: 4, ..RAW }.with(&twice);
            assert_eq!(read(&batch).map(|records| records.len()), Ok(4), "codec {codec}");
        }
    }
}

#[test]
fn offset_and_epoch_are_outside_the_checksum_and_the_time_is_not() {
    let mut batch = GOLDEN.to_vec();
    set_base_offset(&mut batch, 0x1122_3344_5566_7788);
    set_leader_epoch(&mut batch, 5);
    let raw = Raw { base_offset: 0x1122_3344_5566_7788, leader_epoch: 5, ..RAW };
    assert_eq!(batch, raw.with(RECORDS));
    assert_eq!(batch[21..], GOLDEN[21..]);
    set_log_append_time(&mut batch, 99);
    assert_eq!(batch, Raw { attributes: 8, max_timestamp: 99, ..raw }.with(RECORDS));
}

#[test]
fn markers_have_kafkas_bytes() {
    for (commit, kind) in [(false, 0), (true, 1)] {
        let head =
            Head { base_offset: 40, leader_epoch: 2, producer_id: 77, producer_epoch: 3, ..Head::default() };
        let control = Control { commit, coordinator_epoch: 258 };
        let batch = marker(head, control, 1000).expect("fits");
        let raw = Raw {
            base_offset: 40,
            leader_epoch: 2,
            attributes: 0x30,
            last_offset_delta: 0,
            base_timestamp: 1000,
            max_timestamp: 1000,
            producer_id: 77,
            producer_epoch: 3,
            count: 1,
            ..RAW
        };
        let record = [0x20, 0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, 0, 0, 1, 2, 0];
        assert_eq!(batch, raw.with(&record));
        let mut records = Records::new(&batch, 0).expect("a batch");
        let record = records.next_record().expect("a record").expect("one");
        assert_eq!(Control::read(&record), Some(control));
    }
    for (key, value) in [
        (&[0, 0, 0, 2][..], &[0; 6][..]),
        (&[0, 0, 0], &[0; 6]),
        (&[0xff, 0xff, 0, 1], &[0; 6]),
        (&[0, 0, 0, 1], &[0; 5]),
        (&[0, 0, 0, 1], &[0xff; 6]),
    ] {
        let records = by_hand::record(0, 0, Some(key), Some(value));
        let batch = Raw { attributes: 0x20, count: 1, last_offset_delta: 0, ..RAW }.with(&records);
        let mut records = Records::new(&batch, 0).expect("a batch");
        let record = records.next_record().expect("a record").expect("one");
        assert_eq!(Control::read(&record), None, "{key:?} {value:?}");
    }
}

#[test]
fn damage_is_named() {
    use anymq_batch::Part;
    let one = Raw { count: 1, last_offset_delta: 0, ..RAW };
    let malformed = |part, number| Fault::Malformed { index: 0, part, number };
    let cut = |part| Fault::RecordCut { index: 0, part };
    let cases: &[(&[u8], Fault)] = &[
        (&[0x0c, 0, 0, 0, 1, 1], Fault::TooFew { read: 0, count: 1 }),
        (&[0x0e, 0, 0, 0, 1, 1, 0], malformed(Part::Length, 7)),
        (&[0x0a, 0, 0, 0, 1, 1, 0], Fault::TooMany(1)),
        (&[0x0b, 0, 0, 0, 1, 1, 0], malformed(Part::Length, -6)),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 1, 0], cut(Part::Length)),
        (&[0, 0, 0, 0, 0, 0, 0], Fault::TooMany(1)),
        (&[0x0c, 0, 0x80, 0x80, 0x80, 0x80, 0x80], cut(Part::Timestamp)),
        (&[0x0c, 0, 0, 0x80, 0x80, 0x80, 0x80], cut(Part::Offset)),
        (&[0x0c, 0, 0, 0, 20, 1, 0], cut(Part::Key)),
        (&[0x0c, 0, 0, 0, 1, 0xfe, 0x7f], cut(Part::Value)),
        (&[0x0c, 0, 0, 0, 1, 1, 2], malformed(Part::HeaderCount, 1)),
        (&[0x0c, 0, 0, 0, 1, 1, 1], malformed(Part::HeaderCount, -1)),
        (&[0x0e, 0, 0, 0, 1, 1, 0, 0], malformed(Part::Length, 7)),
        (&[0x10, 0, 0, 0, 1, 1, 2, 1, 1], malformed(Part::HeaderKey, -1)),
        (&[0x10, 0, 0, 0, 1, 1, 2, 9, 1], malformed(Part::HeaderKey, -1)),
        (&[0x10, 0, 0, 0, 1, 1, 2, 4, 1], cut(Part::HeaderKey)),
        (&[0x10, 0, 0, 0, 1, 1, 2, 0, 4], cut(Part::HeaderValue)),
    ];
    for (records, fault) in cases {
        assert_eq!(read(&one.with(records)), Err(fault.clone()), "{records:02x?}");
        assert_eq!(fault.code(), 87);
        // The same through a decompressor, where there is no count to check before.
        for (codec, packed) in stored(records) {
            let said = read(&Raw { attributes: codec, ..one }.with(&packed));
            match fault {
                Fault::TooFew { .. } => assert_eq!(said, Err(malformed(Part::Length, 6))),
                fault => assert_eq!(said, Err(fault.clone()), "codec {codec}: {records:02x?}"),
            }
        }
    }
    // After an error there is nothing more.
    let batch = one.with(cases[3].0);
    let mut records = Records::new(&batch, 0).expect("a batch");
    assert!(records.next_record().is_err());
    assert_eq!(records.next_record(), Ok(None));
    // More records than any batch has, and fewer than none.
    assert_eq!(
        read(&Raw { count: i32::MAX, ..RAW }.with(RECORDS)),
        Err(Fault::TooFew { read: 3, count: i32::MAX })
    );
    assert!(matches!(read(&Raw { count: -1, ..RAW }.with(RECORDS)), Err(Fault::Count { count: -1, .. })));
    assert_eq!(read(&Raw { count: 0, ..RAW }.with(&[])), Ok(vec![]));
}
