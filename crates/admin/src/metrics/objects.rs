//! `/metrics/per-object`: every queue, topic and group.

use anymq_api::Queue;

use super::aggregate::processed;
use super::exposition::Kind::{self, Counter, Gauge};
use super::{Exposition, kafka};
use crate::board::Board;
use crate::hall::Filter;

/// Series that [`seed`] writes for one queue.
pub(super) const SEED_SERIES: u64 = 3;
/// Series that this page writes for one queue.
const QUEUE_SERIES: usize = 15;

type Column = (&'static str, Kind, &'static str, fn(&Queue) -> u64);

const COLUMNS: [Column; 11] = [
    ("anymq_queue_consumers", Gauge, "Consumers.", |q| q.consumers),
    ("anymq_queue_bytes", Gauge, "Bytes of all messages.", |q| q.bytes),
    ("anymq_queue_memory_bytes", Gauge, "Bytes of message data in memory.", |q| q.memory_bytes),
    ("anymq_queue_published_total", Counter, "Messages published to it.", |q| q.published_total),
    ("anymq_queue_delivered_total", Counter, "Messages delivered from it.", |q| q.delivered_total),
    ("anymq_queue_redelivered_total", Counter, "Messages delivered again.", |q| q.redelivered_total),
    ("rabbitmq_queue_messages", Gauge, "As in RabbitMQ.", |q| q.ready + q.unacked),
    ("rabbitmq_queue_messages_ready", Gauge, "As in RabbitMQ.", |q| q.ready),
    ("rabbitmq_queue_messages_unacked", Gauge, "As in RabbitMQ.", |q| q.unacked),
    ("rabbitmq_queue_consumers", Gauge, "As in RabbitMQ.", |q| q.consumers),
    ("rabbitmq_queue_messages_bytes", Gauge, "As in RabbitMQ.", |q| q.bytes),
];

pub(super) fn write(board: &Board, out: &mut Exposition) {
    let Ok(hall) = board.hall() else { return };
    // First, and of half the room: a queue is a topic too.
    kafka::write(hall.as_ref(), true, kafka::partitions_in(out.room() / 2), out);
    let queues = hall.queues(&Filter::all(out.room() / (QUEUE_SERIES + SEED_SERIES as usize)));
    out.drop_series((QUEUE_SERIES as u64 + SEED_SERIES) * (queues.total - queues.items.len() as u64));
    let queues = queues.items;
    out.family("anymq_queue_messages", Gauge, "Messages.");
    for queue in &queues {
        for (state, n) in [("ready", queue.ready), ("unacked", queue.unacked), ("delayed", queue.delayed)] {
            out.sample(&[("vhost", &queue.vhost), ("queue", &queue.name), ("state", state)], n);
        }
    }
    for (name, kind, help, value) in COLUMNS {
        out.family(name, kind, help);
        for queue in &queues {
            out.sample(&[("vhost", &queue.vhost), ("queue", &queue.name)], value(queue));
        }
    }
    let help = "How long its oldest message has been there; 0: it is empty.";
    out.family("anymq_queue_oldest_message_age_seconds", Gauge, help);
    for queue in &queues {
        let age = queue.oldest_age_ms.unwrap_or(0) as f64 / 1000.0;
        out.sample(&[("vhost", &queue.vhost), ("queue", &queue.name)], age);
    }
    seed(&queues, out);
}

/// `queue_depth` and `messages_processed_total`, as services that count for themselves name them.
pub(super) fn seed(queues: &[Queue], out: &mut Exposition) {
    out.family("queue_depth", Gauge, "Messages ready for delivery.");
    for queue in queues {
        out.sample(&[("vhost", &queue.vhost), ("queue_name", &queue.name)], queue.ready);
    }
    out.family(
        "messages_processed_total",
        Counter,
        "Messages acknowledged (success), or dead-lettered or dropped (failed).",
    );
    for queue in queues {
        for (status, n) in processed(queue) {
            out.sample(&[("vhost", &queue.vhost), ("queue_name", &queue.name), ("status", status)], n);
        }
    }
}
