//! From the catalogue to a file.

use anymq_types::VhostId;
use serde_json::{Value as Json, json};

use super::json::from_table;
use crate::catalog::Catalog;
use crate::equivalence::listed_args;
use crate::model::{Binding, Destination, Exchange, Policy, Queue, User, Vhost};

/// RabbitMQ's version whose form of the file this is; its importers look at it.
const FORM: &str = "4.0.5";

/// Everything that is declared, but for exclusive queues, with their bindings, and predeclared exchanges.
pub fn export(catalog: &Catalog) -> Json {
    let vhosts: Vec<VhostId> = catalog.vhosts().map(|vhost| vhost.id).collect();
    let mut file = topology(catalog, &vhosts, true);
    let name = |id: VhostId| catalog.vhost_by_id(id).map(|vhost| &*vhost.name);
    let permissions = catalog.permissions().map(|permission| {
        let grant = &permission.grant;
        json!({
            "user": &*permission.user, "vhost": name(permission.vhost),
            "configure": grant.configure, "write": grant.write, "read": grant.read,
        })
    });
    let topic_permissions = catalog.topic_permissions().map(|permission| {
        let grant = &permission.grant;
        json!({
            "user": &*permission.user, "vhost": name(permission.vhost), "exchange": &*permission.exchange,
            "write": grant.write, "read": grant.read,
        })
    });
    let globals = catalog
        .global_parameters()
        .map(|parameter| json!({"name": &*parameter.name, "value": parameter.value}));
    let acls = vhosts.iter().flat_map(|&id| {
        let rules = catalog.acls(id);
        let items = rules.iter().map(|acl| {
            let mut item = json!(acl);
            item["vhost"] = name(id).into();
            item
        });
        items.collect::<Vec<_>>()
    });
    file["acls"] = acls.collect();
    let quotas = catalog.quotas().iter().map(|(entity, limits)| {
        let mut item = json!(entity);
        let limits = limits.iter().map(|(kind, rate)| (kind.name().to_owned(), json!(kind.value(*rate))));
        item["limits"] = limits.collect::<serde_json::Map<_, _>>().into();
        item
    });
    file["client_quotas"] = quotas.collect();
    file["users"] = catalog.users().map(|user| user_json(user)).collect();
    file["vhosts"] = catalog.vhosts().map(|vhost| vhost_json(vhost)).collect();
    file["permissions"] = permissions.collect();
    file["topic_permissions"] = topic_permissions.collect();
    file["global_parameters"] = globals.collect();
    file
}

/// What is declared in one vhost; items do not name it, so that the file can be imported into another.
pub fn export_vhost(catalog: &Catalog, vhost: VhostId) -> Json {
    topology(catalog, &[vhost], false)
}

fn topology(catalog: &Catalog, vhosts: &[VhostId], named: bool) -> Json {
    let section = |items: &dyn Fn(VhostId) -> Vec<Json>| -> Json {
        let mut out = Vec::new();
        for id in vhosts {
            let Some(vhost) = catalog.vhost_by_id(*id) else { continue };
            out.extend(items(*id).into_iter().map(|mut item| {
                if named {
                    item["vhost"] = (*vhost.name).into();
                }
                item
            }));
        }
        Json::Array(out)
    };
    json!({
        "rabbit_version": FORM,
        "rabbitmq_version": FORM,
        "product_name": "AnyMQ",
        "parameters": section(&|id| parameters(catalog, id)),
        "policies": section(&|id| catalog.policies(id, false).map(policy_json).collect()),
        "exchanges": section(&|id| {
            catalog.exchanges(id).filter(|exchange| !exchange.is_predeclared()).map(|exchange| exchange_json(exchange)).collect()
        }),
        "queues": section(&|id| {
            let kept = catalog.queues(id).filter(|queue| queue.exclusive_owner.is_none());
            kept.map(|queue| queue_json(queue)).collect()
        }),
        "bindings": section(&|id| {
            let kept = catalog.bindings(id).filter(|binding| match &binding.destination {
                Destination::Queue(name) => catalog.queue(id, name).is_some_and(|q| q.exclusive_owner.is_none()),
                Destination::Exchange(_) => true,
            });
            kept.map(|binding| binding_json(binding)).collect()
        }),
    })
}

/// Parameters, and what the file has as parameters: limits of the vhost, operator policies.
fn parameters(catalog: &Catalog, id: VhostId) -> Vec<Json> {
    let item = |component: &str, name: &str, value: Json| json!({"component": component, "name": name, "value": value});
    let mut out: Vec<Json> =
        catalog.parameters(id).map(|p| item(&p.component, &p.name, p.value.clone())).collect();
    out.extend(catalog.policies(id, true).map(|policy| {
        let mut value = policy_json(policy);
        if let Some(value) = value.as_object_mut() {
            value.remove("name");
        }
        item("operator_policy", &policy.name, value)
    }));
    if let Some(limits) = catalog.vhost_by_id(id).map(|vhost| limits_json(vhost))
        && limits.as_object().is_some_and(|limits| !limits.is_empty())
    {
        out.push(item("vhost-limits", "limits", limits));
    }
    out
}

fn user_json(user: &User) -> Json {
    let (hash, algorithm) = user.password.export();
    let mut limits = json!({});
    for (name, limit) in
        [("max-connections", user.limits.max_connections), ("max-channels", user.limits.max_channels)]
    {
        if let Some(limit) = limit {
            limits[name] = limit.into();
        }
    }
    let mut item = json!({
        "name": &*user.name, "password_hash": hash, "hashing_algorithm": algorithm.as_str(),
        "tags": user.tags.iter().collect::<Vec<_>>(), "limits": limits,
    });
    if !user.scram.is_empty() {
        item["scram_credentials"] = json!(user.scram);
    }
    item
}

fn vhost_json(vhost: &Vhost) -> Json {
    let mut metadata = json!({"description": vhost.description, "tags": vhost.tags});
    let mut out = json!({
        "name": &*vhost.name, "description": vhost.description, "tags": vhost.tags, "limits": limits_json(vhost),
    });
    if let Some(kind) = vhost.default_queue_type {
        metadata["default_queue_type"] = kind.as_str().into();
        out["default_queue_type"] = kind.as_str().into();
    }
    out["metadata"] = metadata;
    out
}

fn limits_json(vhost: &Vhost) -> Json {
    let mut out = json!({});
    for (name, limit) in
        [("max-connections", vhost.limits.max_connections), ("max-queues", vhost.limits.max_queues)]
    {
        if let Some(limit) = limit {
            out[name] = limit.into();
        }
    }
    out
}

fn policy_json(policy: &Policy) -> Json {
    json!({
        "name": &*policy.name, "pattern": policy.pattern, "apply-to": policy.apply_to.as_str(),
        "priority": policy.priority, "definition": policy.definition,
    })
}

fn exchange_json(exchange: &Exchange) -> Json {
    json!({
        "name": &*exchange.name, "type": exchange.kind.as_str(), "durable": exchange.durable,
        "auto_delete": exchange.auto_delete, "internal": exchange.internal,
        "arguments": from_table(exchange.args.table()),
    })
}

fn queue_json(queue: &Queue) -> Json {
    json!({
        "name": &*queue.name, "type": queue.kind.as_str(), "durable": queue.durable,
        "auto_delete": queue.auto_delete, "arguments": from_table(&listed_args(queue)),
    })
}

fn binding_json(binding: &Binding) -> Json {
    json!({
        "source": &*binding.source, "destination": &**binding.destination.name(),
        "destination_type": binding.destination.kind(), "routing_key": binding.routing_key.to_text(),
        "arguments": from_table(binding.args.table()),
    })
}
