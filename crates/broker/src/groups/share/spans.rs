//! Consecutive offsets in the same state, as spans that cover a window without gaps.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::Millis;

/// Why a record is dead-lettered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// A consumer refused it.
    Rejected,
    /// It was delivered as often as it may be.
    TooOften,
}

/// What has become of an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It was delivered `count` times and waits for the next.
    Available { count: u16 },
    /// Member `by` has it until then, for the `count`th time.
    Acquired { count: u16, by: Arc<str>, until: Millis },
    /// It is to be written to the dead-letter topic.
    Dying { count: u16, why: Death },
    /// It was acknowledged, or given up.
    Done,
}

impl State {
    pub(crate) fn is_done(&self) -> bool {
        *self == State::Done
    }

    /// As it comes back after a restart: nobody has it.
    pub(crate) fn lasting(&self) -> State {
        match self {
            State::Acquired { count, .. } => {
                State::Acquired { count: *count, by: Arc::default(), until: Millis(0) }
            }
            other => other.clone(),
        }
    }
}

#[derive(Clone, Debug)]
struct Span {
    end: u64,
    state: State,
}

/// States of all offsets from one on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    by_first: BTreeMap<u64, Span>,
    /// One past the last.
    end: u64,
    /// Offsets that are not done.
    open: u64,
    /// Before it nothing is available.
    free_from: u64,
}

impl Spans {
    /// None, from `at` on.
    pub(crate) fn new(at: u64) -> Self {
        Spans { by_first: BTreeMap::new(), end: at, open: 0, free_from: at }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn open(&self) -> u64 {
        self.open
    }

    /// How many spans there are.
    pub(crate) fn len(&self) -> usize {
        self.by_first.len()
    }

    /// All of them: first offset, one past the last, state.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64, &State)> {
        self.by_first.iter().map(|(&first, span)| (first, span.end, &span.state))
    }

    /// Those within `from..to`, cut to it.
    pub(crate) fn within(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64, &State)> {
        let begin = self.by_first.range(..=from).next_back().map_or(from, |(&first, _)| first);
        let spans = self.by_first.range(begin..to.max(begin));
        spans
            .map(move |(&first, span)| (first.max(from), span.end.min(to), &span.state))
            .filter(|(first, end, _)| first < end)
    }

    /// The first offset that is available; the end if none is.
    pub(crate) fn first_free(&mut self) -> u64 {
        let free = |span: &Span| matches!(span.state, State::Available { .. });
        let found = self.by_first.range(self.free_from..).find(|(_, span)| free(span));
        self.free_from = found.map_or(self.end, |(&first, _)| first);
        self.free_from
    }

    /// Gives `first..end` a state. What lies between the end and `first` is done.
    pub(crate) fn put(&mut self, first: u64, end: u64, state: State) {
        if first >= end {
            return;
        }
        if first > self.end {
            self.put(self.end, first, State::Done);
        }
        self.split(first);
        self.split(end);
        while let Some((&at, _)) = self.by_first.range(first..end).next() {
            if let Some(gone) = self.by_first.remove(&at)
                && !gone.state.is_done()
            {
                self.open -= gone.end - at;
            }
        }
        if !state.is_done() {
            self.open += end - first;
        }
        if matches!(state, State::Available { .. }) {
            self.free_from = self.free_from.min(first);
        }
        self.end = self.end.max(end);
        self.insert(first, Span { end, state });
    }

    /// Inserts a span, as one with its neighbours if they are alike.
    fn insert(&mut self, mut first: u64, mut span: Span) {
        if self.by_first.get(&span.end).is_some_and(|next| next.state == span.state)
            && let Some(next) = self.by_first.remove(&span.end)
        {
            span.end = next.end;
        }
        let before = self.by_first.range(..first).next_back();
        if let Some((&at, before)) = before
            && before.end == first
            && before.state == span.state
        {
            first = at;
        }
        self.by_first.insert(first, span);
    }

    fn split(&mut self, at: u64) {
        let Some((&first, span)) = self.by_first.range_mut(..at).next_back() else { return };
        if span.end > at {
            let rest = Span { end: span.end, state: span.state.clone() };
            span.end = at;
            debug_assert!(first < at);
            self.by_first.insert(at, rest);
        }
    }

    /// Forgets everything before `to`.
    pub(crate) fn drop_before(&mut self, to: u64) {
        self.split(to);
        while let Some(entry) = self.by_first.first_entry().filter(|entry| *entry.key() < to) {
            let (first, span) = entry.remove_entry();
            if !span.state.is_done() {
                self.open -= span.end - first;
            }
        }
        self.end = self.end.max(to);
        self.free_from = self.free_from.max(to);
    }

    /// Where what is done at the front ends, if anything is.
    pub(crate) fn done_to(&self) -> Option<u64> {
        self.by_first.first_key_value().filter(|(_, span)| span.state.is_done()).map(|(_, span)| span.end)
    }
}
