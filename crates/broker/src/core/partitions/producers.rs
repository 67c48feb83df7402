//! Idempotent producers of one partition: what each wrote last, so that nothing is stored twice and nothing is left out (KIP-98).
//!
//! Per producer 5 batches of 16 bytes and its epoch. Bound: [`PRODUCERS_MAX`] a partition, then the one whose last batch is the oldest
//! goes; a producer that was forgotten goes on with whatever sequence number it has.

use std::collections::{BTreeMap, VecDeque};

use anymq_batch::{BatchHeader, next_sequence};
use anymq_types::QueueId;

use crate::journal::{Reader, put_varint};
use crate::topics::ProducerStatus;

/// Batches of a producer that are known again.
const BATCHES_REMEMBERED: usize = 5;
/// Most producers remembered of one partition.
const PRODUCERS_MAX: usize = 1_000;
/// Ids are reserved in blocks of this many.
pub(crate) const IDS_AT_ONCE: u64 = 1_000;

/// Why a batch does not follow what its producer wrote before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceFault {
    /// The producer's epoch is over: another process goes by its id now.
    OldEpoch {
        /// What it says.
        epoch: i16,
        /// What the partition knows.
        current: i16,
    },
    /// Batches between this one and the last are missing.
    Gap {
        /// Its first sequence number.
        sequence: i32,
        /// The one that would have followed; 0 in a new epoch.
        expected: i32,
    },
}

/// Producer ids that were given out.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    pub(crate) next: u64,
    /// Those below may be given out without the journal's knowledge.
    pub(crate) reserved: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    first: i32,
    last: i32,
    base: u64,
}

/// What one producer wrote last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    epoch: i16,
    /// Latest timestamp of its last batch; −1: it had none.
    stamp: i64,
    batches: VecDeque<Written>,
}

/// The producers of a partition, by id.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<i64, Producer>,
}

impl Producers {
    /// Whether a batch may be stored now; `Some` with its base offset if it already was.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Option<u64>, SequenceFault> {
        let Some(known) = self.by_id.get(&header.producer_id) else { return Ok(None) };
        let (epoch, current) = (header.producer_epoch, known.epoch);
        if epoch < current {
            return Err(SequenceFault::OldEpoch { epoch, current });
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        let expected = match known.batches.back() {
            _ if epoch > current => 0,
            Some(before) => next_sequence(before.last, 1),
            None => return Ok(None),
        };
        if epoch == current
            && let Some(same) = known.batches.iter().find(|b| (b.first, b.last) == (first, last))
        {
            return Ok(Some(same.base));
        }
        if first != expected {
            return Err(SequenceFault::Gap { sequence: first, expected });
        }
        Ok(None)
    }

    /// Notes that a batch was stored.
    pub(crate) fn note(&mut self, header: &BatchHeader, base: u64) {
        if !self.by_id.contains_key(&header.producer_id) && self.by_id.len() >= PRODUCERS_MAX {
            let last = |producer: &Producer| producer.batches.back().map(|batch| batch.base);
            let silent = self.by_id.iter().min_by_key(|(_, producer)| last(producer)).map(|(&id, _)| id);
            silent.and_then(|id| self.by_id.remove(&id));
        }
        let epoch = header.producer_epoch;
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch,
            stamp: -1,
            batches: VecDeque::new(),
        });
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_REMEMBERED {
            producer.batches.pop_front();
        }
        producer.stamp = header.max_timestamp;
        let written = Written { first: header.base_sequence, last: header.last_sequence(), base };
        producer.batches.push_back(written);
    }

    /// All of them as an operator sees them, in the order of their ids.
    pub(crate) fn statuses(&self, open_since: impl Fn(i64) -> Option<u64>) -> Vec<ProducerStatus> {
        let status = |(&id, producer): (&i64, &Producer)| ProducerStatus {
            id,
            epoch: producer.epoch,
            last_sequence: producer.batches.back().map_or(-1, |batch| batch.last),
            last_timestamp: producer.stamp,
            open_since: open_since(id),
        };
        self.by_id.iter().map(status).collect()
    }

    /// All of them, in the order of their ids.
    pub(crate) fn entries(&self) -> Vec<(i64, Producer)> {
        self.by_id.iter().map(|(&id, producer)| (id, producer.clone())).collect()
    }

    /// Reads what [`write_producers`] wrote after the queue.
    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) -> Option<()> {
        for _ in 0..r.varint()? {
            let id = r.varint()?.cast_signed();
            let epoch = i16::try_from(r.varint()?).ok()?;
            let stamp = r.varint()?.cast_signed();
            let mut batches = VecDeque::new();
            for _ in 0..r.varint()?.min(BATCHES_REMEMBERED as u64) {
                let (first, last) = (i32::try_from(r.varint()?).ok()?, i32::try_from(r.varint()?).ok()?);
                batches.push_back(Written { first, last, base: r.varint()? });
            }
            self.by_id.insert(id, Producer { epoch, stamp, batches });
        }
        Some(())
    }
}

/// Appends a snapshot's item.
pub(crate) fn write_producers(queue: QueueId, entries: &[(i64, Producer)], out: &mut Vec<u8>) {
    put_varint(out, queue.0);
    put_varint(out, entries.len() as u64);
    for (id, producer) in entries {
        put_varint(out, id.cast_unsigned());
        // A producer without an epoch has none of its batches noted.
        put_varint(out, producer.epoch.max(0) as u64);
        put_varint(out, producer.stamp.cast_unsigned());
        put_varint(out, producer.batches.len() as u64);
        for batch in &producer.batches {
            for value in [batch.first.max(0) as u64, batch.last.max(0) as u64, batch.base] {
                put_varint(out, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(epoch: i16, first: i32, count: i32) -> BatchHeader {
        BatchHeader {
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence: first,
            last_offset_delta: count - 1,
            count,
            ..BatchHeader::default()
        }
    }

    #[test]
    fn a_batch_follows_the_one_before_or_is_it_again() {
        let mut producers = Producers::default();
        let gap = |sequence, expected| Err(SequenceFault::Gap { sequence, expected });
        assert_eq!(producers.check(&header(0, 500, 3)), Ok(None), "a stranger begins where he likes");
        producers.note(&header(0, 500, 3), 10);
        producers.note(&header(0, 503, 2), 13);
        let cases = [
            (header(0, 505, 1), Ok(None)),
            (header(0, 500, 3), Ok(Some(10))),
            (header(0, 503, 2), Ok(Some(13))),
            (header(0, 503, 1), gap(503, 505)),
            (header(0, 506, 1), gap(506, 505)),
            (header(1, 0, 4), Ok(None)),
            (header(1, 505, 4), gap(505, 0)),
        ];
        for (batch, want) in cases {
            assert_eq!(producers.check(&batch), want, "{batch:?}");
        }
        producers.note(&header(1, 0, 4), 20);
        let old = Err(SequenceFault::OldEpoch { epoch: 0, current: 1 });
        assert_eq!(producers.check(&header(0, 505, 1)), old);
    }

    #[test]
    fn the_last_five_are_known_again_and_numbers_wrap() {
        let mut producers = Producers::default();
        for n in 0..6 {
            producers.note(&header(0, n * 2, 2), n as u64 * 2);
        }
        assert_eq!(producers.check(&header(0, 2, 2)), Ok(Some(2)));
        assert!(producers.check(&header(0, 0, 2)).is_err(), "the sixth is forgotten");
        producers.note(&header(0, i32::MAX - 1, 2), 50);
        assert_eq!(producers.check(&header(0, 0, 2)), Ok(None), "0 follows the largest");
    }

    #[test]
    fn what_a_snapshot_holds_is_what_was() {
        let mut producers = Producers::default();
        for id in 0..3 {
            producers.note(&BatchHeader { producer_id: id, ..header(4, 9, 1) }, 77);
        }
        let mut out = Vec::new();
        write_producers(QueueId(3), &producers.entries(), &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(reader.varint(), Some(3));
        let mut restored = Producers::default();
        restored.restore(&mut reader).expect("parses");
        assert_eq!(restored.entries(), producers.entries());
    }

    #[test]
    fn the_silent_are_forgotten_first() {
        let mut producers = Producers::default();
        for id in 0..=PRODUCERS_MAX as i64 {
            producers.note(&BatchHeader { producer_id: id, ..header(0, 0, 1) }, id as u64);
        }
        assert_eq!(producers.by_id.len(), PRODUCERS_MAX);
        assert!(!producers.by_id.contains_key(&0));
    }
}
