//! From a queue to its consumers.

use anymq_types::record::{self, Records};
use anymq_types::{ConsumerId, Millis, Offset, QueueId};

use super::Core;
use super::deadletter::Reason;
use super::fx::Fx;
use super::stats::Way;
use crate::api::{Delivery, Event};
use crate::queue::lease::Lease;
use crate::queue::pick::{Pick, Run};
use crate::queue::settings::Kind;
use crate::wheel::{Entry, What};

/// Most messages handed to one consumer in one run.
const RUN_MAX: u32 = 1_024;

impl Core {
    /// Hands ready messages to consumers that can take them, in turn, until one side runs out.
    pub(crate) fn pump(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get(&id) else { return };
        if queue.kind == Kind::Stream {
            return self.pump_stream(fx, id);
        }
        while let Some(queue) = self.queues.get_mut(&id) {
            if queue.ready == 0 || queue.paused {
                break;
            }
            let single_active = queue.settings.single_active_consumer;
            let Some((consumer, alone)) = queue.consumers.next() else { break };
            if single_active && queue.consumers.active() != Some(consumer) {
                self.leave_ring(consumer);
                continue;
            }
            let capacity = self.capacity(consumer);
            if capacity == 0 {
                self.leave_ring(consumer);
                continue;
            }
            let max = if alone { capacity.min(RUN_MAX) } else { 1 };
            match self.pick(id, max, fx.now) {
                Pick::Run(run) => self.hand_over(fx, id, consumer, run),
                Pick::Expired(run) => {
                    self.return_turn(id, consumer);
                    self.kill(fx, id, &run, Reason::Expired);
                }
                Pick::Load(number) => {
                    self.return_turn(id, consumer);
                    self.request_load(fx, id, number);
                    break;
                }
                Pick::Nothing => {
                    self.return_turn(id, consumer);
                    break;
                }
            }
        }
        self.end_hasty(fx, id);
        self.watch_head(fx, id);
    }

    pub(crate) fn pick(&mut self, id: QueueId, max: u32, now: Millis) -> Pick {
        self.with_queue(id, |queue, _| queue.pick(max, now)).unwrap_or(Pick::Nothing)
    }

    fn leave_ring(&mut self, consumer: ConsumerId) {
        if let Some(consumer) = self.consumers.get_mut(consumer.0) {
            consumer.in_ring = false;
        }
    }

    /// Puts a consumer that got nothing back at the front.
    fn return_turn(&mut self, id: QueueId, consumer: ConsumerId) {
        if let (Some(queue), Some(c)) = (self.queues.get_mut(&id), self.consumers.get(consumer.0)) {
            queue.consumers.enter_front(consumer, c.priority);
        }
    }

    /// How many more messages a consumer may get now.
    pub(crate) fn capacity(&self, consumer: ConsumerId) -> u32 {
        let Some(c) = self.consumers.get(consumer.0) else { return 0 };
        if c.fetch {
            return 1;
        }
        let mut capacity = u32::MAX;
        if !c.auto_ack {
            if c.prefetch > 0 {
                capacity = c.prefetch.saturating_sub(c.unacked);
            }
            if let Some(holder) = self.holders.get(c.holder.0)
                && holder.limit > 0
            {
                capacity = capacity.min(holder.limit.saturating_sub(holder.used));
            }
        }
        if capacity > 0 && !c.outbox.room() { 0 } else { capacity }
    }

    /// Gives a run to a consumer: leases it, or settles it at once, and queues the delivery.
    fn hand_over(&mut self, fx: &mut Fx<'_>, id: QueueId, consumer: ConsumerId, run: Run) {
        if self.consumers.get(consumer.0).is_some_and(|c| c.fetch) {
            return self.answer_fetch(fx, id, consumer, run);
        }
        let delivery = self.deliver(fx, id, consumer, run);
        let (Some(delivery), Some(c)) = (delivery, self.consumers.get(consumer.0)) else { return };
        let (outbox, priority) = (c.outbox.clone(), c.priority);
        outbox.push(Event::Delivery(delivery));
        fx.wake(&outbox);
        if self.capacity(consumer) > 0 {
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.consumers.enter(consumer, priority);
            }
        } else {
            self.leave_ring(consumer);
        }
    }

    /// Leases or settles a run for a consumer, and makes its delivery.
    pub(crate) fn deliver(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        consumer: ConsumerId,
        run: Run,
    ) -> Option<Delivery> {
        let c = self.consumers.get_mut(consumer.0)?;
        let queue = self.queues.get_mut(&id)?;
        let way = Way { fetch: c.fetch, auto_ack: c.auto_ack, again: run.redelivered };
        queue.counters.deliveries_mut().add(run.count as u64, way);
        self.stats.of(queue.kind).deliveries.add(run.count as u64, way);
        let delivery = Delivery {
            token: c.token,
            consumer,
            queue: id,
            first: Offset(run.first),
            count: run.count,
            records: run.records.clone(),
            redelivered: run.redelivered,
            attempts: run.attempts,
            counts_attempts: queue.counts_attempts(),
            is_stream: false,
            auto_ack: c.auto_ack,
        };
        if c.auto_ack {
            let bytes = Records::new(&run.records).map(|r| r.body.len() as u64).sum();
            self.settle_range(fx, id, run.first, run.first + run.count as u64, bytes);
        } else {
            self.lease_run(fx, id, consumer, &run);
        }
        Some(delivery)
    }

    fn lease_run(&mut self, fx: &mut Fx<'_>, id: QueueId, consumer: ConsumerId, run: &Run) {
        let (Some(c), Some(queue)) = (self.consumers.get_mut(consumer.0), self.queues.get_mut(&id)) else {
            return;
        };
        c.unacked += run.count;
        let (holder_id, limited) = (c.holder, !c.fetch);
        if let Some(holder) = self.holders.get_mut(holder_id.0) {
            holder.used += if limited { run.count } else { 0 };
            holder.held += run.count;
            if !holder.queues.contains(&id) {
                holder.queues.push(id);
            }
        }
        let timeout_ms = c.timeout_ms.or(queue.settings.consumer_timeout_ms).filter(|&ms| ms > 0);
        let lease_ms = queue.settings.lease_ms.or(timeout_ms);
        let deadline = lease_ms.map(|ms| Millis(fx.now.0.saturating_add(ms)));
        let mut rest = &run.records[..];
        for offset in run.first..run.first + run.count as u64 {
            let Some(len) = record::record_len(rest) else { break };
            let bytes = record::body_len(rest).unwrap_or(0) as u32;
            let level = queue.level_of(&rest[..len]);
            queue.lease(
                offset,
                Lease {
                    consumer,
                    holder: holder_id,
                    bytes,
                    attempts: run.attempts,
                    limited,
                    level,
                    deadline,
                },
                &rest[..len],
            );
            if let Some(at) = deadline {
                fx.timers.push(Entry { at, queue: id, what: What::Lease(offset) });
            }
            rest = &rest[len..];
        }
    }

    /// Lets a consumer take messages again, if it can and does not stand in line already.
    pub(crate) fn revive(&mut self, fx: &mut Fx<'_>, consumer: ConsumerId) {
        if self.capacity(consumer) == 0 {
            return;
        }
        let Some(c) = self.consumers.get_mut(consumer.0) else { return };
        if c.in_ring {
            return;
        }
        let (id, priority) = (c.queue, c.priority);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.settings.single_active_consumer && queue.consumers.active() != Some(consumer) {
            return;
        }
        c.in_ring = true;
        queue.consumers.enter(consumer, priority);
        self.touch(fx, id);
    }
}
