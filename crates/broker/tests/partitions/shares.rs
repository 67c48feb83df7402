//! Share groups over partitions: records are shared out, acknowledged, given again and given up, over restarts and crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anymq_batch::{Compression, Head, Records};
use anymq_broker::topics::{Found, Run, TopicId};
use anymq_broker::{
    Ack, AckBatch, AckFault, Acquired, GroupFault, GroupKind, GroupState, PublishBatch, Session, ShareFault,
    ShareFetch, ShareHeartbeat, ShareSession, SharedFound,
};
use anymq_runtime::{FaultDisk, Loss};
use anymq_types::QueueId;
use anymq_types::record::RecordHead;

use crate::house::{House, batch, numbered, other_session, values};

const GROUP: &str = "g";
/// The shortest lock that a group may set, and a bit.
const LOCK: Duration = Duration::from_millis(30_001);

/// A member and its session, on a connection.
struct Member<'h> {
    hall: &'h Session,
    name: &'static str,
    epoch: std::cell::Cell<i32>,
    topic: TopicId,
}

impl Member<'_> {
    fn enter(&self, acknowledges: bool) -> Result<u64, ShareFault> {
        let epoch = self.epoch.replace(self.epoch.get() + 1);
        let add = if epoch == 0 { vec![(self.topic, vec![0])] } else { vec![] };
        let (fetches, forget) = (!acknowledges, vec![]);
        self.hall.share_session(&ShareSession {
            group: GROUP,
            member: self.name,
            node: 0,
            epoch,
            add,
            forget,
            fetches,
            acknowledges,
        })
    }

    /// What the member gets: ranges, and the batches that hold them.
    fn fetch(&self, house: &House, records: u32) -> (Vec<Acquired>, Vec<Run>) {
        self.enter(false).expect("the session goes on");
        let mut loaded = None;
        for _ in 0..4 {
            let request = ShareFetch {
                group: GROUP,
                member: self.name,
                records,
                range: 500,
                bytes: 1 << 20,
                loaded: loaded.take(),
                ..ShareFetch::default()
            };
            match self.hall.share_fetch(request).expect("the session is there").pop().map(|found| found.found)
            {
                None => return (vec![], vec![]),
                Some(SharedFound::Records(acquired, runs)) => return (acquired, runs),
                Some(SharedFound::Cold(cold)) => {
                    assert!(std::ptr::eq(self.hall, &house.session), "the house loads for its own session");
                    loaded = house.load(cold).map(|runs| (0, runs));
                }
                Some(other) => panic!("{other:?}"),
            }
        }
        panic!("what is on disk does not come");
    }

    fn ranges(&self, house: &House) -> Vec<(u64, u64, u16)> {
        let got = self.fetch(house, 500).0;
        got.into_iter().map(|range| (range.first, range.last, range.count)).collect()
    }

    fn ack(&self, first: u64, last: u64, ack: Ack) -> Result<(), AckFault> {
        self.enter(true).expect("the session goes on");
        let batches = vec![AckBatch { first, last, acks: vec![ack] }];
        let acks = [(self.topic, 0, batches)];
        self.hall.share_acknowledge(GROUP, self.name, &acks).expect("allowed").results[0]
    }
}

impl House {
    /// A share group that begins at the front, and a member of it.
    fn member<'h>(&'h self, hall: &'h Session, name: &'static str, topic: &str) -> Member<'h> {
        let earliest = |_: &_| Ok([("share.auto.offset.reset".into(), "earliest".into())].into());
        if hall.group_config(GROUP).expect("allowed").is_empty() {
            hall.alter_group(GROUP, false, earliest).expect("allowed");
        }
        hall.share_heartbeat(&joins(name, topic)).expect("joins");
        let topic = hall.topic(topic).expect("there").id;
        Member { hall, name, epoch: std::cell::Cell::new(0), topic }
    }

    fn wait_for_locks(&self) {
        self.clock.advance(LOCK);
        self.broker.tick();
        self.broker.log().commit_now();
    }

    /// After a start: what was due at once is done.
    fn settle_down(&self) {
        self.clock.advance(Duration::from_millis(2));
        self.broker.tick();
    }

    fn place(&self, topic: &str) -> Option<(u64, u64)> {
        let asked = Some(vec![(topic, vec![0])]);
        let all = self.session.share_offsets(GROUP, &asked).expect("allowed");
        all[0].partitions[0].1.clone().expect("a partition").map(|place| (place.start, place.lag))
    }
}

fn woken(hall: &Session) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    hall.outbox().poll(&mut cx, &mut Vec::new()).is_ready()
}

fn joins<'a>(member: &'a str, topic: &'a str) -> ShareHeartbeat<'a> {
    ShareHeartbeat { group: GROUP, member, epoch: 0, rack: None, client_id: "c", topics: Some(vec![topic]) }
}

#[test]
fn members_share_records_and_what_is_not_acknowledged_comes_back() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    house.written(partition, &batch(&["a", "b", "c"]));
    house.written(partition, &batch(&["d", "e"]));
    let other = other_session(&house.broker);
    let one = house.member(&house.session, "one", "t");
    let two = house.member(&other, "two", "t");
    let (got, runs) = one.fetch(&house, 1);
    assert_eq!(got, [Acquired { first: 0, last: 2, count: 1 }]);
    assert_eq!(values(&runs).len(), 3, "the batch that holds them and no other");
    assert_eq!(two.ranges(&house), [(3, 4, 1)]);
    assert_eq!((one.ranges(&house), two.ranges(&house)), (vec![], vec![]));
    assert_eq!(one.ack(0, 1, Ack::Accept), Ok(()));
    assert_eq!(one.ack(3, 3, Ack::Accept), Err(AckFault::NotOwner));
    assert_eq!(two.ack(3, 3, Ack::Release), Ok(()));
    assert_eq!(one.ranges(&house), [(3, 3, 2)]);
    assert_eq!(house.place("t"), Some((2, 3)));
    house.wait_for_locks();
    assert_eq!(two.ranges(&house), [(2, 2, 2), (3, 3, 3), (4, 4, 2)]);
    drop(other);
    house.broker.log().commit_now();
    assert_eq!(one.ranges(&house), [(2, 2, 3)], "its connection has gone; what has failed so often waits");
    assert_eq!(one.ranges(&house), [(3, 3, 4)], "and comes by itself");
    assert_eq!(one.ranges(&house), [(4, 4, 3)]);
    let offsets = house.broker.group("/", GROUP).expect("there").offsets;
    assert_eq!((offsets.len(), offsets[0].committed, offsets[0].end, offsets[0].lag()), (1, 2, 5, 3));
}

#[test]
fn who_waits_is_woken_by_records_and_by_what_comes_back() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    let other = other_session(&house.broker);
    let one = house.member(&house.session, "one", "t");
    let two = house.member(&other, "two", "t");
    let wait = |member: &Member<'_>| {
        member.enter(false).expect("the session goes on");
        let request = ShareFetch {
            group: GROUP,
            member: member.name,
            records: 5,
            range: 5,
            bytes: 100,
            wake: true,
            ..ShareFetch::default()
        };
        woken(member.hall);
        assert_eq!(member.hall.share_fetch(request), Ok(vec![]));
    };
    wait(&one);
    assert!(!woken(&house.session));
    house.written(partition, &batch(&["a"]));
    assert!(woken(&house.session));
    assert_eq!(one.ranges(&house), [(0, 0, 1)]);
    wait(&two);
    assert!(!woken(&other));
    assert_eq!(one.ack(0, 0, Ack::Release), Ok(()));
    house.broker.log().commit_now();
    assert!(woken(&other));
    assert_eq!(two.ranges(&house), [(0, 0, 2)]);
    wait(&one);
    house.wait_for_locks();
    assert!(woken(&house.session));
}

#[test]
fn places_are_there_after_a_restart_with_their_counts() {
    for snapshot in [false, true] {
        let disk = FaultDisk::new();
        let house = House::open(&disk);
        let partition = house.topic("t", 1).partitions[0];
        house.written(partition, &batch(&["a", "b", "c", "d", "e", "f"]));
        let one = house.member(&house.session, "one", "t");
        assert_eq!(one.ranges(&house), [(0, 5, 1)]);
        assert_eq!(one.ack(0, 1, Ack::Accept), Ok(()));
        assert_eq!(one.ack(3, 3, Ack::Accept), Ok(()));
        assert_eq!(one.ack(4, 4, Ack::Release), Ok(()));
        assert_eq!(one.ranges(&house), [(4, 4, 2)]);
        house.broker.log().commit_now();
        if snapshot {
            house.broker.snapshot().expect("a snapshot");
        }
        // The machine stops: nobody says goodbye.
        let disk = disk.after_crash(Loss::Unsynced);
        drop(house);
        let house = House::open(&disk);
        assert_eq!(house.session.groups()[0].kind, GroupKind::Share);
        assert_eq!(house.place("t"), Some((2, 3)), "snapshot: {snapshot}");
        let one = house.member(&house.session, "one", "t");
        house.settle_down();
        assert_eq!(one.ranges(&house), [(2, 2, 2), (4, 4, 3), (5, 5, 2)], "snapshot: {snapshot}");
        assert_eq!(one.ack(2, 2, Ack::Accept), Ok(()));
        assert_eq!(one.ack(4, 5, Ack::Accept), Ok(()));
        assert_eq!(house.place("t"), Some((6, 0)));
    }
}

/// Random members do random things; the machine stops at random; whatever the disk keeps, no record whose acknowledgement was told comes
/// again, and every other one does.
#[test]
fn what_was_acknowledged_stays_so_and_everything_else_comes_again() {
    for seed in 0..40u64 {
        let mut dice = seed;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let mut disk = FaultDisk::new();
        House::open(&disk).topic("t", 1);
        let (mut told, mut maybe, mut written) = (BTreeSet::new(), BTreeSet::new(), 0);
        let mut counts: BTreeMap<u64, u16> = BTreeMap::new();
        for round in 0..6 {
            let house = House::open(&disk);
            let partition = house.session.topic("t").expect("there").partitions[0];
            house.settle_down();
            let one = house.member(&house.session, "one", "t");
            let mut pending: Vec<(Option<anymq_types::Position>, u64, u64)> = Vec::new();
            for _ in 0..30 {
                match roll(5) {
                    0 => {
                        let size = 1 + roll(4);
                        let texts: Vec<String> = (0..size).map(|n| (written + n).to_string()).collect();
                        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                        house.written(partition, &batch(&texts));
                        written += size;
                    }
                    1 | 2 => {
                        for (first, last, count) in one.ranges(&house) {
                            for offset in first..=last {
                                assert!(
                                    !told.contains(&offset),
                                    "seed {seed} round {round}: {offset} came again"
                                );
                                let before = counts.insert(offset, count).unwrap_or(0);
                                assert!(
                                    count + 1 >= before,
                                    "seed {seed} round {round}: {before} then {count}"
                                );
                            }
                            if roll(2) == 0 {
                                let middle = first + roll(last - first + 1);
                                one.enter(true).expect("the session goes on");
                                let batches = vec![AckBatch { first, last: middle, acks: vec![Ack::Accept] }];
                                let done = house
                                    .session
                                    .share_acknowledge(GROUP, "one", &[(one.topic, 0, batches)])
                                    .expect("allowed");
                                assert_eq!(done.results, [Ok(())]);
                                pending.push((done.commit, first, middle));
                                maybe.extend(first..=middle);
                            }
                        }
                    }
                    3 => drop(house.broker.log().commit_now()),
                    _ => house.wait_for_locks(),
                }
                if roll(20) == 0 {
                    house.broker.snapshot().expect("a snapshot");
                }
                let committed = house.session.committed();
                for (_, first, last) in
                    pending.extract_if(.., |(at, _, _)| at.is_none_or(|at| at <= committed))
                {
                    told.extend(first..=last);
                }
            }
            disk = disk.after_crash(if roll(2) == 0 { Loss::Unsynced } else { Loss::Nothing });
            drop(house);
        }
        // In the end everything else comes, or was given up after so many deliveries.
        let house = House::open(&disk);
        house.settle_down();
        let one = house.member(&house.session, "one", "t");
        let mut came = BTreeSet::new();
        loop {
            let got = one.ranges(&house);
            if got.is_empty() {
                break;
            }
            for (first, last, _) in got {
                came.extend(first..=last);
                assert_eq!(one.ack(first, last, Ack::Accept), Ok(()));
            }
        }
        for offset in 0..written {
            let often = counts.get(&offset).is_some_and(|&count| count >= 4);
            assert!(!(came.contains(&offset) && told.contains(&offset)), "seed {seed}: {offset} came again");
            let gone = told.contains(&offset) || maybe.contains(&offset) || often;
            assert!(gone || came.contains(&offset), "seed {seed}: {offset} is lost");
        }
    }
}

fn dead_letters(house: &House, copy: bool) {
    let set = |_: &_| {
        let pairs = [
            ("share.auto.offset.reset", "earliest"),
            ("errors.deadletterqueue.topic.name", "dlq.t"),
            ("errors.deadletterqueue.copy.record.enable", if copy { "true" } else { "false" }),
        ];
        Ok(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    };
    house.session.alter_group(GROUP, false, set).expect("allowed");
}

/// Letters: value and headers, in order.
fn letters(house: &House) -> Vec<(Option<String>, BTreeMap<String, String>)> {
    let partition: QueueId = house.session.topic("dlq.t").expect("it was made").partitions[0];
    house.broker.log().commit_now();
    let (mut all, mut offset) = (Vec::new(), 0);
    while offset < house.read(partition, offset, 1).high_watermark {
        let runs = house.runs(partition, offset, 1 << 20);
        offset = runs.last().expect("something").end;
        for run in &runs {
            let mut rest = &run.bytes[..];
            while !rest.is_empty() {
                let size = anymq_batch::BatchHeader::parse(rest).expect("a batch").size();
                let mut records = Records::new(&rest[..size], 1 << 20).expect("a batch");
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
                records
                    .for_each(|r| {
                        let headers = r.headers.map(|h| (text(h.key), text(h.value.unwrap_or_default())));
                        all.push((r.value.map(text), headers.collect()));
                    })
                    .expect("records");
                rest = &rest[size..];
            }
        }
    }
    all
}

fn letter(offset: u64, count: u16, message: &str) -> BTreeMap<String, String> {
    let offset = offset.to_string();
    let count = count.to_string();
    [
        ("topic", "t"),
        ("partition", "0"),
        ("offset", &offset),
        ("group", GROUP),
        ("delivery.count", &count),
        ("message", message),
    ]
    .into_iter()
    .map(|(name, value)| (format!("__dlq.errors.{name}"), value.into()))
    .collect()
}

const REJECTED: &str = "Offset rejected by client.";
const TOO_OFTEN: &str = "Offset delivery count exceeded the threshold.";

#[test]
fn records_that_are_given_up_become_dead_letters() {
    for copy in [true, false] {
        let (_disk, house) = House::new();
        let partition = house.topic("t", 1).partitions[0];
        house.written(partition, &numbered(Head::default(), &["a", "b", "c"], Compression::Zstd(3)));
        dead_letters(&house, copy);
        let one = house.member(&house.session, "one", "t");
        assert_eq!(one.ranges(&house), [(0, 2, 1)]);
        assert_eq!(one.ack(0, 0, Ack::Accept), Ok(()));
        assert_eq!(one.ack(1, 1, Ack::Reject), Ok(()));
        let value = |text: &str| copy.then(|| text.to_owned());
        assert_eq!(letters(&house), [(value("b"), letter(1, 1, REJECTED))]);
        for count in 2..=5 {
            assert_eq!(one.ack(2, 2, Ack::Release), Ok(()));
            assert_eq!(one.ranges(&house), [(2, 2, count)]);
        }
        house.wait_for_locks();
        assert_eq!(letters(&house)[1..], [(value("c"), letter(2, 5, TOO_OFTEN))]);
        assert_eq!(house.place("t"), Some((3, 0)));
    }
}

#[test]
fn dead_letters_of_records_on_disk_are_written_once_whatever_happens() {
    let disk = FaultDisk::new();
    {
        let house = House::open(&disk);
        let partition = house.topic("t", 1).partitions[0];
        house.written(partition, &batch(&["a", "b", "c"]));
        dead_letters(&house, true);
        let one = house.member(&house.session, "one", "t");
        assert_eq!(one.ranges(&house), [(0, 2, 1)]);
        house.broker.log().commit_now();
    }
    // The records are on disk only; somebody has them, and then nobody.
    let house = House::open(&disk);
    let partition = house.session.topic("t").expect("there").partitions[0];
    let one = house.member(&house.session, "one", "t");
    house.settle_down();
    assert_eq!(one.ranges(&house), [(0, 2, 2)]);
    assert!(house.session.topic("dlq.t").is_err());
    house.broker.log().commit_now();
    drop(house);
    let house = House::open(&disk);
    let one = house.member(&house.session, "one", "t");
    house.settle_down();
    assert_eq!(one.ranges(&house), [(0, 2, 3)]);
    assert_eq!(one.ack(0, 1, Ack::Reject), Ok(()));
    assert!(
        matches!(house.read(partition, 0, 1).found, Found::Cold(_)) || house.session.topic("dlq.t").is_ok()
    );
    // The machine stops before the records are read: the letters are written when it is back.
    house.broker.log().commit_now();
    let disk = disk.after_crash(Loss::Unsynced);
    drop(house);
    for _ in 0..2 {
        let house = House::open(&disk);
        for _ in 0..4 {
            house.broker.tick();
            house.broker.log().run_reads_now();
            house.broker.log().commit_now();
            house.clock.advance(Duration::from_millis(5));
        }
        let want = [(Some("a".into()), letter(0, 3, REJECTED)), (Some("b".into()), letter(1, 3, REJECTED))];
        assert_eq!(letters(&house), want);
        assert_eq!(house.place("t"), Some((2, 1)));
    }
}

fn publish(house: &House, queue: &str, body: &[u8]) {
    let head = RecordHead {
        persistent: true,
        timestamp: house.session.bounds().now,
        routing_key: queue.as_bytes(),
        props: &[0, 0],
        ..RecordHead::default()
    };
    let mut batch = PublishBatch::default();
    head.write(body.len(), &mut batch.chunk);
    batch.chunk.extend_from_slice(body);
    batch.push(0, None);
    assert!(house.session.publish(&mut batch).error.is_none());
    house.broker.log().commit_now();
}

#[test]
fn dead_letters_of_messages_keep_their_properties() {
    let (_disk, house) = House::new();
    let queue = house.queue("t", &[("x-queue-type", "stream")]);
    dead_letters(&house, true);
    publish(&house, "t", b"body");
    let one = house.member(&house.session, "one", "t");
    assert_eq!(one.ranges(&house), [(0, 0, 1)]);
    assert_eq!(one.ack(0, 0, Ack::Reject), Ok(()));
    house.broker.log().commit_now();
    let box_ = house.session.topic("dlq.t").expect("it was made").partitions[0];
    assert_ne!(box_, queue);
    let out = house.read(box_, 0, 1 << 20);
    assert_eq!(out.high_watermark, 1);
    let Found::Runs(runs) = out.found else { panic!("it is in memory") };
    let record = anymq_types::record::Record::parse(&runs[0].bytes).expect("a record");
    assert_eq!(record.body, b"body");
    let props = anymq_types::props::PropsRef::parse(record.props).expect("properties");
    assert_eq!(props.headers().expect("headers").iter().count(), 6);
}

#[test]
fn what_is_no_longer_stored_is_done() {
    let (_disk, house) = House::new();
    let partition = house.topic("t", 1).partitions[0];
    house.written(partition, &batch(&["a", "b"]));
    house.written(partition, &batch(&["c", "d"]));
    let one = house.member(&house.session, "one", "t");
    assert_eq!(one.fetch(&house, 1).0.len(), 1);
    house.session.delete_records(partition, Some(3)).expect("allowed");
    assert_eq!(house.place("t"), Some((3, 1)));
    assert_eq!(one.ranges(&house), [(3, 3, 1)]);
    assert_eq!(one.ack(0, 1, Ack::Accept), Ok(()), "it does not matter any more");
    house.session.delete_topic("t").expect("allowed");
    house.broker.log().commit_now();
    one.enter(false).expect("the session goes on");
    let request = ShareFetch { group: GROUP, member: "one", records: 1, bytes: 1, ..ShareFetch::default() };
    assert_eq!(house.session.share_fetch(request).expect("a session")[0].found, SharedFound::NoTopic);
    assert_eq!(house.place("t"), None);
}

#[test]
fn sessions_count_their_requests_and_are_bounded() {
    let mut config = anymq_broker::Config::default();
    config.groups.share_sessions_max = 2;
    config.groups.share_members_max = 2;
    config.validate().expect("makes sense");
    let house = House::with(&FaultDisk::new(), config);
    let topic = house.topic("t", 1);
    let open = |member, epoch, fetches, acknowledges| {
        let (add, forget) = (vec![(topic.id, vec![0])], vec![]);
        house.session.share_session(&ShareSession {
            group: GROUP,
            member,
            node: 0,
            epoch,
            add,
            forget,
            fetches,
            acknowledges,
        })
    };
    assert_eq!(open("a", 0, true, false), Err(ShareFault::Group(GroupFault::NotFound)));
    for (member, fault) in [("a", None), ("b", None), ("c", Some(GroupFault::Full)), ("a", None)] {
        assert_eq!(house.session.share_heartbeat(&joins(member, "t")).err(), fault, "{member}");
    }
    assert_eq!(open("a", 1, true, false), Err(ShareFault::NoSession));
    assert_eq!(open("a", 0, true, true), Err(ShareFault::Invalid));
    assert_eq!(open("a", 0, false, true), Err(ShareFault::WrongEpoch));
    assert_eq!(open("a", 0, true, false), Ok(30_000));
    assert_eq!(open("a", 2, true, false), Err(ShareFault::WrongEpoch));
    assert_eq!(open("a", 1, true, false), Ok(30_000));
    assert_eq!(open("a", 0, true, false), Ok(30_000), "it begins anew");
    assert_eq!(open("b", 0, true, false), Ok(30_000));
    assert_eq!(open("c", 0, true, false), Err(ShareFault::Full));
    assert_eq!(open("b", -1, true, true), Ok(30_000));
    house.session.end_share(GROUP, "b", 0).expect("allowed");
    assert_eq!(open("b", 1, true, false), Err(ShareFault::NoSession));
    assert_eq!(open("c", 0, true, false), Ok(30_000));
}

#[test]
fn members_join_leave_and_are_forgotten() {
    let (_disk, house) = House::new();
    house.topic("t", 3);
    let beat = |member, epoch| {
        let topics = (epoch == 0).then(|| vec!["t"]);
        house.session.share_heartbeat(&ShareHeartbeat { epoch, topics, ..joins(member, "t") })
    };
    let one = beat("one", 0).expect("joins").value;
    assert_eq!((one.epoch, one.assignment.map(|share| share[0].1.len())), (1, Some(3)));
    let two = beat("two", 0).expect("joins").value;
    assert_eq!((two.epoch, two.assignment.map(|share| share[0].1.len())), (2, Some(1)));
    let again = beat("one", 1).expect("is a member").value;
    assert_eq!((again.epoch, again.assignment.map(|share| share[0].1.len())), (2, Some(2)));
    assert_eq!(beat("one", 2).expect("is a member").value.assignment, None);
    assert_eq!(beat("one", 1).expect("the epoch before is fine, too").value.epoch, 2);
    assert_eq!(beat("one", 7).map(|_| ()), Err(GroupFault::FencedEpoch));
    assert_eq!(beat("three", 7).map(|_| ()), Err(GroupFault::UnknownMember));
    let (described, names) = house.session.describe_share_group(GROUP).expect("exists");
    assert_eq!((described.state, described.epoch, described.members.len()), (GroupState::Stable, 2, 2));
    assert_eq!(names.values().map(|name| &**name).collect::<Vec<_>>(), ["t"]);
    assert_eq!(house.session.delete_group(GROUP).map(|_| ()), Err(GroupFault::NotEmpty));
    assert_eq!(house.session.alter_share_offsets(GROUP, &[]).map(|_| ()), Err(GroupFault::NotEmpty));
    assert_eq!(beat("two", -1).expect("leaves").value.epoch, -1);
    house.clock.advance(Duration::from_secs(46));
    house.broker.tick();
    let (described, _) = house.session.describe_share_group(GROUP).expect("exists");
    assert_eq!((described.state, described.members.len()), (GroupState::Empty, 0));
    // Without members and places it goes, in time.
    house.clock.advance(Duration::from_secs(601));
    house.broker.tick();
    assert_eq!(house.session.describe_share_group(GROUP).map(|_| ()), Err(GroupFault::NotFound));
}

#[test]
fn places_are_set_and_forgotten_for_good() {
    let (disk, house) = House::new();
    let partition = house.topic("t", 2).partitions[0];
    house.written(partition, &batch(&["a", "b", "c"]));
    let done =
        house.session.alter_share_offsets(GROUP, &[("t", vec![(0, 2), (1, 9), (7, 0)]), ("x", vec![(0, 0)])]);
    let topics = done.expect("the group is made").topics;
    assert_eq!(topics[0].1, [(0, Ok(())), (1, Ok(())), (7, Err(GroupFault::NoPartition))]);
    assert_eq!(topics[1].1, [(0, Err(GroupFault::NoTopic))]);
    assert_eq!(house.place("t"), Some((2, 1)));
    let one = house.member(&house.session, "one", "t");
    assert_eq!(one.ranges(&house), [(2, 2, 1)]);
    assert_eq!(house.session.delete_share_offsets(GROUP, &["t"]).map(|_| ()), Err(GroupFault::NotEmpty));
    house
        .session
        .share_heartbeat(&ShareHeartbeat { epoch: -1, topics: None, ..joins("one", "t") })
        .expect("leaves");
    house.broker.log().commit_now();
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.place("t"), Some((2, 1)));
    let done = house.session.delete_share_offsets(GROUP, &["t", "x"]).expect("nobody is in it").topics;
    assert_eq!((&done[0].1, &done[1].1), (&vec![(0, Ok(()))], &vec![(0, Err(GroupFault::NoTopic))]));
    let done = house.session.delete_share_offsets(GROUP, &["t"]).expect("nobody is in it").topics;
    assert_eq!(done[0].1, [(0, Err(GroupFault::NoPartition))]);
    house.broker.log().commit_now();
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.place("t"), None);
    house.session.delete_group(GROUP).expect("nobody is in it");
    house.broker.log().commit_now();
    drop(house);
    let house = House::open(&disk);
    assert!(house.session.groups().is_empty());
    assert_eq!(
        house.session.group_config(GROUP).expect("allowed").len(),
        1,
        "settings are kept for when it is back"
    );
}

#[test]
fn settings_of_groups_are_kept_and_checked() {
    let (disk, house) = House::new();
    let set = |name: &'static str, value: &'static str| {
        house.session.alter_group("x", false, |now| {
            let mut all = now.clone();
            all.insert(name.into(), value.into());
            Ok(all)
        })
    };
    set("share.record.lock.duration.ms", "20000").expect("fine");
    set("consumer.heartbeat.interval.ms", "6000").expect("fine");
    assert!(set("foo", "1").unwrap_err().text.contains("Unknown group config name: foo"));
    assert!(house.session.alter_group("", false, |now| Ok(now.clone())).is_err());
    house
        .session
        .alter_group("y", true, |_| Ok([("share.isolation.level".into(), "read_committed".into())].into()))
        .expect("only looked at");
    house.broker.snapshot().expect("a snapshot");
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.session.configured_groups(), ["x".into()]);
    assert_eq!(house.session.group_config("x").expect("allowed").len(), 2);
    house.topic("t", 1);
    house.session.share_heartbeat(&ShareHeartbeat { group: "x", ..joins("m", "t") }).expect("joins");
    let session = ShareSession {
        group: "x",
        member: "m",
        node: 0,
        epoch: 0,
        add: vec![],
        forget: vec![],
        fetches: true,
        acknowledges: false,
    };
    assert_eq!(house.session.share_session(&session), Ok(20_000));
}
