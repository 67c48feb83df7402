//! How leases end: acknowledged, refused, returned.

use anymq_types::{Offset, QueueId};

use super::Core;
use super::deadletter::Reason;
use super::fx::Fx;
use crate::api::{HolderId, Outcome, Settled};
use crate::journal::{ATTEMPTS, put_varint, write_pairs};
use crate::queue::lease::Lease;
use crate::queue::settings::Kind;

impl Core {
    /// Ends leases of a holder. Those that are not its own, or ended already, are passed over.
    pub(crate) fn settle(&mut self, fx: &mut Fx<'_>, holder: HolderId, outcome: Outcome, leases: &[Settled]) {
        let mut rest = leases;
        while let Some(first) = rest.first() {
            let n = rest.iter().position(|s| s.queue != first.queue).unwrap_or(rest.len());
            let (mine, others) = rest.split_at(n);
            let is_stream = self.queues.get(&first.queue).is_some_and(|q| q.kind == Kind::Stream);
            match outcome {
                _ if is_stream => self.credit_stream(fx, first.queue, holder, mine),
                Outcome::Ack => self.ack(fx, first.queue, holder, mine),
                Outcome::Reject => self.reject(fx, first.queue, holder, mine),
                Outcome::Requeue => {
                    let offsets: Vec<u64> = mine.iter().map(|s| s.offset.0).collect();
                    self.requeue(fx, first.queue, Some(holder), &offsets);
                }
            }
            self.touch(fx, first.queue);
            rest = others;
        }
        self.revive_holder(fx, holder);
    }

    fn ack(&mut self, fx: &mut Fx<'_>, id: QueueId, holder: HolderId, leases: &[Settled]) {
        let mut run: Option<(u64, u64, u64)> = None;
        let mut acked = 0;
        for &Settled { offset: Offset(offset), .. } in leases {
            let Some(lease) = self.end_lease(fx, id, offset, Some(holder)) else { continue };
            acked += 1;
            match &mut run {
                Some((_, end, bytes)) if *end == offset => {
                    (*end, *bytes) = (offset + 1, *bytes + lease.bytes as u64)
                }
                _ => {
                    if let Some((start, end, bytes)) = run.replace((offset, offset + 1, lease.bytes as u64)) {
                        self.settle_range(fx, id, start, end, bytes);
                    }
                }
            }
        }
        if let Some((start, end, bytes)) = run {
            self.settle_range(fx, id, start, end, bytes);
        }
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.counters.deliveries_mut().acked += acked;
            self.stats.of(queue.kind).deliveries.acked += acked;
        }
    }

    fn reject(&mut self, fx: &mut Fx<'_>, id: QueueId, holder: HolderId, leases: &[Settled]) {
        for &Settled { offset: Offset(offset), .. } in leases {
            if let Some(lease) = self.end_lease(fx, id, offset, Some(holder)) {
                self.kill_offset(fx, id, offset, lease.level, Reason::Rejected);
            }
        }
    }

    /// Gives messages back, in the order given; those that failed too often are dead-lettered instead.
    pub(crate) fn requeue(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        holder: Option<HolderId>,
        offsets: &[u64],
    ) {
        let mut counted: Vec<(u64, u64)> = Vec::new();
        let mut front: Vec<u64> = Vec::new();
        for &offset in offsets {
            let Some(lease) = self.end_lease(fx, id, offset, holder) else { continue };
            let Some(queue) = self.queues.get_mut(&id) else { return };
            let attempts = lease.attempts + 1;
            let counts = queue.counts_attempts();
            if counts && queue.settings.delivery_limit.is_some_and(|limit| attempts > limit) {
                self.kill_offset(fx, id, offset, lease.level, Reason::DeliveryLimit);
                continue;
            }
            if counts && queue.durable {
                counted.push((offset, attempts as u64));
            }
            queue.requeue(offset, &lease, attempts);
            front.push(offset);
        }
        if !counted.is_empty() {
            fx.frame(ATTEMPTS, |out| {
                put_varint(out, id.0);
                write_pairs(&counted, out);
            });
        }
        self.touch(fx, id);
    }

    /// Takes a lease away from its holder and consumer. `None` if it is not that holder's, or there is none.
    pub(crate) fn end_lease(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        offset: u64,
        holder: Option<HolderId>,
    ) -> Option<Lease> {
        let queue = self.queues.get_mut(&id)?;
        if holder.is_some_and(|h| queue.leases.get(&offset).is_none_or(|l| l.holder != h)) {
            return None;
        }
        let lease = queue.take_lease(offset)?;
        self.uncount(&lease);
        if let Some(c) = self.consumers.get_mut(lease.consumer.0) {
            c.unacked = c.unacked.saturating_sub(1);
            if !c.in_ring {
                self.revive(fx, lease.consumer);
            }
        }
        Some(lease)
    }

    /// Takes a lease away without anybody being served for it.
    pub(crate) fn release_lease(&mut self, id: QueueId, offset: u64) {
        let Some(lease) = self.queues.get_mut(&id).and_then(|q| q.take_lease(offset)) else { return };
        self.uncount(&lease);
        if let Some(c) = self.consumers.get_mut(lease.consumer.0) {
            c.unacked = c.unacked.saturating_sub(1);
        }
    }

    /// A lease no longer counts as its holder's, nor against its limit.
    pub(crate) fn uncount(&mut self, lease: &Lease) {
        if let Some(h) = self.holders.get_mut(lease.holder.0) {
            h.held = h.held.saturating_sub(1);
            h.used = h.used.saturating_sub(u32::from(lease.limited));
        }
    }

    /// Lets every consumer of a holder with a shared limit take messages again.
    pub(crate) fn revive_holder(&mut self, fx: &mut Fx<'_>, holder: HolderId) {
        let Some(h) = self.holders.get(holder.0).filter(|h| h.limit > 0) else { return };
        for consumer in h.consumers.clone() {
            self.revive(fx, consumer);
        }
    }

    /// Returns every lease of a holder, per queue in the messages' order.
    pub(crate) fn return_all(&mut self, fx: &mut Fx<'_>, holder: HolderId) {
        let Some(h) = self.holders.get_mut(holder.0) else { return };
        for id in std::mem::take(&mut h.queues) {
            let Some(queue) = self.queues.get(&id) else { continue };
            let mut offsets: Vec<u64> =
                queue.leases.iter().filter(|(_, l)| l.holder == holder).map(|(&o, _)| o).collect();
            offsets.sort_unstable();
            self.requeue(fx, id, Some(holder), &offsets);
        }
        self.revive_holder(fx, holder);
    }
}
