//! The classic protocol, move by move; expectations are what Kafka 4.2 answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use anymq_types::ConnectionId;
use proptest::prelude::*;

use super::*;
use crate::groups::api::{GroupAnswer, InGroup, JoinGroup, Joined, Leaving, SyncGroup, Synced};
use crate::groups::{Peer, Waiter};

const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 60_000;

/// A group, a clock, and the answers to what was asked, by token.
struct House {
    group: Classic,
    now: u64,
    limits: Limits,
    tokens: u64,
    ids: u64,
    answers: BTreeMap<u64, GroupAnswer>,
}

struct Who<'a> {
    id: &'a str,
    instance: Option<&'a str>,
    protocols: &'a [(&'a str, &'a [u8])],
    kind: &'a str,
    can_take_id: bool,
    can_skip: bool,
}

const RANGE: &[(&str, &[u8])] = &[("range", b"r")];

impl<'a> Who<'a> {
    /// A client of old: it gets its id with its first answer.
    fn old(id: &'a str) -> Self {
        Who { id, instance: None, protocols: RANGE, kind: "consumer", can_take_id: false, can_skip: false }
    }

    fn fixed(id: &'a str, instance: &'a str) -> Self {
        Who { instance: Some(instance), can_take_id: true, ..Who::old(id) }
    }

    fn knows(self, protocols: &'a [(&'a str, &'a [u8])]) -> Self {
        Who { protocols, ..self }
    }
}

impl House {
    fn new() -> Self {
        House::with_delay(0)
    }

    fn with_delay(initial_delay_ms: u64) -> Self {
        House {
            group: Classic::new(),
            now: 1_000_000,
            limits: Limits { members_max: 4, initial_delay_ms },
            tokens: 0,
            ids: 0,
            answers: BTreeMap::new(),
        }
    }

    fn take(&mut self, out: Out) {
        for (waiter, answer) in out.answers {
            let before = self.answers.insert(waiter.token, answer);
            assert!(before.is_none(), "token {} is answered twice", waiter.token);
        }
    }

    fn waiter(&mut self) -> Waiter {
        self.tokens += 1;
        Waiter { session: ConnectionId(1), token: self.tokens }
    }

    fn join(&mut self, who: &Who<'_>) -> u64 {
        let waiter = self.waiter();
        let request = JoinGroup {
            group: "g",
            token: waiter.token,
            member: who.id,
            instance: who.instance,
            client_id: "c",
            session_ms: SESSION_MS,
            rebalance_ms: REBALANCE_MS,
            protocol_type: who.kind,
            protocols: who.protocols.to_vec(),
            can_take_id: who.can_take_id,
            can_skip: who.can_skip,
        };
        self.ids += 1;
        let fresh = format!("m{}", self.ids).as_str().into();
        let peer = Peer { host: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let mut out = Out::default();
        let join = Join { request: &request, peer, waiter };
        self.group.join(Millis(self.now), join, fresh, &self.limits, &mut out);
        self.take(out);
        waiter.token
    }

    fn sync(&mut self, id: &str, generation: i32, assignments: &[(&str, &[u8])]) -> u64 {
        let waiter = self.waiter();
        let who = InGroup { group: "g", member: id, instance: None, generation };
        let request = SyncGroup {
            who,
            token: waiter.token,
            protocol_type: Some("consumer"),
            protocol: None,
            assignments: assignments.to_vec(),
        };
        let mut out = Out::default();
        self.group.sync(Millis(self.now), &request, waiter, &mut out);
        self.take(out);
        waiter.token
    }

    fn heartbeat(&mut self, id: &str, generation: i32) -> GroupResult<()> {
        let mut out = Out::default();
        let result = self.group.heartbeat(Millis(self.now), id, None, generation, &mut out);
        self.take(out);
        result
    }

    fn leave(&mut self, id: &str, instance: Option<&str>) -> GroupResult<()> {
        let mut out = Out::default();
        let mut results = self.group.leave(Millis(self.now), &[Leaving { member: id, instance }], &mut out);
        self.take(out);
        results.remove(0)
    }

    /// Lets time pass, stopping wherever something is due.
    fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.group.next_due().filter(|at| at.0 <= end) {
            self.now = self.now.max(at.0);
            let mut out = Out::default();
            self.group.tick(Millis(self.now), &self.limits, &mut out);
            assert!(self.group.next_due().is_none_or(|next| next.0 > self.now), "what was due is done");
            self.take(out);
        }
        self.now = end;
    }

    fn joined(&self, token: u64) -> &Joined {
        match self.answers.get(&token) {
            Some(GroupAnswer::Joined(joined)) => joined,
            other => panic!("token {token}: {other:?}"),
        }
    }

    fn synced(&self, token: u64) -> &GroupResult<Synced> {
        match self.answers.get(&token) {
            Some(GroupAnswer::Synced(synced)) => synced,
            other => panic!("token {token}: {other:?}"),
        }
    }

    fn share(&self, token: u64) -> &[u8] {
        &self.synced(token).as_ref().expect("synced").assignment
    }

    fn waits(&self, token: u64) -> bool {
        !self.answers.contains_key(&token)
    }

    /// Two members in a stable generation: the leader, the other, and the generation.
    fn pair() -> (House, String, String, i32) {
        let mut house = House::new();
        let first = house.join(&Who::old(""));
        let a = house.joined(first).member.to_string();
        let second = house.join(&Who::old(""));
        let again = house.join(&Who::old(&a));
        let b = house.joined(second).member.to_string();
        let generation = house.joined(again).generation;
        house.settle(&a, &b, generation);
        (house, a, b, generation)
    }

    fn settle(&mut self, leader: &str, other: &str, generation: i32) {
        let waiting = self.sync(other, generation, &[]);
        assert!(self.waits(waiting));
        let done = self.sync(leader, generation, &[(leader, b"left"), (other, b"right")]);
        assert_eq!((self.share(done), self.share(waiting)), (&b"left"[..], &b"right"[..]));
        assert_eq!(self.group.state(), GroupState::Stable);
    }
}

#[test]
fn one_member_leads_itself() {
    let mut house = House::new();
    let token = house.join(&Who::old(""));
    let joined = house.joined(token).clone();
    assert_eq!((joined.fault, joined.generation, &*joined.leader), (None, 1, &*joined.member));
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(house.group.state(), GroupState::CompletingRebalance);
    let token = house.sync(&joined.member, 1, &[(&joined.member, b"all")]);
    assert_eq!(house.share(token), b"all");
    assert_eq!(house.group.state(), GroupState::Stable);
    assert_eq!(house.heartbeat(&joined.member, 1), Ok(()));
}

#[test]
fn a_second_member_makes_the_first_join_again() {
    let (mut house, a, b, generation) = House::pair();
    assert_eq!(generation, 2);
    let third = house.join(&Who::old(""));
    assert!(house.waits(third));
    assert_eq!(house.heartbeat(&a, generation), Err(GroupFault::RebalanceInProgress));
    let (first, second) = (house.join(&Who::old(&a)), house.join(&Who::old(&b)));
    let leads = house.joined(first);
    assert_eq!((leads.generation, leads.members.len(), &*leads.leader), (3, 3, &*a));
    assert!(house.joined(second).members.is_empty(), "only the leader learns of the others");
    assert_eq!(house.joined(third).generation, 3);
    assert_eq!(house.heartbeat(&b, generation), Err(GroupFault::IllegalGeneration));
}

#[test]
fn a_member_that_does_not_come_back_is_left_out() {
    let (mut house, a, b, _) = House::pair();
    let third = house.join(&Who::old(""));
    let first = house.join(&Who::old(&a));
    // It goes on saying that it is alive, but does not join.
    for _ in 0..7 {
        house.pass(9_000);
        let _ = house.heartbeat(&b, 2);
    }
    assert_eq!(house.joined(first).members.len(), 2);
    assert_eq!(house.joined(third).generation, 3);
    assert_eq!(house.heartbeat(&b, 3), Err(GroupFault::UnknownMember));
}

#[test]
fn silence_ends_a_session() {
    let (mut house, a, b, generation) = House::pair();
    house.pass(9_999);
    assert_eq!(house.heartbeat(&a, generation), Ok(()));
    house.pass(1);
    assert_eq!(house.group.state(), GroupState::PreparingRebalance);
    assert_eq!(house.heartbeat(&b, generation), Err(GroupFault::UnknownMember));
    let token = house.join(&Who::old(&a));
    assert_eq!((house.joined(token).generation, house.joined(token).members.len()), (3, 1));
    house.pass(SESSION_MS as u64);
    assert_eq!(house.group.state(), GroupState::Empty);
    assert_eq!(house.group.generation, 4);
    assert!(house.group.is_unused());
}

#[test]
fn an_id_is_given_out_first_and_waited_for() {
    let mut house = House::new();
    let token = house.join(&Who { can_take_id: true, ..Who::old("") });
    let joined = house.joined(token).clone();
    assert_eq!((joined.fault, joined.generation), (Some(GroupFault::MemberIdRequired), -1));
    assert!(!house.group.is_unused());
    let token = house.join(&Who::old(&joined.member));
    assert_eq!((house.joined(token).fault.clone(), house.joined(token).generation), (None, 1));

    // A generation waits for those on their way, but no longer than a session.
    house.sync(&joined.member, 1, &[]);
    let late = house.join(&Who { can_take_id: true, ..Who::old("") });
    let late = house.joined(late).member.clone();
    let token = house.join(&Who::old(&joined.member));
    assert!(house.waits(token), "a leader that joins again has a new generation begun");
    house.pass(SESSION_MS as u64);
    assert_eq!(house.joined(token).generation, 2);
    let token = house.join(&Who::old(&late));
    assert_eq!(house.joined(token).fault, Some(GroupFault::UnknownMember));
}

#[test]
fn the_first_generation_waits_for_more_members() {
    let mut house = House::with_delay(3_000);
    let first = house.join(&Who::old(""));
    house.pass(2_000);
    let second = house.join(&Who::old(""));
    house.pass(1_000);
    assert!(house.waits(first), "somebody came: it waits once more");
    house.pass(2_999);
    assert!(house.waits(second));
    house.pass(1);
    assert_eq!(house.joined(first).members.len() + house.joined(second).members.len(), 2);
    assert_eq!(house.joined(second).generation, 1);
}

#[test]
fn protocols_are_those_that_all_know() {
    let both: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2")];
    let turned: &[(&str, &[u8])] = &[("b", b"3"), ("a", b"4")];
    let mut house = House::with_delay(10);
    let one = house.join(&Who::old("").knows(both));
    let two = house.join(&Who::old("").knows(turned));
    let three = house.join(&Who::old("").knows(&[("b", b"5")]));
    house.pass(20);
    for token in [one, two, three] {
        assert_eq!(house.joined(token).protocol.as_deref(), Some("b"));
    }
    let leader = house
        .joined(one)
        .members
        .iter()
        .chain(&house.joined(two).members)
        .chain(&house.joined(three).members);
    let metadata: BTreeSet<_> = leader.map(|m| m.metadata.clone()).collect();
    assert_eq!(metadata, [&b"2"[..], b"3", b"5"].into_iter().map(Bytes::from).collect());

    let refused = [
        Who::old("").knows(&[("a", b"6")]),
        Who::old("").knows(&[]),
        Who { kind: "connect", ..Who::old("").knows(both) },
    ];
    for who in refused {
        let token = house.join(&who);
        assert_eq!(house.joined(token).fault, Some(GroupFault::InconsistentProtocol));
    }
    let mut house = House::new();
    for who in [Who::old("").knows(&[]), Who { kind: "", ..Who::old("") }] {
        let token = house.join(&who);
        assert_eq!(
            house.joined(token).fault,
            Some(GroupFault::InconsistentProtocol),
            "in an empty group too"
        );
    }
}

#[test]
fn a_full_group_takes_its_own_members_only() {
    let mut house = House::with_delay(10);
    let tokens: Vec<_> = (0..4).map(|_| house.join(&Who::old(""))).collect();
    let fifth = house.join(&Who::old(""));
    assert_eq!(house.joined(fifth).fault, Some(GroupFault::Full));
    house.pass(10);
    house.pass(10);
    let a = house.joined(tokens[0]).member.to_string();
    let fifth = house.join(&Who::old(""));
    assert_eq!(house.joined(fifth).fault, Some(GroupFault::Full));
    let again = house.join(&Who::old(&a).knows(&[("range", b"x")]));
    assert!(house.waits(again));

    let mut house = House::new();
    for n in 0..6 {
        let token = house.join(&Who { can_take_id: true, ..Who::old("") });
        let fault = if n < 4 { GroupFault::MemberIdRequired } else { GroupFault::Full };
        assert_eq!(house.joined(token).fault, Some(fault), "ids given out count too");
    }
}

#[test]
fn a_static_member_takes_its_place_over() {
    let mut house = House::new();
    let token = house.join(&Who::fixed("", "i"));
    let first = house.joined(token).member.to_string();
    house.sync(&first, 1, &[(&first, b"all")]);
    let token = house.join(&Who::fixed("", "i"));
    let joined = house.joined(token).clone();
    assert_ne!(*joined.member, *first);
    assert_eq!((joined.fault, joined.generation, &*joined.leader), (None, 1, &*first));
    assert_eq!(house.group.state(), GroupState::Stable, "without a new generation");
    let second = joined.member.to_string();
    let token = house.sync(&second, 1, &[]);
    assert_eq!(house.share(token), b"all");

    // One that can hear it leads, and does not assign.
    let token = house.join(&Who { can_skip: true, ..Who::fixed("", "i") });
    let joined = house.joined(token).clone();
    assert!(joined.skip_assignment);
    assert_eq!((joined.members.len(), &*joined.leader), (1, &*joined.member));

    // The one before is fenced, whatever it does.
    let token = house.join(&Who::fixed(&second, "i"));
    assert_eq!(house.joined(token).fault, Some(GroupFault::FencedInstance));
    let fenced = house.group.check_member(&second, Some("i"));
    assert_eq!(fenced, Err(GroupFault::FencedInstance));
    assert_eq!(house.leave(&second, Some("i")), Err(GroupFault::FencedInstance));
    assert_eq!(house.leave("", Some("other")), Err(GroupFault::UnknownMember));
    assert_eq!(house.leave("", Some("i")), Ok(()));
    assert_eq!(house.group.state(), GroupState::Empty);
}

#[test]
fn a_static_member_that_waits_is_told_that_it_was_replaced() {
    let mut house = House::new();
    let token = house.join(&Who::fixed("", "i"));
    let first = house.joined(token).member.to_string();
    let token = house.join(&Who::fixed("", "j"));
    assert!(house.waits(token));
    let other = house.join(&Who::fixed("", "j"));
    assert_eq!(house.joined(token).fault, Some(GroupFault::FencedInstance));
    let again = house.join(&Who::fixed(&first, "i"));
    assert_eq!(house.joined(other).generation, 2);
    assert_eq!(house.joined(again).members.len(), 2);
}

#[test]
fn static_members_stay_when_they_do_not_join() {
    let mut house = House::with_delay(10);
    let tokens = [house.join(&Who::fixed("", "i")), house.join(&Who::fixed("", "j"))];
    house.pass(20);
    let ids = tokens.map(|t| house.joined(t).member.to_string());
    house.sync(&ids[0], 1, &[]);
    house.sync(&ids[1], 1, &[]);
    let token = house.join(&Who::fixed(&ids[0], "i").knows(&[("range", b"new")]));
    for _ in 0..8 {
        house.pass(9_000);
        let _ = house.heartbeat(&ids[1], 1);
    }
    let joined = house.joined(token);
    assert_eq!((joined.generation, joined.members.len()), (2, 2), "both are in the next generation");
}

#[test]
fn whoever_does_not_ask_for_its_share_is_left_out() {
    let (mut house, a, b, _) = House::pair();
    let token = house.join(&Who::old(&a));
    let other = house.join(&Who::old(&b));
    assert_eq!((house.joined(token).generation, house.joined(other).generation), (3, 3));
    let done = house.sync(&a, 3, &[(&a, b"x")]);
    assert_eq!(house.share(done), b"x");
    for _ in 0..8 {
        house.pass(9_000);
        let _ = house.heartbeat(&a, 3);
        let _ = house.heartbeat(&b, 3);
    }
    assert_eq!(house.heartbeat(&b, 3), Err(GroupFault::UnknownMember));
    assert_eq!(house.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn assignments_are_for_the_present_generation() {
    let (mut house, a, b, generation) = House::pair();
    for (id, generation, fault) in
        [(&*a, generation - 1, GroupFault::IllegalGeneration), ("who", generation, GroupFault::UnknownMember)]
    {
        let token = house.sync(id, generation, &[]);
        assert_eq!(house.synced(token), &Err(fault));
    }
    let again = house.sync(&b, generation, &[]);
    assert_eq!(house.share(again), b"right", "asked for twice");
    let token = house.join(&Who::old(&a));
    let other = house.sync(&b, generation, &[]);
    assert_eq!(house.synced(other), &Err(GroupFault::RebalanceInProgress));
    let back = house.join(&Who::old(&b));
    assert_eq!(house.joined(token).generation, house.joined(back).generation);
    // A member that leaves while others wait for their share sends them back to join.
    let waiting = house.sync(&b, generation + 1, &[]);
    assert_eq!(house.leave(&a, None), Ok(()));
    assert_eq!(house.synced(waiting), &Err(GroupFault::RebalanceInProgress));
}

#[test]
fn a_member_without_its_answer_asks_again() {
    let (mut house, a, b, generation) = House::pair();
    let token = house.join(&Who::old(&b));
    assert_eq!(house.joined(token).generation, generation, "a follower that says the same disturbs nobody");
    let token = house.join(&Who::old(&a));
    assert!(house.waits(token));
    let twice = house.join(&Who::old(&a));
    assert_eq!(house.joined(token).fault, Some(GroupFault::RebalanceInProgress), "every request is answered");
    house.join(&Who::old(&b));
    assert_eq!(house.joined(twice).generation, generation + 1);
    let token = house.join(&Who::old(&b));
    assert_eq!(house.joined(token).generation, generation + 1, "while the leader assigns");
}

#[test]
fn commits_are_of_members_or_of_nobody() {
    let (mut house, a, _, generation) = House::pair();
    let check = |house: &mut House, id: &str, instance, generation| {
        house.group.check_commit(Millis(house.now), id, instance, generation, &mut Out::default())
    };
    for (id, instance, said, expected) in [
        (&*a, None, generation, Ok(())),
        (&*a, None, generation - 1, Err(GroupFault::IllegalGeneration)),
        (&*a, None, -1, Err(GroupFault::IllegalGeneration)),
        ("who", None, generation, Err(GroupFault::UnknownMember)),
        ("", None, -1, Err(GroupFault::UnknownMember)),
        ("", Some("i"), -1, Err(GroupFault::UnknownMember)),
    ] {
        assert_eq!(check(&mut house, id, instance, said), expected, "{id} {instance:?} {said}");
    }
    house.join(&Who::old(&a));
    assert_eq!(check(&mut house, &a, None, generation), Ok(()), "while others join");
    let mut house = House::new();
    assert_eq!(check(&mut house, "", None, -1), Ok(()), "an empty group");
    assert_eq!(check(&mut house, "x", None, 1), Err(GroupFault::UnknownMember));
    let token = house.join(&Who::old(""));
    let id = house.joined(token).member.to_string();
    assert_eq!(
        check(&mut house, &id, None, 1),
        Err(GroupFault::RebalanceInProgress),
        "while the leader assigns"
    );
}

#[derive(Clone, Debug)]
enum Move {
    Join { who: usize, fixed: bool, metadata: u8 },
    Back(usize),
    Sync(usize),
    Leave(usize),
    Heartbeat(usize),
    Pass(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (0..5usize, any::<bool>(), 0..3u8).prop_map(|(who, fixed, metadata)| Move::Join { who, fixed, metadata }),
        4 => (0..8usize).prop_map(Move::Back),
        6 => (0..8usize).prop_map(Move::Sync),
        1 => (0..8usize).prop_map(Move::Leave),
        2 => (0..8usize).prop_map(Move::Heartbeat),
        2 => (0..40_000u64).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 1..120)
}

proptest! {
    /// Whatever members do: at most one generation is assigned at a time, each member's share is the one its leader gave it in that
    /// generation, and nobody waits for ever.
    #[test]
    fn members_agree(moves in moves(), delay in prop_oneof![Just(0u64), Just(3_000)]) {
        let mut house = House::with_delay(delay);
        // Members as they know themselves: id and generation, by the token of their last join.
        let mut clients: Vec<(u64, String, i32)> = Vec::new();
        let mut shares: BTreeMap<(i32, String), Vec<u8>> = BTreeMap::new();
        let mut syncs: Vec<(u64, String, i32)> = Vec::new();
        for step in moves {
            match step {
                Move::Join { who, fixed, metadata } => {
                    let instance = format!("i{who}");
                    let metadata = [metadata];
                    let protocols: &[(&str, &[u8])] = &[("range", &metadata)];
                    let who = if fixed { Who::fixed("", &instance) } else { Who::old("") };
                    let token = house.join(&who.knows(protocols));
                    clients.push((token, String::new(), -1));
                }
                Move::Back(n) => if let Some(client) = clients.get_mut(n) && !client.1.is_empty() {
                    let id = client.1.clone();
                    client.0 = house.join(&Who::old(&id));
                },
                Move::Sync(n) => if let Some((_, id, generation)) = clients.get(n).filter(|c| c.2 > 0).cloned() {
                    let leads = house.group.is_leader(&id) && house.group.generation == generation;
                    let ids: Vec<_> = house.group.members.iter().map(|(id, _)| id.to_string()).collect();
                    let share = |id: &str| format!("{generation}/{id}").into_bytes();
                    let given: Vec<_> = ids.iter().map(|id| (id.as_str(), share(id))).collect();
                    let given: Vec<_> = given.iter().map(|(id, s)| (*id, s.as_slice())).collect();
                    if leads && house.group.state() == GroupState::CompletingRebalance {
                        shares.extend(ids.iter().map(|id| ((generation, id.clone()), share(id))));
                    }
                    let token = house.sync(&id, generation, if leads { &given } else { &[] });
                    syncs.push((token, id, generation));
                },
                Move::Leave(n) => if let Some((_, id, _)) = clients.get(n).cloned() {
                    let _ = house.leave(&id, None);
                },
                Move::Heartbeat(n) => if let Some((_, id, generation)) = clients.get(n).cloned() {
                    let _ = house.heartbeat(&id, generation);
                },
                Move::Pass(ms) => house.pass(ms),
            }
            for client in &mut clients {
                if let Some(GroupAnswer::Joined(joined)) = house.answers.get(&client.0) {
                    (client.1, client.2) = (joined.member.to_string(), joined.generation);
                    prop_assert!(joined.generation <= house.group.generation);
                    prop_assert!(joined.fault.is_some() == (joined.generation < 0));
                }
            }
            let members = &house.group.members;
            prop_assert_eq!(members.joining(), members.iter().filter(|(_, m)| m.is_joining()).count());
            prop_assert_eq!(members.len() == 0, house.group.leader.is_none());
            prop_assert!(house.group.leader.as_ref().is_none_or(|id| members.get(id).is_some()));
            prop_assert!(members.len() == 0 || members.elect().is_some(), "a protocol in common");
            let max = house.limits.members_max;
            prop_assert!(members.joining() <= max && members.len() <= 2 * max && house.group.pending.len() <= max);
        }
        house.pass(3_600_000);
        prop_assert!(house.group.is_unused(), "without a word all are gone");
        prop_assert_eq!(house.group.members.bytes(), 0);
        prop_assert_eq!(house.answers.len() as u64, house.tokens, "every request is answered");
        for (token, id, generation) in syncs {
            if let Ok(synced) = house.synced(token) && !synced.assignment.is_empty() {
                // A static member that took over has the share of the one before.
                let own = shares.get(&(generation, id.clone()));
                let known = shares.values().any(|s| **s == *synced.assignment);
                prop_assert!(own.is_none_or(|share| **share == *synced.assignment) && known);
                let of_generation = format!("{generation}/");
                prop_assert!(synced.assignment.starts_with(of_generation.as_bytes()));
            }
        }
    }
}
