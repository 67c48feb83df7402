//! What exists: listed and shown.

use std::collections::HashMap;

use anymq_api::{
    Arguments, Binding, Channel, Connection, Consumer, Exchange, Page, Policy, Problem, Queue, codes,
};
use anymq_broker::admin::{ConnectionStatus, ConsumerStatus, Kind, QueueStatus};
use anymq_catalog::{Catalog, definitions};
use anymq_types::Millis;
use anymq_types::value::Table;
use serde_json::Value;

use super::{BrokerHall, not_found, vhost_id};
use crate::hall::{ExchangeBindings, Filter, Result};

impl BrokerHall {
    pub(super) fn list_queues(&self, filter: &Filter) -> Page<Queue> {
        let found = self.broker.queues(|vhost, name| filter.takes(vhost, name));
        let page = filter.page(found.into_iter());
        let items =
            self.broker.catalog(|c| page.items.iter().map(|q| queue(c, q, self.broker.now())).collect());
        Page { items, total: page.total }
    }

    pub(super) fn list_queue_statuses(&self, filter: &Filter) -> Page<QueueStatus> {
        filter.page(self.broker.queues(|vhost, name| filter.takes(vhost, name)).into_iter())
    }

    pub(super) fn list_exchange_bindings(&self, limit: usize) -> Vec<ExchangeBindings> {
        self.broker.catalog(|c| {
            let all = c.vhosts().flat_map(|v| c.exchanges(v.id).map(move |x| (v, x)));
            let shown = all.filter(|(_, x)| !x.internal && !x.name.is_empty()).take(limit);
            shown
                .map(|(vhost, x)| ExchangeBindings {
                    vhost: vhost.name.clone(),
                    name: x.name.clone(),
                    kind: x.kind.as_str().to_owned(),
                    bindings: c.bindings_from(vhost.id, &x.name).count() as u64,
                })
                .collect()
        })
    }

    pub(super) fn one_queue(&self, vhost: &str, name: &str) -> Result<Queue> {
        self.broker.catalog(|c| vhost_id(c, vhost))?;
        let found = self.broker.queues(|v, n| v == vhost && n == name);
        let status = found.first().ok_or_else(|| not_found("queue", name, vhost))?;
        Ok(self.broker.catalog(|c| queue(c, status, self.broker.now())))
    }

    pub(super) fn list_exchanges(&self, filter: &Filter) -> Page<Exchange> {
        self.broker.catalog(|c| {
            let mut found = Vec::new();
            for vhost in c.vhosts() {
                let of_vhost = c.exchanges(vhost.id).filter(|x| filter.takes(&vhost.name, &x.name));
                found.extend(of_vhost.map(|x| (&vhost.name, x)));
            }
            found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
            filter.page(found.into_iter().map(|(vhost, x)| exchange(c, vhost, x)))
        })
    }

    pub(super) fn one_exchange(&self, vhost: &str, name: &str) -> Result<Exchange> {
        self.broker.catalog(|c| {
            let found = c.exchange(vhost_id(c, vhost)?, name);
            found.map(|x| exchange(c, vhost, x)).ok_or_else(|| not_found("exchange", name, vhost))
        })
    }

    pub(super) fn list_bindings(&self, filter: &Filter) -> Page<Binding> {
        self.broker.catalog(|c| {
            let mut found = Vec::new();
            for vhost in c.vhosts().filter(|v| filter.scope.holds(&v.name)) {
                let named = c.bindings(vhost.id).filter(|b| {
                    filter.takes(&vhost.name, &b.source) || filter.takes(&vhost.name, b.destination.name())
                });
                found.extend(named.map(|b| (&vhost.name, b)));
            }
            filter.page(found.into_iter().map(|(vhost, b)| Binding {
                vhost: vhost.to_string(),
                source: b.source.to_string(),
                destination_kind: b.destination.kind().to_owned(),
                destination: b.destination.name().to_string(),
                routing_key: b.routing_key.to_text().into_owned(),
                arguments: arguments(b.args.table()),
            }))
        })
    }

    pub(super) fn list_policies(&self, filter: &Filter) -> Page<Policy> {
        self.broker.catalog(|c| {
            let mut found = Vec::new();
            for vhost in c.vhosts() {
                let both = c.policies(vhost.id, false).chain(c.policies(vhost.id, true));
                found.extend(both.filter(|p| filter.takes(&vhost.name, &p.name)).map(|p| (&vhost.name, p)));
            }
            found.sort_by(|a, b| (a.0, &a.1.name, a.1.operator).cmp(&(b.0, &b.1.name, b.1.operator)));
            filter.page(found.into_iter().map(|(vhost, p)| policy(vhost, p)))
        })
    }

    pub(super) fn one_policy(&self, vhost: &str, name: &str, operator: bool) -> Result<Policy> {
        self.broker.catalog(|c| {
            let found = c.policy(vhost_id(c, vhost)?, name, operator);
            found.map(|p| policy(vhost, p)).ok_or_else(|| not_found("policy", name, vhost))
        })
    }

    pub(super) fn list_connections(&self, filter: &Filter) -> Page<Connection> {
        let found = self.broker.connections();
        let wanted = found.iter().filter(|c| c.protocol != "admin" && filter.takes(&c.vhost, &c.client_name));
        let mut page = filter.page(wanted.map(|c| self.connection_of(c)));
        let mut consumers: HashMap<u64, (u64, u64)> = HashMap::new();
        for consumer in self.broker.consumers() {
            let entry = consumers.entry(consumer.connection).or_default();
            entry.0 += 1;
            entry.1 += u64::from(consumer.unacked);
        }
        for connection in &mut page.items {
            (connection.consumers, connection.unacked) =
                consumers.get(&connection.id).copied().unwrap_or_default();
        }
        page
    }

    pub(super) fn one_connection(&self, id: u64) -> Result<Connection> {
        let page = self.list_connections(&Filter::all(usize::MAX));
        let missing =
            || Problem::new(&codes::NOT_FOUND, format!("no connection {id}")).fix("anymq connection ls");
        page.items.into_iter().find(|c| c.id == id).ok_or_else(missing)
    }

    fn connection_of(&self, status: &ConnectionStatus) -> Connection {
        Connection {
            id: status.id,
            user: status.user.to_string(),
            vhost: status.vhost.to_string(),
            protocol: status.protocol.to_owned(),
            client_name: status.client_name.clone(),
            client: product(&status.client_properties),
            peer: status.peer.to_string(),
            tls: status.tls,
            connected_at: status.opened.0,
            channels: u64::from(status.channels),
            published_total: status.published,
            outbox_bytes: status.outbox_bytes,
            consumers: 0,
            unacked: 0,
            blocked: self.broker.alarms().any() && status.published > 0,
        }
    }

    pub(super) fn list_channels(&self, filter: &Filter) -> Page<Channel> {
        let mut found = self.broker.channels();
        found.retain(|c| filter.takes(&c.vhost, &c.user));
        filter.page(found.iter().map(|c| Channel {
            connection: c.connection,
            number: c.about.number,
            user: c.user.to_string(),
            vhost: c.vhost.to_string(),
            prefetch: u64::from(c.about.prefetch),
            prefetch_global: u64::from(c.limit),
            unacked: c.unacked,
            consumers: u64::from(c.consumers),
            confirms: c.about.confirms,
            transactional: c.about.transactional,
        }))
    }

    pub(super) fn list_consumers(&self, filter: &Filter) -> Page<Consumer> {
        let mut found = self.broker.consumers();
        found.retain(|c| filter.takes(&c.vhost, &c.queue));
        found.sort_by(|a, b| {
            (&a.vhost, &a.queue, &a.tag, a.connection).cmp(&(&b.vhost, &b.queue, &b.tag, b.connection))
        });
        filter.page(found.iter().map(consumer))
    }
}

/// How operators call a queue's type.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Classic => "classic",
        Kind::Quorum => "quorum",
        Kind::Stream => "stream",
    }
}

fn queue(catalog: &Catalog, status: &QueueStatus, now: Millis) -> Queue {
    let policy = catalog.queue_by_id(status.id).and_then(|q| {
        let (user, operator) = catalog.policies_of_queue(q);
        user.or(operator).map(|p| p.name.to_string())
    });
    Queue {
        vhost: status.vhost.to_string(),
        name: status.name.to_string(),
        kind: kind_name(status.kind).to_owned(),
        durable: status.durable,
        auto_delete: status.auto_delete,
        exclusive: status.exclusive,
        arguments: arguments(&status.args),
        policy,
        messages: status.ready + status.unacked,
        ready: status.ready,
        unacked: status.unacked,
        delayed: status.delayed,
        bytes: status.ready_bytes + status.unacked_bytes,
        memory_bytes: status.resident_bytes,
        consumers: u64::from(status.consumers),
        oldest_age_ms: status.oldest.map(|at| now.0.saturating_sub(at.0)),
        published_total: status.published,
        delivered_total: status.deliveries.all(),
        acked_total: status.deliveries.settled(),
        redelivered_total: status.deliveries.again,
        dropped_total: status.dropped,
    }
}

fn exchange(catalog: &Catalog, vhost: &str, exchange: &anymq_catalog::Exchange) -> Exchange {
    let (user, operator) = catalog.policies_of_exchange(exchange);
    Exchange {
        vhost: vhost.to_owned(),
        name: exchange.name.to_string(),
        kind: exchange.kind.as_str().to_owned(),
        durable: exchange.durable,
        auto_delete: exchange.auto_delete,
        internal: exchange.internal,
        arguments: arguments(exchange.args.table()),
        policy: user.or(operator).map(|p| p.name.to_string()),
    }
}

fn policy(vhost: &str, policy: &anymq_catalog::Policy) -> Policy {
    Policy {
        vhost: vhost.to_owned(),
        name: policy.name.to_string(),
        pattern: policy.pattern.clone(),
        apply_to: policy.apply_to.as_str().to_owned(),
        priority: i64::from(policy.priority),
        definition: policy.definition.clone().into_iter().collect(),
        operator: policy.operator,
    }
}

fn consumer(status: &ConsumerStatus) -> Consumer {
    Consumer {
        connection: status.connection,
        vhost: status.vhost.to_string(),
        queue: status.queue.to_string(),
        tag: status.tag.to_string(),
        prefetch: u64::from(status.prefetch),
        auto_ack: status.auto_ack,
        exclusive: status.exclusive,
        priority: status.priority,
        active: status.active,
        unacked: u64::from(status.unacked),
    }
}

/// `product version`, as the client says.
fn product(properties: &Table) -> String {
    let text = |name| properties.get(name).and_then(|v| v.as_str()).unwrap_or_default();
    format!("{} {}", text("product"), text("version")).trim().to_owned()
}

fn arguments(table: &Table) -> Arguments {
    match definitions::from_table(table) {
        Value::Object(arguments) => arguments,
        _ => Arguments::new(),
    }
}
