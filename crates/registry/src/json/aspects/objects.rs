//! Objects: properties by what the rest of their schema says of others. *Open*: everything else is accepted; *closed*: nothing; *partially
//! open*: what `patternProperties` or a schema for additional properties accepts.

use serde_json::{Map, Value};

use super::{Names, Side, lower_bounds, upper_bounds};
use crate::json::compare::{Check, Node, is_empty};

const COUNTS: [[Names; 1]; 2] = [
    [("minProperties", "MIN_PROPERTIES_ADDED", "MIN_PROPERTIES_INCREASED")],
    [("maxProperties", "MAX_PROPERTIES_ADDED", "MAX_PROPERTIES_DECREASED")],
];

pub(super) fn fit<'a>(check: &mut Check<'a>, (reader, r): Side<'a, '_>, (writer, w): Side<'a, '_>) -> bool {
    let mut all = lower_bounds(check, r, w, COUNTS[0]) & upper_bounds(check, r, w, COUNTS[1]);
    let (read, written) = (Object::of(reader), Object::of(writer));
    for (name, value) in &read.properties {
        let property = Node { value, ..reader };
        all &= match written.property(name) {
            Some(before) => check.below(&step(name), property, Node { value: before, ..writer }),
            None => added(check, name, property, &written, read.requires(name)),
        };
    }
    for (name, value) in &written.properties {
        if read.property(name).is_none() {
            all &= removed(check, name, Node { value, ..writer }, &read);
        }
    }
    all & patterns(check, &read, &written)
        & additional(check, &read, &written)
        & required(check, &read, &written)
        & dependencies(check, reader, writer)
}

fn step(name: &str) -> String {
    format!("properties/{name}")
}

/// What a schema says of objects.
struct Object<'a> {
    node: Node<'a>,
    properties: Vec<(&'a str, &'a Value)>,
    patterns: Vec<(&'a str, &'a Value)>,
    additional: Option<&'a Value>,
    required: Vec<&'a str>,
}

/// What is accepted of properties that are not described.
#[derive(Clone, Copy)]
enum Others<'a> {
    All,
    Nothing,
    These(&'a Value),
}

impl<'a> Object<'a> {
    fn of(node: Node<'a>) -> Object<'a> {
        let entries = |keyword: &str| -> Vec<(&'a str, &'a Value)> {
            let map = node.value.get(keyword).and_then(Value::as_object);
            map.into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
        };
        let required = node.value.get("required").and_then(Value::as_array);
        Object {
            node,
            properties: entries("properties"),
            patterns: entries("patternProperties"),
            additional: node.value.get("additionalProperties").filter(|value| !is_empty(value)),
            required: required.into_iter().flatten().filter_map(Value::as_str).collect(),
        }
    }

    fn property(&self, name: &str) -> Option<&'a Value> {
        self.properties.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    fn requires(&self, name: &str) -> bool {
        self.required.contains(&name)
    }

    /// What is accepted of a property that is not described by its name.
    fn others(&self, name: &str) -> Others<'a> {
        let matching = self.patterns.iter().find(|(pattern, _)| matches_pattern(pattern, name));
        match (matching, self.additional) {
            (Some((_, value)), _) => Others::These(value),
            (None, None) => Others::All,
            (None, Some(Value::Bool(false))) => Others::Nothing,
            (None, Some(value)) => Others::These(value),
        }
    }
}

fn matches_pattern(pattern: &str, name: &str) -> bool {
    regex::RegexBuilder::new(pattern)
        .size_limit(crate::json::PATTERN_BYTES_MAX)
        .build()
        .is_ok_and(|pattern| pattern.is_match(name))
}

fn has_default(node: Node<'_>) -> bool {
    node.value.get("default").is_some()
}

/// A property that the writer did not describe.
fn added<'a>(
    check: &mut Check<'a>,
    name: &str,
    property: Node<'a>,
    writer: &Object<'a>,
    required: bool,
) -> bool {
    let others = writer.others(name);
    if let Others::All = others {
        return is_empty(property.value)
            || check.note(
                "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
                format!("property {name} was added, which could be anything before"),
            );
    }
    if required && !has_default(property) {
        let text = format!("property {name} was added and is required");
        return check.note("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", text);
    }
    let Others::These(value) = others else { return true };
    let covered = check.quietly(property, Node { value, ..writer.node });
    covered
        || check.note(
            "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
            format!("property {name} was added, and accepts less than such properties could be before"),
        )
}

/// A property that the reader does not describe.
fn removed<'a>(check: &mut Check<'a>, name: &str, property: Node<'a>, reader: &Object<'a>) -> bool {
    match reader.others(name) {
        Others::All => true,
        Others::Nothing => {
            *property.value == Value::Bool(false)
                || check.note(
                    "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
                    format!("property {name} was removed, and no others are accepted"),
                )
        }
        Others::These(value) => {
            check.quietly(Node { value, ..reader.node }, property)
                || check.note(
                    "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                    format!("property {name} was removed, and others must be what it is not"),
                )
        }
    }
}

fn patterns<'a>(check: &mut Check<'a>, reader: &Object<'a>, writer: &Object<'a>) -> bool {
    let mut all = true;
    for (pattern, value) in reader.patterns.iter().filter(|(_, value)| !is_empty(value)) {
        let same = writer.patterns.iter().find(|(p, _)| p == pattern).map(|(_, value)| *value);
        let before = same.or(writer.additional);
        let property = Node { value, ..reader.node };
        all &= match before {
            Some(value) => {
                check.below(&format!("patternProperties/{pattern}"), property, Node { value, ..writer.node })
            }
            None => check.note(
                "PATTERN_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
                format!("properties like {pattern} are described now"),
            ),
        };
    }
    for (pattern, value) in &writer.patterns {
        let is_kept = reader.patterns.iter().any(|(p, _)| p == pattern);
        if let (false, Some(additional)) = (is_kept, reader.additional) {
            let covered =
                check.quietly(Node { value: additional, ..reader.node }, Node { value, ..writer.node });
            let text = format!("properties like {pattern} are no longer described");
            all &= covered || check.note("PATTERN_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", text);
        }
    }
    all
}

fn additional<'a>(check: &mut Check<'a>, reader: &Object<'a>, writer: &Object<'a>) -> bool {
    match (reader.additional, writer.additional) {
        (None, _) => true,
        (Some(Value::Bool(false)), None) => {
            check.note("ADDITIONAL_PROPERTIES_REMOVED", "no other properties are accepted any more".into())
        }
        (Some(_), None) => {
            check.note("ADDITIONAL_PROPERTIES_NARROWED", "other properties are described now".into())
        }
        (Some(value), Some(before)) => check.below(
            "additionalProperties",
            Node { value, ..reader.node },
            Node { value: before, ..writer.node },
        ),
    }
}

/// What is required now and was not. New properties are judged when they are added.
fn required(check: &mut Check<'_>, reader: &Object<'_>, writer: &Object<'_>) -> bool {
    let mut all = true;
    for name in reader.required.iter().filter(|name| !writer.requires(name)) {
        let is_new = reader.property(name).is_some() && writer.property(name).is_none();
        let default = reader.property(name).is_some_and(|value| value.get("default").is_some());
        let is_open = matches!(writer.others(name), Others::All);
        if !default && (!is_new || is_open) {
            all &= check.note("REQUIRED_ATTRIBUTE_ADDED", format!("property {name} is required now"));
        }
    }
    all
}

fn dependencies<'a>(check: &mut Check<'a>, reader: Node<'a>, writer: Node<'a>) -> bool {
    let mut all = true;
    let of = |node: Node<'a>, keyword: &str| node.value.get(keyword).and_then(Value::as_object);
    for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
        let empty = Map::new();
        let (r, w) = (of(reader, keyword), of(writer, keyword).unwrap_or(&empty));
        for (name, value) in r.into_iter().flatten() {
            all &= match (value, w.get(name)) {
                (Value::Array(read), Some(Value::Array(written)))
                    if read.iter().all(|n| written.contains(n)) =>
                {
                    true
                }
                (Value::Array(_), Some(_)) => {
                    check.note("DEPENDENCY_ARRAY_EXTENDED", format!("{name} depends on more"))
                }
                (Value::Array(_), None) => {
                    check.note("DEPENDENCY_ARRAY_ADDED", format!("{name} depends on others now"))
                }
                (_, Some(before)) if before == value => true,
                _ => check
                    .note("DEPENDENCY_SCHEMA_ADDED", format!("{name} depends on a schema now, or another")),
            };
        }
    }
    all
}
