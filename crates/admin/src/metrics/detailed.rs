//! `/metrics/detailed`: of each thing, the families of metrics that are asked for, under the names of RabbitMQ's plugin.
//!
//! `?family=NAME` as often as wanted; unknown families are passed over, as RabbitMQ does. `vhost=NAME`, as often as wanted,
//! leaves out queues of other vhosts and nothing else.

use anymq_api::Totals;
use anymq_broker::admin::QueueStatus;

use super::exposition::Kind::{self, Counter, Gauge};
use super::process::Process;
use super::{Exposition, rabbitmq};
use crate::board::Board;
use crate::hall::{Filter, Hall, Scope};

/// What a request asks for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    families: Vec<String>,
    vhosts: Option<Vec<String>>,
}

impl Wanted {
    /// From the query's pairs; others than these two are passed over.
    pub(crate) fn new(query: Vec<(String, String)>) -> Self {
        let mut wanted = Wanted::default();
        for (name, value) in query {
            match name.as_str() {
                "family" => wanted.families.push(value),
                "vhost" => wanted.vhosts.get_or_insert_default().push(value),
                _ => {}
            }
        }
        wanted
    }

    fn has(&self, family: &str) -> bool {
        self.families.iter().any(|f| f == family)
    }
}

type Column = (&'static str, Kind, fn(&QueueStatus) -> u64);

const COARSE: &[Column] = &[
    ("rabbitmq_detailed_queue_messages_ready", Gauge, |q| q.ready),
    ("rabbitmq_detailed_queue_messages_unacked", Gauge, |q| q.unacked),
    ("rabbitmq_detailed_queue_messages", Gauge, |q| q.ready + q.unacked),
];
const CONSUMERS: &[Column] = &[("rabbitmq_detailed_queue_consumers", Gauge, |q| u64::from(q.consumers))];
const BYTES: &[Column] = &[
    ("rabbitmq_detailed_queue_messages_ram_bytes", Gauge, |q| q.resident_bytes),
    ("rabbitmq_detailed_queue_messages_bytes", Gauge, |q| q.ready_bytes + q.unacked_bytes),
    ("rabbitmq_detailed_queue_messages_ready_bytes", Gauge, |q| q.ready_bytes),
    ("rabbitmq_detailed_queue_messages_unacked_bytes", Gauge, |q| q.unacked_bytes),
];
const DELIVERY: &[Column] = &[
    ("rabbitmq_detailed_queue_get_ack_total", Counter, |q| q.deliveries.fetched),
    ("rabbitmq_detailed_queue_get_total", Counter, |q| q.deliveries.fetched_auto),
    ("rabbitmq_detailed_queue_messages_delivered_ack_total", Counter, |q| q.deliveries.pushed),
    ("rabbitmq_detailed_queue_messages_delivered_total", Counter, |q| q.deliveries.pushed_auto),
    ("rabbitmq_detailed_queue_messages_redelivered_total", Counter, |q| q.deliveries.again),
    ("rabbitmq_detailed_queue_messages_acked_total", Counter, |q| q.deliveries.acked),
    ("rabbitmq_detailed_queue_get_empty_total", Counter, |q| q.deliveries.fetched_none),
];

/// Families about queues, and what they consist of. The second is part of the third.
const OF_QUEUES: [(&str, &[&[Column]]); 4] = [
    ("queue_coarse_metrics", &[COARSE]),
    ("queue_consumer_count", &[CONSUMERS]),
    ("queue_metrics", &[CONSUMERS, BYTES]),
    ("queue_delivery_metrics", &[DELIVERY]),
];

pub(super) fn write(board: &Board, wanted: &Wanted, out: &mut Exposition) {
    rabbitmq::identity(out);
    let Ok(hall) = board.hall() else { return };
    let hall = hall.as_ref();
    node(hall, wanted, out);
    queues(hall, wanted, out);
    clients(hall, wanted, out);
    topology(hall, wanted, out);
}

fn node(hall: &dyn Hall, wanted: &Wanted, out: &mut Exposition) {
    let families = ["connection_churn_metrics", "node_coarse_metrics", "node_metrics"];
    let [with_churn, coarse, fine] = families.map(|family| wanted.has(family));
    if !(with_churn || coarse || fine) {
        return;
    }
    let overview = hall.overview();
    let resources = overview.resources;
    if with_churn {
        churn(&overview.totals, out);
    }
    let mut gauges = Vec::new();
    if coarse {
        let process = Process::read();
        gauges.extend([
            ("rabbitmq_detailed_process_open_fds", process.fds),
            ("rabbitmq_detailed_process_resident_memory_bytes", process.resident_bytes),
            ("rabbitmq_detailed_disk_space_available_bytes", resources.disk_free_bytes),
        ]);
    }
    if fine {
        gauges.extend([
            ("rabbitmq_detailed_process_max_fds", resources.fds_max),
            ("rabbitmq_detailed_resident_memory_limit_bytes", resources.memory_limit_bytes),
            ("rabbitmq_detailed_disk_space_available_limit_bytes", resources.disk_limit_bytes),
        ]);
    }
    for (name, value) in gauges {
        out.single(name, Gauge, "As in RabbitMQ.", value);
    }
}

fn churn(totals: &Totals, out: &mut Exposition) {
    let counters = [
        ("rabbitmq_detailed_connections_opened_total", totals.connections_opened),
        ("rabbitmq_detailed_connections_closed_total", totals.connections_closed),
        ("rabbitmq_detailed_channels_opened_total", totals.channels_opened),
        ("rabbitmq_detailed_channels_closed_total", totals.channels_closed),
        ("rabbitmq_detailed_queues_declared_total", totals.queues_declared),
        ("rabbitmq_detailed_queues_created_total", totals.queues_created),
        ("rabbitmq_detailed_queues_deleted_total", totals.queues_deleted),
    ];
    for (name, value) in counters {
        out.single(name, Counter, "As in RabbitMQ.", value);
    }
}

fn queues(hall: &dyn Hall, wanted: &Wanted, out: &mut Exposition) {
    let asked = OF_QUEUES.iter().filter(|(family, _)| match *family {
        "queue_consumer_count" => wanted.has(family) && !wanted.has("queue_metrics"),
        _ => wanted.has(family),
    });
    let columns: Vec<&Column> =
        asked.flat_map(|(_, parts)| parts.iter().flat_map(|part| part.iter())).collect();
    if columns.is_empty() {
        return;
    }
    let scope = wanted.vhosts.clone().map_or(Scope::All, Scope::Only);
    let limit = out.room() / columns.len();
    let found = hall.queue_statuses(&Filter { scope, ..Filter::all(limit) });
    out.drop_series((found.total - found.items.len() as u64) * columns.len() as u64);
    for (name, kind, value) in columns {
        out.family(name, *kind, "As in RabbitMQ.");
        for queue in &found.items {
            out.sample(&[("vhost", &*queue.vhost), ("queue", &*queue.name)], value(queue));
        }
    }
}

type ChannelColumn = (&'static str, fn(&anymq_api::Channel) -> u64);

/// Where RabbitMQ puts the process of a channel or a connection into the label `channel`, there is the connection's id,
/// for a channel with its number.
fn clients(hall: &dyn Hall, wanted: &Wanted, out: &mut Exposition) {
    if wanted.has("channel_metrics") {
        let columns: [ChannelColumn; 4] = [
            ("rabbitmq_detailed_channel_consumers", |c| c.consumers),
            ("rabbitmq_detailed_channel_messages_unacked", |c| c.unacked),
            ("rabbitmq_detailed_consumer_prefetch", |c| c.prefetch),
            ("rabbitmq_detailed_channel_prefetch", |c| c.prefetch_global),
        ];
        let found = hall.channels(&Filter::all(out.room() / columns.len()));
        out.drop_series((found.total - found.items.len() as u64) * columns.len() as u64);
        for (name, value) in columns {
            out.family(name, Gauge, "As in RabbitMQ.");
            for channel in &found.items {
                let label = format!("{}.{}", channel.connection, channel.number);
                out.sample(&[("channel", &label)], value(channel));
            }
        }
    }
    if wanted.has("connection_metrics") {
        let found = hall.connections(&Filter::all(out.room()));
        out.drop_series(found.total - found.items.len() as u64);
        out.family("rabbitmq_detailed_connection_channels", Gauge, "As in RabbitMQ.");
        for connection in &found.items {
            out.sample(&[("channel", &connection.id.to_string())], connection.channels);
        }
    }
}

fn topology(hall: &dyn Hall, wanted: &Wanted, out: &mut Exposition) {
    if wanted.has("vhost_status") {
        out.family("rabbitmq_cluster_vhost_status", Gauge, "As in RabbitMQ.");
        for vhost in hall.vhosts(&Filter::all(out.room())).items {
            out.sample(&[("vhost", &vhost.name)], 1);
        }
    }
    let both = [
        ("exchange_bindings", "rabbitmq_cluster_exchange_bindings"),
        ("exchange_names", "rabbitmq_cluster_exchange_name"),
    ];
    for (family, name) in both {
        if !wanted.has(family) {
            continue;
        }
        out.family(name, Gauge, "As in RabbitMQ.");
        for exchange in hall.exchange_bindings(out.room()) {
            let value = if family == "exchange_names" { 1 } else { exchange.bindings };
            let labels =
                [("vhost", &*exchange.vhost), ("exchange", &*exchange.name), ("type", &*exchange.kind)];
            out.sample(&labels, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_families_and_vhosts() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = Wanted::new(vec![pair("family", "a"), pair("other", "x"), pair("family", "b")]);
        assert!(wanted.has("a") && wanted.has("b") && !wanted.has("x"));
        assert_eq!(wanted.vhosts, None);
        let wanted = Wanted::new(vec![pair("vhost", "/"), pair("vhost", "v")]);
        assert_eq!(wanted.vhosts, Some(vec!["/".to_owned(), "v".to_owned()]));
    }
}
