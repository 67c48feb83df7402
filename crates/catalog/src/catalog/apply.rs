//! Making changes.

use std::sync::Arc;

use anymq_types::{ExchangeId, QueueId, VhostId};

use super::bindings::Bindings;
use super::{Catalog, PREDECLARED, PREDECLARED_ID_BIT, VhostEntry};
use crate::args::Args;
use crate::change::{Change, ChangeError, NextIds, Step};
use crate::model::{
    Binding, Destination, Exchange, Parameter, Permission, Policy, Queue, TopicPermission, User, Vhost,
};
use crate::policy::CompiledPolicy;

/// Argument tables remembered for sharing.
const RECENT_ARGS_MAX: usize = 32;

/// What a change came to.
#[derive(Debug, Default, PartialEq)]
pub struct Applied {
    /// False if nothing was to do: put again as it was, or deleted what was not there.
    pub changed: bool,
    /// What went with it, already done: bindings of a deleted queue, everything in a deleted vhost. Repeating the
    /// change repeats these.
    pub cascade: Vec<Change>,
    /// What follows for a running broker, not done: auto-delete exchanges that lost their last binding. On
    /// recovery these are ignored, because there the transient bindings are missing.
    pub consequences: Vec<Change>,
}

impl Applied {
    fn changed(changed: bool) -> Self {
        Applied { changed, ..Applied::default() }
    }
}

impl Catalog {
    /// What a new data directory starts with: the vhost `/`.
    pub fn initial_changes() -> Vec<Change> {
        vec![Change::VhostPut(Vhost::new(VhostId(1), "/"))]
    }

    /// Makes a change in a running broker, with all that follows from it. The steps are in the order they were done,
    /// the change itself first; the durable ones belong into the journal, in one group. Nothing to do gives no steps.
    ///
    /// # Errors
    /// If the change cannot be made; then nothing is.
    pub fn commit(&mut self, change: Change) -> Result<Vec<Step>, ChangeError> {
        let mut steps = Vec::new();
        let mut pending = vec![change];
        while let Some(change) = pending.pop() {
            let durable = self.is_durable(&change);
            let applied = match self.apply(change.clone()) {
                Ok(applied) => applied,
                Err(error) if steps.is_empty() => return Err(error),
                Err(_) => continue,
            };
            if applied.changed {
                steps.push(Step { change, durable });
            }
            // Never journaled: a cascade comes again with its cause, and that of a transient cause is transient.
            steps.extend(applied.cascade.into_iter().map(|change| Step { change, durable: false }));
            pending.extend(applied.consequences);
        }
        Ok(steps)
    }

    /// Whether the change touches what survives a restart and must be journaled. Ask before applying it.
    pub fn is_durable(&self, change: &Change) -> bool {
        match change {
            Change::ExchangePut(exchange) => exchange.durable,
            Change::ExchangeDelete { id } => self.exchanges.get(id).is_some_and(|x| x.durable),
            Change::QueuePut(queue) => queue.is_durable(),
            Change::QueueDelete { id } => self.queues.get(id).is_some_and(|q| q.is_durable()),
            Change::BindingPut(binding) | Change::BindingDelete(binding) => self.is_binding_durable(binding),
            _ => true,
        }
    }

    /// Makes one change and what inevitably goes with it. Deterministic; repeating it does nothing.
    ///
    /// # Errors
    /// If it refers to what is not there, conflicts with what is, or carries an invalid pattern; then nothing is done.
    pub fn apply(&mut self, change: Change) -> Result<Applied, ChangeError> {
        self.version += 1;
        match change {
            Change::Ids(next) => Ok(self.raise_ids(next)),
            Change::VhostPut(vhost) => self.vhost_put(vhost),
            Change::VhostDelete { id } => Ok(self.vhost_delete(id)),
            Change::UserPut(user) => Ok(self.user_put(user)),
            Change::UserDelete { name } => Ok(self.user_delete(&name)),
            Change::PermissionPut(permission) => self.permission_put(permission),
            Change::PermissionDelete { user, vhost } => {
                Ok(Applied::changed(self.permissions.remove(&(user, vhost)).is_some()))
            }
            Change::TopicPermissionPut(permission) => self.topic_permission_put(permission),
            Change::TopicPermissionDelete { user, vhost, exchange } => {
                Ok(Applied::changed(self.topic_permissions.remove(&(user, vhost, exchange)).is_some()))
            }
            Change::ExchangePut(exchange) => self.exchange_put(exchange),
            Change::ExchangeDelete { id } => Ok(self.exchange_delete(id)),
            Change::QueuePut(queue) => self.queue_put(queue),
            Change::QueueDelete { id } => Ok(self.queue_delete(id)),
            Change::BindingPut(binding) => self.binding_put(binding),
            Change::BindingDelete(binding) => Ok(self.binding_delete(&binding)),
            Change::PolicyPut(policy) => self.policy_put(policy),
            Change::PolicyDelete { vhost, name, operator } => {
                let removed = self.vhosts.get_mut(&vhost).and_then(|entry| {
                    if operator {
                        entry.operator_policies.remove(&name)
                    } else {
                        entry.policies.remove(&name)
                    }
                });
                Ok(Applied::changed(removed.is_some()))
            }
            Change::ParameterPut(parameter) => self.parameter_put(parameter),
            Change::ParameterDelete { vhost, component, name } => {
                let removed =
                    self.vhosts.get_mut(&vhost).and_then(|e| e.parameters.remove(&(component, name)));
                Ok(Applied::changed(removed.is_some()))
            }
            Change::GlobalParameterPut(parameter) => {
                let old = self.global_parameters.insert(parameter.name.clone(), parameter.clone());
                Ok(Applied::changed(old.as_ref() != Some(&parameter)))
            }
            Change::GlobalParameterDelete { name } => {
                Ok(Applied::changed(self.global_parameters.remove(&name).is_some()))
            }
        }
    }

    fn raise_ids(&mut self, next: NextIds) -> Applied {
        let old = self.next;
        self.next = NextIds {
            vhost: old.vhost.max(next.vhost),
            exchange: old.exchange.max(next.exchange),
            queue: old.queue.max(next.queue),
        };
        Applied::changed(self.next != old)
    }

    fn vhost_put(&mut self, vhost: Vhost) -> Result<Applied, ChangeError> {
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
        let mut entry = VhostEntry::new(vhost);
        for exchange in predeclared(entry.vhost.id) {
            let exchange = Arc::new(exchange);
            self.exchanges.insert(exchange.id, exchange.clone());
            entry.exchanges.insert(exchange.name.clone(), exchange);
        }
        self.vhosts.insert(entry.vhost.id, entry);
        Ok(Applied::changed(true))
    }

    fn vhost_delete(&mut self, id: VhostId) -> Applied {
        let Some(entry) = self.vhosts.remove(&id) else { return Applied::default() };
        self.vhost_ids.remove(&entry.vhost.name);
        let mut cascade = Vec::new();
        cascade.extend(entry.bindings.iter().map(|b| Change::BindingDelete((**b).clone())));
        for queue in entry.queues.values() {
            self.queues.remove(&queue.id);
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

    fn user_put(&mut self, user: User) -> Applied {
        let changed = self.users.get(&user.name).is_none_or(|old| **old != user);
        self.users.insert(user.name.clone(), Arc::new(user));
        Applied::changed(changed)
    }

    fn user_delete(&mut self, name: &Arc<str>) -> Applied {
        if self.users.remove(name).is_none() {
            return Applied::default();
        }
        let mut cascade = Vec::new();
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

    fn permission_put(&mut self, permission: Permission) -> Result<Applied, ChangeError> {
        self.check_user_and_vhost(&permission.user, permission.vhost)?;
        for pattern in [&permission.grant.configure, &permission.grant.write, &permission.grant.read] {
            anymq_auth::Pattern::permission(pattern)?;
        }
        let key = (permission.user.clone(), permission.vhost);
        let old = self.permissions.insert(key, permission.clone());
        Ok(Applied::changed(old.as_ref() != Some(&permission)))
    }

    fn topic_permission_put(&mut self, permission: TopicPermission) -> Result<Applied, ChangeError> {
        self.check_user_and_vhost(&permission.user, permission.vhost)?;
        for pattern in [&permission.grant.write, &permission.grant.read] {
            // The variables are literals, whatever their values; so it compiles with all values if with these.
            let variables = [("username", "u"), ("vhost", "v"), ("client_id", "c")];
            anymq_auth::Pattern::with_variables(pattern, &variables)?;
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

    fn exchange_put(&mut self, mut exchange: Exchange) -> Result<Applied, ChangeError> {
        self.share_args(&mut exchange.args);
        let entry = self.vhosts.get_mut(&exchange.vhost).ok_or(ChangeError::NoVhost(exchange.vhost))?;
        let same_name = entry.exchanges.get(&exchange.name).is_none_or(|old| old.id == exchange.id);
        let old = self.exchanges.get(&exchange.id);
        if !same_name || old.is_some_and(|old| old.name != exchange.name || old.vhost != exchange.vhost) {
            return Err(ChangeError::Conflict { kind: "exchange", name: exchange.name });
        }
        if !exchange.is_predeclared() {
            self.next.exchange = self.next.exchange.max(ExchangeId(exchange.id.0 + 1));
        }
        let changed = old.is_none_or(|old| **old != exchange);
        let exchange = Arc::new(exchange);
        self.exchanges.insert(exchange.id, exchange.clone());
        entry.exchanges.insert(exchange.name.clone(), exchange);
        Ok(Applied::changed(changed))
    }

    fn exchange_delete(&mut self, id: ExchangeId) -> Applied {
        let Some(exchange) = self.exchanges.get(&id).filter(|x| !x.is_predeclared()).cloned() else {
            return Applied::default();
        };
        self.exchanges.remove(&id);
        let entry = self.vhosts.get_mut(&exchange.vhost).expect("an exchange is in a vhost");
        entry.exchanges.remove(&exchange.name);
        let from = entry.bindings.from(exchange.name.clone());
        let to = entry.bindings.to(Destination::Exchange(exchange.name.clone()));
        let mut doomed: Vec<Arc<Binding>> = from.chain(to).cloned().collect();
        // A binding of an exchange to itself is found twice.
        doomed.dedup_by(|a, b| Arc::ptr_eq(a, b));
        self.remove_bindings(exchange.vhost, doomed)
    }

    fn queue_put(&mut self, mut queue: Queue) -> Result<Applied, ChangeError> {
        self.share_args(&mut queue.args);
        let entry = self.vhosts.get_mut(&queue.vhost).ok_or(ChangeError::NoVhost(queue.vhost))?;
        let same_name = entry.queues.get(&queue.name).is_none_or(|old| old.id == queue.id);
        let old = self.queues.get(&queue.id);
        if !same_name || old.is_some_and(|old| old.name != queue.name || old.vhost != queue.vhost) {
            return Err(ChangeError::Conflict { kind: "queue", name: queue.name });
        }
        self.next.queue = self.next.queue.max(QueueId(queue.id.0 + 1));
        let changed = old.is_none_or(|old| **old != queue);
        let queue = Arc::new(queue);
        self.queues.insert(queue.id, queue.clone());
        entry.queues.insert(queue.name.clone(), queue);
        Ok(Applied::changed(changed))
    }

    fn queue_delete(&mut self, id: QueueId) -> Applied {
        let Some(queue) = self.queues.remove(&id) else { return Applied::default() };
        let entry = self.vhosts.get_mut(&queue.vhost).expect("a queue is in a vhost");
        entry.queues.remove(&queue.name);
        let doomed = entry.bindings.to(Destination::Queue(queue.name.clone())).cloned().collect();
        self.remove_bindings(queue.vhost, doomed)
    }

    fn binding_put(&mut self, mut binding: Binding) -> Result<Applied, ChangeError> {
        self.share_args(&mut binding.args);
        let entry = self.vhosts.get_mut(&binding.vhost).ok_or(ChangeError::NoVhost(binding.vhost))?;
        let vhost = &entry.vhost.name;
        let no_exchange =
            |name: &Arc<str>| ChangeError::NoExchange { name: name.clone(), vhost: vhost.clone() };
        // The indexes share the names of what they connect.
        binding.source = match entry.exchanges.get(&binding.source) {
            Some(exchange) => exchange.name.clone(),
            None => return Err(no_exchange(&binding.source)),
        };
        binding.destination = match &binding.destination {
            Destination::Queue(name) => match entry.queues.get(name) {
                Some(queue) => Destination::Queue(queue.name.clone()),
                None => return Err(ChangeError::NoQueue { name: name.clone(), vhost: vhost.clone() }),
            },
            Destination::Exchange(name) => match entry.exchanges.get(name) {
                Some(exchange) => Destination::Exchange(exchange.name.clone()),
                None => return Err(no_exchange(name)),
            },
        };
        Ok(Applied::changed(entry.bindings.insert(Arc::new(binding))))
    }

    fn binding_delete(&mut self, binding: &Binding) -> Applied {
        let Some(entry) = self.vhosts.get_mut(&binding.vhost) else { return Applied::default() };
        if !entry.bindings.remove(binding) {
            return Applied::default();
        }
        let consequences = entry.abandoned(&binding.source).into_iter().collect();
        Applied { changed: true, cascade: Vec::new(), consequences }
    }

    /// Removes bindings whose end is gone, and says which exchanges go with them.
    fn remove_bindings(&mut self, vhost: VhostId, doomed: Vec<Arc<Binding>>) -> Applied {
        let mut applied = Applied::changed(true);
        let entry = self.vhosts.get_mut(&vhost).expect("the caller found it");
        for binding in &doomed {
            if entry.bindings.remove(binding) {
                applied.cascade.push(Change::BindingDelete((**binding).clone()));
            }
        }
        let mut sources: Vec<&Arc<str>> = doomed.iter().map(|binding| &binding.source).collect();
        sources.sort();
        sources.dedup();
        applied.consequences = sources.into_iter().filter_map(|source| entry.abandoned(source)).collect();
        applied
    }

    fn policy_put(&mut self, policy: Policy) -> Result<Applied, ChangeError> {
        let entry = self.vhosts.get_mut(&policy.vhost).ok_or(ChangeError::NoVhost(policy.vhost))?;
        let policies = if policy.operator { &mut entry.operator_policies } else { &mut entry.policies };
        let changed = policies.get(&policy.name).is_none_or(|old| *old.policy() != policy);
        if changed {
            let compiled = CompiledPolicy::compile(policy)?;
            policies.insert(compiled.policy().name.clone(), compiled);
        }
        Ok(Applied::changed(changed))
    }

    fn parameter_put(&mut self, parameter: Parameter) -> Result<Applied, ChangeError> {
        let entry = self.vhosts.get_mut(&parameter.vhost).ok_or(ChangeError::NoVhost(parameter.vhost))?;
        let key = (parameter.component.clone(), parameter.name.clone());
        let old = entry.parameters.insert(key, parameter.clone());
        Ok(Applied::changed(old.as_ref() != Some(&parameter)))
    }

    /// Makes equal argument tables one, among those seen lately: 100 000 queues are rarely declared in many ways.
    fn share_args(&mut self, args: &mut Args) {
        let Some(table) = args.shared() else { return };
        match self.recent_args.iter().position(|known| known == table) {
            Some(at) => {
                args.share(&self.recent_args[at]);
                self.recent_args.swap(at, at / 2);
            }
            None => {
                if self.recent_args.len() >= RECENT_ARGS_MAX {
                    self.recent_args.pop();
                }
                self.recent_args.push(table.clone());
            }
        }
    }
}

impl VhostEntry {
    fn new(vhost: Vhost) -> Self {
        VhostEntry {
            vhost: Arc::new(vhost),
            exchanges: Default::default(),
            queues: Default::default(),
            bindings: Bindings::default(),
            policies: Default::default(),
            operator_policies: Default::default(),
            parameters: Default::default(),
        }
    }

    /// The deletion of an auto-delete exchange that has no bindings any more.
    fn abandoned(&self, source: &Arc<str>) -> Option<Change> {
        let exchange = self.exchanges.get(source)?;
        let empty = self.bindings.from(source.clone()).next().is_none();
        (exchange.auto_delete && empty).then_some(Change::ExchangeDelete { id: exchange.id })
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
