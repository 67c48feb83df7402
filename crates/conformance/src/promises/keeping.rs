//! What is kept, and what is not.

use std::collections::BTreeSet;

use super::{confirmed, drain_numbers, message, number, numbered, plain, take};
use crate::door::{Answer, Door, End, Interruption, Kind, Message};

/// A confirm means: it is there after a crash, once, in its place.
pub fn what_was_confirmed_survives_a_crash(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        let queue = format!("kept {kind:?}");
        plain(door, &queue, kind);
        let mut next = 0;
        for how in [Interruption::Crash, Interruption::CrashAfterSnapshot, Interruption::Crash] {
            confirmed(door, &queue, &numbered(next..next + 25));
            next += 25;
            door.interrupt(how);
        }
        assert_eq!(drain_numbers(door, &queue), (0..next).collect::<Vec<_>>());
    }
}

/// An acknowledgement that is on disk is final, and touches no other message.
pub fn what_was_acknowledged_does_not_come_back(door: &mut dyn Door) {
    for (round, how) in Interruption::ALL.into_iter().enumerate() {
        let queue = format!("settled {round}");
        plain(door, &queue, Kind::Classic);
        confirmed(door, &queue, &numbered(0..60));
        let client = door.connect();
        let mut left = Vec::new();
        for _ in 0..40 {
            let given = take(door, client, &queue);
            match number(&given) % 3 {
                0 => left.push(number(&given)),
                _ => door.end(given.lease, End::Ack),
            }
        }
        door.flush();
        door.interrupt(how);
        left.extend(40..60);
        assert_eq!(drain_numbers(door, &queue), left, "after {how:?}");
        door.flush();
        door.interrupt(how);
        assert_eq!(drain_numbers(door, &queue), [0; 0], "twice {how:?}");
    }
}

/// A long life with everything in it: each message that was published comes until it is acknowledged, and nothing else does.
pub fn nothing_appears_that_was_never_published(door: &mut dyn Door) {
    plain(door, "life", Kind::Classic);
    let mut rng = anymq_runtime::Rng::new(7);
    let (mut there, mut next) = (BTreeSet::new(), 0);
    let mut client = door.connect();
    let mut leases = Vec::new();
    for _ in 0..150 {
        match rng.below(20) {
            0..=7 => {
                let count = 1 + rng.below(9) as usize;
                confirmed(door, "life", &numbered(next..next + count));
                there.extend(next..next + count);
                next += count;
            }
            8..=16 => {
                for _ in 0..rng.below(8) {
                    let Some(given) = door.fetch(client, "life") else { break };
                    assert!(there.contains(&number(&given)), "{} was not there", number(&given));
                    leases.push(given);
                }
                while leases.len() > 5 {
                    let given = leases.swap_remove(rng.below(leases.len() as u64) as usize);
                    let how = if rng.chance(25) { End::Requeue } else { End::Ack };
                    if how == End::Ack {
                        there.remove(&number(&given));
                    }
                    door.end(given.lease, how);
                }
            }
            n => {
                door.flush();
                door.interrupt(Interruption::ALL[n as usize - 17]);
                client = door.connect();
                leases.clear();
            }
        }
    }
    door.disconnect(client);
    assert_eq!(drain_numbers(door, "life"), there.into_iter().collect::<Vec<_>>());
}

/// Ready, leased or gone: the numbers add up at every step.
pub fn a_message_is_in_exactly_one_place(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        let queue = format!("counted {kind:?}");
        plain(door, &queue, kind);
        let mut rng = anymq_runtime::Rng::new(11);
        let mut client = door.connect();
        let (mut there, mut leases, mut next) = (0u64, Vec::new(), 0);
        for step in 0..200 {
            match rng.below(30) {
                0..=9 => {
                    confirmed(door, &queue, &[message(next)]);
                    (there, next) = (there + 1, next + 1);
                }
                10..=19 => leases.extend(door.fetch(client, &queue)),
                20..=28 => {
                    if let Some(given) = leases.pop() {
                        let how = [End::Ack, End::Reject, End::Requeue][rng.below(3) as usize];
                        there -= u64::from(how != End::Requeue);
                        door.end(given.lease, how);
                    }
                }
                _ => {
                    door.flush();
                    door.interrupt(Interruption::ALL[rng.below(3) as usize]);
                    client = door.connect();
                    leases.clear();
                }
            }
            let counts = door.counts(&queue);
            assert_eq!(counts.waiting + counts.leased, there, "{kind:?} step {step}: {counts:?}");
            assert_eq!(counts.leased, leases.len() as u64, "{kind:?} step {step}: {counts:?}");
        }
    }
}

/// A message that need not survive does not, where the queue keeps only what must; nor does it harm its neighbours.
pub fn a_volatile_message_is_gone_after_a_restart(door: &mut dyn Door) {
    let volatile = |n| Message { volatile: true, ..message(n) };
    for how in Interruption::ALL {
        let queue = format!("volatile {how:?}");
        plain(door, &queue, Kind::Classic);
        for n in 0..20 {
            let answers = door.publish(&queue, &[if n % 2 == 0 { message(n) } else { volatile(n) }]);
            assert_eq!(answers, [Answer::Confirmed]);
        }
        door.interrupt(how);
        confirmed(door, &queue, &numbered(20..22));
        let expected: Vec<usize> = (0..20).step_by(2).chain(20..22).collect();
        assert_eq!(drain_numbers(door, &queue), expected, "after {how:?}");
    }
    for how in Interruption::ALL {
        let queue = format!("volatile quorum {how:?}");
        plain(door, &queue, Kind::Quorum);
        door.publish(&queue, &[volatile(0), message(1), volatile(2)]);
        door.interrupt(how);
        assert_eq!(drain_numbers(door, &queue), [0, 1, 2], "a quorum queue keeps all, after {how:?}");
    }
}

/// A purge drops what is ready, for good, and leaves what clients have.
pub fn a_purge_survives(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        for how in Interruption::ALL {
            let queue = format!("purged {kind:?} {how:?}");
            plain(door, &queue, kind);
            confirmed(door, &queue, &numbered(0..30));
            let client = door.connect();
            let held: Vec<_> = (0..3).map(|_| take(door, client, &queue)).collect();
            door.end(held[1].lease, End::Requeue);
            door.purge(&queue);
            let counts = door.counts(&queue);
            assert_eq!((counts.waiting, counts.leased), (0, 2), "{queue}");
            confirmed(door, &queue, &numbered(30..33));
            door.interrupt(how);
            assert_eq!(drain_numbers(door, &queue), [0, 2, 30, 31, 32], "{queue}");
        }
    }
}

/// A deleted queue is gone, with its messages; one of the same name begins empty.
pub fn a_deleted_queue_stays_deleted(door: &mut dyn Door) {
    for how in Interruption::ALL {
        plain(door, "deleted", Kind::Classic);
        plain(door, "again", Kind::Classic);
        confirmed(door, "deleted", &numbered(0..10));
        confirmed(door, "again", &numbered(0..10));
        door.delete("deleted");
        door.delete("again");
        plain(door, "again", Kind::Classic);
        confirmed(door, "again", &numbered(10..12));
        door.interrupt(how);
        assert!(!door.exists("deleted"), "{how:?}");
        assert_eq!(drain_numbers(door, "again"), [10, 11], "{how:?}");
    }
}
