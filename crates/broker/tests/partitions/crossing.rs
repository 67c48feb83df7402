//! Topics beside queues, and messages that cross from batches to AMQP.

use std::collections::BTreeMap;

use anymq_batch::{Compression, Head};
use anymq_broker::topics::{CreateTopic, Encoding};
use anymq_broker::{Event, Fetch, Fetched, Outcome, Settled, Subscribe};
use anymq_types::value::{Table, Value};

use crate::house::{House, NOW, batch, numbered};

#[test]
fn amqp_reads_from_a_stream_what_was_written_in_batches() {
    let (disk, house) = House::new();
    let partition = house.queue("s", &[("x-queue-type", "stream")]);
    house.written(partition, &numbered(Head::default(), &["a", "b", "c"], Compression::Lz4));
    house.written(partition, &batch(&["d", "e"]));
    drop(house);
    let house = House::open(&disk);
    let holder = house.session.open_holder(0);
    for (offset, prefetch, want) in [(0i64, 100, "abcde"), (1, 3, "bcd"), (4, 1, "e")] {
        let mut args = Table::new();
        args.insert("x-stream-offset", Value::from(offset));
        let subscribe = Subscribe {
            queue: "s",
            token: 1,
            holder,
            tag: "t",
            auto_ack: false,
            exclusive: false,
            prefetch,
            args: &args,
        };
        let consumer = house.session.subscribe(subscribe).expect("a stream can be read");
        for _ in 0..5 {
            house.broker.log().run_reads_now();
        }
        let mut got = String::new();
        let mut next = offset as u64;
        for event in house.events() {
            let Event::Delivery(delivery) = event else { continue };
            assert_eq!(delivery.first.0, next, "offsets follow each other");
            next += u64::from(delivery.count);
            for record in anymq_types::record::Records::new(&delivery.records) {
                assert_eq!((record.routing_key, record.timestamp.0 / 1000), (&b"key"[..], NOW / 1000));
                got.push_str(std::str::from_utf8(record.body).expect("text"));
            }
        }
        assert_eq!(got, want, "from {offset}");
        house.session.unsubscribe(consumer);
    }
}

#[test]
fn a_queue_gets_a_batchs_messages_one_by_one() {
    let (_disk, house) = House::new();
    let partition = house.queue("q", &[]);
    house.written(partition, &numbered(Head::default(), &["a", "b"], Compression::Zstd(1)));
    let holder = house.session.open_holder(0);
    for want in ["a", "b"] {
        let fetch = Fetch { queue: "q", token: 1, holder, auto_ack: false, wait_ms: 0 };
        let Fetched::Message(delivery, _) = house.session.fetch(fetch).expect("allowed") else {
            panic!("one is there")
        };
        let record = anymq_types::record::Record::parse(&delivery.records).expect("a record");
        assert_eq!((record.body, record.routing_key), (want.as_bytes(), &b"key"[..]));
        let settled = Settled { queue: delivery.queue, offset: delivery.first };
        house.session.settle(holder, Outcome::Ack, &[settled]);
    }
    house.broker.log().commit_now();
    // What was consumed is history: it can be read again by offset.
    let runs = house.runs(partition, 1, 1 << 20);
    let bodies: Vec<&[u8]> =
        runs.iter().flat_map(|run| anymq_types::record::Records::new(&run.bytes)).map(|r| r.body).collect();
    assert_eq!((runs[0].encoding, runs[0].base, bodies), (Encoding::Canonical, 1, vec![&b"b"[..]]));
}

#[test]
fn topics_are_made_once_grow_and_go() {
    let (disk, house) = House::new();
    let create = |name, partitions| {
        let create = CreateTopic { name, partitions, config: BTreeMap::new(), validate_only: false };
        house.session.create_topic(&create).map(|done| done.value.partitions.len()).map_err(|e| e.text)
    };
    assert_eq!(create("t", 2), Ok(2));
    assert_eq!(create("t", 2), Err("topic 't' already exists".into()));
    assert_eq!(create("none", 0), Err("a topic has at least one partition".into()));
    assert_eq!(create("a/0", 1).map_err(|e| e.contains("other characters")), Err(true));
    house.queue("q", &[]);
    assert_eq!(create("q", 1), Err("topic 'q' already exists".into()));
    let config = BTreeMap::from([("retention.ms".into(), "soon".into())]);
    let wrong = CreateTopic { name: "w", partitions: 1, config, validate_only: true };
    assert!(house.session.create_topic(&wrong).is_err_and(|e| e.text.contains("retention.ms")));
    let id = house.session.topic("t").expect("there").id;
    assert!(house.session.add_partitions("t", 2, false).is_err());
    let grown = house.session.add_partitions("t", 5, false).expect("it grows").value;
    assert_eq!((grown.partitions.len(), grown.id), (5, id));
    assert_eq!(house.session.topic_by_id(id).expect("there").name, grown.name);
    let names: Vec<String> = house.session.topic_names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["q", "t"]);
    house.session.delete_topic("t").expect("there");
    assert!(house.session.topic_by_id(id).is_err());
    assert!(house.session.delete_topic("t").is_err());
    house.broker.log().commit_now();
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.session.topic_names().len(), 1);
    let again = house.topic("t", 2);
    assert_ne!(again.id, id, "a name is used again, an identity never");
}

#[test]
fn a_streams_arguments_are_its_settings_as_a_topic() {
    let (disk, house) = House::new();
    house.queue("aged", &[("x-queue-type", "stream"), ("x-max-age", "1h")]);
    house.queue("plain", &[("x-queue-type", "stream")]);
    let retention = |house: &House, name: &str| {
        let topic = house.session.topic(name).expect("a stream is a topic");
        (topic.config["retention.ms"].to_string(), topic.settings.retention_ms)
    };
    assert_eq!(retention(&house, "aged"), ("3600000".into(), Some(3_600_000)));
    assert_eq!(retention(&house, "plain"), ("-1".into(), None));
    // It becomes a topic with settings of its own when one is changed, and keeps the others.
    let other = |config: &BTreeMap<_, _>| {
        let mut config = config.clone();
        config.insert("max.message.bytes".into(), "1000".into());
        Ok(config)
    };
    house.session.alter_topic("aged", false, other).expect("allowed");
    house.session.add_partitions("plain", 2, false).expect("it grows");
    house.broker.log().commit_now();
    drop(house);
    let house = House::open(&disk);
    assert_eq!(retention(&house, "aged"), ("3600000".into(), Some(3_600_000)));
    assert_eq!(retention(&house, "plain"), ("-1".into(), None));
}
