//! What a start reads of the journal does not grow with the number of starts.

use anymq_runtime::FaultDisk;
use anymq_types::ByteSize;

use crate::house::{House, batch};

/// Bytes written in each life: less than after what a snapshot is due.
const WRITTEN: usize = 600 << 10;

fn open(disk: &FaultDisk) -> House {
    let snapshot_every = ByteSize(1 << 20);
    House::with(disk, anymq_broker::Config { snapshot_every, ..anymq_broker::Config::default() })
}

#[test]
fn a_broker_that_is_killed_again_and_again_reads_no_more_each_time() {
    let disk = FaultDisk::new();
    let partition = open(&disk).topic("t", 1).partitions[0];
    let one = batch(&[&"x".repeat(20 << 10)]);
    let mut read = Vec::new();
    for _ in 0..8 {
        let house = open(&disk);
        let recovered = house.broker.log().recovered();
        read.push(recovered.groups);
        for _ in 0..WRITTEN / one.len() {
            house.written(partition, &one);
        }
        // Killed before its housekeeping gets its turn.
    }
    let in_one_life = (WRITTEN / one.len()) as u64;
    assert!(read.iter().all(|&groups| groups <= 3 * in_one_life), "{read:?}");
    assert!(read.iter().any(|&groups| groups > in_one_life), "not a snapshot in every life: {read:?}");
    let house = open(&disk);
    assert_eq!(house.read(partition, 0, 1).high_watermark, 8 * in_one_life, "nothing is lost");
}
