//! The durable state as bytes: what a snapshot holds.
//!
//! A chunk is a run of items `{kind u8, len u32 LE, body}`; an item never spans chunks. Long lists are split over several items. The
//! encoding is canonical: two cores with the same durable state write the same bytes, whatever is in memory.

use anymq_types::QueueId;

use super::Core;
use super::partitions::compaction::write_compacted;
use super::partitions::forward::write_forwarded;
use super::partitions::producers::write_producers;
use crate::journal::{put_varint, write_pairs, write_ranges};
use crate::queue::Queue;
use crate::queue::encoding::Encoding;
use crate::queue::ranges::RangeSet;
use crate::queue::views::Groups;
use crate::routing::FastMap;
use crate::wheel::What;

/// A change of the catalogue, as JSON.
pub(crate) const CATALOG: u8 = 1;
/// `queue, next, head, seen, reserved, unsettled body bytes`.
pub(crate) const QUEUE: u8 = 2;
/// `queue, (base, count, segment, offset, span, own, time s)*`.
pub(crate) const EXTENTS: u8 = 3;
/// `queue, ranges`.
pub(crate) const SETTLED: u8 = 4;
/// `queue, what (0 expire, 1 due), (offset, at)*`.
pub(crate) const TIMERS: u8 = 5;
/// `queue, (level, offset)*`, as versions wrote it that folded more than 32 priorities to 32 levels.
pub(crate) const FOLDED_PRIORITIES: u8 = 6;
/// `queue, (offset, attempts)*`.
pub(crate) const ATTEMPTS: u8 = 7;
/// `queue, (start of bucket, offset, key high, key low)*`.
pub(crate) const DEDUP: u8 = 8;
/// `queue, ranges`.
pub(crate) const URGENT: u8 = 9;
/// `queue, (priority, offset)*`.
pub(crate) const PRIORITIES: u8 = 10;
/// As [`EXTENTS`], of record batches.
pub(crate) const BATCH_EXTENTS: u8 = 11;
/// `queue, (producer, epoch, batches, (first sequence, last sequence, base offset)*)*`.
pub(crate) const PRODUCERS: u8 = 12;
/// `queue, (producer, first offset)* open, (producer, first, last offset)* aborted`.
pub(crate) const OPEN_TRANSACTIONS: u8 = 14;
/// As the journal's record of a transactional id.
pub(crate) const TXN: u8 = 15;
/// As the journal's record of offsets that a transaction will commit.
pub(crate) const TXN_OFFSETS: u8 = 17;
/// As the journal's record of a compacted partition.
pub(crate) const COMPACTED: u8 = 16;
/// As the journal's record of what went through a topic's exchanges.
pub(crate) const FORWARDED: u8 = 19;
/// `next`: producer ids below may have been given out.
pub(crate) const PRODUCER_IDS: u8 = 13;

/// A change to a consumer group, as in the journal.
pub(crate) const GROUP: u8 = 20;
/// A change to a share group's place in a partition, as in the journal.
pub(crate) const SHARE: u8 = 18;

/// A chunk is handed on when it has this many bytes.
const CHUNK_BYTES: usize = 48 << 10;
/// Entries in one item.
const ITEM_ENTRIES: usize = 1_024;

/// Collects items into chunks.
pub(crate) struct Chunks {
    pub(crate) done: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Chunks {
    fn item(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.open.push(kind);
        let at = self.open.len();
        self.open.extend_from_slice(&[0; 4]);
        body(&mut self.open);
        let len = u32::try_from(self.open.len() - at - 4).expect("an item is small");
        self.open[at..at + 4].copy_from_slice(&len.to_le_bytes());
        if self.open.len() >= CHUNK_BYTES {
            self.done.push(std::mem::take(&mut self.open));
        }
    }
}

/// The items of a chunk: kind and body.
pub(crate) fn items(chunk: &[u8]) -> impl Iterator<Item = Option<(u8, &[u8])>> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let item = (|| {
            let (&kind, after) = rest.split_first()?;
            let (len, after) = after.split_first_chunk::<4>()?;
            let len = u32::from_le_bytes(*len) as usize;
            let body = after.get(..len)?;
            rest = &after[len..];
            Some((kind, body))
        })();
        if item.is_none() {
            rest = &[];
        }
        Some(item)
    })
}

impl Core {
    /// Everything that outlives a restart.
    pub(crate) fn snapshot(&self) -> Vec<Vec<u8>> {
        let mut out = Chunks { done: Vec::new(), open: Vec::with_capacity(CHUNK_BYTES + 4_096) };
        for change in self.catalog.snapshot() {
            let json = serde_json::to_vec(&change).expect("a change is plain data");
            out.item(CATALOG, |o| o.extend_from_slice(&json));
        }
        self.durable_groups().for_each(|body| out.item(GROUP, |o| o.extend_from_slice(&body)));
        self.durable_shares().for_each(|body| out.item(SHARE, |o| o.extend_from_slice(&body)));
        if self.producer_ids.reserved > 0 {
            out.item(PRODUCER_IDS, |o| put_varint(o, self.producer_ids.reserved));
        }
        let mut ids: Vec<QueueId> = self.queues.values().filter(|q| q.durable).map(|q| q.id).collect();
        ids.sort_unstable();
        let timers = self.durable_timers();
        for id in ids {
            if let Some(queue) = self.queues.get(&id) {
                snapshot_queue(queue, &mut out);
            }
            if let Some(partition) = self.partitions.get(&id) {
                if partition.compacted > 0 {
                    out.item(COMPACTED, |o| write_compacted(id, partition.compacted, o));
                }
                if partition.forwarded > 0 {
                    out.item(FORWARDED, |o| write_forwarded(id, partition.forwarded, o));
                }
                if let Some(open) = partition.transactions.write(id) {
                    out.item(OPEN_TRANSACTIONS, |o| o.extend_from_slice(&open));
                }
                for part in partition.producers.entries().chunks(ITEM_ENTRIES) {
                    out.item(PRODUCERS, |o| write_producers(id, part, o));
                }
            }
            if let Some((expire, due)) = timers.get(&id) {
                write_timers(&mut out, id, 0, expire);
                write_timers(&mut out, id, 1, due);
            }
        }
        for (record, offsets) in self.transaction_records() {
            out.item(TXN, |o| o.extend_from_slice(&record));
            offsets.iter().for_each(|body| out.item(TXN_OFFSETS, |o| o.extend_from_slice(body)));
        }
        if !out.open.is_empty() {
            let open = std::mem::take(&mut out.open);
            out.done.push(open);
        }
        out.done
    }

    /// Expiry and delay appointments of durable queues, in order of offset.
    #[allow(clippy::type_complexity)] // Two lists per queue; a type would be used here alone.
    fn durable_timers(&self) -> FastMap<QueueId, (Vec<(u64, u64)>, Vec<(u64, u64)>)> {
        let mut timers: FastMap<QueueId, (Vec<(u64, u64)>, Vec<(u64, u64)>)> = FastMap::default();
        for entry in self.wheel.iter() {
            let Some(queue) = self.queues.get(&entry.queue).filter(|q| q.durable) else { continue };
            let What::Expire(offset) = entry.what else { continue };
            if !queue.is_settled(offset) && queue.is_lasting(offset) {
                timers.entry(entry.queue).or_default().0.push((offset, entry.at.0));
            }
        }
        timers.values_mut().for_each(|(expire, _)| expire.sort_unstable());
        for queue in self.queues.values().filter(|q| q.durable) {
            // Those that came due too: the wheel brings them into line again.
            let Some(views) = queue.views().filter(|v| !v.due.is_empty()) else { continue };
            let lasting = views
                .due
                .iter()
                .filter(|&(&offset, _)| queue.is_lasting(offset))
                .map(|(&offset, at)| (offset, at.0));
            timers.entry(queue.id).or_default().1.extend(lasting);
        }
        timers
    }
}

fn write_timers(out: &mut Chunks, id: QueueId, what: u64, entries: &[(u64, u64)]) {
    for part in entries.chunks(ITEM_ENTRIES) {
        out.item(TIMERS, |o| {
            put_varint(o, id.0);
            put_varint(o, what);
            write_pairs(part, o);
        });
    }
}

fn snapshot_queue(queue: &Queue, out: &mut Chunks) {
    let id = queue.id.0;
    let lasting: Vec<_> = queue.stream.extents().filter(|e| e.stored && !e.volatile).collect();
    out.item(QUEUE, |o| {
        let bytes = queue.ready_bytes + queue.unacked_bytes;
        for value in [id, queue.stream.next, queue.head, queue.seen(), queue.reserved, bytes] {
            put_varint(o, value);
        }
    });
    let alike = lasting.chunk_by(|a, b| a.encoding == b.encoding);
    for part in alike.flat_map(|extents| extents.chunks(ITEM_ENTRIES)) {
        let kind = match part[0].encoding {
            Encoding::Canonical => EXTENTS,
            Encoding::Batches => BATCH_EXTENTS,
        };
        out.item(kind, |o| {
            put_varint(o, id);
            put_varint(o, part.len() as u64);
            for e in part {
                for value in [
                    e.base,
                    e.count as u64,
                    e.at.segment() as u64,
                    e.at.offset() as u64,
                    e.span as u64,
                    e.own as u64,
                    e.time_s as u64,
                ] {
                    put_varint(o, value);
                }
            }
        });
    }
    snapshot_ranges(queue, SETTLED, &queue.settled, out);
    if let Some(urgent) = queue.views().and_then(|v| v.urgent.as_ref()) {
        let mut live = RangeSet::default();
        let live_ones = urgent.offsets().filter(|&o| !queue.is_settled(o) && queue.is_lasting(o));
        live_ones.for_each(|o| live.insert(o, o + 1));
        snapshot_ranges(queue, URGENT, &live, out);
    }
    snapshot_views(queue, out);
}

fn snapshot_ranges(queue: &Queue, kind: u8, ranges: &RangeSet, out: &mut Chunks) {
    let ranges: Vec<_> = ranges.iter().collect();
    for part in ranges.chunks(ITEM_ENTRIES) {
        out.item(kind, |o| {
            put_varint(o, queue.id.0);
            write_ranges(part.iter().copied(), part.len(), o);
        });
    }
}

fn snapshot_views(queue: &Queue, out: &mut Chunks) {
    let Some(views) = queue.views() else { return };
    let id = queue.id.0;
    let pairs = |out: &mut Chunks, kind: u8, entries: &[(u64, u64)]| {
        for part in entries.chunks(ITEM_ENTRIES) {
            out.item(kind, |o| {
                put_varint(o, id);
                write_pairs(part, o);
            });
        }
    };
    if let Some(priorities) = &views.priorities {
        let leased = queue.leases.iter().map(|(&offset, lease)| (lease.level as u64, offset));
        let dying = views.dying.iter().map(|&(offset, level, _)| (level as u64, offset));
        // Those with a delay come into line by that.
        let mut entries: Vec<_> = priorities
            .iter()
            .chain(leased)
            .chain(dying)
            .chain(views.groups.iter().flat_map(Groups::waiting))
            .filter(|&(_, o)| !queue.is_settled(o) && queue.is_lasting(o) && !views.due.contains_key(&o))
            .collect();
        entries.sort_unstable();
        pairs(out, PRIORITIES, &entries);
    }
    let mut entries: Vec<_> =
        views.attempts.iter().map(|(&o, &n)| (o, n as u64)).filter(|&(o, _)| queue.is_lasting(o)).collect();
    entries.extend(
        queue
            .leases
            .iter()
            .filter(|(o, l)| l.attempts > 0 && queue.is_lasting(**o))
            .map(|(&o, l)| (o, l.attempts as u64)),
    );
    entries.sort_unstable();
    entries.dedup_by_key(|e| e.0);
    pairs(out, ATTEMPTS, &entries);
    if let Some(dedup) = &views.dedup {
        let entries = dedup.entries();
        for part in entries.chunks(ITEM_ENTRIES) {
            out.item(DEDUP, |o| {
                put_varint(o, id);
                put_varint(o, part.len() as u64);
                for &(at, key, offset) in part {
                    for value in [at, offset, (key >> 64) as u64, key as u64] {
                        put_varint(o, value);
                    }
                }
            });
        }
    }
}

impl Queue {
    /// Whether a message outlives a restart.
    pub(crate) fn is_lasting(&self, offset: u64) -> bool {
        self.stream.find(offset).and_then(|n| self.stream.extent(n)).is_some_and(|e| e.stored && !e.volatile)
    }
}
