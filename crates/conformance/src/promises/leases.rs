//! Who has a message, and since when.

use super::{confirmed, drain, message, number, numbered, plain, take};
use crate::door::{Client, Door, End, Interruption, Kind, QueueSpec};

/// A message without the mark was never with anybody; one that was has it.
pub fn redelivery_is_told(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        for how in Interruption::ALL {
            let queue = format!("told {kind:?} {how:?}");
            plain(door, &queue, kind);
            confirmed(door, &queue, &numbered(0..8));
            let client = door.connect();
            let held: Vec<_> = (0..4).map(|_| take(door, client, &queue)).collect();
            assert!(held.iter().all(|g| !g.redelivered), "{queue}: nobody had them");
            door.end(held[0].lease, End::Requeue);
            let again = take(door, client, &queue);
            assert_eq!((number(&again), again.redelivered), (0, true), "{queue}");
            door.disconnect(client);
            let client = door.connect();
            let again = take(door, client, &queue);
            assert_eq!((number(&again), again.redelivered), (0, true), "{queue}: its client was lost");
            door.flush();
            door.interrupt(how);
            if how == Interruption::CrashAfterSnapshot {
                // Nothing is written when a message is delivered: neither this time.
                let client = door.connect();
                take(door, client, &queue);
                door.interrupt(Interruption::Crash);
            }
            let marks: Vec<(usize, bool)> =
                drain(door, &queue).iter().map(|g| (number(g), g.redelivered)).collect();
            // After a crash nobody knows who has seen what; after a restart in order it is known.
            let crashed = how != Interruption::Restart;
            let expected: Vec<(usize, bool)> = (0..8).map(|n| (n, n < 4 || crashed)).collect();
            assert_eq!(marks, expected, "{queue}");
        }
    }
}

/// What a client had when it was lost comes again, in order, and before what follows.
pub fn a_lost_clients_messages_return_in_order(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        let queue = format!("returned {kind:?}");
        plain(door, &queue, kind);
        confirmed(door, &queue, &numbered(0..10));
        let (lost, stays) = (door.connect(), door.connect());
        for n in 0..6 {
            let given = take(door, if n % 2 == 0 { lost } else { stays }, &queue);
            assert_eq!(number(&given), n);
        }
        door.disconnect(lost);
        let numbers: Vec<usize> = drain(door, &queue).iter().map(number).collect();
        assert_eq!(numbers, [0, 2, 4, 6, 7, 8, 9], "{kind:?}");
    }
}

fn receive_all(door: &mut dyn Door, client: Client) -> Vec<crate::door::Given> {
    std::iter::from_fn(|| door.receive(client)).collect()
}

/// A consumer never has more unsettled messages than it asked for.
pub fn a_credit_is_not_exceeded(door: &mut dyn Door) {
    plain(door, "credit", Kind::Classic);
    confirmed(door, "credit", &numbered(0..20));
    let client = door.connect();
    door.consume(client, "credit", 3);
    let mut expected = 0;
    while expected < 20 {
        let got = receive_all(door, client);
        assert_eq!(got.len(), 3.min(20 - expected));
        for given in got {
            assert_eq!(number(&given), expected);
            door.end(given.lease, End::Ack);
            expected += 1;
        }
    }
    assert_eq!(door.receive(client), None);
}

/// One consumer is served; when it is lost the next takes over, with what the first had.
pub fn a_single_active_consumer_hands_over(door: &mut dyn Door) {
    for kind in [Kind::Classic, Kind::Quorum] {
        let queue = format!("single {kind:?}");
        door.declare(&QueueSpec { single_active_consumer: true, ..QueueSpec::new(&queue, kind) });
        door.interrupt(Interruption::Restart);
        let clients = [door.connect(), door.connect(), door.connect()];
        clients.iter().for_each(|&client| door.consume(client, &queue, 4));
        confirmed(door, &queue, &numbered(0..6));
        let first = receive_all(door, clients[0]);
        assert_eq!(first.iter().map(number).collect::<Vec<_>>(), [0, 1, 2, 3], "{kind:?}");
        assert_eq!((door.receive(clients[1]), door.receive(clients[2])), (None, None));
        door.end(first[0].lease, End::Ack);
        assert_eq!(door.receive(clients[0]).map(|g| number(&g)), Some(4));
        door.flush();
        door.disconnect(clients[0]);
        let second = receive_all(door, clients[1]);
        assert_eq!(second.iter().map(number).collect::<Vec<_>>(), [1, 2, 3, 4], "{kind:?}");
        assert!(second.iter().all(|g| g.redelivered), "{kind:?}");
        assert_eq!(door.receive(clients[2]), None);
        second.iter().for_each(|g| door.end(g.lease, End::Ack));
        confirmed(door, &queue, &[message(6)]);
        let third = receive_all(door, clients[1]);
        assert_eq!(third.iter().map(number).collect::<Vec<_>>(), [5, 6], "{kind:?}");
    }
}

/// What a consumer may have seen before a crash stays told for as long as it is there, however many restarts follow.
pub fn redelivered_is_still_told_after_an_orderly_restart(door: &mut dyn Door) {
    for priorities in [None, Some(5)] {
        let queue = format!("seen {priorities:?}");
        door.declare(&QueueSpec { priorities, ..QueueSpec::new(&queue, Kind::Classic) });
        confirmed(door, &queue, &numbered(0..3));
        let client = door.connect();
        for _ in 0..3 {
            assert!(!take(door, client, &queue).redelivered, "{queue}: nobody had it");
        }
        for how in [Interruption::Crash, Interruption::Restart, Interruption::Restart] {
            door.interrupt(how);
        }
        confirmed(door, &queue, &numbered(3..5));
        let flags: Vec<_> = drain(door, &queue).iter().map(|g| (number(g), g.redelivered)).collect();
        assert_eq!(flags, [(0, true), (1, true), (2, true), (3, false), (4, false)], "{queue}");
    }
}
