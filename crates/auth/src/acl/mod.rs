//! Access rules as Kafka has them: one operation on resources of one kind, allowed or denied to one principal from one host.
//!
//! A rule names its resources by their whole name, by the beginning of it, or as `*`, all of them. What allows to read,
//! write, delete or alter a resource allows to describe it, too; what denies one operation denies that one only. Which rules
//! count beside permissions, and which first, is said where both are asked: `SessionAccess` in the broker.

mod filter;
mod set;

pub use filter::{AclFilter, NameFilter};
pub use set::{AclSet, Masks};

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name that stands for every resource of a kind, and the host that stands for every host.
pub const ANY: &str = "*";
/// The only resource of kind cluster.
pub const CLUSTER: &str = "kafka-cluster";
/// The principal of every user.
pub const EVERY_USER: &str = "User:*";
/// What the principal of a user begins with.
const USER: &str = "User:";

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A topic, or the queue that it is.
    Topic,
    /// A consumer group.
    Group,
    /// The server as a whole.
    Cluster,
    /// A transactional id.
    TransactionalId,
    /// A delegation token; there are none.
    DelegationToken,
    /// A user, for whom tokens could be made.
    User,
}

impl ResourceKind {
    /// All of them.
    pub const ALL: [ResourceKind; 6] = [
        ResourceKind::Topic,
        ResourceKind::Group,
        ResourceKind::Cluster,
        ResourceKind::TransactionalId,
        ResourceKind::DelegationToken,
        ResourceKind::User,
    ];
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are Kafka's")]
pub enum Operation {
    All,
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    ClusterAction,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
    CreateTokens,
    DescribeTokens,
    TwoPhaseCommit,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 14] = [
        Operation::All,
        Operation::Read,
        Operation::Write,
        Operation::Create,
        Operation::Delete,
        Operation::Alter,
        Operation::Describe,
        Operation::ClusterAction,
        Operation::DescribeConfigs,
        Operation::AlterConfigs,
        Operation::IdempotentWrite,
        Operation::CreateTokens,
        Operation::DescribeTokens,
        Operation::TwoPhaseCommit,
    ];

    /// Its bit in a mask.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The operations that a rule allows which names this one.
    fn allows(self) -> u16 {
        match self {
            Operation::All => u16::MAX,
            Operation::Read | Operation::Write | Operation::Delete | Operation::Alter => {
                self.bit() | Operation::Describe.bit()
            }
            Operation::AlterConfigs => self.bit() | Operation::DescribeConfigs.bit(),
            other => other.bit(),
        }
    }

    /// The operations that a rule denies which names this one.
    fn denies(self) -> u16 {
        if self == Operation::All { u16::MAX } else { self.bit() }
    }
}

/// What a right of AMQP's comes to.
impl From<crate::Action> for Operation {
    fn from(action: crate::Action) -> Self {
        match action {
            crate::Action::Configure => Operation::Alter,
            crate::Action::Write => Operation::Write,
            crate::Action::Read => Operation::Read,
        }
    }
}

/// How a rule names its resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamePattern {
    /// By the whole name, or all with `*`.
    Literal,
    /// By the beginning of the name.
    Prefixed,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Acl {
    /// Of which kind its resources are.
    pub kind: ResourceKind,
    /// Their name, or its beginning.
    pub name: Arc<str>,
    /// Which of the two.
    pub pattern: NamePattern,
    /// To whom it applies: `User:name`, or `User:*`; others can be set and apply to nobody.
    pub principal: Arc<str>,
    /// From which address, or `*`.
    pub host: Arc<str>,
    /// What it is about.
    pub operation: Operation,
    /// Whether that is allowed or denied.
    pub allow: bool,
}

/// Longest name of a resource, principal or host, in bytes.
pub const NAME_BYTES_MAX: usize = 1024;

/// Why a rule is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AclFault {
    /// Without a name.
    #[error("Invalid empty resource name")]
    NoName,
    /// Another cluster.
    #[error("The only valid name for the CLUSTER resource is {CLUSTER}")]
    Cluster,
    /// A principal without a type.
    #[error(
        "Could not parse principal from `{0}` (no colon is present separating the principal type from the principal name)"
    )]
    Principal(String),
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("a name of more than {NAME_BYTES_MAX} bytes")]
    TooLong,
}

impl Acl {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), AclFault> {
        if [&self.name, &self.principal, &self.host].iter().any(|name| name.len() > NAME_BYTES_MAX) {
            return Err(AclFault::TooLong);
        }
        if self.kind == ResourceKind::Cluster && &*self.name != CLUSTER {
            return Err(AclFault::Cluster);
        }
        if self.name.is_empty() {
            return Err(AclFault::NoName);
        }
        match self.principal.contains(':') {
            true => Ok(()),
            false => Err(AclFault::Principal(self.principal.to_string())),
        }
    }

    /// Whether it applies to a user from an address.
    fn applies(&self, who: Who<'_>) -> bool {
        let user = self.principal.strip_prefix(USER);
        user.is_some_and(|user| user == ANY || user == who.user) && self.is_from(who.host)
    }

    fn is_from(&self, host: IpAddr) -> bool {
        &*self.host == ANY
            || self.host.parse::<IpAddr>().is_ok_and(|own| own.to_canonical() == host.to_canonical())
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The other end of the socket.
    pub host: IpAddr,
}

#[cfg(test)]
mod tests;
