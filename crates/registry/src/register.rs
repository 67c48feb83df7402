//! Registering schemas, looking them up, and comparing them.

use anymq_auth::Action;
use anymq_catalog::schemas::Register;
use anymq_catalog::{Compatibility, SchemaVersion, Schemas, SubjectMode};
use anymq_types::SchemaId;

use crate::errors::{Refusal, Result};
use crate::language::{Difference, Parsed};
use crate::registry::{Asked, LIMITS, Registry, Which, check_subject, schema_of};
use crate::settings::InForce;
use crate::wire::{SchemaBody, Verdict, VersionAnswer};

/// How often registering begins again because somebody else changed the subject meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// What a new version was compared with.
#[derive(Debug, PartialEq)]
struct Compared {
    in_force: InForce,
    versions: Vec<SchemaVersion>,
}

/// What registering says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) id: u32,
    pub(crate) version: u32,
}

impl Registry {
    /// Registers a schema under a subject; its id.
    pub(crate) fn register(&self, subject: &str, body: SchemaBody, normalize: bool) -> Result<Registered> {
        check_subject(subject)?;
        self.check(Action::Write, subject)?;
        let (id, version) = (of_import(body.id)?.map(SchemaId), of_import(body.version)?);
        let asked = self.asked(body)?;
        for _ in 0..ATTEMPTS_MAX {
            let compared = self.state(subject)?;
            let (parsed, text) = self.parse(&asked, normalize || compared.in_force.normalize)?;
            if let Some(known) = self.known(&compared, &asked, &text, id, version)? {
                return Ok(known);
            }
            let is_import = compared.in_force.mode == SubjectMode::Import;
            match compared.in_force.mode {
                SubjectMode::ReadOnly | SubjectMode::ReadOnlyOverride => {
                    return Err(Refusal::not_permitted(format!("Subject {subject} is in read-only mode")));
                }
                SubjectMode::ReadWrite if id.is_some() => {
                    return Err(Refusal::not_permitted(format!("Subject {subject} is not in import mode")));
                }
                SubjectMode::ReadWrite => self.check_fits(subject, &compared, &parsed)?,
                SubjectMode::Import => {}
            }
            let version = version.filter(|_| is_import);
            if let Some(registered) = self.commit(subject, &asked, &text, &compared, id, version)? {
                return Ok(registered);
            }
        }
        Err(Refusal::store(format!("subject '{subject}' is being changed by too many at once")))
    }

    fn state(&self, subject: &str) -> Result<Compared> {
        self.read(|schemas| Compared {
            in_force: self.in_force(schemas, subject),
            versions: schemas.versions(subject).filter(|v| !v.deleted).cloned().collect(),
        })
    }

    /// The version that the schema is already.
    fn known(
        &self,
        compared: &Compared,
        asked: &Asked,
        text: &str,
        id: Option<SchemaId>,
        version: Option<u32>,
    ) -> Result<Option<Registered>> {
        let found = self.read(|schemas| schemas.find(asked.kind, text, &asked.references))?;
        Ok(found.filter(|found| id.is_none_or(|id| id == *found)).and_then(|id| {
            let same = |v: &&SchemaVersion| v.schema == id && version.is_none_or(|n| n == v.version);
            let version = compared.versions.iter().rev().find(same)?.version;
            Some(Registered { id: id.0, version })
        }))
    }

    /// Registers, if nothing has changed since it was compared.
    fn commit(
        &self,
        subject: &str,
        asked: &Asked,
        text: &str,
        compared: &Compared,
        id: Option<SchemaId>,
        version: Option<u32>,
    ) -> Result<Option<Registered>> {
        self.alter(Action::Write, subject, |catalog, vhost| {
            let Some(schemas) = catalog.schemas(vhost) else { return Ok((None, Vec::new())) };
            let is_same = self.in_force(schemas, subject) == compared.in_force
                && schemas.versions(subject).filter(|v| !v.deleted).eq(&compared.versions)
                && asked
                    .references
                    .iter()
                    .all(|r| schemas.version(&r.subject, r.version).is_some_and(|v| !v.deleted));
            if !is_same {
                return Ok((None, Vec::new()));
            }
            let references = &asked.references[..];
            let register = Register { vhost, subject, kind: asked.kind, text, references, id, version };
            let found = schemas.register(catalog.next_ids().schema, LIMITS, &register)?;
            Ok((Some(Registered { id: found.id.0, version: found.version }), found.changes))
        })
    }

    fn check_fits(&self, subject: &str, compared: &Compared, new: &Parsed) -> Result<()> {
        let level = compared.in_force.level;
        let versions = compared_with(level, &compared.versions);
        let Some((version, differences)) = self.first_misfit(level, versions, new)? else { return Ok(()) };
        let listed: Vec<String> = differences.iter().map(Difference::to_string).collect();
        let old =
            self.read(|schemas| schemas.schema(version.schema).map(|s| s.text.clone()))?.unwrap_or_default();
        Err(Refusal::incompatible(format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}, {{oldSchemaVersion: {}}}, {{oldSchema: '{}'}}, {{compatibility: '{}'}}]",
            listed.join(", "),
            version.version,
            shortened(&old),
            level.as_str(),
        )))
    }

    /// The first of the versions that a new schema does not fit, and why.
    fn first_misfit<'v>(
        &self,
        level: Compatibility,
        versions: impl Iterator<Item = &'v SchemaVersion>,
        new: &Parsed,
    ) -> Result<Option<(&'v SchemaVersion, Vec<Difference>)>> {
        let vhost = self.vhost()?;
        for version in versions {
            // Gone meanwhile: it is found out when the change is made.
            let Some(old) = self.shelf.get(&self.broker, vhost, version.schema) else { continue };
            let mut differences = match &old.parsed {
                Ok(old) => misfits(level, new, old),
                Err(why) => vec![Difference {
                    kind: "OLD_SCHEMA_UNUSABLE",
                    path: "/".into(),
                    text: format!("schema {} cannot be used: {why}", version.schema),
                }],
            };
            if !differences.is_empty() {
                differences.truncate(crate::language::DIFFERENCES_MAX);
                return Ok(Some((version, differences)));
            }
        }
        Ok(None)
    }

    /// Whether a schema would fit a version of a subject, or as many as its level asks for.
    pub(crate) fn would_fit(
        &self,
        subject: &str,
        which: Option<Which>,
        body: SchemaBody,
        normalize: bool,
        verbose: bool,
    ) -> Result<Verdict> {
        check_subject(subject)?;
        self.check(Action::Read, subject)?;
        let asked = self.asked(body)?;
        let mut compared = self.state(subject)?;
        let level = compared.in_force.level;
        match which {
            Some(Which::Number(_)) | None if compared.versions.is_empty() && which.is_some() => {
                return Err(Refusal::no_subject(subject));
            }
            Some(Which::Number(number)) => {
                compared.versions.retain(|v| v.version == number);
                if compared.versions.is_empty() {
                    return Err(Refusal::no_version(number));
                }
            }
            Some(Which::Latest) => {
                let last = compared.versions.len().saturating_sub(1);
                compared.versions.drain(..last);
            }
            None => {}
        }
        let parsed = match self.parse(&asked, normalize || compared.in_force.normalize) {
            Ok((parsed, _)) => parsed,
            Err(refusal) if verbose => {
                return Ok(Verdict { is_compatible: false, messages: Some(vec![refusal.message]) });
            }
            Err(refusal) => return Err(refusal),
        };
        let versions = compared_with(level, &compared.versions);
        let misfit = self.first_misfit(level, versions, &parsed)?;
        let mut messages = Vec::new();
        if let Some((version, differences)) = &misfit {
            messages.extend(differences.iter().map(Difference::to_string));
            messages.push(format!("{{oldSchemaVersion: {}}}", version.version));
            messages.push(format!("{{compatibility: '{}'}}", level.as_str()));
        }
        Ok(Verdict { is_compatible: misfit.is_none(), messages: verbose.then_some(messages) })
    }

    /// Finds a schema under a subject.
    pub(crate) fn look_up(
        &self,
        subject: &str,
        body: SchemaBody,
        normalize: bool,
        deleted: bool,
    ) -> Result<VersionAnswer> {
        check_subject(subject)?;
        self.check(Action::Read, subject)?;
        let asked = self.asked(body)?;
        let exists = |schemas: &Schemas| schemas.versions(subject).any(|v| deleted || !v.deleted);
        if !self.read(exists)? {
            return Err(Refusal::no_subject(subject));
        }
        let in_force = self.read(|schemas| self.in_force(schemas, subject))?;
        let (_, text) = self.parse(&asked, normalize || in_force.normalize)?;
        self.read(|schemas| {
            let id = schemas.find(asked.kind, &text, &asked.references);
            let id = id.ok_or_else(Refusal::no_schema)?;
            let mut versions = schemas.versions(subject).rev().filter(|v| deleted || !v.deleted);
            let version = versions.find(|v| v.schema == id).ok_or_else(Refusal::no_schema)?;
            Ok(VersionAnswer::of(version, &*schema_of(schemas, id)?))
        })?
    }
}

/// An id or version that comes along; −1 and 0 stand for none.
fn of_import(number: Option<i64>) -> Result<Option<u32>> {
    match number {
        None | Some(-1 | 0) => Ok(None),
        Some(number) => match u32::try_from(number) {
            Ok(number) if number <= i32::MAX as u32 => Ok(Some(number)),
            _ => Err(Refusal::not_permitted(format!("{number} is no id or version"))),
        },
    }
}

/// The versions that count at a level, the latest first.
fn compared_with(level: Compatibility, versions: &[SchemaVersion]) -> impl Iterator<Item = &SchemaVersion> {
    let count = match level {
        Compatibility::None => 0,
        level if level.is_transitive() => versions.len(),
        _ => 1,
    };
    versions.iter().rev().take(count)
}

/// Why a new schema does not fit an old one.
fn misfits(level: Compatibility, new: &Parsed, old: &Parsed) -> Vec<Difference> {
    let mut differences = Vec::new();
    if level.is_backward() {
        differences.extend(new.cannot_read(old));
    }
    if level.is_forward() {
        differences.extend(old.cannot_read(new));
    }
    differences
}

/// The beginning of a long text.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 1_000;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
