//! How far a share group has come in one partition, offset by offset. (KIP-932.)
//!
//! ```text
//!    done, forgotten │ Acquired │ Done │ Available │ Acquired │ Available │  never delivered
//!                    ^ start                                              ^ end
//! ```
//!
//! A machine without I/O: the time and what is stored come in, changes for the journal go out. What is acknowledged and what is given up is
//! one state, *done*, since nobody asks which; `start` moves over what is done. Whatever is not done is bounded by the group's limit of
//! locks, and spans with it: between two that are not done there is one that is.

use std::sync::Arc;

use anymq_types::Millis;

use super::spans::{Death, Spans, State};
use crate::groups::share_api::{Ack, AckBatch, AckFault, Acquired};

/// Offsets that have got another state, for the journal: first, one past the last, the state.
pub(crate) type Changes = Vec<(u64, u64, State)>;

/// A stored batch or message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) base: u64,
    pub(crate) end: u64,
    /// Somebody shall get it: it is no marker, and no record of a transaction that was aborted.
    pub(crate) wanted: bool,
}

/// What a member may get.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) by: Arc<str>,
    pub(crate) until: Millis,
    /// Most records; whole batches may be more, unless it is strict.
    pub(crate) records: u64,
    pub(crate) strict: bool,
    /// Records told as one range, unless they are one batch.
    pub(crate) range: u64,
    /// Most offsets of the partition that are not done.
    pub(crate) locks_max: u64,
    pub(crate) attempts_max: u16,
}

/// What becomes of records that come back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) attempts_max: u16,
    /// Records that are given up go to the dead-letter topic.
    pub(crate) dead_letters: bool,
    /// A lock that is renewed holds until then.
    pub(crate) until: Millis,
}

impl Rule {
    fn released(&self, count: u16) -> State {
        if count >= self.attempts_max {
            self.dead(count, Death::TooOften)
        } else {
            State::Available { count }
        }
    }

    fn dead(&self, count: u16, why: Death) -> State {
        if self.dead_letters { State::Dying { count, why } } else { State::Done }
    }
}

/// A share group's place in a partition.
#[derive(Clone, Debug)]
pub(crate) struct SharePartition {
    /// The first offset that is not done.
    start: u64,
    pub(super) spans: Spans,
    /// When the wheel looks at its locks.
    pub(crate) armed: Option<Millis>,
}

impl SharePartition {
    pub(crate) fn new(start: u64) -> Self {
        SharePartition { start, spans: Spans::new(start), armed: None }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    #[cfg(test)]
    pub(crate) fn end(&self) -> u64 {
        self.spans.end()
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> u64 {
        128 + self.spans.len() as u64 * 96
    }

    /// Offsets before `high` that are not done.
    pub(crate) fn lag(&self, high: u64) -> u64 {
        let done = self.spans.end() - self.start - self.spans.open();
        high.saturating_sub(self.start).saturating_sub(done)
    }

    /// The offset from which the next fetch reads.
    pub(crate) fn next(&mut self) -> u64 {
        self.spans.first_free()
    }

    /// Whether something never delivered could be given.
    pub(crate) fn has_room(&mut self, locks_max: u64) -> bool {
        self.spans.first_free() < self.spans.end() || self.spans.open() < locks_max
    }

    /// Everything before `to` is no longer stored; whether that is news.
    pub(crate) fn trim(&mut self, to: u64) -> bool {
        if to <= self.start {
            return false;
        }
        self.spans.drop_before(to);
        self.start = to;
        self.advance();
        true
    }

    /// Gives a member what is free of `units`, which are stored one behind the other from `from` on. What is missing between them is done.
    pub(crate) fn acquire(
        &mut self,
        from: u64,
        units: impl Iterator<Item = Unit>,
        wanted: &Wanted,
        changes: &mut Changes,
    ) -> Vec<Acquired> {
        let mut out = Vec::new();
        let (mut at, mut left) = (from.max(self.start), wanted.records);
        for unit in units {
            if unit.end <= at {
                continue;
            }
            let begin = unit.base.max(at);
            self.give_up(at, begin, changes);
            at = unit.end;
            if !unit.wanted {
                self.give_up(begin, unit.end, changes);
                continue;
            }
            if left == 0 {
                break;
            }
            let most = if wanted.strict { left } else { u64::MAX };
            let (taken, more) = self.take(begin, unit, most, wanted, &mut out, changes);
            left = left.saturating_sub(taken);
            if !more {
                break;
            }
        }
        self.advance();
        out
    }

    /// Takes what is free of a unit from `begin` on; how many, and whether to go on.
    fn take(
        &mut self,
        begin: u64,
        unit: Unit,
        most: u64,
        wanted: &Wanted,
        out: &mut Vec<Acquired>,
        changes: &mut Changes,
    ) -> (u64, bool) {
        let mut taken = 0;
        for (first, end, count) in self.free(begin, unit.end) {
            let fresh = first >= self.spans.end();
            let room = if fresh { wanted.locks_max.saturating_sub(self.spans.open()) } else { u64::MAX };
            let mut fits = (end - first).min(most - taken).min(room);
            let alone = throttled(count, wanted.attempts_max, unit.end - unit.base);
            if let Some(alone) = alone {
                // What has failed often comes by itself, so that what fails is found.
                fits = if out.is_empty() { fits.min(alone) } else { 0 };
            }
            if fits == 0 {
                return (taken, false);
            }
            let (stop, count) = (first + fits, count + 1);
            let state = State::Acquired { count, by: wanted.by.clone(), until: wanted.until };
            self.spans.put(first, stop, state.clone());
            changes.push((first, stop, state));
            tell(out, Acquired { first, last: stop - 1, count }, wanted.range);
            taken += fits;
            if alone.is_some() || stop < end {
                return (taken, false);
            }
        }
        (taken, true)
    }

    /// Those of `first..end` that are available, and those never delivered, with how often they were.
    fn free(&self, first: u64, end: u64) -> Vec<(u64, u64, u16)> {
        let back = self.spans.within(first, end).filter_map(|(first, end, state)| match state {
            State::Available { count } => Some((first, end, *count)),
            _ => None,
        });
        let fresh = first.max(self.spans.end());
        back.chain((fresh < end).then_some((fresh, end, 0))).collect()
    }

    fn give_up(&mut self, first: u64, end: u64, changes: &mut Changes) {
        for (first, end, _) in self.free(first, end) {
            self.set(first, end, State::Done, changes);
        }
    }

    fn set(&mut self, first: u64, end: u64, state: State, changes: &mut Changes) {
        self.spans.put(first, end, state.clone());
        changes.push((first, end, state));
    }

    fn advance(&mut self) {
        while let Some(end) = self.spans.done_to() {
            self.spans.drop_before(end);
            self.start = end;
        }
        if self.spans.len() == 0 {
            self.start = self.spans.end();
        }
    }

    /// Ends locks, or renews them: all that is asked, or nothing.
    ///
    /// # Errors
    /// An offset that was never delivered, or that `by` does not have.
    pub(crate) fn acknowledge(
        &mut self,
        by: &str,
        batches: &[AckBatch],
        rule: &Rule,
        changes: &mut Changes,
    ) -> Result<(), AckFault> {
        let mut ranges: Vec<(u64, u64)> = batches.iter().map(|b| (b.first, b.last)).collect();
        ranges.sort_unstable();
        if ranges.windows(2).any(|w| w[1].0 <= w[0].1) {
            return Err(AckFault::NotAcquired);
        }
        for &(first, last) in &ranges {
            self.check_acquired(by, first, last)?;
        }
        for batch in batches {
            for (first, end, ack) in batch.runs() {
                self.settle(first.max(self.start), end, ack, rule, changes);
            }
        }
        self.advance();
        Ok(())
    }

    fn check_acquired(&self, by: &str, first: u64, last: u64) -> Result<(), AckFault> {
        if last < self.start {
            return Ok(());
        }
        if first >= self.spans.end() {
            return Err(AckFault::FirstPast);
        }
        if last >= self.spans.end() {
            return Err(AckFault::LastPast);
        }
        for (_, _, state) in self.spans.within(first.max(self.start), last + 1) {
            match state {
                State::Acquired { by: owner, .. } if **owner == *by => {}
                State::Acquired { .. } => return Err(AckFault::NotOwner),
                _ => return Err(AckFault::NotAcquired),
            }
        }
        Ok(())
    }

    fn settle(&mut self, first: u64, end: u64, ack: Ack, rule: &Rule, changes: &mut Changes) {
        let held: Vec<_> = self.held(|_, _| true, first, end).collect();
        for (first, end, count, by) in held {
            match ack {
                Ack::Accept | Ack::Gap => self.set(first, end, State::Done, changes),
                Ack::Release => self.set(first, end, rule.released(count), changes),
                Ack::Reject => self.set(first, end, rule.dead(count, Death::Rejected), changes),
                // Nothing that outlives a restart.
                Ack::Renew => self.spans.put(first, end, State::Acquired { count, by, until: rule.until }),
            }
        }
    }

    fn held(
        &self,
        whose: impl Fn(&str, Millis) -> bool,
        first: u64,
        end: u64,
    ) -> impl Iterator<Item = (u64, u64, u16, Arc<str>)> {
        self.spans.within(first, end).filter_map(move |(first, end, state)| match state {
            State::Acquired { count, by, until } if whose(by, *until) => {
                Some((first, end, *count, by.clone()))
            }
            _ => None,
        })
    }

    fn release(&mut self, whose: impl Fn(&str, Millis) -> bool, rule: &Rule, changes: &mut Changes) {
        let held: Vec<_> = self.held(whose, self.start, self.spans.end()).collect();
        for (first, end, count, _) in held {
            self.set(first, end, rule.released(count), changes);
        }
        self.advance();
    }

    /// Takes everything back that a member has.
    pub(crate) fn release_of(&mut self, member: &str, rule: &Rule, changes: &mut Changes) {
        self.release(|by, _| *by == *member, rule, changes);
    }

    /// Takes everything back whose time is over.
    pub(crate) fn expire(&mut self, now: Millis, rule: &Rule, changes: &mut Changes) {
        self.release(|_, until| until <= now, rule, changes);
    }

    /// When the first lock ends.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let until = |state: &State| match state {
            State::Acquired { until, .. } => Some(*until),
            _ => None,
        };
        self.spans.iter().filter_map(|(_, _, state)| until(state)).min()
    }

    /// What waits for its dead letter first: first offset, one past the last, deliveries, why.
    pub(crate) fn dying(&self) -> Option<(u64, u64, u16, Death)> {
        self.spans.iter().find_map(|(first, end, state)| match state {
            State::Dying { count, why } => Some((first, end, *count, *why)),
            _ => None,
        })
    }

    /// `first..end` have their dead letters.
    pub(crate) fn buried(&mut self, first: u64, end: u64, changes: &mut Changes) {
        self.set(first, end, State::Done, changes);
        self.advance();
    }

    /// Repeats changes after a restart; everything before `start` is done.
    pub(crate) fn replay(&mut self, start: u64, changes: Changes) {
        for (first, end, state) in changes {
            // The journal is read again from before the snapshot.
            self.spans.put(first.max(self.start), end, state.lasting());
        }
        if start > self.start {
            self.spans.drop_before(start);
            self.start = start;
        }
    }

    /// Everything that outlives a restart, in order, neighbours in the same state as one.
    pub(crate) fn lasting(&self) -> Changes {
        let mut all = Changes::new();
        for (first, end, state) in self.spans.iter() {
            let state = state.lasting();
            match all.last_mut() {
                Some(last) if last.1 == first && last.2 == state => last.1 = end,
                _ => all.push((first, end, state)),
            }
        }
        all
    }
}

/// How many records of a batch of `len` that were delivered `count` times are given at once; [`None`]: all. From half of the limit on it is
/// half of the batch, then a quarter; the last delivery is one by one.
fn throttled(count: u16, attempts_max: u16, len: u64) -> Option<u64> {
    let from = attempts_max.div_ceil(2).max(2);
    if count < from {
        return None;
    }
    if count + 1 >= attempts_max {
        return Some(1);
    }
    Some((len >> (count - from + 1).min(63)).max(1))
}

/// Adds a range, to the one before if they are alike and together short.
fn tell(out: &mut Vec<Acquired>, next: Acquired, range: u64) {
    match out.last_mut() {
        Some(last)
            if last.last + 1 == next.first && last.count == next.count && next.last - last.first < range =>
        {
            last.last = next.last;
        }
        _ => out.push(next),
    }
}
