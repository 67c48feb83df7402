//! What the catalogue holds: plain records, serialised as JSON into the journal.
//!
//! Fields a newer version added are ignored on read; fields an older one did not write have defaults. Names are
//! shared (`Arc<str>`), because each stands in a record and in an index.

mod binding;
mod exchange;
mod policy;
mod queue;
mod quota;
mod schema;
mod topic;
mod user;
mod vhost;

pub use binding::{Binding, Destination, RoutingKey};
pub use exchange::{Exchange, ExchangeKind};
pub use policy::{ApplyTo, GlobalParameter, Parameter, Policy};
pub use queue::{Queue, QueueKind};
pub use quota::{QUOTA_NAME_BYTES_MAX, QuotaEntity, QuotaKind, QuotaLimits, QuotaPart, Quotas, RateFault};
pub use schema::{
    Compatibility, Schema, SchemaKind, SchemaReference, SchemaVersion, SubjectMode, SubjectSettings,
};
pub use topic::Topic;
pub use user::{Permission, TopicPermission, User, UserLimits};
pub use vhost::{Vhost, VhostLimits};
