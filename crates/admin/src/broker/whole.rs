//! The broker as a whole: state, alarms, counters, definitions.

use std::time::Duration;

use anymq_api::{Counts, Imported, Overview, Problem, Resources, Totals, codes};
use anymq_broker::ErrorKind;
use anymq_catalog::definitions::{self, Definitions};
use anymq_log::stats::SYNC_MICROS;
use anymq_log::{Class, Health};
use anymq_runtime::Rng;
use serde_json::Value;

use super::{BrokerHall, problem, vhost_id};
use crate::hall::{Histogram, Journal, Result};
use crate::metrics::Process;

impl BrokerHall {
    pub(super) fn current_alarms(&self) -> Vec<String> {
        let alarms = self.broker.alarms();
        let named = [(alarms.memory, "low on memory"), (alarms.disk, "low on disk")];
        named.into_iter().filter(|(raised, _)| *raised).map(|(_, name)| name.to_owned()).collect()
    }

    pub(super) fn storage_failure(&self) -> Option<String> {
        match self.broker.log().health() {
            Health::Failed(_) => Some("storage has failed".into()),
            Health::Ok | Health::Full { .. } => None,
        }
    }

    pub(super) fn whole(&self) -> Overview {
        let totals = self.broker.totals();
        let (vhosts, exchanges) = self.broker.catalog(|c| {
            let exchanges: usize = c.vhosts().map(|vhost| c.exchanges(vhost.id).count()).sum();
            (c.vhosts().count() as u64, exchanges as u64)
        });
        let (process, log) = (Process::read(), self.broker.log());
        let now = self.broker.now();
        Overview {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            uptime_ms: now.0.saturating_sub(self.started.0),
            now_at: now.0,
            data_dir: self.data_dir.display().to_string(),
            persistent: true,
            listeners: Vec::new(),
            alarms: self.current_alarms(),
            counts: Counts {
                vhosts,
                exchanges,
                queues: totals.queues,
                connections: totals.connections,
                channels: totals.channels,
                consumers: totals.consumers,
                ready: totals.ready,
                unacked: totals.unacked,
                delayed: totals.delayed,
                oldest_age_ms: totals.oldest.map(|at| now.0.saturating_sub(at.0)),
            },
            totals: counters(&totals.stats),
            resources: Resources {
                resident_bytes: process.resident_bytes,
                message_bytes: totals.resident_bytes,
                memory_limit_bytes: totals.limits.memory_limit,
                journal_bytes: log.segments().iter().map(|segment| segment.bytes).sum(),
                pending_bytes: log.stats().uncommitted_bytes,
                disk_free_bytes: totals.limits.disk_free,
                disk_limit_bytes: totals.limits.disk_free_limit,
                fds: process.fds,
                fds_max: process.fds_max,
            },
        }
    }

    pub(super) fn journal(&self) -> Journal {
        let log = self.broker.log();
        let stats = log.stats();
        let waits = self.broker.commit_waits();
        let segments = log.segments();
        let of = |class: fn(&Class) -> bool| segments.iter().filter(|s| class(&s.class)).count() as u64;
        Journal {
            commits: stats.commits,
            bytes: stats.bytes,
            frames: stats.frames,
            fsync: histogram(&stats.syncs, stats.sync_micros),
            confirm: histogram(&waits.counts, waits.micros),
            segments: vec![
                ("journal", of(|c| matches!(c, Class::Journal))),
                ("mixed", of(|c| matches!(c, Class::Mixed))),
                ("stream", of(|c| matches!(c, Class::Stream(_)))),
            ],
        }
    }

    pub(super) fn export_definitions(&self, vhost: Option<&str>) -> Result<Value> {
        self.broker.catalog(|c| match vhost {
            None => Ok(definitions::export(c)),
            Some(name) => Ok(definitions::export_vhost(c, vhost_id(c, name)?)),
        })
    }

    pub(super) fn import_definitions(&self, vhost: Option<&str>, file: &Value) -> Result<Imported> {
        let mut rng = Rng::from_entropy();
        let salt = || {
            let mut salt = [0; anymq_auth::SALT_BYTES];
            rng.fill(&mut salt);
            salt
        };
        let invalid = |what: String| Problem::new(&codes::DEFINITIONS_INVALID, what);
        let read = Definitions::read(&file.to_string(), vhost, salt).map_err(|e| invalid(e.to_string()))?;
        let done = self.broker.import(read).map_err(|e| match e.kind {
            ErrorKind::Invalid => invalid(e.text),
            _ => problem(e),
        })?;
        let (entries, skipped) = self.settled(Ok(done))?;
        for reason in &skipped {
            tracing::warn!(reason, "left out of the import");
        }
        Ok(Imported { entries, skipped })
    }
}

/// Counts per bucket of the journal's bounds, and one beyond.
fn histogram(counts: &[u64; SYNC_MICROS.len() + 1], sum_micros: u64) -> Histogram {
    let mut count = 0;
    let mut buckets = Vec::with_capacity(SYNC_MICROS.len());
    for (bound, n) in SYNC_MICROS.iter().zip(counts) {
        count += n;
        buckets.push((*bound as f64 / 1e6, count));
    }
    count += counts[SYNC_MICROS.len()];
    Histogram { buckets, count, sum: Duration::from_micros(sum_micros) }
}

fn counters(stats: &anymq_broker::admin::Stats) -> Totals {
    let deaths = stats.deaths();
    Totals {
        published: stats.published,
        routed: stats.published.saturating_sub(stats.unroutable),
        confirmed: stats.confirmed,
        unroutable: stats.unroutable,
        returned: stats.returned,
        delivered: stats.delivered(),
        redelivered: stats.redelivered(),
        acked: stats.acked(),
        dead_lettered_expired: deaths.expired.iter().sum(),
        dead_lettered_rejected: deaths.rejected.iter().sum(),
        dead_lettered_maxlen: deaths.maxlen.iter().sum(),
        dead_lettered_delivery_limit: deaths.delivery_limit.iter().sum(),
        connections_opened: stats.connections_opened,
        connections_closed: stats.connections_closed,
        channels_opened: stats.channels_opened,
        channels_closed: stats.channels_closed,
        queues_declared: stats.queues_declared,
        queues_created: stats.queues_created,
        queues_deleted: stats.queues_deleted,
        auth_failures: stats.auth_failures,
        auth_held_back: stats.auth_held_back,
    }
}
