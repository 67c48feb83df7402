//! The durable catalogue: what exists and how it is set.
//!
//! Stands on `types` and `auth`. It holds vhosts, users, permissions, exchanges, queues, bindings, policies and
//! parameters, and answers what a queue's arguments and the policies on it come to. Transient and exclusive things
//! live in the same maps and are left out of snapshots. Start with [`Catalog`] and [`Change`].
//!
//! ```text
//!   client -> args (checked) -> Change -> Catalog::commit -> Steps -> journal those that are durable, tell the router
//!   journal, snapshot -> Change -> Catalog::apply
//! ```
//!
//! Invariants: [`Catalog::apply`] is the only mutation; it is deterministic and may be repeated. A snapshot applied to
//! an empty catalogue gives the same durable state. Ids are never given twice.

pub mod args;
mod catalog;
mod change;
pub mod definitions;

pub mod equivalence;
mod model;
mod policy;
mod schema_rules;
pub mod schemas;
pub mod topic_config;

pub use args::queue::{DeadLetterStrategy, Overflow};
pub use args::{ArgError, Args};
pub use catalog::{ACLS_MAX, Applied, Catalog, QUOTAS_MAX};
pub use change::{Change, ChangeError, NextIds, Step};
pub use model::{
    ApplyTo, Binding, Compatibility, Destination, Exchange, ExchangeKind, GlobalParameter, Parameter,
    Permission, Policy, QUOTA_NAME_BYTES_MAX, Queue, QueueKind, QuotaEntity, QuotaKind, QuotaLimits,
    QuotaPart, Quotas, RateFault, RoutingKey, Schema, SchemaKind, SchemaReference, SchemaVersion,
    SubjectMode, SubjectSettings, Topic, TopicPermission, User, UserLimits, Vhost, VhostLimits,
};
pub use policy::{DELIVERY_LIMIT_DEFAULT, PolicyError, QueueSettings};
pub use schema_rules::{SchemaRules, SubjectNaming};
pub use schemas::Schemas;
