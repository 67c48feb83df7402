//! The core: everything that exists, as one synchronous state machine.
//!
//! Operations take `&mut Core` and an [`Fx`]: they change state, write journal frames and note effects; they never block, read
//! no clock and do no I/O. `Broker` holds the lock around them and carries the effects out.

pub(crate) mod access;
mod acls;
pub(crate) mod bounded;
mod broker_settings;
pub(crate) mod changes;
pub(crate) mod consume;
mod credentials;
pub(crate) mod deadletter;
pub(crate) mod fx;
pub(crate) mod groups;
pub(crate) mod ids;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod partitions;
pub(crate) mod publish;
pub(crate) mod pump;
mod quotas;
pub(crate) mod reclaim;
pub(crate) mod recovery;
mod restore;
pub(crate) mod sessions;
pub(crate) mod settle;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod streams;
pub(crate) mod timers;
pub(crate) mod topology;
pub(crate) mod transactions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use anymq_catalog::Catalog;
use anymq_types::{ConnectionId, ConsumerId, Millis, QueueId, VhostId};

use self::fx::Fx;
use self::ids::Slab;
use self::stats::Stats;
use crate::api::{Alarms, HolderAbout, HolderId};
use crate::config::Config;
use crate::groups::Groups;
use crate::outbox::Outbox;
use crate::queue::Queue;
use crate::queue::segments::SegmentUse;
use crate::queue::settings::Settings;
use crate::routing::{FastMap, Router};
use crate::throttle::Throttles;
use crate::validation::SchemaWatch;
use crate::wheel::{Entry, What, Wheel};

/// Queues looked at in one operation, and bytes of frames it wrote, after which what it has set off is left to the next.
const OPERATION_LOOKS_MAX: u32 = 16_384;
const OPERATION_BYTES_MAX: u64 = 64 << 20;

/// A subscription, or a fetch that waits.
pub(crate) struct Consumer {
    pub(crate) queue: QueueId,
    pub(crate) session: ConnectionId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) token: u64,
    pub(crate) holder: HolderId,
    pub(crate) tag: Arc<str>,
    pub(crate) auto_ack: bool,
    /// Most unacknowledged messages; 0: no limit.
    pub(crate) prefetch: u32,
    pub(crate) unacked: u32,
    pub(crate) priority: i64,
    pub(crate) exclusive: bool,
    /// It is in its queue's ring.
    pub(crate) in_ring: bool,
    /// A fetch: one message, and it is gone.
    pub(crate) fetch: bool,
    /// Its own place, on a stream.
    pub(crate) cursor: Option<Box<streams::StreamCursor>>,
    pub(crate) args: Option<Arc<anymq_types::value::Table>>,
    /// Longest it may hold a message, where it says so itself, in milliseconds; 0: for ever.
    pub(crate) timeout_ms: Option<u64>,
}

/// A scope of leases: an AMQP channel.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    pub(crate) session: ConnectionId,
    /// Most leases over all its consumers; 0: no limit.
    pub(crate) limit: u32,
    pub(crate) used: u32,
    /// Leases, fetched ones too, those on streams not.
    pub(crate) held: u32,
    pub(crate) about: HolderAbout,
    pub(crate) consumers: Vec<ConsumerId>,
    /// Queues in which it has, or had, leases.
    pub(crate) queues: Vec<QueueId>,
}

/// One connection, as far as the core must know it.
pub(crate) struct SessionState {
    pub(crate) id: ConnectionId,
    pub(crate) vhost: VhostId,
    pub(crate) vhost_name: Arc<str>,
    pub(crate) user: Arc<str>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) access: access::SessionAccess,
    pub(crate) holders: Vec<HolderId>,
    pub(crate) exclusive_queues: Vec<QueueId>,
    pub(crate) reply_addresses: Vec<Box<str>>,
    /// Partitions of which it has asked to be told.
    pub(crate) watches: Vec<QueueId>,
    /// Share sessions that it has opened: group, member and node.
    pub(crate) shares: Vec<(Arc<str>, Arc<str>, i32)>,
    pub(crate) info: crate::api::Connect,
    pub(crate) opened: Millis,
    pub(crate) channels: u32,
    pub(crate) published: u64,
}

/// Where a direct reply goes.
pub(crate) struct ReplyAddress {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) token: u64,
}

/// Everything that exists.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    /// Counts the catalogue's changes, for doors that keep what they have read of it.
    pub(crate) catalog_changes: Arc<AtomicU64>,
    /// Whether any client has a quota; read without the lock.
    pub(crate) has_quotas: Arc<AtomicBool>,
    pub(crate) throttles: Throttles,
    pub(crate) routers: FastMap<VhostId, Router>,
    pub(crate) queues: FastMap<QueueId, Box<Queue>>,
    pub(crate) consumers: Slab<Consumer>,
    pub(crate) holders: Slab<Holder>,
    pub(crate) sessions: FastMap<ConnectionId, SessionState>,
    pub(crate) replies: FastMap<Box<str>, ReplyAddress>,
    pub(crate) wheel: Wheel,
    /// What is known of streams that are written and read by offset.
    pub(crate) partitions: FastMap<QueueId, Box<partitions::Partition>>,
    pub(crate) producer_ids: partitions::producers::ProducerIds,
    pub(crate) coordinator: transactions::Coordinator,
    pub(crate) groups: Groups,
    pub(crate) topic_exchanges: partitions::forward::TopicExchanges,
    /// Share groups that wait for stored records of a partition, to write dead letters.
    pub(crate) share_letters: FastMap<QueueId, Vec<crate::groups::Key>>,
    pub(crate) segments: SegmentUse,
    /// Bytes of records in memory, over all queues.
    pub(crate) resident: u64,
    pub(crate) alarms: Alarms,
    pub(crate) stats: Stats,
    /// Settings seen lately, so that queues with the same share them.
    pub(crate) recent_settings: Vec<Arc<Settings>>,
    /// When recovery began.
    pub(crate) recovered_at: Millis,
    /// When the present operation began; rights that expire are looked at with it.
    pub(crate) now: Millis,
    pub(crate) next_connection: u64,
    /// For names and random exchanges; seeded from outside, never read from the system.
    pub(crate) random: u64,
    /// The earliest timer set by the present operation.
    pub(crate) earliest_timer: Option<Millis>,
    pub(crate) schemas: Arc<SchemaWatch>,
}

impl Core {
    pub(crate) fn new(config: Config, now: Millis, seed: u64) -> Self {
        Core {
            config,
            catalog: Catalog::new(),
            catalog_changes: Arc::default(),
            has_quotas: Arc::default(),
            throttles: Throttles::default(),
            routers: FastMap::default(),
            queues: FastMap::default(),
            consumers: Slab::default(),
            holders: Slab::default(),
            sessions: FastMap::default(),
            replies: FastMap::default(),
            wheel: Wheel::new(now),
            partitions: FastMap::default(),
            producer_ids: partitions::producers::ProducerIds::default(),
            coordinator: transactions::Coordinator::default(),
            groups: Groups::default(),
            topic_exchanges: Default::default(),
            share_letters: FastMap::default(),
            segments: SegmentUse::default(),
            resident: 0,
            alarms: Alarms::default(),
            stats: Stats::default(),
            recent_settings: Vec::new(),
            recovered_at: now,
            now,
            next_connection: 1,
            random: seed,
            earliest_timer: None,
            schemas: Arc::default(),
        }
    }

    /// The next number of a splitmix64 sequence.
    pub(crate) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Notes that a queue has to be looked at before the operation ends.
    pub(crate) fn touch(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id)
            && !queue.dirty
        {
            queue.dirty = true;
            fx.dirty.push(id);
        }
    }

    /// Ends an operation: hands messages to consumers, keeps memory within its budget, journals what was settled.
    pub(crate) fn settle_effects(&mut self, fx: &mut Fx<'_>) {
        let mut looks = 0;
        while let Some(id) = fx.dirty.pop() {
            let Some(queue) = self.queues.get_mut(&id) else { continue };
            queue.dirty = false;
            looks += 1;
            if looks > OPERATION_LOOKS_MAX || fx.bytes > OPERATION_BYTES_MAX {
                // Dead letters set off dead letters: they go on, with others' operations in between.
                fx.timers.push(Entry { at: Millis(fx.now.0 + 1), queue: id, what: What::Look });
                continue;
            }
            self.bury_shared(fx, id);
            self.pump(fx, id);
            self.enforce_budget(fx, id);
            self.wake_watchers(fx, id);
        }
        fx.write_settled();
        for entry in fx.timers.drain(..) {
            self.earliest_timer = Some(self.earliest_timer.map_or(entry.at, |at| at.min(entry.at)));
            self.wheel.add(entry);
        }
    }

    /// Settles `start..end` of a queue and has it journaled where needed.
    pub(crate) fn settle_range(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        start: u64,
        end: u64,
        body_bytes: u64,
    ) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let before = queue.resident;
        if queue.settle_range(start, end, &mut self.segments) && queue.durable {
            fx.settled(id, start, end, body_bytes);
        }
        let freed = before - queue.resident;
        self.resident -= freed;
    }

    /// Runs `change` on a queue and keeps the count of resident bytes right.
    pub(crate) fn with_queue<T>(
        &mut self,
        id: QueueId,
        change: impl FnOnce(&mut Queue, &mut SegmentUse) -> T,
    ) -> Option<T> {
        let queue = self.queues.get_mut(&id)?;
        let before = queue.resident;
        let value = change(queue, &mut self.segments);
        self.resident = self.resident + queue.resident - before;
        Some(value)
    }
}
