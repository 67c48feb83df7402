//! The index of a stream: where its records are, one entry per chunk, neighbours merged while they lie close together.
//!
//! ```text
//!   extents   [ settled, kept as history … | some unsettled … | never delivered … ]
//!              ^ first                        ^ head             ^ fresh              ^ next
//! ```
//!
//! Bounds: an extent is 64 bytes and stands for up to [`MERGED_MESSAGES_MAX`] messages within [`MERGED_SPAN_MAX`] bytes of journal, so
//! that a backlog of single-message chunks from one busy publisher still costs less than a byte a message.

use std::collections::VecDeque;

use anymq_types::Position;
use bytes::Bytes;

use super::encoding::Encoding;

/// Most messages one merged extent stands for.
const MERGED_MESSAGES_MAX: u32 = 4_096;
/// Most journal bytes one merged extent spans: of records, which are walked one by one, and of batches.
const MERGED_SPAN_MAX: u32 = 64 << 10;
const MERGED_BATCHES_SPAN_MAX: u32 = 1 << 20;
/// A merged extent holds at least one byte of its own in this many it spans.
const MERGED_SPARSE_MAX: u64 = 4;

/// A chunk of consecutive messages.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Offset of its first message.
    pub(crate) base: u64,
    /// First frame in the journal; meaningless while `stored` is false.
    pub(crate) at: Position,
    /// Messages in it.
    pub(crate) count: u32,
    /// Those not settled yet.
    pub(crate) live: u32,
    /// Bytes from `at` to the end of its last frame; length of the data while it is not stored.
    pub(crate) span: u32,
    /// Bytes of its own records and frames within that span.
    pub(crate) own: u32,
    /// When its newest message was published, in seconds since the epoch.
    pub(crate) time_s: u32,
    /// Whether the journal holds it.
    pub(crate) stored: bool,
    /// Whether it is gone after a restart, stored or not.
    pub(crate) volatile: bool,
    /// Known to be on disk, whatever the journal's end says: it was replayed, or copied there.
    pub(crate) synced: bool,
    /// How its messages are stored.
    pub(crate) encoding: Encoding,
    /// Its records, if they are in memory.
    pub(crate) data: Option<Bytes>,
}

impl Extent {
    /// One past its last offset.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.count as u64
    }

    /// Wholly settled, with no bytes anywhere: only its offsets are left.
    fn is_ghost(&self) -> bool {
        self.live == 0 && !self.stored && self.data.is_none()
    }

    fn can_absorb(&self, next: &Extent) -> bool {
        if self.is_ghost() && next.is_ghost() {
            return self.end() == next.base && self.count.checked_add(next.count).is_some();
        }
        let span = next.at.0.wrapping_sub(self.at.0).wrapping_add(next.span as u64);
        let (span_max, count_max) = match self.encoding {
            Encoding::Canonical => (MERGED_SPAN_MAX, MERGED_MESSAGES_MAX),
            Encoding::Batches => (MERGED_BATCHES_SPAN_MAX, u32::MAX),
        };
        self.stored
            && next.stored
            && self.data.is_none()
            && next.data.is_none()
            && self.volatile == next.volatile
            && self.encoding == next.encoding
            && self.end() == next.base
            && self.at.segment() == next.at.segment()
            && self.at < next.at
            && span <= span_max as u64
            && (self.own as u64 + next.own as u64) * MERGED_SPARSE_MAX >= span
            && self.count.checked_add(next.count).is_some_and(|count| count <= count_max)
            // Fully settled history and live messages stay apart, so that history can go by itself.
            && (self.live == 0) == (next.live == 0)
    }

    fn absorb(&mut self, next: &Extent) {
        if self.is_ghost() {
            self.count += next.count;
            self.own += next.own;
            return;
        }
        self.span = (next.at.0 - self.at.0) as u32 + next.span;
        self.time_s = self.time_s.max(next.time_s);
        self.own += next.own;
        self.count += next.count;
        self.live += next.live;
        self.synced &= next.synced;
    }
}

/// A cursor's place: an offset, and a hint where it is. The hint is checked before it is used: extents may have been removed or merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The next offset the cursor looks at.
    pub(crate) offset: u64,
    /// Number of the extent that holds it, if the hint is right.
    number: u64,
    /// That extent's base, if the hint is right.
    base: u64,
    /// The offset's first byte in the extent's data.
    byte: u32,
}

impl Place {
    /// A place at `offset`, to be found.
    pub(crate) fn at(offset: u64) -> Self {
        Place { offset, number: u64::MAX, base: 0, byte: 0 }
    }

    /// Moves over `count` messages of `bytes` bytes within the present extent.
    pub(crate) fn step(&mut self, count: u64, bytes: u32) {
        self.offset += count;
        self.byte += bytes;
    }
}

/// A stream's records, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    extents: VecDeque<Extent>,
    /// Extents removed from, or merged at, the front so far: number of `extents[0]`.
    popped: u64,
    /// Offset of the next record.
    pub(crate) next: u64,
    /// Bytes of the chunks that are kept.
    pub(crate) own: u64,
    /// The journal is being replayed: chunks stay as they were written, because records about them name them so.
    pub(crate) replaying: bool,
}

impl Stream {
    pub(crate) fn is_empty(&self) -> bool {
        self.extents.is_empty()
    }

    pub(crate) fn extents(&self) -> impl DoubleEndedIterator<Item = &Extent> + ExactSizeIterator {
        self.extents.iter()
    }

    /// Number of the extent after the last.
    pub(crate) fn end_number(&self) -> u64 {
        self.popped + self.extents.len() as u64
    }

    pub(crate) fn first_number(&self) -> u64 {
        self.popped
    }

    /// First offset that is kept.
    pub(crate) fn first(&self) -> u64 {
        self.extents.front().map_or(self.next, |e| e.base)
    }

    pub(crate) fn extent(&self, number: u64) -> Option<&Extent> {
        self.extents.get(number.checked_sub(self.popped)? as usize)
    }

    pub(crate) fn extent_mut(&mut self, number: u64) -> Option<&mut Extent> {
        self.extents.get_mut(number.checked_sub(self.popped)? as usize)
    }

    /// Number of the extent that holds `offset`, or of the first one after it if none does.
    pub(crate) fn number_of(&self, offset: u64) -> u64 {
        if self.extents.back().is_none_or(|last| offset >= last.end()) {
            return self.end_number();
        }
        if self.extents.front().is_some_and(|first| offset < first.end()) {
            return self.popped;
        }
        self.popped + self.extents.partition_point(|e| e.end() <= offset) as u64
    }

    /// Number of the extent that holds `offset`.
    pub(crate) fn find(&self, offset: u64) -> Option<u64> {
        let number = self.number_of(offset);
        self.extent(number).filter(|e| e.base <= offset).map(|_| number)
    }

    /// Appends a chunk; its base must be `next` or later (offsets may be skipped, never reused).
    pub(crate) fn push(&mut self, extent: Extent) {
        assert!(
            extent.base >= self.next,
            "offset {} was given out before (next is {})",
            extent.base,
            self.next
        );
        self.next = extent.end();
        self.own += extent.own as u64;
        self.extents.push_back(extent);
    }

    /// Joins extent `number` to the one before it where both are only on disk and close together.
    pub(crate) fn merge_back(&mut self, number: u64) {
        let Some(index) = number.checked_sub(self.popped).map(|i| i as usize) else { return };
        if self.replaying
            || index == 0
            || index >= self.extents.len()
            || !self.extents[index - 1].can_absorb(&self.extents[index])
        {
            return;
        }
        let next = self.extents.remove(index).expect("index is in range");
        self.extents[index - 1].absorb(&next);
        if index * 2 < self.extents.len() {
            self.popped += 1; // Near the front: the many behind keep their numbers.
        }
    }

    /// Makes `place` point at the extent that holds its offset, or at the first one after it; that extent's number.
    pub(crate) fn settle_place(&self, place: &mut Place) -> Option<u64> {
        if let Some(extent) = self.extent(place.number)
            && extent.base == place.base
            && (extent.base..extent.end()).contains(&place.offset)
        {
            return Some(place.number);
        }
        let number = self.number_of(place.offset);
        let extent = self.extent(number)?;
        let offset = place.offset.max(extent.base);
        let byte = match &extent.data {
            Some(_) => self.byte_of(number, offset)?,
            None if offset == extent.base => 0,
            // Walked once the data is there: the hint stays invalid until then.
            None => {
                *place = Place::at(offset);
                return Some(number);
            }
        };
        *place = Place { offset, number, base: extent.base, byte };
        Some(number)
    }

    /// The data of the extent at `place` from its byte on; `None` if it is not in memory.
    pub(crate) fn rest_at(&self, place: &Place) -> Option<(&Bytes, u32)> {
        let extent = self.extent(place.number).filter(|e| e.base == place.base)?;
        Some((extent.data.as_ref()?, place.byte))
    }

    /// The byte in its extent's data at which the record `offset` begins, or the batch that holds it; the data must be there.
    pub(crate) fn byte_of(&self, number: u64, offset: u64) -> Option<u32> {
        let extent = self.extent(number)?;
        let data = extent.data.as_ref()?;
        Some(extent.encoding.find(data, offset - extent.base)?.0)
    }

    /// Removes the first extent.
    pub(crate) fn pop_front(&mut self) -> Option<Extent> {
        let extent = self.extents.pop_front()?;
        self.own -= extent.own as u64;
        self.popped += 1;
        Some(extent)
    }

    /// The journal has been replayed: neighbours join as they would have while it was written.
    pub(crate) fn replayed(&mut self) {
        self.replaying = false;
        let mut joined: VecDeque<Extent> = VecDeque::with_capacity(self.extents.len().min(1_024));
        for extent in self.extents.drain(..) {
            match joined.back_mut() {
                Some(last) if last.can_absorb(&extent) => last.absorb(&extent),
                _ => joined.push_back(extent),
            }
        }
        joined.shrink_to_fit();
        self.extents = joined;
    }

    /// Replaces the extents within `start..end` by pieces; those that were there. Nothing is done, and nothing returned, where an
    /// extent reaches over either end or is not stored.
    pub(crate) fn replace(&mut self, start: u64, end: u64, pieces: Vec<Extent>) -> Vec<Extent> {
        let from = (self.number_of(start) - self.popped) as usize;
        let to = self.extents.partition_point(|e| e.base < end);
        let whole = from < to
            && self.extents[from].base >= start
            && self.extents[to - 1].end() <= end
            && self.extents.range(from..to).all(|e| e.stored);
        if !whole {
            return Vec::new();
        }
        self.own += pieces.iter().map(|e| e.own as u64).sum::<u64>();
        // As a rule one takes the place of one: what stands behind stays where it is.
        let mut pieces = pieces.into_iter();
        let slots = self.extents.range_mut(from..to).zip(pieces.by_ref());
        let mut old: Vec<Extent> = slots.map(|(slot, piece)| std::mem::replace(slot, piece)).collect();
        old.extend(self.extents.drain(from + old.len()..to));
        if pieces.len() > 0 {
            let mut behind = self.extents.split_off(to);
            self.extents.extend(pieces);
            self.extents.append(&mut behind);
        }
        self.own -= old.iter().map(|e| e.own as u64).sum::<u64>();
        old
    }

    /// Removes wholly settled extents that `gone` names.
    pub(crate) fn remove_history(&mut self, gone: impl Fn(&Extent) -> bool) {
        while self.extents.front().is_some_and(|e| e.live == 0 && (gone(e) || e.is_ghost())) {
            self.pop_front();
        }
        if self.extents.iter().any(|e| e.live == 0 && e.stored && gone(e)) {
            let own = &mut self.own;
            self.extents.retain(|e| {
                let keep = e.live > 0 || !e.stored || !gone(e);
                *own -= if keep { 0 } else { e.own as u64 };
                keep
            });
        }
    }

    /// Removes everything; the data's bytes that were in memory.
    pub(crate) fn clear(&mut self) {
        self.popped += self.extents.len() as u64;
        self.own = 0;
        self.extents.clear();
    }
}

#[cfg(test)]
mod tests;
