//! Which message is next.

use anymq_types::Millis;
use anymq_types::record::{self, DUE, EXPIRES, GROUP, Record};
use bytes::Bytes;

use super::extent::Place;
use super::settings::Kind;
use super::urgent::{NORMAL_PRIORITY_MAX, Urgent};
use super::{Queue, Returned};

/// What [`Queue::pick`] found.
#[derive(Debug)]
pub(crate) enum Pick {
    /// Consecutive messages to deliver; they are no longer ready, and must now be leased or settled.
    Run(Run),
    /// A message whose time is over; it is no longer ready, and must now be settled.
    Expired(Run),
    /// The next message is on disk: load the extent with this number.
    Load(u64),
    /// Nothing is ready.
    Nothing,
}

/// Consecutive messages.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) records: Bytes,
    pub(crate) redelivered: bool,
    pub(crate) attempts: u32,
}

enum Step {
    Run(Run, u64),
    Expired(Run),
    Load(u64),
    Again,
    Nothing,
}

impl Queue {
    /// Takes up to `max` consecutive messages that are next in this queue's order.
    pub(crate) fn pick(&mut self, max: u32, now: Millis) -> Pick {
        loop {
            let step = match self.next_single() {
                Some(offset) => self.pick_single(offset, now),
                None if self.has_priorities() => Step::Nothing,
                None => self.pick_fresh(max, now),
            };
            match step {
                Step::Run(run, body_bytes) => {
                    self.ready -= run.count as u64;
                    self.ready_bytes = self.ready_bytes.saturating_sub(body_bytes);
                    return Pick::Run(run);
                }
                Step::Expired(run) => {
                    self.ready -= 1;
                    self.ready_bytes =
                        self.ready_bytes.saturating_sub(record::body_len(&run.records).unwrap_or(0) as u64);
                    return Pick::Expired(run);
                }
                Step::Load(number) => return Pick::Load(number),
                Step::Again => {}
                Step::Nothing => return Pick::Nothing,
            }
        }
    }

    pub(super) fn has_priorities(&self) -> bool {
        self.views().is_some_and(|v| v.priorities.is_some())
    }

    /// An offset that goes before whatever is fresh.
    fn next_single(&self) -> Option<u64> {
        if let Some(views) = self.views() {
            if let Some(priorities) = &views.priorities {
                return views.matured.front().map(|&(_, o)| o).or_else(|| priorities.peek().map(|(_, o)| o));
            }
            if let Some(&(key, offset)) = views.matured.front()
                && self.first_returned().is_none()
                && (key <= self.fresh.offset || self.fresh.offset >= self.stream.next)
            {
                return Some(offset);
            }
        }
        self.first_returned().or_else(|| self.next_urgent())
    }

    /// The next urgent message, unless it is another one's turn.
    fn next_urgent(&self) -> Option<u64> {
        let urgent = self.views()?.urgent.as_ref()?;
        if urgent.yields() && self.fresh.offset < self.stream.next { None } else { urgent.peek() }
    }

    fn urgent_mut(&mut self) -> Option<&mut Urgent> {
        self.views.as_mut()?.urgent.as_mut()
    }

    /// Whether urgent messages wait.
    fn is_urged(&self) -> bool {
        self.views().and_then(|v| v.urgent.as_ref()).is_some_and(|u| u.peek().is_some())
    }

    fn first_returned(&self) -> Option<u64> {
        match &self.returned {
            Returned::ByOffset(set) => set.first().copied(),
            Returned::InOrder(list) => list.front().copied(),
        }
    }

    /// Removes `offset` from wherever [`Queue::next_single`] found it.
    fn take_single(&mut self, offset: u64) {
        if let Some(views) = self.views.as_deref_mut() {
            if views.matured.front().is_some_and(|&(_, o)| o == offset) {
                views.matured.pop_front();
                return;
            }
            if let Some(priorities) = &mut views.priorities {
                if let Some((level, o)) = priorities.peek()
                    && o == offset
                {
                    priorities.take(level, offset);
                }
                return;
            }
            if let Some(urgent) = views.urgent.as_mut().filter(|u| u.peek() == Some(offset)) {
                urgent.take(offset);
                return;
            }
        }
        match &mut self.returned {
            Returned::ByOffset(set) => {
                set.remove(&offset);
            }
            Returned::InOrder(list) => {
                list.pop_front();
            }
        }
    }

    fn pick_single(&mut self, offset: u64, now: Millis) -> Step {
        if self.is_settled(offset) {
            self.take_single(offset);
            return Step::Again;
        }
        let records = match self.record(offset) {
            Ok(records) => records,
            Err(Some(number)) => return Step::Load(number),
            Err(None) => {
                self.take_single(offset);
                return Step::Again;
            }
        };
        let Some(record) = Record::parse(&records) else {
            self.take_single(offset);
            return Step::Again;
        };
        if self.must_wait(offset, &record) {
            self.take_single(offset);
            return Step::Again;
        }
        let (expired, body_bytes) = (self.is_expired(&record, now), record.body.len() as u64);
        let is_urgent = self.first_returned() != Some(offset) && self.is_urgent(record.priority);
        self.take_single(offset);
        if let Some(urgent) = self.urgent_mut().filter(|_| is_urgent && !expired) {
            urgent.picked(1);
        }
        let attempts = self.views().and_then(|v| v.attempts.get(&offset)).copied();
        let redelivered = offset < self.seen_before || attempts.is_some();
        let attempts = attempts.unwrap_or(0);
        let run = Run { first: offset, count: 1, records, redelivered, attempts };
        if expired { Step::Expired(run) } else { Step::Run(run, body_bytes) }
    }

    /// Whether the message's group has a lease; then it waits with its group.
    fn must_wait(&mut self, offset: u64, record: &Record<'_>) -> bool {
        let Some(group) = record.group else { return false };
        let level = self.level_of(record.bytes);
        self.views.as_mut().and_then(|v| v.groups.as_mut()).is_some_and(|g| g.wait(group, offset, level))
    }

    /// Whether its time is over. A message whose time ends this very millisecond may still be delivered: that is how a time to
    /// live of zero means "at once or never".
    fn is_expired(&self, record: &Record<'_>, now: Millis) -> bool {
        record.expires.is_some_and(|at| at < now)
            || self.settings.ttl_ms.is_some_and(|ttl| record.timestamp.0.saturating_add(ttl) < now.0)
    }

    fn pick_fresh(&mut self, max: u32, now: Millis) -> Step {
        let Some(number) = self.stream.settle_place(&mut self.fresh) else {
            self.fresh = Place::at(self.stream.next);
            // All that was left was urgent: then it need not wait for its turn.
            return if self.is_urged() { Step::Again } else { Step::Nothing };
        };
        if self.settled_ahead > 0
            && let Some(end) = self.settled.range_at(self.fresh.offset)
        {
            self.settled_ahead -= end - self.fresh.offset;
            self.fresh = Place::at(end);
            return Step::Again;
        }
        let Some(extent) = self.stream.extent(number) else { return Step::Nothing };
        let Some((data, byte)) = self.stream.rest_at(&self.fresh) else { return Step::Load(number) };
        let mut limit = extent.end();
        if self.settled_ahead > 0
            && let Some((start, _)) = self.settled.next_from(self.fresh.offset)
        {
            limit = limit.min(start);
        }
        let mut redelivered = self.fresh.offset < self.seen_before;
        if redelivered {
            limit = limit.min(self.seen_before);
        }
        // After a restart messages that failed before are fresh again: each by itself, with its count.
        let failed =
            self.views().and_then(|v| v.attempts.range(self.fresh.offset..).next()).map(|(&o, &n)| (o, n));
        let attempts = match failed {
            Some((offset, n)) if offset == self.fresh.offset => {
                limit = limit.min(offset + 1);
                redelivered = true;
                n
            }
            Some((offset, _)) => {
                limit = limit.min(offset);
                0
            }
            None => 0,
        };
        let max = if self.is_urged() { 1 } else { (max as u64).min(limit - self.fresh.offset) as u32 };
        let check = Check { first: self.settings.ttl_ms.is_some(), levels: self.has_levels() };
        let walk = walk(&data[byte as usize..], max, check);
        let records = data.slice(byte as usize..byte as usize + walk.bytes as usize);
        let first = self.fresh.offset;
        if walk.count == 0 {
            // Damaged in memory is impossible; a chunk that ends early was refused when it was installed.
            self.fresh = Place::at(first + 1);
            return Step::Again;
        }
        self.fresh.step(walk.count as u64, walk.bytes);
        let run = Run { first, count: walk.count, records, redelivered, attempts };
        let step = if walk.special { self.fresh_special(run, now) } else { Step::Run(run, walk.body_bytes) };
        if self.fresh.offset == self.stream.extent(number).map_or(0, |e| e.end()) {
            self.passed(number);
        }
        if let (Step::Run(run, _), Some(urgent)) = (&step, self.urgent_mut()) {
            urgent.picked(run.count as u64);
        }
        step
    }

    /// A single fresh message that has a time to live, a due time, a group, or that is urgent.
    fn fresh_special(&mut self, run: Run, now: Millis) -> Step {
        let records = run.records.clone();
        let Some(record) = Record::parse(&records) else { return Step::Again };
        if record.due.is_some() || self.is_urgent(record.priority) || self.must_wait(run.first, &record) {
            return Step::Again; // It comes by way of its timer, with the urgent ones, or with its group.
        }
        if self.is_expired(&record, now) {
            return Step::Expired(run);
        }
        Step::Run(run, record.body.len() as u64)
    }

    /// The fresh cursor has left an extent: what the journal has need not stay in memory.
    fn passed(&mut self, number: u64) {
        if self.kind != Kind::Stream && !self.has_priorities() {
            self.evict(number);
        }
    }
}

struct Walk {
    count: u32,
    bytes: u32,
    body_bytes: u64,
    /// The one message walked over needs a closer look.
    special: bool,
}

/// Which plain records are special in their queue.
#[derive(Clone, Copy)]
struct Check {
    /// The first one.
    first: bool,
    /// Urgent ones.
    levels: bool,
}

/// Walks over up to `max` plain records, or over one special one.
fn walk(data: &[u8], max: u32, check: Check) -> Walk {
    let mut walk = Walk { count: 0, bytes: 0, body_bytes: 0, special: false };
    while walk.count < max {
        let rest = &data[walk.bytes as usize..];
        let Some(len) = record::record_len(rest).filter(|&len| len <= rest.len()) else { break };
        let special = record::attrs(rest) & (DUE | EXPIRES | GROUP) != 0
            || check.first && walk.count == 0
            || check.levels && record::priority(rest) > NORMAL_PRIORITY_MAX;
        if special && walk.count > 0 {
            break;
        }
        walk.count += 1;
        walk.bytes += len as u32;
        walk.body_bytes += record::body_len(rest).unwrap_or(0) as u64;
        if special {
            walk.special = true;
            break;
        }
    }
    walk
}
