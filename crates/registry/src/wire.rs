//! Requests and answers as JSON.

use std::sync::Arc;

use anymq_catalog::{Schema, SchemaKind, SchemaReference, SchemaVersion};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A schema to register, look up or compare.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SchemaBody {
    pub(crate) schema: Option<String>,
    pub(crate) schema_type: Option<String>,
    #[serde(default)]
    pub(crate) references: Option<Vec<SchemaReference>>,
    pub(crate) id: Option<i64>,
    pub(crate) version: Option<i64>,
    // Of data contracts, which are refused.
    pub(crate) metadata: Option<Value>,
    pub(crate) rule_set: Option<Value>,
    pub(crate) schema_tags_to_add: Option<Value>,
    pub(crate) schema_tags_to_remove: Option<Value>,
}

/// A level to set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LevelBody {
    pub(crate) compatibility: Option<String>,
    pub(crate) normalize: Option<bool>,
    // Of Confluent's, not done here.
    pub(crate) alias: Option<Value>,
    pub(crate) compatibility_group: Option<Value>,
    pub(crate) validate_fields: Option<Value>,
    pub(crate) default_metadata: Option<Value>,
    pub(crate) override_metadata: Option<Value>,
    pub(crate) default_rule_set: Option<Value>,
    pub(crate) override_rule_set: Option<Value>,
}

/// A mode to set.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ModeBody {
    pub(crate) mode: String,
}

/// What may stand behind the question mark, of every path.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Asked {
    pub(crate) deleted: Flag,
    pub(crate) deleted_only: Flag,
    pub(crate) permanent: Flag,
    pub(crate) normalize: Flag,
    pub(crate) default_to_global: Flag,
    pub(crate) verbose: Flag,
    pub(crate) force: Flag,
    pub(crate) latest_only: Flag,
    pub(crate) subject_prefix: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) offset: Option<usize>,
    pub(crate) limit: Option<i64>,
}

/// True only if it says so, in whatever letters: as Java reads it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Flag(text.eq_ignore_ascii_case("true")))
    }
}

/// A version of a subject, in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionAnswer {
    pub(crate) subject: Arc<str>,
    pub(crate) version: u32,
    pub(crate) id: u32,
    #[serde(flatten)]
    pub(crate) schema: SchemaAnswer,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) deleted: bool,
}

/// A schema. Its language is told unless it is Avro.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SchemaAnswer {
    #[serde(skip_serializing_if = "is_avro")]
    pub(crate) schema_type: SchemaKind,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<SchemaReference>,
    pub(crate) schema: Arc<str>,
}

fn is_avro(kind: &SchemaKind) -> bool {
    *kind == SchemaKind::Avro
}

impl SchemaAnswer {
    pub(crate) fn of(schema: &Schema) -> SchemaAnswer {
        SchemaAnswer {
            schema_type: schema.kind,
            references: schema.references.clone(),
            schema: schema.text.clone(),
        }
    }
}

impl VersionAnswer {
    pub(crate) fn of(version: &SchemaVersion, schema: &Schema) -> VersionAnswer {
        VersionAnswer {
            subject: version.subject.clone(),
            version: version.version,
            id: version.schema.0,
            schema: SchemaAnswer::of(schema),
            deleted: version.deleted,
        }
    }
}

/// Where a schema is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SubjectVersion {
    pub(crate) subject: Arc<str>,
    pub(crate) version: u32,
}

/// Whether a schema would fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) is_compatible: bool,
    /// Why not, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<Vec<String>>,
}
