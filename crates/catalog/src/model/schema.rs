//! Schemas and the subjects that they are versions of.

use std::fmt;
use std::sync::Arc;

use anymq_types::{SchemaId, VhostId};
use serde::{Deserialize, Serialize};

/// The language of a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchemaKind {
    /// Apache Avro.
    #[default]
    Avro,
    /// JSON Schema.
    Json,
    /// Protocol Buffers.
    Protobuf,
}

impl SchemaKind {
    /// Every one, in the order in which they are listed.
    pub const ALL: [SchemaKind; 3] = [SchemaKind::Json, SchemaKind::Protobuf, SchemaKind::Avro];

    /// Its name in the registry's API.
    pub fn as_str(self) -> &'static str {
        match self {
            SchemaKind::Avro => "AVRO",
            SchemaKind::Json => "JSON",
            SchemaKind::Protobuf => "PROTOBUF",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<SchemaKind> {
        SchemaKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a schema names of another: by which name, and where that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SchemaReference {
    /// What the schema's text calls it: a type's full name, a URI, or an import.
    pub name: Arc<str>,
    /// The subject it is a version of.
    pub subject: Arc<str>,
    /// Which.
    pub version: u32,
}

/// A schema's text. Two with the same language, text and references are one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Where.
    pub vhost: VhostId,
    /// Its id, which stands in every message that is written with it.
    pub id: SchemaId,
    /// Its language.
    pub kind: SchemaKind,
    /// As it is kept: see the registry's canonical forms.
    pub text: Arc<str>,
    /// What it names of others, in the order given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<SchemaReference>,
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaVersion {
    /// Where.
    pub vhost: VhostId,
    /// Of which subject.
    pub subject: Arc<str>,
    /// Its number, from 1.
    pub version: u32,
    /// What it is.
    pub schema: SchemaId,
    /// Deleted softly: found only by who asks for deleted ones, and by its id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// What was set for a subject, or for all that set nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectSettings {
    /// Where.
    pub vhost: VhostId,
    /// Which; empty: the vhost's default.
    pub subject: Arc<str>,
    /// How a new version must fit those before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatibility: Option<Compatibility>,
    /// Schemas are brought into their canonical form before they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// What may be done to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SubjectMode>,
}

/// How a new version must fit those before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compatibility {
    /// However it likes.
    None,
    /// It reads what the last one wrote.
    #[default]
    Backward,
    /// It reads what any of them wrote.
    BackwardTransitive,
    /// The last one reads what it writes.
    Forward,
    /// All of them read what it writes.
    ForwardTransitive,
    /// Both, with the last one.
    Full,
    /// Both, with all of them.
    FullTransitive,
}

impl Compatibility {
    /// Every one.
    pub const ALL: [Compatibility; 7] = [
        Compatibility::None,
        Compatibility::Backward,
        Compatibility::BackwardTransitive,
        Compatibility::Forward,
        Compatibility::ForwardTransitive,
        Compatibility::Full,
        Compatibility::FullTransitive,
    ];

    /// Its name in the registry's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Compatibility::None => "NONE",
            Compatibility::Backward => "BACKWARD",
            Compatibility::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Compatibility::Forward => "FORWARD",
            Compatibility::ForwardTransitive => "FORWARD_TRANSITIVE",
            Compatibility::Full => "FULL",
            Compatibility::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// The new one must read what older ones wrote.
    pub fn is_backward(self) -> bool {
        !matches!(self, Compatibility::None | Compatibility::Forward | Compatibility::ForwardTransitive)
    }

    /// Older ones must read what the new one writes.
    pub fn is_forward(self) -> bool {
        !matches!(self, Compatibility::None | Compatibility::Backward | Compatibility::BackwardTransitive)
    }

    /// All older ones count, not only the last.
    pub fn is_transitive(self) -> bool {
        matches!(
            self,
            Compatibility::BackwardTransitive
                | Compatibility::ForwardTransitive
                | Compatibility::FullTransitive
        )
    }
}

/// What may be done to a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SubjectMode {
    /// Everything.
    #[default]
    ReadWrite,
    /// Nothing is registered or deleted.
    ReadOnly,
    /// The same, whatever a subject's own mode says.
    #[serde(rename = "READONLY_OVERRIDE")]
    ReadOnlyOverride,
    /// Schemas come with their ids and versions; they are not compared.
    Import,
}

impl SubjectMode {
    /// Every one.
    pub const ALL: [SubjectMode; 4] =
        [SubjectMode::ReadWrite, SubjectMode::ReadOnly, SubjectMode::ReadOnlyOverride, SubjectMode::Import];

    /// Its name in the registry's API.
    pub fn as_str(self) -> &'static str {
        match self {
            SubjectMode::ReadWrite => "READWRITE",
            SubjectMode::ReadOnly => "READONLY",
            SubjectMode::ReadOnlyOverride => "READONLY_OVERRIDE",
            SubjectMode::Import => "IMPORT",
        }
    }
}
