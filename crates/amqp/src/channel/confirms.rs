//! Publisher confirms of one channel: sequence numbers, and what waits for the disk.

use std::collections::VecDeque;

use anymq_broker::Published;
use anymq_types::Position;

use crate::wire::Encode;
use crate::wire::methods::basic;

#[derive(Clone, Copy, Debug)]
struct Pending {
    /// Everything up to this sequence number that is not answered yet.
    upto: u64,
    /// On disk at this position.
    commit: Position,
    refused: bool,
}

/// What a channel in confirm mode owes its publisher. Answers go out in the order of publishing.
#[derive(Debug)]
pub(crate) struct Confirms {
    next: u64,
    /// Everything up to here is answered.
    answered: u64,
    pending: VecDeque<Pending>,
}

impl Default for Confirms {
    fn default() -> Self {
        Confirms { next: 1, answered: 0, pending: VecDeque::new() }
    }
}

impl Confirms {
    /// The sequence number of the next message.
    pub(crate) fn assign(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Message `seq` was taken, or refused by a queue's overflow policy; answered once `commit` is on disk.
    /// Sequence numbers come in order.
    pub(crate) fn settle(&mut self, seq: u64, commit: Option<Position>, refused: bool) {
        let commit = commit.unwrap_or_default();
        match self.pending.back_mut() {
            Some(last) if !refused && !last.refused && last.commit >= commit => last.upto = seq,
            _ => self.pending.push_back(Pending { upto: seq, commit, refused }),
        }
    }

    /// What the hall says of a batch whose first message has sequence number `first`.
    pub(crate) fn settle_batch(&mut self, first: u64, published: &Published) {
        let refused = published.rejected.iter().map(|n| first + u64::from(*n));
        let end = first + published.taken as u64;
        let mut next = first;
        for seq in refused {
            if seq > next {
                self.settle(seq - 1, published.commit, false);
            }
            self.settle(seq, published.commit, true);
            next = seq + 1;
        }
        if end > next {
            self.settle(end - 1, published.commit, false);
        }
    }

    /// Something is published and not answered.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes the answers that may be given now that `committed` is on disk.
    pub(crate) fn release(&mut self, committed: Position, channel: u16, out: &mut Vec<u8>) {
        let mut taken = 0;
        while let Some(pending) = self.pending.front().filter(|pending| pending.commit <= committed).copied()
        {
            self.pending.pop_front();
            if pending.refused {
                self.acknowledge(taken, channel, out);
                basic::Nack { delivery_tag: pending.upto, multiple: false, requeue: false }
                    .encode(channel, out);
                self.answered = pending.upto;
            } else {
                taken = pending.upto;
            }
        }
        self.acknowledge(taken, channel, out);
    }

    fn acknowledge(&mut self, upto: u64, channel: u16, out: &mut Vec<u8>) {
        if upto > self.answered {
            basic::Ack { delivery_tag: upto, multiple: upto - self.answered > 1 }.encode(channel, out);
            self.answered = upto;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Method, Payload, parse_frame};

    fn answers(out: &[u8]) -> Vec<String> {
        let (mut rest, mut answers) = (out, Vec::new());
        while let Some((frame, len)) = parse_frame(rest, 0).unwrap() {
            let Payload::Method(method) = frame.payload else { panic!("{frame:?}") };
            answers.push(match method.decode().unwrap() {
                Method::BasicAck(ack) => {
                    format!("ack {}{}", ack.delivery_tag, if ack.multiple { "+" } else { "" })
                }
                Method::BasicNack(nack) => {
                    format!("nack {}{}", nack.delivery_tag, if nack.multiple { "+" } else { "" })
                }
                other => panic!("{other:?}"),
            });
            rest = &rest[len..];
        }
        answers
    }

    #[test]
    fn a_batch_is_answered_in_order() {
        let cases: &[(usize, &[u32], &[&str])] = &[
            (4, &[], &["ack 4+"]),
            (1, &[], &["ack 1"]),
            (4, &[0], &["nack 1", "ack 4+"]),
            (4, &[1, 3], &["ack 1", "nack 2", "ack 3", "nack 4"]),
            (2, &[0, 1], &["nack 1", "nack 2"]),
            (0, &[], &[]),
        ];
        for (taken, rejected, expected) in cases {
            let mut confirms = Confirms::default();
            let first = confirms.assign();
            (1..*taken).for_each(|_| assert!(confirms.assign() > first));
            confirms.settle_batch(
                first,
                &Published { taken: *taken, rejected: rejected.to_vec(), ..Published::default() },
            );
            let mut out = Vec::new();
            confirms.release(Position(0), 1, &mut out);
            assert_eq!(answers(&out), *expected);
        }
    }

    #[test]
    fn answers_wait_for_the_disk_and_keep_their_order() {
        let mut confirms = Confirms::default();
        let mut script = |steps: &[(Option<u64>, bool)], committed: u64| {
            for (commit, refused) in steps {
                let seq = confirms.assign();
                confirms.settle(seq, commit.map(Position), *refused);
            }
            let mut out = Vec::new();
            confirms.release(Position(committed), 1, &mut out);
            answers(&out)
        };
        assert_eq!(script(&[(Some(10), false)], 9), [""; 0]);
        assert_eq!(script(&[(None, false)], 9), [""; 0], "a transient one waits behind a persistent one");
        assert_eq!(script(&[], 10), ["ack 2+"]);
        assert_eq!(script(&[(None, false)], 10), ["ack 3"]);
        assert_eq!(
            script(&[(Some(20), false), (Some(20), true), (Some(20), true), (Some(30), false)], 25),
            ["ack 4", "nack 5", "nack 6"]
        );
        assert_eq!(script(&[(Some(30), false), (Some(31), false)], 31), ["ack 9+"]);
        assert!(!confirms.is_waiting());
    }
}
