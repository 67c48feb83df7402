//! Topics in the simulation: batches and single records in one stream, transactions, compaction, retention, and an exchange.
//!
//! | topic | written | kept |
//! |---|---|---|
//! | `log` | in batches and, through AMQP's way, record by record | for two seconds; its exchange feeds the queue `copied` |
//! | `keys` | in batches, plain and in transactions | the last of each key |
//! | `ledger` | in batches, plain and in transactions | for ever |

pub(crate) mod model;
mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anymq_batch::{BatchBuilder, BatchHeader, Compression, Head};
use anymq_broker::topics::{CreateTopic, Write, WriteFault};
use anymq_broker::transactions::ProducerEpoch;
use anymq_broker::{Bind, DeclareExchange, Destination, ErrorKind, PublishBatch, Session};
use anymq_types::QueueId;
use anymq_types::record::RecordHead;
use anymq_types::value::{Table, Value};

use self::model::{Entry, Log, Outcome};
use crate::oracle::Sure;
use crate::world::World;

pub(crate) const LOG: usize = 0;
const KEYS: usize = 1;
const LEDGER: usize = 2;
/// How long `log` keeps its records.
pub(crate) const RETENTION_MS: u64 = 2_000;
const NAMES: [&str; 3] = ["log", "keys", "ledger"];
/// The queue that the exchange of `log` feeds.
pub(crate) const COPIED: &str = "copied";
const TXN: &str = "sim";
const TXN_TIMEOUT_MS: u32 = 900_000;

/// The topics and their one transactional producer.
#[derive(Default)]
pub(crate) struct Topics {
    /// Reads and writes them; apart from the session that consumes.
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) ids: Vec<QueueId>,
    pub(crate) logs: [Log; 3],
    producer: Option<ProducerEpoch>,
    sequences: [i32; 3],
    /// Number of the transaction that is open.
    open: Option<u64>,
    pub(crate) outcomes: BTreeMap<u64, Outcome>,
    /// The last batch of the transaction, to be sent again.
    last: Option<(usize, Vec<u8>, u64)>,
}

/// Whether a name is one of the topics'.
pub(crate) fn is_topic(name: &str) -> bool {
    NAMES.contains(&name)
}

fn settings(topic: usize) -> BTreeMap<Arc<str>, Arc<str>> {
    let set: &[(&str, &str)] = match topic {
        LOG => &[("retention.ms", "2000"), ("segment.ms", "1")],
        KEYS => &[
            ("cleanup.policy", "compact"),
            ("segment.ms", "1"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("delete.retention.ms", "1000"),
        ],
        _ => &[("retention.ms", "-1")],
    };
    set.iter().map(|&(key, value)| (key.into(), value.into())).collect()
}

impl World {
    /// Makes what is missing, with a session that has just been opened for it.
    pub(crate) fn open_topics(&mut self, session: Session) -> Result<(), String> {
        self.topics.ids.clear();
        for (number, name) in NAMES.into_iter().enumerate() {
            let create = CreateTopic { name, partitions: 1, config: settings(number), validate_only: false };
            match session.create_topic(&create) {
                Err(error) if error.kind != ErrorKind::Conflict => {
                    return Err(format!("topic {name}: {error}"));
                }
                _ => {}
            }
            let topic = session.topic(name).map_err(|e| format!("topic {name}: {e}"))?;
            self.topics.ids.push(topic.partitions[0]);
        }
        let mut args = Table::new();
        args.insert("x-anymq-from-topic", Value::from("log"));
        let declare = DeclareExchange {
            name: "log.all",
            kind: "fanout",
            passive: false,
            durable: true,
            auto_delete: false,
            internal: true,
            args: &args,
        };
        session.declare_exchange(declare).map_err(|e| format!("exchange: {e}"))?;
        let (args, destination) = (Table::new(), Destination::Queue(COPIED));
        let bind = Bind { source: "log.all", destination, routing_key: "", args: &args };
        session.bind(bind).map_err(|e| format!("binding: {e}"))?;
        self.topics.session = Some(Arc::new(session));
        self.begin_life()
    }

    /// The producer comes again after whatever happened; what it left open is aborted.
    fn begin_life(&mut self) -> Result<(), String> {
        let done = self.hall().init_producer(TXN, TXN_TIMEOUT_MS, None);
        let done = done.map_err(|fault| format!("a producer is refused: {fault:?}"))?;
        self.topics.producer = Some(done.value);
        self.topics.sequences = [0; 3];
        self.topics.last = None;
        if let Some(open) = self.topics.open.take() {
            self.topics.outcomes.insert(open, Outcome::Aborted);
        }
        Ok(())
    }

    pub(crate) fn hall(&self) -> Arc<Session> {
        self.topics.session.clone().expect("connected between crashes")
    }

    /// The machine crashed with the journal committed up to `committed`.
    pub(crate) fn topics_crashed(&mut self, committed: anymq_types::Position) {
        self.topics.session = None;
        self.topics.logs.iter_mut().for_each(|log| log.crash(committed));
        for outcome in self.topics.outcomes.values_mut() {
            if let Outcome::Committed(sure) = *outcome {
                *outcome =
                    if sure.holds(committed) { Outcome::Committed(Sure::Yes) } else { Outcome::Unknown };
            }
        }
    }

    /// One thing is done to the topics.
    pub(crate) fn topic_step(&mut self) -> Result<(), String> {
        match self.rng.below(100) {
            0..=24 => self.write_log(),
            25..=34 => self.publish_log(),
            35..=46 => {
                let topic = KEYS + self.rng.below(2) as usize;
                self.write_topic(topic, None)
            }
            47..=68 => self.transact(),
            69..=73 => self.send_again(),
            74..=83 => {
                let passed = Duration::from_millis(2_000 + self.rng.below(10_000));
                self.clock.advance(passed);
                self.broker().tick();
                self.note(30, passed.as_millis() as u64);
                Ok(())
            }
            84..=91 => {
                let found = self.broker().compact();
                self.report.compacted += u64::from(found);
                self.note(31, u64::from(found));
                Ok(())
            }
            _ => self.check_topics(),
        }
    }

    /// Values of a new batch, and keys: few, so that they come again. One in ten says that its key is gone.
    fn values(&mut self, keyed: bool) -> Vec<(u64, Option<u8>, bool)> {
        let count = 1 + self.rng.below(4);
        (0..count)
            .map(|_| {
                let id = self.next_id();
                let key = keyed.then(|| self.rng.below(6) as u8);
                (id, key, keyed && self.rng.chance(10))
            })
            .collect()
    }

    fn built(&mut self, head: Head, values: &[(u64, Option<u8>, bool)]) -> Vec<u8> {
        let compression = match self.rng.below(4) {
            0 => Compression::Lz4,
            1 => Compression::Snappy,
            _ => Compression::None,
        };
        let padding = self.rng.below(400) as usize;
        let mut batch = BatchBuilder::new(head, compression);
        let now = self.broker().now().0.cast_signed();
        for (id, key, gone) in values {
            let mut body = id.to_le_bytes().to_vec();
            body.resize(8 + padding, b'x');
            let key = key.as_ref().map(std::slice::from_ref);
            // A record without a value tells its number in a header.
            let header = anymq_batch::Header { key: b"id", value: Some(&body[..8]) };
            batch.push(now, key, (!gone).then_some(&body[..]), &[header]).expect("short");
        }
        batch.finish().expect("short")
    }

    fn write_log(&mut self) -> Result<(), String> {
        let values = self.values(false);
        let batch = self.built(Head::default(), &values);
        let stored = self.write_batch(LOG, &batch, &values, None)?;
        self.copied(&values, stored);
        Ok(())
    }

    /// What the exchange of `log` makes of records.
    fn copied(&mut self, values: &[(u64, Option<u8>, bool)], stored: Sure) {
        let model = self.models.get_mut(COPIED).expect("modelled");
        values.iter().for_each(|(id, ..)| model.add(*id, true, false, stored));
    }

    /// Records for `log` as AMQP's clients send them.
    fn publish_log(&mut self) -> Result<(), String> {
        if !self.topics.logs[LOG].next_is_sure {
            return Ok(());
        }
        let values = self.values(false);
        let hall = self.hall();
        let mut batch = PublishBatch::default();
        let now = hall.bounds().now;
        for (id, ..) in &values {
            let head =
                RecordHead { timestamp: now, routing_key: b"log", props: &[0, 0], ..RecordHead::default() };
            let start = batch.chunk.len();
            head.write(8, &mut batch.chunk);
            batch.chunk.extend_from_slice(&id.to_le_bytes());
            batch.push(start, None);
        }
        let base = self.topics.logs[LOG].next;
        let stored = hall.publish(&mut batch).commit.map_or(Sure::Yes, Sure::At);
        self.topics.logs[LOG].add(base, Entry::new(&values, now, stored, None))?;
        self.copied(&values, stored);
        self.report.published += values.len() as u64;
        self.note(32, base);
        Ok(())
    }

    fn write_topic(&mut self, topic: usize, txn: Option<u64>) -> Result<(), String> {
        let values = self.values(topic == KEYS);
        let mut head = Head::default();
        if let (Some(_), Some(producer)) = (txn, self.topics.producer) {
            head.producer_id = producer.id;
            head.producer_epoch = producer.epoch;
            head.base_sequence = self.topics.sequences[topic];
            head.transactional = true;
            self.topics.sequences[topic] += values.len() as i32;
        }
        let batch = self.built(head, &values);
        self.write_batch(topic, &batch, &values, txn)?;
        if txn.is_some() {
            let base = self.topics.logs[topic].next - values.len() as u64;
            self.topics.last = Some((topic, batch, base));
        }
        Ok(())
    }

    /// Writes a batch, which must be taken at the next offset.
    fn write_batch(
        &mut self,
        topic: usize,
        batch: &[u8],
        values: &[(u64, Option<u8>, bool)],
        txn: Option<u64>,
    ) -> Result<Sure, String> {
        let (base, commit) = self.send(topic, batch)?;
        let stored = commit.map_or(Sure::Yes, Sure::At);
        let entry = Entry::new(values, self.broker().now(), stored, txn);
        self.topics.logs[topic].add(base, entry).map_err(|what| format!("{}: {what}", NAMES[topic]))?;
        self.report.published += values.len() as u64;
        self.note(33, base);
        Ok(stored)
    }

    fn send(&mut self, topic: usize, batch: &[u8]) -> Result<(u64, Option<anymq_types::Position>), String> {
        let header = BatchHeader::parse(batch).map_err(|fault| fault.to_string())?;
        let write = Write { partition: self.topics.ids[topic], header, batch: batch.into() };
        let mut all = self.hall().write(vec![write]);
        let wrote = all.results.pop().unwrap_or(Err(WriteFault::NoPartition));
        let wrote = wrote.map_err(|fault| format!("{}: a batch is refused: {fault:?}", NAMES[topic]))?;
        Ok((wrote.base, all.commit))
    }

    /// The answer to the last batch was lost: it is sent again, and must not be stored again.
    fn send_again(&mut self) -> Result<(), String> {
        let Some((topic, batch, base)) = self.topics.last.clone() else { return Ok(()) };
        let (again, _) = self.send(topic, &batch)?;
        if again != base {
            return Err(format!("{}: a batch stored at {base} was stored again at {again}", NAMES[topic]));
        }
        self.note(34, base);
        Ok(())
    }

    /// A step of the transactional producer: it writes to both topics, or ends what is open.
    fn transact(&mut self) -> Result<(), String> {
        let Some(open) = self.topics.open else {
            let number = self.next_id();
            self.topics.open = Some(number);
            self.topics.outcomes.insert(number, Outcome::Open);
            return self.write_topic(LEDGER, Some(number));
        };
        if self.rng.chance(50) {
            let topic = KEYS + self.rng.below(2) as usize;
            return self.write_topic(topic, Some(open));
        }
        let (commit, bump) = (self.rng.chance(60), self.rng.chance(50));
        let producer = self.topics.producer.ok_or("a transaction without a producer")?;
        let done = self.hall().end_transaction(TXN, producer, commit, bump);
        let done = done.map_err(|fault| format!("a transaction cannot end: {fault:?}"))?;
        if done.value.epoch != producer.epoch || done.value.id != producer.id {
            self.topics.sequences = [0; 3];
        }
        self.topics.producer = Some(done.value);
        self.topics.open = None;
        self.topics.last = None;
        let sure = done.commit.map_or(Sure::Yes, Sure::At);
        let outcome = if commit { Outcome::Committed(sure) } else { Outcome::Aborted };
        self.topics.outcomes.insert(open, outcome);
        self.report.committed += u64::from(commit);
        self.note(35, u64::from(commit));
        Ok(())
    }
}
