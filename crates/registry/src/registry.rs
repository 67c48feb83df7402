//! The registry over the broker: what every operation begins with.

use std::sync::Arc;

use anymq_auth::Action;
use anymq_broker::{Broker, Done, Principal};
use anymq_catalog::schemas::Limits;
use anymq_catalog::{Catalog, Change, Schema, SchemaKind, SchemaReference, SchemaVersion, Schemas};
use anymq_types::{SchemaId, VhostId};

use crate::config::Config;
use crate::errors::{Refusal, Result};
use crate::language::{Parsed, Referenced};
use crate::shelf::{self, REFERENCES_MAX, Shelf};
use crate::wire::SchemaBody;

/// Largest schema.
pub(crate) const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// Longest name of a subject or of a reference, in bytes.
const NAME_BYTES_MAX: usize = 1_024;
/// How much a vhost may hold.
pub(crate) const LIMITS: Limits =
    Limits { schemas: 50_000, subjects: 50_000, versions: 1_000, bytes: 256 << 20 };

/// The registry of one vhost, as one caller sees it.
#[derive(Clone)]
pub(crate) struct Registry {
    pub(crate) broker: Broker,
    pub(crate) config: Arc<Config>,
    pub(crate) shelf: Shelf,
    pub(crate) caller: Principal,
}

/// A schema as it is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: SchemaKind,
    pub(crate) text: String,
    pub(crate) references: Vec<SchemaReference>,
}

impl Registry {
    /// Whether the caller may do it to a subject.
    pub(crate) fn check(&self, action: Action, subject: &str) -> Result<()> {
        match self.may(action, [subject])?[..] {
            [true] => Ok(()),
            _ => Err(Refusal::new(
                403,
                40301,
                format!(
                    "{} access to subject '{subject}' in vhost '{}' refused for user '{}'",
                    action.as_str(),
                    self.config.vhost,
                    self.caller.user
                ),
            )),
        }
    }

    pub(crate) fn may<'a>(
        &self,
        action: Action,
        subjects: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<bool>> {
        Ok(self.broker.may_use_subjects(&self.caller, &self.config.vhost, action, subjects)?)
    }

    /// Reads the catalogue's schemas.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Schemas) -> T) -> Result<T> {
        self.broker
            .catalog(|catalog| {
                let vhost = catalog.vhost(&self.config.vhost)?;
                catalog.schemas(vhost.id).map(read)
            })
            .ok_or_else(|| Refusal::store(format!("there is no vhost {}", self.config.vhost)))
    }

    pub(crate) fn vhost(&self) -> Result<VhostId> {
        let id = self.broker.catalog(|catalog| catalog.vhost(&self.config.vhost).map(|v| v.id));
        id.ok_or_else(|| Refusal::store(format!("there is no vhost {}", self.config.vhost)))
    }

    /// Makes changes and waits until they are on disk.
    pub(crate) fn alter<T>(
        &self,
        action: Action,
        subject: &str,
        alter: impl FnOnce(&Catalog, VhostId) -> Result<(T, Vec<Change>)>,
    ) -> Result<T> {
        let Done { value, commit } =
            self.broker.alter_schemas(&self.caller, &self.config.vhost, action, subject, alter)?;
        self.broker.wait_committed(commit)?;
        Ok(value)
    }

    /// Reads a request's schema.
    pub(crate) fn asked(&self, body: SchemaBody) -> Result<Asked> {
        let contract = [
            (&body.metadata, "metadata"),
            (&body.rule_set, "ruleSet"),
            (&body.schema_tags_to_add, "schemaTagsToAdd"),
            (&body.schema_tags_to_remove, "schemaTagsToRemove"),
        ];
        if let Some((_, what)) =
            contract.iter().find(|(value, _)| value.as_ref().is_some_and(|v| !v.is_null()))
        {
            return Err(Refusal::not_done(what));
        }
        let kind = match body.schema_type.as_deref() {
            None | Some("") => SchemaKind::Avro,
            Some(name) => SchemaKind::named(name)
                .ok_or_else(|| Refusal::invalid_schema(format_args!("Invalid schema type {name}")))?,
        };
        let text = body.schema.filter(|text| !text.trim().is_empty());
        let text = text.ok_or_else(|| Refusal::invalid_schema("Empty schema"))?;
        if text.len() > SCHEMA_BYTES_MAX {
            return Err(Refusal::too_large(text.len(), SCHEMA_BYTES_MAX));
        }
        let references = body.references.unwrap_or_default();
        if references.len() > REFERENCES_MAX {
            return Err(Refusal::invalid_schema(format_args!(
                "it has more than {REFERENCES_MAX} references"
            )));
        }
        if references.iter().any(|r| r.name.len().max(r.subject.len()) > NAME_BYTES_MAX || r.name.is_empty())
        {
            let text =
                format!("a reference's name or subject is empty or has more than {NAME_BYTES_MAX} bytes");
            return Err(Refusal::invalid_schema(text));
        }
        Ok(Asked { kind, text, references })
    }

    /// Compiles a schema that is asked about; its canonical text. Its references must not be deleted.
    pub(crate) fn parse(&self, asked: &Asked, normalize: bool) -> Result<(Parsed, String)> {
        let references: Vec<Referenced> = self
            .read(|schemas| shelf::named(schemas, &asked.references, false))?
            .map_err(|missing| Refusal::invalid_schema(missing.0))?;
        Parsed::parse(asked.kind, &asked.text, &references, normalize).map_err(Refusal::invalid_schema)
    }
}

/// Refuses names that are no subject's: contexts, and those of Confluent's own.
pub(crate) fn check_subject(subject: &str) -> Result<()> {
    let why = if subject.is_empty() {
        "it is empty"
    } else if subject.len() > NAME_BYTES_MAX {
        "it is too long"
    } else if subject.chars().any(char::is_control) {
        "it has control characters"
    } else if subject.starts_with(":.") || subject.starts_with(":*:") {
        "contexts are not supported; a vhost is a registry of its own"
    } else if subject == "__GLOBAL" || subject == "__EMPTY" {
        "it is reserved"
    } else {
        return Ok(());
    };
    Err(Refusal::invalid_subject(subject, why))
}

/// A version in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Latest,
    Number(u32),
}

impl Which {
    pub(crate) fn parse(text: &str) -> Result<Which> {
        match text.parse::<i32>() {
            _ if text == "latest" => Ok(Which::Latest),
            Ok(-1) => Ok(Which::Latest),
            Ok(number) if number > 0 => Ok(Which::Number(number.unsigned_abs())),
            _ => Err(Refusal::invalid_version(text)),
        }
    }

    /// Finds a version; deleted ones only if asked for.
    pub(crate) fn find(self, schemas: &Schemas, subject: &str, deleted: bool) -> Result<SchemaVersion> {
        let mut versions = schemas.versions(subject).filter(|v| deleted || !v.deleted).peekable();
        if versions.peek().is_none() {
            return Err(Refusal::no_subject(subject));
        }
        match self {
            Which::Latest => versions.last().cloned().ok_or_else(|| Refusal::no_subject(subject)),
            Which::Number(number) => {
                versions.find(|v| v.version == number).cloned().ok_or_else(|| Refusal::no_version(number))
            }
        }
    }
}

/// The schema of a version, which is there as long as the version is.
pub(crate) fn schema_of(schemas: &Schemas, id: SchemaId) -> Result<Arc<Schema>> {
    schemas.schema(id).cloned().ok_or_else(|| Refusal::no_schema_id(id.0))
}
