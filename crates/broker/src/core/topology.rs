//! What exists: declared, bound, deleted.

use std::sync::Arc;

use anymq_auth::{Action, acl::Operation};
use anymq_catalog::args::queue::QueueRequest;
use anymq_catalog::args::{Args, binding, exchange as exchange_args};
use anymq_catalog::equivalence::{self, ExchangeRequest, Inequivalent};
use anymq_catalog::{
    Binding, Change, Destination as Dest, Exchange, ExchangeKind, Queue as QueueDef, RoutingKey,
};
use anymq_types::limits::NAME_BYTES_MAX;
use anymq_types::value::Table;
use anymq_types::{ConnectionId, ExchangeId, QueueId, VhostId};

use super::Core;
use super::access::locked;
use super::consume::no_queue;
use super::fx::Fx;
use crate::api::{Bind, DeclareExchange, DeclareQueue, Destination, QueueDeclared};
use crate::error::{Error, Result};
use crate::queue::settings::Kind;

impl Core {
    fn session_vhost(&self, session: ConnectionId) -> Result<(VhostId, Arc<str>)> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        Ok((state.vhost, state.vhost_name.clone()))
    }

    fn check(&self, session: ConnectionId, action: Action, what: &str, name: &str) -> Result<()> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        state.access.check(self.now, action, what, name)
    }

    /// `exchange.declare`.
    pub(crate) fn declare_exchange(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        d: &DeclareExchange<'_>,
    ) -> Result<()> {
        let (vhost, vhost_name) = self.session_vhost(session)?;
        refuse_default(d.name)?;
        if d.passive {
            return match self.catalog.exchange(vhost, d.name) {
                Some(_) => Ok(()),
                None => Err(Error::not_found(format!("no exchange '{}' in vhost '{vhost_name}'", d.name))),
            };
        }
        let kind = exchange_args::kind(d.kind).map_err(|e| Error::invalid(e.to_string()))?;
        self.check(session, Action::Configure, "exchange", d.name)?;
        let request = ExchangeRequest {
            kind,
            durable: d.durable,
            auto_delete: d.auto_delete,
            internal: d.internal,
            args: d.args,
        };
        if let Some(existing) = self.catalog.exchange(vhost, d.name) {
            return equivalence::check_exchange(existing, &request, &vhost_name)
                .map_err(|e| Error::conflict(e.to_string()));
        }
        refuse_reserved("exchange", d.name)?;
        exchange_args::check(kind, d.name, &vhost_name, d.args).map_err(|e| Error::invalid(e.to_string()))?;
        if let Some(alternate) = d.args.get("alternate-exchange").and_then(|v| v.as_str()) {
            self.check(session, Action::Read, "exchange", d.name)?;
            self.check(session, Action::Write, "exchange", alternate)?;
        }
        self.check_topic_exchange(session, vhost, d.args)?;
        let exchange = Exchange {
            id: ExchangeId(self.catalog.next_ids().exchange.0),
            vhost,
            name: d.name.into(),
            kind,
            durable: d.durable,
            auto_delete: d.auto_delete,
            internal: d.internal,
            args: Args::new(d.args.clone()),
        };
        self.change(fx, Change::ExchangePut(exchange))
    }

    /// `exchange.delete`. Deleting what is not there is no error.
    pub(crate) fn delete_exchange(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        name: &str,
        if_unused: bool,
    ) -> Result<()> {
        let (vhost, vhost_name) = self.session_vhost(session)?;
        refuse_default(name)?;
        if name.starts_with("amq.") && self.catalog.exchange(vhost, name).is_some_and(|x| x.is_predeclared())
        {
            return Err(Error::forbidden(format!(
                "deletion of system exchange '{name}' in vhost '{vhost_name}' not allowed"
            )));
        }
        self.check(session, Action::Configure, "exchange", name)?;
        let Some(exchange) = self.catalog.exchange(vhost, name) else { return Ok(()) };
        if if_unused && self.catalog.bindings_from(vhost, name).next().is_some() {
            return Err(Error::in_use(format!("exchange '{name}' in vhost '{vhost_name}' in use")));
        }
        let id = exchange.id;
        self.change(fx, Change::ExchangeDelete { id })
    }

    /// `queue.bind`, `exchange.bind`.
    pub(crate) fn bind(&mut self, fx: &mut Fx<'_>, session: ConnectionId, b: &Bind<'_>) -> Result<()> {
        let binding = self.binding(session, b, true)?;
        let (_, vhost_name) = self.session_vhost(session)?;
        let kind = match b.destination {
            Destination::Queue(name) => self.catalog.queue(binding.vhost, name).map(|q| q.kind),
            Destination::Exchange(_) => None,
        };
        let exchange = self
            .catalog
            .exchange(binding.vhost, b.source)
            .ok_or_else(|| Error::not_found(format!("no exchange '{}' in vhost '{vhost_name}'", b.source)))?;
        binding::check(exchange.routing_kind(), kind, b.routing_key.as_bytes(), b.args)
            .map_err(|e| Error::invalid(e.to_string()))?;
        if self.catalog.has_binding(&binding) {
            return Ok(());
        }
        self.change(fx, Change::BindingPut(binding))
    }

    /// `queue.unbind`, `exchange.unbind`. Removing what is not there is no error.
    pub(crate) fn unbind(&mut self, fx: &mut Fx<'_>, session: ConnectionId, b: &Bind<'_>) -> Result<()> {
        let binding = self.binding(session, b, false)?;
        if !self.catalog.has_binding(&binding) {
            return Ok(());
        }
        self.change(fx, Change::BindingDelete(binding))
    }

    fn binding(&self, session: ConnectionId, b: &Bind<'_>, must_exist: bool) -> Result<Binding> {
        let (vhost, vhost_name) = self.session_vhost(session)?;
        refuse_default(b.source)?;
        let (what, name) = match b.destination {
            Destination::Queue(name) => ("queue", name),
            Destination::Exchange(name) => ("exchange", name),
        };
        if let Destination::Exchange(name) = b.destination {
            refuse_default(name)?;
        }
        self.check(session, Action::Write, what, name)?;
        self.check(session, Action::Read, "exchange", b.source)?;
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        if self.catalog.exchange(vhost, b.source).is_some_and(|x| x.kind == ExchangeKind::Topic) {
            state.access.check_topic(self.now, Action::Read, b.source, b.routing_key.as_bytes())?;
        }
        if must_exist {
            match b.destination {
                Destination::Queue(name) => {
                    self.owned_queue(session, name)?;
                }
                Destination::Exchange(name) if self.catalog.exchange(vhost, name).is_none() => {
                    return Err(Error::not_found(format!("no exchange '{name}' in vhost '{vhost_name}'")));
                }
                Destination::Exchange(_) => {}
            }
        } else if let Destination::Queue(name) = b.destination
            && let Some(queue) = self.catalog.queue(vhost, name)
            && queue.exclusive_owner.is_some_and(|owner| owner != session)
        {
            return Err(locked(name, &vhost_name));
        }
        let destination = match b.destination {
            Destination::Queue(name) => Dest::Queue(name.into()),
            Destination::Exchange(name) => Dest::Exchange(name.into()),
        };
        Ok(Binding {
            vhost,
            source: b.source.into(),
            destination,
            routing_key: RoutingKey::from(b.routing_key),
            args: Args::sorted(b.args.clone()),
        })
    }

    /// `queue.declare`.
    pub(crate) fn declare_queue(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        d: &DeclareQueue<'_>,
    ) -> Result<QueueDeclared> {
        let (vhost, vhost_name) = self.session_vhost(session)?;
        if d.passive {
            let id = match self.catalog.queue(vhost, d.name) {
                Some(_) => self.owned_queue(session, d.name)?,
                None => return Err(no_queue(d.name, &vhost_name)),
            };
            return Ok(self.declared(fx, id, d.name));
        }
        let name = if d.name.is_empty() { self.generated_name(vhost) } else { clean_name(d.name) };
        self.check_queue(session, Operation::Create, &name)?;
        let own = self.catalog.vhost_by_id(vhost).and_then(|v| v.default_queue_type);
        let default_kind = own.unwrap_or(self.config.default_queue_type);
        let request = QueueRequest {
            vhost: &vhost_name,
            name: &name,
            durable: d.durable,
            exclusive: d.exclusive,
            auto_delete: d.auto_delete,
            args: d.args,
            default_kind,
        };
        if let Some(existing) = self.catalog.queue(vhost, &name) {
            if existing.exclusive_owner.is_some_and(|owner| owner != session) {
                return Err(locked(&name, &vhost_name));
            }
            let id = existing.id;
            equivalence::check_queue(existing, &request, session).map_err(|e| match &e {
                Inequivalent::Locked { .. } => locked(&name, &vhost_name),
                _ => Error::conflict(e.to_string()),
            })?;
            self.stats.queues_declared += 1;
            return Ok(self.declared(fx, id, &name));
        }
        if !d.name.is_empty() {
            refuse_reserved("queue", &name)?;
        }
        self.check_dead_letter_rights(session, &name, d.args)?;
        // A queue without a name of its own is checked as such: some types cannot be.
        let (kind, _) = QueueRequest { name: if d.name.is_empty() { "" } else { &name }, ..request }
            .check()
            .map_err(|e| Error::invalid(e.to_string()))?;
        self.check_queue_limit(vhost, &vhost_name, &name)?;
        let id = QueueId(self.catalog.next_ids().queue.0);
        let queue = QueueDef {
            id,
            vhost,
            name: name.as_str().into(),
            kind,
            durable: d.durable,
            auto_delete: d.auto_delete,
            exclusive_owner: d.exclusive.then_some(session),
            args: equivalence::kept_args(d.args),
        };
        self.change(fx, Change::QueuePut(queue))?;
        self.stats.queues_declared += 1;
        if d.exclusive
            && let Some(state) = self.sessions.get_mut(&session)
        {
            state.exclusive_queues.push(id);
        }
        Ok(self.declared(fx, id, &name))
    }

    fn check_dead_letter_rights(&self, session: ConnectionId, queue: &str, args: &Table) -> Result<()> {
        if let Some(exchange) = args.get("x-dead-letter-exchange").and_then(|v| v.as_str()) {
            self.check(session, Action::Read, "queue", queue)?;
            self.check(
                session,
                Action::Write,
                "exchange",
                if exchange.is_empty() { "amq.default" } else { exchange },
            )?;
        }
        Ok(())
    }

    fn check_queue_limit(&self, vhost: VhostId, vhost_name: &str, name: &str) -> Result<()> {
        let limit = self.catalog.vhost_by_id(vhost).and_then(|v| v.limits.max_queues);
        match limit {
            Some(limit) if self.catalog.queue_count(vhost) >= limit as usize => Err(Error::invalid(format!(
                "cannot declare queue '{name}': queue limit in vhost '{vhost_name}' ({limit}) is reached"
            ))),
            _ => Ok(()),
        }
    }

    fn declared(&mut self, fx: &mut Fx<'_>, id: QueueId, name: &str) -> QueueDeclared {
        let (messages, consumers) = match self.queues.get_mut(&id) {
            Some(queue) => {
                queue.used = fx.now;
                (queue.ready, queue.consumers.len() as u32)
            }
            None => (0, 0),
        };
        self.watch_idle(fx, id);
        QueueDeclared { name: name.to_owned(), messages, consumers }
    }

    fn generated_name(&mut self, vhost: VhostId) -> String {
        loop {
            let name = format!("amq.gen-{}", random_name(self.next_random(), self.next_random()));
            if self.catalog.queue(vhost, &name).is_none() {
                return name;
            }
        }
    }

    /// `queue.delete`; the messages that were in it. Deleting what is not there is no error.
    pub(crate) fn delete_queue(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        name: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<u64> {
        let (vhost, vhost_name) = self.session_vhost(session)?;
        self.check_queue(session, Operation::Delete, name)?;
        if self.catalog.queue(vhost, name).is_none() {
            return Ok(0);
        }
        let id = self.owned_queue(session, name)?;
        let Some(queue) = self.queues.get(&id) else { return Ok(0) };
        if queue.kind == Kind::Quorum && (if_unused || if_empty) {
            let flag = if if_unused { "if-unused" } else { "if-empty" };
            return Err(Error::not_implemented(format!(
                "cannot delete queue '{name}' in vhost '{vhost_name}'. queue.delete operations with {flag} flag set are not supported by quorum queues"
            )));
        }
        let (if_unused, if_empty) =
            if queue.kind == Kind::Stream { (false, false) } else { (if_unused, if_empty) };
        if if_unused && !queue.consumers.is_empty() {
            return Err(Error::in_use(format!("queue '{name}' in vhost '{vhost_name}' in use")));
        }
        if if_empty && queue.ready > 0 {
            return Err(Error::in_use(format!("queue '{name}' in vhost '{vhost_name}' not empty")));
        }
        // What a stream keeps belongs to nobody, so it does not count.
        let messages = if queue.kind == Kind::Stream { 0 } else { queue.ready };
        self.remove_queue(fx, id);
        Ok(messages)
    }

    /// Deletes a queue, whoever asks.
    pub(crate) fn remove_queue(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        if let Err(error) = self.change(fx, Change::QueueDelete { id }) {
            tracing::error!(queue = %id, %error, "a queue could not be deleted");
        }
    }

    /// `queue.purge`; how many messages went.
    pub(crate) fn purge(&mut self, fx: &mut Fx<'_>, session: ConnectionId, name: &str) -> Result<u64> {
        let id = self.queue_for(session, name, Action::Read)?;
        let (_, vhost_name) = self.session_vhost(session)?;
        if self.queues.get(&id).is_some_and(|q| q.kind == Kind::Stream) {
            return Err(Error::not_implemented(format!(
                "queue.purge not supported by stream queues queue '{name}' in vhost '{vhost_name}'"
            )));
        }
        Ok(self.purge_queue(fx, id))
    }

    /// Drops everything that is ready.
    pub(crate) fn purge_queue(&mut self, fx: &mut Fx<'_>, id: QueueId) -> u64 {
        let delayed: hashbrown::HashSet<u64> = match self.queues.get(&id) {
            Some(q) if q.delayed() > 0 => self.wheel.delayed_of(id).collect(),
            _ => hashbrown::HashSet::new(),
        };
        let Some(queue) = self.queues.get_mut(&id) else { return 0 };
        let bytes = queue.bounded_bytes();
        let (count, ranges) = queue.take_all_ready(|offset| delayed.contains(&offset));
        for (i, (start, end)) in ranges.into_iter().enumerate() {
            self.settle_range(fx, id, start, end, if i == 0 { bytes } else { 0 });
        }
        count
    }
}

fn refuse_default(name: &str) -> Result<()> {
    match name {
        "" => Err(Error::forbidden("operation not permitted on the default exchange")),
        _ => Ok(()),
    }
}

fn refuse_reserved(what: &str, name: &str) -> Result<()> {
    if name.starts_with("amq.") {
        return Err(Error::forbidden(format!("{what} name '{name}' contains reserved prefix 'amq.*'")));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!(
            "{what} name of {} bytes is longer than {NAME_BYTES_MAX}",
            name.len()
        )));
    }
    Ok(())
}

/// Line ends are not part of a name.
fn clean_name(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '\r' | '\n')).collect()
}

/// 22 characters of URL-safe base 64 for 128 random bits.
pub(crate) fn random_name(high: u64, low: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = (high as u128) << 64 | low as u128;
    (0..22).map(|i| ALPHABET[(bits >> (6 * i)) as usize & 63] as char).collect()
}
