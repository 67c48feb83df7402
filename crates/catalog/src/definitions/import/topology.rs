//! Exchanges, queues, bindings.

use anymq_types::limits::NAME_BYTES_MAX;
use anymq_types::value::Table;

use super::*;
use crate::args::queue::QueueRequest;
use crate::args::{self, Args};
use crate::definitions::file::{BindingItem, ExchangeItem, QueueItem};
use crate::definitions::json::{Bounded, to_table};
use crate::equivalence::kept_args;
use crate::model::{Binding, Destination, Exchange, ExchangeKind, Queue, RoutingKey};

impl Importer<'_> {
    pub(super) fn exchanges(&mut self, items: Vec<ExchangeItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("exchanges[{n}]");
            let (vhost, vhost_name) = self.place(item.vhost.as_deref(), &item.name, path)?;
            if item.name.is_empty() || item.name.starts_with("amq.") {
                self.out.skipped.push(format!("{}: '{}' is predeclared", path(), item.name));
                continue;
            }
            if self.exchange_kind(vhost, &item.name).is_some() {
                self.out.skipped.push(format!("{}: '{}' exists", path(), item.name));
                continue;
            }
            let kind = args::exchange::kind(&item.kind)
                .map_err(|error| invalid(format!("{}.type", path()), error))?;
            let table = arguments(&item.arguments, path)?;
            args::exchange::check(kind, &item.name, &vhost_name, &table)
                .map_err(|error| invalid(path(), error))?;
            let exchange = Exchange {
                id: self.next.exchange,
                vhost,
                name: item.name.as_str().into(),
                kind,
                durable: item.durable.unwrap_or(true),
                auto_delete: item.auto_delete,
                internal: item.internal,
                args: Args::new(table),
            };
            self.next.exchange.0 += 1;
            self.exchanges.insert((vhost, item.name), exchange.routing_kind());
            self.put(Change::ExchangePut(exchange));
        }
        Ok(())
    }

    pub(super) fn queues(&mut self, items: Vec<QueueItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("queues[{n}]");
            let (vhost, vhost_name) = self.place(item.vhost.as_deref(), &item.name, path)?;
            if item.name.is_empty() || item.name.starts_with("amq.") {
                self.out.skipped.push(format!("{}: '{}' is a server's name", path(), item.name));
                continue;
            }
            if self.queue_kind(vhost, &item.name).is_some() {
                self.out.skipped.push(format!("{}: '{}' exists", path(), item.name));
                continue;
            }
            let mut table = arguments(&item.arguments, path)?;
            if let (None, Some(kind)) = (table.get("x-queue-type"), &item.kind) {
                table.insert("x-queue-type", kind.as_str());
            }
            let durable = item.durable.unwrap_or(true);
            let default = self.vhosts.get(&*vhost_name).and_then(|vhost| vhost.default_queue_type);
            let request = QueueRequest {
                vhost: &vhost_name,
                name: &item.name,
                durable,
                exclusive: false,
                auto_delete: item.auto_delete,
                args: &table,
                default_kind: default.unwrap_or(self.default_queue_type),
            };
            let (kind, _) = request.check().map_err(|error| invalid(path(), error))?;
            let queue = Queue {
                id: self.next.queue,
                vhost,
                name: item.name.as_str().into(),
                kind,
                durable,
                auto_delete: item.auto_delete,
                exclusive_owner: None,
                args: kept_args(&table),
            };
            self.next.queue.0 += 1;
            self.queues.insert((vhost, item.name), kind);
            self.put(Change::QueuePut(queue));
        }
        Ok(())
    }

    pub(super) fn bindings(&mut self, items: Vec<BindingItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("bindings[{n}]");
            let (vhost, vhost_name) = self.place(item.vhost.as_deref(), &item.destination, path)?;
            if item.source.is_empty() {
                self.out.skipped.push(format!("{}: the default exchange binds by itself", path()));
                continue;
            }
            let missing = |kind: &str, name: &str| {
                invalid(path(), format!("no {kind} '{name}' in vhost '{vhost_name}'"))
            };
            let source =
                self.exchange_kind(vhost, &item.source).ok_or_else(|| missing("exchange", &item.source))?;
            let queue = self.queue_kind(vhost, &item.destination);
            let destination = match item.destination_type.as_str() {
                "queue" if queue.is_some() => Destination::Queue(item.destination.as_str().into()),
                // Exclusive and server-named queues stand in no file, but their bindings do.
                "queue" if item.destination.starts_with("amq.") => {
                    self.out.skipped.push(format!("{}: no queue '{}'", path(), item.destination));
                    continue;
                }
                "exchange" if self.exchange_kind(vhost, &item.destination).is_some() => {
                    Destination::Exchange(item.destination.as_str().into())
                }
                kind @ ("queue" | "exchange") => return Err(missing(kind, &item.destination)),
                other => {
                    let path = format!("{}.destination_type", path());
                    return Err(invalid(path, format!("'{other}' is neither 'queue' nor 'exchange'")));
                }
            };
            if item.routing_key.len() > NAME_BYTES_MAX {
                return Err(invalid(
                    format!("{}.routing_key", path()),
                    format!("longer than {NAME_BYTES_MAX} bytes"),
                ));
            }
            let table = arguments(&item.arguments, path)?;
            args::binding::check(source, queue, item.routing_key.as_bytes(), &table)
                .map_err(|error| invalid(path(), error))?;
            let routing_key = RoutingKey::from(item.routing_key.as_str());
            let source = item.source.as_str().into();
            let args = Args::sorted(table);
            self.put(Change::BindingPut(Binding { vhost, source, destination, routing_key, args }));
        }
        Ok(())
    }

    /// Checks a name; the vhost's id and name.
    fn place(
        &self,
        vhost: Option<&str>,
        name: &str,
        path: impl Fn() -> String,
    ) -> Result<(VhostId, Arc<str>)> {
        if name.len() > NAME_BYTES_MAX {
            return Err(invalid(path(), format!("name longer than {NAME_BYTES_MAX} bytes")));
        }
        let vhost = self.vhost(vhost, path)?;
        Ok((vhost.id, vhost.name.clone()))
    }

    fn exchange_kind(&self, vhost: VhostId, name: &str) -> Option<ExchangeKind> {
        let predeclared = || {
            // A vhost of this very file has them, too.
            let mut all = crate::catalog::PREDECLARED.iter();
            all.find(|(known, ..)| *known == name).map(|(_, kind, _)| *kind)
        };
        let new = || self.exchanges.get(&(vhost, name.to_owned())).copied();
        self.catalog
            .exchange(vhost, name)
            .map(|exchange| exchange.routing_kind())
            .or_else(new)
            .or_else(predeclared)
    }

    fn queue_kind(&self, vhost: VhostId, name: &str) -> Option<QueueKind> {
        let new = || self.queues.get(&(vhost, name.to_owned())).copied();
        self.catalog.queue(vhost, name).map(|queue| queue.kind).or_else(new)
    }
}

fn arguments(json: &Bounded, path: impl Fn() -> String) -> Result<Table> {
    let table = to_table(&json.0).ok_or_else(|| invalid(format!("{}.arguments", path()), "not an object"))?;
    let too_long = table.iter().any(|(name, _)| name.len() > NAME_BYTES_MAX);
    if too_long {
        let problem = format!("a name is longer than {NAME_BYTES_MAX} bytes");
        return Err(invalid(format!("{}.arguments", path()), problem));
    }
    Ok(table)
}
