//! Admin HTTP API, metrics and health.
//!
//! [`serve_admin`] and [`serve_metrics`] are doors like any other: `net` hands them connections. What they know of the
//! broker is the trait [`Hall`], in the words of `anymq-api`; [`Board`] tells how far the start is, so that health
//! answers while the journal is still being read. [`router`] is the table of paths.
//!
//! Invariants: every path under `/api/` needs a login and a tag; no answer holds a password, and one alone holds payloads:
//! `/messages`, for users who may read the topic as clients too; the work a request can cause is bounded in size, time and number; calls into the broker run on blocking threads, never on those
//! that serve sockets.

mod access;
mod answer;
mod board;
mod broker;
mod config;
mod desk;
mod hall;
mod handlers;
mod health;
mod metrics;
mod router;
mod serve;

pub use access::{Operator, Tag};
pub use board::{Board, Phase};
pub use broker::BrokerHall;
pub use config::{Config, MetricsConfig};
pub use desk::Desk;
pub use hall::{Filter, Hall, Histogram, Journal, Login, Measurements, More, Scope};
pub use serve::{serve_admin, serve_metrics};
