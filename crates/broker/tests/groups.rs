//! Groups and their offsets, through sessions, over restarts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anymq_auth::Permissions;
use anymq_broker::topics::CreateTopic;
use anymq_broker::{
    Broker, Commit, CommitOffsets, Committed, Connect, ConsumerHeartbeat, Event, FetchOffsets, GroupAnswer,
    GroupFault, GroupKind, GroupState, InGroup, JoinGroup, Joined, Leaving, Options, Principal, Session,
    SyncGroup, TopicRef,
};
use anymq_catalog::{Change, Permission, User};
use anymq_runtime::{FaultDisk, ManualClock};
use anymq_types::value::Table;
use anymq_types::{Millis, VhostId};

struct House {
    broker: Broker,
    clock: Arc<ManualClock>,
}

impl House {
    fn open(disk: &FaultDisk, clock: &Arc<ManualClock>) -> House {
        House::with(disk, clock, anymq_broker::Config::default())
    }

    fn with(disk: &FaultDisk, clock: &Arc<ManualClock>, config: anymq_broker::Config) -> House {
        let log = anymq_log::Config {
            threads: false,
            seed: Some(1),
            clock: clock.clone(),
            ..anymq_log::Config::default()
        };
        let broker = Broker::open(Options {
            config,
            log,
            disk: Arc::new(disk.clone()),
            clock: clock.clone(),
            seed: Some(1),
            default_user: Some(("guest".into(), "guest".into(), "/".into())),
            threads: false,
        })
        .expect("the broker starts");
        broker.log().commit_now();
        House { broker, clock: clock.clone() }
    }

    fn connect(&self) -> Session {
        self.connect_as("guest")
    }

    fn connect_as(&self, user: &str) -> Session {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        self.broker
            .connect(Connect {
                principal: Principal::of_user(user, peer),
                vhost: "/".into(),
                protocol: "test",
                local: peer,
                client_name: String::new(),
                client_properties: Table::new(),
                tls: false,
            })
            .expect("the user may connect")
    }

    fn topic(&self, name: &str, partitions: u32) {
        let create = CreateTopic { name, partitions, config: BTreeMap::new(), validate_only: false };
        self.connect().create_topic(&create).expect("the topic is made");
    }

    fn pass(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.broker.tick();
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Millis(1_700_000_000_000)))
}

fn join<'a>(member: &'a str, token: u64) -> JoinGroup<'a> {
    JoinGroup {
        group: "g",
        token,
        member,
        instance: None,
        client_id: "c",
        session_ms: 10_000,
        rebalance_ms: 20_000,
        protocol_type: "consumer",
        protocols: vec![("range", b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff")],
        can_take_id: false,
        can_skip: false,
    }
}

fn event(session: &Session, of: u64) -> Option<GroupAnswer> {
    let mut events = Vec::new();
    session.outbox().drain(&mut events);
    events.into_iter().find_map(|event| match event {
        Event::Group { token, answer } if token == of => Some(*answer),
        _ => None,
    })
}

fn later(session: &Session, of: u64) -> Joined {
    match event(session, of) {
        Some(GroupAnswer::Joined(joined)) => joined,
        other => panic!("{other:?}"),
    }
}

fn nobody(group: &str) -> InGroup<'_> {
    InGroup { group, member: "", instance: None, generation: -1 }
}

fn commit<'a>(group: &'a str, topic: &'a str, offsets: &[(i32, i64, &'a str)]) -> CommitOffsets<'a> {
    let one = |&(partition, offset, metadata)| Commit { partition, offset, epoch: 0, metadata };
    CommitOffsets {
        who: nobody(group),
        knows_epochs: false,
        in_transaction: false,
        topics: vec![(TopicRef::Name(topic), offsets.iter().map(one).collect())],
    }
}

/// All offsets of a group: topic, partition, offset, note.
fn offsets(session: &Session, group: &str) -> Vec<(String, i32, i64, String)> {
    let all = session
        .fetch_offsets(&FetchOffsets { group, member: None, stable_only: false, topics: None })
        .expect("may be seen");
    let mut rows = Vec::new();
    for topic in all {
        for (partition, found) in topic.partitions {
            let Committed { offset, metadata, .. } = found.expect("no fault").expect("committed");
            rows.push((topic.name.to_string(), partition, offset, metadata.into()));
        }
    }
    rows.sort();
    rows
}

fn row(topic: &str, partition: i32, offset: i64, note: &str) -> (String, i32, i64, String) {
    (topic.into(), partition, offset, note.into())
}

#[test]
fn members_of_two_connections_share() {
    let house = House::open(&FaultDisk::new(), &clock());
    let (one, two) = (house.connect(), house.connect());
    let first = one.join_group(&join("", 1)).expect("alone it need not wait");
    assert_eq!((first.fault.clone(), first.generation), (None, 1));
    assert!(first.member.starts_with("c-") && first.member.len() == 38, "{}", first.member);
    assert!(two.join_group(&join("", 7)).is_none(), "it waits for the other");
    let who = InGroup { group: "g", member: &first.member, instance: None, generation: 1 };
    assert_eq!(one.group_heartbeat(&who), Err(GroupFault::RebalanceInProgress));
    let first = one.join_group(&join(&first.member, 2)).expect("all are there");
    let second = later(&two, 7);
    assert_eq!((first.generation, second.generation, first.members.len()), (2, 2, 2));
    let sync = |joined: &Joined, token| SyncGroup {
        who: InGroup { group: "g", member: "", instance: None, generation: joined.generation },
        token,
        protocol_type: None,
        protocol: None,
        assignments: vec![],
    };
    let mut ask = sync(&second, 8);
    ask.who.member = &second.member;
    assert!(two.sync_group(&ask).is_none(), "the leader has not assigned");
    let mut give = sync(&first, 3);
    give.who.member = &first.member;
    give.assignments = vec![(&first.member, b"one"), (&second.member, b"two")];
    assert_eq!(one.sync_group(&give).expect("at once").expect("synced").assignment, "one");
    match event(&two, 8) {
        Some(GroupAnswer::Synced(Ok(synced))) => assert_eq!(synced.assignment, "two"),
        other => panic!("{other:?}"),
    }
    assert_eq!(one.groups()[0].state, GroupState::Stable);
    assert_eq!(one.describe_group("g").expect("exists").members.len(), 2);

    // A connection that goes does not end a membership; silence does.
    drop(two);
    assert_eq!(one.describe_group("g").expect("exists").members.len(), 2);
    house.pass(9_000);
    let who = InGroup { group: "g", member: &first.member, instance: None, generation: 2 };
    assert_eq!(one.group_heartbeat(&who), Ok(()));
    house.pass(1_000);
    assert_eq!(one.group_heartbeat(&who), Err(GroupFault::RebalanceInProgress));
    let left = one.leave_group("g", &[Leaving { member: &first.member, instance: None }]);
    assert_eq!(left, Ok(vec![Ok(())]));
    assert_eq!(one.groups()[0].state, GroupState::Empty);
}

#[test]
fn a_group_nobody_uses_is_forgotten() {
    let house = House::open(&FaultDisk::new(), &clock());
    let session = house.connect();
    session.join_group(&JoinGroup { can_take_id: true, ..join("", 1) });
    house.pass(10_000);
    assert_eq!(session.groups().len(), 1);
    house.pass(599_000);
    assert_eq!(session.groups().len(), 1);
    house.pass(1_000);
    assert_eq!(session.groups(), []);
}

#[test]
fn offsets_come_back_from_journal_and_snapshot() {
    for snapshot in [false, true] {
        let (disk, clock) = (FaultDisk::new(), clock());
        let house = House::open(&disk, &clock);
        house.topic("t", 3);
        house.topic("gone", 2);
        let session = house.connect();
        let note = "n".repeat(4_096);
        session
            .commit_offsets(&commit("a", "t", &[(0, 5, ""), (2, i64::MAX, &note)]))
            .expect("nobody is in it");
        session.commit_offsets(&commit("a", "gone", &[(1, 9, "")])).expect("nobody is in it");
        session.commit_offsets(&commit("b", "gone", &[(0, 9, "")])).expect("nobody is in it");
        session.commit_offsets(&commit("", "t", &[(1, -2, "of old")])).expect("the name may be empty");
        if snapshot {
            house.broker.snapshot().expect("is taken");
        }
        let done = session.commit_offsets(&commit("a", "t", &[(0, 6, "later")])).expect("nobody is in it");
        assert!(done.commit.is_some(), "it is told when it is on disk");
        session.commit_offsets(&commit("c", "t", &[(0, 1, "")])).expect("nobody is in it");
        session.delete_group("c").expect("is empty");
        session.delete_topic("gone").expect("exists");
        house.broker.log().commit_now();
        let before = offsets(&session, "a");
        assert_eq!(before, [row("t", 0, 6, "later"), row("t", 2, i64::MAX, &note)]);
        drop(session);
        drop(house);

        let house = House::open(&disk, &clock);
        let session = house.connect();
        assert_eq!(offsets(&session, "a"), before);
        assert_eq!(offsets(&session, ""), [row("t", 1, -2, "of old")]);
        assert_eq!(session.delete_group("c").map(|_| ()), Err(GroupFault::NotFound));
        let names: Vec<_> = session.groups().into_iter().map(|g| g.name.to_string()).collect();
        assert!(names.starts_with(&["".into(), "a".into()]), "{names:?}");
        // The state is the same, byte by byte, as far as it lasts.
        house.broker.snapshot().expect("is taken");
        drop(session);
        drop(house);
        let house = House::open(&disk, &clock);
        assert_eq!(offsets(&house.connect(), "a"), before);
    }
}

#[test]
fn what_is_refused_is_refused_alone() {
    let house = House::open(&FaultDisk::new(), &clock());
    house.topic("t", 2);
    let session = house.connect();
    let long = "n".repeat(4_097);
    let mut request = commit("g", "t", &[(0, 1, ""), (2, 1, ""), (-1, 1, ""), (1, 1, &long)]);
    let id = session.topic("t").expect("exists").id;
    request
        .topics
        .push((TopicRef::Name("none"), vec![Commit { partition: 0, offset: 1, epoch: -1, metadata: "" }]));
    request
        .topics
        .push((TopicRef::Id(id), vec![Commit { partition: 1, offset: 4, epoch: -1, metadata: "" }]));
    let all = session.commit_offsets(&request).expect("nobody is in it");
    assert_eq!(
        all.topics,
        [
            vec![
                Ok(()),
                Err(GroupFault::NoPartition),
                Err(GroupFault::NoPartition),
                Err(GroupFault::MetadataTooLarge)
            ],
            vec![Err(GroupFault::NoTopic)],
            vec![Ok(())],
        ]
    );
    assert_eq!(offsets(&session, "g"), [row("t", 0, 1, ""), row("t", 1, 4, "")]);

    let topics = vec![(TopicRef::Name("t"), vec![0, 7]), (TopicRef::Name("none"), vec![0])];
    let fetched = session.fetch_offsets(&FetchOffsets {
        group: "g",
        member: None,
        stable_only: false,
        topics: Some(topics),
    });
    let fetched = fetched.expect("may be seen");
    assert_eq!(fetched[0].partitions[1], (7, Ok(None)));
    assert_eq!(fetched[1].partitions, [(0, Ok(None))]);
    let unknown = anymq_broker::topics::TopicId(5);
    let topics = vec![(TopicRef::Id(unknown), vec![0])];
    let fetched = session.fetch_offsets(&FetchOffsets {
        group: "g",
        member: None,
        stable_only: false,
        topics: Some(topics),
    });
    assert_eq!(fetched.expect("may be seen")[0].partitions, [(0, Err(GroupFault::NoTopic))]);
    let who = InGroup { generation: 3, ..nobody("new") };
    for (knows_epochs, fault) in [(false, GroupFault::IllegalGeneration), (true, GroupFault::NotFound)] {
        let request = CommitOffsets { who, knows_epochs, in_transaction: false, topics: vec![] };
        assert_eq!(session.commit_offsets(&request), Err(fault));
    }
}

#[test]
fn offsets_of_topics_in_use_stay() {
    let house = House::open(&FaultDisk::new(), &clock());
    house.topic("t", 1);
    house.topic("u", 1);
    let session = house.connect();
    session.commit_offsets(&commit("g", "t", &[(0, 1, "")])).expect("nobody is in it");
    session.commit_offsets(&commit("g", "u", &[(0, 2, "")])).expect("nobody is in it");
    let joined = session.join_group(&join("", 1)).expect("alone");
    assert_eq!(joined.fault, None);
    assert_eq!(session.delete_group("g").map(|_| ()), Err(GroupFault::NotEmpty));
    let of =
        [(TopicRef::Name("t"), vec![0]), (TopicRef::Name("u"), vec![0, 1]), (TopicRef::Name("x"), vec![0])];
    let all = session.delete_offsets("g", &of).expect("it is known what members use");
    let none = Err(GroupFault::NoPartition);
    assert_eq!(
        all.topics,
        [vec![Err(GroupFault::Subscribed)], vec![Ok(()), none], vec![Err(GroupFault::NoTopic)]]
    );
    assert_eq!(offsets(&session, "g"), [row("t", 0, 1, "")]);
    assert_eq!(session.delete_offsets("x", &of).map(|_| ()), Err(GroupFault::NotFound));
    let behind = house.broker.group("/", "g").expect("it has a member").offsets;
    assert_eq!((behind.len(), &*behind[0].topic, behind[0].committed, behind[0].end), (1, "t", 1, 0));
    assert_eq!(behind[0].lag(), 0);
}

#[test]
fn groups_are_bounded() {
    let mut config = anymq_broker::Config::default();
    config.groups.groups_max = 2;
    config.groups.memory_max = anymq_types::ByteSize(64 << 10);
    config.validate().expect("makes sense");
    let house = House::with(&FaultDisk::new(), &clock(), config);
    house.topic("t", 100);
    let session = house.connect();
    for (name, fault) in [("a", None), ("b", None), ("c", Some(GroupFault::Full))] {
        let joined = session.join_group(&JoinGroup { group: name, ..join("", 1) }).expect("alone");
        assert_eq!(joined.fault, fault);
    }
    assert_eq!(session.commit_offsets(&commit("d", "t", &[(0, 1, "")])), Err(GroupFault::Full));
    let large = vec![0; 100 << 10];
    let joined = session.join_group(&JoinGroup { protocols: vec![("range", &large)], ..join("", 1) });
    assert_eq!(joined.expect("refused").fault, Some(GroupFault::Full));
    let huge = vec![0; (1 << 20) + 1];
    let joined =
        session.join_group(&JoinGroup { group: "a", protocols: vec![("range", &huge)], ..join("", 1) });
    assert_eq!(joined.expect("refused").fault, Some(GroupFault::TooLarge));
    for (session_ms, group, fault) in [
        (5_999, "a", GroupFault::InvalidSessionTimeout),
        (1_800_001, "a", GroupFault::InvalidSessionTimeout),
        (-1, "a", GroupFault::InvalidSessionTimeout),
        (6_000, "", GroupFault::InvalidName),
    ] {
        let joined = session.join_group(&JoinGroup { session_ms, group, ..join("", 1) });
        assert_eq!(joined.expect("refused").fault, Some(fault));
    }
}

#[test]
fn a_user_has_so_many_groups_and_others_have_theirs() {
    let mut config = anymq_broker::Config::default();
    config.groups.groups_per_user_max = 2;
    config.groups.memory_per_user_max = anymq_types::ByteSize(64 << 10);
    config.validate().expect("makes sense");
    let house = House::with(&FaultDisk::new(), &clock(), config);
    house.topic("t", 1);
    let password = house.broker.hash_password(b"other");
    let user = User {
        name: "other".into(),
        password,
        scram: Default::default(),
        tags: Default::default(),
        limits: Default::default(),
    };
    house.broker.change(Change::UserPut(user)).expect("is made");
    let permission = Permission { user: "other".into(), vhost: VhostId(1), grant: Permissions::full() };
    house.broker.change(Change::PermissionPut(permission)).expect("is made");
    let (guest, other) = (house.connect(), house.connect_as("other"));
    let fault = |session: &Session, group, size: usize| {
        let said = vec![0; size];
        let request = JoinGroup { group, protocols: vec![("range", &said)], ..join("", 1) };
        session.join_group(&request).expect("alone, or refused").fault
    };
    assert_eq!([fault(&guest, "a", 1), fault(&guest, "b", 1)], [None, None]);
    assert_eq!(fault(&guest, "c", 1), Some(GroupFault::Full));
    assert_eq!(guest.commit_offsets(&commit("c", "t", &[(0, 1, "")])), Err(GroupFault::Full));
    assert_eq!(fault(&other, "c", 1), None, "another user has room");
    // Who joins a group takes the room of the user who made it.
    assert_eq!(fault(&other, "d", 70 << 10), None);
    assert_eq!(fault(&other, "c", 1), Some(GroupFault::Full));
}

#[test]
fn groups_are_used_by_those_who_may_read_them() {
    let house = House::open(&FaultDisk::new(), &clock());
    let session = house.connect();
    let name = "n".repeat(32_768);
    assert_eq!(session.delete_group(&name).map(|_| ()), Err(GroupFault::InvalidName));
    let grant = Permissions { read: "^a".into(), ..Permissions::full() };
    let permission = Permission { user: "guest".into(), vhost: VhostId(1), grant };
    house.broker.change(Change::PermissionPut(permission)).expect("is made");
    assert_eq!(session.delete_group("b").map(|_| ()), Err(GroupFault::Forbidden));
    assert_eq!(session.delete_group("a").map(|_| ()), Err(GroupFault::NotFound));
}

fn heartbeat<'a>(member: &'a str, epoch: i32) -> ConsumerHeartbeat<'a> {
    ConsumerHeartbeat {
        group: "g",
        member,
        epoch,
        instance: None,
        rack: None,
        client_id: "c",
        rebalance_ms: -1,
        topics: None,
        pattern: None,
        assignor: None,
        owned: None,
        makes_its_id: true,
    }
}

fn joins(member: &str) -> ConsumerHeartbeat<'_> {
    ConsumerHeartbeat {
        rebalance_ms: 20_000,
        topics: Some(vec!["t"]),
        owned: Some(vec![]),
        ..heartbeat(member, 0)
    }
}

/// An assignment as consumers write it: partitions of topic `t`.
fn written(numbers: &[i32]) -> Vec<u8> {
    let mut out = b"\0\x01\0\0\0\x01\0\x01t".to_vec();
    out.extend_from_slice(&(numbers.len() as i32).to_be_bytes());
    numbers.iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
    out.extend_from_slice(b"\xff\xff\xff\xff");
    out
}

/// A subscription to topic `t` of a member that has partitions of it.
fn subscribed(numbers: &[i32]) -> Vec<u8> {
    let owned = &written(numbers)[2..];
    let owned = &owned[..owned.len() - 4];
    [b"\0\x01\0\0\0\x01\0\x01t\xff\xff\xff\xff", owned].concat()
}

fn kinds(house: &House) -> Vec<(String, GroupKind)> {
    house.connect().groups().into_iter().map(|g| (g.name.to_string(), g.kind)).collect()
}

#[test]
fn a_group_changes_its_protocol_while_it_works() {
    let (disk, clock) = (FaultDisk::new(), clock());
    let house = House::open(&disk, &clock);
    house.topic("t", 4);
    let session = house.connect();
    let metadata = subscribed(&[]);
    let joined = session.join_group(&JoinGroup { protocols: vec![("range", &metadata)], ..join("", 1) });
    let old = joined.expect("alone").member;
    let who = |generation| InGroup { group: "g", member: &old, instance: None, generation };
    let all = written(&[0, 1, 2, 3]);
    let sync = |generation, token, assignments| SyncGroup {
        who: who(generation),
        token,
        protocol_type: Some("consumer"),
        protocol: Some("range"),
        assignments,
    };
    let synced = session.sync_group(&sync(1, 2, vec![(&old, &all[..])])).expect("it leads");
    assert_eq!(synced.expect("synced").assignment, all);

    // The first member of the new protocol: the old one keeps what it has until it is told.
    let new = session.consumer_heartbeat(&joins("new")).expect("joins").value;
    assert_eq!((new.epoch, new.assignment), (2, Some(vec![])));
    assert_eq!(kinds(&house), [("g".into(), GroupKind::Consumer)]);
    assert_eq!(session.group_heartbeat(&who(1)), Err(GroupFault::RebalanceInProgress));
    assert_eq!(
        session.commit_offsets(&CommitOffsets { who: who(1), ..commit("g", "t", &[(0, 3, "")]) }).map(|_| ()),
        Ok(())
    );
    // It says that it still has everything, and hears what it may keep.
    let metadata = subscribed(&[0, 1, 2, 3]);
    let again = JoinGroup { protocols: vec![("range", &metadata)], ..join(&old, 3) };
    let joined = session.join_group(&again).expect("it does not wait for others");
    assert_eq!((joined.fault, joined.generation, &*joined.leader), (None, 1, ""));
    let synced = session.sync_group(&sync(1, 4, vec![])).expect("at once").expect("synced");
    assert_eq!(synced.assignment, written(&[0, 1]));
    assert_eq!(session.group_heartbeat(&who(1)), Err(GroupFault::RebalanceInProgress));
    let metadata = subscribed(&[0, 1]);
    let again = JoinGroup { protocols: vec![("range", &metadata)], ..join(&old, 5) };
    assert_eq!(session.join_group(&again).expect("at once").generation, 2);
    assert!(session.sync_group(&sync(2, 6, vec![])).expect("at once").is_ok());
    assert_eq!(session.group_heartbeat(&who(2)), Ok(()));
    let new = session.consumer_heartbeat(&heartbeat("new", 2)).expect("is a member").value;
    assert_eq!(new.assignment.map(|a| a[0].1.clone()), Some(vec![2, 3]));
    let (described, names) = session.describe_consumer_group("g").expect("exists");
    assert_eq!((described.state, names.len()), (GroupState::Stable, 1));
    assert_eq!(described.members.iter().filter(|m| m.is_classic).count(), 1);

    // The last of them leaves: the old protocol again, and all join anew.
    session.consumer_heartbeat(&heartbeat("new", -1)).expect("is a member");
    assert_eq!(kinds(&house), [("g".into(), GroupKind::Classic)]);
    let joined = session.join_group(&JoinGroup { protocols: vec![("range", &metadata)], ..join(&old, 7) });
    let joined = joined.expect("alone again");
    assert_eq!((joined.fault, joined.generation, &joined.leader), (None, 4, &old));

    // A group's kind outlives its members.
    session.leave_group("g", &[Leaving { member: &old, instance: None }]).expect("may be used");
    session.consumer_heartbeat(&joins("new")).expect("an empty group is of either kind");
    house.broker.log().commit_now();
    drop(session);
    drop(house);
    let house = House::open(&disk, &clock);
    assert_eq!(kinds(&house), [("g".into(), GroupKind::Consumer)]);
    let unknown = house.connect().consumer_heartbeat(&heartbeat("new", 1));
    assert_eq!(unknown.map(|_| ()), Err(GroupFault::UnknownMember), "which makes it join again");
    assert_eq!(offsets(&house.connect(), "g"), [row("t", 0, 3, "")]);
}

#[test]
fn a_late_member_of_the_old_protocol_is_put_out() {
    let house = House::open(&FaultDisk::new(), &clock());
    house.topic("t", 2);
    let session = house.connect();
    session.consumer_heartbeat(&joins("new")).expect("joins");
    let metadata = subscribed(&[]);
    let joined = session.join_group(&JoinGroup { protocols: vec![("range", &metadata)], ..join("", 1) });
    let old = joined.expect("it does not wait").member;
    assert_eq!(session.describe_group("g").map(|_| ()), Err(GroupFault::NotFound), "it is of the other kind");
    // It does not ask for its share in time.
    for _ in 0..4 {
        house.pass(6_000);
        let _ = session.group_heartbeat(&InGroup { group: "g", member: &old, instance: None, generation: 2 });
        session.consumer_heartbeat(&heartbeat("new", 1)).expect("is a member");
    }
    assert_eq!(session.describe_consumer_group("g").expect("exists").0.members.len(), 1);
    let refused = session.join_group(&JoinGroup { protocol_type: "connect", ..join("", 2) });
    assert_eq!(refused.expect("at once").fault, Some(GroupFault::InconsistentProtocol));
    // Another kind of group cannot change over.
    let other = session.join_group(&JoinGroup { group: "h", protocol_type: "connect", ..join("", 3) });
    assert_eq!(other.expect("alone").fault, None);
    let refused = session.consumer_heartbeat(&ConsumerHeartbeat { group: "h", ..joins("new") });
    assert_eq!(refused.map(|_| ()), Err(GroupFault::NotFound));
}
