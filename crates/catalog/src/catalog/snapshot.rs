//! The durable state as changes.

use std::iter;

use anymq_auth::acl::Acl;

use super::Catalog;
use crate::change::Change;
use crate::model::{QuotaEntity, QuotaLimits};

/// Access rules of one change.
const ACLS_AT_ONCE: usize = 256;

impl Catalog {
    /// Changes that rebuild the durable state in an empty catalogue, always in the same order for the same state.
    pub fn snapshot(&self) -> impl Iterator<Item = Change> + '_ {
        let ids = iter::once(Change::Ids(self.next));
        let vhosts = self.vhosts().map(|vhost| Change::VhostPut((**vhost).clone()));
        let users = self.users().map(|user| Change::UserPut((**user).clone()));
        let quota = |(entity, limits): (&QuotaEntity, &QuotaLimits)| Change::QuotaPut {
            entity: entity.clone(),
            limits: limits.clone(),
        };
        let quotas = self.quotas().iter().map(quota);
        let secret = self.scram_secret().cloned().map(Change::ScramSecretPut);
        let permissions = self.permissions().cloned().map(Change::PermissionPut);
        let topics = self.topic_permissions().cloned().map(Change::TopicPermissionPut);
        let globals = self.global_parameters().cloned().map(Change::GlobalParameterPut);
        let in_vhosts = self.vhosts.keys().flat_map(move |id| {
            let rules = self.acls(*id);
            let acls: Vec<Acl> = rules.iter().cloned().collect();
            let acls =
                acls.chunks(ACLS_AT_ONCE).map(|acls| Change::AclsPut { vhost: *id, acls: acls.to_vec() });
            let acls: Vec<Change> = acls.collect();
            let parameters = self.parameters(*id).cloned().map(Change::ParameterPut);
            let policies = self.policies(*id, false).chain(self.policies(*id, true));
            let exchanges = self.exchanges(*id).filter(|x| x.durable && !x.is_predeclared());
            let queues = self.queues(*id).filter(|q| q.is_durable());
            let topics = self.topics(*id);
            let schemas = self.schemas(*id).into_iter().flat_map(|schemas| schemas.snapshot());
            let bindings = self.bindings(*id).filter(|b| self.is_binding_durable(b));
            acls.into_iter()
                .chain(parameters)
                .chain(policies.cloned().map(Change::PolicyPut))
                .chain(exchanges.map(|x| Change::ExchangePut((**x).clone())))
                .chain(queues.map(|q| Change::QueuePut((**q).clone())))
                .chain(topics.map(|t| Change::TopicPut((**t).clone())))
                .chain(schemas)
                .chain(bindings.map(|b| Change::BindingPut((**b).clone())))
        });
        ids.chain(vhosts)
            .chain(secret)
            .chain(users)
            .chain(permissions)
            .chain(topics)
            .chain(globals)
            .chain(quotas)
            .chain(in_vhosts)
    }
}
