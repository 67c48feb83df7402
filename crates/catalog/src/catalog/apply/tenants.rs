//! Changes of vhosts, users and permissions.

use std::sync::Arc;

use anymq_types::{ExchangeId, VhostId};

use super::Applied;
use crate::args::Args;
use crate::catalog::bindings::Bindings;
use crate::catalog::{Catalog, PREDECLARED, PREDECLARED_ID_BIT, VhostEntry};
use crate::change::{Change, ChangeError};
use crate::model::{Exchange, Permission, TopicPermission, User, Vhost};

impl Catalog {
    pub(super) fn vhost_put(&mut self, vhost: Vhost) -> Result<Applied, ChangeError> {
        let same_name = self.vhost_ids.get(&vhost.name).is_none_or(|id| *id == vhost.id);
        let same_id = self.vhosts.get(&vhost.id).is_none_or(|entry| entry.vhost.name == vhost.name);
        if !same_name || !same_id {
            return Err(ChangeError::Conflict { kind: "vhost", name: vhost.name });
        }
        self.next.vhost = self.next.vhost.max(VhostId(vhost.id.0 + 1));
        if let Some(entry) = self.vhosts.get_mut(&vhost.id) {
            let changed = *entry.vhost != vhost;
            entry.vhost = Arc::new(vhost);
            return Ok(Applied::changed(changed));
        }
        self.vhost_ids.insert(vhost.name.clone(), vhost.id);
        let mut entry = VhostEntry::new(Arc::new(vhost));
        for exchange in predeclared(entry.vhost.id) {
            let exchange = Arc::new(exchange);
            self.exchanges.insert(exchange.id, exchange.clone());
            entry.exchanges.insert(exchange.name.clone(), exchange);
        }
        self.vhosts.insert(entry.vhost.id, entry);
        Ok(Applied::changed(true))
    }

    pub(super) fn vhost_delete(&mut self, id: VhostId) -> Applied {
        let Some(entry) = self.vhosts.remove(&id) else { return Applied::default() };
        self.vhost_ids.remove(&entry.vhost.name);
        let mut cascade = Vec::new();
        cascade.extend(entry.bindings.iter().map(|b| Change::BindingDelete((**b).clone())));
        let topics = entry.topics.values();
        cascade.extend(topics.map(|t| Change::TopicDelete { vhost: id, name: t.name.clone() }));
        for queue in entry.queues.values() {
            self.queues.remove(&queue.id);
            self.topics.remove(&queue.id);
            cascade.push(Change::QueueDelete { id: queue.id });
        }
        for exchange in entry.exchanges.values() {
            self.exchanges.remove(&exchange.id);
            cascade.push(Change::ExchangeDelete { id: exchange.id });
        }
        for (user, vhost, exchange) in
            self.topic_permissions.extract_if(.., |key, _| key.1 == id).map(|(key, _)| key)
        {
            cascade.push(Change::TopicPermissionDelete { user, vhost, exchange });
        }
        for (user, vhost) in self.permissions.extract_if(.., |key, _| key.1 == id).map(|(key, _)| key) {
            cascade.push(Change::PermissionDelete { user, vhost });
        }
        Applied { changed: true, cascade, consequences: Vec::new() }
    }

    pub(super) fn user_put(&mut self, user: User) -> Applied {
        let changed = self.users.get(&user.name).is_none_or(|old| **old != user);
        self.scram.added(&user);
        if let Some(old) = self.users.insert(user.name.clone(), Arc::new(user)) {
            self.scram.removed(&old);
        }
        Applied::changed(changed)
    }

    pub(super) fn user_delete(&mut self, name: &Arc<str>) -> Applied {
        let Some(user) = self.users.remove(name) else { return Applied::default() };
        self.scram.removed(&user);
        let mut cascade = self.acls_of_user_delete(name);
        for (user, vhost, exchange) in
            self.topic_permissions.extract_if(.., |key, _| key.0 == *name).map(|(key, _)| key)
        {
            cascade.push(Change::TopicPermissionDelete { user, vhost, exchange });
        }
        for (user, vhost) in self.permissions.extract_if(.., |key, _| key.0 == *name).map(|(key, _)| key) {
            cascade.push(Change::PermissionDelete { user, vhost });
        }
        Applied { changed: true, cascade, consequences: Vec::new() }
    }

    pub(super) fn permission_put(&mut self, permission: Permission) -> Result<Applied, ChangeError> {
        self.check_user_and_vhost(&permission.user, permission.vhost)?;
        for pattern in [&permission.grant.configure, &permission.grant.write, &permission.grant.read] {
            anymq_auth::Pattern::permission(pattern)?;
        }
        let key = (permission.user.clone(), permission.vhost);
        let old = self.permissions.insert(key, permission.clone());
        Ok(Applied::changed(old.as_ref() != Some(&permission)))
    }

    pub(super) fn topic_permission_put(
        &mut self,
        permission: TopicPermission,
    ) -> Result<Applied, ChangeError> {
        self.check_user_and_vhost(&permission.user, permission.vhost)?;
        for pattern in [&permission.grant.write, &permission.grant.read] {
            anymq_auth::Pattern::topic(pattern)?;
        }
        let key = (permission.user.clone(), permission.vhost, permission.exchange.clone());
        let old = self.topic_permissions.insert(key, permission.clone());
        Ok(Applied::changed(old.as_ref() != Some(&permission)))
    }

    fn check_user_and_vhost(&self, user: &Arc<str>, vhost: VhostId) -> Result<(), ChangeError> {
        if !self.users.contains_key(user) {
            return Err(ChangeError::NoUser(user.clone()));
        }
        if !self.vhosts.contains_key(&vhost) {
            return Err(ChangeError::NoVhost(vhost));
        }
        Ok(())
    }
}

impl VhostEntry {
    /// Without the predeclared exchanges.
    pub(in crate::catalog) fn new(vhost: Arc<Vhost>) -> Self {
        VhostEntry {
            vhost,
            exchanges: Default::default(),
            queues: Default::default(),
            topics: Default::default(),
            bindings: Bindings::default(),
            acls: Default::default(),
            policies: Default::default(),
            operator_policies: Default::default(),
            parameters: Default::default(),
            schemas: Default::default(),
        }
    }
}

fn predeclared(vhost: VhostId) -> impl Iterator<Item = Exchange> {
    PREDECLARED.into_iter().enumerate().map(move |(number, (name, kind, internal))| Exchange {
        id: ExchangeId(PREDECLARED_ID_BIT | u64::from(vhost.0) << 8 | number as u64),
        vhost,
        name: name.into(),
        kind,
        durable: true,
        auto_delete: false,
        internal,
        args: Args::EMPTY,
    })
}
