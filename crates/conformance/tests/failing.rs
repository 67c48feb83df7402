//! A disk that fails, and one that is full.

use std::collections::BTreeSet;

use anymq_conformance::{Answer, Door, End, Hall, HallOptions, Kind, Message, QueueSpec};
use anymq_runtime::Loss;

/// File syncs of a working life, each of which fails once.
const SYNCS: u64 = 60;

fn message(n: usize) -> Message {
    Message::new(format!("{n} {}", "x".repeat(n * 131 % 1_500)))
}

fn everything(hall: &mut Hall, queue: &str) -> Vec<Vec<u8>> {
    let client = hall.connect();
    std::iter::from_fn(|| hall.fetch(client, queue)).map(|given| given.body).collect()
}

#[test]
fn nothing_is_confirmed_after_a_failed_fsync() {
    let mut failures = 0;
    for sync in 0..SYNCS {
        let mut hall = Hall::default();
        hall.declare(&QueueSpec::new("q", Kind::Classic));
        hall.disk().fail_sync_at(hall.disk().syncs() + sync);
        let mut confirmed = Vec::new();
        for n in 0..80 {
            let failed = hall.has_failed();
            let answer = hall.publish("q", &[message(n)])[0];
            match answer {
                Answer::Confirmed => {
                    assert!(!failed, "sync {sync}: message {n} is confirmed by a journal that has failed");
                    confirmed.push(message(n).body);
                }
                Answer::Silence => assert!(hall.has_failed(), "sync {sync}: message {n} is not confirmed"),
                Answer::Refused => panic!("sync {sync}: message {n} is refused"),
            }
            if n % 30 == 29 {
                // One that fails is reported, and is no reason for the journal to stop.
                let _ = hall.broker().snapshot();
                hall.broker().housekeep();
            }
        }
        if hall.has_failed() {
            failures += 1;
            assert!(hall.operator().congested(), "sync {sync}: doors are told to stop reading");
            let end = hall.broker().log().end();
            let refused = hall.broker().wait_committed(Some(end)).expect_err("nothing is committed any more");
            assert_eq!(refused.kind, anymq_broker::ErrorKind::Unavailable);
            let read = everything(&mut hall, "q");
            assert!(read.starts_with(&confirmed), "sync {sync}: what is committed can still be read");
        }
        hall.crash(Loss::Unsynced).unwrap_or_else(|e| panic!("sync {sync}: {e}"));
        let there = everything(&mut hall, "q");
        assert!(there.starts_with(&confirmed), "sync {sync}: something confirmed is lost");
        let published: BTreeSet<Vec<u8>> = (0..80).map(|n| message(n).body).collect();
        assert!(there.iter().all(|body| published.contains(body)), "sync {sync}");
        assert_eq!(
            hall.publish("q", &[message(99)]),
            [Answer::Confirmed],
            "sync {sync}: after a restart it goes on"
        );
    }
    assert!(failures > SYNCS / 2, "{failures} of {SYNCS} failures hit the journal");
}

#[test]
fn a_low_disk_holds_publishers_back_and_lets_consumers_go_on() {
    let limit = 96 << 10;
    let options = HallOptions { disk_free_limit: limit, history_bytes: 0, ..HallOptions::default() };
    let mut hall = Hall::new(options);
    hall.declare(&QueueSpec::new("q", Kind::Classic));
    hall.disk().set_quota(hall.disk().used() + 4 * limit);
    hall.broker().housekeep();
    assert!(!hall.operator().alarms().any());
    let mut published = 0;
    while !hall.operator().alarms().any() {
        assert_eq!(hall.publish("q", &[message(published)]), [Answer::Confirmed]);
        published += 1;
        hall.broker().housekeep();
        assert!(published < 10_000, "the disk is full some time");
    }
    assert_eq!(hall.operator().alarms().reason(), "low on disk");
    let client = hall.connect();
    let mut consumed = 0;
    while let Some(given) = hall.fetch(client, "q") {
        assert_eq!(given.body, message(consumed).body);
        hall.end(given.lease, End::Ack);
        consumed += 1;
    }
    assert_eq!(consumed, published, "consumers drain");
    for _ in 0..8 {
        hall.work();
        hall.broker().housekeep();
    }
    assert!(
        !hall.operator().alarms().any(),
        "with nothing left the disk is not low, and publishers go on by themselves"
    );
    assert_eq!(hall.publish("q", &[message(0)]), [Answer::Confirmed]);
}

#[test]
fn a_full_disk_confirms_nothing_until_there_is_room() {
    let mut hall = Hall::default();
    hall.declare(&QueueSpec::new("q", Kind::Classic));
    hall.disk().set_quota(hall.disk().used() + (24 << 10));
    let mut confirmed = 0;
    while hall.publish("q", &[message(confirmed)]) == [Answer::Confirmed] {
        confirmed += 1;
        assert!(confirmed < 10_000, "the disk is full some time");
    }
    assert!(!hall.has_failed(), "a full disk is no failure");
    hall.broker().housekeep();
    assert_eq!(hall.operator().alarms().reason(), "low on disk");
    let client = hall.connect();
    let first = hall.fetch(client, "q").expect("consumers go on");
    assert_eq!(first.body, message(0).body);
    hall.end(first.lease, End::Ack);
    let waits = hall.broker().log().end();
    hall.work();
    assert!(hall.operator().committed() < waits, "still nothing");
    hall.disk().set_quota(u64::MAX);
    hall.work();
    assert!(hall.operator().committed() >= waits, "with room it is written without being asked again");
    hall.broker().housekeep();
    assert!(!hall.operator().alarms().any());
    assert_eq!(hall.publish("q", &[message(confirmed + 1)]), [Answer::Confirmed]);
    hall.crash(Loss::Unsynced).expect("it starts");
    let expected: Vec<Vec<u8>> = (1..confirmed + 2).map(|n| message(n).body).collect();
    assert_eq!(everything(&mut hall, "q"), expected);
}
