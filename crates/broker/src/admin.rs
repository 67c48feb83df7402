//! What operators see and do: listings without side effects, and changes of the catalogue.
//! Everything here is a copy taken under the core's lock; nothing of it is on a message's path.

use std::net::SocketAddr;
use std::sync::Arc;

use anymq_auth::scram::ScramCredentials;
use anymq_auth::{Attempt, PasswordHash, SALT_BYTES};
use anymq_catalog::{Catalog, Change, definitions::Definitions};
use anymq_runtime::Rng;
use anymq_types::value::Table;
use anymq_types::{Millis, Position, QueueId};

use crate::api::{Alarms, Done, Principal};
use crate::broker::Broker;
pub use crate::browse::Browsed;
pub use crate::core::stats::{Deaths, Deliveries, KindStats, Stats};
use crate::error::{Error, Result};
use crate::login::random_bytes;
pub use crate::queue::settings::{Kind, Overflow, Settings};

/// One queue, as operators see it.
#[derive(Clone, Debug)]
pub struct QueueStatus {
    /// Its id.
    pub id: QueueId,
    /// Its vhost.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub kind: Kind,
    /// Survives restarts.
    pub durable: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
    /// Belongs to one connection.
    pub exclusive: bool,
    /// Arguments it was declared with.
    pub args: Table,
    /// What arguments and policies come to.
    pub settings: Arc<Settings>,
    /// Messages ready for delivery.
    pub ready: u64,
    /// Messages delivered and not settled.
    pub unacked: u64,
    /// Messages waiting for their time.
    pub delayed: u64,
    /// Body bytes of ready messages.
    pub ready_bytes: u64,
    /// Body bytes of unsettled deliveries.
    pub unacked_bytes: u64,
    /// Bytes in memory.
    pub resident_bytes: u64,
    /// Consumers.
    pub consumers: u32,
    /// First offset kept, and the next one.
    pub offsets: (u64, u64),
    /// When its oldest message was published, or a little later.
    pub oldest: Option<Millis>,
    /// Messages published to it since the process started.
    pub published: u64,
    /// Messages handed to consumers, and what became of them.
    pub deliveries: Deliveries,
    /// Messages dead-lettered or dropped.
    pub dropped: u64,
}

/// One consumer.
#[derive(Clone, Debug)]
pub struct ConsumerStatus {
    /// Its queue's vhost.
    pub vhost: Arc<str>,
    /// Its queue.
    pub queue: Arc<str>,
    /// Its tag.
    pub tag: Arc<str>,
    /// Its connection.
    pub connection: u64,
    /// Most unacknowledged messages; 0: no limit.
    pub prefetch: u32,
    /// Unacknowledged messages.
    pub unacked: u32,
    /// Settled when sent.
    pub auto_ack: bool,
    /// The only one allowed.
    pub exclusive: bool,
    /// Priority.
    pub priority: i64,
    /// It is the one that is served, or may be.
    pub active: bool,
    /// Arguments.
    pub args: Option<Arc<Table>>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct ConnectionStatus {
    /// Its id.
    pub id: u64,
    /// Who.
    pub user: Arc<str>,
    /// Where.
    pub vhost: Arc<str>,
    /// Through which door.
    pub protocol: &'static str,
    /// From.
    pub peer: SocketAddr,
    /// To.
    pub local: SocketAddr,
    /// Encrypted.
    pub tls: bool,
    /// What the client calls itself.
    pub client_name: String,
    /// What the client says of itself.
    pub client_properties: Table,
    /// When it was opened.
    pub opened: Millis,
    /// Channels.
    pub channels: u32,
    /// Messages published.
    pub published: u64,
    /// Bytes waiting to be written to it.
    pub outbox_bytes: u64,
}

/// Totals of the whole broker.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Counters.
    pub stats: Stats,
    /// Connections now.
    pub connections: u64,
    /// Channels now.
    pub channels: u64,
    /// Consumers now.
    pub consumers: u64,
    /// Queues now.
    pub queues: u64,
    /// Messages ready.
    pub ready: u64,
    /// Messages delivered and not settled.
    pub unacked: u64,
    /// Messages waiting for their time.
    pub delayed: u64,
    /// Bytes of messages in memory.
    pub resident_bytes: u64,
    /// When the oldest message in any queue but streams was published, or a little later.
    pub oldest: Option<Millis>,
    /// Alarms.
    pub alarms: Alarms,
    /// Memory mark for the alarm, free disk space, and its limit.
    pub limits: ResourceLimits,
}

/// Resources as the alarms see them, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceLimits {
    /// Resident memory of the process.
    pub memory: u64,
    /// The mark above which publishers are held back.
    pub memory_limit: u64,
    /// Free disk space.
    pub disk_free: u64,
    /// The limit below which publishers are held back.
    pub disk_free_limit: u64,
}

/// Listings.
impl Broker {
    /// Every queue, by vhost and name; those `wanted` names only.
    pub fn queues(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<QueueStatus> {
        let core = self.inner.core.lock();
        let mut list = Vec::new();
        for vhost in core.catalog.vhosts() {
            for def in core.catalog.queues(vhost.id).filter(|q| wanted(&vhost.name, &q.name)) {
                let Some(q) = core.queues.get(&def.id) else { continue };
                list.push(QueueStatus {
                    id: def.id,
                    vhost: vhost.name.clone(),
                    name: def.name.clone(),
                    kind: q.kind,
                    durable: def.durable,
                    auto_delete: def.auto_delete,
                    exclusive: def.exclusive_owner.is_some(),
                    args: def.args.table().clone(),
                    settings: q.settings.clone(),
                    ready: q.ready,
                    unacked: q.unacked(),
                    delayed: q.delayed(),
                    ready_bytes: q.ready_bytes,
                    unacked_bytes: q.unacked_bytes,
                    resident_bytes: q.resident,
                    consumers: q.consumers.len() as u32,
                    offsets: (q.stream.first(), q.stream.next),
                    oldest: q.oldest(),
                    published: q.counters.published,
                    deliveries: q.counters.deliveries(),
                    dropped: q.counters.dropped,
                });
            }
        }
        list
    }

    /// Every consumer.
    pub fn consumers(&self) -> Vec<ConsumerStatus> {
        let core = self.inner.core.lock();
        let mut list = Vec::new();
        for (_, c) in core.consumers.iter().filter(|(_, c)| !c.fetch) {
            let Some(q) = core.queues.get(&c.queue) else { continue };
            let vhost = core.catalog.vhost_by_id(q.vhost).map(|v| v.name.clone()).unwrap_or_default();
            let active = !q.settings.single_active_consumer
                || q.consumers.active().is_some_and(|id| {
                    core.consumers.get(id.0).is_some_and(|a| a.token == c.token && a.session == c.session)
                });
            list.push(ConsumerStatus {
                vhost,
                queue: q.name.clone(),
                tag: c.tag.clone(),
                connection: c.session.0,
                prefetch: c.prefetch,
                unacked: c.unacked,
                auto_ack: c.auto_ack,
                exclusive: c.exclusive,
                priority: c.priority,
                active,
                args: c.args.clone(),
            });
        }
        list
    }

    /// Every connection.
    pub fn connections(&self) -> Vec<ConnectionStatus> {
        let core = self.inner.core.lock();
        let mut list: Vec<_> = core
            .sessions
            .values()
            .map(|s| ConnectionStatus {
                id: s.id.0,
                user: s.user.clone(),
                vhost: s.vhost_name.clone(),
                protocol: s.info.protocol,
                peer: s.info.principal.peer,
                local: s.info.local,
                tls: s.info.tls,
                client_name: s.info.client_name.clone(),
                client_properties: s.info.client_properties.clone(),
                opened: s.opened,
                channels: s.channels,
                published: s.published,
                outbox_bytes: s.outbox.bytes() as u64,
            })
            .collect();
        list.sort_by_key(|c| c.id);
        list
    }

    /// Totals.
    pub fn totals(&self) -> Totals {
        let core = self.inner.core.lock();
        let (ready, unacked, delayed) = core
            .queues
            .values()
            .fold((0, 0, 0), |(r, u, d), q| (r + q.ready, u + q.unacked(), d + q.delayed()));
        Totals {
            stats: Stats {
                auth_held_back: self.inner.backoff.held_back(),
                schema_refused: self.schema_refusals(),
                ..core.stats
            },
            connections: core.sessions.len() as u64,
            channels: core.sessions.values().map(|s| s.channels as u64).sum(),
            consumers: core.queues.values().map(|q| q.consumers.len() as u64).sum(),
            queues: core.queues.len() as u64,
            ready,
            unacked,
            delayed,
            resident_bytes: core.resident,
            oldest: core.queues.values().filter(|q| q.kind != Kind::Stream).filter_map(|q| q.oldest()).min(),
            alarms: core.alarms,
            limits: self.inner.resource_limits(),
        }
    }

    /// Reads the catalogue.
    pub fn catalog<T>(&self, read: impl FnOnce(&Catalog) -> T) -> T {
        read(&self.inner.core.lock().catalog)
    }
}

/// Changes.
impl Broker {
    /// Makes a change of the catalogue, with all that follows; when it is on disk.
    ///
    /// # Errors
    /// If it refers to what is not there or carries what is not valid.
    pub fn change(&self, change: Change) -> Result<Done<()>> {
        let (result, commit) = self.inner.with(|core, fx| core.change(fx, change));
        result.map(|value| Done { value, commit })
    }

    /// Makes several changes in one journal group: all of them, or none.
    ///
    /// # Errors
    /// The first that cannot be made.
    pub fn change_all(&self, changes: Vec<Change>) -> Result<Done<()>> {
        let (result, commit) = self.inner.with(|core, fx| core.change_all(fx, changes));
        result.map(|value| Done { value, commit })
    }

    /// Takes a definitions file in one journal group: how many changes it came to, and what was left out of it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if anything in the file is not acceptable; then nothing is changed.
    pub fn import(&self, file: Definitions) -> Result<Done<(u64, Vec<String>)>> {
        let (result, commit) = self.inner.with(|core, fx| core.import(fx, file));
        result.map(|value| Done { value, commit })
    }

    /// Waits until a position is on disk. Blocks.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] if the journal has failed.
    pub fn wait_committed(&self, at: Option<Position>) -> Result<()> {
        match at {
            Some(at) => self.inner.log.wait_committed(at).map_err(|e| Error::unavailable(e.to_string())),
            None => Ok(()),
        }
    }

    /// A password as it is kept. Slow on purpose.
    pub fn hash_password(&self, password: &[u8]) -> PasswordHash {
        let mut salt = [0; SALT_BYTES];
        Rng::from_entropy().fill(&mut salt);
        PasswordHash::argon2id(password, salt)
    }

    /// A password as it is kept for logins by challenge and response. Slow on purpose.
    pub fn scram_of(&self, password: &[u8]) -> ScramCredentials {
        ScramCredentials::of_password(password, random_bytes)
    }

    /// Drops every ready message of a queue; how many.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] if there is no such queue.
    pub fn purge_queue(&self, vhost: &str, queue: &str) -> Result<Done<u64>> {
        let id = self.queue_id(vhost, queue)?;
        let (value, commit) = self.inner.with(|core, fx| core.purge_queue(fx, id));
        Ok(Done { value, commit })
    }

    /// Stops or resumes delivery from a queue.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] if there is no such queue.
    pub fn pause_queue(&self, vhost: &str, queue: &str, paused: bool) -> Result<()> {
        let id = self.queue_id(vhost, queue)?;
        self.inner.with(|core, fx| {
            if let Some(queue) = core.queues.get_mut(&id) {
                queue.paused = paused;
            }
            core.touch(fx, id);
        });
        Ok(())
    }

    /// Closes a connection.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] if there is no such connection.
    pub fn close_connection(&self, id: u64, reason: &str) -> Result<()> {
        let id = anymq_types::ConnectionId(id);
        let (found, _) = self.inner.with(|core, fx| {
            core.close_sessions(fx, &[id], reason);
            core.sessions.contains_key(&id)
        });
        found.then_some(()).ok_or_else(|| Error::not_found(format!("no connection {id}")))
    }

    /// Checks a password for the admin API; the user's tags are in the catalogue.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`].
    pub fn admit(&self, user: &str, password: &[u8], peer: SocketAddr) -> Result<Principal> {
        let stored = self.catalog(|c| c.user(user).cloned());
        let attempt = Attempt { user, password, peer: peer.ip(), now: self.now() };
        match self.inner.auth.admit(attempt, stored.as_ref().map(|u| &u.password)) {
            Ok(true) => Ok(Principal::of_user(user, peer)),
            Ok(false) | Err(_) => self.authenticate(user, password, peer),
        }
    }

    pub(crate) fn queue_id(&self, vhost: &str, queue: &str) -> Result<QueueId> {
        let missing = || Error::not_found(format!("no queue '{queue}' in vhost '{vhost}'"));
        self.catalog(|c| c.queue(c.vhost(vhost)?.id, queue).map(|q| q.id)).ok_or_else(missing)
    }
}
