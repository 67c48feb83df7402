//! JSON Schema: drafts 4 to 2020-12 as the crate `jsonschema` knows them; the one that `$schema` names, else draft 7.
//!
//! Nothing is fetched: what a schema names must be among its references. Formats are annotations. Patterns run on an engine that does
//! not backtrack.

mod aspects;
pub(crate) mod compare;
mod growth;

use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use crate::language::{Flaw, Referenced};
use crate::text;

/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Flaws of a payload that are told.
const FLAWS_MAX: usize = 3;

/// A schema and everything it names.
#[derive(Debug)]
pub(crate) struct Json {
    /// Itself first, then what it names.
    pub(crate) documents: Vec<Document>,
    validator: Validator,
    /// Deepest nesting of a payload.
    depth_max: usize,
}

/// One text.
#[derive(Debug)]
pub(crate) struct Document {
    /// What it is called where it is named; empty: it is the schema itself.
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
}

impl Json {
    /// Parses a schema; its canonical text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(
        source: &str,
        references: &[Referenced],
        normalize: bool,
    ) -> Result<(Json, String), String> {
        let value = text::parse_json(source)?;
        if !value.is_object() && !value.is_boolean() {
            return Err("a JSON Schema is an object or a boolean".into());
        }
        let mut documents = vec![Document { name: "".into(), value }];
        for reference in references {
            let value = text::parse_json(&reference.text)?;
            documents.push(Document { name: reference.name.clone(), value });
        }
        let depth_max = growth::payload_depth(&documents)?;
        let names = documents[1..].iter().map(|d| (d.name.clone(), d.value.clone())).collect();
        let validator = jsonschema::options()
            .with_draft(draft_of(&documents[0].value))
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
            .should_validate_formats(false)
            .with_retriever(Named(names))
            .build(&documents[0].value)
            .map_err(|e| e.to_string())?;
        let text = if normalize { text::sorted(&documents[0].value) } else { text::compact(source) };
        Ok((Json { documents, validator, depth_max }, text))
    }

    /// The title of the schema.
    pub(crate) fn title(&self) -> Option<&str> {
        self.documents[0].value.get("title")?.as_str()
    }

    /// Whether a payload is a JSON text of this schema.
    ///
    /// # Errors
    /// What is wrong with it, without what it says.
    pub(crate) fn check(&self, payload: &[u8]) -> Result<(), Flaw> {
        let text = std::str::from_utf8(payload).map_err(|_| Flaw::new("it is not UTF-8"))?;
        if text::depth(text, b"{[", b"}]") > self.depth_max {
            return Err(Flaw::new(format!("it is nested deeper than {} levels", self.depth_max)));
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|e| Flaw::new(format!("it is no JSON: line {}, column {}", e.line(), e.column())))?;
        let mut errors = self.validator.iter_errors(&value).take(FLAWS_MAX);
        let Some(first) = errors.next() else { return Ok(()) };
        let path = first.instance_path().to_string();
        let mut what = first.masked().to_string();
        for error in errors {
            what.push_str(&format!("; at {}: {}", error.instance_path(), error.masked()));
        }
        let steps = path.split('/').skip(1).map(str::to_owned).collect::<Vec<_>>();
        Err(Flaw { steps: steps.into_iter().rev().collect(), what })
    }
}

fn draft_of(schema: &Value) -> Draft {
    let named = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let is = |draft: &str| named.contains(draft);
    match () {
        () if is("2020-12") => Draft::Draft202012,
        () if is("2019-09") => Draft::Draft201909,
        () if is("draft-06") => Draft::Draft6,
        () if is("draft-04") => Draft::Draft4,
        () => Draft::Draft7,
    }
}

/// What a schema names, by name.
struct Named(Vec<(Arc<str>, Value)>);

impl Retrieve for Named {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let found = self.0.iter().find(|(name, _)| is_named(uri.as_str(), name));
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("no reference is named {uri}").into())
    }
}

/// Whether a URI, resolved against whatever its schema's was, is what a reference is called.
pub(crate) fn is_named(uri: &str, name: &str) -> bool {
    let uri = uri.split('#').next().unwrap_or(uri);
    let name = name.trim_start_matches("./");
    uri == name || uri.strip_suffix(name).is_some_and(|before| before.ends_with('/'))
}

#[cfg(test)]
mod tests;
