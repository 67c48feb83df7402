//! Access rules of a session's vhost.

use std::sync::Arc;

use anymq_auth::acl::{Acl, AclFilter, AclSet, Operation, ResourceKind};
use anymq_catalog::Change;
use anymq_types::{ConnectionId, VhostId};

use super::Core;
use super::fx::Fx;
use crate::error::{Error, Result};

/// Most rules that one request may take away, those counted again that several filters name.
const TAKEN_MAX: usize = 100_000;

impl Core {
    pub(crate) fn acls(&self, session: ConnectionId) -> Result<Arc<AclSet>> {
        self.must_cluster(session, Operation::Describe)?;
        Ok(self.catalog.acls(self.vhost_for(session)?))
    }

    pub(crate) fn add_acls(&mut self, fx: &mut Fx<'_>, session: ConnectionId, acls: Vec<Acl>) -> Result<()> {
        self.must_cluster(session, Operation::Alter)?;
        let vhost = self.vhost_for(session)?;
        if acls.is_empty() { Ok(()) } else { self.change(fx, Change::AclsPut { vhost, acls }) }
    }

    /// What each filter took away.
    pub(crate) fn delete_acls(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        filters: &[Option<AclFilter>],
    ) -> Result<Vec<Vec<Acl>>> {
        self.must_cluster(session, Operation::Alter)?;
        let vhost = self.vhost_for(session)?;
        let all = self.catalog.acls(vhost);
        let taken = |filter: &Option<AclFilter>| -> Vec<Acl> {
            let Some(filter) = filter else { return Vec::new() };
            all.iter().filter(|acl| filter.takes(acl)).cloned().collect()
        };
        let mut found = 0;
        let mut count = |filter: &Option<AclFilter>| {
            let acls = taken(filter);
            found += acls.len();
            if found > TAKEN_MAX {
                return Err(Error::invalid(format!("the filters name more than {TAKEN_MAX} rules")));
            }
            Ok(acls)
        };
        let taken: Vec<Vec<Acl>> = filters.iter().map(&mut count).collect::<Result<_>>()?;
        let mut acls: Vec<Acl> = taken.iter().flatten().cloned().collect();
        acls.sort_unstable();
        acls.dedup();
        if !acls.is_empty() {
            self.change(fx, Change::AclsDelete { vhost, acls })?;
        }
        Ok(taken)
    }

    /// Whether a session may be given the id of an idempotent producer.
    pub(crate) fn may_produce(&self, session: ConnectionId) -> bool {
        self.must_cluster(session, Operation::IdempotentWrite).is_ok()
            || self
                .sessions
                .get(&session)
                .is_some_and(|s| s.access.may_any(self.now, ResourceKind::Topic, Operation::Write))
    }

    fn vhost_for(&self, session: ConnectionId) -> Result<VhostId> {
        let state = self.sessions.get(&session);
        state.map(|s| s.vhost).ok_or_else(|| Error::unavailable("the connection is closing"))
    }
}
