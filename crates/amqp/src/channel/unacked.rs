//! Deliveries a channel has not settled: runs of consecutive tags that are consecutive offsets of one queue.

use std::collections::VecDeque;

use anymq_broker::api::Settled;
use anymq_types::{Offset, QueueId};

/// `count` deliveries with tags from `tag` and offsets from `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) tag: u64,
    pub(crate) offset: u64,
    pub(crate) queue: QueueId,
    pub(crate) count: u32,
}

impl Run {
    fn end(&self) -> u64 {
        self.tag + u64::from(self.count)
    }

    pub(crate) fn settled(&self) -> impl Iterator<Item = Settled> + use<> {
        let (queue, offset) = (self.queue, self.offset);
        (0..u64::from(self.count)).map(move |n| Settled { queue, offset: Offset(offset + n) })
    }

    /// The run in two, the second beginning at `tag`.
    fn split(self, tag: u64) -> (Run, Run) {
        let first = (tag - self.tag) as u32;
        let second = Run { tag, offset: self.offset + u64::from(first), count: self.count - first, ..self };
        (Run { count: first, ..self }, second)
    }
}

/// The unsettled deliveries of one channel, by tag. A run costs 32 bytes, however long it is.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    runs: VecDeque<Run>,
}

impl Unacked {
    /// Notes deliveries; their tags are above all noted before.
    pub(crate) fn push(&mut self, run: Run) {
        if let Some(last) = self.runs.back_mut()
            && last.queue == run.queue
            && last.end() == run.tag
            && last.offset + u64::from(last.count) == run.offset
            && let Some(count) = last.count.checked_add(run.count)
        {
            last.count = count;
            return;
        }
        self.runs.push_back(run);
    }

    /// Takes out one delivery, or with `multiple` all up to it (tag 0: all). Adds them to `into` in order of their tags.
    /// Says whether the tag was there; if not, nothing is taken.
    pub(crate) fn take(&mut self, tag: u64, multiple: bool, into: &mut Vec<Settled>) -> bool {
        self.take_runs(tag, multiple, |run| into.extend(run.settled()))
    }

    /// As [`Unacked::take`], giving the runs taken.
    pub(crate) fn take_runs(&mut self, tag: u64, multiple: bool, mut taken: impl FnMut(Run)) -> bool {
        if tag == 0 && multiple {
            self.runs.drain(..).for_each(taken);
            return true;
        }
        let at = self.runs.partition_point(|run| run.end() <= tag);
        let Some(run) = self.runs.get(at).copied().filter(|run| run.tag <= tag) else { return false };
        if multiple {
            self.runs.drain(..at).for_each(&mut taken);
            let (first, rest) = run.split(tag + 1);
            taken(first);
            self.replace(0, [rest].into_iter());
        } else {
            let (before, rest) = run.split(tag);
            let (one, after) = rest.split(tag + 1);
            taken(one);
            self.replace(at, [before, after].into_iter());
        }
        true
    }

    /// Puts runs back that were taken in a transaction now rolled back.
    pub(crate) fn restore(&mut self, runs: Vec<Run>) {
        let mut all: Vec<Run> = self.runs.drain(..).chain(runs).collect();
        all.sort_unstable_by_key(|run| run.tag);
        all.into_iter().for_each(|run| self.push(run));
    }

    /// Takes out everything, in order of the tags.
    pub(crate) fn take_all(&mut self, into: &mut Vec<Settled>) {
        self.take(0, true, into);
    }

    /// How many deliveries are unsettled.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.count)).sum()
    }

    fn replace(&mut self, at: usize, runs: impl DoubleEndedIterator<Item = Run>) {
        self.runs.remove(at);
        for run in runs.rev().filter(|run| run.count > 0) {
            self.runs.insert(at, run);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(tag: u64, offset: u64, queue: u64, count: u32) -> Run {
        Run { tag, offset, queue: QueueId(queue), count }
    }

    #[test]
    fn neighbours_merge_and_split() {
        let mut unacked = Unacked::default();
        unacked.push(run(1, 10, 7, 3));
        unacked.push(run(4, 13, 7, 2));
        assert_eq!(unacked.runs.len(), 1);
        unacked.push(run(6, 99, 8, 1));
        let mut taken = Vec::new();
        assert!(unacked.take(3, false, &mut taken));
        assert_eq!(taken, [Settled { queue: QueueId(7), offset: Offset(12) }]);
        assert_eq!((unacked.len(), unacked.runs.len()), (5, 3));
        assert!(!unacked.take(3, false, &mut taken) && !unacked.take(3, true, &mut taken));
        assert!(!unacked.take(7, true, &mut taken) && !unacked.take(0, false, &mut taken));
        assert_eq!(taken.len(), 1);
        assert!(unacked.take(5, true, &mut taken));
        assert_eq!(taken[1..].iter().map(|s| s.offset.0).collect::<Vec<_>>(), [10, 11, 13, 14]);
        assert!(unacked.take(0, true, &mut taken) && unacked.take(0, true, &mut taken));
        assert_eq!((taken.len(), unacked.len()), (6, 0));
    }

    proptest! {
        #[test]
        fn it_does_what_a_plain_list_does(
            pushes in proptest::collection::vec((1u64..3, 1u32..5, any::<bool>()), 1..12),
            takes in proptest::collection::vec((0u64..40, any::<bool>(), any::<bool>()), 0..30),
        ) {
            let (mut unacked, mut list) = (Unacked::default(), Vec::new());
            let (mut tag, mut offsets) = (1, [0, 0, 0]);
            for (queue, count, gap) in pushes {
                let offset = &mut offsets[queue as usize];
                *offset += u64::from(gap);
                unacked.push(run(tag, *offset, queue, count));
                for n in 0..u64::from(count) {
                    list.push((tag + n, Settled { queue: QueueId(queue), offset: Offset(*offset + n) }));
                }
                tag += u64::from(count);
                *offset += u64::from(count);
            }
            for (tag, multiple, roll_back) in takes {
                let mut runs = Vec::new();
                let found = unacked.take_runs(tag, multiple, |run| runs.push(run));
                let here = list.iter().any(|(t, _)| *t == tag) || tag == 0 && multiple;
                prop_assert_eq!(found, here);
                if roll_back {
                    unacked.restore(runs);
                    continue;
                }
                let taken: Vec<Settled> = runs.iter().flat_map(Run::settled).collect();
                let goes = |t: u64| here && (t == tag || multiple && (t < tag || tag == 0));
                let expected: Vec<Settled> = list.iter().filter(|(t, _)| goes(*t)).map(|(_, s)| *s).collect();
                prop_assert_eq!(taken, expected);
                list.retain(|(t, _)| !goes(*t));
                prop_assert_eq!(unacked.len(), list.len() as u64);
            }
            let mut rest = Vec::new();
            unacked.take_all(&mut rest);
            prop_assert_eq!(rest, list.into_iter().map(|(_, s)| s).collect::<Vec<_>>());
        }
    }
}
