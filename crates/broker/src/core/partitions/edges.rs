//! Where a partition begins and ends, without noting that anybody asked.

use anymq_types::{Position, QueueId};

use super::Core;

/// A partition's edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edges {
    /// First offset that is kept.
    pub(crate) first: u64,
    /// One past the last offset below which no transaction is open.
    pub(crate) stable: u64,
    /// The high watermark.
    pub(crate) end: u64,
}

impl Core {
    pub(crate) fn edges(&self, id: QueueId, committed: Position) -> Option<Edges> {
        let queue = self.queues.get(&id)?;
        let partition = self.partitions.get(&id);
        let first = queue.log_start();
        let end = queue.synced_end(committed).max(partition.map_or(0, |p| p.high)).max(first);
        let stable = partition.map_or(end, |p| p.transactions.last_stable(end)).max(first);
        Some(Edges { first, stable, end })
    }
}
