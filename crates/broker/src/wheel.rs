//! One hierarchical timing wheel for everything that happens later: expiry, delay, lease deadlines, idle queues.
//!
//! Five levels of 256 slots with a tick of 1 ms at the lowest: 256 ms, 65 s, 4.6 h, 49 days, 34 years. Adding is O(1); an entry
//! moves down at most four times. Entries are never removed early: the owner checks, when one fires, whether it still means
//! anything. An entry is 32 bytes.

use anymq_types::{Millis, QueueId};

const BITS: u32 = 8;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 5;

/// What shall happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum What {
    /// A message's own time to live is over.
    Expire(u64),
    /// A delayed message becomes ready.
    Due(u64),
    /// A lease's deadline passes (offset).
    Lease(u64),
    /// The message at the head may have outlived the queue's time to live.
    HeadTtl,
    /// The queue may have been unused for too long.
    Idle,
    /// A waiting fetch gives up (consumer id).
    Wait(u64),
    /// Locks of share groups in the partition may be over.
    Locks,
    /// The queue is looked at: a stream's retention is due, or a read was put off.
    Look,
}

/// One appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Millis,
    pub(crate) queue: QueueId,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) struct Wheel {
    now: u64,
    levels: Vec<Vec<Vec<Entry>>>,
    /// Entries per level, to skip empty ones.
    counts: [usize; LEVELS],
    #[cfg(test)]
    len: usize,
}

impl Wheel {
    /// A wheel that stands at `now`.
    pub(crate) fn new(now: Millis) -> Self {
        let level = || (0..SLOTS).map(|_| Vec::new()).collect();
        Wheel {
            now: now.0,
            levels: (0..LEVELS).map(|_| level()).collect(),
            counts: [0; LEVELS],
            #[cfg(test)]
            len: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds an appointment; one in the past fires at the next advance.
    pub(crate) fn add(&mut self, entry: Entry) {
        #[cfg(test)]
        {
            self.len += 1;
        }
        self.place(entry);
    }

    fn place(&mut self, entry: Entry) {
        let at = entry.at.0.max(self.now + 1);
        let differing = 63 - (at ^ self.now).leading_zeros().min(63);
        let level = ((differing / BITS) as usize).min(LEVELS - 1);
        let slot = if level == LEVELS - 1 && differing / BITS >= LEVELS as u32 {
            // Beyond the wheel: the farthest slot, looked at again when the wheel gets there.
            ((self.now >> (BITS * level as u32)) as usize + SLOTS - 1) % SLOTS
        } else {
            (at >> (BITS * level as u32)) as usize % SLOTS
        };
        self.counts[level] += 1;
        self.levels[level][slot].push(entry);
    }

    /// The next moment at which [`Wheel::advance`] has something to do; `None` if the wheel is empty. May be early.
    pub(crate) fn next(&self) -> Option<Millis> {
        for level in 0..LEVELS {
            if self.counts[level] == 0 {
                continue;
            }
            let shift = BITS * level as u32;
            let current = (self.now >> shift) as usize;
            for step in 1..=SLOTS {
                if !self.levels[level][(current + step) % SLOTS].is_empty() {
                    return Some(Millis(((self.now >> shift) + step as u64) << shift));
                }
            }
        }
        None
    }

    /// Moves to `now` and appends what is due to `fired`, in order of time.
    pub(crate) fn advance(&mut self, now: Millis, fired: &mut Vec<Entry>) {
        let from = fired.len();
        while let Some(next) = self.next() {
            if next > now {
                break;
            }
            self.now = next.0;
            self.turn(fired);
        }
        self.now = self.now.max(now.0);
        fired[from..].sort_by_key(|e| e.at);
    }

    /// Empties every slot that begins at the present moment, highest level first.
    fn turn(&mut self, fired: &mut Vec<Entry>) {
        for level in (0..LEVELS).rev() {
            let shift = BITS * level as u32;
            if self.now & ((1u64 << shift) - 1) != 0 {
                continue;
            }
            let slot = (self.now >> shift) as usize % SLOTS;
            let entries = std::mem::take(&mut self.levels[level][slot]);
            self.counts[level] -= entries.len();
            for entry in entries {
                if entry.at.0 <= self.now {
                    #[cfg(test)]
                    {
                        self.len -= 1;
                    }
                    fired.push(entry);
                } else {
                    self.place(entry);
                }
            }
        }
    }

    /// Offsets of a queue's messages that are delayed.
    pub(crate) fn delayed_of(&self, queue: QueueId) -> impl Iterator<Item = u64> + '_ {
        self.iter().filter(move |e| e.queue == queue).filter_map(|e| match e.what {
            What::Due(offset) => Some(offset),
            _ => None,
        })
    }

    /// Every appointment, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.levels.iter().flatten().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: u64) -> Entry {
        Entry { at: Millis(at), queue: QueueId(1), what: What::Due(at) }
    }

    #[test]
    fn fires_each_entry_once_in_order_and_never_early() {
        let mut state = 42u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 20
        };
        let start = 1_700_000_000_000;
        let mut wheel = Wheel::new(Millis(start));
        let mut wanted: Vec<u64> =
            (0..5_000).map(|i| start + next() % [300, 70_000, 20_000_000, 9_000_000_000][i % 4]).collect();
        wanted.iter().for_each(|&at| wheel.add(entry(at)));
        wanted.sort_unstable();
        let (mut now, mut seen) = (start, Vec::new());
        while wheel.len() > 0 {
            now += 1 + next() % 10_000_000;
            let mut fired = Vec::new();
            wheel.advance(Millis(now), &mut fired);
            assert!(fired.iter().all(|e| e.at.0 <= now), "early");
            seen.extend(fired.iter().map(|e| e.at.0));
            if let Some(at) = wheel.next() {
                assert!(at.0 > now);
            }
        }
        assert_eq!(seen, wanted);
    }

    #[test]
    fn next_is_never_late() {
        let mut wheel = Wheel::new(Millis(1000));
        wheel.add(entry(1_000_000));
        let mut hops = 0;
        let mut fired = Vec::new();
        while fired.is_empty() {
            let next = wheel.next().expect("not empty");
            assert!(next.0 <= 1_000_000);
            wheel.advance(next, &mut fired);
            hops += 1;
        }
        assert!(hops <= LEVELS, "{hops} hops");
    }

    #[test]
    fn the_past_and_the_far_future_are_kept() {
        let mut wheel = Wheel::new(Millis(50));
        wheel.add(entry(3));
        wheel.add(entry(u64::MAX / 2));
        let mut fired = Vec::new();
        wheel.advance(Millis(51), &mut fired);
        assert_eq!(fired.len(), 1);
        assert_eq!(wheel.len(), 1);
        wheel.advance(Millis(1 << 44), &mut fired);
        assert_eq!((fired.len(), wheel.len()), (1, 1));
    }
}
