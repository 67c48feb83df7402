//! Compaction: of a topic that asks for it, the last message of each key is kept.
//!
//! A pass looks at one partition, the one with the most to gain. First it reads the part that was not compacted before and remembers
//! the last offset of each key ([`KEYS_MAX`] of them, 32 bytes each; what is beyond is left to the next pass). Then it goes over
//! everything before that, chunk by chunk: what another message has replaced goes, and so do aborted transactions, and tombstones and
//! markers whose time is over. A chunk from which something goes is written anew to the stream's own segment, with offsets and
//! timestamps as they were, and a `MOVED` record repoints the index. Nothing here holds the core's lock for longer than a look.

use std::sync::Arc;

use anymq_batch::{BatchHeader, Fault, Retain, Retained, retain};
use anymq_types::{Position, QueueId};
use bytes::Bytes;

use crate::broker::Inner;
use crate::core::partitions::compaction::{Chunk, Plan};
use crate::core::partitions::runs_in;
use crate::journal::{BATCH, Batches, Moved, Piece};
use crate::queue::encoding::Encoding;
use crate::routing::{FastMap, hash_128};
use crate::topics::{Found, Run};

/// Most keys remembered in one pass.
const KEYS_MAX: usize = 1 << 21;
/// Bytes read at once to learn keys.
const READ_BYTES: u32 = 1 << 20;

/// The last offset of each key, by the key's hash: 128 bits, so that no two keys meet.
type Keys = FastMap<u128, u64>;

/// What a batch is compacted by.
struct Rules<'a> {
    plan: &'a Plan,
    keys: &'a Keys,
    /// In ms since the epoch.
    now: i64,
}

impl Inner {
    /// Compacts the partition that has the most to gain, if one has enough. Whether there was one.
    pub(crate) fn compact(self: &Arc<Self>) -> bool {
        let plan = self.core.lock().plan_compaction(self.now(), self.log.committed());
        let Some(mut plan) = plan else { return false };
        if let Err(error) = self.compact_partition(&mut plan) {
            tracing::error!(partition = %plan.partition, error, "a partition could not be compacted; it is tried again");
            return false;
        }
        true
    }

    fn compact_partition(self: &Arc<Self>, plan: &mut Plan) -> Result<(), String> {
        let keys = self.learn_keys(plan)?;
        let rules = Rules { plan, keys: &keys, now: self.now().0.cast_signed() };
        let mut from = plan.start;
        while from < plan.end {
            // Reclaim moves chunks too: not while one is read here.
            let _moving = self.moving.lock();
            let Some(chunk) = self.core.lock().chunk_at(plan.partition, from, plan.end) else { break };
            from = chunk.end;
            if let Some(moved) = self.compact_chunk(&rules, &chunk)? {
                self.with(|core, fx| core.moved(fx, &moved));
            }
        }
        self.with(|core, fx| core.compacted(fx, plan.partition, plan.end));
        Ok(())
    }

    /// The last offset of each key in the part that was not compacted before. If there are too many, the plan ends earlier.
    fn learn_keys(self: &Arc<Self>, plan: &mut Plan) -> Result<Keys, String> {
        let mut keys = Keys::default();
        let mut from = plan.clean;
        while from < plan.end {
            let runs = self.runs_at(plan.partition, from, plan.end)?;
            let Some(last) = runs.last() else { break };
            let end = last.end;
            for run in runs.iter().filter(|run| run.encoding == Encoding::Batches) {
                for_each_batch(&run.bytes, |batch, header| {
                    if header.attributes.is_control() || plan.is_aborted(header) {
                        return Ok(());
                    }
                    let mut records = anymq_batch::Records::new(batch, anymq_batch::DECOMPRESSED_BYTES_MAX)?;
                    records.for_each(|record| {
                        if let Some(key) = record.key {
                            keys.insert(hash_128(key), record.offset.cast_unsigned());
                        }
                    })
                })
                .map_err(|fault| fault.to_string())?;
            }
            from = end;
            if keys.len() >= KEYS_MAX {
                plan.end = plan.end.min(from);
            }
        }
        Ok(keys)
    }

    fn runs_at(self: &Arc<Self>, partition: QueueId, from: u64, to: u64) -> Result<Vec<Run>, String> {
        for _ in 0..3 {
            let found = self.core.lock().runs_at(partition, from, to, READ_BYTES);
            match found {
                Found::Runs(runs) => return Ok(runs),
                Found::Cold(cold) => {
                    let span = self.log.read(cold.first.at, cold.first.bytes);
                    if let Some(runs) = runs_in(&self.log, &cold, &span) {
                        return Ok(runs);
                    }
                    let damaged = span.unwrap_or_default();
                    self.with(|core, fx| core.check_cold(fx, &self.log, &cold, &damaged));
                }
                _ => return Ok(Vec::new()),
            }
        }
        Err(format!("offset {from} cannot be read"))
    }

    /// Writes what stays of a chunk to the stream's own segment, if something goes.
    fn compact_chunk(self: &Arc<Self>, rules: &Rules<'_>, chunk: &Chunk) -> Result<Option<Moved>, String> {
        let partition = rules.plan.partition;
        let span = self.log.read(chunk.at, chunk.span).map_err(|e| e.to_string())?;
        let frames = self.log.frames(chunk.at, &span).filter_map(Result::ok);
        let parts = frames.filter_map(|frame| crate::core::load::part_of(&frame, partition, &span));
        let (mut kept, mut changed, mut offsets) = (Vec::new(), false, 0);
        for part in parts {
            offsets += u64::from(part.count);
            for_each_batch(&part.bytes, |batch, header| {
                match rules.compact(batch, header)? {
                    Retained::Same => kept.push((*header, part.bytes.slice_ref(batch))),
                    Retained::Batch { batch, .. } => {
                        changed = true;
                        kept.push((*header, Bytes::from(batch)));
                    }
                    Retained::Nothing => changed = true,
                }
                Ok(())
            })
            .map_err(|fault| fault.to_string())?;
        }
        if !changed || offsets != chunk.end - chunk.base {
            return Ok(None); // What does not verify is found by who reads it.
        }
        let mut archive =
            self.log.archive(anymq_log::Class::Stream(partition.0)).map_err(|e| e.to_string())?;
        let mut pieces = Vec::new();
        for (header, bytes) in &kept {
            let base = header.base_offset.cast_unsigned();
            let mut body = Vec::new();
            Batches { queue: partition, base, bytes }.write(&mut body);
            let at: Position = archive.append(BATCH, 0, &body).map_err(|e| e.to_string())?;
            let span = (anymq_log::FRAME_HEADER + body.len()) as u32;
            pieces.push(Piece { base, count: header.last_offset_delta.cast_unsigned() + 1, at, span });
        }
        archive.sync().map_err(|e| e.to_string())?;
        Ok(Some(Moved { queue: partition, start: chunk.base, end: chunk.end, pieces }))
    }
}

impl Rules<'_> {
    /// What stays of a batch.
    fn compact(&self, batch: &[u8], header: &BatchHeader) -> Result<Retained, Fault> {
        let is_over = header.delete_horizon().is_some_and(|horizon| horizon <= self.now);
        if self.plan.is_aborted(header) && !header.attributes.is_control() {
            return Ok(Retained::Nothing);
        }
        let control = header.attributes.is_control();
        if control && is_over {
            return Ok(Retained::Nothing);
        }
        let how = Retain {
            delete_horizon: Some(self.now.saturating_add_unsigned(self.plan.topic.delete_retention_ms)),
            ends_empty_transaction: control,
            ..Retain::default()
        };
        retain(batch, &how, |record| {
            let Some(key) = record.key.filter(|_| !control) else { return true };
            let replaced =
                self.keys.get(&hash_128(key)).is_some_and(|&last| last > record.offset.cast_unsigned());
            !replaced && (record.value.is_some() || !is_over)
        })
    }
}

fn for_each_batch(
    bytes: &[u8],
    mut each: impl FnMut(&[u8], &BatchHeader) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut rest = bytes;
    for (size, _) in Encoding::Batches.units(bytes) {
        let (batch, others) = rest.split_at(size);
        each(batch, &BatchHeader::parse(batch)?)?;
        rest = others;
    }
    Ok(())
}
