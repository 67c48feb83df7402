//! How much work a schema can cause. Schemas that name others at one place of the payload more than once multiply: twice at each of
//! 30 levels is a billion looks. What can be counted beforehand is counted and refused; what depends on how deep a payload is nested
//! bounds that depth.

use std::collections::HashMap;

use serde_json::Value;

use super::Document;
use super::compare::{Node, Resolver};

/// Subschemas that a schema may come to when everything it names is put in its place.
const EXPANDED_MAX: usize = 50_000;
/// Looks that one payload may cost at most, by the nesting that is allowed.
const LOOKS_MAX: f64 = 1e6;
/// Deepest nesting of a payload of any schema.
const DEPTH_MAX: usize = 128;
/// Deepest nesting of subschemas when what is named is put in its place.
const EXPANDED_DEPTH_MAX: usize = 150;
/// Least that is useful; a schema that cannot have it is refused.
const DEPTH_MIN: usize = 4;

/// How deep a payload may be nested.
///
/// # Errors
/// The schema comes to too much.
pub(super) fn payload_depth(documents: &[Document]) -> Result<usize, String> {
    let mut growth =
        Growth { resolver: Resolver { documents }, open: Vec::new(), left: EXPANDED_MAX, depth: 0, again: 1 };
    growth.expand(Node { document: 0, value: &documents[0].value }, &mut String::new())?;
    if growth.again <= 1 {
        return Ok(DEPTH_MAX);
    }
    let depth = LOOKS_MAX.ln() / (growth.again as f64).ln();
    match depth as usize {
        depth if depth < DEPTH_MIN => Err(format!("it names itself {} times at one place", growth.again)),
        depth => Ok(depth.min(DEPTH_MAX)),
    }
}

struct Growth<'a> {
    resolver: Resolver<'a>,
    /// What is being expanded by name, how deep in the payload that is, and how often each place below it is it again.
    open: Vec<(*const Value, usize, HashMap<String, usize>)>,
    left: usize,
    depth: usize,
    /// How often a schema names itself at one place, at most.
    again: usize,
}

impl<'a> Growth<'a> {
    /// Walks every subschema; `place` is where in the payload they apply.
    fn expand(&mut self, node: Node<'a>, place: &mut String) -> Result<(), String> {
        self.depth += 1;
        if self.depth > EXPANDED_DEPTH_MAX {
            return Err(format!(
                "it is nested deeper than {EXPANDED_DEPTH_MAX} levels when what it names is put in its place"
            ));
        }
        let expanded = self.keywords(node, place);
        self.depth -= 1;
        expanded
    }

    fn keywords(&mut self, node: Node<'a>, place: &mut String) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            format!("it comes to more than {EXPANDED_MAX} subschemas when what it names is put in its place")
        })?;
        let Value::Object(keywords) = node.value else { return Ok(()) };
        for (keyword, value) in keywords {
            let length = place.len();
            match (keyword.as_str(), value) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(name)) => {
                    self.follow(node, name, place)?
                }
                ("definitions" | "$defs" | "enum" | "const" | "default" | "examples", _) => {}
                ("properties" | "patternProperties", Value::Object(entries)) => {
                    for (name, value) in entries {
                        place.push('/');
                        place.push_str(name);
                        self.expand(Node { value, ..node }, place)?;
                        place.truncate(length);
                    }
                }
                ("dependencies" | "dependentSchemas", Value::Object(entries)) => {
                    entries.values().try_for_each(|value| self.expand(Node { value, ..node }, place))?;
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(items)) => {
                    items.iter().try_for_each(|value| self.expand(Node { value, ..node }, place))?;
                }
                ("not" | "if" | "then" | "else", value) => self.expand(Node { value, ..node }, place)?,
                (
                    "items"
                    | "prefixItems"
                    | "additionalItems"
                    | "contains"
                    | "unevaluatedItems"
                    | "additionalProperties"
                    | "unevaluatedProperties"
                    | "propertyNames",
                    value,
                ) => {
                    place.push_str("/*");
                    match value {
                        Value::Array(items) => {
                            items.iter().try_for_each(|value| self.expand(Node { value, ..node }, place))?;
                        }
                        value => self.expand(Node { value, ..node }, place)?,
                    }
                    place.truncate(length);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn follow(&mut self, node: Node<'a>, name: &str, place: &mut String) -> Result<(), String> {
        // What is not found is said by the one who compiles.
        let Some(target) = self.resolver.resolve(node, name) else { return Ok(()) };
        let at = std::ptr::from_ref(target.value);
        if let Some((_, from, places)) = self.open.iter_mut().find(|(open, ..)| *open == at) {
            if place.len() == *from {
                return Err(format!("{name} names itself at the same place"));
            }
            let times = places.entry(place[*from..].to_owned()).or_default();
            *times += 1;
            self.again = self.again.max(*times);
            return Ok(());
        }
        self.open.push((at, place.len(), HashMap::new()));
        let expanded = self.expand(target, place);
        self.open.pop();
        expanded
    }
}
