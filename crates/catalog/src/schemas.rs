//! The schemas of one vhost: what is registered under which subject.
//!
//! A schema is kept once, however many versions are it, and goes with the last of them; its id is never given again. What a schema
//! says is nobody's business here: the registry parses and compares them. Bounds are in [`Limits`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_types::{SchemaId, VhostId};

use crate::change::Change;
use crate::model::{Schema, SchemaKind, SchemaReference, SchemaVersion, SubjectSettings};

/// How much a vhost may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Schemas.
    pub schemas: usize,
    /// Subjects.
    pub subjects: usize,
    /// Versions of one subject, deleted softly or not.
    pub versions: usize,
    /// Bytes of all schemas' texts.
    pub bytes: usize,
}

/// What is not registered, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// There is no room.
    #[error("the registry is full: {what} would be more than {max}")]
    Full {
        /// Of what.
        what: &'static str,
        /// Most of them.
        max: usize,
    },
    /// The id asked for is another schema's.
    #[error("schema {0} is another schema")]
    IdTaken(SchemaId),
    /// The version asked for is another schema.
    #[error("version {0} of the subject is another schema")]
    VersionTaken(u32),
    /// All ids are used up.
    #[error("no schema id is left")]
    NoId,
}

/// A schema to register under a subject.
#[derive(Clone, Debug)]
pub struct Register<'a> {
    /// Where.
    pub vhost: VhostId,
    /// Under which subject.
    pub subject: &'a str,
    /// Its language.
    pub kind: SchemaKind,
    /// Its text, as it is to be kept.
    pub text: &'a str,
    /// What it names of others.
    pub references: &'a [SchemaReference],
    /// The id it must have.
    pub id: Option<SchemaId>,
    /// The version it must be.
    pub version: Option<u32>,
}

/// What registering comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// The schema's id.
    pub id: SchemaId,
    /// Its version in the subject.
    pub version: u32,
    /// To be made; none if it was registered before.
    pub changes: Vec<Change>,
}

/// Largest id: clients hold it in 32 bits with a sign.
const ID_MAX: u32 = i32::MAX as u32;

type Identity = (SchemaKind, Arc<str>, Vec<SchemaReference>);

/// The schemas of one vhost.
#[derive(Debug, Default)]
pub struct Schemas {
    by_id: BTreeMap<SchemaId, Arc<Schema>>,
    ids: BTreeMap<Identity, SchemaId>,
    subjects: BTreeMap<Arc<str>, BTreeMap<u32, SchemaVersion>>,
    /// The versions that are a schema.
    uses: BTreeMap<SchemaId, BTreeSet<(Arc<str>, u32)>>,
    settings: BTreeMap<Arc<str>, SubjectSettings>,
    bytes: usize,
}

/// Questions.
impl Schemas {
    /// The schema of that id.
    pub fn schema(&self, id: SchemaId) -> Option<&Arc<Schema>> {
        self.by_id.get(&id)
    }

    /// The id of the schema with this text, if there is one.
    pub fn find(&self, kind: SchemaKind, text: &str, references: &[SchemaReference]) -> Option<SchemaId> {
        self.ids.get(&(kind, text.into(), references.to_vec())).copied()
    }

    /// The subjects' names, in order, those with only deleted versions too.
    pub fn subjects(&self) -> impl Iterator<Item = &Arc<str>> {
        self.subjects.keys()
    }

    /// The versions of a subject in order, deleted ones too.
    pub fn versions(&self, subject: &str) -> impl DoubleEndedIterator<Item = &SchemaVersion> {
        self.subjects.get(subject).into_iter().flat_map(|versions| versions.values())
    }

    /// A version of a subject.
    pub fn version(&self, subject: &str, version: u32) -> Option<&SchemaVersion> {
        self.subjects.get(subject)?.get(&version)
    }

    /// The subjects and versions that are a schema, in order, deleted ones too.
    pub fn uses(&self, id: SchemaId) -> impl Iterator<Item = &SchemaVersion> {
        let uses = self.uses.get(&id).into_iter().flatten();
        uses.filter_map(|(subject, version)| self.version(subject, *version))
    }

    /// The ids of schemas that name a version of a subject, in order.
    pub fn referenced_by<'a>(
        &'a self,
        subject: &'a str,
        version: u32,
    ) -> impl Iterator<Item = SchemaId> + 'a {
        let names = move |r: &SchemaReference| &*r.subject == subject && r.version == version;
        self.by_id.values().filter(move |s| s.references.iter().any(names)).map(|s| s.id)
    }

    /// What was set for a subject (empty: for all that set nothing).
    pub fn settings(&self, subject: &str) -> Option<&SubjectSettings> {
        self.settings.get(subject)
    }

    /// How many subjects have settings.
    pub fn settings_count(&self) -> usize {
        self.settings.len()
    }

    /// How many schemas there are, and the bytes of their texts.
    pub fn size(&self) -> (usize, usize) {
        (self.by_id.len(), self.bytes)
    }
}

/// Registering.
impl Schemas {
    /// What registering a schema comes to. `next` is the lowest id that was never given.
    ///
    /// # Errors
    /// There is no room, or the id or version asked for is another schema's.
    pub fn register(
        &self,
        next: SchemaId,
        limits: Limits,
        r: &Register<'_>,
    ) -> Result<Registered, RegisterError> {
        let found = self.find(r.kind, r.text, r.references);
        if let Some(id) = found.filter(|&id| r.id.is_none_or(|asked| asked == id)) {
            let same = |v: &&SchemaVersion| v.schema == id && r.version.is_none_or(|n| n == v.version);
            if let Some(v) = self.versions(r.subject).rev().filter(|v| !v.deleted).find(same) {
                return Ok(Registered { id, version: v.version, changes: Vec::new() });
            }
        }
        let id = match (found, r.id) {
            (Some(id), None) => id,
            (Some(id), Some(asked)) if id == asked => id,
            (Some(_), Some(asked)) => return Err(RegisterError::IdTaken(asked)),
            (None, Some(asked)) if self.by_id.contains_key(&asked) => {
                return Err(RegisterError::IdTaken(asked));
            }
            (None, Some(asked)) => asked,
            (None, None) => next,
        };
        if id.0 == 0 || id.0 > ID_MAX {
            return Err(RegisterError::NoId);
        }
        let last = self.versions(r.subject).next_back().map_or(0, |v| v.version);
        let version = match r.version {
            Some(asked) if self.version(r.subject, asked).is_some_and(|v| v.schema != id) => {
                return Err(RegisterError::VersionTaken(asked));
            }
            Some(asked) => asked,
            None => last + 1,
        };
        self.check_room(limits, r, found.is_none())?;
        let mut changes = Vec::new();
        if found.is_none() {
            changes.push(Change::SchemaPut(Schema {
                vhost: r.vhost,
                id,
                kind: r.kind,
                text: r.text.into(),
                references: r.references.to_vec(),
            }));
        }
        let subject = r.subject.into();
        let put = SchemaVersion { vhost: r.vhost, subject, version, schema: id, deleted: false };
        changes.push(Change::SchemaVersionPut(put));
        Ok(Registered { id, version, changes })
    }

    fn check_room(&self, limits: Limits, r: &Register<'_>, is_new: bool) -> Result<(), RegisterError> {
        let versions = self.subjects.get(r.subject);
        for (is_more, what, held, more, max) in [
            (is_new, "schemas", self.by_id.len(), 1, limits.schemas),
            (is_new, "bytes of schemas", self.bytes, r.text.len(), limits.bytes),
            (versions.is_none(), "subjects", self.subjects.len(), 1, limits.subjects),
            (true, "versions of a subject", versions.map_or(0, BTreeMap::len), 1, limits.versions),
        ] {
            if is_more && held.saturating_add(more) > max {
                return Err(RegisterError::Full { what, max });
            }
        }
        Ok(())
    }
}

/// Changes: deterministic, and done twice like once.
impl Schemas {
    pub(crate) fn put_schema(&mut self, schema: Schema) -> bool {
        if self.by_id.contains_key(&schema.id) {
            return false;
        }
        self.bytes += schema.text.len();
        self.ids.insert(identity(&schema), schema.id);
        self.by_id.insert(schema.id, Arc::new(schema));
        true
    }

    pub(crate) fn put_version(&mut self, put: SchemaVersion) -> bool {
        let versions = self.subjects.entry(put.subject.clone()).or_default();
        let old = versions.insert(put.version, put.clone());
        if old.as_ref() == Some(&put) {
            return false;
        }
        self.uses.entry(put.schema).or_default().insert((put.subject.clone(), put.version));
        if let Some(old) = old.filter(|old| old.schema != put.schema) {
            self.release(old.schema, &old.subject, old.version);
        }
        true
    }

    pub(crate) fn delete_version(&mut self, subject: &str, version: u32) -> bool {
        let Some(versions) = self.subjects.get_mut(subject) else { return false };
        let Some(old) = versions.remove(&version) else { return false };
        if versions.is_empty() {
            self.subjects.remove(subject);
        }
        self.release(old.schema, &old.subject, version);
        true
    }

    /// A version is not this schema any more; the schema goes with the last.
    fn release(&mut self, id: SchemaId, subject: &Arc<str>, version: u32) {
        let Some(uses) = self.uses.get_mut(&id) else { return };
        uses.remove(&(subject.clone(), version));
        if !uses.is_empty() {
            return;
        }
        self.uses.remove(&id);
        if let Some(schema) = self.by_id.remove(&id) {
            self.bytes -= schema.text.len();
            self.ids.remove(&identity(&schema));
        }
    }

    pub(crate) fn put_settings(&mut self, settings: SubjectSettings) -> bool {
        let old = self.settings.insert(settings.subject.clone(), settings.clone());
        old.as_ref() != Some(&settings)
    }

    pub(crate) fn delete_settings(&mut self, subject: &str) -> bool {
        self.settings.remove(subject).is_some()
    }

    /// Changes that rebuild it, always in the same order for the same state.
    pub(crate) fn snapshot(&self) -> impl Iterator<Item = Change> + '_ {
        let schemas = self.by_id.values().map(|s| Change::SchemaPut((**s).clone()));
        let versions = self.subjects.values().flat_map(|v| v.values()).cloned().map(Change::SchemaVersionPut);
        let settings = self.settings.values().cloned().map(Change::SubjectSettingsPut);
        schemas.chain(versions).chain(settings)
    }
}

fn identity(schema: &Schema) -> Identity {
    (schema.kind, schema.text.clone(), schema.references.clone())
}

#[cfg(test)]
mod tests;
