//! How many live bytes each journal segment holds.

use std::collections::BTreeMap;

/// Live bytes per segment, over all queues. A frame with several targets counts once for each.
#[derive(Debug, Default)]
pub(crate) struct SegmentUse {
    live: BTreeMap<u32, u64>,
}

impl SegmentUse {
    /// `bytes` in `segment` hold something live.
    pub(crate) fn retain(&mut self, segment: u32, bytes: u32) {
        *self.live.entry(segment).or_default() += bytes as u64;
    }

    /// They no longer do.
    ///
    /// # Panics
    /// If more is released than was retained: the index is wrong then, and a segment would be recycled under a live message.
    pub(crate) fn release(&mut self, segment: u32, bytes: u32) {
        let live = self.live.get_mut(&segment).expect("a live extent's segment is counted");
        *live = live.checked_sub(bytes as u64).expect("no more released than retained");
        if *live == 0 {
            self.live.remove(&segment);
        }
    }

    /// Live bytes in `segment`.
    pub(crate) fn live(&self, segment: u32) -> u64 {
        self.live.get(&segment).copied().unwrap_or(0)
    }
}
