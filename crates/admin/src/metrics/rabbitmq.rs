//! `/metrics` once more, under the names that RabbitMQ's plugin gives.

use anymq_api::{Overview, Totals};
use anymq_broker::admin::{Deaths, Deliveries, Stats};

use super::Exposition;
use super::exposition::Kind::{Counter, Gauge};
use super::process::Process;
use crate::hall::Measurements;

/// Values of the label `queue_type`, in the order of [`Stats::kinds`].
const QUEUE_TYPES: [&str; 3] = ["rabbit_classic_queue", "rabbit_quorum_queue", "rabbit_stream_queue"];
/// Values of the label `dead_letter_strategy`, in the order of the counts in [`Deaths`].
const STRATEGIES: [&str; 3] = ["disabled", "at_most_once", "at_least_once"];

pub(super) fn write(measured: &Measurements, process: &Process, out: &mut Exposition) {
    state(&measured.overview, process, out);
    global(&measured.overview, &measured.stats, out);
    deliveries(&measured.stats, out);
    deaths(&measured.stats, out);
    churn(&measured.overview.totals, out);
}

/// What tells dashboards which server this is.
pub(super) fn identity(out: &mut Exposition) {
    out.family("rabbitmq_build_info", Gauge, "AnyMQ under the name that dashboards look for.");
    let version = env!("CARGO_PKG_VERSION");
    out.sample(&[("rabbitmq_version", version), ("product_name", "AnyMQ"), ("product_version", version)], 1);
    out.family("rabbitmq_identity_info", Gauge, "AnyMQ under the name that dashboards look for.");
    let node = [
        ("rabbitmq_node", "anymq@localhost"),
        ("rabbitmq_cluster", "anymq"),
        ("rabbitmq_endpoint", "aggregated"),
    ];
    out.sample(&node, 1);
}

fn state(overview: &Overview, process: &Process, out: &mut Exposition) {
    identity(out);
    let (counts, resources) = (&overview.counts, &overview.resources);
    let gauges = [
        ("rabbitmq_queue_messages", counts.ready + counts.unacked),
        ("rabbitmq_queue_messages_ready", counts.ready),
        ("rabbitmq_queue_messages_unacked", counts.unacked),
        ("rabbitmq_queues", counts.queues),
        ("rabbitmq_queue_consumers", counts.consumers),
        ("rabbitmq_consumers", counts.consumers),
        ("rabbitmq_connections", counts.connections),
        ("rabbitmq_channels", counts.channels),
        ("rabbitmq_process_resident_memory_bytes", process.resident_bytes),
        ("rabbitmq_resident_memory_limit_bytes", resources.memory_limit_bytes),
        ("rabbitmq_disk_space_available_bytes", resources.disk_free_bytes),
        ("rabbitmq_disk_space_available_limit_bytes", resources.disk_limit_bytes),
        ("rabbitmq_process_open_fds", process.fds),
        ("rabbitmq_process_max_fds", process.fds_max),
        ("rabbitmq_alarms_memory_used_watermark", alarm(overview, "memory")),
        ("rabbitmq_alarms_free_disk_space_watermark", alarm(overview, "disk")),
        ("rabbitmq_alarms_file_descriptor_limit", 0),
    ];
    for (name, value) in gauges {
        out.single(name, Gauge, "As in RabbitMQ.", value);
    }
}

fn alarm(overview: &Overview, reason: &str) -> u64 {
    u64::from(overview.alarms.iter().any(|alarm| alarm.contains(reason)))
}

/// By protocol.
fn global(overview: &Overview, stats: &Stats, out: &mut Exposition) {
    let counters = [
        ("rabbitmq_global_messages_received_total", stats.published),
        ("rabbitmq_global_messages_received_confirm_total", stats.published_confirmed),
        ("rabbitmq_global_messages_routed_total", stats.copies),
        ("rabbitmq_global_messages_confirmed_total", stats.confirmed),
        (
            "rabbitmq_global_messages_unroutable_dropped_total",
            stats.unroutable.saturating_sub(stats.returned),
        ),
        ("rabbitmq_global_messages_unroutable_returned_total", stats.returned),
    ];
    for (name, value) in counters {
        out.family(name, Counter, "As in RabbitMQ.");
        out.sample(&[PROTOCOL], value);
    }
    out.family("rabbitmq_global_consumers", Gauge, "As in RabbitMQ.");
    out.sample(&[PROTOCOL], overview.counts.consumers);
}

const PROTOCOL: (&str, &str) = ("protocol", "amqp091");

type Column = (&'static str, fn(&Deliveries) -> u64);

const DELIVERIES: [Column; 8] = [
    ("rabbitmq_global_messages_delivered_total", |d| d.all()),
    ("rabbitmq_global_messages_delivered_consume_manual_ack_total", |d| d.pushed),
    ("rabbitmq_global_messages_delivered_consume_auto_ack_total", |d| d.pushed_auto),
    ("rabbitmq_global_messages_delivered_get_manual_ack_total", |d| d.fetched),
    ("rabbitmq_global_messages_delivered_get_auto_ack_total", |d| d.fetched_auto),
    ("rabbitmq_global_messages_get_empty_total", |d| d.fetched_none),
    ("rabbitmq_global_messages_redelivered_total", |d| d.again),
    ("rabbitmq_global_messages_acknowledged_total", |d| d.acked),
];

/// By protocol and type of queue.
fn deliveries(stats: &Stats, out: &mut Exposition) {
    for (name, value) in DELIVERIES {
        out.family(name, Counter, "As in RabbitMQ.");
        for (queue_type, kind) in QUEUE_TYPES.iter().zip(&stats.kinds) {
            out.sample(&[PROTOCOL, ("queue_type", queue_type)], value(&kind.deliveries));
        }
    }
}

type Reason = (&'static str, fn(&Deaths) -> [u64; 3]);

/// By type of queue and by what the queue does with dead letters. Streams have none.
fn deaths(stats: &Stats, out: &mut Exposition) {
    let reasons: [Reason; 4] = [
        ("rabbitmq_global_messages_dead_lettered_expired_total", |d| d.expired),
        ("rabbitmq_global_messages_dead_lettered_rejected_total", |d| d.rejected),
        ("rabbitmq_global_messages_dead_lettered_maxlen_total", |d| d.maxlen),
        ("rabbitmq_global_messages_dead_lettered_delivery_limit_total", |d| d.delivery_limit),
    ];
    let quorum = QUEUE_TYPES[1];
    for (name, counts) in reasons {
        out.family(name, Counter, "As in RabbitMQ.");
        for (queue_type, kind) in QUEUE_TYPES.iter().zip(&stats.kinds).take(2) {
            // Only quorum queues can be asked for at-least-once.
            let strategies = if *queue_type == quorum { 3 } else { 2 };
            for (strategy, n) in STRATEGIES.iter().zip(counts(&kind.deaths)).take(strategies) {
                out.sample(&[("queue_type", queue_type), ("dead_letter_strategy", strategy)], n);
            }
        }
    }
    out.family("rabbitmq_global_messages_dead_lettered_confirmed_total", Counter, "As in RabbitMQ.");
    let labels = [("queue_type", quorum), ("dead_letter_strategy", STRATEGIES[2])];
    out.sample(&labels, stats.kinds[1].deaths.arrived);
}

fn churn(totals: &Totals, out: &mut Exposition) {
    let counters = [
        ("rabbitmq_connections_opened_total", totals.connections_opened),
        ("rabbitmq_connections_closed_total", totals.connections_closed),
        ("rabbitmq_channels_opened_total", totals.channels_opened),
        ("rabbitmq_channels_closed_total", totals.channels_closed),
        ("rabbitmq_queues_declared_total", totals.queues_declared),
        ("rabbitmq_queues_created_total", totals.queues_created),
        ("rabbitmq_queues_deleted_total", totals.queues_deleted),
    ];
    for (name, value) in counters {
        out.single(name, Counter, "As in RabbitMQ.", value);
    }
}
