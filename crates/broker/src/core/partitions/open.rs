//! Transactions as one partition sees them: which are open, and which of the old ones were aborted.
//!
//! 16 bytes an open one, 24 an aborted one, which goes with its messages. Rebuilt from the batches and markers in the journal.

use std::collections::BTreeMap;

use anymq_batch::{BatchHeader, Control, Records};
use anymq_types::QueueId;

use crate::journal::{Reader, put_varint};
use crate::topics::Aborted;

/// Most bytes a marker decompresses to.
const MARKER_BYTES_MAX: usize = 4 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ended {
    producer: i64,
    first: u64,
    last: u64,
}

/// A partition's transactions.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenTransactions {
    /// First offset by producer.
    open: BTreeMap<i64, u64>,
    /// In the order in which they ended.
    aborted: Vec<Ended>,
}

impl OpenTransactions {
    /// Notes a batch that was stored at `base`.
    pub(crate) fn note(&mut self, header: &BatchHeader, batch: &[u8], base: u64) {
        if !header.attributes.is_transactional() {
            return;
        }
        if !header.attributes.is_control() {
            self.open.entry(header.producer_id).or_insert(base);
            return;
        }
        let Some(control) = control_of(batch) else { return };
        let Some(first) = self.open.remove(&header.producer_id) else { return };
        if !control.commit {
            self.aborted.push(Ended { producer: header.producer_id, first, last: base });
        }
    }

    /// The first offset of a producer's transaction that is open here.
    pub(crate) fn since(&self, producer: i64) -> Option<u64> {
        self.open.get(&producer).copied()
    }

    /// Whether a producer's transaction is open here.
    pub(crate) fn is_open(&self, producer: i64) -> bool {
        self.open.contains_key(&producer)
    }

    /// The first offset of a producer's open transaction.
    pub(crate) fn first_of(&self, producer: i64) -> Option<u64> {
        self.open.get(&producer).copied()
    }

    /// One past the last offset below which no transaction is open.
    pub(crate) fn last_stable(&self, high: u64) -> u64 {
        self.open.values().copied().min().map_or(high, |first| first.min(high))
    }

    /// Aborted transactions that reach into `from..to`, by their first offsets.
    pub(crate) fn aborted_in(&self, from: u64, to: u64) -> Vec<Aborted> {
        let reach = self.aborted.iter().filter(|e| e.last >= from && e.first < to);
        let mut found: Vec<Aborted> =
            reach.map(|e| Aborted { producer: e.producer, first: e.first }).collect();
        found.sort_unstable_by_key(|a| (a.first, a.producer));
        found
    }

    /// Whether a producer's batch at `base` was taken back.
    pub(crate) fn is_aborted(&self, producer: i64, base: u64) -> bool {
        self.aborted.iter().any(|e| e.producer == producer && (e.first..e.last).contains(&base))
    }

    /// Everything before `start` is gone.
    pub(crate) fn trim(&mut self, start: u64) {
        self.aborted.retain(|e| e.last >= start);
    }

    /// Appends a snapshot's item, if there is anything to say.
    pub(crate) fn write(&self, queue: QueueId) -> Option<Vec<u8>> {
        if self.open.is_empty() && self.aborted.is_empty() {
            return None;
        }
        let mut out = Vec::new();
        put_varint(&mut out, queue.0);
        put_varint(&mut out, self.open.len() as u64);
        for (&producer, &first) in &self.open {
            put_varint(&mut out, producer.cast_unsigned());
            put_varint(&mut out, first);
        }
        put_varint(&mut out, self.aborted.len() as u64);
        for ended in &self.aborted {
            for value in [ended.producer.cast_unsigned(), ended.first, ended.last] {
                put_varint(&mut out, value);
            }
        }
        Some(out)
    }

    /// Reads what [`OpenTransactions::write`] wrote after the queue.
    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) -> Option<()> {
        for _ in 0..r.varint()? {
            self.open.insert(r.varint()?.cast_signed(), r.varint()?);
        }
        for _ in 0..r.varint()? {
            let (producer, first, last) = (r.varint()?.cast_signed(), r.varint()?, r.varint()?);
            self.aborted.push(Ended { producer, first, last });
        }
        Some(())
    }
}

fn control_of(batch: &[u8]) -> Option<Control> {
    let mut records = Records::new(batch, MARKER_BYTES_MAX).ok()?;
    let record = records.next_record().ok()??;
    Control::read(&record)
}

#[cfg(test)]
mod tests {
    use anymq_batch::{BatchBuilder, Compression, Head, marker};

    use super::*;

    fn data(producer_id: i64) -> Vec<u8> {
        let head =
            Head { producer_id, producer_epoch: 0, base_sequence: 0, transactional: true, ..Head::default() };
        let mut batch = BatchBuilder::new(head, Compression::None);
        batch.push(0, None, Some(b"x"), &[]).expect("short");
        batch.finish().expect("short")
    }

    fn end(producer_id: i64, commit: bool) -> Vec<u8> {
        let head = Head { producer_id, producer_epoch: 0, ..Head::default() };
        marker(head, Control { commit, coordinator_epoch: 0 }, 0).expect("short")
    }

    fn noted(transactions: &mut OpenTransactions, batch: &[u8], base: u64) {
        transactions.note(&BatchHeader::parse(batch).expect("a batch"), batch, base);
    }

    #[test]
    fn the_last_stable_offset_waits_for_the_oldest() {
        let mut t = OpenTransactions::default();
        assert_eq!(t.last_stable(9), 9);
        noted(&mut t, &data(1), 2);
        noted(&mut t, &data(2), 3);
        noted(&mut t, &data(1), 4);
        assert_eq!((t.last_stable(5), t.is_open(1), t.is_open(3)), (2, true, false));
        noted(&mut t, &end(1, true), 5);
        assert_eq!(t.last_stable(6), 3);
        noted(&mut t, &end(2, false), 6);
        assert_eq!(t.last_stable(7), 7);
        let aborted = Aborted { producer: 2, first: 3 };
        let cases = [((0, 3), vec![]), ((0, 4), vec![aborted]), ((6, 9), vec![aborted]), ((7, 9), vec![])];
        for ((from, to), want) in cases {
            assert_eq!(t.aborted_in(from, to), want, "{from}..{to}");
        }
        assert!(t.is_aborted(2, 3) && !t.is_aborted(1, 3) && !t.is_aborted(2, 7));
        let bytes = t.write(QueueId(9)).expect("something");
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.varint(), Some(9));
        let mut restored = OpenTransactions::default();
        restored.restore(&mut reader).expect("parses");
        assert_eq!((restored.open, restored.aborted.clone()), (t.open.clone(), t.aborted.clone()));
        t.trim(7);
        assert_eq!((t.aborted_in(0, 9), t.write(QueueId(9))), (vec![], None));
    }
}
