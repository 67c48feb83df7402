//! What a topic must hold, what it may.

use std::collections::{BTreeMap, BTreeSet};

use anymq_types::{Millis, Position};

use super::RETENTION_MS;
use crate::oracle::Sure;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Open,
    Aborted,
    Committed(Sure),
    /// It was to be committed, and the machine crashed: all of it is there, or nothing.
    Unknown,
}

/// One record: its number, its key, and whether it says that the key is gone.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) id: u64,
    pub(crate) key: Option<u8>,
    pub(crate) gone: bool,
}

/// What was written at once.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) values: Vec<Value>,
    at: Millis,
    stored: Sure,
    pub(crate) txn: Option<u64>,
    /// A crash made it uncertain whether it is there.
    maybe: bool,
}

impl Entry {
    pub(crate) fn new(
        values: &[(u64, Option<u8>, bool)],
        at: Millis,
        stored: Sure,
        txn: Option<u64>,
    ) -> Self {
        let values = values.iter().map(|&(id, key, gone)| Value { id, key, gone }).collect();
        Entry { values, at, stored, txn, maybe: false }
    }
}

/// A topic: what was written, by offset.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: BTreeMap<u64, Entry>,
    /// The least offset that may be given next, as far as it is known.
    pub(crate) next: u64,
    /// It is just the next one.
    pub(crate) next_is_sure: bool,
    start: u64,
    /// One past the last offset that a reader has been told of: it is on disk and keeps its meaning.
    told: u64,
}

/// What was read of a topic.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) start: u64,
    pub(crate) high_watermark: u64,
    pub(crate) records: BTreeMap<u64, u64>,
}

impl Log {
    /// Something was written at `base`, from which on nothing may be but what a crash took away.
    pub(crate) fn add(&mut self, base: u64, entry: Entry) -> Result<(), String> {
        if base < self.next {
            return Err(format!("offset {base} was given again, {} is next", self.next));
        }
        let others = self.entries.split_off(&base);
        if let Some((other, _)) = others.iter().find(|(_, entry)| !entry.maybe) {
            return Err(format!("offset {base} was given again, {other} was there"));
        }
        (self.next, self.next_is_sure) = (base + entry.values.len() as u64, true);
        self.entries.insert(base, entry);
        Ok(())
    }

    pub(crate) fn crash(&mut self, committed: Position) {
        (self.next, self.next_is_sure) = (0, false);
        // That old records went may not have been on disk.
        self.start = 0;
        for entry in self.entries.values_mut() {
            entry.maybe |= !entry.stored.holds(committed);
            entry.stored = Sure::Yes;
        }
    }

    /// Holds what a reader of everything found against what was written. `committed`: how far the journal was before it read.
    pub(crate) fn check(
        &mut self,
        seen: &Seen,
        committed: Position,
        now: Millis,
        outcomes: &BTreeMap<u64, Outcome>,
    ) -> Result<(), String> {
        self.check_start(seen, now)?;
        if seen.high_watermark < self.told {
            return Err(format!("the high watermark fell from {} to {}", self.told, seen.high_watermark));
        }
        self.told = seen.high_watermark;
        if !self.next_is_sure {
            // Nothing was written since the machine has started.
            (self.next, self.next_is_sure) = (seen.high_watermark, true);
        }
        for (&offset, &id) in &seen.records {
            let wrote = self.entries.range(..=offset).next_back();
            let wrote = wrote.and_then(|(base, entry)| entry.values.get((offset - base) as usize));
            match wrote {
                None => return Err(format!("offset {offset} holds record {id} that nobody wrote there")),
                Some(wrote) if wrote.id != id => {
                    return Err(format!("offset {offset} holds record {id}, not {}", wrote.id));
                }
                Some(_) => {}
            }
        }
        let present = |base: u64, entry: &Entry| {
            (base..base + entry.values.len() as u64).any(|offset| seen.records.contains_key(&offset))
        };
        // What was open after a crash is decided by what is there.
        self.entries.retain(|&base, entry| {
            let stays = !entry.maybe || present(base, entry);
            entry.maybe &= !stays;
            stays
        });
        let mut later: BTreeSet<u8> = BTreeSet::new();
        for (&base, entry) in self.entries.iter().rev() {
            let outcome = entry.txn.and_then(|txn| outcomes.get(&txn));
            let counts = !matches!(outcome, Some(Outcome::Open | Outcome::Aborted));
            let offsets = 0..entry.values.len();
            for (offset, value) in offsets.map(|i| (base + i as u64, &entry.values[i])).rev() {
                let replaced = value.key.is_some_and(|key| later.contains(&key) || value.gone || !counts);
                let must = entry.stored.holds(committed) && offset >= seen.start && !replaced;
                if must && !seen.records.contains_key(&offset) {
                    return Err(format!("record {} at offset {offset} is lost", value.id));
                }
                later.extend(value.key.filter(|_| counts));
            }
        }
        Ok(())
    }

    /// The first offset moves on only past what is old enough.
    fn check_start(&mut self, seen: &Seen, now: Millis) -> Result<(), String> {
        if seen.start < self.start {
            return Err(format!("the first offset went back from {} to {}", self.start, seen.start));
        }
        let gone = self.entries.range(self.start..seen.start);
        if let Some((base, _)) = gone.filter(|(_, e)| !e.maybe).find(|(_, e)| e.at.0 + RETENTION_MS >= now.0)
        {
            return Err(format!("offset {base} went before its time"));
        }
        self.start = seen.start;
        Ok(())
    }

    /// Offsets of a transaction's records, by transaction, and of those that are in none.
    pub(crate) fn by_transaction(&self) -> impl Iterator<Item = (Option<u64>, u64, &Value)> {
        self.entries.iter().flat_map(|(&base, entry)| {
            (base..).zip(&entry.values).map(move |(offset, value)| (entry.txn, offset, value))
        })
    }
}
