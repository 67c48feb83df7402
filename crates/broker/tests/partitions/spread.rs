//! Partitions that were written in turn lie in each other's way on disk: what is read of one is gathered.

use anymq_broker::topics::{Cold, Found, Run};
use anymq_runtime::{Disk, FaultDisk};
use anymq_types::QueueId;

use crate::house::{House, batch, values};

const ROUNDS: usize = 12;

fn value(round: usize, partition: usize) -> String {
    format!("round {round} of partition {partition} {}", "x".repeat(900))
}

/// Eight partitions that got a batch each, in turn, all of which are on disk only.
fn house(disk: &FaultDisk) -> (House, Vec<QueueId>) {
    let house = House::open(disk);
    let partitions = house.topic("t", 8).partitions;
    for round in 0..ROUNDS {
        for (number, &partition) in partitions.iter().enumerate() {
            house.written(partition, &batch(&[&value(round, number)]));
        }
    }
    drop(house);
    (House::open(disk), partitions)
}

fn cold(house: &House, partition: QueueId, offset: u64, max_bytes: u32) -> Cold {
    match house.read(partition, offset, max_bytes).found {
        Found::Cold(cold) => cold,
        other => panic!("{other:?}"),
    }
}

fn rounds(runs: &[Run], number: usize) -> Vec<usize> {
    let round = |(offset, found): (i64, String)| {
        assert_eq!(found, value(offset as usize, number));
        offset as usize
    };
    values(runs).into_iter().map(round).collect()
}

#[test]
fn one_read_brings_what_is_asked_for_however_far_it_is_spread() {
    let disk = FaultDisk::new();
    let (house, partitions) = house(&disk);
    for (number, &partition) in partitions.iter().enumerate() {
        let all = house.load(cold(&house, partition, 0, 1 << 20)).expect("it is there");
        assert_eq!(rounds(&all, number), (0..ROUNDS).collect::<Vec<_>>());
        let rest = house.load(cold(&house, partition, 7, 1 << 20)).expect("it is there");
        assert_eq!(rounds(&rest, number), (7..ROUNDS).collect::<Vec<_>>());
    }
    let one = batch(&[&value(0, 0)]).len() as u32;
    let some = cold(&house, partitions[0], 0, 4 * one);
    assert!((1..=4 * u64::from(one)).contains(&some.weight()), "{some:?}");
    let loaded = house.load(some).expect("it is there");
    assert!((1..=4).contains(&loaded.len()), "no more than was asked for: {}", loaded.len());
}

#[test]
fn a_part_of_it_can_be_left_for_later_and_something_is_always_brought() {
    let disk = FaultDisk::new();
    let (house, partitions) = house(&disk);
    let all = cold(&house, partitions[3], 0, 1 << 20);
    let mut before = all.weight();
    assert!(before >= (ROUNDS * 900) as u64);
    for max in [before, before / 2, 1, 0] {
        let mut some = all.clone();
        some.cut(max);
        assert!(some.weight() <= before, "it grows with what is left of it");
        before = some.weight();
        let loaded = rounds(&house.load(some).expect("it is there"), 3);
        assert!(!loaded.is_empty());
        assert_eq!(loaded, (0..loaded.len()).collect::<Vec<_>>(), "from the front, without a gap");
    }
}

#[test]
fn damage_on_the_way_ends_what_is_brought_and_is_passed_over_by_the_next_read() {
    let disk = FaultDisk::new();
    let (house, partitions) = house(&disk);
    let wanted = value(5, 2);
    let mut damaged = 0;
    for name in disk.list("segments").expect("a directory") {
        let path = format!("segments/{name}");
        let file = disk.open(&path).expect("a file");
        let bytes = file.read_vec_at(0, file.size().expect("its size") as usize).expect("its bytes");
        let at = bytes.windows(wanted.len()).position(|window| window == wanted.as_bytes());
        if let Some(at) = at {
            disk.flip(&path, at as u64, 0);
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1);
    let first = house.load(cold(&house, partitions[2], 0, 1 << 20)).expect("what is before it");
    assert_eq!(rounds(&first, 2), (0..5).collect::<Vec<_>>());
    assert_eq!(house.load(cold(&house, partitions[2], 5, 1 << 20)), None, "it does not verify");
    let mut next = Vec::new();
    let mut offset = 5;
    while next.last() != Some(&(ROUNDS - 1)) {
        let found = rounds(&house.runs(partitions[2], offset, 1 << 20), 2);
        offset = *found.last().expect("it goes on behind the damage") as u64 + 1;
        next.extend(found);
    }
    assert_eq!(next, (6..ROUNDS).collect::<Vec<_>>());
}
