//! Authorisation: asked here, so that no door can forget it.

use std::sync::Arc;

use anymq_auth::{Access, Action};
use anymq_catalog::ExchangeKind;
use anymq_types::{ConnectionId, Millis, QueueId};

use super::Core;
use super::consume::no_queue;
use crate::api::PublishItem;
use crate::error::{Error, Result};
use crate::tokens::Expiry;

/// One connection's compiled rights, and the last exchange it was allowed to publish to.
pub(crate) struct SessionAccess {
    access: Access,
    user: Arc<str>,
    vhost: Arc<str>,
    /// When it all ends.
    expiry: Option<Expiry>,
    last_write: String,
    has_last: bool,
}

impl SessionAccess {
    pub(crate) fn new(access: Access, user: Arc<str>, vhost: Arc<str>) -> Self {
        SessionAccess { access, user, vhost, expiry: None, last_write: String::new(), has_last: false }
    }

    /// The same, until then.
    pub(crate) fn until(self, expiry: Option<Expiry>) -> Self {
        SessionAccess { expiry, ..self }
    }

    /// The expiry, if it is over.
    pub(crate) fn expired(&self, now: Millis) -> Option<&Expiry> {
        self.expiry.as_ref().filter(|expiry| expiry.is_over(now))
    }

    fn refusal(&self, now: Millis, what: std::fmt::Arguments<'_>) -> Error {
        let expired = self.expired(now).map(|expiry| expiry.text(now)).unwrap_or_default();
        Error::forbidden(format!(
            "{what} in vhost '{}' refused for user '{}'{expired}",
            self.vhost, self.user
        ))
    }

    /// Whether the user may do `action` to an exchange or queue.
    pub(crate) fn check(&self, now: Millis, action: Action, what: &str, name: &str) -> Result<()> {
        if self.expired(now).is_none() && self.access.check(action, name) {
            return Ok(());
        }
        Err(self.refusal(now, format_args!("{} access to {what} '{name}'", action.as_str())))
    }

    /// Whether the user may publish to an exchange.
    pub(crate) fn check_publish(&mut self, now: Millis, exchange: &str) -> Result<()> {
        if self.has_last && self.last_write == exchange && self.expired(now).is_none() {
            return Ok(());
        }
        let name = if exchange.is_empty() { "amq.default" } else { exchange };
        self.check(now, Action::Write, "exchange", name)?;
        self.last_write.clear();
        self.last_write.push_str(exchange);
        self.has_last = true;
        Ok(())
    }

    /// Whether the user may use a routing key with a topic exchange.
    pub(crate) fn check_topic(&self, now: Millis, action: Action, exchange: &str, key: &[u8]) -> Result<()> {
        if self.expired(now).is_none() && self.access.check_topic(action, exchange, key) {
            return Ok(());
        }
        let key = String::from_utf8_lossy(key);
        Err(self.refusal(
            now,
            format_args!("{} access to topic '{key}' in exchange '{exchange}'", action.as_str()),
        ))
    }
}

impl Core {
    /// The queue of that name in the session's vhost, if the session may do `action` to it and nobody else owns it.
    pub(crate) fn queue_for(&self, session: ConnectionId, name: &str, action: Action) -> Result<QueueId> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        state.access.check(self.now, action, "queue", name)?;
        self.owned_queue(session, name)
    }

    /// The queue of that name in the session's vhost, if nobody else owns it.
    pub(crate) fn owned_queue(&self, session: ConnectionId, name: &str) -> Result<QueueId> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        let queue = self.catalog.queue(state.vhost, name).ok_or_else(|| no_queue(name, &state.vhost_name))?;
        match queue.exclusive_owner {
            Some(owner) if owner != session => Err(locked(name, &state.vhost_name)),
            _ => Ok(queue.id),
        }
    }

    /// Whether a session may publish a message: to its exchange and, if that is a topic exchange, with its keys.
    pub(crate) fn may_publish(
        &mut self,
        session: ConnectionId,
        exchange: &str,
        key: &[u8],
        item: &PublishItem,
    ) -> Result<()> {
        let now = self.now;
        let Some(state) = self.sessions.get_mut(&session) else {
            return Err(Error::unavailable("the connection is closing"));
        };
        state.access.check_publish(now, exchange)?;
        let is_topic =
            || self.catalog.exchange(state.vhost, exchange).is_some_and(|x| x.kind == ExchangeKind::Topic);
        if !state.access.access.restricts_topics() || !is_topic() {
            return Ok(());
        }
        let more = item.extra_keys.iter().flatten().map(|key| &**key);
        std::iter::once(key)
            .chain(more)
            .try_for_each(|key| state.access.check_topic(now, Action::Write, exchange, key))
    }

    /// Compiles the rights of every connection of `user` again; connections that lost their vhost are closed. The rights
    /// of those that came with a token are in the token.
    pub(crate) fn refresh_access(&mut self, user: &str) -> Vec<ConnectionId> {
        let mut lost = Vec::new();
        for state in
            self.sessions.values_mut().filter(|s| &*s.user == user && s.info.principal.token.is_none())
        {
            match self.catalog.access(user, state.vhost, None) {
                Ok(Some(access)) => {
                    state.access = SessionAccess::new(access, state.user.clone(), state.vhost_name.clone())
                }
                Ok(None) | Err(_) => lost.push(state.id),
            }
        }
        lost
    }
}

/// The error for a queue that belongs to another connection.
pub(crate) fn locked(name: &str, vhost: &str) -> Error {
    Error::locked(format!(
        "cannot obtain exclusive access to locked queue '{name}' in vhost '{vhost}'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration."
    ))
}
