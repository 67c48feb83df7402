//! Transactions over partitions end as one, are seen as one, and outlive restarts.

use anymq_batch::{BatchBuilder, Compression, Head};
use anymq_broker::topics::{Aborted, Found, OffsetFound, OffsetOf, Read, WriteFault};
use anymq_broker::transactions::{ProducerEpoch, TxnFault, TxnState};
use anymq_broker::{Commit, CommitOffsets, FetchOffsets, GroupFault, GroupResult, InGroup, TopicRef};
use anymq_runtime::FaultDisk;
use anymq_types::QueueId;

use crate::house::{House, batch, values};

const TIMEOUT_MS: u32 = 60_000;

impl House {
    fn init(&self, id: &str) -> ProducerEpoch {
        let producer = self.session.init_producer(id, TIMEOUT_MS, None).expect("allowed").value;
        self.broker.log().commit_now();
        producer
    }

    fn end(&self, id: &str, who: ProducerEpoch, commit: bool, bump: bool) -> Result<ProducerEpoch, TxnFault> {
        let ended = self.session.end_transaction(id, who, commit, bump).map(|done| done.value);
        self.broker.log().commit_now();
        ended
    }

    /// What a reader of committed messages finds: values, aborted transactions, last stable offset.
    fn stable(&self, partition: QueueId, offset: u64) -> (Vec<String>, Vec<Aborted>, u64) {
        let read = Read { partition, offset, max_bytes: 1 << 20, at_least_one: true, stable_only: true };
        let out = self.session.read(&[read], None).remove(0);
        let runs = match out.found {
            Found::Runs(runs) => runs,
            Found::Cold(cold) => self.load(cold).expect("it is on disk"),
            other => panic!("{other:?}"),
        };
        (values(&runs).into_iter().map(|v| v.1).collect(), out.aborted, out.last_stable)
    }
}

fn part_of(producer: ProducerEpoch, base_sequence: i32, value: &str) -> Vec<u8> {
    let head = Head {
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        base_sequence,
        transactional: true,
        ..Head::default()
    };
    let mut batch = BatchBuilder::new(head, Compression::None);
    batch.push(1_000, None, Some(value.as_bytes()), &[]).expect("short");
    batch.finish().expect("short")
}

/// The control records that values() shows as such: six bytes of version and epoch.
fn is_marker(value: &str) -> bool {
    value.as_bytes() == [0; 6]
}

#[test]
fn a_transaction_is_seen_when_it_has_ended_and_as_a_whole() {
    let (_disk, house) = House::new();
    let topic = house.topic("t", 2);
    let (a, b) = (topic.partitions[0], topic.partitions[1]);
    let producer = house.init("id");
    house.session.join_transaction("id", producer, &[a]).expect("it begins");
    assert_eq!(house.written(a, &part_of(producer, 0, "one")), 0);
    assert_eq!(house.written(b, &part_of(producer, 0, "two")), 0, "a write joins by itself");
    assert_eq!(house.written(a, &batch(&["other"])), 1);
    assert_eq!(house.stable(a, 0), (vec![], vec![], 0), "nothing behind what is open");
    let next = house.session.offset_of(a, OffsetOf::Next { stable_only: true }).expect("allowed");
    assert_eq!(next, OffsetFound::Offset(0));
    let status = house.session.transactions().remove(0);
    assert_eq!((status.state, status.partitions), (TxnState::Ongoing, vec![a, b]));
    house.end("id", producer, true, false).expect("it ends");
    let (values, aborted, stable) = house.stable(a, 0);
    assert_eq!((&values[..2], aborted, stable), (&["one".to_owned(), "other".to_owned()][..], vec![], 3));
    assert!(is_marker(&values[2]));
    assert_eq!(house.stable(b, 0).2, 2);
    assert_eq!(house.end("id", producer, true, false), Ok(producer), "once more is no harm");
    assert_eq!(house.end("id", producer, false, false), Err(TxnFault::State(TxnState::Committed)));
}

#[test]
fn what_was_aborted_is_named_to_readers() {
    let (disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    let producer = house.init("id");
    house.written(partition, &batch(&["before"]));
    house.written(partition, &part_of(producer, 0, "gone"));
    house.written(partition, &part_of(producer, 1, "gone too"));
    let again = house.end("id", producer, false, true).expect("it ends");
    assert_eq!(again, ProducerEpoch { epoch: producer.epoch + 1, ..producer });
    assert_eq!(
        house.end("id", producer, false, true),
        Ok(again),
        "the answer was lost and is asked for again"
    );
    house.written(partition, &part_of(again, 0, "kept"));
    house.end("id", again, true, false).expect("it ends");
    let check = |house: &House| {
        let gone = Aborted { producer: producer.id, first: 1 };
        assert_eq!(house.stable(partition, 0).1, [gone]);
        assert_eq!(house.stable(partition, 3).1, [gone], "its marker is at 3");
        let (values, aborted, stable) = house.stable(partition, 4);
        assert_eq!((values[0].as_str(), aborted, stable), ("kept", vec![], 6));
    };
    check(&house);
    drop(house);
    let house = House::open(&disk);
    check(&house);
    house.broker.snapshot().expect("a snapshot");
    drop(house);
    let house = House::open(&disk);
    check(&house);
    house.session.delete_records(partition, Some(5)).expect("allowed");
    assert_eq!(house.stable(partition, 5).1, [], "what is gone needs no name");
}

#[test]
fn a_new_life_of_a_producer_fences_the_old_one() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    let old = house.init("id");
    house.written(partition, &part_of(old, 0, "left open"));
    let new = house.init("id");
    assert_eq!(new, ProducerEpoch { epoch: old.epoch + 1, ..old });
    assert_eq!(
        house.stable(partition, 0).1,
        [Aborted { producer: old.id, first: 0 }],
        "what it left is aborted"
    );
    let late = house.write(partition, &part_of(old, 1, "late"));
    assert!(matches!(late, Err(WriteFault::Transaction(TxnFault::Fenced))), "{late:?}");
    assert_eq!(house.end("id", old, true, false), Err(TxnFault::Fenced));
    assert_eq!(house.session.join_transaction("id", old, &[partition]), Err(TxnFault::Fenced));
    let stranger = ProducerEpoch { id: 999, epoch: 0 };
    assert_eq!(house.end("id", stranger, true, false), Err(TxnFault::NotThisProducer));
    assert_eq!(house.end("nobody", stranger, true, false), Err(TxnFault::NotThisProducer));
    let expected = house.session.init_producer("id", TIMEOUT_MS, Some(old));
    assert_eq!(expected.map(|done| done.value), Err(TxnFault::Fenced));
    let same = house.session.init_producer("id", TIMEOUT_MS, Some(new)).expect("it is who it says").value;
    assert_eq!(same.epoch, new.epoch + 1);
    for timeout in [0, 900_001] {
        let refused = house.session.init_producer("id", timeout, None).map(|done| done.value);
        assert_eq!(refused, Err(TxnFault::Timeout(900_000)));
    }
}

#[test]
fn a_transaction_is_part_of_streams_only() {
    let (_disk, house) = House::new();
    let queue = house.queue("q", &[]);
    let producer = house.init("id");
    let refused = Err(WriteFault::Transaction(TxnFault::NoPartition(queue)));
    assert_eq!(house.write(queue, &part_of(producer, 0, "x")), refused);
    assert_eq!(house.session.join_transaction("id", producer, &[queue]), Err(TxnFault::NoPartition(queue)));
}

#[test]
fn an_open_transaction_goes_on_after_a_restart_and_ends_in_time() {
    for snapshot in [false, true] {
        let disk = FaultDisk::new();
        let house = House::open(&disk);
        let partition = house.topic("t", 1).partitions[0];
        let producer = house.init("id");
        house.written(partition, &part_of(producer, 0, "one"));
        if snapshot {
            house.broker.snapshot().expect("a snapshot");
        }
        drop(house);
        let house = House::open(&disk);
        assert_eq!(house.stable(partition, 0), (vec![], vec![], 0), "snapshot: {snapshot}");
        house.written(partition, &part_of(producer, 1, "two"));
        assert_eq!(house.broker.tick().map(|at| at.0 > 0), Some(true), "there is a deadline");
        house.clock.advance(std::time::Duration::from_millis(u64::from(TIMEOUT_MS) - 1));
        house.broker.tick();
        assert_eq!(house.session.transactions()[0].state, TxnState::Ongoing);
        house.clock.advance(std::time::Duration::from_millis(2));
        house.broker.tick();
        house.broker.log().commit_now();
        assert_eq!(house.session.transactions()[0].state, TxnState::Aborted);
        assert_eq!(house.stable(partition, 0).1, [Aborted { producer: producer.id, first: 0 }]);
        assert_eq!(house.end("id", producer, true, false), Err(TxnFault::Fenced), "its producer is told");
    }
}

#[test]
fn an_operator_aborts_what_is_open() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    let producer = house.init("id");
    let abort = || house.session.abort_transaction("id").map(|done| done.value);
    assert_eq!(abort(), Ok(false), "nothing is open");
    house.written(partition, &part_of(producer, 0, "one"));
    assert_eq!(abort(), Ok(true));
    house.broker.log().commit_now();
    assert_eq!(house.stable(partition, 0).1, [Aborted { producer: producer.id, first: 0 }]);
    assert_eq!(house.end("id", producer, true, false), Err(TxnFault::Fenced));
}

impl House {
    fn commit_with(&self, id: &str, who: ProducerEpoch, offset: i64) -> Result<GroupResult<()>, TxnFault> {
        let group = InGroup { group: "g", member: "", instance: None, generation: -1 };
        let commit = Commit { partition: 0, offset, epoch: -1, metadata: "note" };
        let request = CommitOffsets {
            who: group,
            knows_epochs: true,
            in_transaction: true,
            topics: vec![(TopicRef::Name("t"), vec![commit])],
        };
        let done = self.session.commit_offsets_in_transaction(id, who, &request)?;
        self.broker.log().commit_now();
        Ok(done.and_then(|all| all.topics[0][0].clone()))
    }

    /// How far the group has read, for those who want it stable or not.
    fn committed(&self, stable_only: bool) -> GroupResult<Option<i64>> {
        let topics = Some(vec![(TopicRef::Name("t"), vec![0])]);
        let request = FetchOffsets { group: "g", member: None, stable_only, topics };
        let found = self.session.fetch_offsets(&request).expect("allowed").remove(0).partitions.remove(0);
        found.1.map(|found| found.map(|committed| committed.offset))
    }
}

#[test]
fn offsets_are_committed_with_the_transaction_or_not_at_all() {
    let disk = FaultDisk::new();
    let partition = House::open(&disk).topic("t", 1).partitions[0];
    let mut producer = ProducerEpoch { id: -1, epoch: -1 };
    for (commit, restart, snapshot, want) in
        [(true, false, false, 5), (false, false, false, 5), (true, true, false, 7), (true, true, true, 9)]
    {
        let house = House::open(&disk);
        producer = house.init("id");
        let before = house.committed(true);
        assert_eq!(house.commit_with("id", producer, want), Ok(Ok(())));
        assert_eq!(house.committed(true), Err(GroupFault::Unstable));
        assert_eq!(house.committed(false), before, "not before the transaction ends");
        house.written(partition, &part_of(producer, 0, "more"));
        if snapshot {
            house.broker.snapshot().expect("a snapshot");
        }
        let house = if restart {
            drop(house);
            House::open(&disk)
        } else {
            house
        };
        assert_eq!(house.committed(true), Err(GroupFault::Unstable));
        house.end("id", producer, commit, false).expect("it ends");
        let want = if commit { Ok(Some(want)) } else { before };
        assert_eq!((house.committed(true), house.committed(false)), (want.clone(), want.clone()));
        drop(house);
        assert_eq!(House::open(&disk).committed(true), want, "for good");
    }
    let house = House::open(&disk);
    let stranger = ProducerEpoch { id: 999, epoch: 0 };
    assert_eq!(house.commit_with("id", stranger, 1), Err(TxnFault::NotThisProducer));
    let old = ProducerEpoch { epoch: producer.epoch - 1, ..producer };
    assert_eq!(house.commit_with("id", old, 1), Err(TxnFault::Fenced));
}
