//! Making changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::VhostId;

use super::{Catalog, VhostEntry};
use crate::change::{Change, ChangeError, NextIds, Step};
use crate::model::{Parameter, Policy, Vhost};
use crate::policy::CompiledPolicy;

mod acls;
mod globals;
mod quotas;
mod schemas;
mod tenants;
mod topics;
mod topology;

pub use quotas::QUOTAS_MAX;

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

    /// Makes a change in a running broker, with all that follows from it. The steps are in an order in which they can be
    /// told to others: what goes with a deleted thing goes before it, what follows from a change comes after it. The
    /// durable ones belong into the journal, in one group. Nothing to do gives no steps.
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
            // Never journaled: a cascade comes again with its cause, and that of a transient cause is transient.
            steps.extend(applied.cascade.into_iter().map(|change| Step { change, durable: false }));
            if applied.changed {
                steps.push(Step { change, durable });
            }
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
            Change::ScramSecretPut(secret) => {
                let changed = self.scram.secret.is_none();
                self.scram.secret.get_or_insert(secret);
                Ok(Applied::changed(changed))
            }
            Change::PermissionPut(permission) => self.permission_put(permission),
            Change::PermissionDelete { user, vhost } => {
                Ok(Applied::changed(self.permissions.remove(&(user, vhost)).is_some()))
            }
            Change::TopicPermissionPut(permission) => self.topic_permission_put(permission),
            Change::TopicPermissionDelete { user, vhost, exchange } => {
                Ok(Applied::changed(self.topic_permissions.remove(&(user, vhost, exchange)).is_some()))
            }
            Change::AclsPut { vhost, acls } => self.acls_put(vhost, acls),
            Change::AclsDelete { vhost, acls } => Ok(self.acls_delete(vhost, &acls)),
            Change::QuotaPut { entity, limits } => self.quota_put(entity, limits),
            Change::ExchangePut(exchange) => self.exchange_put(exchange),
            Change::ExchangeDelete { id } => Ok(self.exchange_delete(id)),
            Change::QueuePut(queue) => self.queue_put(queue),
            Change::QueueDelete { id } => Ok(self.queue_delete(id)),
            Change::TopicPut(topic) => self.topic_put(topic),
            Change::TopicDelete { vhost, name } => Ok(self.topic_delete(vhost, &name)),
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
            Change::GlobalParameterPut(parameter) => Ok(self.global_parameter_put(parameter)),
            Change::GlobalParameterDelete { name } => Ok(self.global_parameter_delete(&name)),
            Change::SchemaPut(schema) => self.schema_put(schema),
            Change::SchemaVersionPut(version) => self.schema_version_put(version),
            Change::SchemaVersionDelete { vhost, subject, version } => {
                Ok(self.schema_version_delete(vhost, &subject, version))
            }
            Change::SubjectSettingsPut(settings) => self.subject_settings_put(settings),
            Change::SubjectSettingsDelete { vhost, subject } => {
                Ok(self.subject_settings_delete(vhost, &subject))
            }
        }
    }

    fn raise_ids(&mut self, next: NextIds) -> Applied {
        let old = self.next;
        self.next = NextIds {
            vhost: old.vhost.max(next.vhost),
            exchange: old.exchange.max(next.exchange),
            queue: old.queue.max(next.queue),
            schema: old.schema.max(next.schema),
        };
        Applied::changed(self.next != old)
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
}

impl VhostEntry {
    pub(super) fn policies(&self, operator: bool) -> &BTreeMap<Arc<str>, CompiledPolicy> {
        if operator { &self.operator_policies } else { &self.policies }
    }
}
