//! What a full queue does.

use super::{confirmed, drain, drain_numbers, message, number, numbered, plain, take};
use crate::door::{Answer, Counts, Door, End, Interruption, Kind, Overflow, QueueSpec};

fn bounded(door: &mut dyn Door, queue: &str, overflow: Overflow) -> String {
    let dead = format!("{queue}, dead");
    plain(door, &dead, Kind::Classic);
    let spec = QueueSpec {
        max_length: Some((5, overflow)),
        dead_letter_to: Some(dead.clone()),
        ..QueueSpec::new(queue, Kind::Classic)
    };
    door.declare(&spec);
    dead
}

/// The oldest make room and are dead-lettered; what clients have does not count.
pub fn a_full_queue_drops_its_oldest(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("dropping {how:?}");
        let dead = bounded(door, &queue, Overflow::DropHead);
        confirmed(door, &queue, &numbered(0..4));
        let client = door.connect();
        let held = take(door, client, &queue);
        confirmed(door, &queue, &numbered(4..9));
        assert_eq!(door.counts(&queue), Counts { waiting: 5, leased: 1 }, "{queue}");
        door.end(held.lease, End::Ack);
        door.flush();
        door.interrupt(how);
        confirmed(door, &queue, &[message(9)]);
        assert_eq!(drain_numbers(door, &queue), [5, 6, 7, 8, 9], "{queue}");
        let dead = drain(door, &dead);
        assert_eq!(dead.iter().map(number).collect::<Vec<_>>(), [1, 2, 3, 4], "{queue}");
        assert!(dead.iter().all(|g| g.deaths[0].reason == "maxlen"), "{queue}");
    }
}

/// The publisher is told, and what is in the queue stays.
pub fn a_full_queue_refuses_newcomers(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("refusing {how:?}");
        let dead = bounded(door, &queue, Overflow::Reject);
        let mut expected = vec![Answer::Confirmed; 5];
        expected.extend([Answer::Refused; 2]);
        assert_eq!(door.publish(&queue, &numbered(0..7)), expected, "{queue}");
        door.interrupt(how);
        assert_eq!(door.publish(&queue, &[message(7)]), [Answer::Refused], "{queue}");
        let client = door.connect();
        let given = take(door, client, &queue);
        door.end(given.lease, End::Ack);
        confirmed(door, &queue, &[message(8)]);
        assert_eq!(drain_numbers(door, &queue), [1, 2, 3, 4, 8], "{queue}");
        assert_eq!(drain_numbers(door, &dead), [0; 0], "{queue}");
    }
}

/// The publisher is told, and the message is with the dead letters.
pub fn a_full_queue_dead_letters_newcomers(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("turning away {how:?}");
        let dead = bounded(door, &queue, Overflow::RejectToDeadLetter);
        assert_eq!(door.publish(&queue, &numbered(0..7))[5..], [Answer::Refused; 2], "{queue}");
        door.flush();
        door.interrupt(how);
        assert_eq!(door.publish(&queue, &[message(7)]), [Answer::Refused], "{queue}");
        assert_eq!(drain_numbers(door, &queue), [0, 1, 2, 3, 4], "{queue}");
        assert_eq!(drain_numbers(door, &dead), [5, 6, 7], "{queue}");
    }
}
