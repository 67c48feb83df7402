//! Subjects, their versions, and schemas by their ids.

use std::sync::Arc;

use anymq_auth::Action;
use anymq_catalog::{Change, Schema, SchemaVersion, Schemas, SubjectMode};
use anymq_types::{SchemaId, VhostId};

use crate::errors::{Refusal, Result};
use crate::language::Parsed;
use crate::registry::{Registry, Which, check_subject, schema_of};
use crate::wire::{Asked, SchemaAnswer, SubjectVersion, VersionAnswer};

/// Most entries of one answer, where more can be asked for.
const LISTED_MAX: usize = 10_000;
/// Most schemas in full in one answer.
const SCHEMAS_LISTED_MAX: usize = 1_000;

impl Asked {
    fn takes(&self, version: &SchemaVersion) -> bool {
        if self.deleted_only.0 { version.deleted } else { self.deleted.0 || !version.deleted }
    }

    fn page<T>(&self, items: impl Iterator<Item = T>, max: usize) -> Vec<T> {
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(max);
        items.skip(self.offset.unwrap_or(0)).take(limit.min(max)).collect()
    }
}

/// Lists.
impl Registry {
    /// The subjects that the caller may read.
    pub(crate) fn subjects(&self, asked: &Asked) -> Result<Vec<Arc<str>>> {
        let prefix = asked.subject_prefix.as_deref().unwrap_or_default();
        // Confluent's way to say: in every context.
        let prefix = prefix.strip_prefix(":*:").unwrap_or(prefix);
        let found = self.read(|schemas| {
            let named = schemas.subjects().filter(|name| name.starts_with(prefix));
            named.filter(|name| schemas.versions(name).any(|v| asked.takes(v))).cloned().collect::<Vec<_>>()
        })?;
        let may = self.may(Action::Read, found.iter().map(|name| &**name))?;
        let readable = found.into_iter().zip(may).filter(|(_, may)| *may).map(|(name, _)| name);
        Ok(asked.page(readable, LISTED_MAX))
    }

    /// Schemas of the subjects that the caller may read.
    pub(crate) fn schemas(&self, asked: &Asked) -> Result<Vec<VersionAnswer>> {
        let every = Asked { offset: None, limit: None, ..asked.clone() };
        let subjects = self.subjects(&every)?;
        self.read(|schemas| {
            let all = subjects.iter().flat_map(|subject| {
                let mut versions: Vec<_> = schemas.versions(subject).filter(|v| asked.takes(v)).collect();
                if asked.latest_only.0 {
                    versions.drain(..versions.len().saturating_sub(1));
                }
                versions
            });
            let all = all.filter_map(|v| Some(VersionAnswer::of(v, schemas.schema(v.schema)?)));
            asked.page(all, SCHEMAS_LISTED_MAX)
        })
    }

    /// The numbers of a subject's versions.
    pub(crate) fn versions(&self, subject: &str, asked: &Asked) -> Result<Vec<u32>> {
        check_subject(subject)?;
        self.check(Action::Read, subject)?;
        let found: Vec<u32> = self.read(|schemas| {
            schemas.versions(subject).filter(|v| asked.takes(v)).map(|v| v.version).collect()
        })?;
        if found.is_empty() {
            return Err(Refusal::no_subject(subject));
        }
        Ok(asked.page(found.into_iter(), LISTED_MAX))
    }

    /// One version in full.
    pub(crate) fn version(&self, subject: &str, which: Which, asked: &Asked) -> Result<VersionAnswer> {
        check_subject(subject)?;
        self.check(Action::Read, subject)?;
        let (version, schema) = self.read(|schemas| {
            let version = which.find(schemas, subject, asked.deleted.0)?;
            schema_of(schemas, version.schema).map(|schema| (version, schema))
        })??;
        let mut answer = VersionAnswer::of(&version, &schema);
        answer.schema = self.formatted(&schema, asked)?;
        Ok(answer)
    }

    /// The ids of the schemas that name a version.
    pub(crate) fn referenced_by(&self, subject: &str, which: Which) -> Result<Vec<u32>> {
        check_subject(subject)?;
        self.check(Action::Read, subject)?;
        self.read(|schemas| {
            let version = which.find(schemas, subject, true)?.version;
            Ok(schemas.referenced_by(subject, version).map(|id| id.0).collect())
        })?
    }
}

/// By id.
impl Registry {
    /// The schema of that id, if the caller may read a subject of which it is a version.
    pub(crate) fn schema(&self, id: u32, asked: &Asked) -> Result<SchemaAnswer> {
        let (schema, _) = self.by_id(id)?;
        self.formatted(&schema, asked)
    }

    fn by_id(&self, id: u32) -> Result<(Arc<Schema>, Vec<SchemaVersion>)> {
        let (schema, uses) = self
            .read(|schemas| {
                let id = SchemaId(id);
                let uses: Vec<_> = schemas.uses(id).cloned().collect();
                schemas.schema(id).map(|schema| (schema.clone(), uses))
            })?
            .ok_or_else(|| Refusal::no_schema_id(id))?;
        let may = self.may(Action::Read, uses.iter().map(|v| &*v.subject))?;
        let uses: Vec<_> = uses.into_iter().zip(may).filter(|(_, may)| *may).map(|(v, _)| v).collect();
        // In the same words as if there were none: ids are easily guessed.
        if uses.is_empty() { Err(Refusal::no_schema_id(id)) } else { Ok((schema, uses)) }
    }

    /// Where it is registered.
    pub(crate) fn uses(&self, id: u32, asked: &Asked) -> Result<Vec<SubjectVersion>> {
        let (_, uses) = self.by_id(id)?;
        let uses = uses.into_iter().filter(|v| asked.takes(v));
        let uses = uses.filter(|v| asked.subject.as_deref().is_none_or(|subject| *v.subject == *subject));
        Ok(asked.page(uses.map(|v| SubjectVersion { subject: v.subject, version: v.version }), LISTED_MAX))
    }

    /// A schema in the form that is asked for.
    fn formatted(&self, schema: &Schema, asked: &Asked) -> Result<SchemaAnswer> {
        let mut answer = SchemaAnswer::of(schema);
        match asked.format.as_deref() {
            None | Some("" | "default") => {}
            Some("serialized") => {
                let compiled = self.shelf.get(&self.broker, schema.vhost, schema.id);
                match compiled.as_ref().map(|compiled| &compiled.parsed) {
                    Some(Ok(Parsed::Protobuf(proto))) => answer.schema = proto.serialized().into(),
                    Some(Err(why)) => return Err(Refusal::invalid_schema(why)),
                    // Of other languages nothing is serialized.
                    _ => {}
                }
            }
            Some(other) => return Err(Refusal::not_done(&format!("format '{other}'"))),
        }
        Ok(answer)
    }
}

/// Deleting.
impl Registry {
    /// Deletes a subject softly, or for good what is deleted softly; the numbers of the versions.
    pub(crate) fn delete_subject(&self, subject: &str, permanent: bool) -> Result<Vec<u32>> {
        check_subject(subject)?;
        self.check(Action::Configure, subject)?;
        self.alter(Action::Configure, subject, |catalog, vhost| {
            let Some(schemas) = catalog.schemas(vhost) else { return Err(Refusal::no_subject(subject)) };
            self.check_mode(schemas, subject)?;
            let versions: Vec<&SchemaVersion> = schemas.versions(subject).collect();
            let alive = versions.iter().filter(|v| !v.deleted).count();
            match (versions.is_empty(), permanent) {
                (true, _) => return Err(Refusal::no_subject(subject)),
                (false, true) if alive > 0 => return Err(Refusal::subject_not_deleted(subject)),
                (false, false) if alive == 0 => return Err(Refusal::subject_deleted(subject)),
                _ => {}
            }
            let mut changes = Vec::new();
            let mut numbers = Vec::new();
            for version in versions.iter().filter(|v| v.deleted == permanent) {
                check_unreferenced(schemas, version)?;
                numbers.push(version.version);
                changes.push(deletion(vhost, version, permanent));
            }
            if schemas.settings(subject).is_some() {
                changes.push(Change::SubjectSettingsDelete { vhost, subject: subject.into() });
            }
            Ok((numbers, changes))
        })
    }

    /// Deletes a version softly, or for good if it is deleted softly; its number.
    pub(crate) fn delete_version(&self, subject: &str, which: Which, permanent: bool) -> Result<u32> {
        check_subject(subject)?;
        self.check(Action::Configure, subject)?;
        self.alter(Action::Configure, subject, |catalog, vhost| {
            let Some(schemas) = catalog.schemas(vhost) else { return Err(Refusal::no_subject(subject)) };
            self.check_mode(schemas, subject)?;
            // The latest is one that is not deleted; another number may be of one that is.
            let version = match which {
                Which::Latest => which.find(schemas, subject, permanent)?,
                Which::Number(number) => {
                    if schemas.versions(subject).next().is_none() {
                        return Err(Refusal::no_subject(subject));
                    }
                    let found = schemas.version(subject, number).cloned();
                    found.ok_or_else(|| Refusal::no_version(number))?
                }
            };
            match (version.deleted, permanent) {
                (true, false) => return Err(Refusal::version_deleted(subject, version.version)),
                (false, true) => return Err(Refusal::version_not_deleted(subject, version.version)),
                _ => {}
            }
            check_unreferenced(schemas, &version)?;
            Ok((version.version, vec![deletion(vhost, &version, permanent)]))
        })
    }

    fn check_mode(&self, schemas: &Schemas, subject: &str) -> Result<()> {
        match self.in_force(schemas, subject).mode {
            SubjectMode::ReadWrite | SubjectMode::Import => Ok(()),
            SubjectMode::ReadOnly | SubjectMode::ReadOnlyOverride => {
                Err(Refusal::not_permitted(format!("Subject {subject} is in read-only mode")))
            }
        }
    }
}

fn deletion(vhost: VhostId, version: &SchemaVersion, permanent: bool) -> Change {
    if permanent {
        let SchemaVersion { subject, version, .. } = version.clone();
        Change::SchemaVersionDelete { vhost, subject, version }
    } else {
        Change::SchemaVersionPut(SchemaVersion { deleted: true, ..version.clone() })
    }
}

fn check_unreferenced(schemas: &Schemas, version: &SchemaVersion) -> Result<()> {
    match schemas.referenced_by(&version.subject, version.version).next() {
        Some(_) => Err(Refusal::referenced(&version.subject, version.version)),
        None => Ok(()),
    }
}
