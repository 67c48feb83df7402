//! The hall: every messaging semantic, once, for every protocol.
//!
//! Stands on `log` (bytes and durability), `catalog` (what exists), `auth` (who may). Start with [`Broker`] and [`Session`], the two
//! things a door sees; then `core` (the state machine) and `queue` (the engine).
//!
//! **Invariants.** State changes only under the core's lock, by operations that journal what must last before anybody hears of it. The core
//! reads no clock, no randomness and no disk. No wire type is named here.

pub mod admin;
pub mod api;
mod broker;
mod browse;
mod compaction;
pub mod config;
mod core;
pub mod error;
mod fail_stop;
pub mod groups;
mod house;
mod journal;
mod latency;
mod listings;
mod login;
mod mapping;
mod outbox;
mod progress;
mod queue;
mod routing;
mod session;
mod stopped;
mod throttle;
mod tokens;
pub mod topics;
pub mod transactions;
pub mod validation;
mod wheel;

pub use anymq_auth::Turn;
pub use anymq_auth::oauth2::{TOKEN_BYTES_MAX, Token};
pub use anymq_auth::{acl, scram};
pub use api::*;
pub use broker::{Broker, Options, StartError};
pub use config::Config;
pub use error::{Error, ErrorKind, Result};
pub use groups::api::*;
pub use groups::consumer_api::*;
pub use groups::offsets_api::*;
pub use groups::settings::{GroupConfig, GroupKey, GroupKeyKind};
pub use groups::share_api::*;
pub use house::resident_bytes;
pub use latency::CommitWaits;
pub use listings::groups::{GroupMember, GroupOffset, GroupStatus};
pub use listings::transactions::{TransactionPartition, TransactionStatus};
pub use listings::{ChannelStatus, DeadLetterQueue, PartitionStatus, TopicEdges, TopicStatus};
pub use outbox::Outbox;
pub use progress::Progress;
pub use session::{Look, QuotaChange, ScramChange, ScramListed, Seen, Session};
