//! One schema and one payload without a broker: for tests and fuzzing, and whoever wants to know what the broker would say.

use anymq_catalog::SchemaKind;

use crate::language::Parsed;

/// What a schema comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Its canonical text.
    pub canonical: String,
    /// What keeps it from reading what it wrote itself: nothing, or that it is too much to compare.
    pub differences: Vec<String>,
    /// What is wrong with the payload, if anything is.
    pub flaw: Option<String>,
}

/// Parses a schema that names no others, compares it with itself, and judges a payload by it (without the five bytes before it).
///
/// # Errors
/// What is wrong with the schema.
pub fn examine(kind: SchemaKind, schema: &str, payload: &[u8]) -> Result<Examined, String> {
    let (parsed, canonical) = Parsed::parse(kind, schema, &[], false)?;
    let differences = parsed.cannot_read(&parsed).iter().map(ToString::to_string).collect();
    let flaw = parsed.check(payload).err().map(|flaw| format!("at {}: {}", flaw.path(), flaw.what));
    Ok(Examined { canonical, differences, flaw })
}
