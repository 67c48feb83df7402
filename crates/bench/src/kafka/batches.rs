//! The batches that a producer fills: one for each partition at a time, built where they will be sent from.

use anyhow::{Context, Result};
use anymq_batch::{BatchBuilder, Compression, HEADER_BYTES, Head, next_sequence};

use super::content::Content;
use super::load::Load;
use crate::clock::Nanos;

/// Most bytes of a request, unless one batch is larger: what the Java client allows itself.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a record besides its key and value: lengths, deltas, attributes.
const RECORD_OVERHEAD: usize = 21;

/// When records were due, and how many at each time.
pub(super) type Dues = Vec<(Nanos, u32)>;

/// A batch to be sent.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) partition: i32,
    pub(super) bytes: Vec<u8>,
}

/// The batches of a producer.
#[derive(Debug)]
pub(super) struct Batches {
    slots: Vec<Slot>,
    /// Where the next record goes, if there is room.
    current: usize,
    /// Where the next request begins, so that all partitions get their turn.
    next: usize,
    content: Content,
    /// Records go to the partitions in turn, not batch by batch.
    keyed: bool,
    /// A batch longer than this has no room for another record.
    full_bytes: usize,
    buffer_bytes: usize,
    compression: Compression,
    producer: Option<(i64, i16)>,
    /// Bytes of all batches.
    bytes: usize,
}

/// One partition's batch.
#[derive(Debug)]
struct Slot {
    partition: i32,
    batch: Option<BatchBuilder>,
    is_full: bool,
    /// When the first record was due.
    opened: Nanos,
    dues: Dues,
    /// Of the next batch.
    sequence: i32,
    /// The buffer of the next batch.
    spare: Vec<u8>,
}

impl Batches {
    /// For these partitions. `producer` is the id and the epoch of an idempotent one.
    pub(super) fn new(load: &Load, partitions: &[i32], producer: Option<(i64, i16)>) -> Batches {
        let slot = |partition: &i32| Slot {
            partition: *partition,
            batch: None,
            is_full: false,
            opened: 0,
            dues: Vec::new(),
            sequence: 0,
            spare: Vec::new(),
        };
        let record = (load.size + load.key_size) as usize + RECORD_OVERHEAD;
        let batch = (load.batch_bytes as usize).max(HEADER_BYTES + record);
        Batches {
            slots: partitions.iter().map(slot).collect(),
            current: 0,
            next: 0,
            content: Content::new(load.size, load.key_size),
            keyed: load.key_size > 0,
            full_bytes: batch - record,
            buffer_bytes: batch,
            compression: load.compression.codec().into(),
            producer,
            bytes: 0,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether there is enough for a request.
    #[inline]
    pub(super) fn is_enough(&self) -> bool {
        self.bytes >= REQUEST_BYTES_MAX
    }

    /// Whether one more record has room.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        let full = |slot: &Slot| slot.is_full;
        // With keys it is the partition whose turn it is that counts.
        !full(&self.slots[self.current]) || !self.keyed && !self.slots.iter().all(full)
    }

    /// Adds a record, which is due at `due`; only if [`Batches::has_room`].
    #[inline]
    pub(super) fn push(&mut self, due: Nanos, timestamp: i64) -> Result<()> {
        while self.slots[self.current].is_full && !self.keyed {
            self.current = (self.current + 1) % self.slots.len();
        }
        let slot = &mut self.slots[self.current];
        let batch = match &mut slot.batch {
            Some(batch) => batch,
            empty => {
                slot.opened = due;
                let mut buffer = std::mem::take(&mut slot.spare);
                buffer.reserve(self.buffer_bytes);
                self.bytes += HEADER_BYTES;
                let (producer_id, producer_epoch) = self.producer.unwrap_or((-1, -1));
                let base_sequence = if self.producer.is_some() { slot.sequence } else { -1 };
                let head = Head { producer_id, producer_epoch, base_sequence, ..Head::default() };
                empty.insert(BatchBuilder::in_buffer(head, self.compression, buffer))
            }
        };
        let (key, value) = self.content.next(due);
        let before = batch.len();
        batch.push(timestamp, key, Some(value), &[]).context("build a batch")?;
        self.bytes += batch.len() - before;
        slot.is_full = batch.len() > self.full_bytes;
        match slot.dues.last_mut() {
            Some((last, count)) if *last == due => *count += 1,
            _ => slot.dues.push((due, 1)),
        }
        if self.keyed {
            self.current = (self.current + 1) % self.slots.len();
        }
        Ok(())
    }

    /// When there is something to send: at once if a batch is full, else when the first has waited for `linger`. None if
    /// nothing waits.
    pub(super) fn ready_at(&self, linger: Nanos) -> Option<Nanos> {
        let waiting = self.slots.iter().filter(|slot| slot.batch.is_some());
        waiting.map(|slot| if slot.is_full { 0 } else { slot.opened + linger }).min()
    }

    /// Takes the batches of all partitions, as far as they go into one request. Gives `dues` the times of their records.
    pub(super) fn take(&mut self, dues: &mut Dues) -> Result<Vec<Batch>> {
        let (mut batches, mut bytes, count) = (Vec::new(), 0, self.slots.len());
        // The partition that was filled last has had its batch: the next one goes to another.
        if !self.keyed && self.slots[self.current].batch.is_some() {
            self.current = (self.current + 1) % count;
        }
        let first = self.next;
        for index in (first..count).chain(0..first) {
            let slot = &mut self.slots[index];
            let too_much = |batch: &BatchBuilder| bytes > 0 && bytes + batch.len() > REQUEST_BYTES_MAX;
            if slot.batch.as_ref().is_some_and(too_much) {
                self.next = index;
                break;
            }
            let Some(batch) = slot.batch.take() else { continue };
            bytes += batch.len();
            self.bytes -= batch.len();
            slot.sequence = next_sequence(slot.sequence, batch.count() as i32);
            slot.is_full = false;
            dues.append(&mut slot.dues);
            batches
                .push(Batch { partition: slot.partition, bytes: batch.finish().context("build a batch")? });
        }
        Ok(batches)
    }

    /// Takes back what was sent, to be used again.
    pub(super) fn recycle(&mut self, batches: Vec<Batch>) {
        for batch in batches {
            if let Some(slot) = self.slots.iter_mut().find(|slot| slot.partition == batch.partition) {
                slot.spare = batch.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests;
