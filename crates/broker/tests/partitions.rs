//! Partitions: what is written in batches is read by offset, byte for byte, once it is on disk, and stays so over restarts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anymq_batch::{BatchBuilder, BatchHeader, Compression, Head, Records};
use anymq_broker::topics::{
    Cold, CreateTopic, Encoding, Found, OffsetFound, OffsetOf, Read, ReadOut, Run, SequenceFault, TopicInfo,
    Write, WriteFault, Wrote,
};
use anymq_broker::{
    Broker, Connect, DeclareQueue, Event, Fetch, Fetched, Options, Outcome, Principal, Session, Settled,
    Subscribe,
};
use anymq_runtime::{FaultDisk, ManualClock};
use anymq_types::value::{Table, Value};
use anymq_types::{Millis, QueueId};

const NOW: u64 = 1_700_000_000_000;

struct House {
    broker: Broker,
    session: Session,
}

impl House {
    fn open(disk: &FaultDisk) -> House {
        let clock = Arc::new(ManualClock::new(Millis(NOW)));
        let log = anymq_log::Config {
            threads: false,
            seed: Some(1),
            clock: clock.clone(),
            segment_bytes: 64 << 10,
            ..anymq_log::Config::default()
        };
        let broker = Broker::open(Options {
            config: anymq_broker::Config::default(),
            log,
            disk: Arc::new(disk.clone()),
            clock,
            seed: Some(1),
            default_user: Some(("guest".into(), "guest".into(), "/".into())),
            threads: false,
        })
        .expect("the broker starts");
        broker.log().commit_now();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let connect = Connect {
            principal: Principal::of_user("guest", peer),
            vhost: "/".into(),
            protocol: "test",
            local: peer,
            client_name: String::new(),
            client_properties: Table::new(),
            tls: false,
        };
        let session = broker.connect(connect).expect("the user may connect");
        House { broker, session }
    }

    fn new() -> (FaultDisk, House) {
        let disk = FaultDisk::new();
        let house = House::open(&disk);
        (disk, house)
    }

    fn topic(&self, name: &str, partitions: u32) -> TopicInfo {
        let create = CreateTopic { name, partitions, config: BTreeMap::new(), validate_only: false };
        let topic = self.session.create_topic(&create).expect("the topic is made").value;
        self.broker.log().commit_now();
        topic
    }

    /// Writes a batch without waiting for the disk.
    fn write(&self, partition: QueueId, batch: &[u8]) -> Result<Wrote, WriteFault> {
        let header = BatchHeader::parse(batch).expect("a batch");
        self.session.write(vec![Write { partition, header, batch: batch.into() }]).results.remove(0)
    }

    /// Writes a batch and has it synced; its base offset.
    fn written(&self, partition: QueueId, batch: &[u8]) -> u64 {
        let wrote = self.write(partition, batch).expect("the batch is taken");
        self.broker.log().commit_now();
        wrote.base
    }

    fn read(&self, partition: QueueId, offset: u64, max_bytes: u32) -> ReadOut {
        let read = Read { partition, offset, max_bytes, at_least_one: true, stable_only: false };
        self.session.read(&[read], None).remove(0)
    }

    /// What is at an offset, wherever it is.
    fn runs(&self, partition: QueueId, offset: u64, max_bytes: u32) -> Vec<Run> {
        match self.read(partition, offset, max_bytes).found {
            Found::Runs(runs) => runs,
            Found::Cold(cold) => self.load(cold).expect("what is on disk is found"),
            other => panic!("{other:?}"),
        }
    }

    fn load(&self, cold: Cold) -> Option<Vec<Run>> {
        self.session.load(7, &[cold]);
        self.broker.log().run_reads_now();
        let loaded = self.events().into_iter().find_map(|event| match event {
            Event::Loaded(loaded) => Some(loaded),
            _ => None,
        });
        let loaded = loaded.expect("an answer");
        assert_eq!((loaded.token, loaded.index), (7, 0));
        loaded.runs
    }

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.session.outbox().drain(&mut events);
        events
    }

    fn queue(&self, name: &str, args: &[(&str, &str)]) -> QueueId {
        let mut table = Table::new();
        args.iter().for_each(|&(key, value)| table.insert(key, Value::from(value)));
        let declare = DeclareQueue {
            name,
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            args: &table,
        };
        self.session.declare_queue(declare).expect("the queue is declared");
        self.session.topic(name).expect("a queue is a topic").partitions[0]
    }
}

fn numbered(head: Head, values: &[&str], compression: Compression) -> Vec<u8> {
    let mut batch = BatchBuilder::new(head, compression);
    for (n, value) in values.iter().enumerate() {
        batch.push(NOW as i64 + n as i64, Some(b"key"), Some(value.as_bytes()), &[]).expect("short");
    }
    batch.finish().expect("short")
}

fn batch(values: &[&str]) -> Vec<u8> {
    numbered(Head::default(), values, Compression::None)
}

/// The values in runs of batches, with their offsets.
fn values(runs: &[Run]) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for run in runs {
        assert_eq!(run.encoding, Encoding::Batches);
        let mut rest = &run.bytes[..];
        while !rest.is_empty() {
            let size = BatchHeader::parse(rest).expect("a batch").size();
            let mut records = Records::new(&rest[..size], 1 << 20).expect("a batch");
            records
                .for_each(|r| {
                    all.push((r.offset, String::from_utf8_lossy(r.value.unwrap_or_default()).into_owned()))
                })
                .expect("records");
            rest = &rest[size..];
        }
    }
    all
}

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
    let writer = House { broker: house.broker.clone(), session: other_session(&house.broker) };
    writer.write(topic.partitions[1], &batch(&["a"])).expect("taken");
    assert!(!woken(), "not before it is on disk");
    house.broker.log().commit_now();
    assert!(woken());
    writer.written(topic.partitions[1], &batch(&["b"]));
    assert!(!woken(), "once");
    house.session.read(&[read(1)], Some(1));
    writer.written(topic.partitions[1], &batch(&["c"]));
    assert!(!woken(), "there was enough");
    house.session.read(&[read(0)], Some(1));
    house.session.delete_topic("t").expect("it is there");
    assert!(woken(), "it is gone");
}

fn other_session(broker: &Broker) -> Session {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 2));
    let connect = Connect {
        principal: Principal::of_user("guest", peer),
        vhost: "/".into(),
        protocol: "test",
        local: peer,
        client_name: String::new(),
        client_properties: Table::new(),
        tls: false,
    };
    broker.connect(connect).expect("the user may connect")
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
