//! Orders other than first-in-first-out, allocated by the queues that use them.

use std::collections::VecDeque;

use hashbrown::HashMap;

/// Message groups: while a group has a lease, its other messages wait here.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Waiting offsets, in order, each with its priority level.
    groups: HashMap<Box<[u8]>, VecDeque<(u64, u8)>>,
    leased: HashMap<u64, Box<[u8]>>,
}

impl Groups {
    /// Whether `offset` of `group` has to wait; if so it is kept here until the group is free.
    pub(crate) fn wait(&mut self, group: &[u8], offset: u64, level: u8) -> bool {
        let Some(waiting) = self.groups.get_mut(group) else { return false };
        let at = waiting.partition_point(|&(o, _)| o < offset);
        if waiting.get(at).is_none_or(|&(o, _)| o != offset) {
            waiting.insert(at, (offset, level));
        }
        true
    }

    /// Every waiting offset with its level, in no order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.groups.values().flatten().map(|&(offset, level)| (level as u64, offset))
    }

    /// Notes that `offset` of `group` is leased.
    pub(crate) fn lock(&mut self, group: &[u8], offset: u64) {
        self.groups.entry(group.into()).or_default();
        self.leased.insert(offset, group.into());
    }

    /// The lease of `offset` ended; offsets of its group that are ready now, with their levels.
    pub(crate) fn unlock(&mut self, offset: u64) -> VecDeque<(u64, u8)> {
        let Some(group) = self.leased.remove(&offset) else { return VecDeque::new() };
        self.groups.remove(&group).unwrap_or_default()
    }

    pub(crate) fn clear_waiting(&mut self) {
        self.groups.values_mut().for_each(VecDeque::clear);
    }
}

/// Deduplication keys seen lately: six sets, each for a sixth of the window; the oldest is dropped as time goes on.
#[derive(Debug)]
pub(crate) struct Dedup {
    window_ms: u64,
    buckets: VecDeque<(u64, HashMap<u128, u64>)>,
}

/// Most keys kept per queue; beyond it the oldest sixth of the window is forgotten early.
const DEDUP_KEYS_MAX: usize = 1 << 20;
const DEDUP_BUCKETS: u64 = 6;

impl Dedup {
    pub(crate) fn new(window_ms: u64) -> Self {
        Dedup { window_ms: window_ms.max(DEDUP_BUCKETS), buckets: VecDeque::new() }
    }

    /// The offset under which `key` was stored within the window before `now`, if it was; else remembers it as `offset`.
    pub(crate) fn check(&mut self, key: u128, offset: u64, now: u64) -> Option<u64> {
        let width = self.window_ms / DEDUP_BUCKETS;
        while self.buckets.front().is_some_and(|&(start, _)| start + width + self.window_ms <= now) {
            self.buckets.pop_front();
        }
        if let Some(&seen) = self.buckets.iter().rev().find_map(|(_, keys)| keys.get(&key)) {
            return Some(seen);
        }
        let start = now - now % width;
        if self.buckets.back().is_none_or(|&(s, _)| s != start) {
            self.buckets.push_back((start, HashMap::new()));
        }
        // A flood makes the window shorter, or goes unremembered, but memory does not grow.
        if self.buckets.iter().map(|(_, keys)| keys.len()).sum::<usize>() >= DEDUP_KEYS_MAX {
            if self.buckets.len() == 1 {
                return None;
            }
            self.buckets.pop_front();
        }
        if let Some((_, keys)) = self.buckets.back_mut() {
            keys.insert(key, offset);
        }
        None
    }

    /// Every key with the start of its bucket and the offset it stands for, in order.
    pub(crate) fn entries(&self) -> Vec<(u64, u128, u64)> {
        let mut entries: Vec<_> = self
            .buckets
            .iter()
            .flat_map(|(start, keys)| keys.iter().map(move |(&key, &offset)| (*start, key, offset)))
            .collect();
        entries.sort_unstable();
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_waits_for_its_lease() {
        let mut g = Groups::default();
        assert!(!g.wait(b"a", 1, 0));
        g.lock(b"a", 1);
        assert!(g.wait(b"a", 3, 1) && g.wait(b"a", 2, 7) && !g.wait(b"b", 4, 0));
        assert_eq!(g.unlock(1), [(2, 7), (3, 1)]);
        assert!(!g.wait(b"a", 2, 7));
        assert!(g.unlock(77).is_empty());
    }

    #[test]
    fn a_key_is_remembered_for_the_window_and_not_much_longer() {
        let mut d = Dedup::new(6_000);
        assert_eq!(d.check(1, 10, 100_000), None);
        assert_eq!(d.check(1, 11, 105_999), Some(10));
        assert_eq!(d.check(1, 12, 106_000), Some(10), "kept at least the window");
        assert_eq!(d.check(1, 13, 107_001), None, "forgotten a sixth later");
    }
}
