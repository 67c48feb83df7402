//! Compaction of one batch: the records that stay, with their offsets.
//!
//! What the batch stands for does not change: base offset, last offset delta, producer, sequence numbers and leader
//! epoch stay, so that the producer's state can be rebuilt and offsets have no other meaning than before. Timestamps
//! are written anew, counted from the first record that stayed, or from the delete horizon (KIP-534).

use crate::NO_TIMESTAMP;
use crate::builder::{BatchBuilder, Head};
use crate::codec::Compression;
use crate::fault::Fault;
use crate::header::{BatchHeader, HEADER_BYTES};
use crate::reader::Records;
use crate::record::Record;

/// How to compact a batch.
#[derive(Clone, Copy, Debug)]
pub struct Retain {
    /// When tombstones may go, in ms since the epoch: set on a batch that keeps one and has no horizon yet.
    pub delete_horizon: Option<i64>,
    /// Set the horizon without a tombstone, too: for the marker of a transaction that has no records left.
    pub ends_empty_transaction: bool,
    /// Keep the header if no record stays: the producer's last sequence number is known from here only.
    pub keep_empty: bool,
    /// Compression of what is written; the batch's own, at its default level, if there is none.
    pub compression: Option<Compression>,
    /// Most bytes that the batch may decompress to.
    pub decompressed_bytes_max: usize,
}

impl Default for Retain {
    fn default() -> Self {
        Retain {
            delete_horizon: None,
            ends_empty_transaction: false,
            keep_empty: false,
            compression: None,
            decompressed_bytes_max: crate::DECOMPRESSED_BYTES_MAX,
        }
    }
}

/// What compaction left of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retained {
    /// The batch as it is.
    Same,
    /// Another batch in its place, with `records` records; 0 if only the header was kept.
    Batch { batch: Vec<u8>, records: u32 },
    /// Nothing.
    Nothing,
}

/// Keeps the records of `batch` that `keep` says yes to. It is asked once for each, in order.
///
/// The batch is read twice if something is to be written, so that one from which nothing goes costs no copy. Memory: a
/// bit per record, and the records that stay, before compression.
///
/// # Errors
/// [`Fault`] if the batch cannot be read or written.
pub fn retain(
    batch: &[u8],
    how: &Retain,
    mut keep: impl FnMut(&Record<'_>) -> bool,
) -> Result<Retained, Fault> {
    let mut records = Records::new(batch, how.decompressed_bytes_max)?;
    let header = *records.header();
    let (mut kept, mut seen, mut tombstones) = (Kept::default(), 0_u32, false);
    records.for_each(|record| {
        let stays = keep(record);
        kept.push(seen, stays);
        seen += 1;
        tombstones |= stays && record.value.is_none();
    })?;
    if kept.count == 0 {
        return Ok(match how.keep_empty {
            true if seen == 0 => Retained::Same,
            true => Retained::Batch { batch: empty(&header), records: 0 },
            false => Retained::Nothing,
        });
    }
    let needs_horizon = tombstones || how.ends_empty_transaction;
    let new_horizon = how.delete_horizon.filter(|_| needs_horizon && header.delete_horizon().is_none());
    if kept.count == seen && new_horizon.is_none() {
        return Ok(Retained::Same);
    }
    let mut head = Head::from(&header);
    head.delete_horizon = new_horizon.or(head.delete_horizon);
    let codec = header.attributes.codec()?;
    let mut builder = BatchBuilder::new(head, how.compression.unwrap_or(codec.into()));
    let mut records = Records::new(batch, how.decompressed_bytes_max)?;
    let mut index = 0;
    while let Some(record) = records.next_record()? {
        if kept.has(index) {
            builder.push_read(record.offset, header.base_timestamp, &record)?;
        }
        index += 1;
    }
    let batch = builder.finish_until(header.last_offset_delta)?;
    Ok(Retained::Batch { batch, records: kept.count })
}

/// The header alone: no records, no compression, no base timestamp; the max timestamp stays.
fn empty(header: &BatchHeader) -> Vec<u8> {
    let attributes = header.attributes.with_codec(crate::Codec::None).with_delete_horizon(false);
    let mut batch = vec![0; HEADER_BYTES];
    BatchHeader { attributes, base_timestamp: NO_TIMESTAMP, count: 0, ..*header }.seal(&mut batch);
    batch
}

/// Which records stay: grows with the records that were read, not with what a header counts.
#[derive(Default)]
struct Kept {
    bits: Vec<u64>,
    count: u32,
}

impl Kept {
    fn push(&mut self, index: u32, stays: bool) {
        if index.is_multiple_of(64) {
            self.bits.push(0);
        }
        if let Some(word) = self.bits.last_mut() {
            *word |= u64::from(stays) << (index % 64);
        }
        self.count += u32::from(stays);
    }

    fn has(&self, index: u32) -> bool {
        self.bits.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
}
