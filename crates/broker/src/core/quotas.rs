//! Quotas of clients: who sets them, and what they come to.

use std::sync::Arc;
use std::sync::atomic::Ordering::Release;

use anymq_auth::acl::Operation;
use anymq_catalog::{Change, QuotaKind, Quotas};
use anymq_types::ConnectionId;

use super::Core;
use super::fx::Fx;
use crate::error::{Error, Result};
use crate::session::QuotaChange;

impl Core {
    pub(crate) fn quotas(&self, session: ConnectionId) -> Result<Arc<Quotas>> {
        self.must_cluster(session, Operation::DescribeConfigs)?;
        Ok(self.catalog.quotas().clone())
    }

    pub(crate) fn alter_quota(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        change: QuotaChange,
    ) -> Result<()> {
        self.must_cluster(session, Operation::AlterConfigs)?;
        let mut limits = self.catalog.quotas().get(&change.entity).cloned().unwrap_or_default();
        for (kind, rate) in change.limits {
            match rate {
                Some(rate) => drop(limits.insert(kind, rate)),
                None => drop(limits.remove(&kind)),
            }
        }
        let put = Change::QuotaPut { entity: change.entity, limits };
        match change.validate_only {
            true => self.catalog.rehearse(&[put]).map_err(|e| Error::invalid(e.to_string())),
            false => self.change(fx, put),
        }
    }

    /// Quotas have changed, or were read from the journal.
    pub(crate) fn quotas_changed(&self) {
        self.has_quotas.store(!self.catalog.quotas().is_empty(), Release);
    }

    /// How long a client is to be silent that asks for `amount` more, in milliseconds.
    pub(crate) fn charge(&mut self, client: (&str, &str), kind: QuotaKind, amount: u64) -> u64 {
        let now = self.now;
        self.throttles.charge(now, self.catalog.quotas(), client, kind, amount)
    }
}
