//! Parts of a queue from a snapshot.

use anymq_types::Position;

use super::snapshot;
use crate::journal::{Reader, read_pairs};
use crate::queue::Queue;
use crate::queue::encoding::Encoding;
use crate::queue::extent::Extent;
use crate::queue::settings::Kind;

impl Queue {
    pub(super) fn restore_dedup(&mut self, r: &mut Reader<'_>) -> Option<()> {
        for _ in 0..r.varint()? {
            let (at, offset, high, low) = (r.varint()?, r.varint()?, r.varint()?, r.varint()?);
            if let Some(dedup) = self.views.as_mut().and_then(|v| v.dedup.as_mut()) {
                dedup.check((high as u128) << 64 | low as u128, offset, at);
            }
        }
        Some(())
    }

    /// Reads what a snapshot says of priorities.
    pub(super) fn restore_priorities(&mut self, kind: u8, r: &mut Reader<'_>) -> Option<()> {
        for (level, offset) in read_pairs(r)? {
            if let Some(p) = self.views.as_mut().and_then(|v| v.priorities.as_mut()) {
                let level = match kind {
                    snapshot::PRIORITIES => p.stored_level(level)?,
                    _ => p.folded_level(level)?,
                };
                p.put_back(level, offset);
            }
        }
        Some(())
    }

    /// Reads what a snapshot says of chunks.
    pub(super) fn restore_extents(&mut self, encoding: Encoding, r: &mut Reader<'_>) -> Option<()> {
        for _ in 0..r.varint()? {
            let (base, count) = (r.varint()?, u32::try_from(r.varint()?).ok()?);
            let at = Position::new(u32::try_from(r.varint()?).ok()?, u32::try_from(r.varint()?).ok()?);
            let (span, own) = (u32::try_from(r.varint()?).ok()?, u32::try_from(r.varint()?).ok()?);
            let time_s = u32::try_from(r.varint()?).ok()?;
            // One behind the other, and all of them before the offset that comes next.
            let end = base.checked_add(count as u64)?;
            if base < self.stream.next || end > self.restored_next {
                return None;
            }
            let extent = Extent {
                base,
                at,
                count,
                live: count,
                span,
                own,
                time_s,
                stored: true,
                volatile: false,
                synced: true,
                encoding,
                data: None,
            };
            self.restore_extent(extent);
        }
        Some(())
    }

    fn restore_extent(&mut self, extent: Extent) {
        // A gap was messages that were only in memory; below head it does not matter.
        let from = self.stream.next.max(self.head);
        // A stream that was compacted has gaps, and begins before them.
        if from < extent.base && self.kind != Kind::Stream {
            self.settled.insert(from, extent.base);
        }
        self.stream.next = self.stream.next.max(extent.base);
        self.stream.push(extent);
    }
}
