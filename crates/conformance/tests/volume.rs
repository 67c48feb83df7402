//! A snapshot of much: it is taken, and the next start comes from it.

use std::time::Duration;

use anymq_broker::DeclareQueue;
use anymq_conformance::{Door, End, Hall, HallOptions, Interruption, Kind, Message, QueueSpec};
use anymq_types::value::Table;

const MESSAGES: usize = 6_000;
const ARGUMENT_BYTES: usize = 100_000;

/// A queue with an index entry per message, as many gaps, timers and priorities; and one whose arguments fill a chunk by themselves.
fn filled() -> (Hall, Vec<usize>) {
    let options = HallOptions { memory_budget: 256 << 20, segment_bytes: 1 << 20, ..HallOptions::default() };
    let mut hall = Hall::new(HallOptions { history_bytes: 256 << 20, ..options });
    hall.declare(&QueueSpec { priorities: Some(2), ..QueueSpec::new("backlog", Kind::Classic) });
    let mut args = Table::new();
    args.insert("x-note", "n".repeat(ARGUMENT_BYTES).as_str());
    let wordy = DeclareQueue {
        name: "wordy",
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: false,
        args: &args,
    };
    hall.operator().declare_queue(wordy).expect("arguments may be long");
    for n in 0..MESSAGES {
        let message = Message { ttl: Some(Duration::from_secs(3_600)), ..Message::new(format!("{n}")) };
        // One by one, so that neighbours in memory stay apart.
        let mut batch = hall.batch("backlog", &[message]);
        assert!(hall.operator().publish(&mut batch).error.is_none());
    }
    hall.publish("wordy", &[Message::new("word")]);
    let client = hall.connect();
    let mut left = Vec::new();
    let held: Vec<_> = (0..MESSAGES).map(|_| hall.fetch(client, "backlog").expect("a message")).collect();
    for (n, given) in held.iter().enumerate() {
        match n % 2 {
            0 => hall.settle_without_reading(given.lease, anymq_broker::Outcome::Ack),
            _ => left.push(n),
        }
    }
    hall.flush();
    (hall, left)
}

#[test]
fn a_snapshot_of_a_large_backlog_is_taken_and_serves() {
    for how in [Interruption::Restart, Interruption::CrashAfterSnapshot] {
        let (mut hall, left) = filled();
        hall.interrupt(how);
        let recovered = hall.broker().log().recovered();
        assert!(recovered.snapshot.is_some(), "after {how:?} recovery has a snapshot to come from");
        assert!(recovered.frames < 10, "after {how:?} {} frames were replayed", recovered.frames);
        let (_, bytes) =
            hall.files().into_iter().rfind(|(path, _)| path.starts_with("snapshots/")).expect("a snapshot");
        assert!(bytes > 100_000 + ARGUMENT_BYTES as u64, "{bytes} bytes are a large snapshot");
        let status = hall.broker().queues(|_, name| name == "wordy");
        assert_eq!(status[0].args.get("x-note").and_then(|v| v.as_str()).map(str::len), Some(ARGUMENT_BYTES));
        let client = hall.connect();
        let mut got = Vec::new();
        while let Some(given) = hall.fetch(client, "backlog") {
            got.push(String::from_utf8_lossy(&given.body).parse::<usize>().expect("a number"));
            hall.end(given.lease, End::Ack);
        }
        assert_eq!(got, left, "after {how:?}");
        assert_eq!(hall.fetch(client, "wordy").expect("its message").body, b"word");
    }
}
