//! What a record is, beyond first in, first out: timers, views, levels.

use anymq_types::record::{self, DUE, EXPIRES, Record};

use super::settings::Kind;
use super::urgent::NORMAL_PRIORITY_MAX;
use super::{Appointment, Queue};

impl Queue {
    /// Counts the records of a new chunk and enters those that are more than first-in-first-out into their views.
    pub(super) fn index(&mut self, base: u64, records: &[u8], timers: &mut Vec<Appointment>) {
        let prioritised = self.views().is_some_and(|v| v.priorities.is_some());
        let mut rest = records;
        let mut offset = base;
        while let Some(len) = record::record_len(rest).filter(|&len| len <= rest.len()) {
            let attrs = record::attrs(rest);
            self.ready += 1;
            self.ready_bytes += record::body_len(rest).unwrap_or(0) as u64;
            if (prioritised || attrs & (EXPIRES | DUE) != 0 || self.is_urgent(record::priority(rest)))
                && self.kind != Kind::Stream
                && let Some(record) = Record::parse(rest)
            {
                self.index_special(offset, &record, timers);
            }
            rest = &rest[len..];
            offset += 1;
        }
    }

    /// Counts batches, which have nothing to be indexed by: they are in streams only.
    pub(crate) fn count_batches(&mut self, offsets: u32, bytes: usize) {
        self.ready += u64::from(offsets);
        self.ready_bytes += bytes as u64;
    }

    fn index_special(&mut self, offset: u64, record: &Record<'_>, timers: &mut Vec<Appointment>) {
        if let Some(at) = record.expires {
            timers.push((at, crate::wheel::What::Expire(offset)));
        }
        if let Some(at) = record.due {
            self.ready -= 1;
            self.delay(offset, at);
            let views = self.views_mut();
            views.delayed += 1;
            views.delayed_bytes += record.body.len() as u64;
            timers.push((at, crate::wheel::What::Due(offset)));
        } else if let Some(priorities) = self.views.as_mut().and_then(|v| v.priorities.as_mut()) {
            let level = priorities.level(record.priority);
            priorities.push(level, offset);
        } else if self.is_urgent(record.priority) {
            self.urge(offset, offset + 1);
        }
    }

    /// Whether a message of this priority overtakes, in a quorum queue.
    pub(crate) fn is_urgent(&self, priority: u8) -> bool {
        priority > NORMAL_PRIORITY_MAX && self.has_levels()
    }

    /// Whether there are two levels instead of priorities.
    pub(crate) fn has_levels(&self) -> bool {
        self.kind == Kind::Quorum && !self.has_priorities()
    }

    /// Notes that the messages in `start..end` are urgent.
    pub(crate) fn urge(&mut self, start: u64, end: u64) {
        self.views_mut().urgent.get_or_insert_default().push(start, end);
    }
}
