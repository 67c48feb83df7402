//! The one way the catalogue changes.

use std::sync::Arc;

use anymq_auth::acl::{Acl, AclFault};
use anymq_auth::scram::ScramSecret;
use anymq_types::{ExchangeId, QueueId, SchemaId, VhostId};
use serde::{Deserialize, Serialize};

use crate::model::{
    Binding, Exchange, GlobalParameter, Parameter, Permission, Policy, Queue, QuotaEntity, QuotaLimits,
    Schema, SchemaVersion, SubjectSettings, Topic, TopicPermission, User, Vhost,
};

/// One change, and the journal's record of it (as JSON). A put replaces what has the same identity; deleting what does
/// not exist is no error: so a change may be applied twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it: what is put or deleted.
pub enum Change {
    /// Raises the lowest free ids, so that ids of deleted things are not given again.
    Ids(NextIds),
    VhostPut(Vhost),
    VhostDelete {
        id: VhostId,
    },
    UserPut(User),
    UserDelete {
        name: Arc<str>,
    },
    /// Given once, and kept.
    ScramSecretPut(ScramSecret),
    PermissionPut(Permission),
    PermissionDelete {
        user: Arc<str>,
        vhost: VhostId,
    },
    TopicPermissionPut(TopicPermission),
    TopicPermissionDelete {
        user: Arc<str>,
        vhost: VhostId,
        exchange: Arc<str>,
    },
    /// Those that are there stay.
    AclsPut {
        vhost: VhostId,
        acls: Vec<Acl>,
    },
    AclsDelete {
        vhost: VhostId,
        acls: Vec<Acl>,
    },
    /// All of an entity's; none takes it away.
    QuotaPut {
        entity: QuotaEntity,
        limits: QuotaLimits,
    },
    ExchangePut(Exchange),
    ExchangeDelete {
        id: ExchangeId,
    },
    QueuePut(Queue),
    QueueDelete {
        id: QueueId,
    },
    /// Its partitions' queues exist.
    TopicPut(Topic),
    /// Its partitions' queues go with it.
    TopicDelete {
        vhost: VhostId,
        name: Arc<str>,
    },
    BindingPut(Binding),
    BindingDelete(Binding),
    PolicyPut(Policy),
    PolicyDelete {
        vhost: VhostId,
        name: Arc<str>,
        operator: bool,
    },
    ParameterPut(Parameter),
    ParameterDelete {
        vhost: VhostId,
        component: Arc<str>,
        name: Arc<str>,
    },
    GlobalParameterPut(GlobalParameter),
    GlobalParameterDelete {
        name: Arc<str>,
    },
    /// A schema's text; it goes with the last version that is it.
    SchemaPut(Schema),
    /// A version of a subject is this schema.
    SchemaVersionPut(SchemaVersion),
    SchemaVersionDelete {
        vhost: VhostId,
        subject: Arc<str>,
        version: u32,
    },
    SubjectSettingsPut(SubjectSettings),
    SubjectSettingsDelete {
        vhost: VhostId,
        subject: Arc<str>,
    },
}

/// The lowest ids that were never given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextIds {
    /// Of vhosts.
    pub vhost: VhostId,
    /// Of exchanges.
    pub exchange: ExchangeId,
    /// Of queues.
    pub queue: QueueId,
    /// Of schemas.
    #[serde(default = "first_schema")]
    pub schema: SchemaId,
}

/// What data of a version without schemas begin with.
fn first_schema() -> SchemaId {
    SchemaId(1)
}

/// A change that was made, and whether it must be journaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was done.
    pub change: Change,
    /// It touches what survives a restart, and no durable step of the same commit implies it.
    pub durable: bool,
}

/// Why a change cannot be made. Doors check for existence first; on recovery it means a damaged journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The vhost is not there.
    #[error("no vhost with id {0}")]
    NoVhost(VhostId),
    /// The user is not there.
    #[error("no user '{0}'")]
    NoUser(Arc<str>),
    /// An end of the binding is not there.
    #[error("no exchange '{name}' in vhost '{vhost}'")]
    NoExchange {
        /// Which.
        name: Arc<str>,
        /// Where.
        vhost: Arc<str>,
    },
    /// The destination of the binding is not there.
    #[error("no queue '{name}' in vhost '{vhost}'")]
    NoQueue {
        /// Which.
        name: Arc<str>,
        /// Where.
        vhost: Arc<str>,
    },
    /// A topic with a partition that is no durable stream of its vhost, that belongs to another topic, or with none.
    #[error("partition {number} of topic '{name}' is no stream of its own")]
    NoPartition {
        /// The topic.
        name: Arc<str>,
        /// The partition's number.
        number: usize,
    },
    /// A version of a schema that is not there.
    #[error("no schema with id {0}")]
    NoSchema(SchemaId),
    /// The name belongs to another id, or the id to another name, type or durability.
    #[error("{kind} '{name}' conflicts with an existing one")]
    Conflict {
        /// Of what.
        kind: &'static str,
        /// Which.
        name: Arc<str>,
    },
    /// A permission, topic permission or policy with a pattern that cannot be used.
    #[error(transparent)]
    Pattern(#[from] anymq_auth::PatternError),
    /// An access rule that cannot be used.
    #[error(transparent)]
    Acl(#[from] AclFault),
    /// A vhost would have more than [`crate::ACLS_MAX`].
    #[error("more than {} access rules in a vhost", crate::ACLS_MAX)]
    TooManyAcls,
    /// There would be more than [`crate::QUOTAS_MAX`].
    #[error("more than {} quotas", crate::QUOTAS_MAX)]
    TooManyQuotas,
    /// A policy whose definition is not valid.
    #[error(transparent)]
    Policy(#[from] crate::policy::PolicyError),
}
