//! A set of offsets kept as disjoint, non-touching ranges.

use std::collections::BTreeMap;

/// Offsets as ranges `start..end`; memory is proportional to the number of gaps, not of offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// Adds `start..end`, joining what it touches.
    pub(crate) fn insert(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        if let Some((&s, &e)) = self.ranges.range(..=start).next_back()
            && e >= start
        {
            if e >= end {
                return;
            }
            start = s;
        }
        while let Some((&s, &e)) = self.ranges.range(start..=end).next() {
            end = end.max(e);
            self.ranges.remove(&s);
        }
        self.ranges.insert(start, end);
    }

    /// Whether `offset` is in the set.
    pub(crate) fn contains(&self, offset: u64) -> bool {
        self.range_at(offset).is_some()
    }

    /// The end of the range that holds `offset`.
    pub(crate) fn range_at(&self, offset: u64) -> Option<u64> {
        self.ranges.range(..=offset).next_back().map(|(_, &end)| end).filter(|&end| end > offset)
    }

    /// The first range that starts at or after `offset`.
    pub(crate) fn next_from(&self, offset: u64) -> Option<(u64, u64)> {
        self.ranges.range(offset..).next().map(|(&s, &e)| (s, e))
    }

    /// Takes the first range out if it starts at or before `offset`; its end.
    pub(crate) fn pop_through(&mut self, offset: u64) -> Option<u64> {
        let (&start, &end) = self.ranges.first_key_value()?;
        if start > offset {
            return None;
        }
        self.ranges.remove(&start);
        Some(end)
    }

    /// Removes the ranges that end at or before `offset`.
    pub(crate) fn forget_below(&mut self, offset: u64) {
        while self.ranges.first_key_value().is_some_and(|(_, &end)| end <= offset) {
            self.ranges.pop_first();
        }
    }

    /// Number of offsets in `start..end` that are in the set.
    pub(crate) fn count_in(&self, start: u64, end: u64) -> u64 {
        let first = self.range_at(start).map_or(0, |e| e.min(end) - start);
        let from = start + u64::from(first > 0);
        first + self.ranges.range(from..end).map(|(&s, &e)| e.min(end) - s).sum::<u64>()
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.ranges.iter().map(|(&s, &e)| (s, e))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn lcg(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    #[test]
    fn behaves_like_a_plain_set() {
        for seed in 0..50u64 {
            let (mut set, mut model, mut state) = (RangeSet::default(), BTreeSet::new(), seed);
            for _ in 0..200 {
                let start = lcg(&mut state) % 300;
                let end = start + lcg(&mut state) % 12;
                set.insert(start, end);
                model.extend(start..end);
                let (lo, hi) = (lcg(&mut state) % 300, lcg(&mut state) % 320);
                if lo < hi {
                    assert_eq!(
                        set.count_in(lo, hi),
                        model.range(lo..hi).count() as u64,
                        "seed {seed} {lo}..{hi}"
                    );
                }
            }
            for offset in 0..320 {
                assert_eq!(set.contains(offset), model.contains(&offset), "seed {seed} offset {offset}");
            }
            let flat: Vec<u64> = set.iter().flat_map(|(s, e)| s..e).collect();
            assert_eq!(flat, model.iter().copied().collect::<Vec<_>>());
            for ((_, e), (s, _)) in set.iter().zip(set.iter().skip(1)) {
                assert!(e < s, "ranges touch");
            }
        }
    }
}
