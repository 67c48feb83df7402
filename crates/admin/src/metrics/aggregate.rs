//! `/metrics`: the broker as a whole, under names of its own.

use anymq_api::{Overview, Queue, Totals};

use super::exposition::Kind::{Counter, Gauge, Histogram};
use super::process::Process;
use super::{Exposition, kafka, objects, rabbitmq};
use crate::board::Board;
use crate::hall::{Filter, Journal};

/// Queues whose depth stands on this page; the others are on `/metrics/per-object`.
const QUEUES_MAX: usize = 1000;

pub(super) fn write(board: &Board, out: &mut Exposition) {
    let process = Process::read();
    let health = board.health();
    out.family("anymq_build_info", Gauge, "Always 1; the version is a label.");
    out.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.single("anymq_ready", Gauge, "1 while clients are served.", u8::from(health.ready));
    let progress = if board.was_ready() { 100 } else { health.percent.unwrap_or(0) };
    let help = "Part of the journal read at start, 0 to 1.";
    out.single("anymq_recovery_progress", Gauge, help, f64::from(progress) / 100.0);
    self::process(&process, out);
    out.family("anymq_cert_not_after_seconds", Gauge, "When a door's certificate ends, in Unix seconds.");
    for (door, ends) in board.certificate_ends() {
        out.sample(&[("door", door)], ends);
    }
    let Ok(hall) = board.hall() else { return };
    let measured = hall.measurements();
    backpressure(&health.problems, out);
    state(&measured.overview, out);
    totals(&measured.overview.totals, out);
    let help = "Messages that were not of the schema that their queue or topic demands.";
    out.single("anymq_schema_refused_total", Counter, help, measured.stats.schema_refused);
    journal(&measured.journal, out);
    dead_letter_queues(&measured.dead_letter_queues, out);
    rabbitmq::write(&measured, &process, out);
    let queues = hall.queues(&Filter::all(QUEUES_MAX));
    out.drop_series(objects::SEED_SERIES * (queues.total - queues.items.len() as u64));
    objects::seed(&queues.items, out);
    kafka::write(hall.as_ref(), false, kafka::PARTITIONS_MAX, out);
}

fn process(process: &Process, out: &mut Exposition) {
    out.single("anymq_memory_resident_bytes", Gauge, "Resident memory.", process.resident_bytes);
    out.single("anymq_fds", Gauge, "Open file descriptors.", process.fds);
    out.single("anymq_fds_max", Gauge, "Most file descriptors.", process.fds_max);
    out.single("anymq_threads", Gauge, "Threads.", process.threads);
    out.single("anymq_cpu_seconds_total", Counter, "Processor time, user and system.", process.cpu_seconds);
}

fn backpressure(problems: &[String], out: &mut Exposition) {
    out.family("anymq_backpressure_active", Gauge, "1 while publishers are held back for this reason.");
    for reason in ["memory", "disk"] {
        out.sample(&[("reason", reason)], u8::from(problems.iter().any(|p| p.contains(reason))));
    }
}

fn state(overview: &Overview, out: &mut Exposition) {
    let (counts, resources) = (&overview.counts, &overview.resources);
    let gauges = [
        ("anymq_uptime_seconds", "Seconds since the start.", overview.uptime_ms / 1000),
        ("anymq_vhosts", "Vhosts.", counts.vhosts),
        ("anymq_exchanges", "Exchanges.", counts.exchanges),
        ("anymq_queues", "Queues.", counts.queues),
        ("anymq_connections", "Client connections.", counts.connections),
        ("anymq_channels", "Channels.", counts.channels),
        ("anymq_consumers", "Consumers.", counts.consumers),
        ("anymq_memory_messages_bytes", "Message data in memory.", resources.message_bytes),
        ("anymq_memory_limit_bytes", "Above this, publishers are held back.", resources.memory_limit_bytes),
        ("anymq_journal_bytes", "Journal and archive files.", resources.journal_bytes),
        ("anymq_journal_pending_bytes", "Written and not yet synced.", resources.pending_bytes),
        ("anymq_disk_free_bytes", "Free space of the data directory.", resources.disk_free_bytes),
        ("anymq_disk_limit_bytes", "Below this, publishers are held back.", resources.disk_limit_bytes),
    ];
    for (name, help, value) in gauges {
        out.single(name, Gauge, help, value);
    }
    let age = counts.oldest_age_ms.unwrap_or(0) as f64 / 1000.0;
    let help = "How long the oldest message of any queue has been there; 0: all are empty.";
    out.single("anymq_oldest_message_age_seconds", Gauge, help, age);
    out.family("anymq_messages", Gauge, "Messages in all queues.");
    for (state, n) in [("ready", counts.ready), ("unacked", counts.unacked), ("delayed", counts.delayed)] {
        out.sample(&[("state", state)], n);
    }
}

fn totals(totals: &Totals, out: &mut Exposition) {
    let counters = [
        ("anymq_messages_in_total", "Messages taken from publishers.", totals.published),
        ("anymq_messages_out_total", "Messages delivered.", totals.delivered),
        ("anymq_messages_routed_total", "Messages that reached a queue.", totals.routed),
        ("anymq_messages_confirmed_total", "Messages confirmed to publishers.", totals.confirmed),
        ("anymq_messages_unroutable_total", "Messages that reached no queue.", totals.unroutable),
        ("anymq_messages_returned_total", "Of those, sent back to publishers.", totals.returned),
        ("anymq_messages_acked_total", "Messages acknowledged.", totals.acked),
        ("anymq_redeliveries_total", "Messages delivered again.", totals.redelivered),
        ("anymq_auth_failures_total", "Logins refused.", totals.auth_failures),
        ("anymq_auth_held_back_total", "Logins made to wait, or refused unheard.", totals.auth_held_back),
        ("anymq_connections_opened_total", "Connections that logged in.", totals.connections_opened),
        ("anymq_connections_closed_total", "Connections that ended.", totals.connections_closed),
    ];
    for (name, help, value) in counters {
        out.single(name, Counter, help, value);
    }
    out.family("anymq_dead_lettered_total", Counter, "Messages that left their queue as dead letters.");
    for (reason, n) in dead_letters(totals) {
        out.sample(&[("reason", reason)], n);
    }
}

fn dead_letters(totals: &Totals) -> [(&'static str, u64); 4] {
    [
        ("expired", totals.dead_lettered_expired),
        ("rejected", totals.dead_lettered_rejected),
        ("maxlen", totals.dead_lettered_maxlen),
        ("delivery_limit", totals.dead_lettered_delivery_limit),
    ]
}

fn journal(journal: &Journal, out: &mut Exposition) {
    out.single("anymq_commits_total", Counter, "Groups committed.", journal.commits);
    out.single("anymq_commit_bytes_total", Counter, "Bytes committed.", journal.bytes);
    out.single("anymq_commit_frames_total", Counter, "Frames committed.", journal.frames);
    out.family("anymq_fsync_seconds", Histogram, "How long syncs of the journal took.");
    out.histogram(&journal.fsync);
    let help = "How long publishers waited for a commit: the longest wait of each commit.";
    out.family("anymq_confirm_seconds", Histogram, help);
    out.histogram(&journal.confirm);
    out.family("anymq_segments", Gauge, "Segment files.");
    for (class, n) in &journal.segments {
        out.sample(&[("class", class)], n);
    }
}

fn dead_letter_queues(queues: &[(String, String, u64)], out: &mut Exposition) {
    let shown = queues.len().min(QUEUES_MAX);
    out.drop_series((queues.len() - shown) as u64);
    out.family("anymq_dlq_messages", Gauge, "Messages in queues that dead letters of others go to.");
    for (vhost, name, messages) in &queues[..shown] {
        out.sample(&[("vhost", vhost), ("queue", name)], *messages);
    }
}

/// The names a small dashboard with `prom-client` uses.
pub(super) fn processed(queue: &Queue) -> [(&'static str, u64); 2] {
    [("success", queue.acked_total), ("failed", queue.dropped_total)]
}
