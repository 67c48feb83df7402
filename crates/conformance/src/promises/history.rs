//! What becomes of messages that nobody could use.

use super::{confirmed, drain, drain_numbers, message, number, numbered, plain, take};
use crate::door::{Death, Door, End, Interruption, Kind, Message, QueueSpec};

fn death(queue: &str, reason: &str, count: u64) -> Death {
    Death { queue: queue.into(), reason: reason.into(), count }
}

/// The limit is the number of failed deliveries a message may have; the history says where it failed.
pub fn what_fails_too_often_is_dead_lettered_with_its_history(door: &mut dyn Door) {
    plain(door, "graveyard", Kind::Classic);
    let spec = QueueSpec {
        delivery_limit: Some(2),
        dead_letter_to: Some("graveyard".into()),
        ..QueueSpec::new("limited", Kind::Quorum)
    };
    door.declare(&spec);
    confirmed(door, "limited", &numbered(0..2));
    let client = door.connect();
    for _ in 0..3 {
        let given = take(door, client, "limited");
        assert_eq!(number(&given), 0);
        door.end(given.lease, End::Requeue);
    }
    assert_eq!(drain_numbers(door, "limited"), [1]);
    door.flush();
    for how in Interruption::ALL {
        door.interrupt(how);
        let client = door.connect();
        let dead = take(door, client, "graveyard");
        assert_eq!(number(&dead), 0, "after {how:?}");
        assert_eq!(dead.deaths, [death("limited", "delivery_limit", 1)], "after {how:?}");
        assert_eq!(door.fetch(client, "graveyard"), None, "once, after {how:?}");
        door.disconnect(client);
    }
}

/// An interruption is no way to live for ever.
pub fn failures_are_counted_over_interruptions(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let (queue, dead) = (format!("failing {how:?}"), format!("failed {how:?}"));
        plain(door, &dead, Kind::Classic);
        let spec = QueueSpec {
            delivery_limit: Some(3),
            dead_letter_to: Some(dead.clone()),
            ..QueueSpec::new(&queue, Kind::Quorum)
        };
        door.declare(&spec);
        confirmed(door, &queue, &numbered(0..3));
        for round in 0..2 {
            for _ in 0..2 {
                let client = door.connect();
                let given: Vec<_> = (0..3).map(|_| take(door, client, &queue)).collect();
                assert_eq!(given.iter().map(number).collect::<Vec<_>>(), [0, 1, 2], "{queue} round {round}");
                door.end(given[0].lease, End::Requeue);
                door.end(given[1].lease, End::Requeue);
                door.end(given[2].lease, End::Requeue);
                door.disconnect(client);
            }
            door.flush();
            door.interrupt(how);
        }
        assert_eq!(drain_numbers(door, &queue), [0; 0], "{queue}: four failures, three allowed");
        assert_eq!(drain_numbers(door, &dead), [0, 1, 2], "{queue}");
    }
}

/// A refused message goes where the queue says, with all that happened to it before.
pub fn what_is_refused_is_dead_lettered_with_its_history(door: &mut dyn Door) {
    plain(door, "last", Kind::Classic);
    let to = |name: &str, next: &str| QueueSpec {
        dead_letter_to: Some(next.into()),
        ..QueueSpec::new(name, Kind::Classic)
    };
    door.declare(&to("middle", "last"));
    door.declare(&to("begin", "middle"));
    confirmed(door, "begin", &numbered(0..40));
    for (queue, how) in [("begin", Interruption::Crash), ("middle", Interruption::Restart)] {
        let client = door.connect();
        for n in 0..40 {
            let given = take(door, client, queue);
            assert_eq!(number(&given), n, "{queue}");
            door.end(given.lease, End::Reject);
        }
        assert_eq!(door.fetch(client, queue), None);
        door.flush();
        door.interrupt(how);
    }
    let dead = drain(door, "last");
    assert_eq!(dead.iter().map(number).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
    for given in dead {
        assert_eq!(given.deaths, [death("middle", "rejected", 1), death("begin", "rejected", 1)]);
    }
    assert_eq!((door.counts("begin").waiting, door.counts("middle").waiting), (0, 0));
}

/// A dead letter goes where its message's blind copies went, though no recipient can see that, and a restart does not forget it.
pub fn a_dead_letter_follows_blind_copies(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let (queue, copy) = (format!("addressed {how:?}"), format!("copied {how:?}"));
        plain(door, &copy, Kind::Classic);
        door.declare(&QueueSpec { dead_letter_by_keys: true, ..QueueSpec::new(&queue, Kind::Classic) });
        let message = Message { blind_copies: vec![copy.clone()], ..message(0) };
        confirmed(door, &queue, &[message]);
        assert_eq!(drain_numbers(door, &copy), [0], "{how:?}: the copy itself");
        door.flush();
        door.interrupt(how);
        let client = door.connect();
        let given = take(door, client, &queue);
        door.end(given.lease, End::Reject);
        door.flush();
        door.disconnect(client);
        let dead = drain(door, &copy);
        assert_eq!(dead.len(), 1, "{how:?}");
        assert_eq!(dead[0].deaths, [death(&queue, "rejected", 1)], "{how:?}");
        assert_eq!(dead[0].body, given.body);
        // By its own key it is back in the queue it was refused in: a refusal may go round.
        assert_eq!(drain_numbers(door, &queue), [0], "{how:?}");
    }
}
