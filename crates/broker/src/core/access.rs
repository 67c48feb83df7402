//! Authorisation: asked here, so that no door can forget it.

use std::sync::Arc;

use anymq_auth::{Access, Action};
use anymq_types::{ConnectionId, QueueId};

use super::Core;
use super::consume::no_queue;
use crate::error::{Error, Result};

/// One connection's compiled rights, and the last exchange it was allowed to publish to.
pub(crate) struct SessionAccess {
    access: Access,
    user: Arc<str>,
    vhost: Arc<str>,
    last_write: String,
    has_last: bool,
}

impl SessionAccess {
    pub(crate) fn new(access: Access, user: Arc<str>, vhost: Arc<str>) -> Self {
        SessionAccess { access, user, vhost, last_write: String::new(), has_last: false }
    }

    pub(crate) fn restricts_topics(&self) -> bool {
        self.access.restricts_topics()
    }

    /// Whether the user may do `action` to an exchange or queue.
    pub(crate) fn check(&self, action: Action, what: &str, name: &str) -> Result<()> {
        if self.access.check(action, name) {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "{} access to {what} '{name}' in vhost '{}' refused for user '{}'",
            action.as_str(),
            self.vhost,
            self.user
        )))
    }

    /// Whether the user may publish to an exchange with a routing key.
    pub(crate) fn check_publish(&mut self, exchange: &str, key: &[u8]) -> Result<()> {
        if !(self.has_last && self.last_write == exchange) {
            self.check(
                Action::Write,
                "exchange",
                if exchange.is_empty() { "amq.default" } else { exchange },
            )?;
            self.last_write.clear();
            self.last_write.push_str(exchange);
            self.has_last = true;
        }
        self.check_topic(Action::Write, exchange, key)
    }

    /// Whether the user may use a routing key with a topic exchange.
    pub(crate) fn check_topic(&self, action: Action, exchange: &str, key: &[u8]) -> Result<()> {
        if !self.access.restricts_topics() || self.access.check_topic(action, exchange, key) {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "{} access to topic '{}' in exchange '{exchange}' in vhost '{}' refused for user '{}'",
            action.as_str(),
            String::from_utf8_lossy(key),
            self.vhost,
            self.user
        )))
    }
}

impl Core {
    /// The queue of that name in the session's vhost, if the session may do `action` to it and nobody else owns it.
    pub(crate) fn queue_for(&self, session: ConnectionId, name: &str, action: Action) -> Result<QueueId> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        state.access.check(action, "queue", name)?;
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

    /// Compiles the rights of every connection of `user` again; connections that lost their vhost are closed.
    pub(crate) fn refresh_access(&mut self, user: &str) -> Vec<ConnectionId> {
        let mut lost = Vec::new();
        for state in self.sessions.values_mut().filter(|s| &*s.user == user) {
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
