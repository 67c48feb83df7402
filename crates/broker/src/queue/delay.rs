//! Messages that are not ready before their time.

use std::collections::BTreeMap;

use anymq_types::Millis;
use anymq_types::record::{self, DUE};

use super::{Queue, Views};

impl Queue {
    /// Notes when a message comes due. It is remembered until the message is settled, so that a snapshot taken after that
    /// moment still says how the message comes into line: the cursor passes over it.
    pub(crate) fn delay(&mut self, offset: u64, at: Millis) {
        self.views_mut().due.insert(offset, at);
    }

    /// A delayed message came due. False if it is settled already.
    pub(crate) fn mature(&mut self, offset: u64) -> bool {
        if self.is_settled(offset) || self.leases.contains_key(&offset) {
            return false;
        }
        let next = self.stream.next;
        let bytes = self.record(offset).ok().and_then(|r| record::body_len(&r)).unwrap_or(0);
        self.undelay(bytes as u64);
        self.ready += 1;
        self.views_mut().matured.push_back((next, offset));
        true
    }

    /// A ready or delayed message is taken out of line, wherever it stands; the caller settles it. Lists it stands in find it
    /// settled when they come to it.
    pub(crate) fn forget_ready(&mut self, offset: u64, record: &[u8]) {
        let came_due =
            |v: &Views| v.attempts.contains_key(&offset) || v.matured.iter().any(|&(_, o)| o == offset);
        let delayed = record::attrs(record) & DUE != 0 && !self.views().is_some_and(came_due);
        let bytes = record::body_len(record).unwrap_or(0) as u64;
        self.ready_bytes = self.ready_bytes.saturating_sub(bytes);
        if delayed && self.delayed() > 0 {
            self.undelay(bytes);
        } else {
            self.ready -= 1;
        }
    }

    /// One message less is delayed; a body whose record is on disk has an unknown size, 0.
    fn undelay(&mut self, bytes: u64) {
        let Some(views) = self.views.as_deref_mut() else { return };
        views.delayed = views.delayed.saturating_sub(1);
        views.delayed_bytes = if views.delayed == 0 { 0 } else { views.delayed_bytes.saturating_sub(bytes) };
    }

    /// Messages whose delay is not over.
    pub(crate) fn delayed(&self) -> u64 {
        self.views().map_or(0, |v| v.delayed)
    }

    /// Their body bytes, of those delayed since the process started.
    pub(crate) fn delayed_bytes(&self) -> u64 {
        self.views().map_or(0, |v| v.delayed_bytes)
    }

    /// Body bytes that count against the queue's bound.
    pub(crate) fn bounded_bytes(&self) -> u64 {
        self.ready_bytes.saturating_sub(self.delayed_bytes())
    }
}

/// Removes `start..end` from a map.
pub(super) fn remove_range<V>(map: &mut BTreeMap<u64, V>, start: u64, end: u64) {
    while let Some((&offset, _)) = map.range(start..end).next() {
        map.remove(&offset);
    }
}
