//! Who gets the next message.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use anymq_types::ConsumerId;

/// A queue's consumers: all of them in order of arrival, and those that can take a message now, by priority, in turn.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    inner: Option<Box<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    all: Vec<(ConsumerId, i64)>,
    ring: BTreeMap<Reverse<i64>, VecDeque<ConsumerId>>,
    exclusive: Option<ConsumerId>,
    /// The single active consumer, where the queue has one at a time.
    active: Option<ConsumerId>,
}

impl Consumers {
    pub(crate) fn len(&self) -> usize {
        self.inner.as_ref().map_or(0, |i| i.all.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn exclusive(&self) -> Option<ConsumerId> {
        self.inner.as_ref()?.exclusive
    }

    pub(crate) fn active(&self) -> Option<ConsumerId> {
        self.inner.as_ref()?.active
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ConsumerId> + '_ {
        self.inner.iter().flat_map(|i| i.all.iter().map(|&(id, _)| id))
    }

    /// Adds a consumer; it enters the ring with [`Consumers::enter`].
    pub(crate) fn add(&mut self, id: ConsumerId, priority: i64, exclusive: bool) {
        let inner = self.inner.get_or_insert_default();
        inner.all.push((id, priority));
        if exclusive {
            inner.exclusive = Some(id);
        }
    }

    /// Removes a consumer from everything.
    pub(crate) fn remove(&mut self, id: ConsumerId) {
        self.leave_ring(id);
        let Some(inner) = &mut self.inner else { return };
        inner.all.retain(|&(other, _)| other != id);
        if inner.exclusive == Some(id) {
            inner.exclusive = None;
        }
        if inner.active == Some(id) {
            inner.active = None;
        }
        if inner.all.is_empty() {
            self.inner = None;
        }
    }

    fn leave_ring(&mut self, id: ConsumerId) {
        if let Some(inner) = &mut self.inner {
            inner.ring.values_mut().for_each(|turn| turn.retain(|&other| other != id));
            inner.ring.retain(|_, turn| !turn.is_empty());
        }
    }

    /// Chooses the single active consumer: the one there is, else the one with the highest priority that came first. With
    /// `preempt` a higher priority takes over from a lower one. Returns it if it changed.
    pub(crate) fn elect(&mut self, preempt: bool) -> Option<ConsumerId> {
        let inner = self.inner.as_mut()?;
        let best = inner.all.iter().rev().max_by_key(|&&(_, priority)| priority).copied()?;
        let current = inner.active.and_then(|id| inner.all.iter().find(|&&(other, _)| other == id)).copied();
        match current {
            Some((_, priority)) if !(preempt && best.1 > priority) => None,
            _ => {
                inner.active = Some(best.0);
                Some(best.0)
            }
        }
    }

    /// Puts a consumer that can take messages at the end of its turn. The caller knows that it is not in the ring.
    pub(crate) fn enter(&mut self, id: ConsumerId, priority: i64) {
        if let Some(inner) = &mut self.inner {
            inner.ring.entry(Reverse(priority)).or_default().push_back(id);
        }
    }

    /// Puts a consumer whose turn was not used up at the front again.
    pub(crate) fn enter_front(&mut self, id: ConsumerId, priority: i64) {
        if let Some(inner) = &mut self.inner {
            inner.ring.entry(Reverse(priority)).or_default().push_front(id);
        }
    }

    /// Takes the next consumer out of the ring, and says whether it was the only one of its priority.
    pub(crate) fn next(&mut self) -> Option<(ConsumerId, bool)> {
        let inner = self.inner.as_mut()?;
        let mut entry = inner.ring.first_entry()?;
        let id = entry.get_mut().pop_front()?;
        let alone = entry.get().is_empty();
        if alone {
            entry.remove();
        }
        Some((id, alone))
    }

    /// Whether anybody can take a message.
    pub(crate) fn any_ready(&self) -> bool {
        self.inner.as_ref().is_some_and(|i| !i.ring.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> ConsumerId {
        ConsumerId(n)
    }

    #[test]
    fn turns_go_round_and_higher_priority_first() {
        let mut c = Consumers::default();
        for (n, priority) in [(1, 0), (2, 0), (3, 5)] {
            c.add(id(n), priority, false);
            c.enter(id(n), priority);
        }
        assert_eq!(c.next(), Some((id(3), true)));
        assert_eq!(c.next(), Some((id(1), false)));
        c.enter(id(1), 0);
        assert_eq!(c.next(), Some((id(2), false)));
        c.remove(id(1));
        assert_eq!(c.next(), None);
        assert!(!c.any_ready());
    }

    #[test]
    fn one_active_consumer_at_a_time_the_first_unless_priority_says_otherwise() {
        let mut c = Consumers::default();
        c.add(id(1), 0, false);
        c.add(id(2), 0, false);
        assert_eq!(c.elect(true), Some(id(1)));
        assert_eq!(c.elect(true), None);
        c.add(id(3), 9, false);
        assert_eq!(c.elect(false), None);
        assert_eq!(c.elect(true), Some(id(3)));
        c.remove(id(3));
        assert_eq!(c.elect(true), Some(id(1)));
    }
}
