use anymq_batch::{DECOMPRESSED_BYTES_MAX, Records};

use super::*;
use crate::kafka::content;
use crate::kafka::load::Compression as How;

/// Partition, base sequence and times of the records of each batch.
fn told(batches: &[Batch]) -> Vec<(i32, i32, Vec<Nanos>)> {
    let one = |batch: &Batch| {
        let mut records = Records::new(&batch.bytes, DECOMPRESSED_BYTES_MAX).expect("a batch");
        let header = *records.header();
        header.check_bytes(&batch.bytes).expect("the right CRC");
        let mut times = Vec::new();
        records.for_each(|record| times.extend(content::due(record.value))).expect("records");
        assert_eq!(header.count as usize, times.len());
        (batch.partition, header.base_sequence, times)
    };
    batches.iter().map(one).collect()
}

fn fill(batches: &mut Batches, times: impl IntoIterator<Item = Nanos>) {
    for due in times {
        assert!(batches.has_room());
        batches.push(due, 1000).expect("room");
    }
}

fn take(batches: &mut Batches) -> (Vec<(i32, i32, Vec<Nanos>)>, Dues) {
    let mut dues = Dues::new();
    let taken = batches.take(&mut dues).expect("batches");
    let told = told(&taken);
    batches.recycle(taken);
    (told, dues)
}

/// Batches of two records of 100 bytes.
fn load() -> Load {
    Load { batch_bytes: 300, ..Load::default() }
}

#[test]
fn without_keys_a_partition_gets_a_batch_and_then_the_next() {
    let mut batches = Batches::new(&load(), &[4, 7], None);
    fill(&mut batches, [1, 1, 2]);
    assert_eq!(take(&mut batches), (vec![(4, -1, vec![1, 1]), (7, -1, vec![2])], vec![(1, 2), (2, 1)]));
    assert!(batches.is_empty());
    // What was not full was sent all the same: the turn is the other's.
    fill(&mut batches, [3]);
    assert_eq!(take(&mut batches).0, [(4, -1, vec![3])]);
    fill(&mut batches, [4, 5, 6, 7]);
    assert!(!batches.has_room());
    assert_eq!(batches.ready_at(100), Some(0));
    assert_eq!(take(&mut batches).0.len(), 2);
}

#[test]
fn with_keys_partitions_take_turns_record_by_record() {
    let load = Load { key_size: 8, batch_bytes: 340, ..load() };
    let mut batches = Batches::new(&load, &[0, 1], None);
    fill(&mut batches, [1, 2, 3]);
    assert!(batches.has_room(), "it is partition 1's turn");
    let (told, _) = take(&mut batches);
    assert_eq!(told, [(0, -1, vec![1, 3]), (1, -1, vec![2])]);
    fill(&mut batches, [4, 5, 6, 7]);
    assert!(!batches.has_room());
}

#[test]
fn a_batch_waits_for_as_long_as_it_may() {
    let mut batches = Batches::new(&load(), &[0, 1], None);
    assert_eq!(batches.ready_at(5), None);
    fill(&mut batches, [10]);
    assert_eq!(batches.ready_at(5), Some(15));
    assert_eq!(batches.ready_at(0), Some(10));
    fill(&mut batches, [12]);
    assert_eq!(batches.ready_at(5), Some(0), "it is full");
}

#[test]
fn an_idempotent_producer_counts_its_records_by_partition() {
    let mut batches = Batches::new(&load(), &[0, 1], Some((5, 2)));
    let mut sequences = Vec::new();
    for _ in 0..2 {
        fill(&mut batches, [1, 1, 1]);
        sequences.extend(take(&mut batches).0.into_iter().map(|(p, sequence, t)| (p, sequence, t.len())));
    }
    sequences.sort_unstable();
    assert_eq!(sequences, [(0, 0, 2), (0, 2, 2), (1, 0, 1), (1, 1, 1)]);
}

#[test]
fn a_request_has_a_bound_and_partitions_take_turns() {
    let load = Load { batch_bytes: 400 << 10, size: 64 << 10, ..Load::default() };
    let mut batches = Batches::new(&load, &[0, 1, 2, 3], None);
    while batches.has_room() {
        fill(&mut batches, [1]);
    }
    assert!(batches.is_enough());
    let partitions = |batches: &mut Batches| -> Vec<i32> {
        take(batches).0.iter().map(|(partition, ..)| *partition).collect()
    };
    assert_eq!(partitions(&mut batches), [0, 1]);
    assert_eq!(partitions(&mut batches), [2, 3]);
    assert!(batches.is_empty());
}

#[test]
fn a_record_larger_than_a_batch_is_one_by_itself_and_batches_are_compressed() {
    let load = Load { batch_bytes: 50, compression: How::Lz4, size: 5000, ..Load::default() };
    let mut batches = Batches::new(&load, &[0], None);
    fill(&mut batches, [9]);
    assert!(!batches.has_room());
    let taken = batches.take(&mut Dues::new()).expect("a batch");
    assert_eq!(told(&taken), [(0, -1, vec![9])]);
    assert!(taken[0].bytes.len() < 4000, "{}", taken[0].bytes.len());
}
