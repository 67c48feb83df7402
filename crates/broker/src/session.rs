//! One client's view of the hall: every operation a door can ask for.
//!
//! A session is owned by its connection. Calls are synchronous and short: they take the core's lock once, apply, and return;
//! what happens later (deliveries, cancelled consumers, committed positions) arrives in the [`Outbox`].

mod acls;
mod broker_settings;
mod credentials;
mod groups;
mod look;
mod publish;
mod quotas;
mod share;
mod topics;
mod transactions;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anymq_types::{ConnectionId, ConsumerId, Position};

pub use self::credentials::{ScramChange, ScramListed};
pub use self::look::{Look, Seen};
pub use self::quotas::QuotaChange;

use crate::api::{
    Alarms, Bind, Bounds, Connect, DeclareExchange, DeclareQueue, Done, Fetch, Fetched, HolderAbout,
    HolderId, Outcome, PublishBatch, Published, QueueDeclared, Settled, Subscribe, Transaction,
};
use crate::broker::{Broker, Inner};
use crate::core::fx::Fx;
use crate::core::topology::random_name;
use crate::core::{Core, ReplyAddress, SessionState};
use crate::error::{Error, Result};
use crate::outbox::Outbox;

/// Most reply addresses one connection may have open.
const REPLY_ADDRESSES_MAX: usize = 65_536;

/// One connection to a vhost. Dropping it closes it: consumers go, leases return in order, exclusive queues are deleted.
pub struct Session {
    broker: Broker,
    id: ConnectionId,
    user: Arc<str>,
    vhost: Arc<str>,
    outbox: Arc<Outbox>,
    may_impersonate: bool,
    /// The core's, to be read without its lock.
    has_quotas: Arc<AtomicBool>,
}

impl Session {
    pub(crate) fn open(broker: Broker, connect: Connect) -> Result<Session> {
        let now = broker.now();
        let mut core = broker.inner.core.lock();
        let vhost = core
            .catalog
            .vhost(&connect.vhost)
            .cloned()
            .ok_or_else(|| Error::not_allowed(format!("vhost {} not found", connect.vhost)))?;
        let user: Arc<str> = connect.principal.user.as_str().into();
        let access = broker.access_of(&core, &connect.principal, &vhost)?;
        let (of_vhost, of_user) = core.sessions.values().fold((0u32, 0u32), |(v, u), s| {
            (v + u32::from(s.vhost == vhost.id), u + u32::from(s.user == user))
        });
        if let Some(limit) = vhost.limits.max_connections.filter(|&limit| of_vhost >= limit) {
            return Err(Error::not_allowed(format!(
                "access to vhost '{}' refused for user '{user}': connection limit ({limit}) is reached",
                vhost.name
            )));
        }
        let user_limit = core.catalog.user(&user).and_then(|u| u.limits.max_connections);
        if let Some(limit) = user_limit.filter(|&limit| of_user >= limit) {
            return Err(Error::not_allowed(format!(
                "connection refused for user '{user}': user connection limit ({limit}) is reached"
            )));
        }
        let node_limit = broker.inner.config.connections_max;
        if node_limit > 0 && core.sessions.len() >= node_limit as usize {
            return Err(Error::not_allowed(format!(
                "connection refused: node connection limit ({node_limit}) is reached"
            )));
        }
        let may_impersonate = match &connect.principal.token {
            Some(token) => token.tags().may_impersonate(),
            None => core.catalog.user(&user).is_some_and(|u| u.tags.may_impersonate()),
        };
        let id = ConnectionId(core.next_connection);
        core.next_connection += 1;
        let inner: std::sync::Weak<Inner> = Arc::downgrade(&broker.inner);
        let outbox = Outbox::new(Box::new(move || {
            if let Some(inner) = inner.upgrade() {
                inner.with(|core, fx| core.refill(fx, id));
            }
        }));
        let state = SessionState {
            id,
            vhost: vhost.id,
            vhost_name: vhost.name.clone(),
            user: user.clone(),
            outbox: outbox.clone(),
            access,
            holders: Vec::new(),
            exclusive_queues: Vec::new(),
            reply_addresses: Vec::new(),
            watches: Vec::new(),
            shares: Vec::new(),
            info: connect,
            opened: now,
            channels: 0,
            published: 0,
        };
        core.sessions.insert(id, state);
        core.stats.connections_opened += 1;
        let has_quotas = core.has_quotas.clone();
        drop(core);
        Ok(Session { broker, id, user, vhost: vhost.name.clone(), outbox, may_impersonate, has_quotas })
    }

    fn with<T>(&self, operation: impl FnOnce(&mut Core, &mut Fx<'_>) -> T) -> (T, Option<Position>) {
        self.broker.inner.with(operation)
    }

    /// Runs an operation whose answer waits for the disk if it wrote anything.
    fn durable<T>(&self, operation: impl FnOnce(&mut Core, &mut Fx<'_>) -> Result<T>) -> Result<Done<T>> {
        let ((result, commit), _) = self.with(|core, fx| {
            let result = operation(core, fx);
            (result, fx.end())
        });
        let commit = self.pending(commit);
        result.map(|value| Done { value, commit })
    }

    /// A position that is not committed yet, with the outbox told to wake for it.
    fn pending(&self, commit: Option<Position>) -> Option<Position> {
        let at = commit.filter(|&at| at > self.committed())?;
        self.notify_at(at);
        Some(at)
    }

    /// This connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// What the hall has for this connection.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The time, and sizes a door needs.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            message_bytes_max: self.broker.inner.config.message_size_max.as_usize(),
            now: self.broker.now(),
        }
    }

    /// The broker it is a session of.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Who is connected.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether that user may publish in the name of others, as of the login.
    pub fn may_impersonate(&self) -> bool {
        self.may_impersonate
    }

    /// To which vhost.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// Everything up to here is on disk.
    pub fn committed(&self) -> Position {
        self.broker.inner.log.committed()
    }

    /// Asks that the outbox wakes when `at` is committed.
    pub fn notify_at(&self, at: Position) {
        self.broker.inner.log.when_committed(at, self.outbox.clone());
    }

    /// Whether too much is uncommitted: the door stops reading its socket until the outbox wakes and this says no.
    pub fn congested(&self) -> bool {
        if !self.broker.inner.log.congested() {
            return false;
        }
        self.notify_at(self.committed().plus(1));
        true
    }

    /// Whether publishers are held back.
    pub fn alarms(&self) -> Alarms {
        self.broker.alarms()
    }

    /// `exchange.declare`.
    pub fn declare_exchange(&self, d: DeclareExchange<'_>) -> Result<Done<()>> {
        self.durable(|core, fx| core.declare_exchange(fx, self.id, &d))
    }

    /// `exchange.delete`.
    pub fn delete_exchange(&self, name: &str, if_unused: bool) -> Result<Done<()>> {
        self.durable(|core, fx| core.delete_exchange(fx, self.id, name, if_unused))
    }

    /// `queue.bind` and `exchange.bind`.
    pub fn bind(&self, b: Bind<'_>) -> Result<Done<()>> {
        self.durable(|core, fx| core.bind(fx, self.id, &b))
    }

    /// `queue.unbind` and `exchange.unbind`.
    pub fn unbind(&self, b: Bind<'_>) -> Result<Done<()>> {
        self.durable(|core, fx| core.unbind(fx, self.id, &b))
    }

    /// `queue.declare`.
    pub fn declare_queue(&self, d: DeclareQueue<'_>) -> Result<Done<QueueDeclared>> {
        self.durable(|core, fx| core.declare_queue(fx, self.id, &d))
    }

    /// `queue.delete`; how many messages were in it.
    pub fn delete_queue(&self, name: &str, if_unused: bool, if_empty: bool) -> Result<Done<u64>> {
        self.durable(|core, fx| core.delete_queue(fx, self.id, name, if_unused, if_empty))
    }

    /// `queue.purge`; how many messages went.
    pub fn purge(&self, name: &str) -> Result<Done<u64>> {
        self.durable(|core, fx| core.purge(fx, self.id, name))
    }

    /// Opens a scope of leases; `limit` is the most it may hold, 0 for no limit.
    pub fn open_holder(&self, limit: u32) -> HolderId {
        self.with(|core, _| core.open_holder(self.id, limit)).0
    }

    /// Says what operators are to see of a scope.
    pub fn describe_holder(&self, holder: HolderId, about: HolderAbout) {
        if let Some(holder) = self.broker.inner.core.lock().holders.get_mut(holder.0) {
            holder.about = about;
        }
    }

    /// Changes the most leases a scope may hold, at once.
    pub fn set_holder_limit(&self, holder: HolderId, limit: u32) {
        self.with(|core, fx| core.set_holder_limit(fx, holder, limit));
    }

    /// Closes a scope: its consumers go, its leases return.
    pub fn close_holder(&self, holder: HolderId) {
        self.with(|core, fx| core.close_holder(fx, holder));
    }

    /// Returns every lease of a scope.
    pub fn requeue_all(&self, holder: HolderId) {
        self.with(|core, fx| core.return_all(fx, holder));
    }

    /// `basic.consume`.
    pub fn subscribe(&self, s: Subscribe<'_>) -> Result<ConsumerId> {
        self.with(|core, fx| core.subscribe(fx, self.id, &s)).0
    }

    /// `basic.cancel`.
    pub fn unsubscribe(&self, consumer: ConsumerId) {
        self.with(|core, fx| core.unsubscribe(fx, consumer));
    }

    /// `basic.get`.
    pub fn fetch(&self, f: Fetch<'_>) -> Result<Fetched> {
        self.with(|core, fx| core.fetch(fx, self.id, &f)).0
    }

    /// Ends leases; when that is durable, if the journal must know.
    pub fn settle(&self, holder: HolderId, outcome: Outcome, leases: &[Settled]) -> Option<Position> {
        self.with(|core, fx| core.settle(fx, holder, outcome, leases)).1
    }

    /// Publishes and settles in one journal group: all of it takes effect, or nothing.
    ///
    /// # Errors
    /// The first publish that cannot be taken; then nothing was done.
    pub fn transact(&self, holder: HolderId, tx: &mut Transaction) -> Result<Done<Published>> {
        let mut batch = std::mem::take(&mut tx.publish);
        let settles = std::mem::take(&mut tx.settle);
        // All or nothing: what would be refused by itself refuses the transaction.
        let confirms = std::mem::replace(&mut batch.confirms, false);
        if let Some(error) = self.judge(&mut batch) {
            return Err(error);
        }
        batch.confirms = confirms;
        let (result, end) = self.with(|core, fx| {
            core.check_batch(self.id, &batch, 0)?;
            let published = core.publish(fx, self.id, &mut batch);
            for (outcome, leases) in &settles {
                core.settle(fx, holder, *outcome, leases);
            }
            Ok(published)
        });
        let commit = self.pending(end);
        result.map(|value| Done { value, commit })
    }

    /// Opens an address for direct replies; its opaque suffix.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Exhausted`] if the connection has too many.
    pub fn open_reply_address(&self, token: u64) -> Result<String> {
        self.with(|core, _| {
            let (high, low) = (core.next_random(), core.next_random());
            let state = core
                .sessions
                .get_mut(&self.id)
                .ok_or_else(|| Error::unavailable("the connection is closing"))?;
            if state.reply_addresses.len() >= REPLY_ADDRESSES_MAX {
                return Err(Error::exhausted(format!(
                    "more than {REPLY_ADDRESSES_MAX} reply consumers on one connection"
                )));
            }
            let suffix = random_name(high, low);
            state.reply_addresses.push(suffix.as_str().into());
            let address = ReplyAddress { outbox: state.outbox.clone(), token };
            core.replies.insert(suffix.as_str().into(), address);
            Ok(suffix)
        })
        .0
    }

    /// Closes it.
    pub fn close_reply_address(&self, suffix: &str) {
        self.with(|core, _| {
            core.replies.remove(suffix);
            if let Some(state) = core.sessions.get_mut(&self.id) {
                state.reply_addresses.retain(|s| **s != *suffix);
            }
        });
    }

    /// Whether somebody listens at a reply address.
    pub fn reply_address_exists(&self, suffix: &str) -> bool {
        self.broker.inner.core.lock().replies.contains_key(suffix)
    }

    /// Whether there is a queue of that name.
    pub fn queue_exists(&self, name: &str) -> bool {
        let core = self.broker.inner.core.lock();
        core.sessions.get(&self.id).is_some_and(|s| core.catalog.queue(s.vhost, name).is_some())
    }

    /// Tells how many channels the connection has.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`] if the user would have more than allowed; nothing changes then.
    pub fn set_channels(&self, channels: u32) -> Result<()> {
        self.with(|core, _| {
            let Some(before) = core.sessions.get(&self.id).map(|s| s.channels) else { return Ok(()) };
            if let Some(limit) = core.catalog.user(&self.user).and_then(|u| u.limits.max_channels).filter(|_| channels > before) {
                let open: u32 = core.sessions.values().filter(|s| s.user == self.user).map(|s| s.channels).sum();
                if open - before + channels > limit {
                    return Err(Error::not_allowed(format!(
                        "number of channels opened for user '{}' has reached the maximum allowed user limit of ({limit})",
                        self.user
                    )));
                }
            }
            if let Some(state) = core.sessions.get_mut(&self.id) {
                state.channels = channels;
            }
            core.stats.channels_opened += channels.saturating_sub(before) as u64;
            core.stats.channels_closed += before.saturating_sub(channels) as u64;
            Ok(())
        })
        .0
    }

    /// Whether the messages of a batch from item `from` on could be published: access and exchange. Nothing is stored.
    ///
    /// # Errors
    /// As [`Session::publish`], for the first that could not.
    pub fn check_publish(&self, batch: &PublishBatch, from: usize) -> Result<()> {
        self.with(|core, _| core.check_batch(self.id, batch, from)).0
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.with(|core, fx| core.close_session(fx, self.id));
    }
}
