//! What is written in batches is read by offset.

use anymq_batch::{BatchBuilder, Compression, Head};
use anymq_broker::DeclareQueue;
use anymq_broker::topics::{Found, OffsetFound, OffsetOf, Read, SequenceFault, WriteFault, Wrote};
use anymq_runtime::FaultDisk;
use anymq_types::value::Table;
use anymq_types::{Millis, QueueId};

use crate::house::{House, NOW, batch, numbered, other_session, values};

#[test]
fn a_batch_is_read_as_it_was_written_once_it_is_on_disk() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    let compressions = [
        Compression::None,
        Compression::Gzip(6),
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd(3),
    ];
    let mut next = 0;
    for compression in compressions {
        let sent = numbered(Head::default(), &["a", "b", "c"], compression);
        let wrote = house.write(partition, &sent).expect("taken");
        assert_eq!((wrote.base, wrote.start, wrote.duplicate), (next, 0, false));
        let before = house.read(partition, next, 1 << 20);
        assert_eq!(
            (before.high_watermark, before.found),
            (next, Found::Runs(vec![])),
            "not before it is on disk"
        );
        house.broker.log().commit_now();
        let after = house.read(partition, next, 1 << 20);
        assert_eq!(after.high_watermark, next + 3);
        let Found::Runs(runs) = after.found else { panic!("it is in memory") };
        let mut want = sent.clone();
        anymq_batch::set_base_offset(&mut want, next as i64);
        anymq_batch::set_leader_epoch(&mut want, 0);
        assert_eq!(runs.iter().map(|r| r.bytes.to_vec()).collect::<Vec<_>>(), [want], "byte for byte");
        next += 3;
    }
    let all = values(&house.runs(partition, 4, u32::MAX));
    let offsets: Vec<i64> = all.iter().map(|v| v.0).collect();
    assert_eq!(offsets, (3..15).collect::<Vec<i64>>(), "from the batch that holds the offset");
}

#[test]
fn reading_has_its_bounds() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    let one = batch(&["x"]);
    for _ in 0..10 {
        house.written(partition, &one);
    }
    let size = one.len() as u32;
    for (max, want) in [(0, 1), (1, 1), (size, 1), (size * 2 - 1, 1), (size * 2, 2), (u32::MAX, 10)] {
        assert_eq!(values(&house.runs(partition, 0, max)).len(), want, "{max} bytes");
    }
    let read =
        |offset, at_least_one| Read { partition, offset, max_bytes: 1, at_least_one, stable_only: false };
    let found = |read| house.session.read(&[read], None).remove(0).found;
    assert_eq!(found(read(0, false)), Found::Runs(vec![]));
    assert_eq!(found(read(10, true)), Found::Runs(vec![]), "the next offset has nothing yet");
    assert_eq!(found(read(11, true)), Found::OutOfRange);
    let nowhere = Read { partition: QueueId(9_999), ..read(0, true) };
    assert_eq!(found(nowhere), Found::NoPartition);
    // Of several partitions only the first with something is given more than it may have.
    let two = house.session.read(&[read(10, true), read(3, true), read(4, true)], None);
    let counts: Vec<usize> = two
        .iter()
        .map(|out| match &out.found {
            Found::Runs(runs) => values(runs).len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [0, 1, 0]);
}

#[test]
fn everything_is_there_after_a_crash_and_after_an_orderly_restart() {
    for orderly in [false, true] {
        let (disk, house) = House::new();
        let partition = house.topic("t", 3).partitions[1];
        let head =
            |base_sequence| Head { producer_id: 5, producer_epoch: 0, base_sequence, ..Head::default() };
        for n in 0..200 {
            let padding = "x".repeat(2_000);
            let sent = numbered(head(n * 2), &[&format!("{n}"), &padding], Compression::None);
            assert_eq!(house.written(partition, &sent), n as u64 * 2);
        }
        let lost = numbered(head(400), &["lost", "lost"], Compression::None);
        if orderly {
            house.broker.close().expect("it stops in order");
        } else {
            house.write(partition, &lost).expect("taken, not synced");
        }
        drop(house);
        let house = House::open(&disk);
        let topic = house.session.topic("t").expect("it is there");
        assert_eq!((topic.partitions.len(), topic.partitions[1]), (3, partition));
        let mut offset = 0;
        while offset < 400 {
            let read = values(&house.runs(partition, offset, 30_000));
            assert_eq!((read[0].0, &read[0].1), (offset as i64, &format!("{}", offset / 2)));
            offset = read.last().expect("something").0 as u64 + 1;
        }
        let end = house.read(partition, 400, 1 << 20);
        assert_eq!((end.high_watermark, end.found), (400, Found::Runs(vec![])), "orderly: {orderly}");
        let again = numbered(head(398), &["199", &"x".repeat(2_000)], Compression::None);
        let duplicate = Wrote { base: 398, start: 0, duplicate: true };
        assert_eq!(house.write(partition, &again), Ok(duplicate), "the producer's last batch is known");
        let gap = numbered(head(402), &["gap"], Compression::None);
        let fault = WriteFault::Sequence(SequenceFault::Gap { sequence: 402, expected: 400 });
        assert_eq!(house.write(partition, &gap), Err(fault));
        assert_eq!(house.written(partition, &lost), 400, "what was lost is sent again");
    }
}

#[test]
fn producer_ids_are_never_given_out_twice() {
    let disk = FaultDisk::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let house = House::open(&disk);
        for _ in 0..3 {
            assert!(seen.insert(house.session.new_producer().value));
        }
        house.broker.log().commit_now();
    }
}

#[test]
fn records_are_deleted_up_to_an_offset_for_good() {
    let (disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    house.written(partition, &batch(&["a", "b", "c"]));
    house.written(partition, &batch(&["d", "e", "f"]));
    let refused = house.session.delete_records(partition, Some(7)).unwrap_err();
    assert_eq!(refused.text, "offset 7 is after the high watermark 6");
    assert_eq!(house.session.delete_records(partition, Some(4)).expect("allowed").value, 4);
    assert_eq!(house.session.delete_records(partition, Some(1)).expect("nothing to do").value, 4);
    house.broker.log().commit_now();
    let check = |house: &House| {
        assert_eq!(house.read(partition, 3, 1 << 20).found, Found::OutOfRange);
        let out = house.read(partition, 4, 1 << 20);
        assert_eq!((out.start, out.high_watermark), (4, 6));
        assert_eq!(values(&house.runs(partition, 4, 1 << 20)).len(), 3, "the batch is given whole");
        let status = house.session.declare_queue(DeclareQueue {
            name: "t",
            passive: true,
            durable: true,
            exclusive: false,
            auto_delete: false,
            args: &Table::new(),
        });
        assert_eq!(status.expect("there").value.messages, 2);
    };
    check(&house);
    house.broker.snapshot().expect("a snapshot");
    drop(house);
    let house = House::open(&disk);
    check(&house);
    assert_eq!(house.session.delete_records(partition, None).expect("all").value, 6);
    house.broker.log().commit_now();
    drop(house);
    let house = House::open(&disk);
    let out = house.read(partition, 6, 1 << 20);
    assert_eq!((out.start, out.high_watermark, out.found), (6, 6, Found::Runs(vec![])));
    assert_eq!(house.written(partition, &batch(&["g"])), 6, "no offset is used again");
}

#[test]
fn who_waits_is_woken_by_the_commit() {
    let (_disk, house) = House::new();
    let topic = house.topic("t", 2);
    let read = |n: usize| Read {
        partition: topic.partitions[n],
        offset: 0,
        max_bytes: 1 << 20,
        at_least_one: true,
        stable_only: false,
    };
    let woken = || {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        house.session.outbox().poll(&mut cx, &mut Vec::new()).is_ready()
    };
    woken();
    house.session.read(&[read(0), read(1)], Some(1));
    assert!(!woken());
    let (broker, clock) = (house.broker.clone(), house.clock.clone());
    let writer = House { session: other_session(&broker), broker, clock };
    writer.write(topic.partitions[1], &batch(&["a"])).expect("taken");
    assert!(!woken(), "not before it is on disk");
    house.broker.log().commit_now();
    assert!(woken());
    writer.written(topic.partitions[1], &batch(&["b"]));
    assert!(!woken(), "once");
    house.session.read(&[read(1)], Some(1));
    writer.written(topic.partitions[1], &batch(&["c"]));
    assert!(!woken(), "there was enough");
    writer.write(topic.partitions[0], &batch(&["d"])).expect("taken");
    house.session.read(&[read(0)], Some(1));
    assert!(!woken(), "written, but not on disk");
    house.broker.log().commit_now();
    assert!(woken(), "by what was on its way when it began to wait");
    writer.written(topic.partitions[0], &batch(&["e"]));
    woken();
    house.session.read(&[Read { offset: 2, ..read(0) }], Some(1));
    house.session.delete_topic("t").expect("it is there");
    assert!(woken(), "it is gone");
}

#[test]
fn offsets_are_found_by_time() {
    let (disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    for n in 0..4 {
        let mut at = BatchBuilder::new(Head::default(), Compression::None);
        at.push(NOW as i64 + n * 10_000, None, Some(b"x"), &[]).expect("short");
        house.written(partition, &at.finish().expect("short"));
    }
    drop(house);
    let house = House::open(&disk);
    let find = |of| house.session.offset_of(partition, of).expect("allowed");
    assert_eq!(find(OffsetOf::First), OffsetFound::Offset(0));
    assert_eq!(find(OffsetOf::Next { stable_only: true }), OffsetFound::Offset(4));
    let since = |ms: u64, from| match find(OffsetOf::Since { at: Millis(NOW + ms), from }) {
        OffsetFound::Cold(cold) => house.load(cold).map(|runs| (runs[0].base, runs[0].end)),
        OffsetFound::In(run) => Some((run.base, run.end)),
        OffsetFound::Offset(_) | OffsetFound::Nothing => None,
    };
    // All four were joined when the journal was replayed; a batch is still found by itself.
    let (base, _) = since(10_001, 0).expect("one is that late");
    assert!(base <= 2);
    assert_eq!(since(30_001 + 1_000, 0), None);
    assert!(since(0, 3).is_some_and(|(base, _)| base == 3), "from an offset on");
    let latest = match find(OffsetOf::Latest { from: 0 }) {
        OffsetFound::Cold(cold) => house.load(cold).expect("there"),
        other => panic!("{other:?}"),
    };
    assert_eq!(latest.last().expect("one").end, 4);
}
