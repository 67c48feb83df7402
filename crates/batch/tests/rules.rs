//! What a client may store.

mod by_hand;

use anymq_batch::{
    Checked, Fault, RecordFault, Records, Rules, Scan, Stamp, TimestampType, Timestamps, rebuild, set_stamp,
    validate,
};
use by_hand::{RAW, RECORDS, Raw, record, stored};

const NOW: i64 = RAW.max_timestamp;

fn create(before_max: i64, after_max: i64) -> Timestamps {
    Timestamps::Create { now: NOW, before_max, after_max }
}

fn rules(scan: Scan) -> Rules {
    Rules { scan, ..Rules::default() }
}

/// `Err` as code and text.
fn verdict(batch: &[u8], rules: &Rules) -> Result<Checked, (i16, String)> {
    validate(batch, rules).map_err(|fault| (fault.code(), fault.to_string()))
}

#[test]
fn a_good_batch_is_taken_as_it_is() {
    for scan in [Scan::Header, Scan::Plain, Scan::All] {
        for (codec, packed) in stored(RECORDS).into_iter().chain([(0, RECORDS.to_vec())]) {
            let raw = Raw { attributes: codec, ..RAW };
            let checked = verdict(&raw.with(&packed), &rules(scan)).expect("good");
            let scanned = scan == Scan::All || scan == Scan::Plain && codec == 0;
            assert_eq!(checked.scanned, scanned, "codec {codec}");
            assert_eq!(checked.records_bytes, if scanned { RECORDS.len() } else { 0 });
            assert_eq!((checked.max_timestamp, checked.stamp, checked.rewrite), (NOW, None, false));
            assert_eq!(checked.header.count, 2);
            // A producer with a transaction.
            let raw =
                Raw { attributes: codec | 0x10, producer_id: 0, producer_epoch: 0, base_sequence: 0, ..raw };
            verdict(&raw.with(&packed), &rules(scan)).expect("good");
        }
    }
}

#[test]
fn what_is_wrong_has_kafkas_code_and_its_number() {
    let good = RAW.with(RECORDS);
    let patched = |at: usize, byte: u8| {
        let mut batch = good.clone();
        batch[at] = byte;
        batch
    };
    let with = |raw: Raw| raw.with(RECORDS);
    let computed = by_hand::crc(0x82f6_3b78, &patched(80, 9)[21..]);
    let corrupt = format!("record batch is corrupt: stored crc 0x26abdeb3, computed crc {computed:#010x}");
    let cases: &[(Vec<u8>, i16, &str)] = &[
        (vec![], 87, "record batch is cut short: 0 of 61 bytes"),
        (good[..84].to_vec(), 87, "record batch is cut short: 84 of 85 bytes"),
        ([&good[..], &good].concat(), 87, "85 bytes after the record batch: there may be only one batch"),
        (patched(11, 40), 2, "record batch has an impossible length of 40 bytes"),
        (patched(16, 1), 87, "record batch has magic 1, only 2 is supported"),
        (patched(16, 3), 2, "record batch has magic 3, only 2 is supported"),
        (patched(80, 9), 2, &corrupt),
        (with(Raw { base_offset: 5, ..RAW }), 87, "base offset of a produced record batch must be 0, not 5"),
        (with(Raw { count: 3, ..RAW }), 87, "record batch has 3 records but a last offset delta of 1"),
        (
            with(Raw { count: 0, last_offset_delta: -1, ..RAW }),
            87,
            "record batch has 0 records but a last offset delta of -1",
        ),
        (
            with(Raw { count: i32::MIN, last_offset_delta: i32::MAX, ..RAW }),
            87,
            "record batch has -2147483648 records but a last offset delta of 2147483647",
        ),
        (with(Raw { attributes: 0x20, ..RAW }), 87, "clients may not write control records"),
        (
            with(Raw { producer_id: 8, base_sequence: -1, ..RAW }),
            87,
            "invalid sequence number -1 in a record batch of producer 8",
        ),
        (with(Raw { attributes: 0x10, ..RAW }), 87, "transactional record batch without a producer id (-1)"),
        (with(Raw { attributes: 5, ..RAW }), 76, "unknown compression type 5"),
        (with(Raw { count: 9, last_offset_delta: 8, ..RAW }), 87, "record batch ends after 3 of 9 records"),
    ];
    for (batch, code, text) in cases {
        for scan in [Scan::Header, Scan::All] {
            let fault = verdict(batch, &rules(scan)).expect_err(text);
            assert_eq!((fault.0, &fault.1[..]), (*code, *text));
        }
    }
    let small = Rules { batch_bytes_max: 84, ..Rules::default() };
    let text = "record batch has 85 bytes, more than the maximum of 84".to_owned();
    assert_eq!(verdict(&good, &small), Err((10, text)));
    assert!(verdict(&good, &Rules { batch_bytes_max: 85, ..Rules::default() }).is_ok());
    let old = Rules { zstd: false, ..Rules::default() };
    let text = "compression zstd needs a newer request version".to_owned();
    assert_eq!(verdict(&with(Raw { attributes: 4, ..RAW }), &old), Err((76, text)));
}

#[test]
fn a_scan_finds_what_the_header_hides() {
    let three = Raw { count: 3, last_offset_delta: 2, ..RAW };
    let two = Raw { count: 2, ..RAW };
    let one = Raw { count: 1, last_offset_delta: 0, ..RAW };
    for (codec, packed) in stored(RECORDS).into_iter().chain([(0, RECORDS.to_vec())]) {
        let with = |raw: Raw| Raw { attributes: codec, ..raw }.with(&packed);
        assert!(validate(&with(two), &rules(Scan::All)).is_ok());
        assert_eq!(
            validate(&with(three), &rules(Scan::All)),
            Err(Fault::TooFew { read: 2, count: 3 }),
            "codec {codec}"
        );
        assert_eq!(validate(&with(one), &rules(Scan::All)), Err(Fault::TooMany(1)), "codec {codec}");
        assert!(validate(&with(three), &rules(Scan::Header)).is_ok());
    }
    for codec in 1..=4 {
        let batch = Raw { attributes: codec, ..RAW }.with(b"\x04not what any codec writes");
        assert!(validate(&batch, &rules(Scan::Plain)).is_ok());
        let fault = validate(&batch, &rules(Scan::All)).expect_err("damage");
        assert!(matches!(fault, Fault::Decompress { .. }), "{fault}");
        assert_eq!(fault.code(), 87);
    }
}

#[test]
fn lz4_that_java_cannot_read_is_refused() {
    let one = Raw { attributes: 3, ..RAW };
    let lz4 = stored(RECORDS).into_iter().find(|(codec, _)| *codec == 3).expect("lz4").1;
    assert!(validate(&one.with(&lz4), &rules(Scan::All)).is_ok());
    let patched = |at: usize, byte| {
        let mut packed = lz4.clone();
        packed[at] = byte;
        packed
    };
    for (packed, reason) in [
        (patched(4, 0x40), "blocks depend on each other"),
        (patched(0, 0x50), "no lz4 frame"),
        (lz4[..lz4.len() - 4].to_vec(), "no end mark"),
        (lz4[..4].to_vec(), "cut short"),
    ] {
        let reason = reason.to_owned();
        let fault = Fault::Decompress { codec: anymq_batch::Codec::Lz4, reason };
        assert_eq!(validate(&one.with(&packed), &rules(Scan::All)), Err(fault));
    }
}

#[test]
fn a_compacted_topic_needs_keys() {
    let keys = Rules { keys: true, scan: Scan::Header, ..Rules::default() };
    let records =
        [record(0, 0, Some(b"a"), None), record(0, 1, None, Some(b"v")), record(0, 2, None, None)].concat();
    for (codec, packed) in stored(&records).into_iter().chain([(0, records.clone())]) {
        let batch = Raw { attributes: codec, count: 3, last_offset_delta: 2, ..RAW }.with(&packed);
        let Err(Fault::Records(faults)) = validate(&batch, &keys) else { panic!("codec {codec}") };
        assert_eq!(faults.listed, [(1, RecordFault::NoKey), (2, RecordFault::NoKey)]);
        assert_eq!((faults.total, faults.timestamps), (2, false));
        let fault = Fault::Records(faults);
        let text =
            "2 records are refused, the first is record 1: compacted topic cannot accept message without key";
        assert_eq!((fault.code(), &fault.to_string()[..]), (87, text));
    }
    // The list is bounded, the count is not.
    let records: Vec<u8> = (0..60).map(|_| record(0, 0, None, None)).collect::<Vec<_>>().concat();
    let batch = Raw { count: 180, last_offset_delta: 179, ..RAW }.with(&records.repeat(3));
    let Err(Fault::Records(faults)) = validate(&batch, &keys) else { panic!("no keys") };
    assert_eq!((faults.listed.len(), faults.total), (100, 180));
}

#[test]
fn timestamps_have_bounds() {
    let records = [record(-10, 0, None, None), record(20, 1, None, None)].concat();
    // 10 ms before NOW - 5 and 20 after: ages 15 and -15.
    let raw = Raw { max_timestamp: RAW.base_timestamp + 20, ..RAW };
    let batch = raw.with(&records);
    let with = |timestamps, scan| Rules { timestamps, scan, ..Rules::default() };
    for (before, after, refused) in [
        (15, 15, vec![]),
        (14, 15, vec![(0, RAW.base_timestamp - 10)]),
        (15, 14, vec![(1, RAW.base_timestamp + 20)]),
        (0, 0, vec![(0, RAW.base_timestamp - 10), (1, RAW.base_timestamp + 20)]),
    ] {
        let said = validate(&batch, &with(create(before, after), Scan::All));
        let range = |timestamp| RecordFault::Timestamp { timestamp, from: NOW - before, to: NOW + after };
        match said {
            Ok(checked) => assert_eq!((refused, checked.max_timestamp), (vec![], raw.max_timestamp)),
            Err(Fault::Records(faults)) => {
                let expected: Vec<_> = refused.into_iter().map(|(at, stamp)| (at, range(stamp))).collect();
                assert_eq!((faults.listed.clone(), faults.timestamps), (expected, true));
                assert_eq!(Fault::Records(faults).code(), 32);
            }
            Err(other) => panic!("{other}"),
        }
    }
    // The header has only the latest.
    assert!(validate(&batch, &with(create(14, 15), Scan::Header)).is_ok());
    let text =
        format!("timestamp {} is out of range, it should be within [{}, {}]", NOW + 15, NOW - 15, NOW + 14);
    assert_eq!(verdict(&batch, &with(create(15, 14), Scan::Header)), Err((32, text)));
    // No timestamp is always in range.
    let none = Raw { base_timestamp: -1, max_timestamp: -1, ..RAW }
        .with(&[record(0, 0, None, None), record(0, 1, None, None)].concat());
    for scan in [Scan::Header, Scan::All] {
        let checked = validate(&none, &with(create(0, 0), scan)).expect("none");
        assert_eq!((checked.max_timestamp, checked.stamp), (-1, None));
    }
}

#[test]
fn the_stamp_is_what_the_header_should_say() {
    let append = Timestamps::Append { now: 77 };
    let create = Timestamps::Create { now: NOW, before_max: i64::MAX, after_max: i64::MAX };
    let stamp = |kind, max_timestamp| Some(Stamp { kind, max_timestamp });
    let plain = RAW.with(RECORDS);
    let lies = Raw { max_timestamp: 1, ..RAW }.with(RECORDS);
    let claims = Raw { attributes: 8, ..RAW }.with(RECORDS);
    let claims_other = Raw { attributes: 8, max_timestamp: 5, ..RAW }.with(RECORDS);
    let claims_none = Raw { attributes: 8, max_timestamp: -1, ..RAW }.with(RECORDS);
    type Row<'a> = (&'a [u8], Timestamps, Scan, Result<Option<Stamp>, Fault>);
    let cases: &[Row] = &[
        (&plain, create, Scan::All, Ok(None)),
        (&plain, append, Scan::Header, Ok(stamp(TimestampType::LogAppendTime, 77))),
        (&lies, create, Scan::Header, Ok(None)),
        (&lies, create, Scan::All, Ok(stamp(TimestampType::CreateTime, NOW))),
        (&claims, create, Scan::All, Ok(stamp(TimestampType::CreateTime, NOW))),
        (&claims, create, Scan::Header, Ok(stamp(TimestampType::CreateTime, NOW))),
        (&claims_other, create, Scan::All, Ok(stamp(TimestampType::CreateTime, NOW))),
        (&claims_other, create, Scan::Header, Ok(stamp(TimestampType::CreateTime, 5))),
        (&claims, append, Scan::Header, Err(Fault::TimestampType)),
        (&claims_none, create, Scan::All, Err(Fault::TimestampType)),
    ];
    for (row, (batch, timestamps, scan, expected)) in cases.iter().enumerate() {
        let said = validate(batch, &Rules { timestamps: *timestamps, scan: *scan, ..Rules::default() });
        assert_eq!(said.clone().map(|checked| checked.stamp), *expected, "row {row}");
        // Once stamped, nothing is left to say; the CRC is right.
        if let Ok(Checked { stamp: Some(stamp), max_timestamp, .. }) = said {
            let mut batch = batch.to_vec();
            set_stamp(&mut batch, stamp);
            let header = validate(&batch, &Rules::default()).expect("still good").header;
            assert_eq!(header.max_timestamp, max_timestamp);
            assert_eq!(header.attributes.timestamp_type(), stamp.kind);
        }
    }
    assert_eq!(Fault::TimestampType.code(), 32);
}

#[test]
fn wrong_numbers_are_found_and_put_right() {
    let records =
        [record(0, 0, None, Some(b"a")), record(1, 0, None, Some(b"b")), record(2, 5, None, Some(b"c"))];
    let raw = Raw { count: 3, last_offset_delta: 2, max_timestamp: RAW.base_timestamp + 2, ..RAW };
    for (codec, packed) in stored(&records.concat()).into_iter().chain([(0, records.concat())]) {
        let batch = Raw { attributes: codec, ..raw }.with(&packed);
        let checked = validate(&batch, &rules(Scan::All)).expect("good but for the numbers");
        assert!(checked.rewrite);
        let codec = checked.header.attributes.codec().expect("known");
        let again = rebuild(&batch, codec.into(), 1 << 20).expect("written again");
        let checked = validate(&again, &rules(Scan::All)).expect("good");
        assert_eq!((checked.rewrite, checked.stamp, checked.header.count), (false, None, 3));
        let mut seen = Vec::new();
        let each =
            |record: &anymq_batch::Record<'_>| seen.push((record.offset, record.value.map(<[u8]>::to_vec)));
        Records::new(&again, 1 << 20).and_then(|mut records| records.for_each(each)).expect("readable");
        assert_eq!(seen, [(0, Some(b"a".to_vec())), (1, Some(b"b".to_vec())), (2, Some(b"c".to_vec()))]);
    }
}
