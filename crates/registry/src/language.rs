//! A schema of any language: parsed, compared, and payloads judged by it.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use anymq_catalog::SchemaKind;

use crate::{avro, json, protobuf};

/// Differences that are told of one comparison.
pub(crate) const DIFFERENCES_MAX: usize = 50;
/// Nodes that are looked at in one comparison; schemas that need more are incompatible.
pub(crate) const STEPS_MAX: usize = 100_000;
/// Deepest nesting of types, by whatever names, that is compared.
pub(crate) const COMPARED_DEPTH_MAX: usize = 100;
/// Deepest nesting of a payload.
pub(crate) const PAYLOAD_DEPTH_MAX: usize = 128;

/// What is known of pairs of types while two schemas are compared: types may name themselves, so that a pair is taken to fit while it is
/// being compared, and what was found to fit meanwhile is forgotten if it does not.
#[derive(Debug)]
pub(crate) struct Pairs<K> {
    known: HashMap<(K, K), bool>,
    /// Pairs that fit, in the order they were found.
    held: Vec<(K, K)>,
}

impl<K: Copy + Eq + Hash> Pairs<K> {
    pub(crate) fn new() -> Self {
        Pairs { known: HashMap::new(), held: Vec::new() }
    }

    /// What is known of a pair; else it is to be compared now, and [`Pairs::end`] told with the number returned.
    pub(crate) fn begin(&mut self, pair: (K, K)) -> Result<usize, bool> {
        if let Some(&fits) = self.known.get(&pair) {
            return Err(fits);
        }
        self.known.insert(pair, true);
        Ok(self.held.len())
    }

    /// The pair was compared.
    pub(crate) fn end(&mut self, pair: (K, K), begun: usize, fits: bool) {
        if fits {
            self.held.push(pair);
        } else {
            for assumed in self.held.drain(begun..) {
                self.known.remove(&assumed);
            }
            self.known.insert(pair, false);
        }
    }
}

/// A schema that another one names.
#[derive(Clone, Debug)]
pub(crate) struct Referenced {
    /// What it is called where it is named.
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
}

/// A schema, parsed.
#[derive(Debug)]
pub(crate) enum Parsed {
    Avro(avro::Avro),
    Json(Box<json::Json>),
    Protobuf(protobuf::Protobuf),
}

/// Why one schema cannot read what another wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The rule that is broken, in the words of Confluent's registry.
    pub(crate) kind: &'static str,
    /// Where.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { kind, path, text } = self;
        write!(f, "{{errorType:'{kind}', description:'{text}', path:'{path}'}}")
    }
}

/// What is wrong with a payload, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The way to it from the root, its last step first.
    pub(crate) steps: Vec<String>,
    pub(crate) what: String,
}

impl Flaw {
    pub(crate) fn new(what: impl Into<String>) -> Flaw {
        Flaw { steps: Vec::new(), what: what.into() }
    }

    /// The same, one step further from the root.
    pub(crate) fn below(mut self, step: impl Into<String>) -> Flaw {
        self.steps.push(step.into());
        self
    }

    /// As a path: `/fields/3`.
    pub(crate) fn path(&self) -> String {
        if self.steps.is_empty() {
            "/".to_owned()
        } else {
            self.steps.iter().rev().fold(String::new(), |p, s| p + "/" + s)
        }
    }
}

impl Parsed {
    /// Parses a schema and gives it its canonical text. `references` come in an order in which none names a later one.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(
        kind: SchemaKind,
        text: &str,
        references: &[Referenced],
        normalize: bool,
    ) -> Result<(Parsed, String), String> {
        match kind {
            SchemaKind::Avro => {
                avro::Avro::parse(text, references, normalize).map(|(avro, text)| (Parsed::Avro(avro), text))
            }
            SchemaKind::Json => json::Json::parse(text, references, normalize)
                .map(|(json, text)| (Parsed::Json(Box::new(json)), text)),
            SchemaKind::Protobuf => protobuf::Protobuf::parse(text, references)
                .map(|(proto, text)| (Parsed::Protobuf(proto), text)),
        }
    }

    /// Why it cannot read what `writer` wrote; empty if it can.
    pub(crate) fn cannot_read(&self, writer: &Parsed) -> Vec<Difference> {
        match (self, writer) {
            (Parsed::Avro(reader), Parsed::Avro(writer)) => avro::compare::cannot_read(reader, writer),
            (Parsed::Json(reader), Parsed::Json(writer)) => json::compare::cannot_read(reader, writer),
            (Parsed::Protobuf(reader), Parsed::Protobuf(writer)) => {
                protobuf::compare::cannot_read(reader, writer)
            }
            (reader, writer) => {
                let text = format!("{} cannot read {}", reader.kind(), writer.kind());
                vec![Difference { kind: "TYPE_MISMATCH", path: "/".into(), text }]
            }
        }
    }

    /// Whether a payload, without the id before it, is of it.
    ///
    /// # Errors
    /// What is wrong with the payload.
    pub(crate) fn check(&self, payload: &[u8]) -> Result<(), Flaw> {
        match self {
            Parsed::Avro(avro) => avro::payload::check(avro, payload),
            Parsed::Json(json) => json.check(payload),
            Parsed::Protobuf(proto) => protobuf::payload::check(proto, payload),
        }
    }

    /// The name by which the subject of a payload is named, if it has one.
    pub(crate) fn record_name(&self, payload: &[u8]) -> Option<String> {
        match self {
            Parsed::Avro(avro) => avro.name().map(str::to_owned),
            Parsed::Json(json) => json.title().map(str::to_owned),
            Parsed::Protobuf(proto) => protobuf::payload::message_name(proto, payload),
        }
    }

    pub(crate) fn kind(&self) -> SchemaKind {
        match self {
            Parsed::Avro(_) => SchemaKind::Avro,
            Parsed::Json(_) => SchemaKind::Json,
            Parsed::Protobuf(_) => SchemaKind::Protobuf,
        }
    }
}
