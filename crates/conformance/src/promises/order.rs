//! In which order messages come.

use super::{confirmed, drain_numbers, message, number, numbered, plain, take};
use crate::door::{Client, Door, End, Interruption, Kind, Message, QueueSpec};

/// First in, first out, whatever happens between.
pub fn order_within_a_queue_holds(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        let queue = format!("in order {kind:?}");
        plain(door, &queue, kind);
        let (mut got, mut next) = (Vec::new(), 0);
        for how in Interruption::ALL {
            for count in [1, 200, 3] {
                confirmed(door, &queue, &numbered(next..next + count));
                next += count;
            }
            let client = door.connect();
            for _ in 0..50 {
                let given = take(door, client, &queue);
                door.end(given.lease, End::Ack);
                got.push(number(&given));
            }
            door.flush();
            door.interrupt(how);
        }
        got.extend(drain_numbers(door, &queue));
        assert_eq!(got, (0..next).collect::<Vec<_>>(), "{kind:?}");
    }
}

/// A returned message comes again before those that were published after it.
pub fn what_comes_back_takes_its_place(door: &mut dyn Door) {
    plain(door, "placed", Kind::Classic);
    confirmed(door, "placed", &numbered(0..6));
    let client = door.connect();
    let held: Vec<_> = (0..4).map(|_| take(door, client, "placed")).collect();
    for index in [2, 0, 1] {
        door.end(held[index].lease, End::Requeue);
    }
    assert_eq!(drain_numbers(door, "placed"), [0, 1, 2, 4, 5]);
    door.end(held[3].lease, End::Requeue);
    assert_eq!(drain_numbers(door, "placed"), [3]);
}

/// In a quorum queue it goes before everything that waits, in the order of returning.
pub fn what_comes_back_to_a_quorum_queue_goes_to_the_front(door: &mut dyn Door) {
    plain(door, "fronted", Kind::Quorum);
    confirmed(door, "fronted", &numbered(0..6));
    let client = door.connect();
    let held: Vec<_> = (0..4).map(|_| take(door, client, "fronted")).collect();
    for index in [2, 0, 1] {
        door.end(held[index].lease, End::Requeue);
    }
    assert_eq!(drain_numbers(door, "fronted"), [2, 0, 1, 4, 5]);
}

/// The highest priority first, and first in, first out within one.
pub fn priority_order_holds(door: &mut dyn Door) {
    let highest = 9;
    let messages: Vec<Message> =
        (0..80).map(|n| Message { priority: (n * 7 % 12) as u8, ..message(n) }).collect();
    let mut expected: Vec<usize> = (0..80).collect();
    expected.sort_by_key(|&n| std::cmp::Reverse(messages[n].priority.min(highest)));
    for how in Interruption::ALL {
        let queue = format!("by priority {how:?}");
        door.declare(&QueueSpec { priorities: Some(highest), ..QueueSpec::new(&queue, Kind::Classic) });
        confirmed(door, &queue, &messages);
        let client = door.connect();
        let held: Vec<_> = (0..12).map(|_| take(door, client, &queue)).collect();
        assert_eq!(held.iter().map(number).collect::<Vec<_>>(), expected[..12]);
        door.end(held[3].lease, End::Requeue);
        door.end(held[5].lease, End::Ack);
        door.flush();
        door.interrupt(how);
        let mut left = expected.clone();
        left.remove(5);
        assert_eq!(drain_numbers(door, &queue), left, "after {how:?}");
    }
}

/// In a quorum queue priorities above 4 are urgent: two of them for one that is not.
pub fn urgent_messages_keep_their_turns(door: &mut dyn Door) {
    let urgent = |n: usize| Message { priority: if n.is_multiple_of(2) { 5 } else { 4 }, ..message(n) };
    // Even numbers are urgent: two of them, one odd one, and at the end what is left.
    let turns = |urgent: Vec<usize>, normal: Vec<usize>| {
        let (mut urgent, mut normal) = (urgent.into_iter(), normal.into_iter());
        let mut all = Vec::new();
        loop {
            let before = all.len();
            all.extend(urgent.by_ref().take(2));
            all.extend(normal.next());
            if all.len() == before {
                return all;
            }
        }
    };
    for how in Interruption::ALL {
        let queue = format!("urgent {how:?}");
        plain(door, &queue, Kind::Quorum);
        for from in [0, 15] {
            confirmed(door, &queue, &(from..from + 15).map(urgent).collect::<Vec<_>>());
        }
        let all = turns((0..30).step_by(2).collect(), (1..30).step_by(2).collect());
        let client = door.connect();
        for &n in &all[..6] {
            let given = take(door, client, &queue);
            assert_eq!(number(&given), n, "before {how:?}");
            door.end(given.lease, End::Ack);
        }
        door.flush();
        door.interrupt(how);
        let left = |odd: usize| (0..30).filter(|n| n % 2 == odd && !all[..6].contains(n)).collect();
        assert_eq!(drain_numbers(door, &queue), turns(left(0), left(1)), "after {how:?}");
    }
}

fn of_group(n: usize, group: &str) -> Message {
    Message { group: Some(group.into()), ..message(n) }
}

/// Numbers of all that can be had at once.
fn take_all(door: &mut dyn Door, client: Client, queue: &str) -> Vec<(usize, crate::door::Lease)> {
    std::iter::from_fn(|| door.fetch(client, queue)).map(|g| (number(&g), g.lease)).collect()
}

fn numbers(taken: &[(usize, crate::door::Lease)]) -> Vec<usize> {
    taken.iter().map(|&(n, _)| n).collect()
}

/// While somebody has a message of a group, the others of that group wait, and they come in order.
pub fn messages_of_a_group_come_one_at_a_time(door: &mut dyn Door) {
    for (kind, how) in
        [Kind::Classic, Kind::Quorum].into_iter().flat_map(|k| Interruption::ALL.map(|how| (k, how)))
    {
        let queue = format!("grouped {kind:?} {how:?}");
        door.declare(&QueueSpec { groups: true, ..QueueSpec::new(&queue, kind) });
        let messages: Vec<Message> =
            (0..9).map(|n| if n % 3 == 2 { message(n) } else { of_group(n, ["a", "b"][n % 3]) }).collect();
        confirmed(door, &queue, &messages);
        let client = door.connect();
        assert_eq!(numbers(&take_all(door, client, &queue)), [0, 1, 2, 5, 8], "{queue}");
        door.interrupt(how);
        let client = door.connect();
        let first = take_all(door, client, &queue);
        assert_eq!(numbers(&first), [0, 1, 2, 5, 8], "{queue}");
        door.end(first[0].1, End::Ack);
        let next = take_all(door, client, &queue);
        assert_eq!(numbers(&next), [3], "{queue}: only the group that is free goes on");
        door.end(first[1].1, End::Ack);
        door.end(next[0].1, End::Ack);
        assert_eq!(numbers(&take_all(door, client, &queue)), [4, 6], "{queue}");
    }
}

/// Order within a group holds though a message fails.
pub fn a_returned_message_goes_before_the_rest_of_its_group(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        let queue = format!("group fails {kind:?}");
        door.declare(&QueueSpec { groups: true, ..QueueSpec::new(&queue, kind) });
        confirmed(door, &queue, &(0..4).map(|n| of_group(n, "a")).collect::<Vec<_>>());
        let client = door.connect();
        let mut got = Vec::new();
        for attempt in 0..8 {
            let taken = take_all(door, client, &queue);
            assert_eq!(taken.len(), 1, "{queue}: one at a time");
            got.push(taken[0].0);
            door.end(taken[0].1, if attempt % 2 == 0 { End::Requeue } else { End::Ack });
        }
        assert_eq!(got, [0, 0, 1, 1, 2, 2, 3, 3], "{queue}");
    }
}

/// A group that waits in a queue with priorities is not forgotten.
pub fn groups_and_priorities_go_together(door: &mut dyn Door) {
    for how in Interruption::ALL {
        let queue = format!("grouped by priority {how:?}");
        let spec = QueueSpec { groups: true, priorities: Some(3), ..QueueSpec::new(&queue, Kind::Classic) };
        door.declare(&spec);
        let messages: Vec<Message> =
            (0..6).map(|n| Message { priority: (n % 2) as u8, ..of_group(n, "a") }).collect();
        confirmed(door, &queue, &messages);
        let client = door.connect();
        assert_eq!(numbers(&take_all(door, client, &queue)), [1], "{queue}");
        door.interrupt(how);
        let client = door.connect();
        let mut got = Vec::new();
        while let Some(given) = door.fetch(client, &queue) {
            assert_eq!(door.fetch(client, &queue), None, "{queue}: one at a time");
            door.end(given.lease, End::Ack);
            got.push(number(&given));
        }
        assert_eq!(got, [1, 3, 5, 0, 2, 4], "{queue}");
        assert_eq!(door.counts(&queue).waiting, 0, "{queue}");
    }
}
