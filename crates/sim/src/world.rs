//! The simulated machine and the clients on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anymq_broker::{Broker, Delivery, Event, HolderId, Outcome, PublishBatch, Session, Settled};
use anymq_runtime::{FaultDisk, ManualClock, Rng};
use anymq_types::record::{RecordHead, Records};
use anymq_types::{Millis, Offset};

use crate::oracle::{Model, Sure, Violation};
use crate::topics::{COPIED, Topics, is_topic};

pub(crate) const QUEUES: [(&str, &str); 6] = [
    ("classic", "classic"),
    ("quorum", "quorum"),
    ("rejecting", "classic"),
    ("dead", "classic"),
    ("urgent", "classic"),
    (COPIED, "classic"),
];

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Steps taken.
    pub steps: u64,
    /// Messages published.
    pub published: u64,
    /// Messages given to consumers.
    pub delivered: u64,
    /// Times the machine crashed.
    pub crashes: u64,
    /// Transactions that were committed.
    pub committed: u64,
    /// Passes of compaction over a topic.
    pub compacted: u64,
    /// Times retention was seen to have let records go.
    pub dropped: u64,
    /// Operations of the disk before the first crash.
    pub ops: u64,
    /// Hash of everything that happened: the same seed gives the same.
    pub trace: u64,
}

/// When the machine crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crashes {
    /// Now and then, also while it recovers.
    Random,
    /// At this operation of the disk, counted from when the first broker has started; and at the end.
    At(u64),
}

/// Runs one seed.
///
/// # Errors
/// The first promise that was not kept.
pub fn run(seed: u64, crashes: Crashes) -> Result<Report, Violation> {
    let mut world = World::new(seed, crashes);
    let op = match crashes {
        Crashes::Random => None,
        Crashes::At(op) => Some(op),
    };
    world.go().map_err(|what| Violation { seed, op, step: world.report.steps, what })?;
    Ok(world.report)
}

/// Runs one seed again and again, with the crash at each operation of the disk; how many those are.
///
/// # Errors
/// The first promise that was not kept.
pub fn run_every_op(seed: u64) -> Result<u64, Violation> {
    let ops = run(seed, Crashes::At(u64::MAX))?.ops;
    (0..ops).try_for_each(|op| run(seed, Crashes::At(op)).map(|_| ()))?;
    Ok(ops)
}

struct Lease {
    queue: &'static str,
    settled: Settled,
    id: u64,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) disk: FaultDisk,
    pub(crate) fatal: Arc<AtomicBool>,
    pub(crate) broker: Option<Broker>,
    pub(crate) session: Option<Session>,
    pub(crate) holder: HolderId,
    pub(crate) models: BTreeMap<&'static str, Model>,
    leases: Vec<Lease>,
    pub(crate) topics: Topics,
    next: u64,
    pub(crate) report: Report,
    pub(crate) crashes: Crashes,
    pub(crate) finishing: bool,
}

impl World {
    fn new(seed: u64, crashes: Crashes) -> Self {
        World {
            rng: Rng::new(seed),
            clock: Arc::new(ManualClock::new(Millis(1_700_000_000_000))),
            disk: FaultDisk::new(),
            fatal: Arc::default(),
            broker: None,
            session: None,
            holder: HolderId(0),
            models: QUEUES.iter().map(|&(name, _)| (name, Model::default())).collect(),
            leases: Vec::new(),
            topics: Topics::default(),
            next: 0,
            report: Report { trace: seed, ..Report::default() },
            crashes,
            finishing: false,
        }
    }

    /// A number that no other message has; they rise.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    pub(crate) fn note(&mut self, what: u64, detail: u64) {
        if std::env::var_os("ANYMQ_SIM_LOG").is_some() {
            eprintln!("step {} what {what} detail {detail}", self.report.steps);
        }
        let mix = self.report.trace ^ what.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ detail.rotate_left(29);
        self.report.trace = mix.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(17);
    }

    fn go(&mut self) -> Result<(), String> {
        self.start()?;
        let first = self.disk.ops();
        if let Crashes::At(op) = self.crashes {
            self.disk.crash_at(first.saturating_add(op));
        }
        let steps = 80 + self.rng.below(160);
        for _ in 0..steps {
            self.report.steps += 1;
            self.step()?;
            if self.disk.crashed() || self.fatal.load(Ordering::SeqCst) {
                self.crash()?;
            }
            if self.report.crashes == 0 {
                self.report.ops = self.disk.ops() - first;
            }
        }
        self.finish()
    }

    fn step(&mut self) -> Result<(), String> {
        match self.rng.below(150) {
            100.. => self.topic_step()?,
            0..=34 => self.publish(),
            35..=54 => self.commit(),
            55..=74 => self.settle()?,
            75..=82 => {
                let ms = self.rng.below(500);
                self.clock.advance(Duration::from_millis(ms));
                self.broker().tick();
            }
            83..=88 => self.broker().housekeep(),
            89..=91 => {
                let saved = self.broker().snapshot().is_ok();
                self.note(8, u64::from(saved));
            }
            92..=96 if self.crashes != Crashes::Random => self.commit(),
            92..=94 => {
                let ahead = self.rng.below(12);
                self.disk.crash_at(self.disk.ops() + ahead);
            }
            95 => self.crash()?,
            96 => self.reopen()?,
            _ => self.reconnect()?,
        }
        self.receive()
    }

    pub(crate) fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("a broker runs between crashes")
    }

    fn session(&self) -> &Session {
        self.session.as_ref().expect("connected between crashes")
    }

    fn publish(&mut self) {
        let queue = QUEUES[[0, 1, 2, 4][self.rng.below(4) as usize]].0;
        let mut batch = PublishBatch::default();
        let mut ids = Vec::new();
        let now = self.session().bounds().now;
        for _ in 0..=self.rng.below(6) {
            let (id, persistent) = (self.next_id(), !self.rng.chance(15));
            let padding = self.rng.below(900) as usize;
            let priority = self.rng.below(10) as u8;
            let head = RecordHead {
                persistent,
                priority,
                timestamp: now,
                routing_key: queue.as_bytes(),
                props: &[0, 0],
                ..RecordHead::default()
            };
            let start = batch.chunk.len();
            head.write(8 + padding, &mut batch.chunk);
            batch.chunk.extend_from_slice(&id.to_le_bytes());
            batch.chunk.resize(batch.chunk.len() + padding, b'x');
            batch.push(start, None);
            // A quorum queue keeps whatever it is given.
            ids.push((id, persistent || queue == "quorum", queue == "quorum" && priority > 4));
        }
        let published = self.session().publish(&mut batch);
        let stored = published.commit.map_or(Sure::Yes, Sure::At);
        let model = self.models.get_mut(queue).expect("modelled");
        for (id, persistent, urgent) in ids {
            model.add(id, persistent, urgent, stored);
            self.report.published += 1;
        }
        self.note(1, self.next);
    }

    fn commit(&mut self) {
        self.broker().log().commit_now();
        self.broker().log().run_reads_now();
    }

    /// Takes what the broker delivers.
    fn receive(&mut self) -> Result<(), String> {
        self.broker().log().run_reads_now();
        let mut events = Vec::new();
        self.session().outbox().drain(&mut events);
        for event in events {
            match event {
                Event::Delivery(delivery) => self.delivered(&delivery)?,
                other => return Err(format!("unexpected event {other:?}")),
            }
        }
        Ok(())
    }

    fn delivered(&mut self, delivery: &Delivery) -> Result<(), String> {
        self.session().outbox().written(delivery.records.len());
        let queue = QUEUES[delivery.token as usize].0;
        for (i, record) in Records::new(&delivery.records).enumerate() {
            let id = u64::from_le_bytes(
                record.body.get(..8).and_then(|b| b.try_into().ok()).ok_or("a body was cut short")?,
            );
            let model = self.models.get_mut(queue).expect("modelled");
            model.deliver(queue, id)?;
            let settled = Settled { queue: delivery.queue, offset: Offset(delivery.first.0 + i as u64) };
            if self.leases.iter().any(|l| l.queue == queue && l.id == id) {
                return Err(format!("{queue}: message {id} was delivered while somebody has it"));
            }
            self.check_order(queue, id, delivery.redelivered)?;
            self.leases.push(Lease { queue, settled, id });
            self.report.delivered += 1;
            self.note(2, id);
        }
        Ok(())
    }

    /// A message that is delivered for the first time must not come before an older one that still waits.
    fn check_order(&self, queue: &'static str, id: u64, redelivered: bool) -> Result<(), String> {
        if redelivered || queue == "dead" || queue == "urgent" {
            return Ok(());
        }
        let copies = &self.models[queue].copies;
        let urgent = copies.get(&id).is_some_and(|c| c.urgent);
        let waits = |(&older, c): (&u64, &crate::oracle::Copy)| {
            (c.urgent == urgent && !c.seen && !c.maybe && c.settled.is_none() && !c.reordered)
                .then_some(older)
        };
        match copies.range(..id).find_map(waits) {
            Some(older) => Err(format!("{queue}: message {id} overtook {older}")),
            None => Ok(()),
        }
    }

    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..=self.rng.below(4) {
            if self.leases.is_empty() {
                return Ok(());
            }
            let at = self.rng.below(self.leases.len() as u64) as usize;
            let lease = self.leases.remove(at);
            let outcome = match self.rng.below(10) {
                0 | 1 => Outcome::Requeue,
                2 if lease.queue == "rejecting" => Outcome::Reject,
                _ => Outcome::Ack,
            };
            let commit = self.session().settle(self.holder, outcome, &[lease.settled]);
            // A refused message whose record is on disk is dead-lettered when it has been read.
            self.broker().log().run_reads_now();
            let end = self.broker().log().writer().end();
            let sure =
                if outcome == Outcome::Reject { Sure::At(end) } else { commit.map_or(Sure::Yes, Sure::At) };
            self.note(3 + outcome as u64, lease.id);
            let persistent = {
                let copy = self
                    .models
                    .get_mut(lease.queue)
                    .and_then(|m| m.copies.get_mut(&lease.id))
                    .ok_or("a lease without a copy")?;
                match outcome {
                    Outcome::Requeue => copy.reordered = true,
                    Outcome::Ack | Outcome::Reject => copy.settled = Some(sure),
                }
                copy.persistent
            };
            if outcome == Outcome::Reject {
                self.models.get_mut("dead").expect("modelled").add(lease.id, persistent, false, sure);
            }
            // A requeued message may come back at once, before the next is settled.
            self.receive()?;
        }
        Ok(())
    }

    fn reconnect(&mut self) -> Result<(), String> {
        self.note(20, 0);
        self.drop_session();
        self.connect()
    }

    pub(crate) fn drop_session(&mut self) {
        self.session = None;
        for lease in self.leases.drain(..) {
            if let Some(copy) = self.models.get_mut(lease.queue).and_then(|m| m.copies.get_mut(&lease.id)) {
                copy.reordered = true;
            }
        }
        // What was in the outbox and not looked at comes again as well.
        for model in self.models.values_mut() {
            model.copies.values_mut().filter(|c| c.settled.is_none()).for_each(|c| c.reordered = true);
        }
    }

    /// Everything is committed, the machine crashes once more, and every queue is drained: nothing may be missing.
    fn finish(&mut self) -> Result<(), String> {
        self.finishing = true;
        self.disk.restart_process();
        self.commit();
        if self.fatal.load(Ordering::SeqCst) {
            self.crash()?;
        }
        self.crash()?;
        self.check_topics()?;
        for _ in 0..20_000 {
            self.clock.advance(Duration::from_millis(50));
            self.broker().tick();
            self.commit();
            self.receive()?;
            if self.leases.is_empty() {
                break;
            }
            for lease in std::mem::take(&mut self.leases) {
                self.session().settle(self.holder, Outcome::Ack, &[lease.settled]);
                if let Some(copy) = self.models.get_mut(lease.queue).and_then(|m| m.copies.get_mut(&lease.id))
                {
                    copy.settled = Some(Sure::Yes);
                }
            }
        }
        for (queue, model) in &self.models {
            if let Some(id) = model.missing().first() {
                return Err(format!(
                    "{queue}: confirmed message {id} is lost ({} in all)",
                    model.missing().len()
                ));
            }
        }
        self.nothing_left()
    }

    fn nothing_left(&self) -> Result<(), String> {
        for q in self.broker().queues(|_, name| !is_topic(name)) {
            if q.ready + q.unacked > 0 {
                return Err(format!(
                    "{}: {} ready and {} unacked after everything was drained",
                    q.name, q.ready, q.unacked
                ));
            }
        }
        Ok(())
    }
}
