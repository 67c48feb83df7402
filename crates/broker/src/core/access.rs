//! Authorisation: asked here, so that no door can forget it.

mod rules;

use std::net::IpAddr;
use std::sync::Arc;

use anymq_auth::acl::{AclSet, CLUSTER, Operation, ResourceKind};
use anymq_auth::{Access, Action, Tags};
use anymq_catalog::ExchangeKind;
use anymq_types::{ConnectionId, Millis, QueueId, VhostId};

use self::rules::Rules;
use super::consume::no_queue;
use super::{Core, SessionState};
use crate::api::PublishItem;
use crate::error::{Error, Result};
use crate::tokens::Expiry;

/// One connection's rights: what permissions or a token grant, what access rules say, and the last exchange it was allowed to
/// publish to. Which of them counts is said in docs/adr/0010.
pub(crate) struct SessionAccess {
    /// `None`: it has no permissions here, and lives off rules.
    access: Option<Access>,
    rules: Rules,
    user: Arc<str>,
    vhost: Arc<str>,
    tags: Tags,
    /// When it all ends.
    expiry: Option<Expiry>,
    last_write: String,
    has_last: bool,
}

/// What [`SessionAccess`] is made of.
pub(crate) struct Standing<'a> {
    pub(crate) user: &'a str,
    pub(crate) vhost: &'a Arc<str>,
    pub(crate) host: IpAddr,
    pub(crate) tags: Tags,
    pub(crate) acls: Arc<AclSet>,
}

impl SessionAccess {
    /// `None` if neither permissions nor rules grant anything.
    pub(crate) fn new(access: Option<Access>, standing: Standing<'_>) -> Option<Self> {
        let Standing { user, vhost, host, tags, acls } = standing;
        let rules = Rules::new(acls, user, host);
        let is_admitted = access.is_some() || rules.admit(user);
        is_admitted.then(|| SessionAccess {
            access,
            rules,
            user: user.into(),
            vhost: vhost.clone(),
            tags,
            expiry: None,
            last_write: String::new(),
            has_last: false,
        })
    }

    /// The same, until then.
    pub(crate) fn until(self, expiry: Option<Expiry>) -> Self {
        SessionAccess { expiry, ..self }
    }

    /// The expiry, if it is over.
    pub(crate) fn expired(&self, now: Millis) -> Option<&Expiry> {
        self.expiry.as_ref().filter(|expiry| expiry.is_over(now))
    }

    /// There are other rules now; whether anything is granted still.
    pub(crate) fn put_rules(&mut self, acls: Arc<AclSet>, host: IpAddr) -> bool {
        self.rules = Rules::new(acls, &self.user, host);
        self.has_last = false;
        self.access.is_some() || self.rules.admit(&self.user)
    }

    pub(crate) fn is_administrator(&self) -> bool {
        self.tags.is_administrator()
    }

    fn refusal(&self, now: Millis, what: std::fmt::Arguments<'_>) -> Error {
        let expired = self.expired(now).map(|expiry| expiry.text(now)).unwrap_or_default();
        Error::forbidden(format!(
            "{what} in vhost '{}' refused for user '{}'{expired}",
            self.vhost, self.user
        ))
    }

    /// Whether the user may do `operation` to a resource: a rule that denies counts first, then one that allows, then
    /// permissions. Rules are not for administrators, who make them.
    pub(crate) fn may(&self, now: Millis, kind: ResourceKind, name: &str, operation: Operation) -> bool {
        if self.expired(now).is_some() {
            return false;
        }
        if !self.is_administrator()
            && let Some(said) = self.rules.masks(&self.user, kind, name).says(operation)
        {
            return said;
        }
        self.permits(kind, name, operation)
    }

    /// What permissions say, which know three rights, and no clusters.
    fn permits(&self, kind: ResourceKind, name: &str, operation: Operation) -> bool {
        use Operation as Op;
        let Some(access) = &self.access else { return false };
        let has = |action| access.check(action, name);
        match kind {
            ResourceKind::Topic | ResourceKind::Group | ResourceKind::TransactionalId => match operation {
                Op::Read => has(Action::Read),
                Op::Write | Op::TwoPhaseCommit => has(Action::Write),
                // Groups are used, and deleted, by those who may read them.
                Op::Delete if kind == ResourceKind::Group => has(Action::Read),
                Op::Create | Op::Delete | Op::Alter | Op::AlterConfigs => has(Action::Configure),
                Op::Describe | Op::DescribeConfigs if kind == ResourceKind::Group => has(Action::Read),
                Op::Describe | Op::DescribeConfigs => {
                    has(Action::Read) || has(Action::Write) || has(Action::Configure)
                }
                _ => false,
            },
            ResourceKind::Cluster => match operation {
                Op::IdempotentWrite => true,
                Op::Describe | Op::DescribeConfigs => self.tags.may_monitor(),
                // Topics are made by those who may configure them.
                Op::Create => false,
                _ => self.is_administrator(),
            },
            ResourceKind::DelegationToken | ResourceKind::User => self.is_administrator(),
        }
    }

    /// Whether a rule allows `operation` on some resource of a kind.
    pub(crate) fn may_any(&self, now: Millis, kind: ResourceKind, operation: Operation) -> bool {
        self.expired(now).is_none() && self.rules.allow_any(&self.user, kind, operation)
    }

    /// Whether the user may do `action` to an exchange, queue, topic or group. Rules know queues as topics, and no exchanges.
    pub(crate) fn check(&self, now: Millis, action: Action, what: &str, name: &str) -> Result<()> {
        let kind = match what {
            "exchange" => None,
            "group" => Some(ResourceKind::Group),
            _ => Some(ResourceKind::Topic),
        };
        let may = match kind {
            Some(kind) => self.may(now, kind, name, action.into()),
            None => {
                self.expired(now).is_none() && self.access.as_ref().is_some_and(|a| a.check(action, name))
            }
        };
        match may {
            true => Ok(()),
            false => Err(self.refusal(now, format_args!("{} access to {what} '{name}'", action.as_str()))),
        }
    }

    /// Whether the user may do `operation` to a topic or to the queue that it is.
    pub(crate) fn check_topic_for(
        &self,
        now: Millis,
        operation: Operation,
        what: &str,
        name: &str,
    ) -> Result<()> {
        match self.may(now, ResourceKind::Topic, name, operation) {
            true => Ok(()),
            false => {
                let right = match operation {
                    Operation::Read => Action::Read,
                    Operation::Write => Action::Write,
                    _ => Action::Configure,
                };
                Err(self.refusal(now, format_args!("{} access to {what} '{name}'", right.as_str())))
            }
        }
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

    /// Whether a message may go to a queue by its name, which is the key of the default exchange: permissions do not look at
    /// that, rules that deny do.
    fn check_direct(&self, now: Millis, key: &[u8]) -> Result<()> {
        if !self.rules.deny_writes() || self.is_administrator() {
            return Ok(());
        }
        let name = String::from_utf8_lossy(key);
        match self.rules.masks(&self.user, ResourceKind::Topic, &name).says(Operation::Write) {
            Some(false) => Err(self.refusal(now, format_args!("write access to queue '{name}'"))),
            Some(true) | None => Ok(()),
        }
    }

    /// Whether the user may use a routing key with a topic exchange.
    pub(crate) fn check_topic(&self, now: Millis, action: Action, exchange: &str, key: &[u8]) -> Result<()> {
        let may = self.access.as_ref().is_some_and(|access| access.check_topic(action, exchange, key));
        if self.expired(now).is_none() && may {
            return Ok(());
        }
        let key = String::from_utf8_lossy(key);
        Err(self.refusal(
            now,
            format_args!("{} access to topic '{key}' in exchange '{exchange}'", action.as_str()),
        ))
    }

    fn restricts_topics(&self) -> bool {
        self.access.as_ref().is_some_and(Access::restricts_topics)
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
        if exchange.is_empty() {
            state.access.check_direct(now, key)?;
        }
        let is_topic =
            || self.catalog.exchange(state.vhost, exchange).is_some_and(|x| x.kind == ExchangeKind::Topic);
        if !state.access.restricts_topics() || !is_topic() {
            return Ok(());
        }
        let more = item.extra_keys.iter().flatten().map(|key| &**key);
        std::iter::once(key)
            .chain(more)
            .try_for_each(|key| state.access.check_topic(now, Action::Write, exchange, key))
    }

    /// Whether a session may make or delete a queue.
    pub(crate) fn check_queue(&self, session: ConnectionId, operation: Operation, name: &str) -> Result<()> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        state.access.check_topic_for(self.now, operation, "queue", name)
    }

    /// Whether a session may do `operation` to a resource.
    pub(crate) fn may(
        &self,
        session: ConnectionId,
        kind: ResourceKind,
        name: &str,
        operation: Operation,
    ) -> bool {
        self.sessions.get(&session).is_some_and(|s| s.access.may(self.now, kind, name, operation))
    }

    /// Whether a session may do `operation` to the server as a whole.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`].
    pub(crate) fn must_cluster(&self, session: ConnectionId, operation: Operation) -> Result<()> {
        match self.may(session, ResourceKind::Cluster, CLUSTER, operation) {
            true => Ok(()),
            false => Err(Error::not_allowed("Cluster authorization failed.")),
        }
    }

    /// What a user of the catalogue may do in a vhost; `None`: not even connect.
    pub(crate) fn rights_of(
        &self,
        user: &str,
        host: IpAddr,
        vhost: (VhostId, &Arc<str>),
    ) -> Option<SessionAccess> {
        let known = self.catalog.user(user)?;
        let access = self.catalog.access(user, vhost.0, None).ok()?;
        let (tags, acls) = (known.tags.clone(), self.catalog.acls(vhost.0));
        SessionAccess::new(access, Standing { user, vhost: vhost.1, host, tags, acls })
    }

    /// Compiles the rights of every connection of `user` again; connections that lost their vhost are returned. The rights
    /// of those that came with a token are in the token.
    pub(crate) fn refresh_access(&mut self, user: &str) -> Vec<ConnectionId> {
        let own = |s: &&SessionState| &*s.user == user && s.info.principal.token.is_none();
        let own: Vec<ConnectionId> = self.sessions.values().filter(own).map(|s| s.id).collect();
        let mut lost = Vec::new();
        for id in own {
            let rights = self.sessions.get(&id).and_then(|state| {
                let host = state.info.principal.peer.ip();
                self.rights_of(user, host, (state.vhost, &state.vhost_name))
            });
            match (rights, self.sessions.get_mut(&id)) {
                (Some(access), Some(state)) => state.access = access,
                _ => lost.push(id),
            }
        }
        lost
    }

    /// The access rules of a vhost are others; connections that lived off them are returned.
    pub(crate) fn refresh_rules(&mut self, vhost: VhostId) -> Vec<ConnectionId> {
        let acls = self.catalog.acls(vhost);
        let mut lost = Vec::new();
        for state in self.sessions.values_mut().filter(|s| s.vhost == vhost) {
            let host = state.info.principal.peer.ip();
            if !state.access.put_rules(acls.clone(), host) {
                lost.push(state.id);
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
