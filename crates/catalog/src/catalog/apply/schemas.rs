//! Changes of schemas and subjects.

use std::sync::Arc;

use anymq_types::{SchemaId, VhostId};

use super::Applied;
use crate::catalog::Catalog;
use crate::change::ChangeError;
use crate::model::{Schema, SchemaVersion, SubjectSettings};
use crate::schemas::Schemas;

impl Catalog {
    pub(super) fn schema_put(&mut self, schema: Schema) -> Result<Applied, ChangeError> {
        let next = SchemaId(schema.id.0.saturating_add(1));
        let changed = self.schemas_of(schema.vhost)?.put_schema(schema);
        self.next.schema = self.next.schema.max(next);
        Ok(Applied::changed(changed))
    }

    pub(super) fn schema_version_put(&mut self, version: SchemaVersion) -> Result<Applied, ChangeError> {
        let schemas = self.schemas_of(version.vhost)?;
        if schemas.schema(version.schema).is_none() {
            return Err(ChangeError::NoSchema(version.schema));
        }
        Ok(Applied::changed(schemas.put_version(version)))
    }

    pub(super) fn schema_version_delete(&mut self, vhost: VhostId, subject: &str, version: u32) -> Applied {
        let changed = self.schemas_of(vhost).is_ok_and(|schemas| schemas.delete_version(subject, version));
        Applied::changed(changed)
    }

    pub(super) fn subject_settings_put(&mut self, settings: SubjectSettings) -> Result<Applied, ChangeError> {
        let schemas = self.schemas_of(settings.vhost)?;
        Ok(Applied::changed(schemas.put_settings(settings)))
    }

    pub(super) fn subject_settings_delete(&mut self, vhost: VhostId, subject: &Arc<str>) -> Applied {
        let changed = self.schemas_of(vhost).is_ok_and(|schemas| schemas.delete_settings(subject));
        Applied::changed(changed)
    }

    fn schemas_of(&mut self, vhost: VhostId) -> Result<&mut Schemas, ChangeError> {
        let entry = self.vhosts.get_mut(&vhost).ok_or(ChangeError::NoVhost(vhost))?;
        Ok(&mut entry.schemas)
    }
}
