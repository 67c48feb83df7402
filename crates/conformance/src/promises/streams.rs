//! Queues that keep what was read.

use super::{confirmed, number, numbered, plain};
use crate::door::{Client, Door, End, Interruption, Kind};

/// Receives and acknowledges until nothing more comes.
fn read(door: &mut dyn Door, client: Client) -> Vec<usize> {
    let mut numbers = Vec::new();
    while let Some(given) = door.receive(client) {
        door.end(given.lease, End::Ack);
        numbers.push(number(&given));
    }
    numbers
}

/// Reading takes nothing away, and an interruption neither.
pub fn a_stream_keeps_everything(door: &mut dyn Door) {
    plain(door, "stream", Kind::Stream);
    let mut next = 0;
    for how in Interruption::ALL {
        confirmed(door, "stream", &numbered(next..next + 150));
        next += 150;
        let client = door.connect();
        door.consume(client, "stream", 100);
        assert_eq!(read(door, client), (0..next).collect::<Vec<_>>(), "before {how:?}");
        door.flush();
        door.interrupt(how);
        let client = door.connect();
        door.consume(client, "stream", 7);
        assert_eq!(read(door, client), (0..next).collect::<Vec<_>>(), "after {how:?}");
    }
}

/// A reader that stands still holds up nobody, and misses nothing.
pub fn every_reader_has_its_own_place(door: &mut dyn Door) {
    plain(door, "shared", Kind::Stream);
    confirmed(door, "shared", &numbered(0..50));
    let (slow, quick) = (door.connect(), door.connect());
    door.consume(slow, "shared", 10);
    door.consume(quick, "shared", 10);
    let held: Vec<_> = std::iter::from_fn(|| door.receive(slow)).collect();
    assert_eq!(held.iter().map(number).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!(read(door, quick), (0..50).collect::<Vec<_>>());
    confirmed(door, "shared", &numbered(50..60));
    assert_eq!(read(door, quick), (50..60).collect::<Vec<_>>());
    assert_eq!(door.receive(slow), None, "its credit is used up");
    held.iter().for_each(|given| door.end(given.lease, End::Ack));
    assert_eq!(read(door, slow), (10..60).collect::<Vec<_>>());
}
