//! How a message leaves: settled, or back in line.

use anymq_types::record::{self, Record};

use super::delay::remove_range;
use super::extent::Place;
use super::lease::Lease;
use super::segments::SegmentUse;
use super::settings::Kind;
use super::{Queue, Returned};

impl Queue {
    /// Settles `start..end`, none of which is settled yet. Leases must have been removed, ready counts corrected by the caller.
    /// Says whether the journal must know.
    pub(crate) fn settle_range(&mut self, start: u64, end: u64, segments: &mut SegmentUse) -> bool {
        debug_assert!(start >= self.head && start < end, "{start}..{end} below head {}", self.head);
        let lasting = self.settle_extents(start, end, segments);
        if end > self.fresh.offset {
            self.settled_ahead += end - start.max(self.fresh.offset);
        }
        if start == self.head {
            self.head = end;
            while let Some(end) = self.settled.pop_through(self.head) {
                self.head = self.head.max(end);
            }
            if self.fresh.offset < self.head {
                self.settled_ahead -= self.head - self.fresh.offset;
                self.fresh = Place::at(self.head);
            }
        } else {
            self.settled.insert(start, end);
        }
        if let Some(views) = self.views.as_deref_mut() {
            remove_range(&mut views.attempts, start, end);
            remove_range(&mut views.due, start, end);
            if let Some(urgent) = &mut views.urgent {
                urgent.forget_below(self.head);
            }
        }
        self.drop_ghosts();
        lasting
    }

    /// Settles what is not settled yet in `start..end`; how many that were. For replay, where nothing is leased.
    pub(crate) fn settle_missing(&mut self, start: u64, end: u64, segments: &mut SegmentUse) -> u64 {
        let (mut at, end, mut count) = (start.max(self.head), end.min(self.stream.next), 0);
        while at < end {
            if let Some(settled_to) = self.settled.range_at(at) {
                at = settled_to;
                continue;
            }
            let stop = self.settled.next_from(at).map_or(end, |(s, _)| s.min(end));
            self.settle_range(at, stop, segments);
            count += stop - at;
            at = stop.max(self.head);
        }
        count
    }

    /// Lowers the live count of every extent that `start..end` touches; lets go of those that have none left. Whether any of
    /// them outlives a restart, so that the journal must know.
    fn settle_extents(&mut self, start: u64, end: u64, segments: &mut SegmentUse) -> bool {
        let mut lasting = false;
        let mut cursor = start;
        while cursor < end {
            let number = self.stream.number_of(cursor);
            let Some(extent) = self.stream.extent_mut(number) else { break };
            if extent.base >= end {
                break;
            }
            let from = extent.base.max(cursor);
            cursor = extent.end().min(end);
            extent.live -= (cursor - from) as u32;
            lasting |= extent.stored && !extent.volatile;
            if extent.live == 0 {
                if extent.stored {
                    segments.release(extent.at.segment(), extent.own);
                    extent.stored = !extent.volatile;
                }
                if let Some(data) = extent.data.take() {
                    self.resident -= data.len() as u64;
                }
                self.stream.merge_back(number);
            }
        }
        lasting
    }

    /// Removes extents from the front that nobody can ask for again: wholly settled ones that are not history.
    fn drop_ghosts(&mut self) {
        while self.stream.extents().next().is_some_and(|e| e.live == 0 && (!e.stored || !self.durable)) {
            self.stream.pop_front();
        }
    }

    /// Ends the lease of `offset` for good; the caller settles it.
    pub(crate) fn take_lease(&mut self, offset: u64) -> Option<Lease> {
        let lease = self.leases.remove(&offset)?;
        self.unacked_bytes -= lease.bytes as u64;
        if let Some(groups) = self.views.as_mut().and_then(|v| v.groups.as_mut()) {
            for (offset, level) in groups.unlock(offset) {
                self.put_back(offset, level);
            }
        }
        Some(lease)
    }

    /// Notes a lease.
    pub(crate) fn lease(&mut self, offset: u64, lease: Lease, record: &[u8]) {
        self.unacked_bytes += lease.bytes as u64;
        self.leases.insert(offset, lease);
        if record::attrs(record) & record::GROUP != 0
            && let Some(groups) = self.views.as_mut().and_then(|v| v.groups.as_mut())
            && let Some(group) = Record::parse(record).and_then(|r| r.group)
        {
            groups.lock(group, offset);
        }
    }

    /// Gives back a message whose lease was taken: ready again, at its place or at the front. `attempts` is the new count.
    pub(crate) fn requeue(&mut self, offset: u64, lease: &Lease, attempts: u32) {
        self.ready += 1;
        self.ready_bytes += lease.bytes as u64;
        self.views_mut().attempts.insert(offset, attempts);
        self.put_back(offset, lease.level);
    }

    /// Puts a ready offset where it will be picked before what is fresh.
    fn put_back(&mut self, offset: u64, level: u8) {
        if let Some(priorities) = self.views.as_mut().and_then(|v| v.priorities.as_mut()) {
            priorities.put_back(level, offset);
            return;
        }
        match &mut self.returned {
            Returned::ByOffset(set) => {
                set.insert(offset);
            }
            Returned::InOrder(list) => list.push_back(offset),
        }
    }

    /// The priority level of a record; 0 where the queue has none.
    pub(crate) fn level_of(&self, record: &[u8]) -> u8 {
        let Some(priorities) = self.views().and_then(|v| v.priorities.as_ref()) else { return 0 };
        priorities.level(record::priority(record))
    }

    /// Everything that is ready, as ranges to settle; the queue forgets that it was ready.
    pub(crate) fn take_all_ready(&mut self, is_delayed: impl Fn(u64) -> bool) -> (u64, Vec<(u64, u64)>) {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let mut kept: Vec<u64> = self.leases.keys().copied().collect();
        kept.sort_unstable();
        let mut kept = kept.into_iter().peekable();
        let mut offset = self.head;
        while offset < self.stream.next {
            if let Some(end) = self.settled.range_at(offset) {
                offset = end;
                continue;
            }
            while kept.next_if(|&k| k < offset).is_some() {}
            let settled_from = self.settled.next_from(offset).map_or(self.stream.next, |(s, _)| s);
            let mut end = settled_from.min(kept.peek().copied().unwrap_or(u64::MAX)).min(self.stream.next);
            if self.delayed() > 0
                && let Some(delayed) = (offset..end).find(|&o| is_delayed(o))
            {
                end = delayed;
            }
            if offset < end {
                ranges.push((offset, end));
            }
            offset = if end == settled_from { end } else { end + 1 };
        }
        let count = std::mem::take(&mut self.ready);
        self.ready_bytes = self.delayed_bytes();
        match &mut self.returned {
            Returned::ByOffset(set) => set.clear(),
            Returned::InOrder(list) => list.clear(),
        }
        if let Some(views) = self.views.as_deref_mut() {
            views.matured.clear();
            views.dying.clear();
            if let Some(p) = &mut views.priorities {
                p.clear();
            }
            if let Some(u) = &mut views.urgent {
                u.skip_to(self.stream.next);
            }
            if let Some(g) = &mut views.groups {
                g.clear_waiting();
            }
        }
        (count, ranges)
    }

    /// A stream gives up everything below `offset`.
    pub(crate) fn trim(&mut self, offset: u64, segments: &mut SegmentUse) {
        debug_assert_eq!(self.kind, Kind::Stream);
        while self.stream.extents().next().is_some_and(|e| e.end() <= offset) {
            let Some(extent) = self.stream.pop_front() else { break };
            if extent.stored && extent.live > 0 {
                segments.release(extent.at.segment(), extent.own);
            }
            if let Some(data) = &extent.data {
                self.resident -= data.len() as u64;
            }
            // While the journal is replayed nothing has been counted yet.
            self.ready = self.ready.saturating_sub(extent.live as u64);
        }
        let number = self.stream.number_of(self.head);
        if let Some(extent) = self.stream.extent_mut(number).filter(|e| e.base < offset && e.live > 0) {
            // Part of a chunk: its bytes stay for the rest of it.
            let gone = offset.saturating_sub(self.head.max(extent.base)) as u32;
            extent.live -= gone;
            self.ready = self.ready.saturating_sub(u64::from(gone));
        }
        self.head = self.head.max(offset.min(self.stream.next));
        if self.fresh.offset < self.head {
            self.fresh = Place::at(self.head);
        }
    }
}
