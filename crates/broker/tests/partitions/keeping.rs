//! What a topic keeps, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use anymq_batch::{BatchBuilder, Compression, Head};
use anymq_broker::topics::CreateTopic;
use anymq_catalog::topic_config::{Config, Layer};
use anymq_runtime::FaultDisk;
use anymq_types::QueueId;

use crate::house::{House, batch, values};

impl House {
    fn keeping(&self, config: &[(&str, &str)]) -> QueueId {
        let config: BTreeMap<_, _> = config.iter().map(|&(k, v)| (k.into(), v.into())).collect();
        let create = CreateTopic { name: "t", partitions: 1, config, validate_only: false };
        let topic = self.session.create_topic(&create).expect("the settings are right").value;
        self.broker.log().commit_now();
        topic.partitions[0]
    }

    fn pass(&self, seconds: u64) {
        for _ in 0..seconds.div_ceil(5) {
            self.clock.advance(Duration::from_secs(5));
            self.broker.tick();
            self.broker.log().commit_now();
        }
    }

    fn now(&self) -> i64 {
        self.broker.now().0.cast_signed()
    }

    /// Writes records of keys and values, one batch each, with the present time.
    fn put(&self, partition: QueueId, records: &[(&str, Option<&str>)]) {
        for (key, value) in records {
            let mut batch = BatchBuilder::new(Head::default(), Compression::None);
            batch.push(self.now(), Some(key.as_bytes()), value.map(str::as_bytes), &[]).expect("short");
            self.written(partition, &batch.finish().expect("short"));
        }
    }

    /// Everything from an offset on, wherever it is.
    fn everything(&self, partition: QueueId, mut offset: u64) -> Vec<(i64, String)> {
        let end = self.read(partition, offset, 1).high_watermark;
        let mut all = Vec::new();
        while offset < end {
            let runs = self.runs(partition, offset, 1 << 20);
            let Some(last) = runs.last() else { break };
            offset = last.end;
            all.extend(values(&runs));
        }
        all
    }

    fn compact_all(&self) {
        while self.broker.compact() {
            self.broker.log().commit_now();
        }
    }
}

fn pairs(want: &[(i64, &str)]) -> Vec<(i64, String)> {
    want.iter().map(|&(offset, value)| (offset, value.to_owned())).collect()
}

#[test]
fn messages_go_when_they_are_too_old() {
    let disk = FaultDisk::new();
    let house = House::open(&disk);
    let partition = house.keeping(&[("retention.ms", "60000"), ("segment.ms", "10000")]);
    house.put(partition, &[("a", Some("old")), ("b", Some("old"))]);
    house.pass(40);
    house.put(partition, &[("c", Some("new"))]);
    assert_eq!(house.read(partition, 0, 1).start, 0);
    house.pass(40);
    assert_eq!(house.read(partition, 2, 1).start, 2, "nobody wrote or read");
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.read(partition, 2, 1).start, 2);
    assert_eq!(house.everything(partition, 2), pairs(&[(2, "new")]));
}

#[test]
fn topics_that_set_nothing_follow_the_broker_at_once_and_after_restarts() {
    let disk = FaultDisk::new();
    let house = House::open(&disk);
    let partition = house.keeping(&[]);
    let long = house.topic("long", 1).partitions[0];
    let own = |_: &Config| Ok(settings(&[("retention.ms", "-1")]));
    house.session.alter_topic("long", false, own).expect("allowed");
    house.put(partition, &[("a", Some("old"))]);
    house.put(long, &[("a", Some("old"))]);
    house.pass(40);
    let set = |house: &House, layer, pairs: &[(&str, &str)]| {
        let done = house.session.alter_broker_settings(layer, false, |_| Ok(settings(pairs)));
        assert!(done.expect("allowed").commit.is_some(), "it is to be on disk before the answer");
        house.broker.log().commit_now();
    };
    let age = |house: &House, name: &str| house.session.topic(name).expect("there").settings.retention_ms;
    set(&house, Layer::Node, &[("log.retention.ms", "7200000")]);
    set(&house, Layer::Every, &[("log.retention.ms", "30000"), ("log.roll.ms", "10000")]);
    house.pass(10);
    assert_eq!((age(&house, "t"), house.read(partition, 0, 1).start), (Some(7_200_000), 0));
    set(&house, Layer::Node, &[]);
    house.put(partition, &[("b", Some("new"))]);
    house.pass(10);
    assert_eq!((age(&house, "t"), age(&house, "long")), (Some(30_000), None));
    assert_eq!((house.read(partition, 1, 1).start, house.read(long, 0, 1).start), (1, 0));
    let nothing = house.session.alter_broker_settings(Layer::Every, false, |now| Ok(now.clone()));
    assert_eq!(nothing.expect("allowed").commit, None);
    drop(house);

    // Read from the journal, and then from a snapshot.
    for _ in 0..2 {
        let house = House::open(&disk);
        assert_eq!((age(&house, "t"), age(&house, "long")), (Some(30_000), None));
        assert_eq!(house.topic("fresh", 1).settings.segment_ms, 10_000);
        house.session.delete_topic("fresh").expect("there");
        house.broker.snapshot().expect("a snapshot");
    }
    let house = House::open(&disk);
    set(&house, Layer::Every, &[]);
    assert_eq!(age(&house, "t"), Some(604_800_000));
}

fn settings(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn messages_go_when_they_are_too_many() {
    let (_disk, house) = House::new();
    let partition = house.keeping(&[("retention.bytes", "2000000"), ("segment.bytes", "1048576")]);
    let large = "x".repeat(100_000);
    for _ in 0..40 {
        house.pass(10);
        house.written(partition, &batch(&[&large]));
    }
    house.pass(20);
    house.written(partition, &batch(&[&large]));
    let start = house.read(partition, 40, 1).start;
    assert!((18..=22).contains(&start), "about 2 MB are kept, from {start}");
}

#[test]
fn the_last_message_of_each_key_is_kept() {
    let disk = FaultDisk::new();
    let house = House::open(&disk);
    let partition = house.keeping(&[
        ("cleanup.policy", "compact"),
        ("segment.ms", "10000"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "60000"),
    ]);
    house.put(
        partition,
        &[("a", Some("a1")), ("b", Some("b1")), ("a", Some("a2")), ("c", Some("c1")), ("b", None)],
    );
    assert!(!house.broker.compact(), "everything is open yet");
    house.pass(30);
    house.put(partition, &[("d", Some("open"))]);
    house.compact_all();
    let want = pairs(&[(2, "a2"), (3, "c1"), (4, ""), (5, "open")]);
    assert_eq!(house.everything(partition, 0), want, "offsets stay, and the first may still be asked for");
    assert_eq!(house.read(partition, 0, 1).start, 0);
    house.broker.snapshot().expect("a snapshot");
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.everything(partition, 0), want);
    assert!(!house.broker.compact(), "what was compacted is known to be");
    // The tombstone goes when its time is over and there is something to compact.
    house.pass(30);
    house.put(partition, &[("a", Some("a3"))]);
    house.pass(60);
    house.put(partition, &[("e", Some("last"))]);
    house.compact_all();
    assert_eq!(house.everything(partition, 0), pairs(&[(3, "c1"), (5, "open"), (6, "a3"), (7, "last")]));
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.everything(partition, 1).len(), 4);
    assert_eq!(house.written(partition, &batch(&["x"])), 8);
}

#[test]
fn compaction_keeps_compressed_batches_together() {
    let (_disk, house) = House::new();
    let config =
        [("cleanup.policy", "compact"), ("segment.ms", "10000"), ("min.cleanable.dirty.ratio", "0.01")];
    let partition = house.keeping(&config);
    for round in 0..3 {
        let mut batch = BatchBuilder::new(Head::default(), Compression::Zstd(1));
        for n in 0..50 {
            let (key, value) = (format!("{}", n % (10 + round)), format!("{round}-{n}"));
            batch.push(house.now(), Some(key.as_bytes()), Some(value.as_bytes()), &[]).expect("short");
        }
        house.written(partition, &batch.finish().expect("short"));
    }
    house.pass(30);
    house.put(partition, &[("open", Some("open"))]);
    house.compact_all();
    let all = house.everything(partition, 0);
    assert_eq!(all.len(), 13);
    assert!(all[..12].iter().all(|(offset, value)| *offset >= 138 && value.starts_with("2-")), "{all:?}");
    assert_eq!(house.read(partition, 151, 1).high_watermark, 151);
}
