//! What an operator sets about the admin API and the metrics.

use std::time::Duration;

use anymq_types::ByteSize;
use serde::{Deserialize, Serialize};

/// The admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Largest request body.
    pub body_max: ByteSize,
    /// Longest a request may take.
    #[serde(with = "anymq_types::units::duration")]
    pub request_deadline: Duration,
    /// Most requests worked on at a time; more are answered with status 429.
    pub max_requests: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { body_max: ByteSize::mib(64), request_deadline: Duration::from_secs(30), max_requests: 16 }
    }
}

impl Config {
    /// Says what is wrong: the key within this table, and why.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        if self.body_max.0 < 1024 || self.body_max > ByteSize::gib(1) {
            return Err(("body_max", format!("is {}, must be 1KiB to 1GiB", self.body_max)));
        }
        if self.request_deadline < Duration::from_millis(100) {
            return Err(("request_deadline", "is shorter than 100ms".into()));
        }
        if self.max_requests == 0 || self.max_requests > 1024 {
            return Err(("max_requests", format!("is {}, must be 1 to 1024", self.max_requests)));
        }
        Ok(())
    }
}

/// The metrics port: `/metrics`, `/metrics/per-object`, `/metrics/detailed` and `/health/…` without login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Open the port at all; the admin port has the same paths.
    pub enabled: bool,
    /// Most time series on one page; what is left out is counted in `anymq_metrics_dropped_series`.
    pub series_max: usize,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        MetricsConfig { enabled: true, series_max: 100_000 }
    }
}

impl MetricsConfig {
    /// Says what is wrong: the key within this table, and why.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        if self.series_max < 1000 {
            return Err(("series_max", format!("is {}, must be at least 1000", self.series_max)));
        }
        Ok(())
    }
}
