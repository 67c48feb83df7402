//! The queue engine: one stream and the cursor over it, as plain data.
//!
//! Nothing here does I/O, reads a clock, routes, or knows who consumes: `core` orchestrates. A message is in exactly one of these
//! states, and the counters say how many are in each:
//!
//! ```text
//!   append ─▶ fresh ──pick──▶ leased ──settle──▶ settled        delayed ──due──▶ matured ─┐
//!               ▲               │                                waiting ──group free──────┤
//!               └── (returned) ◀┘ requeue                                      (returned) ◀┘
//! ```

pub(crate) mod age;
mod chunk;
pub(crate) mod consumers;
mod delay;
pub(crate) mod encoding;
pub(crate) mod extent;
mod index;
pub(crate) mod lease;
pub(crate) mod pick;
pub(crate) mod priorities;
pub(crate) mod ranges;
pub(crate) mod segments;
pub(crate) mod settings;
pub(crate) mod settle;
#[cfg(test)]
mod tests;
pub(crate) mod urgent;
pub(crate) mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use anymq_types::record::{self, Record};
use anymq_types::{Millis, Position, QueueId, VhostId};
use bytes::Bytes;

pub(crate) use self::chunk::{Chunk, time_s};
use self::consumers::Consumers;
use self::encoding::Encoding;
use self::extent::{Extent, Place, Stream};
use self::lease::Lease;
use self::priorities::Priorities;
use self::ranges::RangeSet;
use self::segments::SegmentUse;
use self::settings::{Kind, Settings};
use self::urgent::Urgent;
use self::views::{Dedup, Groups};
use crate::core::stats::Deliveries;
use crate::routing::FastMap;

/// Offsets to deliver again, before anything fresh.
#[derive(Debug)]
pub(crate) enum Returned {
    /// At their original place: the lowest first.
    ByOffset(BTreeSet<u64>),
    /// In the order in which they came back.
    InOrder(VecDeque<u64>),
}

/// What only some queues need.
#[derive(Debug, Default)]
pub(crate) struct Views {
    pub(crate) priorities: Option<Box<Priorities>>,
    pub(crate) urgent: Option<Urgent>,
    pub(crate) groups: Option<Groups>,
    pub(crate) dedup: Option<Dedup>,
    /// Delayed messages that came due: the offset that was next at that moment, and theirs.
    pub(crate) matured: VecDeque<(u64, u64)>,
    /// Messages whose delay is not over.
    pub(crate) delayed: u64,
    /// Their body bytes, of those delayed since the process started.
    pub(crate) delayed_bytes: u64,
    /// When messages with a delay come due, or came; until they are settled.
    pub(crate) due: BTreeMap<u64, Millis>,
    /// Failed deliveries per message, where they count.
    pub(crate) attempts: BTreeMap<u64, u32>,
    /// Fetches that wait for the disk only, not for a message.
    pub(crate) hasty: Vec<anymq_types::ConsumerId>,
    /// First offsets of a stream's chunks that came into memory, the oldest first: they leave it in this order.
    pub(crate) in_memory: VecDeque<u64>,
    /// Messages to dead-letter or drop once their record has been read, their priority level, and why.
    pub(crate) dying: Vec<(u64, u8, crate::core::deadletter::Reason)>,
}

/// Counters since the process started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) published: u64,
    deliveries: Option<Box<Deliveries>>,
    pub(crate) dropped: u64,
}

impl Counters {
    /// Deliveries so far.
    pub(crate) fn deliveries(&self) -> Deliveries {
        self.deliveries.as_deref().copied().unwrap_or_default()
    }

    /// The same to count on: a queue that nobody has read from has none.
    pub(crate) fn deliveries_mut(&mut self) -> &mut Deliveries {
        self.deliveries.get_or_insert_default()
    }
}

/// One queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) vhost: VhostId,
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) durable: bool,
    /// A load of some extent is under way.
    pub(crate) loading: bool,
    /// Consumers get nothing while set.
    pub(crate) paused: bool,
    /// It has had a consumer: auto-delete may apply.
    pub(crate) had_consumer: bool,
    /// It is in the list of queues to look at before the operation ends.
    pub(crate) dirty: bool,
    pub(crate) settings: Arc<Settings>,
    pub(crate) stream: Stream,
    /// Lowest offset that is not settled.
    pub(crate) head: u64,
    /// Settled offsets above `head`.
    pub(crate) settled: RangeSet,
    /// How many of them are at or after `fresh`.
    settled_ahead: u64,
    pub(crate) fresh: Place,
    pub(crate) returned: Returned,
    pub(crate) leases: FastMap<u64, Lease>,
    pub(crate) ready: u64,
    /// Body bytes of the messages that are neither settled nor leased, delayed ones too.
    pub(crate) ready_bytes: u64,
    pub(crate) unacked_bytes: u64,
    /// Offsets below may have been seen by a consumer before the last restart.
    pub(crate) seen_before: u64,
    /// Offsets below may have been used: recovery starts at or after it.
    pub(crate) reserved: u64,
    /// While recovering: the next offset as the snapshot had it.
    pub(crate) restored_next: u64,
    /// Bytes of records in memory.
    pub(crate) resident: u64,
    pub(crate) consumers: Consumers,
    pub(crate) views: Option<Box<Views>>,
    pub(crate) counters: Counters,
    /// Last declare, get or consumer: what idle expiry looks at.
    pub(crate) used: Millis,
    /// Head expiry is on the wheel for this moment; 0: it is not.
    pub(crate) head_timer: Millis,
}

/// Something to put on the wheel.
pub(crate) type Appointment = (Millis, crate::wheel::What);

impl Queue {
    pub(crate) fn new(
        id: QueueId,
        vhost: VhostId,
        name: Arc<str>,
        kind: Kind,
        durable: bool,
        settings: Arc<Settings>,
        now: Millis,
    ) -> Self {
        let returned = match kind {
            Kind::Quorum => Returned::InOrder(VecDeque::new()),
            Kind::Classic | Kind::Stream => Returned::ByOffset(BTreeSet::new()),
        };
        let mut queue = Queue {
            id,
            vhost,
            name,
            kind,
            durable,
            loading: false,
            paused: false,
            had_consumer: false,
            dirty: false,
            settings: Arc::default(),
            stream: Stream::default(),
            head: 0,
            settled: RangeSet::default(),
            settled_ahead: 0,
            fresh: Place::at(0),
            returned,
            leases: FastMap::default(),
            ready: 0,
            ready_bytes: 0,
            unacked_bytes: 0,
            seen_before: 0,
            reserved: 0,
            restored_next: 0,
            resident: 0,
            consumers: Consumers::default(),
            views: None,
            counters: Counters::default(),
            used: now,
            head_timer: Millis(0),
        };
        queue.apply_settings(settings);
        queue
    }

    /// Takes new settings; views that an order needs are made here, before there are messages, or stay as they are.
    pub(crate) fn apply_settings(&mut self, settings: Arc<Settings>) {
        if self.kind != Kind::Stream {
            if let Some(max) = settings.max_priority
                && self.stream.is_empty()
            {
                self.views_mut().priorities = Some(Box::new(Priorities::new(max)));
            }
            if settings.message_groups && self.views().is_none_or(|v| v.groups.is_none()) {
                self.views_mut().groups = Some(Groups::default());
                // Order within a group counts for more than the order of returning.
                if let Returned::InOrder(list) = &mut self.returned {
                    self.returned = Returned::ByOffset(list.drain(..).collect());
                }
            }
            if let Some(window) = settings.dedup_ms
                && self.settings.dedup_ms != Some(window)
            {
                self.views_mut().dedup = Some(Dedup::new(window));
            }
        }
        self.settings = settings;
    }

    pub(crate) fn views(&self) -> Option<&Views> {
        self.views.as_deref()
    }

    pub(crate) fn views_mut(&mut self) -> &mut Views {
        self.views.get_or_insert_default()
    }

    /// Offsets below may have been seen by a consumer, in this life or an earlier one.
    pub(crate) fn seen(&self) -> u64 {
        self.seen_before.max(self.fresh.offset)
    }

    /// Whether failed deliveries are counted.
    pub(crate) fn counts_attempts(&self) -> bool {
        self.kind == Kind::Quorum || self.settings.delivery_limit.is_some()
    }

    /// Appends a chunk at `base`; timers its messages need go to `timers`.
    pub(crate) fn append(
        &mut self,
        base: u64,
        chunk: Chunk<'_>,
        segments: &mut SegmentUse,
        timers: &mut Vec<Appointment>,
    ) {
        let (at, span) = chunk.stored.unwrap_or((Position::default(), chunk.records.len() as u32));
        if chunk.stored.is_some() {
            segments.retain(at.segment(), span);
        }
        if let Some(data) = &chunk.data {
            self.resident += data.len() as u64;
        }
        if self.kind == Kind::Stream {
            self.views_mut().in_memory.push_back(base);
        }
        self.skip_to(base);
        self.stream.push(Extent {
            base,
            at,
            count: chunk.count,
            live: chunk.count,
            span,
            own: span,
            time_s: chunk.time_s(),
            stored: chunk.stored.is_some(),
            volatile: chunk.volatile,
            synced: false,
            encoding: chunk.encoding,
            data: chunk.data,
        });
        self.counters.published += chunk.count as u64;
        match chunk.encoding {
            Encoding::Canonical => self.index(base, chunk.records, timers),
            Encoding::Batches => self.count_batches(chunk.count, chunk.records.len()),
        }
    }

    /// Offsets between the last record and `base` were used by messages that are gone: they count as settled.
    pub(crate) fn skip_to(&mut self, base: u64) {
        let next = self.stream.next;
        if next == base {
            return;
        }
        if self.head == next {
            self.head = base;
        } else {
            self.settled.insert(next, base);
        }
        if self.fresh.offset == next {
            self.fresh = Place::at(base);
        } else {
            self.settled_ahead += base - next;
        }
        self.stream.next = base;
    }

    /// Puts the cursor back to the lowest unsettled offset: nothing is leased after a restart.
    pub(crate) fn rewind(&mut self) {
        self.fresh = Place::at(self.head);
        self.settled_ahead = self.settled.iter().map(|(start, end)| end - start).sum();
        if let Some(urgent) = self.views.as_mut().and_then(|v| v.urgent.as_mut()) {
            urgent.skip_to(0);
        }
    }

    /// Whether `offset` is settled.
    pub(crate) fn is_settled(&self, offset: u64) -> bool {
        offset < self.head || self.settled.contains(offset)
    }

    /// Messages that are neither settled nor leased nor delayed, plus those leased.
    pub(crate) fn unacked(&self) -> u64 {
        self.leases.len() as u64
    }

    /// The record of `offset` if it is in memory; else the number of the extent to load.
    pub(crate) fn record(&self, offset: u64) -> Result<Bytes, Option<u64>> {
        let Some(number) = self.stream.find(offset) else { return Err(None) };
        let Some(byte) = self.stream.byte_of(number, offset) else { return Err(Some(number)) };
        let data = self.stream.extent(number).and_then(|e| e.data.as_ref()).ok_or(Some(number))?;
        let byte = byte as usize;
        let len = record::record_len(&data[byte..]).ok_or(None)?;
        Ok(data.slice(byte..byte + len))
    }

    /// When the message that is next was published, if its record is in memory.
    pub(crate) fn head_timestamp(&mut self) -> Option<Millis> {
        let first = match &self.returned {
            Returned::ByOffset(set) => set.first().copied(),
            Returned::InOrder(list) => list.front().copied(),
        };
        let views = self.views.as_deref();
        let first = first
            .or_else(|| views?.matured.front().map(|&(_, o)| o))
            .or_else(|| views?.priorities.as_ref()?.peek().map(|(_, o)| o))
            .or_else(|| views?.urgent.as_ref()?.peek());
        let records = match first {
            Some(offset) => self.record(offset).ok()?,
            None => {
                self.stream.settle_place(&mut self.fresh)?;
                let (data, byte) = self.stream.rest_at(&self.fresh)?;
                data.slice(byte as usize..)
            }
        };
        Record::parse(&records).map(|r| r.timestamp)
    }

    /// Puts loaded records into extent `number`, if they are what it stands for.
    pub(crate) fn install(&mut self, base: u64, data: Bytes) -> bool {
        let Some(number) = self.stream.find(base) else { return false };
        let Some(extent) = self.stream.extent_mut(number) else { return false };
        if extent.base != base
            || extent.data.is_some()
            || extent.encoding.offsets(&data) != Some(extent.count as u64)
        {
            return false;
        }
        self.resident += data.len() as u64;
        extent.data = Some(data);
        if self.kind == Kind::Stream {
            self.views_mut().in_memory.push_back(base);
        }
        true
    }

    /// Drops the data of extent `number` from memory, if the journal has it.
    pub(crate) fn evict(&mut self, number: u64) {
        let Some(extent) = self.stream.extent_mut(number) else { return };
        if !extent.stored {
            return;
        }
        if let Some(data) = extent.data.take() {
            self.resident -= data.len() as u64;
        }
        self.stream.merge_back(number);
    }
}

// 100 000 idle queues fit into 64 MiB: this, the catalogue's share and the router's.
const _: () = assert!(size_of::<Queue>() <= 384);
