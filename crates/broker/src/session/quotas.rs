//! Quotas of clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use anymq_catalog::{QUOTA_NAME_BYTES_MAX, QuotaEntity, QuotaKind, Quotas};

use super::Session;
use crate::api::Done;
use crate::error::Result;

/// What is changed of an entity's quota.
#[derive(Clone, Debug)]
pub struct QuotaChange {
    /// Whose.
    pub entity: QuotaEntity,
    /// New rates; `None` takes one away. What is not named stays.
    pub limits: BTreeMap<QuotaKind, Option<u64>>,
    /// Only say what would happen.
    pub validate_only: bool,
}

impl Session {
    /// Every quota there is.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`].
    pub fn quotas(&self) -> Result<Arc<Quotas>> {
        self.with(|core, _| core.quotas(self.id)).0
    }

    /// Changes a quota.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`]; [`crate::ErrorKind::Invalid`] if there are too many.
    pub fn alter_quota(&self, change: QuotaChange) -> Result<Done<()>> {
        self.durable(|core, fx| core.alter_quota(fx, self.id, change))
    }

    /// Time since some fixed moment, to measure with.
    pub fn elapsed(&self) -> Duration {
        self.broker.inner.stopwatch.elapsed()
    }

    /// Whether anybody has a quota.
    pub fn has_quotas(&self) -> bool {
        self.has_quotas.load(Acquire)
    }

    /// What a client has asked for counts for its quota: bytes, nanoseconds, or partitions. How long it is to be silent, in
    /// milliseconds.
    pub fn charge(&self, client_id: &str, kind: QuotaKind, amount: u64) -> u64 {
        if !self.has_quotas() {
            return 0;
        }
        let client_id = &client_id[..client_id.floor_char_boundary(QUOTA_NAME_BYTES_MAX)];
        self.with(|core, _| core.charge((&self.user, client_id), kind, amount)).0
    }

    /// The rate of a quota, if the client has it.
    pub fn quota(&self, client_id: &str, kind: QuotaKind) -> Option<u64> {
        if !self.has_quotas() {
            return None;
        }
        self.with(|core, _| Some(core.catalog.quotas().limit(&self.user, client_id, kind)?.1)).0
    }
}
