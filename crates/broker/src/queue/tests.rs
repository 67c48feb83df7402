use std::sync::Arc;

use anymq_types::record::RecordHead;
use anymq_types::{ConsumerId, Millis, Position, QueueId, VhostId};
use bytes::Bytes;

use super::lease::Lease;
use super::pick::{Pick, Run};
use super::segments::SegmentUse;
use super::settings::{Kind, Settings};
use super::{Chunk, Queue};
use crate::api::HolderId;

const NOW: Millis = Millis(1_000_000);

struct Bench {
    queue: Queue,
    segments: SegmentUse,
    at: u32,
    /// What the journal would have: every record by offset.
    journal: Vec<Vec<u8>>,
}

impl Bench {
    fn new(kind: Kind, settings: Settings) -> Self {
        let queue = Queue::new(QueueId(1), VhostId(1), "q".into(), kind, true, Arc::new(settings), NOW);
        Bench { queue, segments: SegmentUse::default(), at: 4_096, journal: Vec::new() }
    }

    /// Publishes messages given as (body, priority, group).
    fn publish(&mut self, messages: &[(&str, u8, Option<&str>)]) {
        let mut chunk = Vec::new();
        for &(body, priority, group) in messages {
            let head = RecordHead {
                persistent: true,
                priority,
                timestamp: NOW,
                group: group.map(|g| g.as_bytes()),
                ..RecordHead::default()
            };
            head.write(body.len(), &mut chunk);
            chunk.extend_from_slice(body.as_bytes());
        }
        self.journal.extend(anymq_types::record::Records::new(&chunk).map(|r| r.bytes.to_vec()));
        let records = Bytes::from(chunk);
        let base = self.queue.stream.next;
        let stored = Some((Position::new(1, self.at), records.len() as u32));
        self.at += records.len() as u32;
        let chunk = Chunk {
            records: &records,
            count: messages.len() as u32,
            encoding: super::encoding::Encoding::Canonical,
            data: Some(records.clone()),
            stored,
            volatile: false,
        };
        self.queue.append(base, chunk, &mut self.segments, &mut Vec::new());
    }

    fn plain(&mut self, bodies: &[&str]) {
        let messages: Vec<_> = bodies.iter().map(|b| (*b, 0, None)).collect();
        self.publish(&messages);
    }

    /// Reads an extent back from the journal.
    fn load(&mut self, number: u64) {
        let extent = self.queue.stream.extent(number).expect("asked for");
        let (base, end) = (extent.base, extent.end());
        let data = self.journal[base as usize..end as usize].concat();
        assert!(self.queue.install(base, data.into()));
    }

    /// Picks and leases; the bodies and whether they were seen before.
    fn take(&mut self, max: u32) -> Vec<(String, bool)> {
        match self.queue.pick(max, NOW) {
            Pick::Load(number) => {
                self.load(number);
                self.take(max)
            }
            Pick::Run(run) => {
                self.lease(&run);
                anymq_types::record::Records::new(&run.records)
                    .map(|r| (String::from_utf8_lossy(r.body).into_owned(), run.redelivered))
                    .collect()
            }
            Pick::Nothing => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    fn lease(&mut self, run: &Run) {
        for (i, r) in anymq_types::record::Records::new(&run.records).enumerate() {
            let level = self.queue.level_of(r.bytes);
            let lease = Lease {
                consumer: ConsumerId(1),
                holder: HolderId(1),
                bytes: r.body.len() as u32,
                attempts: run.attempts,
                limited: true,
                level,
                deadline: None,
            };
            self.queue.lease(run.first + i as u64, lease, r.bytes);
        }
    }

    fn ack(&mut self, offset: u64) {
        self.queue.take_lease(offset).expect("leased");
        self.queue.settle_range(offset, offset + 1, &mut self.segments);
    }

    fn nack(&mut self, offset: u64) {
        let lease = self.queue.take_lease(offset).expect("leased");
        self.queue.requeue(offset, &lease, lease.attempts + 1);
    }
}

fn bodies(taken: &[(String, bool)]) -> Vec<&str> {
    taken.iter().map(|(b, _)| b.as_str()).collect()
}

#[test]
fn messages_come_out_in_order_and_counts_follow() {
    let mut b = Bench::new(Kind::Classic, Settings::default());
    b.plain(&["a", "bb", "ccc"]);
    assert_eq!((b.queue.ready, b.queue.ready_bytes), (3, 6));
    assert_eq!(bodies(&b.take(2)), ["a", "bb"]);
    assert_eq!((b.queue.ready, b.queue.ready_bytes, b.queue.unacked(), b.queue.unacked_bytes), (1, 3, 2, 3));
    b.ack(1);
    assert_eq!((b.queue.head, b.queue.unacked()), (0, 1));
    b.ack(0);
    assert_eq!((b.queue.head, b.queue.settled.iter().next().is_none()), (2, true));
    assert_eq!(bodies(&b.take(9)), ["ccc"]);
    b.ack(2);
    assert_eq!((b.queue.head, b.segments.live(1), b.queue.resident), (3, 0, 0));
}

#[test]
fn classic_queues_requeue_to_the_original_place_quorum_queues_to_the_front() {
    for (kind, expected) in
        [(Kind::Classic, ["0", "1", "2", "3", "4"]), (Kind::Quorum, ["1", "0", "3", "2", "4"])]
    {
        let mut b = Bench::new(kind, Settings::default());
        b.plain(&["0", "1", "2", "3", "4"]);
        assert_eq!(b.take(4).len(), 4);
        for offset in [1, 0, 3, 2] {
            b.nack(offset);
        }
        let mut order = Vec::new();
        loop {
            let taken = b.take(1);
            let Some((body, again)) = taken.first() else { break };
            assert_eq!(*again, body != "4", "{kind:?} {body}");
            order.push(body.clone());
        }
        assert_eq!(order, expected, "{kind:?}");
    }
}

#[test]
fn a_higher_priority_overtakes_and_returns_to_its_level() {
    let mut b = Bench::new(Kind::Classic, Settings { max_priority: Some(10), ..Settings::default() });
    b.publish(&[("low", 1, None), ("high", 9, None), ("high2", 9, None)]);
    assert_eq!(bodies(&b.take(5)), ["high"]);
    b.nack(1);
    assert_eq!(b.take(1), [("high".to_owned(), true)]);
    assert_eq!(bodies(&b.take(1)), ["high2"]);
    assert_eq!(bodies(&b.take(1)), ["low"]);
    assert!(b.take(1).is_empty());
}

#[test]
fn one_message_of_a_group_at_a_time() {
    let mut b = Bench::new(Kind::Classic, Settings { message_groups: true, ..Settings::default() });
    b.publish(&[("a1", 0, Some("a")), ("a2", 0, Some("a")), ("b1", 0, Some("b"))]);
    assert_eq!(bodies(&b.take(1)), ["a1"]);
    assert_eq!(bodies(&b.take(1)), ["b1"]);
    assert!(b.take(1).is_empty());
    b.ack(0);
    assert_eq!(bodies(&b.take(1)), ["a2"]);
}

#[test]
fn purge_leaves_what_is_leased() {
    let mut b = Bench::new(Kind::Classic, Settings::default());
    b.plain(&["0", "1", "2", "3"]);
    assert_eq!(b.take(2).len(), 2);
    b.ack(0);
    let (count, ranges) = b.queue.take_all_ready(|_| false);
    assert_eq!((count, ranges.clone()), (2, vec![(2, 4)]));
    for (start, end) in ranges {
        b.queue.settle_range(start, end, &mut b.segments);
    }
    assert!(b.take(1).is_empty());
    b.nack(1);
    assert_eq!(bodies(&b.take(1)), ["1"]);
    b.ack(1);
    assert_eq!((b.queue.head, b.queue.ready, b.segments.live(1)), (4, 0, 0));
}

#[test]
fn what_left_memory_is_asked_for_and_goes_on() {
    let mut b = Bench::new(Kind::Classic, Settings::default());
    b.plain(&["0", "1"]);
    b.plain(&["2"]);
    let data = b.queue.stream.extent(0).and_then(|e| e.data.clone()).expect("in memory");
    b.queue.evict(0);
    assert!(matches!(b.queue.pick(9, NOW), Pick::Load(0)));
    assert!(!b.queue.install(0, data.slice(..data.len() / 2)), "half a chunk is refused");
    assert!(b.queue.install(0, data));
    assert_eq!(bodies(&b.take(9)), ["0", "1"]);
    assert_eq!(bodies(&b.take(9)), ["2"]);
}

/// Random operations against the plainest possible queue.
#[test]
fn behaves_like_a_list() {
    for seed in 0..200u64 {
        let mut state = seed + 1;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut b = Bench::new(Kind::Classic, Settings::default());
        let (mut ready, mut leased, mut next) = (std::collections::BTreeSet::new(), Vec::new(), 0u64);
        for _ in 0..300 {
            match random(5) {
                0 => {
                    let n = 1 + random(4);
                    let names: Vec<String> = (next..next + n).map(|i| i.to_string()).collect();
                    b.plain(&names.iter().map(String::as_str).collect::<Vec<_>>());
                    ready.extend(next..next + n);
                    next += n;
                }
                1 | 2 => {
                    let taken = b.take(1 + random(3) as u32);
                    for (body, _) in taken {
                        let offset: u64 = body.parse().expect("a number");
                        assert_eq!(ready.pop_first(), Some(offset), "seed {seed}");
                        leased.push(offset);
                    }
                }
                3 if !leased.is_empty() => {
                    let offset = leased.swap_remove(random(leased.len() as u64) as usize);
                    b.ack(offset);
                }
                4 if !leased.is_empty() => {
                    let offset = leased.swap_remove(random(leased.len() as u64) as usize);
                    b.nack(offset);
                    ready.insert(offset);
                }
                _ => {}
            }
            assert_eq!(
                (b.queue.ready, b.queue.unacked()),
                (ready.len() as u64, leased.len() as u64),
                "seed {seed}"
            );
        }
        for offset in leased {
            b.ack(offset);
        }
        while let Some((body, _)) = b.take(1).first().cloned() {
            b.ack(body.parse().expect("a number"));
        }
        assert_eq!((b.queue.head, b.segments.live(1), b.queue.resident), (next, 0, 0), "seed {seed}");
    }
}

#[test]
fn two_urgent_messages_of_a_quorum_queue_go_before_each_other_one() {
    let mut b = Bench::new(Kind::Quorum, Settings::default());
    let priorities = [0, 4, 5, 9, 1, 7, 255, 6];
    let names = ["a", "b", "C", "D", "e", "F", "G", "H"];
    let messages: Vec<_> = names.iter().zip(priorities).map(|(n, p)| (*n, p, None)).collect();
    b.publish(&messages);
    let mut order = String::new();
    while let Some((body, _)) = b.take(10).first() {
        order += body;
    }
    assert_eq!(order, "CDaFGbHe");
    // One that comes back goes first, whatever its level; what is settled is not picked again.
    let lease = b.queue.take_lease(1).expect("leased");
    b.queue.requeue(1, &lease, 1);
    b.publish(&[("I", 9, None)]);
    assert_eq!((b.take(10), b.take(10)), (vec![("b".into(), true)], vec![("I".into(), false)]));
    assert!(b.take(10).is_empty());
    assert_eq!(b.queue.ready, 0);
}

#[test]
fn urgent_messages_are_not_told_apart_in_classic_queues() {
    let mut b = Bench::new(Kind::Classic, Settings::default());
    b.publish(&[("a", 0, None), ("b", 9, None), ("c", 1, None)]);
    assert_eq!(b.take(10).len(), 3);
}
