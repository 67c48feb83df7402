//! A crash at any instant: before, in the middle of, or after each change of the disk.

use std::collections::BTreeMap;

use anymq_conformance::{Door, End, Hall, Kind, Message, QueueSpec};
use anymq_runtime::Loss;

const QUEUES: [(&str, Kind); 3] =
    [("classic", Kind::Classic), ("quorum", Kind::Quorum), ("dead", Kind::Classic)];

/// What the client knows of each body when the machine stops.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    /// Published, not confirmed: may be there or not.
    Sent,
    /// Confirmed: must be there.
    Confirmed,
    /// Acknowledged or refused after its confirm: may be there or not.
    Ended,
    /// A later confirm covers its end: must not be there.
    Gone,
}

struct Script {
    hall: Hall,
    known: BTreeMap<String, Known>,
}

impl Script {
    /// Publishes to a queue; what was confirmed, and what was ended before, is certain from then on.
    fn publish(&mut self, queue: &str, bodies: impl Iterator<Item = usize>) {
        let bodies: Vec<String> =
            bodies.map(|n| format!("{queue} {n} {}", "-".repeat(n * 97 % 900))).collect();
        let messages: Vec<Message> = bodies.iter().map(|b| Message::new(b.as_str())).collect();
        for body in &bodies {
            self.known.insert(body.clone(), Known::Sent);
        }
        let ended: Vec<String> =
            self.known.iter().filter(|(_, k)| **k == Known::Ended).map(|(b, _)| b.clone()).collect();
        let answers = self.hall.publish(queue, &messages);
        if answers.iter().all(|a| *a == anymq_conformance::Answer::Confirmed) {
            self.known.extend(bodies.into_iter().map(|b| (b, Known::Confirmed)));
            self.known.extend(ended.into_iter().map(|b| (b, Known::Gone)));
        }
    }

    /// Takes some messages of a queue and ends every other one.
    fn consume(&mut self, queue: &str, count: usize, how: End) {
        let client = self.hall.connect();
        for n in 0..count {
            if self.stopped() {
                return;
            }
            let Some(given) = self.hall.fetch(client, queue) else { break };
            let body = String::from_utf8(given.body).expect("a body as it was published");
            if n % 2 == 0 {
                if how == End::Ack {
                    self.known.insert(body, Known::Ended);
                }
                self.hall.end(given.lease, how);
            }
        }
        self.hall.disconnect(client);
    }

    fn stopped(&self) -> bool {
        self.hall.disk().crashed() || self.hall.has_failed()
    }

    /// The same every time, until the machine stops.
    fn run(crash_at: Option<u64>) -> Script {
        let mut script = Script { hall: Hall::default(), known: BTreeMap::new() };
        for (name, kind) in QUEUES {
            let dead_letter_to = (name == "classic").then(|| "dead".to_owned());
            script.hall.declare(&QueueSpec { dead_letter_to, ..QueueSpec::new(name, kind) });
        }
        if let Some(at) = crash_at {
            script.hall.disk().crash_at(script.hall.disk().ops() + at);
        }
        for round in 0..6 {
            let steps = [("classic", End::Ack), ("quorum", End::Ack), ("classic", End::Reject)];
            for (step, (queue, how)) in steps.into_iter().enumerate() {
                let first = (round * 3 + step) * 12;
                script.publish(queue, first..first + 12);
                if script.stopped() {
                    return script;
                }
                script.consume(queue, 8, how);
                if script.stopped() {
                    return script;
                }
            }
            let _ = script.hall.broker().snapshot();
            script.hall.broker().housekeep();
            if script.stopped() {
                return script;
            }
        }
        script
    }

    /// After the crash: everything that is certain is so.
    fn check(mut self, what: &str, loss: Loss) {
        self.hall.crash(loss).unwrap_or_else(|e| panic!("{what}: {e}"));
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for (queue, _) in QUEUES {
            let client = self.hall.connect();
            while let Some(given) = self.hall.fetch(client, queue) {
                let body = String::from_utf8(given.body).expect("a body as it was published");
                *found.entry(body).or_default() += 1;
                self.hall.end(given.lease, End::Ack);
            }
        }
        for (body, times) in &found {
            assert!(self.known.contains_key(body), "{what}: {body} was never published");
            assert_eq!(*times, 1, "{what}: {body} is in more than one place");
            assert_ne!(self.known[body], Known::Gone, "{what}: {body} was acknowledged for good");
        }
        for (body, known) in &self.known {
            assert!(*known != Known::Confirmed || found.contains_key(body), "{what}: {body} is lost");
        }
    }
}

#[test]
fn what_was_confirmed_survives_a_crash_at_any_instant() {
    let whole = Script::run(None);
    let (from, to) = (Script::run(Some(0)).hall.disk().ops(), whole.hall.disk().ops());
    assert!(to - from > 100, "there are instants to choose from: {}", to - from);
    whole.check("at the end", Loss::Unsynced);
    for at in 0..=to - from {
        let loss = [Loss::Unsynced, Loss::Nothing, Loss::Random(at)][at as usize % 3];
        Script::run(Some(at)).check(&format!("crash at operation {at}, {loss:?}"), loss);
    }
}
