//! What happens by itself, when its time comes.

use std::time::Duration;

use super::{confirmed, drain, drain_numbers, message, number, numbered, plain, take};
use crate::door::{Counts, Door, End, Interruption, Kind, Message, QueueSpec};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(3600);

fn with_dead_letters(door: &mut dyn Door, spec: QueueSpec) -> String {
    let dead = format!("{}, dead", spec.name);
    plain(door, &dead, Kind::Classic);
    door.declare(&QueueSpec { dead_letter_to: Some(dead.clone()), ..spec });
    dead
}

/// A message whose time is over goes, wherever it stands in its queue, and the others stay.
pub fn a_time_to_live_ends_behind_the_head(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        let queue = format!("short lives {kind:?}");
        let dead = with_dead_letters(door, QueueSpec::new(&queue, kind));
        let messages: Vec<Message> = (0..10)
            .map(|n| Message { ttl: Some(if n % 2 == 1 { SHORT } else { LONG }), ..message(n) })
            .collect();
        confirmed(door, &queue, &messages);
        door.pass(SHORT * 2);
        assert_eq!(door.counts(&queue), Counts { waiting: 5, leased: 0 }, "{kind:?}");
        let dead = drain(door, &dead);
        assert_eq!(dead.iter().map(number).collect::<Vec<_>>(), [1, 3, 5, 7, 9], "{kind:?}");
        assert!(dead.iter().all(|g| g.deaths[0].reason == "expired"), "{kind:?}");
        assert_eq!(drain_numbers(door, &queue), [0, 2, 4, 6, 8], "{kind:?}");
    }
}

/// The time that the broker is away counts, and no message is given more.
pub fn a_time_to_live_goes_on_over_interruptions(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("counted down {how:?}");
        let dead = with_dead_letters(door, QueueSpec::new(&queue, Kind::Classic));
        let lives = |n| Message { ttl: Some(if n % 2 == 1 { SHORT } else { LONG }), ..message(n) };
        confirmed(door, &queue, &(0..6).map(lives).collect::<Vec<_>>());
        door.interrupt(how);
        door.pass(SHORT * 2);
        assert_eq!(drain_numbers(door, &dead), [1, 3, 5], "after {how:?}");
        assert_eq!(drain_numbers(door, &queue), [0, 2, 4], "after {how:?}");
    }
}

/// A queue's time to live holds after an interruption, without anybody touching the queue.
pub fn a_queues_time_to_live_ends_though_nobody_looks(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        for how in Interruption::ALL {
            let queue = format!("brief {kind:?} {how:?}");
            let dead =
                with_dead_letters(door, QueueSpec { ttl: Some(SHORT), ..QueueSpec::new(&queue, kind) });
            confirmed(door, &queue, &numbered(0..5));
            door.interrupt(how);
            for _ in 0..4 {
                door.pass(SHORT);
            }
            assert_eq!(door.counts(&queue).waiting, 0, "{queue}");
            assert_eq!(drain_numbers(door, &dead), [0, 1, 2, 3, 4], "{queue}");
        }
    }
}

/// A queue that nobody uses for as long as it said goes, also after an interruption.
pub fn an_unused_queue_goes_though_nobody_looks(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("unused {how:?}");
        door.declare(&QueueSpec { expires: Some(SHORT * 2), ..QueueSpec::new(&queue, Kind::Classic) });
        door.interrupt(how);
        assert!(door.exists(&queue), "{how:?}: it is given its time again");
        door.pass(SHORT);
        door.pass(SHORT * 2);
        assert!(!door.exists(&queue), "{how:?}");
        door.interrupt(how);
        assert!(!door.exists(&queue), "{how:?}, twice");
    }
}

/// Not before its time, and then in the order of coming due.
pub fn a_delayed_message_comes_in_time(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        for how in Interruption::ALL {
            let queue = format!("later {kind:?} {how:?}");
            plain(door, &queue, kind);
            let later = |n, times: u32| Message { delay: Some(SHORT * times), ..message(n) };
            confirmed(door, &queue, &[later(0, 6), later(1, 3), message(2), later(3, 3)]);
            assert_eq!(drain_numbers(door, &queue), [2], "{queue}");
            assert_eq!(door.counts(&queue).waiting, 3, "{queue}");
            door.flush();
            door.interrupt(how);
            assert_eq!(drain_numbers(door, &queue), [0; 0], "{queue}");
            assert_eq!(door.counts(&queue).waiting, 3, "{queue}");
            door.pass(SHORT * 4);
            let client = door.connect();
            assert_eq!(number(&take(door, client, &queue)), 1, "{queue}");
            // One that came due and was out, one that came due: both come again.
            door.interrupt(how);
            assert_eq!(drain_numbers(door, &queue), [1, 3], "{queue}");
            door.flush();
            door.interrupt(how);
            door.pass(SHORT * 4);
            assert_eq!(drain_numbers(door, &queue), [0], "{queue}");
            assert_eq!(door.counts(&queue), Counts::default(), "{queue}");
        }
    }
}

/// In a queue with priorities a delayed message comes, too, and once.
pub fn a_delay_and_a_priority_go_together(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("later by priority {how:?}");
        door.declare(&QueueSpec { priorities: Some(5), ..QueueSpec::new(&queue, Kind::Classic) });
        let later = |n: usize| Message { delay: Some(SHORT), priority: n as u8, ..message(n) };
        confirmed(door, &queue, &[later(0), later(1), message(2), later(3)]);
        door.pass(SHORT * 2);
        let client = door.connect();
        let given = take(door, client, &queue);
        door.end(given.lease, End::Requeue);
        let held = take(door, client, &queue);
        door.flush();
        door.interrupt(how);
        door.pass(SHORT);
        assert_eq!(door.counts(&queue), Counts { waiting: 4, leased: 0 }, "{queue}");
        let client = door.connect();
        let all: Vec<_> = std::iter::from_fn(|| door.fetch(client, &queue)).collect();
        let mut numbers: Vec<usize> = all.iter().map(number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3], "{queue}, held was {}", number(&held));
        assert_eq!(door.counts(&queue), Counts { waiting: 0, leased: 4 }, "{queue}");
        all.iter().for_each(|given| door.end(given.lease, End::Ack));
        assert_eq!(door.counts(&queue), Counts::default(), "{queue}");
    }
}

/// A queue that delays everything does so after an interruption.
pub fn a_queue_that_delays_goes_on_delaying(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("slow {how:?}");
        door.declare(&QueueSpec { delay: Some(SHORT * 2), ..QueueSpec::new(&queue, Kind::Classic) });
        confirmed(door, &queue, &numbered(0..3));
        door.interrupt(how);
        assert_eq!(drain_numbers(door, &queue), [0; 0], "{queue}");
        confirmed(door, &queue, &numbered(3..5));
        assert_eq!(drain_numbers(door, &queue), [0; 0], "{queue}");
        door.pass(SHORT * 4);
        assert_eq!(drain_numbers(door, &queue), [0, 1, 2, 3, 4], "{queue}");
    }
}

/// A message with an id that was stored within the window is confirmed and dropped; afterwards it is a new one.
pub fn a_duplicate_is_dropped_within_its_window(door: &mut dyn Door) {
    let window = SHORT * 8;
    for how in Interruption::ALL {
        let queue = format!("once {how:?}");
        door.declare(&QueueSpec { dedup_window: Some(window), ..QueueSpec::new(&queue, Kind::Classic) });
        let with_id = |n: usize, id: usize| Message { dedup: Some(format!("id {id}")), ..message(n) };
        confirmed(door, &queue, &[with_id(0, 0), with_id(1, 1), with_id(2, 0)]);
        assert_eq!(drain_numbers(door, &queue), [0, 1], "{queue}");
        door.flush();
        door.interrupt(how);
        confirmed(door, &queue, &[with_id(3, 1), with_id(4, 2), message(5)]);
        assert_eq!(drain_numbers(door, &queue), [4, 5], "{queue}: settled or not, it was stored");
        door.flush();
        door.interrupt(how);
        confirmed(door, &queue, &[with_id(6, 2)]);
        door.pass(window * 2);
        confirmed(door, &queue, &[with_id(7, 0), with_id(8, 2)]);
        assert_eq!(drain_numbers(door, &queue), [7, 8], "{queue}");
    }
}
