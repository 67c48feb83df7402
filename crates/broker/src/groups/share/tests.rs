//! A share group's place in a partition, by itself and against a model that knows each offset by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::Millis;

use super::partition::{Changes, Rule, SharePartition, Unit, Wanted};
use super::spans::{Death, State};
use crate::groups::share_api::{Ack, AckBatch, AckFault, Acquired};

const LOCK_MS: u64 = 100;

fn wanted(by: &str, now: u64, records: u64) -> Wanted {
    Wanted {
        by: by.into(),
        until: Millis(now + LOCK_MS),
        records,
        strict: false,
        range: 500,
        locks_max: 2_000,
        attempts_max: 5,
    }
}

fn rule(now: u64) -> Rule {
    Rule { attempts_max: 5, dead_letters: false, until: Millis(now + LOCK_MS) }
}

fn unit(base: u64, end: u64) -> Unit {
    Unit { base, end, wanted: true }
}

fn acquired(first: u64, last: u64, count: u16) -> Acquired {
    Acquired { first, last, count }
}

fn batch(first: u64, last: u64, acks: &[Ack]) -> AckBatch {
    AckBatch { first, last, acks: acks.to_vec() }
}

/// Gives a member what is there of batches of ten.
fn fetch(place: &mut SharePartition, by: &str, now: u64, records: u64) -> Vec<Acquired> {
    let from = place.next();
    let units = (from / 10..20).map(|n| unit(n * 10, n * 10 + 10));
    place.acquire(from, units, &wanted(by, now, records), &mut Changes::new())
}

fn ack(place: &mut SharePartition, by: &str, first: u64, last: u64, acks: &[Ack]) -> Result<(), AckFault> {
    place.acknowledge(by, &[batch(first, last, acks)], &rule(0), &mut Changes::new())
}

#[test]
fn whole_batches_are_given_or_not_a_record_more() {
    let mut place = SharePartition::new(0);
    assert_eq!(fetch(&mut place, "a", 0, 15), [acquired(0, 19, 1)]);
    let strict = Wanted { strict: true, range: 5, ..wanted("b", 0, 7) };
    let units = [unit(20, 30), unit(30, 40)];
    let got = place.acquire(20, units.into_iter(), &strict, &mut Changes::new());
    assert_eq!(got, [acquired(20, 26, 1)]);
    let got = place.acquire(27, units.into_iter(), &strict, &mut Changes::new());
    assert_eq!(got, [acquired(27, 29, 1), acquired(30, 33, 1)], "ranges are no longer than they may be");
    assert_eq!((place.start(), place.end(), place.next()), (0, 34, 34));
}

#[test]
fn what_is_done_at_the_front_is_forgotten() {
    let mut place = SharePartition::new(0);
    fetch(&mut place, "a", 0, 10);
    assert_eq!(ack(&mut place, "a", 3, 5, &[Ack::Accept]), Ok(()));
    assert_eq!((place.start(), place.lag(20)), (0, 17));
    assert_eq!(ack(&mut place, "a", 0, 2, &[Ack::Accept, Ack::Reject, Ack::Gap]), Ok(()));
    assert_eq!((place.start(), place.lag(20)), (6, 14));
    assert_eq!(ack(&mut place, "a", 0, 5, &[Ack::Accept]), Ok(()), "again: it is done already");
    assert_eq!(ack(&mut place, "a", 6, 9, &[Ack::Accept]), Ok(()));
    assert_eq!((place.start(), place.end(), place.bytes()), (10, 10, 128));
}

#[test]
fn acknowledgements_are_taken_whole_or_not_at_all() {
    let mut place = SharePartition::new(0);
    fetch(&mut place, "a", 0, 10);
    fetch(&mut place, "b", 0, 10);
    for (first, last, fault) in [
        (30, 31, AckFault::FirstPast),
        (15, 25, AckFault::LastPast),
        (5, 15, AckFault::NotOwner),
        (10, 12, AckFault::NotOwner),
    ] {
        assert_eq!(ack(&mut place, "a", first, last, &[Ack::Accept]), Err(fault), "{first}..={last}");
    }
    let overlapping = [batch(5, 6, &[Ack::Accept]), batch(6, 7, &[Ack::Accept])];
    let mut changes = Changes::new();
    assert_eq!(place.acknowledge("a", &overlapping, &rule(0), &mut changes), Err(AckFault::NotAcquired));
    let one_bad = [batch(0, 0, &[Ack::Accept]), batch(50, 60, &[Ack::Accept])];
    assert_eq!(place.acknowledge("a", &one_bad, &rule(0), &mut changes), Err(AckFault::FirstPast));
    assert_eq!((changes, place.start()), (Changes::new(), 0));
    assert_eq!(ack(&mut place, "a", 4, 4, &[Ack::Release]), Ok(()));
    assert_eq!(ack(&mut place, "a", 3, 5, &[Ack::Accept]), Err(AckFault::NotAcquired));
}

#[test]
fn what_comes_back_is_given_again_and_counted() {
    let mut place = SharePartition::new(0);
    fetch(&mut place, "a", 0, 10);
    assert_eq!(ack(&mut place, "a", 2, 3, &[Ack::Release]), Ok(()));
    assert_eq!(fetch(&mut place, "b", 0, 1), [acquired(2, 3, 2)]);
    place.release_of("a", &rule(0), &mut Changes::new());
    assert_eq!(fetch(&mut place, "c", 50, 100)[..2], [acquired(0, 1, 2), acquired(4, 9, 2)]);
    assert_eq!(place.next_due(), Some(Millis(LOCK_MS)));
    place.expire(Millis(LOCK_MS), &rule(0), &mut Changes::new());
    assert_eq!(place.next(), 2, "those of b are over, those of c not yet");
    assert_eq!(place.next_due(), Some(Millis(LOCK_MS + 50)));
    assert_eq!(place.acknowledge("c", &[batch(0, 1, &[Ack::Renew])], &rule(90), &mut Changes::new()), Ok(()));
    place.expire(Millis(LOCK_MS + 50), &rule(0), &mut Changes::new());
    assert_eq!(place.next_due(), Some(Millis(LOCK_MS + 90)), "only what was renewed is left");
}

/// As Kafka 4.2 does: half of a batch before the last delivery but one, then record by record.
#[test]
fn what_fails_often_is_given_in_ever_smaller_pieces_and_then_given_up() {
    let mut place = SharePartition::new(0);
    let mut told = Vec::new();
    for _ in 0..7 {
        let got = {
            let units = std::iter::once(unit(0, 100));
            let from = place.next();
            place.acquire(from, units, &wanted("a", 0, 500), &mut Changes::new())
        };
        let [range] = got[..] else { panic!("{got:?}") };
        told.push((range.first, range.last, range.count));
        assert_eq!(ack(&mut place, "a", range.first, range.last, &[Ack::Release]), Ok(()));
    }
    assert_eq!(told, [(0, 99, 1), (0, 99, 2), (0, 99, 3), (0, 49, 4), (0, 0, 5), (1, 1, 5), (2, 2, 5)]);
    assert_eq!(place.start(), 3, "after the last delivery a record is given up");
}

#[test]
fn records_that_are_given_up_wait_for_their_dead_letters() {
    let mut place = SharePartition::new(0);
    let rule = Rule { dead_letters: true, ..rule(0) };
    fetch(&mut place, "a", 0, 10);
    let acks = [batch(0, 1, &[Ack::Reject]), batch(2, 9, &[Ack::Accept])];
    assert_eq!(place.acknowledge("a", &acks, &rule, &mut Changes::new()), Ok(()));
    assert_eq!((place.start(), place.lag(10)), (0, 2));
    assert_eq!(place.dying(), Some((0, 2, 1, Death::Rejected)));
    place.buried(0, 1, &mut Changes::new());
    assert_eq!((place.start(), place.dying()), (1, Some((1, 2, 1, Death::Rejected))));
    place.buried(1, 2, &mut Changes::new());
    assert_eq!((place.start(), place.dying()), (10, None));
}

#[test]
fn gaps_markers_and_what_is_no_longer_stored_are_passed_over() {
    let mut place = SharePartition::new(0);
    let units = [
        unit(2, 5),
        Unit { base: 5, end: 6, wanted: false },
        unit(8, 9),
        Unit { base: 9, end: 10, wanted: false },
    ];
    let got = place.acquire(0, units.into_iter(), &wanted("a", 0, 500), &mut Changes::new());
    assert_eq!(got, [acquired(2, 4, 1), acquired(8, 8, 1)]);
    assert_eq!((place.start(), place.end(), place.lag(10)), (2, 10, 4));
    assert!(place.trim(4) && !place.trim(3));
    assert_eq!((place.start(), place.lag(10)), (4, 2));
    assert!(place.trim(50));
    assert_eq!((place.start(), place.end(), place.next(), place.lag(10)), (50, 50, 50, 0));
}

#[test]
fn locks_are_bounded_and_spans_with_them() {
    let mut place = SharePartition::new(0);
    let few = Wanted { locks_max: 10, ..wanted("a", 0, 500) };
    let got = place.acquire(0, std::iter::once(unit(0, 1_000)), &few, &mut Changes::new());
    assert_eq!(got, [acquired(0, 9, 1)]);
    assert!(!place.has_room(10));
    assert_eq!(ack(&mut place, "a", 1, 1, &[Ack::Accept]), Ok(()));
    assert!(place.has_room(10), "one that is done makes room for another");
    let got = place.acquire(10, std::iter::once(unit(0, 1_000)), &few, &mut Changes::new());
    assert_eq!(got, [acquired(10, 10, 1)]);
    for n in 0..100_000u64 {
        let next = place.next();
        place.acquire(next, std::iter::once(unit(0, 1_000_000)), &few, &mut Changes::new());
        let odd = next | 1;
        let _ = ack(&mut place, "a", odd, odd, &[if n % 7 == 0 { Ack::Release } else { Ack::Accept }]);
        assert!(place.bytes() <= 128 + 96 * 21, "{} bytes", place.bytes());
    }
}

/// What becomes of each offset, one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Free(u16),
    Held(u16, &'static str, u64),
    Done,
}

/// The same, without spans.
struct Model {
    start: u64,
    fates: BTreeMap<u64, Fate>,
}

impl Model {
    fn end(&self) -> u64 {
        self.fates.last_key_value().map_or(self.start, |(&at, _)| at + 1)
    }

    fn advance(&mut self) {
        while self.fates.get(&self.start) == Some(&Fate::Done) {
            self.fates.remove(&self.start);
            self.start += 1;
        }
    }

    fn next(&self) -> u64 {
        let free = self.fates.iter().find(|(_, fate)| matches!(fate, Fate::Free(_)));
        free.map_or(self.end(), |(&at, _)| at)
    }

    fn back(count: u16) -> Fate {
        if count >= 5 { Fate::Done } else { Fate::Free(count) }
    }

    fn release(&mut self, whose: impl Fn(&str, u64) -> bool) {
        for fate in self.fates.values_mut() {
            if let Fate::Held(count, by, until) = *fate
                && whose(by, until)
            {
                *fate = Model::back(count);
            }
        }
        self.advance();
    }

    fn ack(&mut self, by: &'static str, first: u64, last: u64, ack: Ack, now: u64) -> bool {
        let all = first.max(self.start)..=last;
        let own = |at| matches!(self.fates.get(&at), Some(Fate::Held(_, owner, _)) if *owner == by);
        if last >= self.start && !all.clone().all(own) {
            return false;
        }
        for at in all {
            let Some(fate) = self.fates.get_mut(&at) else { continue };
            let Fate::Held(count, _, _) = *fate else { continue };
            *fate = match ack {
                Ack::Gap | Ack::Accept | Ack::Reject => Fate::Done,
                Ack::Release => Model::back(count),
                Ack::Renew => Fate::Held(count, by, now + LOCK_MS),
            };
        }
        self.advance();
        true
    }
}

fn seen(place: &SharePartition) -> BTreeMap<u64, Fate> {
    let mut all = BTreeMap::new();
    for (first, end, state) in place.spans.iter() {
        for at in first..end {
            all.insert(
                at,
                match state {
                    State::Available { count } => Fate::Free(*count),
                    State::Acquired { count, by, until } => {
                        let by = MEMBERS.into_iter().find(|m| **m == **by).unwrap_or("");
                        Fate::Held(*count, by, until.0)
                    }
                    State::Done => Fate::Done,
                    State::Dying { .. } => panic!("nothing dies here"),
                },
            );
        }
    }
    all
}

const MEMBERS: [&str; 3] = ["a", "b", "c"];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Random operations, each done to both; after each, what the journal heard of makes the same place.
#[test]
fn random_operations_agree_with_the_model() {
    for seed in 0..60 {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut dice = Dice(seed);
    let mut place = SharePartition::new(0);
    let mut model = Model { start: 0, fates: BTreeMap::new() };
    let mut replayed = SharePartition::new(0);
    let (mut now, mut high) = (0u64, 0u64);
    for step in 0..400 {
        let mut changes = Changes::new();
        let by = MEMBERS[dice.roll(3) as usize];
        match dice.roll(6) {
            0 => high += dice.roll(30),
            1 | 2 => {
                let strict = dice.roll(2) == 0;
                let from = place.next();
                assert_eq!(from, model.next(), "seed {seed} step {step}");
                let size = 1 + dice.roll(12);
                let units =
                    (from / size..high.div_ceil(size)).map(|n| unit(n * size, (n * size + size).min(high)));
                let w = Wanted { strict, range: 7, ..wanted(by, now, 1 + dice.roll(20)) };
                let got = place.acquire(from, units, &w, &mut changes);
                for range in &got {
                    for at in range.first..=range.last {
                        let before = model.fates.insert(at, Fate::Held(range.count, by, now + LOCK_MS));
                        let count = match before {
                            None => 0,
                            Some(Fate::Free(count)) => count,
                            other => panic!("seed {seed} step {step}: {at} was {other:?}"),
                        };
                        assert_eq!(range.count, count + 1, "seed {seed} step {step}: {at}");
                    }
                }
                let total: u64 = got.iter().map(|range| range.last - range.first + 1).sum();
                assert!(!strict || total <= w.records, "seed {seed} step {step}");
                assert!(from >= high || !got.is_empty(), "seed {seed} step {step}: nothing of what is there");
            }
            3 => {
                let first = model.start.saturating_sub(2) + dice.roll(25);
                let last = first + dice.roll(6);
                let kind = [Ack::Accept, Ack::Accept, Ack::Release, Ack::Reject, Ack::Renew, Ack::Gap]
                    [dice.roll(6) as usize];
                let acks = [batch(first, last, &[kind])];
                let took = place.acknowledge(by, &acks, &rule(now), &mut changes).is_ok();
                assert_eq!(took, model.ack(by, first, last, kind, now), "seed {seed} step {step}");
            }
            4 => {
                now += dice.roll(80);
                place.expire(Millis(now), &rule(now), &mut changes);
                model.release(|_, until| until <= now);
            }
            _ => {
                place.release_of(by, &rule(now), &mut changes);
                model.release(|owner, _| owner == by);
            }
        }
        assert_eq!(seen(&place), model.fates, "seed {seed} step {step}");
        assert_eq!((place.start(), place.end()), (model.start, model.end()), "seed {seed} step {step}");
        // As the journal has it: members are forgotten.
        let heard = changes.iter().map(|(first, end, state)| (*first, *end, state.lasting())).collect();
        replayed.replay(place.start(), heard);
        assert_eq!(replayed.lasting(), place.lasting(), "seed {seed} step {step}");
        assert_eq!(replayed.start(), place.start(), "seed {seed} step {step}");
    }
}

#[test]
fn changes_that_are_heard_again_change_nothing() {
    let mut place = SharePartition::new(0);
    let mut frames: Vec<(u64, Changes)> = Vec::new();
    let mut dice = Dice(7);
    for _ in 0..200 {
        let mut changes = Changes::new();
        let by: Arc<str> = "a".into();
        let from = place.next();
        place.acquire(
            from,
            std::iter::once(unit(0, 10_000)),
            &Wanted { by, strict: true, ..wanted("a", 0, 5) },
            &mut changes,
        );
        let first = place.start() + dice.roll(8);
        let kind = [Ack::Accept, Ack::Release][dice.roll(2) as usize];
        let _ = place.acknowledge("a", &[batch(first, first + 1, &[kind])], &rule(0), &mut changes);
        frames.push((place.start(), changes));
    }
    let mut again = place.clone();
    for (start, changes) in &frames[100..] {
        again.replay(*start, changes.clone());
    }
    assert_eq!((again.start(), again.lasting()), (place.start(), place.lasting()));
}
