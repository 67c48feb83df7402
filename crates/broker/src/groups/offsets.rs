//! A group's committed offsets, by partition.

use std::collections::BTreeMap;

use anymq_types::QueueId;

use super::ENTRY_BYTES;
use super::offsets_api::Committed;

/// Most offsets of one group.
pub(crate) const OFFSETS_MAX: usize = 200_000;

/// A group's committed offsets.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    by_partition: BTreeMap<QueueId, Committed>,
    bytes: u64,
}

impl Offsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_partition.is_empty()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn get(&self, partition: QueueId) -> Option<&Committed> {
        self.by_partition.get(&partition)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (QueueId, &Committed)> {
        self.by_partition.iter().map(|(&partition, committed)| (partition, committed))
    }

    /// Whether one more partition may have an offset, or this one has.
    pub(crate) fn has_room_for(&self, partition: QueueId) -> bool {
        self.by_partition.len() < OFFSETS_MAX || self.by_partition.contains_key(&partition)
    }

    /// Commits an offset; whether the partition had none.
    pub(crate) fn put(&mut self, partition: QueueId, committed: Committed) -> bool {
        self.bytes += weight(&committed);
        let before = self.by_partition.insert(partition, committed);
        if let Some(before) = &before {
            self.bytes -= weight(before);
        }
        before.is_none()
    }

    /// Forgets one; whether there was one.
    pub(crate) fn remove(&mut self, partition: QueueId) -> bool {
        let before = self.by_partition.remove(&partition);
        if let Some(before) = &before {
            self.bytes -= weight(before);
        }
        before.is_some()
    }
}

fn weight(committed: &Committed) -> u64 {
    ENTRY_BYTES / 2 + committed.metadata.len() as u64
}
