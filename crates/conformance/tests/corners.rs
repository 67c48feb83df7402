//! What only the hall can be asked, because it takes hands on the journal.

use std::time::Duration;

use anymq_conformance::{
    Answer, Client, Door, End, Given, Hall, HallOptions, Interruption, Kind, Message, QueueSpec,
};

fn bodies(given: &[Given]) -> Vec<String> {
    given.iter().map(|g| String::from_utf8_lossy(&g.body).into_owned()).collect()
}

fn take_all(hall: &mut Hall, client: Client, queue: &str) -> Vec<Given> {
    std::iter::from_fn(|| hall.fetch(client, queue)).collect()
}

fn drain(hall: &mut Hall, queue: &str) -> Vec<String> {
    let client = hall.connect();
    let all = take_all(hall, client, queue);
    all.iter().for_each(|g| hall.end(g.lease, End::Ack));
    hall.disconnect(client);
    bodies(&all)
}

#[test]
fn the_offset_of_a_volatile_message_is_never_used_again() {
    for how in Interruption::ALL {
        let mut hall = Hall::default();
        hall.declare(&QueueSpec::new("q", Kind::Classic));
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..4 {
            for n in 0..6 {
                let message = Message { volatile: n > 2, ..Message::new(format!("{round} {n}")) };
                assert_eq!(hall.publish("q", &[message]), [Answer::Confirmed]);
            }
            let client = hall.connect();
            for given in take_all(&mut hall, client, "q") {
                assert!(
                    seen.insert(given.lease.token.1),
                    "offset {} again, after {how:?}",
                    given.lease.token.1
                );
                hall.end(given.lease, End::Ack);
            }
            hall.flush();
            hall.interrupt(how);
        }
        assert_eq!(seen.len(), 24);
    }
}

/// Refuses a message whose record is on disk, and lets the process die after a snapshot but before the record is read.
#[test]
fn a_snapshot_knows_messages_that_are_about_to_be_dead_lettered() {
    let mut hall = Hall::default();
    hall.declare(&QueueSpec::new("dead", Kind::Classic));
    hall.declare(&QueueSpec {
        priorities: Some(3),
        dead_letter_to: Some("dead".into()),
        ..QueueSpec::new("q", Kind::Classic)
    });
    let padding = "x".repeat(300 << 10);
    let messages: Vec<Message> =
        (0..8u8).map(|n| Message { priority: n % 4, ..Message::new(format!("{n}{padding}")) }).collect();
    // More than the memory budget: what is not at the head has left memory when it is refused.
    hall.publish("q", &messages);
    hall.interrupt(Interruption::Crash);
    let client = hall.connect();
    let held = take_all(&mut hall, client, "q");
    assert_eq!(held.len(), 8);
    for given in &held {
        let how = anymq_broker::Outcome::Reject;
        hall.settle_without_reading(given.lease, how);
    }
    hall.interrupt(Interruption::CrashAfterSnapshot);
    let mut left: Vec<String> = drain(&mut hall, "q").into_iter().chain(drain(&mut hall, "dead")).collect();
    left.iter_mut().for_each(|body| body.truncate(1));
    left.sort();
    assert_eq!(left, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn a_read_that_is_put_off_loses_nothing() {
    let mut hall = Hall::new(HallOptions { reads_max: 1, ..HallOptions::default() });
    let queues: Vec<String> = (0..5).map(|n| format!("q{n}")).collect();
    for queue in &queues {
        hall.declare(&QueueSpec::new(queue, Kind::Classic));
        hall.publish(queue, &[Message::new(queue.as_str())]);
    }
    hall.interrupt(Interruption::Crash);
    let client = hall.connect();
    queues.iter().for_each(|queue| hall.consume(client, queue, 1));
    let mut got = Vec::new();
    for _ in 0..queues.len() {
        hall.pass(Duration::from_millis(500));
        got.extend(std::iter::from_fn(|| hall.receive(client)));
    }
    let mut got = bodies(&got);
    got.sort();
    assert_eq!(got, queues);
    assert_eq!(hall.broker().totals().stats.corrupt, 0);
}

#[test]
fn an_orderly_stop_counts_once() {
    let mut hall = Hall::default();
    hall.declare(&QueueSpec::new("q", Kind::Classic));
    hall.publish("q", &[Message::new("a"), Message::new("b")]);
    for (how, seen) in [
        (Interruption::Restart, [false, false]),
        (Interruption::Restart, [true, false]),
        // Nothing is written when a message is delivered, so after a crash the second may have been seen.
        (Interruption::Crash, [true, true]),
    ] {
        hall.interrupt(how);
        let client = hall.connect();
        let first = hall.fetch(client, "q").expect("a is there");
        assert_eq!(first.redelivered, seen[0], "{how:?}");
        if how == Interruption::Crash {
            let second = hall.fetch(client, "q").expect("b is there");
            assert_eq!(second.redelivered, seen[1], "{how:?}");
        }
    }
    assert_eq!(drain(&mut hall, "q"), [""; 0], "both are out");
}

/// Turns a bit of a body over where it stands on the disk.
fn damage(hall: &Hall, body: &[u8]) {
    let hit = hall.files().into_iter().find_map(|(path, _)| {
        let bytes = hall.disk().bytes_of(&path)?;
        Some((path, bytes.windows(body.len()).position(|w| w == body)?))
    });
    let (path, at) = hit.expect("the body is on the disk");
    hall.disk().flip(&path, at as u64, 0);
}

#[test]
fn one_damaged_record_takes_no_neighbour_with_it() {
    for kind in [Kind::Classic, Kind::Quorum, Kind::Stream] {
        let mut hall = Hall::new(HallOptions { segment_bytes: 1 << 20, ..HallOptions::default() });
        hall.declare(&QueueSpec::new("q", kind));
        let mut expected: Vec<String> = (0..60).map(|n| format!("message {n:03}")).collect();
        for body in &expected {
            hall.publish("q", &[Message::new(body.as_str())]);
        }
        // Once out and back again: the records have left memory, and their index entries are merged.
        let client = hall.connect();
        match kind {
            Kind::Stream => hall.interrupt(Interruption::Crash),
            _ => assert_eq!(take_all(&mut hall, client, "q").len(), 60),
        }
        hall.disconnect(client);
        damage(&hall, expected.remove(30).as_bytes());
        let client = hall.connect();
        let got = match kind {
            Kind::Stream => {
                hall.consume(client, "q", 100);
                std::iter::from_fn(|| hall.receive(client)).collect()
            }
            _ => take_all(&mut hall, client, "q"),
        };
        assert_eq!(bodies(&got), expected, "{kind:?}");
        assert_eq!(hall.broker().totals().stats.corrupt, 1, "{kind:?}");
        let held = if kind == Kind::Stream { 0 } else { 59 };
        assert_eq!(hall.counts("q").leased, held, "{kind:?}");
        assert_eq!(hall.counts("q").waiting, 59 - held, "{kind:?}");
    }
}

#[test]
fn damage_is_not_copied_and_not_forgotten() {
    let options = HallOptions { history_bytes: 0, segment_bytes: 8 << 10, ..HallOptions::default() };
    let mut hall = Hall::new(options);
    for queue in ["q", "filler"] {
        hall.declare(&QueueSpec::new(queue, Kind::Classic));
    }
    let mut expected: Vec<String> = (0..9).map(|n| format!("message {n:03}")).collect();
    for body in &expected {
        hall.publish("q", &[Message::new(body.as_str())]);
        hall.publish("filler", &[Message::new("x".repeat(700))]);
    }
    drain(&mut hall, "filler");
    damage(&hall, expected.remove(4).as_bytes());
    for _ in 0..4 {
        hall.broker().housekeep();
        hall.work();
    }
    assert!(hall.files().iter().any(|(path, _)| path.ends_with(".mixed")), "{:?}", hall.files());
    assert_eq!(hall.broker().totals().stats.corrupt, 1);
    assert_eq!(hall.counts("q").waiting, 8);
    hall.interrupt(Interruption::CrashAfterSnapshot);
    assert_eq!(drain(&mut hall, "q"), expected);
    assert_eq!(hall.counts("q").waiting, 0);
}

/// Each of 256 priorities is a level of its own, and stays one, whether the journal or a snapshot tells of it.
#[test]
fn many_priorities_stay_apart() {
    for how in Interruption::ALL {
        let mut hall = Hall::default();
        hall.declare(&QueueSpec { priorities: Some(255), ..QueueSpec::new("q", Kind::Classic) });
        let messages: Vec<Message> = (0..512u32)
            .map(|n| Message { priority: (n * 97 % 256) as u8, ..Message::new(format!("{}", n * 97 % 256)) })
            .collect();
        for some in messages.chunks(128) {
            hall.publish("q", some);
        }
        let client = hall.connect();
        let held: Vec<Given> = (0..3).filter_map(|_| hall.fetch(client, "q")).collect();
        assert_eq!(bodies(&held), ["255", "255", "254"]);
        hall.interrupt(how);
        let expected: Vec<String> = (0..512).rev().map(|n| (n / 2).to_string()).collect();
        assert_eq!(drain(&mut hall, "q"), expected, "{how:?}");
    }
}
