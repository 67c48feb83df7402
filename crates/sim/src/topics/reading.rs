//! Reads the topics as clients do, and holds them against the model.

use std::collections::BTreeSet;

use anymq_batch::{BatchHeader, Control, Records as BatchRecords};
use anymq_broker::Event;
use anymq_broker::topics::{Aborted, Encoding, Found, Read, Run};
use anymq_types::record::Records;

use super::model::{Outcome, Seen};
use super::{KEYS, LEDGER, LOG, NAMES};
use crate::oracle::Sure;
use crate::world::World;

/// Bytes asked for at once.
const READ_BYTES: u32 = 16 << 10;
const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

impl World {
    /// Reads every topic, and what a reader of committed records sees of those with transactions.
    pub(crate) fn check_topics(&mut self) -> Result<(), String> {
        for (topic, name) in NAMES.into_iter().enumerate() {
            let committed = self.broker().log().committed();
            let Some(seen) = self.read_topic(topic, false)? else { return Ok(()) };
            let now = self.broker().now();
            self.topics.logs[topic]
                .check(&seen, committed, now, &self.topics.outcomes)
                .map_err(|what| format!("{name}: {what}"))?;
            self.report.dropped += u64::from(topic == LOG && seen.start > 0);
            self.note(36, seen.records.len() as u64);
        }
        let Some(ledger) = self.read_topic(LEDGER, true)? else { return Ok(()) };
        self.decide_transactions(&ledger);
        self.check_visible(LEDGER, &ledger)?;
        match self.read_topic(KEYS, true)? {
            Some(keys) => self.check_visible(KEYS, &keys),
            None => Ok(()),
        }
    }

    /// Of transactions whose end the crash left open, the ledger tells how they ended: they all write to it.
    fn decide_transactions(&mut self, ledger: &Seen) {
        let seen: BTreeSet<u64> = self.topics.logs[LEDGER]
            .by_transaction()
            .filter_map(|(txn, offset, _)| txn.filter(|_| ledger.records.contains_key(&offset)))
            .collect();
        for (txn, outcome) in self.topics.outcomes.iter_mut().filter(|(_, o)| **o == Outcome::Unknown) {
            *outcome = if seen.contains(txn) { Outcome::Committed(Sure::Yes) } else { Outcome::Aborted };
        }
    }

    /// A reader of committed records sees all of what was committed, and nothing of what was not.
    fn check_visible(&self, topic: usize, seen: &Seen) -> Result<(), String> {
        let committed = self.broker().log().committed();
        for (txn, offset, value) in self.topics.logs[topic].by_transaction() {
            let Some(outcome) = txn.and_then(|txn| self.topics.outcomes.get(&txn)) else { continue };
            let visible = seen.records.contains_key(&offset);
            let wrong = match outcome {
                Outcome::Open | Outcome::Aborted => visible,
                // A compacted topic need not have it any more; how much of it, was checked before.
                Outcome::Committed(sure) => !visible && topic == LEDGER && sure.holds(committed),
                Outcome::Unknown => false,
            };
            if wrong {
                let name = NAMES[topic];
                return Err(format!(
                    "{name}: record {} at offset {offset} of a transaction that is {outcome:?}: visible {visible}",
                    value.id
                ));
            }
        }
        Ok(())
    }

    /// Everything in a topic; `None` if the disk failed meanwhile.
    fn read_topic(&mut self, topic: usize, stable_only: bool) -> Result<Option<Seen>, String> {
        let (hall, partition) = (self.hall(), self.topics.ids[topic]);
        let mut seen = Seen::default();
        let mut offset = 0;
        for _ in 0..10_000 {
            let read = Read { partition, offset, max_bytes: READ_BYTES, at_least_one: true, stable_only };
            let out = hall.read(&[read], None).pop().ok_or("a read without an answer")?;
            (seen.start, seen.high_watermark) = (out.start, out.high_watermark);
            let runs = match out.found {
                Found::Runs(runs) => runs,
                Found::OutOfRange if offset < out.start => {
                    offset = out.start;
                    continue;
                }
                Found::Cold(cold) => {
                    hall.load(0, &[cold]);
                    match self.loaded() {
                        Some(runs) => runs,
                        None if self.disk.crashed() => return Ok(None),
                        None => continue,
                    }
                }
                other => return Err(format!("{}: offset {offset}: {other:?}", NAMES[topic])),
            };
            let end = runs.last().map_or(offset, |run| run.end);
            let mut aborted = if stable_only { out.aborted } else { Vec::new() };
            runs.iter().try_for_each(|run| collect(run, &mut aborted, &mut seen))?;
            if end <= offset {
                // On a disk that is gone everything that has to be read looks damaged: that says nothing.
                return Ok((!self.disk.crashed()).then_some(seen));
            }
            offset = end;
        }
        Err(format!("{}: reading does not come to an end", NAMES[topic]))
    }

    fn loaded(&self) -> Option<Vec<Run>> {
        self.broker().log().run_reads_now();
        let mut events = Vec::new();
        self.hall().outbox().drain(&mut events);
        events.into_iter().find_map(|event| match event {
            Event::Loaded(loaded) => loaded.runs,
            _ => None,
        })
    }
}

/// Adds the records of a run, but for those of aborted transactions: as clients do it, by the list, from which the markers take.
fn collect(run: &Run, aborted: &mut Vec<Aborted>, seen: &mut Seen) -> Result<(), String> {
    if run.encoding == Encoding::Canonical {
        for (offset, record) in (run.base..).zip(Records::new(&run.bytes)) {
            seen.records.insert(offset, number(record.body)?);
        }
        return Ok(());
    }
    let mut rest = &run.bytes[..];
    while !rest.is_empty() {
        let header = BatchHeader::parse(rest).map_err(|fault| fault.to_string())?;
        let (batch, others) = rest.split_at(header.size());
        rest = others;
        header.check_bytes(batch).map_err(|fault| fault.to_string())?;
        let last = header.last_offset().cast_unsigned();
        let under = aborted.iter().position(|a| a.producer == header.producer_id && a.first <= last);
        let mut records =
            BatchRecords::new(batch, DECOMPRESSED_BYTES_MAX).map_err(|fault| fault.to_string())?;
        while let Some(record) = records.next_record().map_err(|fault| fault.to_string())? {
            if header.attributes.is_control() {
                let is_abort = Control::read(&record).is_some_and(|control| !control.commit);
                if let Some(at) = under.filter(|_| is_abort) {
                    aborted.remove(at);
                }
            } else if under.is_none() || !header.attributes.is_transactional() {
                let mut headers = record.headers.into_iter();
                let id = headers.next().and_then(|h| h.value).ok_or("a record lost its header")?;
                seen.records.insert(record.offset.cast_unsigned(), number(id)?);
            }
        }
    }
    Ok(())
}

fn number(bytes: &[u8]) -> Result<u64, String> {
    let bytes = bytes.get(..8).and_then(|b| b.try_into().ok()).ok_or("a body was cut short")?;
    Ok(u64::from_le_bytes(bytes))
}
