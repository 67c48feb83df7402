//! Record batches (`anymq_batch`).

#![allow(unreachable_pub, reason = "a test takes this file in as a module of its own")]

use anymq_batch::{
    BatchBuilder, BatchHeader, Checked, Codec, Control, Fault, Head, Header, Records, Retain, Retained,
    Rules, Scan, Stamped, first_since, latest, marker, rebuild, retain, set_stamp, validate,
};

/// Bytes that a batch may decompress to.
pub const BYTES_MAX: usize = 1 << 20;
/// What reading may hold besides four times its input: lz4 takes two blocks of 4 MiB if the frame says so.
pub const BASE: usize = 16 << 20;

/// A batch as it came, and once more with a length and a CRC that are right, so that what is behind them is reached.
pub fn batches(data: &[u8]) {
    one(data);
    let mut sealed = data.to_vec();
    if reseal(&mut sealed) {
        one(&sealed);
    }
}

/// What is accepted can be put right, is then what it should be, and is read alike by all that read.
fn one(batch: &[u8]) {
    let rules = Rules { scan: Scan::All, decompressed_bytes_max: BYTES_MAX, ..Rules::default() };
    let deep = validate(batch, &rules);
    let flat = validate(batch, &Rules { scan: Scan::Header, ..rules });
    if let Ok(checked) = &deep {
        assert!(flat.is_ok(), "a scan sees no less");
        put_right(batch, checked, &rules);
    } else {
        assert!(!matches!(flat, Ok(Checked { scanned: true, .. })));
    }
    let read = read(batch);
    assert!(deep.is_err() || read.is_ok());
    let found = latest(batch, BYTES_MAX);
    if let (Ok((_, most)), Ok(found)) = (&read, found) {
        // A header may say less than there is, and then the search ends early.
        let header = BatchHeader::parse(batch).expect("was read");
        assert!(header.max_timestamp < most.map_or(-1, |most| most.timestamp) || found == *most);
    }
    let _ = first_since(batch, 3, 1, BYTES_MAX);
    compact(batch, read);
}

fn put_right(batch: &[u8], checked: &Checked, rules: &Rules) {
    let mut stored = batch.to_vec();
    if checked.rewrite {
        let codec = checked.header.attributes.codec().expect("checked");
        stored = rebuild(batch, codec.into(), BYTES_MAX).expect("was read");
    }
    if let Some(stamp) = checked.stamp {
        set_stamp(&mut stored, stamp);
    }
    // Written again, a batch may be larger than it was.
    let again = validate(&stored, &Rules { batch_bytes_max: usize::MAX, ..*rules })
        .expect("what was put right is right");
    assert_eq!((again.stamp, again.rewrite, again.header.count), (None, false, checked.header.count));
}

/// Number of records, and the first of those with the latest timestamp.
fn read(batch: &[u8]) -> Result<(u32, Option<Stamped>), Fault> {
    let (mut count, mut most) = (0, None::<Stamped>);
    Records::new(batch, BYTES_MAX)?.for_each(|record| {
        count += 1;
        let headers: usize =
            record.headers.map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len)).sum();
        assert!(headers <= BYTES_MAX);
        if record.timestamp > most.map_or(-1, |most| most.timestamp) {
            most = Some(Stamped { offset: record.offset, timestamp: record.timestamp });
        }
        let _ = Control::read(record);
    })?;
    Ok((count, most))
}

fn compact(batch: &[u8], read: Result<(u32, Option<Stamped>), Fault>) {
    let how = Retain {
        delete_horizon: Some(1),
        keep_empty: true,
        decompressed_bytes_max: BYTES_MAX,
        ..Retain::default()
    };
    let mut stay = 0;
    let retained = retain(batch, &how, |record| {
        let stays = record.offset % 2 == 0 || record.headers.len() > 3;
        stay += u32::from(stays);
        stays
    });
    match (retained, read) {
        // Records that are not in order cannot be written.
        (Err(_), Err(_)) | (Err(Fault::Order { .. }), Ok(_)) => {}
        (Ok(Retained::Same), Ok((count, _))) => assert_eq!(stay, count),
        (Ok(Retained::Batch { batch: after, records }), Ok(_)) => {
            assert_eq!(records, stay);
            let (before, after) = (BatchHeader::parse(batch), BatchHeader::parse(&after));
            let kept = |header: Result<BatchHeader, Fault>| {
                header.map(|header| {
                    (header.base_offset, header.last_offset(), header.producer_id, header.last_sequence())
                })
            };
            assert_eq!(kept(before), kept(after));
        }
        (retained, read) => panic!("{retained:?} of {read:?}"),
    }
}

/// Sets magic, length and CRC right. False if there is no room for a header.
fn reseal(batch: &mut [u8]) -> bool {
    if batch.len() < 61 {
        return false;
    }
    let length = (batch.len() as i32 - 12).to_be_bytes();
    batch[8..12].copy_from_slice(&length);
    batch[16] = 2;
    let crc = crc_fast::crc32_iscsi(&batch[21..]).to_be_bytes();
    batch[17..21].copy_from_slice(&crc);
    true
}

/// Batches in every compression, of a producer and of none, and a marker.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for codec in Codec::ALL {
        let heads = [
            Head {
                producer_id: 3,
                producer_epoch: 0,
                base_sequence: 0,
                transactional: true,
                ..Head::default()
            },
            Head { log_append_time: Some(9), delete_horizon: Some(7), ..Head::default() },
        ];
        for (head, records) in heads.into_iter().zip([20_u8, 2]) {
            let mut builder = BatchBuilder::new(head, codec.into());
            for at in 0..records {
                let value = [at; 30];
                let headers =
                    [Header { key: b"trace", value: Some(&value[..4]) }, Header { key: b"", value: None }];
                let value = (at % 5 > 0).then_some(&value[..]);
                let added = builder.push(
                    at.into(),
                    value.map(|value| &value[..3]),
                    value,
                    &headers[..usize::from(at % 3)],
                );
                added.expect("fits");
            }
            seeds.push(builder.finish().expect("has records"));
        }
    }
    let control = Control { commit: true, coordinator_epoch: 5 };
    seeds.push(marker(Head { producer_id: 3, ..Head::default() }, control, 8).expect("fits"));
    seeds
}
