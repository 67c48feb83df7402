//! A topic's exchanges: every record that a reader of committed records sees is in the queues bound to them, once, whatever happens.

use std::collections::BTreeMap;

use anymq_batch::{BatchBuilder, Compression, Head, Header};
use anymq_broker::topics::CreateTopic;
use anymq_broker::{
    Bind, DeclareExchange, Destination, ErrorKind, Event, Fetch, Fetched, Outcome, PublishBatch, Settled,
};
use anymq_runtime::{FaultDisk, Loss};
use anymq_types::QueueId;
use anymq_types::props::Properties;
use anymq_types::record::{Record, RecordHead};
use anymq_types::value::{Table, Value};

use crate::house::{House, NOW, batch, numbered};

impl House {
    fn declare(&self, name: &str, kind: &str, topic: Value) -> Result<(), ErrorKind> {
        let mut args = Table::new();
        args.insert("x-anymq-from-topic", topic);
        let declare = DeclareExchange {
            name,
            kind,
            passive: false,
            durable: true,
            auto_delete: false,
            internal: true,
            args: &args,
        };
        let made = self.session.declare_exchange(declare).map(|_| ()).map_err(|e| e.kind);
        self.broker.log().commit_now();
        made
    }

    fn bind(&self, exchange: &str, queue: &str, key: &str) {
        let args = Table::new();
        let destination = Destination::Queue(queue);
        let bind = Bind { source: exchange, destination, routing_key: key, args: &args };
        self.session.bind(bind).expect("both are there");
        self.broker.log().commit_now();
    }

    /// Topic `t`, exchange `x` of it, and queue `q` bound with `#`.
    fn crossing(&self, partitions: u32) -> Vec<QueueId> {
        let partitions = self.topic("t", partitions).partitions;
        self.declare("x", "topic", "t".into()).expect("the topic is there");
        self.queue("q", &[]);
        self.bind("x", "q", "#");
        partitions
    }

    /// Takes everything that is ready in a queue: each message's record.
    fn drained(&self, queue: &str) -> Vec<Vec<u8>> {
        let holder = self.session.open_holder(0);
        let mut all = Vec::new();
        for _ in 0..10_000 {
            let fetch = Fetch { queue, token: 1, holder, auto_ack: false, wait_ms: 0 };
            let delivery = match self.session.fetch(fetch).expect("allowed") {
                Fetched::Message(delivery, _) => delivery,
                Fetched::Empty => break,
                Fetched::Later => {
                    self.turn();
                    let answer = self.events().into_iter().find_map(|event| match event {
                        Event::Fetched { message, .. } => Some(message),
                        _ => None,
                    });
                    let Some((delivery, _)) = answer.expect("an answer") else { break };
                    delivery
                }
            };
            let settled = Settled { queue: delivery.queue, offset: delivery.first };
            self.session.settle(holder, Outcome::Ack, &[settled]);
            all.push(delivery.records.to_vec());
        }
        self.broker.log().commit_now();
        all
    }

    fn bodies(&self, queue: &str) -> Vec<String> {
        self.drained(queue).iter().map(|record| body(record)).collect()
    }

    /// Time goes by, and what is on disk is read.
    fn turn(&self) {
        for _ in 0..50 {
            self.clock.advance(std::time::Duration::from_millis(5));
            self.broker.tick();
            self.broker.log().run_reads_now();
            self.broker.log().commit_now();
        }
    }
}

fn body(record: &[u8]) -> String {
    String::from_utf8_lossy(Record::parse(record).expect("a record").body).into_owned()
}

fn transactional(producer: anymq_broker::transactions::ProducerEpoch, sequence: i32, value: &str) -> Vec<u8> {
    let head = Head {
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        base_sequence: sequence,
        transactional: true,
        ..Head::default()
    };
    numbered(head, &[value], Compression::Gzip(6))
}

#[test]
fn every_record_is_in_the_bound_queue_with_key_and_headers() {
    let (_disk, house) = House::new();
    let partitions = house.crossing(2);
    let mut built = BatchBuilder::new(Head::default(), Compression::Zstd(1));
    let headers = [
        Header { key: b"content-type", value: Some(b"text/plain") },
        Header { key: b"expiration", value: Some(b"60000") },
        Header { key: b"h", value: Some(b"v") },
    ];
    built.push(NOW as i64, Some(b"a.b"), Some(b"one"), &headers).expect("short");
    built.push(NOW as i64, None, Some(b"two"), &[]).expect("short");
    house.written(partitions[0], &built.finish().expect("short"));
    house.written(partitions[1], &batch(&["three"]));
    let records = house.drained("q");
    let seen: Vec<_> = records.iter().map(|r| Record::parse(r).expect("a record")).collect();
    let routed: Vec<_> = seen.iter().map(|r| (r.exchange, r.routing_key, r.body)).collect();
    let want: [(&[u8], &[u8], &[u8]); 3] =
        [(b"x", b"a.b", b"one"), (b"x", b"t", b"two"), (b"x", b"key", b"three")];
    assert_eq!(routed, want, "without a key the topic's name");
    assert!(seen.iter().all(|r| r.persistent));
    let props = Properties::decode(seen[0].props).expect("properties");
    assert_eq!(props.content_type, Some("text/plain".into()));
    assert_eq!(props.headers.and_then(|h| h.get("h").cloned()), Some(Value::Str("v".into())));
    assert_eq!(seen[0].expires.map(|at| at.0), Some(NOW + 60_000));
}

#[test]
fn bindings_choose_by_key_and_what_came_before_them_is_not_sent() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    house.written(partition, &batch(&["before"]));
    house.declare("x", "topic", "t".into()).expect("the topic is there");
    for (queue, key) in [("all", "#"), ("keys", "key"), ("none", "other")] {
        house.queue(queue, &[]);
        house.bind("x", queue, key);
    }
    house.written(partition, &batch(&["after"]));
    for (queue, want) in [("all", vec!["after"]), ("keys", vec!["after"]), ("none", vec![])] {
        assert_eq!(house.bodies(queue), want, "{queue}");
    }
    house.session.delete_exchange("x", false).expect("there");
    house.written(partition, &batch(&["later"]));
    assert_eq!(house.bodies("all"), [""; 0]);
    house.declare("y", "fanout", "t".into()).expect("the topic is there");
    house.bind("y", "all", "");
    house.written(partition, &batch(&["last"]));
    assert_eq!(house.bodies("all"), ["last"], "a new exchange begins anew");
}

#[test]
fn a_transactions_records_are_sent_when_it_commits() {
    let (disk, house) = House::new();
    let partition = house.crossing(1)[0];
    let open =
        |house: &House, id: &str| house.session.init_producer(id, 60_000, None).expect("allowed").value;
    let (good, bad) = (open(&house, "good"), open(&house, "bad"));
    house.written(partition, &transactional(bad, 0, "never"));
    house.written(partition, &transactional(good, 0, "kept"));
    house.written(partition, &batch(&["behind"]));
    assert_eq!(house.bodies("q"), [""; 0], "nothing that may be taken back, nor what is behind it");
    house.session.end_transaction("bad", bad, false, false).expect("it ends");
    assert_eq!(house.bodies("q"), [""; 0]);
    drop(house);
    let house = House::open(&disk);
    house.session.end_transaction("good", good, true, false).expect("it ends");
    house.turn();
    assert_eq!(house.bodies("q"), ["kept", "behind"], "also when they are only on disk");
    drop(house);
    let house = House::open(&disk);
    house.turn();
    assert_eq!(house.bodies("q"), [""; 0], "once");
}

#[test]
fn a_crash_at_any_operation_of_the_disk_loses_nothing_and_repeats_nothing() {
    let mut complete = false;
    for op in 0..40 {
        let disk = FaultDisk::new();
        let house = House::open(&disk);
        let partition = house.crossing(1)[0];
        disk.crash_at(disk.ops() + op);
        let mut acknowledged = Vec::new();
        for n in 0..8 {
            let value = n.to_string();
            let wrote = house.write(partition, &batch(&[&value]));
            house.broker.log().commit_now();
            if n == 4 {
                let _ = house.broker.snapshot();
            }
            if disk.crashed() {
                break;
            }
            assert_eq!(wrote.map(|w| w.base), Ok(n));
            acknowledged.push(value);
        }
        complete |= acknowledged.len() == 8;
        disk.crash_at(disk.ops());
        let after = disk.after_crash(if op % 2 == 0 { Loss::Unsynced } else { Loss::Random(op) });
        drop(house);
        let house = House::open(&after);
        house.turn();
        let stored: Vec<String> =
            house.broker.queues(|_, _| true).iter().map(|q| q.name.to_string()).collect();
        assert_eq!(stored.len(), 2, "operation {op}: {stored:?}");
        let got = house.bodies("q");
        assert_eq!(got[..acknowledged.len()], acknowledged, "operation {op}");
        assert!(got.len() <= acknowledged.len() + 1, "operation {op}: {got:?}");
    }
    assert!(complete, "the last crash comes after everything");
}

#[test]
fn what_amqp_publishes_to_the_stream_goes_on_too() {
    let (_disk, house) = House::new();
    house.crossing(1);
    let mut published = PublishBatch::default();
    let head = RecordHead { routing_key: b"t", props: &[0, 0], ..RecordHead::default() };
    head.write(4, &mut published.chunk);
    published.chunk.extend_from_slice(b"body");
    published.push(0, None);
    house.session.publish(&mut published);
    house.broker.log().commit_now();
    assert_eq!(house.bodies("q"), ["body"]);
}

#[test]
fn it_does_not_go_round_and_bounds_of_queues_hold() {
    let (_disk, house) = House::new();
    let partition = house.crossing(1)[0];
    let back = house.topic("back", 1).partitions[0];
    house.declare("y", "fanout", "back".into()).expect("the topic is there");
    // Each into itself and into the other.
    for (exchange, queue) in [("x", "t"), ("x", "back"), ("y", "t"), ("y", "back")] {
        house.bind(exchange, queue, "#");
    }
    house.queue("short", &[("x-overflow", "drop-head")]);
    let mut args = Table::new();
    args.insert("x-max-length", 2i64);
    let declare = anymq_broker::DeclareQueue {
        name: "two",
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: false,
        args: &args,
    };
    house.session.declare_queue(declare).expect("declared");
    house.bind("x", "two", "#");
    house.written(partition, &batch(&["a", "b", "c", "d"]));
    assert_eq!(house.bodies("q"), ["a", "b", "c", "d"]);
    assert_eq!(house.bodies("two"), ["c", "d"]);
    assert_eq!(house.read(partition, 0, 1 << 20).high_watermark, 4);
    assert_eq!(house.read(back, 0, 1 << 20).high_watermark, 0);
}

#[test]
fn exchanges_of_topics_are_checked_and_few() {
    let (_disk, house) = House::new();
    house.topic("t", 1);
    house.queue("classic", &[]);
    for (topic, want) in [
        (Value::from("none"), ErrorKind::NotFound),
        (Value::from("classic"), ErrorKind::Invalid),
        (Value::from(1i32), ErrorKind::Invalid),
    ] {
        assert_eq!(house.declare("x", "fanout", topic.clone()), Err(want), "{topic:?}");
    }
    for n in 0..16 {
        assert_eq!(house.declare(&format!("x{n}"), "fanout", "t".into()), Ok(()));
    }
    assert_eq!(house.declare("x1", "fanout", "t".into()), Ok(()), "it is there");
    assert_eq!(house.declare("x16", "fanout", "t".into()), Err(ErrorKind::Exhausted));
    house.session.delete_exchange("x3", false).expect("there");
    assert_eq!(house.declare("x16", "fanout", "t".into()), Ok(()));
}

#[test]
fn retention_waits_for_what_was_not_sent() {
    let (_disk, house) = House::new();
    let config = [("retention.ms", "1000"), ("segment.ms", "1000")];
    let config: BTreeMap<_, _> = config.iter().map(|&(k, v)| (k.into(), v.into())).collect();
    let create = CreateTopic { name: "t", partitions: 1, config, validate_only: false };
    let partition = house.session.create_topic(&create).expect("made").value.partitions[0];
    house.declare("x", "fanout", "t".into()).expect("the topic is there");
    house.queue("q", &[]);
    house.bind("x", "q", "");
    let producer = house.session.init_producer("id", 60_000, None).expect("allowed").value;
    house.written(partition, &transactional(producer, 0, "kept"));
    for n in 0..5 {
        house.written(partition, &batch(&[&n.to_string()]));
    }
    house.clock.advance(std::time::Duration::from_secs(11));
    house.turn();
    assert_eq!(house.read(partition, 0, 1 << 20).start, 0);
    house.session.end_transaction("id", producer, true, false).expect("it ends");
    house.turn();
    assert_eq!(house.bodies("q"), ["kept", "0", "1", "2", "3", "4"]);
    house.clock.advance(std::time::Duration::from_secs(11));
    house.written(partition, &batch(&["last"]));
    house.turn();
    assert!(house.read(partition, 7, 1 << 20).start > 1, "then it goes");
}
