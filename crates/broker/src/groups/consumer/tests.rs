//! The consumer protocol, heartbeat by heartbeat, and its assignors.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::assign::Wish;
use super::heartbeat::check;
use super::*;
use crate::groups::consumer_api::{ConsumerBeat, ConsumerHeartbeat};
use crate::groups::{Out, Peer};

const SESSION_MS: u64 = 45_000;
const REBALANCE_MS: u64 = 60_000;

/// Topics `a`, `b`, `c` … with so many partitions.
#[derive(Clone, Debug, Default)]
struct Stock {
    counts: BTreeMap<Arc<str>, u32>,
    version: u64,
}

impl Stock {
    fn of(counts: &[(&str, u32)]) -> Self {
        Stock { counts: counts.iter().map(|&(name, n)| (name.into(), n)).collect(), version: 1 }
    }

    fn set(&mut self, name: &str, count: u32) {
        self.counts.insert(name.into(), count);
        self.version += 1;
    }
}

fn id(name: &str) -> TopicId {
    TopicId(u128::from(name.as_bytes()[0]))
}

impl Topics for Stock {
    fn find(&self, name: &str) -> Option<(TopicId, u32)> {
        self.counts.get(name).map(|&count| (id(name), count))
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.counts.keys().cloned().collect()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

struct House {
    group: Consumer,
    topics: Stock,
    now: u64,
}

/// A heartbeat of `who` that says nothing.
fn quiet(who: &str, epoch: i32) -> ConsumerHeartbeat<'_> {
    ConsumerHeartbeat {
        group: "g",
        member: who,
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

fn joining<'a>(who: &'a str, topics: &[&'a str]) -> ConsumerHeartbeat<'a> {
    ConsumerHeartbeat {
        rebalance_ms: REBALANCE_MS as i32,
        topics: Some(topics.to_vec()),
        owned: Some(Vec::new()),
        ..quiet(who, 0)
    }
}

fn parts(topic: &str, numbers: &[i32]) -> TopicPartitions {
    vec![(id(topic), numbers.to_vec())]
}

impl House {
    fn new(topics: &[(&str, u32)]) -> Self {
        House { group: Consumer::new(), topics: Stock::of(topics), now: 1_000 }
    }

    fn beat(&mut self, request: &ConsumerHeartbeat<'_>) -> GroupResult<ConsumerBeat> {
        check(request)?;
        if request.epoch < 0 {
            return self.group.leave(request);
        }
        let peer = Peer { host: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let beat = Beat {
            request,
            peer,
            topics: &self.topics,
            members_max: 4,
            session_ms: SESSION_MS,
            interval_ms: 5_000,
        };
        let result = self.group.heartbeat(Millis(self.now), &beat, "fresh".into(), &mut Out::default());
        self.check();
        result
    }

    /// No partition is held twice, and what is counted is what there is.
    fn check(&self) {
        let mut held = Share::new();
        for (id, member) in &self.group.members {
            for partition in member.held() {
                assert!(held.insert(*partition), "{partition:?} is held twice, by {id} too");
            }
        }
        assert_eq!(held, self.group.held);
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.group.tick(Millis(self.now));
        self.check();
    }
}

#[test]
fn a_second_member_gets_what_the_first_gives_up() {
    let mut house = House::new(&[("a", 4)]);
    let one = house.beat(&joining("x", &["a"])).expect("joins");
    assert_eq!((one.epoch, one.assignment), (1, Some(parts("a", &[0, 1, 2, 3]))));
    assert_eq!(house.group.state(), GroupState::Stable);
    let two = house.beat(&joining("y", &["a"])).expect("joins");
    assert_eq!((two.epoch, two.assignment), (2, Some(vec![])), "nothing is free yet");
    assert_eq!(house.group.state(), GroupState::Reconciling);
    let one = house.beat(&quiet("x", 1)).expect("is a member");
    assert_eq!((one.epoch, one.assignment), (1, Some(parts("a", &[0, 1]))));
    let again = house.beat(&quiet("x", 1)).expect("is a member");
    assert_eq!((again.epoch, again.assignment), (1, None), "it has not given up anything");
    assert_eq!(house.beat(&quiet("y", 2)).expect("is a member").assignment, None);
    let owned = Some(parts("a", &[0, 1]));
    let one = house.beat(&ConsumerHeartbeat { owned, ..quiet("x", 1) }).expect("is a member");
    assert_eq!((one.epoch, one.assignment), (2, None));
    let two = house.beat(&quiet("y", 2)).expect("is a member");
    assert_eq!((two.epoch, two.assignment), (2, Some(parts("a", &[2, 3]))));
    assert_eq!(house.group.state(), GroupState::Stable);
    let left = house.beat(&quiet("y", -1)).expect("is a member");
    assert_eq!(left.epoch, -1);
    assert_eq!(house.group.state(), GroupState::Assigning);
    let one = house.beat(&quiet("x", 2)).expect("is a member");
    assert_eq!((one.epoch, one.assignment), (3, Some(parts("a", &[0, 1, 2, 3]))));
}

#[test]
fn epochs_are_the_present_one_or_the_one_before() {
    let mut house = House::new(&[("a", 2)]);
    house.beat(&joining("x", &["a"])).expect("joins");
    house.topics.set("a", 3);
    assert_eq!(house.beat(&quiet("x", 1)).expect("is a member").epoch, 2);
    let had = Some(parts("a", &[0, 1]));
    let lost = house.beat(&ConsumerHeartbeat { owned: had, ..quiet("x", 1) });
    assert_eq!(lost.expect("its answer was lost").epoch, 2);
    let more = Some(parts("a", &[0, 7]));
    for (request, fault) in [
        (quiet("x", 1), GroupFault::FencedEpoch),
        (quiet("x", 3), GroupFault::FencedEpoch),
        (ConsumerHeartbeat { owned: more, ..quiet("x", 1) }, GroupFault::FencedEpoch),
        (quiet("z", 1), GroupFault::UnknownMember),
        (quiet("z", -1), GroupFault::UnknownMember),
        (quiet("", 1), GroupFault::Invalid("MemberId can't be empty.".into())),
        (quiet("x", -3), GroupFault::Invalid("MemberEpoch is invalid.".into())),
        (ConsumerHeartbeat { assignor: Some("x"), ..quiet("x", 2) }, GroupFault::UnsupportedAssignor),
    ] {
        assert_eq!(house.beat(&request), Err(fault), "{request:?}");
    }
    let again = house.beat(&joining("x", &["a"])).expect("whoever was fenced joins again");
    assert_eq!((again.epoch, again.assignment), (2, Some(parts("a", &[0, 1, 2]))));
    for (member, epoch, expected) in [
        ("x", 2, Ok(())),
        ("x", 1, Err(GroupFault::StaleEpoch)),
        ("z", 2, Err(GroupFault::UnknownMember)),
        ("", -1, Err(GroupFault::UnknownMember)),
    ] {
        assert_eq!(house.group.check_commit(member, epoch, true), expected);
    }
    assert_eq!(house.group.check_commit("x", 2, false), Err(GroupFault::UnsupportedVersion));
    assert_eq!(Consumer::new().check_commit("", -1, false), Ok(()));
}

#[test]
fn a_first_heartbeat_says_everything() {
    let mut house = House::new(&[("a", 2)]);
    let whole = || joining("x", &["a"]);
    for (request, text) in [
        (
            ConsumerHeartbeat { rebalance_ms: -1, ..whole() },
            "RebalanceTimeoutMs must be provided in first request.",
        ),
        (ConsumerHeartbeat { owned: None, ..whole() }, "TopicPartitions must be empty when (re-)joining."),
        (
            ConsumerHeartbeat { owned: Some(parts("a", &[0])), ..whole() },
            "TopicPartitions must be empty when (re-)joining.",
        ),
        (
            ConsumerHeartbeat { topics: None, ..whole() },
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        (ConsumerHeartbeat { instance: Some(" "), ..whole() }, "InstanceId can't be empty."),
        (ConsumerHeartbeat { rack: Some(""), ..whole() }, "RackId can't be empty."),
        (ConsumerHeartbeat { group: "", ..whole() }, "GroupId can't be empty."),
        (ConsumerHeartbeat { epoch: -2, ..whole() }, "InstanceId can't be null."),
    ] {
        assert_eq!(house.beat(&request), Err(GroupFault::Invalid(text.into())));
    }
    let given = house.beat(&ConsumerHeartbeat { member: "", makes_its_id: false, ..whole() });
    assert_eq!(&*given.expect("the broker makes an id").member, "fresh");
    for who in ["1", "2", "3"] {
        house.beat(&joining(who, &["a"])).expect("joins");
    }
    assert_eq!(house.beat(&joining("4", &["a"])), Err(GroupFault::Full));
}

#[test]
fn a_static_member_comes_back_to_its_place() {
    let mut house = House::new(&[("a", 4)]);
    let fixed = |who| ConsumerHeartbeat { instance: Some("i"), ..joining(who, &["a"]) };
    house.beat(&fixed("x")).expect("joins");
    let again = house.beat(&fixed("y"));
    assert_eq!(again, Err(GroupFault::UnreleasedInstance));
    let leaves = ConsumerHeartbeat { instance: Some("i"), ..quiet("x", -2) };
    assert_eq!(house.beat(&leaves).expect("is a member").epoch, -2);
    let back = house.beat(&fixed("y")).expect("it left");
    assert_eq!((back.epoch, back.assignment), (1, Some(parts("a", &[0, 1, 2, 3]))));
    let stale = ConsumerHeartbeat { instance: Some("i"), ..quiet("x", 1) };
    assert_eq!(house.beat(&stale), Err(GroupFault::FencedInstance));
    let other = ConsumerHeartbeat { instance: Some("j"), ..quiet("x", 1) };
    assert_eq!(house.beat(&other), Err(GroupFault::UnknownMember));
    house.beat(&ConsumerHeartbeat { instance: Some("i"), ..quiet("y", -2) }).expect("is a member");
    house.pass(SESSION_MS);
    assert!(house.group.is_empty(), "it did not come back");
}

#[test]
fn silence_and_holding_on_end_a_membership() {
    let mut house = House::new(&[("a", 2)]);
    house.beat(&joining("x", &["a"])).expect("joins");
    house.beat(&joining("y", &["a"])).expect("joins");
    house.beat(&quiet("x", 1)).expect("is a member");
    for _ in 0..5 {
        house.pass(10_000);
        house.beat(&quiet("x", 1)).expect("it holds on");
        house.beat(&quiet("y", 2)).expect("is a member");
    }
    house.pass(10_000);
    assert_eq!(house.beat(&quiet("x", 1)), Err(GroupFault::UnknownMember));
    let two = house.beat(&quiet("y", 2)).expect("is a member");
    assert_eq!(two.assignment, Some(parts("a", &[0, 1])));
    house.pass(SESSION_MS - 1);
    assert!(!house.group.is_empty());
    house.pass(1);
    assert_eq!(house.group.state(), GroupState::Empty);
}

#[test]
fn patterns_find_topics_as_they_come() {
    let mut house = House::new(&[("a", 1), ("ab", 1), ("b", 1)]);
    let request = ConsumerHeartbeat { topics: None, pattern: Some("a.*"), ..joining("x", &[]) };
    let one = house.beat(&request).expect("joins");
    assert_eq!(one.assignment.map(|a| a.len()), Some(1), "ids of `a` and `ab` are the same here");
    house.topics.set("a2", 3);
    let one = house.beat(&quiet("x", one.epoch)).expect("is a member");
    assert_eq!(one.epoch, 2);
    for bad in ["(", "a)|(b", "(?<", "\\C"] {
        let fault = house.beat(&ConsumerHeartbeat { pattern: Some(bad), ..quiet("x", 2) });
        assert!(matches!(fault, Err(GroupFault::InvalidPattern(_))), "{bad}: {fault:?}");
    }
    let huge = "(?:a{1000}){1000}";
    let fault = house.beat(&ConsumerHeartbeat { pattern: Some(huge), ..quiet("x", 2) });
    assert!(matches!(fault, Err(GroupFault::InvalidPattern(_))));
    let none = ConsumerHeartbeat { pattern: Some(""), topics: Some(vec!["b"]), ..quiet("x", 2) };
    let one = house.beat(&none).expect("is a member");
    assert!(house.group.is_subscribed("b") && !house.group.is_subscribed("a"));
    assert_eq!(one.assignment, Some(vec![]), "it gives up before it gets");
}

fn shares(assignor: Assignor, wants: &[&str], has: &[Share], topics: &[(&str, u32)]) -> Vec<String> {
    let topics = topics.iter().map(|&(name, n)| (id(name), n)).collect();
    let names: Vec<String> = (0..wants.len()).map(|n| format!("m{n}")).collect();
    let empty = Share::new();
    let wish = |(n, wants): (usize, &&str)| Wish {
        name: &names[n],
        topics: wants.chars().map(|c| id(&c.to_string())).collect(),
        has: has.get(n).unwrap_or(&empty),
    };
    let wishes: Vec<_> = wants.iter().enumerate().map(wish).collect();
    let show = |share: Share| {
        let one = |(topic, n): &(TopicId, i32)| format!("{}{n}", topic.0 as u8 as char);
        share.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    assignor.assign(&wishes, &topics).into_iter().map(show).collect()
}

#[test]
fn assignors_share_out() {
    use Assignor::{Range, Uniform};
    let had = |text: &str| -> Share {
        text.split_whitespace().map(|p| (id(&p[..1]), p[1..].parse().expect("a number"))).collect()
    };
    type Case<'a> = (Assignor, &'a [&'a str], &'a [&'a str], &'a [(&'a str, u32)], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (Range, &["ab", "ab"], &[], &[("a", 3), ("b", 3)], &["a0 a1 b0 b1", "a2 b2"]),
        (Range, &["a", "ab", "b"], &[], &[("a", 2), ("b", 3)], &["a0", "a1 b0 b1", "b2"]),
        (Range, &["a", "a", "a"], &[], &[("a", 2)], &["a0", "a1", ""]),
        (Uniform, &["ab", "ab"], &[], &[("a", 3), ("b", 2)], &["a0 a1 a2", "b0 b1"]),
        (Uniform, &["a", "a"], &["a0 a1 a2 a3", ""], &[("a", 4)], &["a0 a1", "a2 a3"]),
        (Uniform, &["a", "a", "a"], &["a0 a1", "a2 a3", ""], &[("a", 4)], &["a0 a1", "a2", "a3"]),
        (Uniform, &["a", "a"], &["a1", "a0"], &[("a", 2)], &["a1", "a0"]),
        (Uniform, &["a"], &["a0 a5 b0"], &[("a", 2)], &["a0 a1"]),
        (Uniform, &["a", "ab"], &[], &[("a", 2), ("b", 2)], &["a0 a1", "b0 b1"]),
        (Uniform, &["a", "ab"], &["", "a0 a1 b0 b1"], &[("a", 2), ("b", 2)], &["a0 a1", "b0 b1"]),
        (Uniform, &[], &[], &[("a", 2)], &[]),
        (Uniform, &["", "z"], &[], &[("a", 2)], &["", ""]),
    ];
    for (assignor, wants, has, topics, expected) in cases {
        let has: Vec<Share> = has.iter().map(|text| had(text)).collect();
        assert_eq!(shares(*assignor, wants, &has, topics), *expected, "{assignor:?} {wants:?} {has:?}");
    }
}

#[derive(Clone, Debug)]
enum Move {
    Join { who: usize, topics: u8, range: bool },
    Beat { who: usize, gives_up: bool },
    Leave { who: usize, away: bool },
    Grow { topic: usize },
    Pass(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        2 => (0..4usize, 1..8u8, any::<bool>()).prop_map(|(who, topics, range)| Move::Join { who, topics, range }),
        10 => (0..4usize, any::<bool>()).prop_map(|(who, gives_up)| Move::Beat { who, gives_up }),
        1 => (0..4usize, any::<bool>()).prop_map(|(who, away)| Move::Leave { who, away }),
        1 => (0..3usize).prop_map(|topic| Move::Grow { topic }),
        1 => (0..30_000u64).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 1..80)
}

/// A client: its epoch and what it has; [`None`] if it is no member.
type Client = Option<(i32, Share)>;

fn take(client: &mut Client, beat: &ConsumerBeat, gives_up: bool) {
    let (epoch, owned) = client.get_or_insert_with(|| (0, Share::new()));
    *epoch = beat.epoch;
    if let Some(assignment) = &beat.assignment {
        let all: Share =
            assignment.iter().flat_map(|(t, numbers)| numbers.iter().map(|&n| (*t, n))).collect();
        if gives_up || owned.is_subset(&all) {
            *owned = all;
        }
    }
}

const NAMES: [&str; 4] = ["w", "x", "y", "z"];
const TOPICS: [&str; 3] = ["a", "b", "c"];

fn beat_of(house: &mut House, clients: &mut [Client], who: usize, gives_up: bool) {
    let Some((epoch, owned)) = clients[who].clone() else { return };
    let instance = (who == 0).then_some("i");
    let request = ConsumerHeartbeat { instance, owned: Some(by_topic(&owned)), ..quiet(NAMES[who], epoch) };
    match house.beat(&request) {
        Ok(beat) => {
            // What it is to give up it learns from the whole, which it is told when it says everything.
            take(&mut clients[who], &beat, gives_up);
            let member = &house.group.members[NAMES[who]];
            if gives_up && let Some((_, owned)) = &mut clients[who] {
                owned.retain(|partition| member.assigned.contains(partition));
            }
        }
        Err(GroupFault::FencedEpoch | GroupFault::UnknownMember) => clients[who] = None,
        Err(other) => panic!("{other:?}"),
    }
}

proptest! {
    /// Whatever members do, and topics: no two clients have the same partition, and when all have settled everything is had.
    #[test]
    fn nobody_shares_a_partition(moves in moves()) {
        let mut house = House::new(&[("a", 3), ("b", 2), ("c", 5)]);
        let mut clients: Vec<Client> = vec![None; NAMES.len()];
        for step in moves {
            match step {
                Move::Join { who, topics, range } => {
                    let wanted: Vec<_> = (0..3).filter(|n| topics & (1 << n) != 0).map(|n| TOPICS[n]).collect();
                    let assignor = Some(if range { "range" } else { "uniform" });
                    let instance = (who == 0).then_some("i");
                    let request = ConsumerHeartbeat { assignor, instance, ..joining(NAMES[who], &wanted) };
                    clients[who] = None;
                    let beat = house.beat(&request).expect("may join");
                    take(&mut clients[who], &beat, true);
                }
                Move::Beat { who, gives_up } => beat_of(&mut house, &mut clients, who, gives_up),
                Move::Leave { who, away } => if let Some((_, _)) = clients[who].take() {
                    let epoch = if away && who == 0 { AWAY } else { -1 };
                    let instance = (who == 0).then_some("i");
                    let _ = house.beat(&ConsumerHeartbeat { instance, ..quiet(NAMES[who], epoch) });
                },
                Move::Grow { topic } => {
                    let count = house.topics.counts[TOPICS[topic]];
                    house.topics.set(TOPICS[topic], count + 1);
                }
                Move::Pass(ms) => house.pass(ms),
            }
            let mut had = Share::new();
            for (who, client) in clients.iter().enumerate() {
                // One that is out, and does not know it yet, gives everything up with its next heartbeat.
                if !house.group.members.contains_key(NAMES[who]) {
                    continue;
                }
                for partition in client.iter().flat_map(|(_, owned)| owned) {
                    prop_assert!(had.insert(*partition), "{partition:?} is had twice");
                }
            }
        }
        for _ in 0..12 {
            (0..NAMES.len()).for_each(|who| beat_of(&mut house, &mut clients, who, true));
        }
        if house.group.members.values().all(|m| m.epoch != AWAY) && !house.group.is_empty() {
            let all_know = NAMES.iter().zip(&clients).all(|(n, c)| house.group.members.contains_key(*n) == c.is_some());
            if all_know {
                prop_assert_eq!(house.group.state(), GroupState::Stable);
                let wanted: usize = house.group.topics.values().map(|&(_, n)| n as usize).sum();
                prop_assert_eq!(house.group.held.len(), wanted, "everything that is wanted is had");
            }
        }
    }
}
