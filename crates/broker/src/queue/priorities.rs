//! Ready offsets by priority, for queues with `x-max-priority`.

use std::collections::{BTreeSet, VecDeque};

/// One level a priority, each made when a message first has it. The highest that has any is found by a bitmap.
#[derive(Debug)]
pub(crate) struct Priorities {
    /// The levels of `made`, lowest first.
    levels: Vec<Level>,
    made: Bits,
    occupied: Bits,
    max: u8,
}

#[derive(Debug, Default)]
struct Level {
    returned: BTreeSet<u64>,
    fresh: VecDeque<u64>,
}

/// Room for this many offsets is kept by a level that has become empty.
const EMPTY_CAPACITY_MAX: usize = 256;
/// Levels of a queue in older snapshots: more priorities than that were folded evenly.
const FOLDED_LEVELS: u64 = 32;

impl Priorities {
    /// Priorities 0..=`max` apart; higher ones count as `max`.
    pub(crate) fn new(max: u8) -> Self {
        Priorities { levels: Vec::new(), made: Bits::default(), occupied: Bits::default(), max }
    }

    /// The level of a message's priority.
    pub(crate) fn level(&self, priority: u8) -> u8 {
        priority.min(self.max)
    }

    /// The level that is meant by a number in a snapshot, if there is such a level.
    pub(crate) fn stored_level(&self, level: u64) -> Option<u8> {
        u8::try_from(level).ok().filter(|&l| l <= self.max)
    }

    /// The same for an older snapshot: the lowest of the priorities that were one level.
    pub(crate) fn folded_level(&self, level: u64) -> Option<u8> {
        let count = self.max as u64 + 1;
        if count <= FOLDED_LEVELS {
            return self.stored_level(level);
        }
        if level < FOLDED_LEVELS { self.stored_level((level * count).div_ceil(FOLDED_LEVELS)) } else { None }
    }

    pub(crate) fn push(&mut self, level: u8, offset: u64) {
        self.make(level).fresh.push_back(offset);
        self.occupied.insert(level);
    }

    /// Puts an offset back to its place within its level.
    pub(crate) fn put_back(&mut self, level: u8, offset: u64) {
        self.make(level).returned.insert(offset);
        self.occupied.insert(level);
    }

    /// The next offset and its level; it stays.
    pub(crate) fn peek(&self) -> Option<(u8, u64)> {
        let level = self.occupied.last()?;
        let Level { returned, fresh } = &self.levels[self.made.rank(level)];
        let offset = match (returned.first(), fresh.front()) {
            (Some(&r), Some(&f)) => r.min(f),
            (r, f) => *r.or(f)?,
        };
        Some((level, offset))
    }

    /// Takes out what [`Priorities::peek`] named.
    pub(crate) fn take(&mut self, level: u8, offset: u64) {
        let l = self.make(level);
        if l.fresh.front() == Some(&offset) {
            l.fresh.pop_front();
        } else {
            l.returned.remove(&offset);
        }
        if l.returned.is_empty() && l.fresh.is_empty() {
            if l.fresh.capacity() > EMPTY_CAPACITY_MAX {
                l.fresh = VecDeque::new();
            }
            self.occupied.remove(level);
        }
    }

    /// Every ready offset with its level.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let levels = self.made.iter().zip(&self.levels);
        levels.flat_map(|(level, l)| l.returned.iter().chain(&l.fresh).map(move |&o| (level as u64, o)))
    }

    pub(crate) fn clear(&mut self) {
        *self = Priorities::new(self.max);
    }

    fn make(&mut self, level: u8) -> &mut Level {
        let at = self.made.rank(level);
        if !self.made.contains(level) {
            self.made.insert(level);
            self.levels.insert(at, Level::default());
        }
        &mut self.levels[at]
    }
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Bits([u64; 4]);

impl Bits {
    fn contains(&self, bit: u8) -> bool {
        self.0[bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    fn insert(&mut self, bit: u8) {
        self.0[bit as usize / 64] |= 1 << (bit % 64);
    }

    fn remove(&mut self, bit: u8) {
        self.0[bit as usize / 64] &= !(1 << (bit % 64));
    }

    fn last(&self) -> Option<u8> {
        let word = self.0.iter().rposition(|&w| w != 0)?;
        Some((word as u32 * 64 + self.0[word].ilog2()) as u8)
    }

    /// How many are below `bit`.
    fn rank(&self, bit: u8) -> usize {
        let word = bit as usize / 64;
        let below = self.0[..word].iter().map(|w| w.count_ones()).sum::<u32>();
        (below + (self.0[word] & ((1 << (bit % 64)) - 1)).count_ones()) as usize
    }

    fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|&b| self.contains(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_priority_goes_first_and_order_holds_within_one() {
        let mut p = Priorities::new(10);
        for (offset, priority) in [(0, 1), (1, 5), (2, 200), (3, 5), (4, 0)] {
            let level = p.level(priority);
            p.push(level, offset);
        }
        let mut order = Vec::new();
        while let Some((level, offset)) = p.peek() {
            p.take(level, offset);
            if offset == 3 && order.len() == 2 {
                order.push(99);
                p.put_back(level, 1);
                continue;
            }
            order.push(offset);
        }
        assert_eq!(order, [2, 1, 99, 1, 0, 4]);
    }

    #[test]
    fn every_priority_up_to_255_is_a_level_of_its_own() {
        let mut p = Priorities::new(255);
        // Whatever the order in which the levels are made.
        for step in 0..=255u64 {
            let priority = (step * 97 % 256) as u8;
            p.push(p.level(priority), priority as u64);
        }
        assert_eq!(p.iter().map(|(level, _)| level).collect::<Vec<_>>(), (0..256).collect::<Vec<_>>());
        for priority in (0..=255u8).rev() {
            assert_eq!(p.peek(), Some((priority, priority as u64)));
            p.take(priority, priority as u64);
        }
        assert_eq!((p.peek(), p.iter().count()), (None, 0));
        p.put_back(64, 7);
        p.put_back(63, 8);
        assert_eq!(p.peek(), Some((64, 7)));
        p.clear();
        assert_eq!(p.peek(), None);
    }

    #[test]
    fn a_level_is_made_when_it_is_needed_and_gives_its_room_back() {
        let mut p = Priorities::new(255);
        for offset in 0..1_000 {
            p.push(200, offset);
        }
        p.push(3, 1_000);
        assert_eq!(p.levels.len(), 2);
        for offset in 0..1_000 {
            p.take(200, offset);
        }
        assert_eq!((p.levels[1].fresh.capacity(), p.peek()), (0, Some((3, 1_000))));
    }

    #[test]
    fn levels_of_older_snapshots_keep_their_order() {
        let p = Priorities::new(255);
        let levels: Vec<_> = (0..32).map(|l| p.folded_level(l).unwrap()).collect();
        assert!(levels.is_sorted() && levels[0] == 0 && levels[31] == 248, "{levels:?}");
        assert_eq!((p.folded_level(32), p.stored_level(255), p.stored_level(256)), (None, Some(255), None));
        for max in 32..=254u64 {
            let p = Priorities::new(max as u8);
            for level in 0..32 {
                let priority = p.folded_level(level).unwrap() as u64;
                assert_eq!(priority * 32 / (max + 1), level, "{max}");
            }
        }
        let few = Priorities::new(31);
        assert_eq!((few.folded_level(31), few.folded_level(32)), (Some(31), None));
    }
}
