//! What happens by itself, when its time comes.

use anymq_types::{ConsumerId, Millis, QueueId};

use super::Core;
use super::deadletter::Reason;
use super::fx::Fx;
use crate::api::Event;
use crate::queue::pick::Pick;
use crate::queue::settings::Kind;
use crate::wheel::{Entry, What};

/// How long after the head has been looked at in vain it is looked at again, in milliseconds, while its record is on disk.
const HEAD_RETRY_MS: u64 = 100;

/// Messages killed at the head of a queue before other operations get their turn.
const EXPIRED_AT_ONCE_MAX: usize = 4_096;

impl Core {
    /// When something is due next.
    pub(crate) fn next_timer(&self) -> Option<Millis> {
        [self.wheel.next(), self.coordinator.next(), self.groups.next_due()].into_iter().flatten().min()
    }

    /// Moves the wheel to now and does what is due.
    pub(crate) fn tick(&mut self, fx: &mut Fx<'_>) {
        self.abort_late_transactions(fx);
        self.tick_groups(fx);
        let mut fired = Vec::new();
        self.wheel.advance(fx.now, &mut fired);
        for Entry { queue: id, what, .. } in fired {
            match what {
                What::Expire(offset) => self.expire(fx, id, offset),
                What::Due(offset) => {
                    if self.with_queue(id, |q, _| q.mature(offset)).unwrap_or(false) {
                        self.touch(fx, id);
                    }
                }
                What::Lease(offset) => self.lease_deadline(fx, id, offset),
                What::HeadTtl => self.expire_head(fx, id),
                What::Idle => self.expire_queue(fx, id),
                What::Wait(consumer) => self.fetch_timeout(fx, id, ConsumerId(consumer)),
                What::Locks => self.expire_locks(fx, id),
                What::Look => {
                    if let Some(queue) = self.queues.get_mut(&id).filter(|q| q.kind == Kind::Stream) {
                        queue.head_timer = Millis(0);
                    }
                    self.touch(fx, id);
                }
            }
        }
    }

    /// A message's own time to live is over: it goes, wherever in the queue it stands, unless somebody has it.
    fn expire(&mut self, fx: &mut Fx<'_>, id: QueueId, offset: u64) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.is_settled(offset) || queue.leases.contains_key(&offset) {
            return; // A leased message expires when it comes back.
        }
        match queue.record(offset) {
            Ok(records) => {
                queue.forget_ready(offset, &records);
                let run = crate::queue::pick::Run {
                    first: offset,
                    count: 1,
                    records,
                    redelivered: false,
                    attempts: 0,
                };
                self.kill(fx, id, &run, Reason::Expired);
            }
            Err(Some(number)) => {
                self.request_load(fx, id, number);
                // Looked at again once the load is likely done; a consumer may have got it, or found it expired, by then.
                fx.timers.push(Entry {
                    at: Millis(fx.now.0 + HEAD_RETRY_MS),
                    queue: id,
                    what: What::Expire(offset),
                });
            }
            Err(None) => {}
        }
    }

    /// A lease was held for too long. Where leases have an end of their own, the message goes back; where this is the
    /// consumer timeout, all that its holder has goes back, and the connection closes the channel.
    fn lease_deadline(&mut self, fx: &mut Fx<'_>, id: QueueId, offset: u64) {
        let Some(queue) = self.queues.get(&id) else { return };
        let Some(lease) = queue.leases.get(&offset).filter(|l| l.deadline.is_some_and(|at| at <= fx.now))
        else {
            return;
        };
        if queue.settings.lease_ms.is_some() {
            return self.requeue(fx, id, None, &[offset]);
        }
        let consumer = self.consumers.get(lease.consumer.0);
        let own = consumer.and_then(|c| c.timeout_ms);
        let timeout_ms = own.or(queue.settings.consumer_timeout_ms).unwrap_or(0);
        let holder = lease.holder;
        tracing::warn!(
            queue = %queue.name, consumer = %consumer.map_or("", |c| &c.tag), timeout_ms,
            "a delivery was not acknowledged in time: its channel is closed"
        );
        let session = self.holders.get(holder.0).map(|h| h.session);
        self.close_holder(fx, holder);
        if let Some(state) = session.and_then(|id| self.sessions.get(&id)) {
            let outbox = state.outbox.clone();
            outbox.push(Event::TimedOut { holder, timeout_ms });
            fx.wake(&outbox);
        }
    }

    /// Makes sure that the head is looked at when it outlives the queue's time to live.
    pub(crate) fn watch_head(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(ttl) = queue.settings.ttl_ms else { return };
        if queue.ready == 0 || queue.head_timer != Millis(0) || queue.kind == Kind::Stream {
            return;
        }
        let at = match queue.head_timestamp() {
            Some(at) => Millis(at.0.saturating_add(ttl).max(fx.now.0) + 1),
            None => Millis(fx.now.0 + HEAD_RETRY_MS),
        };
        queue.head_timer = at;
        fx.timers.push(Entry { at, queue: id, what: What::HeadTtl });
    }

    /// Kills what has outlived the queue's time to live, from the head on.
    fn expire_head(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.head_timer = Millis(0);
        let Some(ttl) = queue.settings.ttl_ms else { return };
        for _ in 0..EXPIRED_AT_ONCE_MAX {
            let Some(queue) = self.queues.get_mut(&id) else { return };
            match queue.head_timestamp() {
                Some(at) if at.0.saturating_add(ttl) > fx.now.0 => break,
                _ if queue.ready == 0 => break,
                _ => {}
            }
            match self.pick(id, 1, fx.now) {
                Pick::Run(run) | Pick::Expired(run) => self.kill(fx, id, &run, Reason::Expired),
                Pick::Load(number) => {
                    self.request_load(fx, id, number);
                    break;
                }
                Pick::Nothing => break,
            }
        }
        self.touch(fx, id);
        self.watch_head(fx, id);
    }

    /// Puts a queue's idle expiry on the wheel.
    pub(crate) fn watch_idle(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get(&id) else { return };
        if let Some(expires) = queue.settings.expires_ms
            && queue.consumers.is_empty()
        {
            fx.timers.push(Entry {
                at: Millis(queue.used.0.saturating_add(expires)),
                queue: id,
                what: What::Idle,
            });
        }
    }

    /// Deletes a queue that nobody has used for as long as it said.
    fn expire_queue(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get(&id) else { return };
        let Some(expires) = queue.settings.expires_ms else { return };
        if !queue.consumers.is_empty() {
            return; // Watched again when the last one goes.
        }
        if queue.used.0.saturating_add(expires) <= fx.now.0 {
            tracing::info!(queue = %queue.name, expires_ms = expires, "queue expired");
            self.remove_queue(fx, id);
        } else {
            self.watch_idle(fx, id);
        }
    }

    fn fetch_timeout(&mut self, fx: &mut Fx<'_>, id: QueueId, consumer: ConsumerId) {
        if self.consumers.get(consumer.0).is_some() {
            self.end_fetch(fx, id, consumer, None);
        }
    }
}
