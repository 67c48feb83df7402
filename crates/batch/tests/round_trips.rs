//! What is written is read, found and compacted as a naive model says, with every compression.

mod by_hand;

use anymq_batch::{
    BatchBuilder, BatchHeader, Codec, Compression, Head, Header, NO_TIMESTAMP, Records, Retain, Retained,
    Rules, Scan, Stamped, first_since, latest, rebuild, retain, validate,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const BYTES_MAX: usize = 16 << 20;

#[derive(Clone, Debug, PartialEq)]
struct Row {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..max), (any::<u8>(), 0..max * 40).prop_map(|(byte, len)| vec![byte; len])]
}

fn row() -> impl Strategy<Value = (i64, Row)> {
    let timestamp =
        prop_oneof![5 => 0..200_i64, 1 => Just(NO_TIMESTAMP), 1 => any::<i64>().prop_map(|t| t >> 1)];
    let gap = prop_oneof![4 => Just(1), 1 => 1..500_i64];
    let parts = (option::of(bytes(40)), option::of(bytes(900)), vec((bytes(8), option::of(bytes(70))), 0..3));
    (gap, timestamp, parts).prop_map(|(gap, timestamp, (key, value, headers))| {
        (gap, Row { offset: 0, timestamp, key, value, headers })
    })
}

/// Rows with rising offsets from a base, and the base.
fn rows() -> impl Strategy<Value = (i64, Vec<Row>)> {
    (prop_oneof![Just(0), 0..1_i64 << 60], vec(row(), 1..40)).prop_map(|(base, rows)| {
        let mut last = base - 1;
        let rows = rows.into_iter().map(|(gap, row)| {
            last += gap;
            Row { offset: last, ..row }
        });
        (base, rows.collect())
    })
}

fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::None),
        (1..=9_u32).prop_map(Compression::Gzip),
        Just(Compression::Snappy),
        Just(Compression::Lz4),
        (-5..=19).prop_map(Compression::Zstd),
    ]
}

fn build(head: Head, rows: &[Row], compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(head, compression);
    for row in rows {
        let headers: Vec<_> =
            row.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        builder
            .push_at(row.offset, row.timestamp, row.key.as_deref(), row.value.as_deref(), &headers)
            .expect("fits");
    }
    builder.finish().expect("has records")
}

fn read(batch: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    let each = |record: &anymq_batch::Record<'_>| {
        rows.push(Row {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers
                .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        });
    };
    Records::new(batch, BYTES_MAX).and_then(|mut records| records.for_each(each)).expect("readable");
    rows
}

/// Latest timestamp as a header has it.
fn latest_of(rows: &[Row]) -> i64 {
    rows.iter().map(|row| row.timestamp).fold(NO_TIMESTAMP, i64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 2000 }))]

    #[test]
    fn what_is_written_is_read((base, rows) in rows(), how in compression()) {
        let head = Head { base_offset: base, producer_id: 5, producer_epoch: 1, base_sequence: 9, ..Head::default() };
        let batch = build(head, &rows, how);
        prop_assert_eq!(&read(&batch), &rows);
        let header = BatchHeader::parse(&batch).expect("a header");
        prop_assert_eq!(header.size(), batch.len());
        prop_assert_eq!(header.attributes.codec(), Ok(how.codec()));
        prop_assert_eq!(header.last_offset(), rows[rows.len() - 1].offset);
        prop_assert_eq!(header.base_timestamp, rows[0].timestamp);
        prop_assert_eq!(header.max_timestamp, latest_of(&rows));
        prop_assert_eq!(Head::from(&header), head);
    }

    #[test]
    fn another_compression_has_the_same_records((base, rows) in rows(), from in compression(), to in compression()) {
        let batch = build(Head { base_offset: base, ..Head::default() }, &rows, from);
        let again = rebuild(&batch, to, BYTES_MAX).expect("readable");
        let numbered = rows.into_iter().enumerate().map(|(at, row)| Row { offset: base + at as i64, ..row });
        prop_assert_eq!(read(&again), numbered.collect::<Vec<_>>());
        if base == 0 {
            let rules = Rules { batch_bytes_max: BYTES_MAX, scan: Scan::All, ..Rules::default() };
            let checked = validate(&again, &rules).expect("a client may write it");
            prop_assert_eq!((checked.stamp, checked.rewrite), (None, false));
        }
    }

    #[test]
    fn records_are_found_by_time(
        (base, rows) in rows(),
        how in compression(),
        since in -2..210_i64,
        skip in 0..20_i64,
        append in option::of(0..200_i64),
    ) {
        let batch = build(Head { base_offset: base, log_append_time: append, ..Head::default() }, &rows, how);
        let rows: Vec<_> =
            rows.into_iter().map(|row| Row { timestamp: append.unwrap_or(row.timestamp), ..row }).collect();
        let stamped = |row: &Row| Stamped { offset: row.offset, timestamp: row.timestamp };
        let first = rows.iter().find(|row| row.timestamp >= since && row.offset >= base + skip).map(stamped);
        prop_assert_eq!(first_since(&batch, since, base + skip, BYTES_MAX), Ok(first));
        let most = latest_of(&rows);
        let first = rows.iter().find(|row| most != NO_TIMESTAMP && row.timestamp == most).map(stamped);
        prop_assert_eq!(latest(&batch, BYTES_MAX), Ok(first));
    }

    #[test]
    fn compaction_keeps_what_it_should(
        (base, rows) in rows(),
        how in compression(),
        keep in any::<u64>(),
        horizon in option::of(1000..2000_i64),
        (had_horizon, keep_empty) in (option::of(0..900_i64), any::<bool>()),
        append in option::of(0..200_i64),
    ) {
        let head = Head {
            base_offset: base,
            leader_epoch: 3,
            log_append_time: append,
            transactional: true,
            producer_id: 8,
            producer_epoch: 2,
            base_sequence: 6,
            delete_horizon: had_horizon,
            ..Head::default()
        };
        let batch = build(head, &rows, how);
        let before = BatchHeader::parse(&batch).expect("a header");
        let retain_how = Retain { delete_horizon: horizon, keep_empty, decompressed_bytes_max: BYTES_MAX, ..Retain::default() };
        let stays = |row: &Row| keep >> (row.offset % 64) & 1 == 1;
        let mut asked = Vec::new();
        let said = retain(&batch, &retain_how, |record| {
            asked.push(record.offset);
            keep >> (record.offset % 64) & 1 == 1
        });
        prop_assert_eq!(asked, rows.iter().map(|row| row.offset).collect::<Vec<_>>());
        let rows: Vec<_> =
            rows.into_iter().map(|row| Row { timestamp: append.unwrap_or(row.timestamp), ..row }).collect();
        let kept: Vec<_> = rows.iter().filter(|row| stays(row)).cloned().collect();
        let tombstone = kept.iter().any(|row| row.value.is_none());
        let new_horizon = horizon.filter(|_| tombstone && had_horizon.is_none());
        match said.expect("readable") {
            Retained::Nothing => prop_assert!(kept.is_empty() && !keep_empty),
            Retained::Same => prop_assert!(kept.len() == rows.len() && new_horizon.is_none()),
            Retained::Batch { batch, records } => {
                prop_assert!(kept.len() < rows.len() || new_horizon.is_some());
                prop_assert_eq!(records as usize, kept.len());
                prop_assert_eq!(&read(&batch), &kept);
                let after = BatchHeader::parse(&batch).expect("a header");
                prop_assert_eq!((after.base_offset, after.last_offset()), (before.base_offset, before.last_offset()));
                prop_assert_eq!(after.last_sequence(), before.last_sequence());
                let expected = Head { delete_horizon: had_horizon.or(new_horizon).filter(|_| !kept.is_empty()), ..head };
                prop_assert_eq!(Head::from(&after), expected);
                if kept.is_empty() {
                    prop_assert!(keep_empty && batch.len() == 61 && after.count == 0);
                    prop_assert_eq!((after.base_timestamp, after.max_timestamp), (NO_TIMESTAMP, before.max_timestamp));
                    prop_assert_eq!(retain(&batch, &retain_how, |_| true), Ok(Retained::Same));
                } else {
                    let most = append.unwrap_or(latest_of(&kept));
                    prop_assert_eq!((after.max_timestamp, after.attributes.codec()), (most, Ok(how.codec())));
                }
                // The checksum is right: what a client may not write is a later complaint.
                let fault = validate(&batch, &Rules { batch_bytes_max: BYTES_MAX, ..Rules::default() });
                prop_assert_ne!(fault.err().map(|fault| fault.code()), Some(2));
            }
        }
    }
}

#[test]
fn large_records_go_through_every_compression() {
    // Larger than any window, and than a block of snappy or lz4; one that compresses and one that does not.
    let noise: Vec<u8> = (0..300_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(Head::default(), codec.into());
        for value in [&noise[..], &[7; 500_000], b"", &noise[..70_000]] {
            builder.push(1, None, Some(value), &[]).expect("fits");
        }
        let batch = builder.finish().expect("has records");
        let values: Vec<_> =
            read(&batch).into_iter().filter_map(|row| row.value).map(|value| value.len()).collect();
        assert_eq!(values, [300_000, 500_000, 0, 70_000], "{codec}");
        let rules = Rules { scan: Scan::All, ..Rules::default() };
        let checked = validate(&batch, &rules).expect("good");
        assert!(checked.records_bytes > 870_000 && (batch.len() < 870_000) == (codec != Codec::None));
    }
}

#[test]
fn the_builder_refuses_what_no_batch_can_say() {
    use anymq_batch::Fault;
    let mut builder = BatchBuilder::new(Head { base_offset: 10, ..Head::default() }, Compression::None);
    let mut push = |offset| builder.push_at(offset, 0, None, None, &[]);
    assert_eq!(push(9), Err(Fault::Order { offset: 9, last: 9 }));
    assert_eq!(push(12), Ok(()));
    assert_eq!(push(12), Err(Fault::Order { offset: 12, last: 12 }));
    let far = 10 + i64::from(i32::MAX);
    assert_eq!(push(far + 1), Err(Fault::Order { offset: far + 1, last: 12 }));
    assert_eq!(push(far), Ok(()));
    let batch = builder.finish().expect("two records");
    assert_eq!(read(&batch).iter().map(|row| row.offset).collect::<Vec<_>>(), [12, far]);
    let empty = BatchBuilder::new(Head::default(), Compression::None);
    assert!(empty.is_empty());
    assert_eq!(empty.finish(), Err(Fault::Count { count: 0, last_offset_delta: -1 }));
    let bad = BatchBuilder::new(Head::default(), Compression::Zstd(3));
    assert_eq!(bad.finish().map_err(|fault| fault.code()), Err(87));
}

#[test]
fn the_marker_of_an_empty_transaction_gets_a_horizon() {
    let head = Head { base_offset: 4, producer_id: 1, producer_epoch: 0, ..Head::default() };
    let control = anymq_batch::Control { commit: true, coordinator_epoch: 2 };
    let batch = anymq_batch::marker(head, control, 50).expect("fits");
    let how = Retain { delete_horizon: Some(99), ends_empty_transaction: true, ..Retain::default() };
    let Ok(Retained::Batch { batch: with, records: 1 }) = retain(&batch, &how, |_| true) else {
        panic!("a horizon")
    };
    let header = BatchHeader::parse(&with).expect("a header");
    assert_eq!((header.delete_horizon(), header.max_timestamp), (Some(99), 50));
    assert!(header.attributes.is_control());
    assert_eq!(read(&with), read(&batch));
    assert_eq!(retain(&with, &how, |_| true), Ok(Retained::Same));
}
