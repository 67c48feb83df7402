//! Consumers come and go; single messages are fetched.

use std::sync::Arc;

use anymq_auth::Action;
use anymq_catalog::args::consumer;
use anymq_types::{ConnectionId, ConsumerId, Millis, QueueId};

use super::fx::Fx;
use super::streams::StreamCursor;
use super::{Consumer, Core, Holder};
use crate::api::{Delivery, Event, Fetch, Fetched, HolderId, Subscribe};
use crate::error::{Error, Result};
use crate::queue::pick::{Pick, Run};
use crate::queue::settings::Kind;
use crate::wheel::{Entry, What};

impl Core {
    pub(crate) fn open_holder(&mut self, session: ConnectionId, limit: u32) -> HolderId {
        let id = HolderId(self.holders.insert(Holder { session, limit, ..Holder::default() }));
        if let Some(state) = self.sessions.get_mut(&session) {
            state.holders.push(id);
        }
        id
    }

    pub(crate) fn set_holder_limit(&mut self, fx: &mut Fx<'_>, holder: HolderId, limit: u32) {
        let Some(h) = self.holders.get_mut(holder.0) else { return };
        h.limit = limit;
        for consumer in h.consumers.clone() {
            self.revive(fx, consumer);
        }
    }

    /// Cancels a holder's consumers and returns its leases.
    pub(crate) fn close_holder(&mut self, fx: &mut Fx<'_>, holder: HolderId) {
        let Some(h) = self.holders.get(holder.0) else { return };
        let session = h.session;
        // Leases first: what comes back goes to others, not to consumers that are about to leave.
        let consumers = h.consumers.clone();
        for &consumer in &consumers {
            self.detach(fx, consumer);
        }
        self.return_all(fx, holder);
        for consumer in consumers {
            self.auto_delete_after(fx, consumer);
            self.consumers.remove(consumer.0);
        }
        self.holders.remove(holder.0);
        if let Some(state) = self.sessions.get_mut(&session) {
            state.holders.retain(|&h| h != holder);
        }
    }

    /// `basic.consume`.
    pub(crate) fn subscribe(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        s: &Subscribe<'_>,
    ) -> Result<ConsumerId> {
        let id = self.queue_for(session, s.queue, Action::Read)?;
        let Some(state) = self.sessions.get(&session) else {
            return Err(Error::unavailable("the connection is closing"));
        };
        let (outbox, vhost) = (state.outbox.clone(), state.vhost_name.clone());
        self.check_holder(s.holder)?;
        let queue = self.queues.get_mut(&id).ok_or_else(|| no_queue(s.queue, &vhost))?;
        let args = consumer::check(catalog_kind(queue.kind), s.queue, &vhost, s.args)
            .map_err(|e| Error::invalid(e.to_string()))?;
        if queue.kind == Kind::Stream {
            self.check_stream_subscribe(id, s, &vhost)?;
        }
        let queue = self.queues.get_mut(&id).ok_or_else(|| no_queue(s.queue, &vhost))?;
        let single = s.exclusive && queue.settings.single_active_consumer;
        if single || queue.consumers.exclusive().is_some() || s.exclusive && !queue.consumers.is_empty() {
            return Err(Error::forbidden(format!("queue '{}' in vhost '{vhost}' in exclusive use", s.queue)));
        }
        let cursor = (queue.kind == Kind::Stream).then(|| Box::new(StreamCursor::new(queue, &args, fx.now)));
        let priority = args.priority;
        let consumer = Consumer {
            queue: id,
            session,
            outbox,
            token: s.token,
            holder: s.holder,
            tag: Arc::from(s.tag),
            auto_ack: s.auto_ack,
            prefetch: s.prefetch,
            unacked: 0,
            priority,
            exclusive: s.exclusive,
            in_ring: false,
            fetch: false,
            cursor,
            args: (!s.args.is_empty()).then(|| Arc::new(s.args.clone())),
            timeout_ms: args.consumer_timeout_ms,
        };
        let consumer_id = ConsumerId(self.consumers.insert(consumer));
        if let Some(h) = self.holders.get_mut(s.holder.0) {
            h.consumers.push(consumer_id);
        }
        let Some(queue) = self.queues.get_mut(&id) else { return Err(no_queue(s.queue, &vhost)) };
        queue.used = fx.now;
        queue.consumers.add(consumer_id, priority, s.exclusive);
        queue.had_consumer = true;
        self.elect(fx, id);
        self.revive(fx, consumer_id);
        self.touch(fx, id);
        self.stats.consumers_opened += 1;
        Ok(consumer_id)
    }

    /// A holder that timed out is gone before its connection has heard of it: nothing may begin in it.
    fn check_holder(&self, holder: HolderId) -> Result<()> {
        match self.holders.get(holder.0) {
            Some(_) => Ok(()),
            None => Err(Error::invalid("the channel is closing: a delivery was not acknowledged in time")),
        }
    }

    /// Chooses the single active consumer where the queue has one.
    fn elect(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if !queue.settings.single_active_consumer {
            return;
        }
        let preempt = queue.kind == Kind::Quorum;
        if let Some(active) = queue.consumers.elect(preempt) {
            self.revive(fx, active);
        }
    }

    /// `basic.cancel`: no more deliveries; leases stay with the holder.
    pub(crate) fn unsubscribe(&mut self, fx: &mut Fx<'_>, consumer: ConsumerId) {
        self.detach(fx, consumer);
        let Some(c) = self.consumers.get(consumer.0) else { return };
        let holder = c.holder;
        if let Some(h) = self.holders.get_mut(holder.0) {
            h.consumers.retain(|&other| other != consumer);
        }
        self.auto_delete_after(fx, consumer);
        self.consumers.remove(consumer.0);
    }

    /// Takes a consumer out of its queue.
    fn detach(&mut self, fx: &mut Fx<'_>, consumer: ConsumerId) {
        let Some(c) = self.consumers.get_mut(consumer.0) else { return };
        c.in_ring = false;
        let (id, holder) = (c.queue, c.holder);
        if c.cursor.take().is_some() {
            let unacked = std::mem::take(&mut c.unacked);
            if let Some(h) = self.holders.get_mut(holder.0) {
                h.used = h.used.saturating_sub(unacked);
            }
        }
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.consumers.remove(consumer);
        queue.used = fx.now;
        self.stats.consumers_closed += 1;
        self.elect(fx, id);
        self.watch_idle(fx, id);
    }

    /// Deletes an auto-delete queue that has lost its last consumer.
    fn auto_delete_after(&mut self, fx: &mut Fx<'_>, consumer: ConsumerId) {
        let Some(id) = self.consumers.get(consumer.0).filter(|c| !c.fetch).map(|c| c.queue) else { return };
        let gone = self.queues.get(&id).is_some_and(|q| q.had_consumer && q.consumers.is_empty());
        if gone && self.catalog.queue_by_id(id).is_some_and(|q| q.auto_delete) {
            self.remove_queue(fx, id);
        }
    }

    /// `basic.get`, and receive calls that wait.
    pub(crate) fn fetch(&mut self, fx: &mut Fx<'_>, session: ConnectionId, f: &Fetch<'_>) -> Result<Fetched> {
        let id = self.queue_for(session, f.queue, Action::Read)?;
        let Some(state) = self.sessions.get(&session) else {
            return Err(Error::unavailable("the connection is closing"));
        };
        let (outbox, vhost) = (state.outbox.clone(), state.vhost_name.clone());
        self.check_holder(f.holder)?;
        let queue = self.queues.get_mut(&id).ok_or_else(|| no_queue(f.queue, &vhost))?;
        match queue.kind {
            Kind::Stream => {
                return Err(Error::not_implemented(format!(
                    "basic.get not supported by stream queues queue '{}' in vhost '{vhost}'",
                    f.queue
                )));
            }
            Kind::Quorum if queue.settings.single_active_consumer => {
                return Err(Error::locked(format!(
                    "cannot obtain access to locked queue '{}' in vhost '{vhost}'. basic.get operations are not supported by quorum queues with single active consumer",
                    f.queue
                )));
            }
            Kind::Classic | Kind::Quorum => {}
        }
        queue.used = fx.now;
        let consumer = ConsumerId(self.consumers.insert(Consumer {
            queue: id,
            session,
            outbox,
            token: f.token,
            holder: f.holder,
            tag: Arc::from(""),
            auto_ack: f.auto_ack,
            prefetch: 0,
            unacked: 0,
            priority: i64::MAX,
            exclusive: false,
            in_ring: false,
            fetch: true,
            cursor: None,
            args: None,
            timeout_ms: None,
        }));
        let fetched = self.fetch_now(fx, id, consumer, f.wait_ms);
        if !matches!(fetched, Fetched::Later) {
            self.consumers.remove(consumer.0);
        }
        if matches!(fetched, Fetched::Empty) {
            self.found_nothing(id);
        }
        self.touch(fx, id);
        Ok(fetched)
    }

    fn fetch_now(&mut self, fx: &mut Fx<'_>, id: QueueId, consumer: ConsumerId, wait_ms: u64) -> Fetched {
        let has_ready = self.queues.get(&id).is_some_and(|q| q.ready > 0);
        if !has_ready && wait_ms == 0 {
            return Fetched::Empty;
        }
        loop {
            match self.pick(id, 1, fx.now) {
                Pick::Run(run) => {
                    return match self.deliver(fx, id, consumer, run) {
                        Some(delivery) => {
                            Fetched::Message(delivery, self.queues.get(&id).map_or(0, |q| q.ready))
                        }
                        None => Fetched::Empty,
                    };
                }
                Pick::Expired(run) => self.kill(fx, id, &run, super::deadletter::Reason::Expired),
                Pick::Load(number) => {
                    self.request_load(fx, id, number);
                    self.wait(fx, id, consumer, wait_ms.max(LOAD_WAIT_MS));
                    if wait_ms == 0
                        && let Some(queue) = self.queues.get_mut(&id)
                    {
                        queue.views_mut().hasty.push(consumer);
                    }
                    return Fetched::Later;
                }
                Pick::Nothing if wait_ms > 0 => {
                    self.wait(fx, id, consumer, wait_ms);
                    return Fetched::Later;
                }
                Pick::Nothing => return Fetched::Empty,
            }
        }
    }

    /// Puts a fetch in line as a consumer that takes one message.
    fn wait(&mut self, fx: &mut Fx<'_>, id: QueueId, consumer: ConsumerId, wait_ms: u64) {
        if let Some(c) = self.consumers.get_mut(consumer.0) {
            c.in_ring = true;
        }
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.consumers.add(consumer, i64::MAX, false);
            queue.consumers.enter(consumer, i64::MAX);
        }
        if let Some(h) = self.consumers.get(consumer.0).and_then(|c| self.holders.get_mut(c.holder.0)) {
            h.consumers.push(consumer);
        }
        let at = Millis(fx.now.0.saturating_add(wait_ms));
        fx.timers.push(Entry { at, queue: id, what: What::Wait(consumer.0) });
    }

    /// A waiting fetch gets its message, and is done.
    pub(crate) fn answer_fetch(&mut self, fx: &mut Fx<'_>, id: QueueId, consumer: ConsumerId, run: Run) {
        let delivery = self.deliver(fx, id, consumer, run);
        self.end_fetch(fx, id, consumer, delivery);
    }

    /// Nothing is being read for a queue: fetches that waited for that, and got nothing, hear that there is nothing.
    pub(crate) fn end_hasty(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id).filter(|q| !q.loading) else { return };
        let Some(views) = queue.views.as_deref_mut().filter(|v| !v.hasty.is_empty()) else { return };
        for consumer in std::mem::take(&mut views.hasty) {
            self.end_fetch(fx, id, consumer, None);
        }
    }

    fn found_nothing(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.counters.deliveries_mut().fetched_none += 1;
            self.stats.of(queue.kind).deliveries.fetched_none += 1;
        }
    }

    /// A fetch ends with a message, or without one because it waited long enough.
    pub(crate) fn end_fetch(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        consumer: ConsumerId,
        delivery: Option<Delivery>,
    ) {
        let left = self.queues.get_mut(&id).map_or(0, |q| {
            q.consumers.remove(consumer);
            q.ready
        });
        let Some(c) = self.consumers.remove(consumer.0) else { return };
        if delivery.is_none() {
            self.found_nothing(id);
        }
        if let Some(h) = self.holders.get_mut(c.holder.0) {
            h.consumers.retain(|&other| other != consumer);
        }
        c.outbox.push(Event::Fetched { token: c.token, message: delivery.map(|d| (d, left)) });
        fx.wake(&c.outbox);
    }
}

/// How long a fetch waits for the disk, in milliseconds, where the client does not wait for messages.
const LOAD_WAIT_MS: u64 = 30_000;

pub(crate) fn no_queue(name: &str, vhost: &str) -> Error {
    Error::not_found(format!("no queue '{name}' in vhost '{vhost}'"))
}

pub(crate) fn catalog_kind(kind: Kind) -> anymq_catalog::QueueKind {
    match kind {
        Kind::Classic => anymq_catalog::QueueKind::Classic,
        Kind::Quorum => anymq_catalog::QueueKind::Quorum,
        Kind::Stream => anymq_catalog::QueueKind::Stream,
    }
}
