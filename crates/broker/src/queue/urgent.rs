//! The two levels of a quorum queue: of three messages in a row two may be urgent ones that overtake.
//!
//! Urgent messages are a second cursor over the same stream: `all` says which offsets they have, `at` how far they have been
//! picked. The fresh cursor passes over them. Memory is proportional to the number of their runs, not of messages.

use super::ranges::RangeSet;

/// The highest priority that is not urgent.
pub(crate) const NORMAL_PRIORITY_MAX: u8 = 4;

/// Urgent messages picked in a row while others wait.
const WEIGHT: u64 = 2;

/// Urgent messages of one queue.
#[derive(Debug, Default)]
pub(crate) struct Urgent {
    all: RangeSet,
    at: u64,
    /// Messages picked, modulo the length of a round.
    turn: u64,
}

impl Urgent {
    pub(crate) fn push(&mut self, start: u64, end: u64) {
        self.all.insert(start, end);
    }

    /// The next urgent offset; it may have been settled meanwhile.
    pub(crate) fn peek(&self) -> Option<u64> {
        if self.all.contains(self.at) {
            return Some(self.at);
        }
        self.all.next_from(self.at).map(|(start, _)| start)
    }

    /// Takes out what [`Urgent::peek`] named.
    pub(crate) fn take(&mut self, offset: u64) {
        self.at = offset + 1;
    }

    /// Whether a message that is not urgent is next, if there is one.
    pub(crate) fn yields(&self) -> bool {
        self.turn == WEIGHT
    }

    /// Notes that messages of either level were picked.
    pub(crate) fn picked(&mut self, count: u64) {
        self.turn = (self.turn + count) % (WEIGHT + 1);
    }

    /// Goes on at `next`, forward or back.
    pub(crate) fn skip_to(&mut self, next: u64) {
        self.at = next;
    }

    /// Offsets below `head` are settled.
    pub(crate) fn forget_below(&mut self, head: u64) {
        self.all.forget_below(head);
    }

    /// All of them, in order.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        self.all.iter().flat_map(|(start, end)| start..end)
    }
}
