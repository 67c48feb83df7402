//! Looking at messages without taking them, and how far groups are behind.

use std::task::{Context, Waker};
use std::time::Duration;

use anymq_batch::{BatchBuilder, Compression, Head};
use anymq_broker::{
    Commit, CommitOffsets, ErrorKind, GroupKind, GroupOffset, GroupState, InGroup, JoinGroup, Look,
    PublishBatch, SyncGroup, TopicRef,
};
use anymq_types::record::{Record, RecordHead};
use anymq_types::{Millis, QueueId};

use crate::house::{House, NOW, batch, numbered};

impl House {
    fn publish(&self, queue: &str, body: &str) {
        let head = RecordHead {
            persistent: true,
            timestamp: self.session.bounds().now,
            routing_key: queue.as_bytes(),
            props: &[0, 0],
            ..RecordHead::default()
        };
        let mut batch = PublishBatch::default();
        head.write(body.len(), &mut batch.chunk);
        batch.chunk.extend_from_slice(body.as_bytes());
        batch.push(0, None);
        let published = self.session.publish(&mut batch);
        assert!(published.error.is_none() && published.unroutable.is_empty());
        self.broker.log().commit_now();
    }

    /// Offsets and bodies that are seen, and where to go on.
    fn seen(&self, partition: QueueId, offset: u64, count: usize) -> (Vec<(u64, String)>, u64) {
        let look = Look { partition, topic: "s", offset, count, bytes: 1 << 20 };
        let seen = self.session.look(&look).expect("it may be seen");
        let bodies = seen.messages.iter().map(|(offset, record)| {
            let record = Record::parse(record).expect("a record");
            (*offset, String::from_utf8_lossy(record.body).into_owned())
        });
        (bodies.collect(), seen.next)
    }

    fn commit(&self, group: &str, topic: &str, offset: i64) {
        let commit = Commit { partition: 0, offset, epoch: -1, metadata: "" };
        let request = CommitOffsets {
            who: InGroup { group, generation: -1, ..InGroup::default() },
            knows_epochs: false,
            in_transaction: false,
            topics: vec![(TopicRef::Name(topic), vec![commit])],
        };
        let done = self.session.commit_offsets(&request).expect("nobody is in it");
        assert_eq!(done.topics, [vec![Ok(())]]);
        self.broker.log().commit_now();
    }

    fn offset(&self, group: &str) -> GroupOffset {
        let status = self.broker.group("/", group).expect("a group");
        assert_eq!(status.offsets.len(), 1, "{status:?}");
        status.offsets[0].clone()
    }
}

fn bodies(found: &[(u64, String)]) -> String {
    found.iter().map(|(_, body)| body.as_str()).collect()
}

#[test]
fn messages_are_seen_whoever_wrote_them_and_wherever_they_are() {
    let (disk, house) = House::new();
    let partition = house.queue("s", &[("x-queue-type", "stream")]);
    house.written(partition, &numbered(Head::default(), &["a", "b", "c"], Compression::Lz4));
    house.publish("s", "d");
    house.written(partition, &batch(&["e"]));
    let check = |house: &House| {
        for (offset, count, want, next) in [
            (0, 9, "abcde", 5),
            (1, 2, "bc", 3),
            (2, 1, "c", 3),
            (3, 9, "de", 5),
            (4, 1, "e", 5),
            (5, 9, "", 5),
        ] {
            let (found, went_on) = house.seen(partition, offset, count);
            assert_eq!((bodies(&found).as_str(), went_on), (want, next), "{count} from {offset}");
            assert!((offset..).zip(&found).all(|(offset, found)| found.0 == offset));
        }
        let look = Look { partition, topic: "s", offset: 6, count: 1, bytes: 1 };
        assert_eq!(house.session.look(&look).map_err(|e| e.kind), Err(ErrorKind::Invalid));
        let one = Look { offset: 0, count: 9, bytes: 1, ..look };
        let seen = house.session.look(&one).expect("one at least");
        assert_eq!((seen.messages.len(), seen.next, seen.first, seen.end), (1, 1, 0, 5));
        for (at, want) in [(0, Some(0)), (NOW + 1, Some(1)), (NOW + 2, Some(2)), (NOW + 3, None)] {
            assert_eq!(house.session.first_since(partition, Millis(at)), Ok(want), "{at}");
        }
    };
    check(&house);
    drop(house);
    let house = House::open(&disk);
    check(&house);
    assert_eq!(house.session.partitions_of("s"), Ok(vec![partition]));
    assert_eq!(house.session.partitions_of("none").map_err(|e| e.kind), Err(ErrorKind::NotFound));
}

#[test]
fn a_queue_is_looked_into_and_stays_as_it_is() {
    let (_disk, house) = House::new();
    let partition = house.queue("q", &[]);
    house.publish("q", "one");
    house.publish("q", "two");
    for _ in 0..2 {
        assert_eq!(bodies(&house.seen(partition, 0, 9).0), "onetwo");
    }
    let queues = house.broker.queues(|_, name| name == "q");
    assert_eq!((queues[0].ready, queues[0].unacked, queues[0].deliveries.all()), (2, 0, 0));
}

#[test]
fn who_sees_nothing_is_woken_when_something_comes() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    assert_eq!(house.seen(partition, 0, 9).0, []);
    house.events();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(house.session.outbox().poll(&mut cx, &mut Vec::new()).is_pending());
    house.written(partition, &batch(&["x"]));
    assert!(house.session.outbox().poll(&mut cx, &mut Vec::new()).is_ready());
    assert_eq!(bodies(&house.seen(partition, 0, 9).0), "x");
}

#[test]
fn nothing_of_open_transactions_is_seen_and_nothing_that_was_taken_back() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    house.written(partition, &batch(&["a"]));
    let producer = house.session.init_producer("id", 60_000, None).expect("allowed").value;
    let part = |sequence, value: &str| {
        let head = Head {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: sequence,
            transactional: true,
            ..Head::default()
        };
        let mut batch = BatchBuilder::new(head, Compression::None);
        batch.push(NOW as i64, None, Some(value.as_bytes()), &[]).expect("short");
        batch.finish().expect("short")
    };
    house.written(partition, &part(0, "no"));
    house.written(partition, &batch(&["b"]));
    assert_eq!(house.seen(partition, 0, 9), (vec![(0, "a".into())], 1));
    house.commit("g", "t", 0);
    let behind = house.offset("g");
    assert_eq!((behind.lag(), behind.stable_lag(), behind.end), (3, 1, 3));

    let transactions = house.broker.transactions();
    assert_eq!((&*transactions[0].id, transactions[0].vhost.as_deref()), ("id", Some("/")));
    let partitions: Vec<_> =
        transactions[0].partitions.iter().map(|p| (&*p.topic, p.number, p.first)).collect();
    assert_eq!(partitions, [("t", 0, Some(1))]);

    house.session.end_transaction("id", producer, false, false).expect("it is open");
    house.broker.log().commit_now();
    assert_eq!(
        house.seen(partition, 0, 9),
        (vec![(0, "a".into()), (2, "b".into())], 4),
        "a marker is no message"
    );
    assert_eq!(house.offset("g").stable_lag(), 4);
}

#[test]
fn groups_are_behind_in_offsets_and_in_time() {
    let (disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    house.written(partition, &numbered(Head::default(), &["a", "b", "c"], Compression::Zstd(1)));
    house.clock.advance(Duration::from_secs(9));
    house.queue("q", &[]);
    house.publish("q", "x");
    // Group and topic; what was committed; the lag; when the next message was published.
    for (group, topic, offset, lag, since) in [
        ("g", "t", 0, 3, Some(NOW)),
        ("g", "t", 1, 2, Some(NOW + 1)),
        ("g", "t", 3, 0, None),
        ("h", "q", 0, 1, Some(NOW + 9_000)),
        ("h", "q", 7, 0, None),
    ] {
        house.commit(group, topic, offset);
        let found = house.offset(group);
        assert_eq!((found.lag(), found.waiting_since), (lag, since.map(Millis)), "{group} at {offset}");
        assert_eq!((&*found.topic, found.partition, found.first), (topic, 0, 0));
    }
    house.commit("g", "t", 1);
    house.broker.snapshot().expect("a snapshot");
    drop(house);
    let house = House::open(&disk);
    let found = house.offset("g");
    // On disk: at least as old as the second that the newest of them was published in.
    assert_eq!((found.lag(), found.waiting_since), (2, Some(Millis(NOW / 1000 * 1000))));
    let names = house.broker.group_names(|_, _| true);
    assert_eq!(names, [("/".into(), "g".into()), ("/".into(), "h".into())]);
    assert_eq!(house.broker.group_names(|_, name| name == "h").len(), 1);
    assert_eq!(house.broker.group("/", "none"), None);
}

#[test]
fn members_are_shown_with_what_they_have() {
    let (_disk, house) = House::new();
    house.topic("t", 2);
    let join = JoinGroup {
        group: "g",
        token: 1,
        member: "",
        instance: Some("i"),
        client_id: "c",
        session_ms: 10_000,
        rebalance_ms: 20_000,
        protocol_type: "consumer",
        protocols: vec![("range", b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff")],
        can_take_id: false,
        can_skip: false,
    };
    let joined = house.session.join_group(&join).expect("alone it need not wait");
    let who = InGroup { group: "g", member: &joined.member, instance: Some("i"), generation: 1 };
    let share = b"\0\0\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x01\xff\xff\xff\xff";
    let assignments = vec![(&*joined.member, &share[..])];
    let sync = SyncGroup { who, token: 2, protocol_type: None, protocol: None, assignments };
    house.session.sync_group(&sync).expect("it leads").expect("no fault");
    let status = house.broker.group("/", "g").expect("a group");
    assert_eq!((status.kind, status.state), (GroupKind::Classic, GroupState::Stable));
    assert_eq!((&*status.protocol_type, &*status.protocol), ("consumer", "range"));
    let member = &status.members[0];
    assert_eq!((&member.id, member.instance.as_deref()), (&joined.member, Some("i")));
    assert_eq!((&*member.client_id, member.host.to_string()), ("c", "127.0.0.1".to_owned()));
    assert_eq!(member.assigned, [("t".into(), vec![0, 1])]);
}
