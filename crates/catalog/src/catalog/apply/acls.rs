//! Changes of access rules.

use std::sync::Arc;

use anymq_auth::acl::Acl;
use anymq_types::VhostId;

use super::Applied;
use crate::catalog::{ACLS_MAX, Catalog};
use crate::change::{Change, ChangeError};

impl Catalog {
    pub(super) fn acls_put(&mut self, vhost: VhostId, acls: Vec<Acl>) -> Result<Applied, ChangeError> {
        let entry = self.vhosts.get_mut(&vhost).ok_or(ChangeError::NoVhost(vhost))?;
        acls.iter().try_for_each(Acl::check)?;
        let mut set = (*entry.acls).clone();
        let mut changed = false;
        for acl in acls {
            changed |= set.insert(acl);
        }
        if set.len() > ACLS_MAX {
            return Err(ChangeError::TooManyAcls);
        }
        if changed {
            entry.acls = Arc::new(set);
        }
        Ok(Applied::changed(changed))
    }

    pub(super) fn acls_delete(&mut self, vhost: VhostId, acls: &[Acl]) -> Applied {
        let Some(entry) = self.vhosts.get_mut(&vhost) else { return Applied::default() };
        let mut set = (*entry.acls).clone();
        let mut changed = false;
        for acl in acls {
            changed |= set.remove(acl);
        }
        if changed {
            entry.acls = Arc::new(set);
        }
        Applied::changed(changed)
    }

    /// Takes away the rules that name a user, in every vhost.
    pub(super) fn acls_of_user_delete(&mut self, user: &str) -> Vec<Change> {
        let own = |acl: &&Acl| acl.principal.strip_prefix("User:") == Some(user);
        let of = |(&vhost, entry): (&VhostId, &crate::catalog::VhostEntry)| {
            let acls: Vec<Acl> = entry.acls.iter().filter(own).cloned().collect();
            (!acls.is_empty()).then_some((vhost, acls))
        };
        let found: Vec<(VhostId, Vec<Acl>)> = self.vhosts.iter().filter_map(of).collect();
        let mut gone = Vec::new();
        for (vhost, acls) in found {
            self.acls_delete(vhost, &acls);
            gone.push(Change::AclsDelete { vhost, acls });
        }
        gone
    }
}
