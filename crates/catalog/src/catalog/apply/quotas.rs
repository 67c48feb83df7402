//! Quotas of clients.

use std::sync::Arc;

use super::{Applied, Catalog};
use crate::change::ChangeError;
use crate::model::{QuotaEntity, QuotaLimits, Quotas};

/// Most entities that have quotas.
pub const QUOTAS_MAX: usize = 10_000;

impl Catalog {
    /// The quotas of clients.
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
    }

    pub(super) fn quota_put(
        &mut self,
        entity: QuotaEntity,
        limits: QuotaLimits,
    ) -> Result<Applied, ChangeError> {
        let is_new = self.quotas.get(&entity).is_none() && !limits.is_empty();
        if is_new && self.quotas.len() >= QUOTAS_MAX {
            return Err(ChangeError::TooManyQuotas);
        }
        Ok(Applied::changed(Arc::make_mut(&mut self.quotas).put(entity, limits)))
    }
}
