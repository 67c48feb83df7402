//! What of a partition is to be compacted, and what has been. The work is in `crate::compaction`.

use std::sync::Arc;

use anymq_batch::BatchHeader;
use anymq_catalog::topic_config::TopicSettings;
use anymq_types::{Millis, Position, QueueId};

use super::super::Core;
use super::super::fx::Fx;
use super::open::OpenTransactions;
use crate::journal::{COMPACTED, Reader, put_varint};
use crate::queue::Queue;
use crate::queue::encoding::Encoding;
use crate::topics::Found;

/// One pass over one partition.
pub(crate) struct Plan {
    pub(crate) partition: QueueId,
    pub(crate) topic: Arc<TopicSettings>,
    /// First offset that is kept.
    pub(crate) start: u64,
    /// Everything before it was compacted before.
    pub(crate) clean: u64,
    /// Everything before it is to be compacted now.
    pub(crate) end: u64,
    transactions: OpenTransactions,
}

impl Plan {
    /// Whether a batch belongs to a transaction that was aborted.
    pub(crate) fn is_aborted(&self, header: &BatchHeader) -> bool {
        header.attributes.is_transactional()
            && self.transactions.is_aborted(header.producer_id, header.base_offset.cast_unsigned())
    }
}

/// A chunk of batches on disk.
pub(crate) struct Chunk {
    pub(crate) base: u64,
    pub(crate) end: u64,
    pub(crate) at: Position,
    pub(crate) span: u32,
}

/// Bytes of a partition that were compacted before, and that can be now; and how old the oldest of the latter is, in ms.
struct Dirt {
    clean: u64,
    dirty: u64,
    age_ms: u64,
}

impl Core {
    /// The partition that has the most to gain from compaction, if one has enough.
    pub(crate) fn plan_compaction(&mut self, now: Millis, committed: Position) -> Option<Plan> {
        let compacted =
            |queue: &Queue| queue.settings.topic.as_ref().is_some_and(|topic| topic.cleanup.compact);
        let ids: Vec<QueueId> = self.queues.values().filter(|q| compacted(q)).map(|q| q.id).collect();
        let mut best: Option<(f64, Plan)> = None;
        for id in ids {
            let high = self.high_watermark(id, committed);
            let Some(queue) = self.queues.get(&id) else { continue };
            let (Some(topic), Some(partition)) = (queue.settings.topic.clone(), self.partitions.get(&id))
            else {
                continue;
            };
            let stable = partition.transactions.last_stable(high).min(self.forwarded_to(id));
            let start = queue.log_start();
            let clean = partition.compacted.max(start);
            let end = queue.closed_to(&topic, now, stable, committed);
            if end <= clean {
                continue;
            }
            let dirt = queue.dirt(clean, end, now);
            let ratio = dirt.dirty as f64 / (dirt.clean + dirt.dirty).max(1) as f64;
            let late = dirt.age_ms > topic.max_compaction_lag_ms;
            if (ratio >= topic.min_cleanable_dirty_ratio || late)
                && best.as_ref().is_none_or(|(r, _)| ratio > *r)
            {
                let transactions = partition.transactions.clone();
                best = Some((ratio, Plan { partition: id, topic, start, clean, end, transactions }));
            }
        }
        best.map(|(_, plan)| plan)
    }

    /// The first chunk of batches that lies wholly in `from..to`.
    pub(crate) fn chunk_at(&self, id: QueueId, from: u64, to: u64) -> Option<Chunk> {
        let queue = self.queues.get(&id)?;
        let mut number = queue.stream.number_of(from);
        loop {
            let extent = queue.stream.extent(number).filter(|e| e.end() <= to)?;
            if extent.base >= from && extent.encoding == Encoding::Batches && extent.stored && extent.live > 0
            {
                return Some(Chunk {
                    base: extent.base,
                    end: extent.end(),
                    at: extent.at,
                    span: extent.span,
                });
            }
            number += 1;
        }
    }

    /// What a partition holds, for the broker itself.
    pub(crate) fn runs_at(&self, id: QueueId, from: u64, to: u64, bytes: u32) -> Found {
        self.queues.get(&id).map_or(Found::NoPartition, |queue| queue.find_runs(from, to, bytes, true))
    }

    /// A pass is over.
    pub(crate) fn compacted(&mut self, fx: &mut Fx<'_>, id: QueueId, to: u64) {
        if !self.queues.contains_key(&id) {
            return;
        }
        self.partition(id).compacted = to;
        fx.frame(COMPACTED, |out| write_compacted(id, to, out));
    }

    pub(crate) fn replay_compacted(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let (id, to) = (QueueId(r.varint()?), r.varint()?);
        if self.queues.contains_key(&id) {
            self.partition(id).compacted = to;
        }
        Some(())
    }
}

/// Appends what [`Core::replay_compacted`] reads.
pub(crate) fn write_compacted(id: QueueId, to: u64, out: &mut Vec<u8>) {
    put_varint(out, id.0);
    put_varint(out, to);
}

impl Queue {
    fn dirt(&self, clean: u64, end: u64, now: Millis) -> Dirt {
        let mut dirt = Dirt { clean: 0, dirty: 0, age_ms: 0 };
        for extent in self.stream.extents().take_while(|e| e.end() <= end) {
            if extent.end() <= clean {
                dirt.clean += u64::from(extent.own);
                continue;
            }
            if dirt.dirty == 0 {
                dirt.age_ms = now.0.saturating_sub(u64::from(extent.time_s) * 1_000);
            }
            dirt.dirty += u64::from(extent.own);
        }
        dirt
    }
}
