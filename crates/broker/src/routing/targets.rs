//! Destinations: those a binding leads to, and those one message reached.

use anymq_types::limits::TARGETS_MAX;
use anymq_types::{ExchangeId, QueueId};
use smallvec::SmallVec;

use super::{FastMap, Outcome};

/// Where a binding leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    Queue(QueueId),
    Exchange(ExchangeId),
}

/// The queues one message goes to. Reused from message to message: [`Targets::clear`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets(SmallVec<[QueueId; 8]>);

impl Targets {
    /// No queues.
    pub(crate) fn new() -> Self {
        Targets::default()
    }

    /// Forgets all, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The queues, in the order of their ids.
    pub(crate) fn as_slice(&self) -> &[QueueId] {
        &self.0
    }

    pub(super) fn push(&mut self, queue: QueueId) {
        self.0.push(queue);
    }

    /// Keeps each queue once. What was collected is bounded by the bindings there are, because no exchange is visited
    /// twice; sorting is cheaper than asking a set each time.
    pub(super) fn finish(&mut self) -> Outcome {
        if self.0.len() > 1 {
            self.0.sort_unstable();
            self.0.dedup();
        }
        match self.0.len() {
            0 => Outcome::Unroutable,
            1..=TARGETS_MAX => Outcome::Routed,
            _ => {
                self.0.clear();
                Outcome::TooMany
            }
        }
    }
}

/// Takes what one exchange chooses.
pub(super) struct Sink<'a> {
    queues: &'a mut Targets,
    exchanges: SmallVec<[ExchangeId; 4]>,
    hits: usize,
}

impl<'a> Sink<'a> {
    pub(super) fn new(queues: &'a mut Targets) -> Self {
        Sink { queues, exchanges: SmallVec::new(), hits: 0 }
    }

    pub(super) fn push(&mut self, target: Target) {
        self.hits += 1;
        match target {
            Target::Queue(id) => self.queues.push(id),
            Target::Exchange(id) => self.exchanges.push(id),
        }
    }

    pub(super) fn extend(&mut self, set: &TargetSet) {
        set.iter().for_each(|target| self.push(target));
    }

    /// How many were chosen, and the exchanges among them.
    pub(super) fn into_parts(self) -> (usize, SmallVec<[ExchangeId; 4]>) {
        (self.hits, self.exchanges)
    }
}

/// Beyond so many, a set keeps an index.
const INDEXED: usize = 32;

/// The destinations of bindings that are alike but for their arguments: a destination is in it once, and counts the
/// bindings that lead to it.
#[derive(Debug, Default)]
pub(super) struct TargetSet {
    entries: SmallVec<[Entry; 1]>,
    /// Place of each target in `entries`, if there are many.
    index: Option<Box<FastMap<Target, u32>>>,
}

/// A target and its number of bindings, packed: an enum in a struct would take half as much again.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u64,
    bindings: u32,
    is_exchange: bool,
}

impl Entry {
    fn new(target: Target) -> Self {
        match target {
            Target::Queue(QueueId(id)) => Entry { id, bindings: 1, is_exchange: false },
            Target::Exchange(ExchangeId(id)) => Entry { id, bindings: 1, is_exchange: true },
        }
    }

    fn target(self) -> Target {
        if self.is_exchange { Target::Exchange(ExchangeId(self.id)) } else { Target::Queue(QueueId(self.id)) }
    }
}

impl TargetSet {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn at(&self, place: usize) -> Option<Target> {
        self.entries.get(place).map(|entry| entry.target())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Target> + '_ {
        self.entries.iter().map(|entry| entry.target())
    }

    pub(super) fn has_exchanges(&self) -> bool {
        self.entries.iter().any(|entry| entry.is_exchange)
    }

    pub(super) fn add(&mut self, target: Target) {
        if let Some(place) = self.place(target) {
            self.entries[place].bindings += 1;
            return;
        }
        let place = self.entries.len();
        self.entries.push(Entry::new(target));
        if let Some(index) = &mut self.index {
            index.insert(target, place as u32);
        } else if self.entries.len() > INDEXED {
            let places = self.entries.iter().enumerate().map(|(place, entry)| (entry.target(), place as u32));
            self.index = Some(Box::new(places.collect()));
        }
    }

    pub(super) fn remove(&mut self, target: Target) {
        let Some(place) = self.place(target) else { return };
        self.entries[place].bindings -= 1;
        if self.entries[place].bindings > 0 {
            return;
        }
        self.entries.swap_remove(place);
        if let Some(index) = &mut self.index {
            index.remove(&target);
            if let Some(moved) = self.entries.get(place) {
                index.insert(moved.target(), place as u32);
            }
        }
        if self.entries.len() <= INDEXED / 2 {
            self.index = None;
            self.entries.shrink_to_fit();
        }
    }

    fn place(&self, target: Target) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&target).map(|place| *place as usize),
            None => self.entries.iter().position(|entry| entry.target() == target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stays_until_its_last_binding_goes() {
        let mut set = TargetSet::default();
        let (a, b) = (Target::Queue(QueueId(1)), Target::Exchange(ExchangeId(1)));
        for target in [a, a, b] {
            set.add(target);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [a, b]);
        assert!(set.has_exchanges());
        set.remove(a);
        assert_eq!(set.len(), 2);
        set.remove(a);
        set.remove(a);
        assert_eq!(set.iter().collect::<Vec<_>>(), [b]);
        set.remove(b);
        assert!(set.is_empty());
    }

    proptest::proptest! {
        /// Adds and removals over few targets, so that the index comes and goes.
        #[test]
        fn is_a_multiset(steps in proptest::collection::vec((0u64..80, proptest::bool::weighted(0.6)), 0..600)) {
            let mut set = TargetSet::default();
            let mut model = std::collections::BTreeMap::<u64, u32>::new();
            for (id, add) in steps {
                let target = Target::Queue(QueueId(id));
                let count = model.entry(id).or_default();
                if add {
                    set.add(target);
                    *count += 1;
                } else {
                    set.remove(target);
                    *count = count.saturating_sub(1);
                }
                model.retain(|_, count| *count > 0);
                proptest::prop_assert_eq!(set.len(), model.len());
                proptest::prop_assert_eq!(set.place(target).is_some(), model.contains_key(&id));
            }
            let mut ids: Vec<_> = set.iter().collect();
            ids.sort();
            proptest::prop_assert_eq!(ids, model.keys().map(|id| Target::Queue(QueueId(*id))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn each_queue_once_and_not_too_many() {
        let mut targets = Targets::new();
        for id in [3, 1, 3, 2, 1] {
            targets.push(QueueId(id));
        }
        assert_eq!(targets.finish(), Outcome::Routed);
        assert_eq!(targets.as_slice(), [QueueId(1), QueueId(2), QueueId(3)]);
        targets.clear();
        assert_eq!(targets.finish(), Outcome::Unroutable);
        (0..=TARGETS_MAX as u64).for_each(|id| targets.push(QueueId(id)));
        assert_eq!(targets.finish(), Outcome::TooMany);
        assert!(targets.as_slice().is_empty());
    }
}
