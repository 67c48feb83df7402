//! Streams as partitions: written in batches, read by offset up to what is on disk.
//!
//! A partition is a queue like any other; what is kept here exists only for those that are used so: the producers that wrote batches, and
//! the sessions that wait for more. Its **high watermark** is the offset after the last message whose frame is committed: it is not
//! stored but read off the index, whose last extents say where their frames end. Cost of a write: one look-up of the partition and its
//! producer, one frame; of a read: one search of the index, one step for every batch that is given.

pub(crate) mod compaction;
mod edges;
pub(crate) mod forward;
pub(crate) mod open;
pub(crate) mod producers;
mod read;
mod retention;
pub(crate) use read::runs_in;
mod topics;
pub(crate) use topics::{name_fault, put_topic, queue_of, topic_id};
mod write;

use std::sync::Arc;

use anymq_auth::acl::{Operation, ResourceKind};
use anymq_batch::BatchHeader;
use anymq_types::{ConnectionId, Position, QueueId};

use self::open::OpenTransactions;
use self::producers::Producers;
use super::Core;
use super::fx::Fx;
use crate::outbox::Outbox;
use crate::queue::Queue;

/// What is known of a partition besides its stream.
#[derive(Default)]
pub(crate) struct Partition {
    pub(crate) producers: Producers,
    pub(crate) transactions: OpenTransactions,
    /// Sessions to wake when something more is committed, each once.
    pub(crate) watchers: Vec<Arc<Outbox>>,
    /// The high watermark as it was last seen: it never falls.
    high: u64,
    /// Everything before it was compacted.
    pub(crate) compacted: u64,
    /// Everything before it went through the topic's exchanges.
    pub(crate) forwarded: u64,
    /// A timer is set to look for what is too much.
    pub(crate) look_due: bool,
}

/// Why a partition may not be used.
pub(crate) enum Refused {
    NoPartition,
    Forbidden,
}

impl Partition {
    /// Notes a batch of a producer that was stored at `base`.
    fn note(&mut self, header: &BatchHeader, batch: &[u8], base: u64) {
        if !header.attributes.is_control() {
            self.producers.note(header, base);
        }
        self.transactions.note(header, batch, base);
    }
}

impl Core {
    /// What is known of a partition; made when it is first asked for.
    pub(crate) fn partition(&mut self, id: QueueId) -> &mut Partition {
        self.partitions.entry(id).or_default()
    }

    /// Whether a session may do `operation` to the topic of a partition.
    pub(crate) fn may_use(
        &self,
        session: ConnectionId,
        id: QueueId,
        operation: impl Into<Operation>,
    ) -> Result<(), Refused> {
        let state = self.sessions.get(&session).ok_or(Refused::NoPartition)?;
        let queue = self.queues.get(&id).filter(|q| q.vhost == state.vhost).ok_or(Refused::NoPartition)?;
        let name = self.catalog.topic_of(id).map_or(&queue.name, |topic| &topic.name);
        let may = state.access.may(self.now, ResourceKind::Topic, name, operation.into());
        if may { Ok(()) } else { Err(Refused::Forbidden) }
    }

    /// The high watermark of a partition.
    pub(crate) fn high_watermark(&mut self, id: QueueId, committed: Position) -> u64 {
        let high = self.queues.get(&id).map_or(0, |queue| queue.synced_end(committed));
        let partition = self.partition(id);
        partition.high = partition.high.max(high);
        partition.high
    }

    /// Has a session woken when something more is committed to a partition.
    pub(crate) fn watch(&mut self, session: ConnectionId, id: QueueId) {
        let Some(outbox) = self.sessions.get(&session).map(|s| s.outbox.clone()) else { return };
        let watchers = &mut self.partition(id).watchers;
        if !watchers.iter().any(|w| Arc::ptr_eq(w, &outbox)) {
            watchers.push(outbox);
            if let Some(state) = self.sessions.get_mut(&session)
                && !state.watches.contains(&id)
            {
                state.watches.push(id);
            }
        }
    }

    /// A session is gone: nobody wakes it.
    pub(crate) fn unwatch(&mut self, outbox: &Arc<Outbox>, watches: &[QueueId]) {
        for id in watches {
            if let Some(partition) = self.partitions.get_mut(id) {
                partition.watchers.retain(|w| !Arc::ptr_eq(w, outbox));
            }
        }
    }

    /// A queue has changed: those who wait for more look again once that is on disk.
    pub(crate) fn wake_watchers(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            fx.watchers.append(&mut partition.watchers);
        }
    }
}

impl Queue {
    /// First offset that may be read.
    pub(crate) fn log_start(&self) -> u64 {
        match self.kind {
            crate::queue::settings::Kind::Stream => self.head,
            _ => self.stream.first(),
        }
    }

    /// One past the last offset before which everything that is stored is on disk.
    fn synced_end(&self, committed: Position) -> u64 {
        let mut end = self.stream.next;
        for extent in self.stream.extents().rev().filter(|e| e.stored) {
            if extent.synced || extent.at.0 + u64::from(extent.span) <= committed.0 {
                break;
            }
            end = extent.base;
        }
        end
    }
}
