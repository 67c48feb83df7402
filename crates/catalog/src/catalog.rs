//! The catalogue's maps and what can be asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_auth::acl::AclSet;
use anymq_auth::{Access, AccessSpec, PatternError};
use anymq_types::value::Table;
use anymq_types::{ExchangeId, QueueId, SchemaId, VhostId};
use hashbrown::HashMap;

use crate::change::NextIds;
use crate::model::{
    Binding, Destination, Exchange, ExchangeKind, GlobalParameter, Parameter, Permission, Policy, Queue,
    QueueKind, Quotas, Topic, TopicPermission, User, Vhost,
};
use crate::policy::{CompiledPolicy, QueueSettings};
use crate::schemas::Schemas;
use crate::topic_config::BrokerSettings;

mod apply;
mod bindings;
mod logins;
mod rehearsal;
mod snapshot;

pub use apply::{Applied, QUOTAS_MAX};
use bindings::Bindings;
use logins::Scram;

/// Most access rules of a vhost.
pub const ACLS_MAX: usize = 10_000;

/// Set in the id of an exchange that comes with its vhost; the rest is the vhost's id and a number.
pub(crate) const PREDECLARED_ID_BIT: u64 = 1 << 63;

/// What every vhost is born with: name, kind, internal.
pub(crate) const PREDECLARED: [(&str, ExchangeKind, bool); 7] = [
    ("", ExchangeKind::Direct, false),
    ("amq.direct", ExchangeKind::Direct, false),
    ("amq.fanout", ExchangeKind::Fanout, false),
    ("amq.headers", ExchangeKind::Headers, false),
    ("amq.match", ExchangeKind::Headers, false),
    ("amq.rabbitmq.trace", ExchangeKind::Topic, true),
    ("amq.topic", ExchangeKind::Topic, false),
];

type FastMap<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// Everything that exists, durable or not. Reads cost a look-up; [`Catalog::apply`] is the only way to write.
#[derive(Debug)]
pub struct Catalog {
    vhosts: BTreeMap<VhostId, VhostEntry>,
    vhost_ids: BTreeMap<Arc<str>, VhostId>,
    users: BTreeMap<Arc<str>, Arc<User>>,
    scram: Scram,
    quotas: Arc<Quotas>,
    permissions: BTreeMap<(Arc<str>, VhostId), Permission>,
    topic_permissions: BTreeMap<(Arc<str>, VhostId, Arc<str>), TopicPermission>,
    global_parameters: BTreeMap<Arc<str>, GlobalParameter>,
    broker_settings: Arc<BrokerSettings>,
    queues: FastMap<QueueId, Arc<Queue>>,
    /// The topic a queue is a partition of.
    topics: FastMap<QueueId, Arc<Topic>>,
    exchanges: FastMap<ExchangeId, Arc<Exchange>>,
    next: NextIds,
    version: u64,
    /// Argument tables seen lately, so that equal ones are kept once.
    recent_args: Vec<Arc<Table>>,
    /// Settings of a queue without arguments and policies, by kind.
    plain_settings: [Arc<QueueSettings>; 3],
}

/// A vhost and what is in it.
#[derive(Debug)]
struct VhostEntry {
    vhost: Arc<Vhost>,
    exchanges: BTreeMap<Arc<str>, Arc<Exchange>>,
    queues: BTreeMap<Arc<str>, Arc<Queue>>,
    topics: BTreeMap<Arc<str>, Arc<Topic>>,
    bindings: Bindings,
    acls: Arc<AclSet>,
    policies: BTreeMap<Arc<str>, CompiledPolicy>,
    operator_policies: BTreeMap<Arc<str>, CompiledPolicy>,
    parameters: BTreeMap<(Arc<str>, Arc<str>), Parameter>,
    schemas: Schemas,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog::new()
    }
}

/// Vhosts, exchanges, queues.
impl Catalog {
    /// An empty catalogue: no vhost, no user. A new data directory gets [`Catalog::initial_changes`].
    pub fn new() -> Self {
        Catalog {
            vhosts: BTreeMap::new(),
            vhost_ids: BTreeMap::new(),
            users: BTreeMap::new(),
            scram: Scram::default(),
            quotas: Arc::default(),
            permissions: BTreeMap::new(),
            topic_permissions: BTreeMap::new(),
            global_parameters: BTreeMap::new(),
            broker_settings: Arc::default(),
            queues: FastMap::default(),
            topics: FastMap::default(),
            exchanges: FastMap::default(),
            next: NextIds {
                vhost: VhostId(1),
                exchange: ExchangeId(1),
                queue: QueueId(1),
                schema: SchemaId(1),
            },
            version: 0,
            recent_args: Vec::new(),
            plain_settings: QueueSettings::plain(),
        }
    }

    /// Grows with every change; for caches.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The ids the next vhost, exchange and queue get.
    pub fn next_ids(&self) -> NextIds {
        self.next
    }

    /// The vhost of that name.
    pub fn vhost(&self, name: &str) -> Option<&Arc<Vhost>> {
        self.vhost_by_id(*self.vhost_ids.get(name)?)
    }

    /// The vhost of that id.
    pub fn vhost_by_id(&self, id: VhostId) -> Option<&Arc<Vhost>> {
        self.vhosts.get(&id).map(|entry| &entry.vhost)
    }

    /// All vhosts, by id.
    pub fn vhosts(&self) -> impl Iterator<Item = &Arc<Vhost>> {
        self.vhosts.values().map(|entry| &entry.vhost)
    }

    /// The exchange of that name.
    pub fn exchange(&self, vhost: VhostId, name: &str) -> Option<&Arc<Exchange>> {
        self.vhosts.get(&vhost)?.exchanges.get(name)
    }

    /// The exchange of that id.
    pub fn exchange_by_id(&self, id: ExchangeId) -> Option<&Arc<Exchange>> {
        self.exchanges.get(&id)
    }

    /// All exchanges of a vhost, by name.
    pub fn exchanges(&self, vhost: VhostId) -> impl Iterator<Item = &Arc<Exchange>> {
        self.vhosts.get(&vhost).into_iter().flat_map(|entry| entry.exchanges.values())
    }

    /// The queue of that name.
    pub fn queue(&self, vhost: VhostId, name: &str) -> Option<&Arc<Queue>> {
        self.vhosts.get(&vhost)?.queues.get(name)
    }

    /// The queue of that id.
    pub fn queue_by_id(&self, id: QueueId) -> Option<&Arc<Queue>> {
        self.queues.get(&id)
    }

    /// All queues of a vhost, by name.
    pub fn queues(&self, vhost: VhostId) -> impl Iterator<Item = &Arc<Queue>> {
        self.vhosts.get(&vhost).into_iter().flat_map(|entry| entry.queues.values())
    }

    /// The queues of a vhost from that name on (the name itself excluded): a page of a long list.
    pub fn queues_after<'a>(&'a self, vhost: VhostId, name: &str) -> impl Iterator<Item = &'a Arc<Queue>> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.vhosts.get(&vhost).into_iter().flat_map(move |entry| {
            entry.queues.range::<str, _>((Excluded(name), Unbounded)).map(|(_, queue)| queue)
        })
    }

    /// Number of queues of a vhost.
    pub fn queue_count(&self, vhost: VhostId) -> usize {
        self.vhosts.get(&vhost).map_or(0, |entry| entry.queues.len())
    }

    /// Number of queues of all vhosts.
    pub fn queue_count_total(&self) -> usize {
        self.queues.len()
    }
}

/// Topics.
impl Catalog {
    /// The topic of that name.
    pub fn topic(&self, vhost: VhostId, name: &str) -> Option<&Arc<Topic>> {
        self.vhosts.get(&vhost)?.topics.get(name)
    }

    /// The topic that a queue is a partition of.
    pub fn topic_of(&self, queue: QueueId) -> Option<&Arc<Topic>> {
        self.topics.get(&queue)
    }

    /// All topics of a vhost, by name.
    pub fn topics(&self, vhost: VhostId) -> impl Iterator<Item = &Arc<Topic>> {
        self.vhosts.get(&vhost).into_iter().flat_map(|entry| entry.topics.values())
    }
}

/// Schemas.
impl Catalog {
    /// The schemas of a vhost.
    pub fn schemas(&self, vhost: VhostId) -> Option<&Schemas> {
        self.vhosts.get(&vhost).map(|entry| &entry.schemas)
    }
}

/// Bindings.
impl Catalog {
    /// Bindings from that exchange, in the order of destination and key.
    pub fn bindings_from<'a>(
        &'a self,
        vhost: VhostId,
        source: &str,
    ) -> impl Iterator<Item = &'a Arc<Binding>> {
        let source: Arc<str> = source.into();
        self.vhosts.get(&vhost).into_iter().flat_map(move |entry| entry.bindings.from(source.clone()))
    }

    /// Bindings to that queue or exchange, in the order of source and key.
    pub fn bindings_to<'a>(
        &'a self,
        vhost: VhostId,
        destination: &Destination,
    ) -> impl Iterator<Item = &'a Arc<Binding>> {
        let destination = destination.clone();
        self.vhosts.get(&vhost).into_iter().flat_map(move |entry| entry.bindings.to(destination.clone()))
    }

    /// All bindings of a vhost, but those each queue has to the default exchange.
    pub fn bindings(&self, vhost: VhostId) -> impl Iterator<Item = &Arc<Binding>> {
        self.vhosts.get(&vhost).into_iter().flat_map(|entry| entry.bindings.iter())
    }

    /// True if the very same binding exists.
    pub fn has_binding(&self, binding: &Binding) -> bool {
        self.vhosts.get(&binding.vhost).is_some_and(|entry| entry.bindings.contains(binding))
    }

    /// Both ends survive a restart, so the binding does.
    fn is_binding_durable(&self, binding: &Binding) -> bool {
        let source = self.exchange(binding.vhost, &binding.source).is_some_and(|x| x.durable);
        source
            && match &binding.destination {
                Destination::Queue(name) => self.queue(binding.vhost, name).is_some_and(|q| q.is_durable()),
                Destination::Exchange(name) => self.exchange(binding.vhost, name).is_some_and(|x| x.durable),
            }
    }
}

/// Users and what they may do.
impl Catalog {
    /// The user of that name.
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// What the user may do in the vhost; `None` is nothing at all.
    pub fn permission(&self, user: &str, vhost: VhostId) -> Option<&Permission> {
        self.permissions.get(&(user.into(), vhost))
    }

    /// All permissions, by user.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        self.permissions.values()
    }

    /// All topic permissions, by user.
    pub fn topic_permissions(&self) -> impl Iterator<Item = &TopicPermission> {
        self.topic_permissions.values()
    }

    /// The access rules of a vhost.
    pub fn acls(&self, vhost: VhostId) -> Arc<AclSet> {
        self.vhosts.get(&vhost).map(|entry| entry.acls.clone()).unwrap_or_default()
    }

    /// The user's rights in the vhost, compiled; `None` if the user has no access to it.
    pub fn access(
        &self,
        user: &str,
        vhost: VhostId,
        client_id: Option<&str>,
    ) -> Result<Option<Access>, PatternError> {
        let (Some(permission), Some(entry)) = (self.permission(user, vhost), self.vhosts.get(&vhost)) else {
            return Ok(None);
        };
        let from = (Arc::from(user), vhost, Arc::from(""));
        let topics: Vec<_> = self
            .topic_permissions
            .range(from..)
            .take_while(|((u, v, _), _)| **u == *user && *v == vhost)
            .map(|(_, topic)| (&*topic.exchange, &topic.grant))
            .collect();
        let vhost = &entry.vhost.name;
        let spec = AccessSpec { user, vhost, client_id, permissions: &permission.grant, topics: &topics };
        Access::compile(spec).map(Some)
    }
}

/// Policies, settings and parameters.
impl Catalog {
    /// What the arguments of a queue and the policies on it come to. Ask again after a policy changed.
    pub fn settings(&self, queue: &Queue) -> Arc<QueueSettings> {
        let policy = self.queue_policy(queue, false);
        let operator = self.queue_policy(queue, true);
        if queue.args.is_empty() && policy.is_none() && operator.is_none() {
            return self.plain_settings[queue.kind as usize].clone();
        }
        Arc::new(QueueSettings::resolve(queue, policy, operator))
    }

    /// The policy in effect on the queue, and the operator policy.
    pub fn policies_of_queue(&self, queue: &Queue) -> (Option<&Policy>, Option<&Policy>) {
        let of = |operator| self.queue_policy(queue, operator).map(CompiledPolicy::policy);
        (of(false), of(true))
    }

    /// The policy in effect on the exchange, and the operator policy.
    pub fn policies_of_exchange(&self, exchange: &Exchange) -> (Option<&Policy>, Option<&Policy>) {
        let of = |operator| self.exchange_policy(exchange, operator).map(CompiledPolicy::policy);
        (of(false), of(true))
    }

    /// Where the exchange sends what it cannot route: its argument, else its policy's.
    pub fn alternate_exchange(&self, exchange: &Exchange) -> Option<Arc<str>> {
        if let Some(name) = exchange.args.get("alternate-exchange").and_then(|v| v.as_str()) {
            return Some(name.into());
        }
        let from =
            |operator| self.exchange_policy(exchange, operator).and_then(CompiledPolicy::alternate_exchange);
        from(true).or_else(|| from(false))
    }

    /// The policies of a vhost, or its operator policies, by name.
    pub fn policies(&self, vhost: VhostId, operator: bool) -> impl Iterator<Item = &Policy> {
        self.vhosts
            .get(&vhost)
            .into_iter()
            .flat_map(move |e| e.policies(operator).values())
            .map(CompiledPolicy::policy)
    }

    /// A policy by name.
    pub fn policy(&self, vhost: VhostId, name: &str, operator: bool) -> Option<&Policy> {
        self.vhosts.get(&vhost)?.policies(operator).get(name).map(CompiledPolicy::policy)
    }

    /// The parameters of a vhost, by component and name.
    pub fn parameters(&self, vhost: VhostId) -> impl Iterator<Item = &Parameter> {
        self.vhosts.get(&vhost).into_iter().flat_map(|entry| entry.parameters.values())
    }

    /// A parameter.
    pub fn parameter(&self, vhost: VhostId, component: &str, name: &str) -> Option<&Parameter> {
        self.vhosts.get(&vhost)?.parameters.get(&(component.into(), name.into()))
    }

    /// The parameters of no vhost, by name.
    pub fn global_parameters(&self) -> impl Iterator<Item = &GlobalParameter> {
        self.global_parameters.values()
    }

    fn queue_policy(&self, queue: &Queue, operator: bool) -> Option<&CompiledPolicy> {
        let policies = self.vhosts.get(&queue.vhost)?.policies(operator);
        CompiledPolicy::best(policies.values(), |policy| policy.applies_to_queue(queue))
    }

    fn exchange_policy(&self, exchange: &Exchange, operator: bool) -> Option<&CompiledPolicy> {
        let policies = self.vhosts.get(&exchange.vhost)?.policies(operator);
        CompiledPolicy::best(policies.values(), |policy| policy.applies_to_exchange(exchange))
    }
}

// `plain_settings` is indexed by kind.
const _: () = assert!(QueueKind::Classic as usize == 0 && QueueKind::Stream as usize == 2);

#[cfg(test)]
mod tests;
