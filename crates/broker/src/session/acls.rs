//! What a session may do, and the rules of its vhost that say so.

use std::sync::Arc;

use anymq_auth::acl::{Acl, AclFilter, AclSet, CLUSTER, Operation, ResourceKind};

use super::Session;
use crate::api::Done;
use crate::error::Result;

impl Session {
    /// Whether it may do `operation` to a resource. What changes or reads one asks by itself; this is for those who are told of
    /// it in other ways.
    pub fn may(&self, kind: ResourceKind, name: &str, operation: Operation) -> bool {
        self.with(|core, _| core.may(self.id, kind, name, operation)).0
    }

    /// Whether it may do `operation` to the server as a whole.
    pub fn may_cluster(&self, operation: Operation) -> bool {
        self.may(ResourceKind::Cluster, CLUSTER, operation)
    }

    /// Which of these it may do to a resource.
    pub fn allowed<'o>(&self, kind: ResourceKind, name: &str, of: &'o [Operation]) -> Vec<&'o Operation> {
        self.with(|core, _| {
            of.iter().filter(|&&operation| core.may(self.id, kind, name, operation)).collect()
        })
        .0
    }

    /// Whether it may have the id of a producer that is in no transaction.
    pub fn may_produce(&self) -> bool {
        self.with(|core, _| core.may_produce(self.id)).0
    }

    /// The access rules of its vhost.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`].
    pub fn acls(&self) -> Result<Arc<AclSet>> {
        self.with(|core, _| core.acls(self.id)).0
    }

    /// Adds rules; those that are there stay.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`]; [`crate::ErrorKind::Invalid`] if a rule is not valid, or there are too many.
    pub fn add_acls(&self, acls: Vec<Acl>) -> Result<Done<()>> {
        self.durable(|core, fx| core.add_acls(fx, self.id, acls))
    }

    /// Takes rules away; those of each filter, `None` for one that means none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`].
    pub fn delete_acls(&self, filters: &[Option<AclFilter>]) -> Result<Done<Vec<Vec<Acl>>>> {
        self.durable(|core, fx| core.delete_acls(fx, self.id, filters))
    }
}
