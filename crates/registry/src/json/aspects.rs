//! The keywords of one schema, compared: types, numbers, texts, arrays; objects are in [`objects`].

mod objects;

use serde_json::{Map, Value};

use super::compare::{Check, Node, is_empty};

/// Keywords that refuse something. Others say nothing about what is accepted.
pub(super) const CONSTRAINTS: &[&str] = &[
    "type",
    "enum",
    "const",
    "maxLength",
    "minLength",
    "pattern",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "multipleOf",
    "maxItems",
    "minItems",
    "uniqueItems",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "required",
    "minProperties",
    "maxProperties",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
];

/// Those of which only equality is known to fit.
const OPAQUE: &[&str] = &[
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "unevaluatedProperties",
    "propertyNames",
    "if",
    "then",
    "else",
];

const TYPES: [&str; 6] = ["null", "boolean", "object", "array", "number", "string"];

/// Whether the reader's own keywords accept what the writer's do.
pub(super) fn fit<'a>(check: &mut Check<'a>, reader: Node<'a>, writer: Node<'a>) -> bool {
    let nothing = Map::new();
    let (r, w) = (reader.value.as_object().unwrap_or(&nothing), writer.value.as_object().unwrap_or(&nothing));
    let written = types(w);
    let mut all = types_fit(check, &types(r), &written) & values_fit(check, r, w);
    if written.contains(&"string") {
        all &= lower_bounds(check, r, w, [("minLength", "MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED")]);
        all &= upper_bounds(check, r, w, [("maxLength", "MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED")]);
        all &= same(check, r, w, "pattern", "PATTERN_ADDED", "PATTERN_CHANGED");
    }
    if written.contains(&"number") || written.contains(&"integer") {
        all &= numbers_fit(check, r, w);
    }
    if written.contains(&"array") {
        all &= arrays_fit(check, (reader, r), (writer, w));
    }
    if written.contains(&"object") {
        all &= objects::fit(check, (reader, r), (writer, w));
    }
    for keyword in OPAQUE {
        all &= same(check, r, w, keyword, "KEYWORD_ADDED", "KEYWORD_CHANGED");
    }
    all
}

/// The types a schema accepts. Of one that lists its values, theirs.
fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => return vec![one],
        Some(Value::Array(several)) => return several.iter().filter_map(Value::as_str).collect(),
        _ => {}
    }
    match values(schema) {
        Some(values) => {
            let mut types: Vec<&str> = values.iter().map(|value| type_of(value)).collect();
            types.sort_unstable();
            types.dedup();
            types
        }
        None => TYPES.to_vec(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one]),
        (None, Some(Value::Array(several))) => Some(several.iter().collect()),
        _ => None,
    }
}

fn types_fit(check: &mut Check<'_>, read: &[&str], written: &[&str]) -> bool {
    let accepts = &|t: &&str| read.contains(t) || (*t == "integer" && read.contains(&"number"));
    if written.iter().all(accepts) {
        return true;
    }
    let kind = if written.iter().any(accepts) { "TYPE_NARROWED" } else { "TYPE_CHANGED" };
    check.note(kind, format!("type {} became {}", written.join(" or "), read.join(" or ")))
}

fn values_fit(check: &mut Check<'_>, r: &Map<String, Value>, w: &Map<String, Value>) -> bool {
    match (values(r), values(w)) {
        (None, _) => true,
        (Some(_), None) => check.note("ENUM_ARRAY_ADDED", "the values are listed now".into()),
        (Some(read), Some(written)) if written.iter().all(|value| read.contains(value)) => true,
        (Some(_), Some(_)) => check.note("ENUM_ARRAY_NARROWED", "values are no longer listed".into()),
    }
}

type Names = (&'static str, &'static str, &'static str);

fn number(schema: &Map<String, Value>, keyword: &str) -> Option<f64> {
    schema.get(keyword)?.as_f64()
}

/// The reader's bound is below the writer's, or there is none.
fn lower_bounds<const N: usize>(
    check: &mut Check<'_>,
    r: &Map<String, Value>,
    w: &Map<String, Value>,
    bounds: [Names; N],
) -> bool {
    let mut all = true;
    for names in bounds {
        all &= bound(check, r, w, names, |read, written| read <= written);
    }
    all
}

/// The reader's bound is above the writer's, or there is none.
fn upper_bounds<const N: usize>(
    check: &mut Check<'_>,
    r: &Map<String, Value>,
    w: &Map<String, Value>,
    bounds: [Names; N],
) -> bool {
    let mut all = true;
    for names in bounds {
        all &= bound(check, r, w, names, |read, written| read >= written);
    }
    all
}

fn bound(
    check: &mut Check<'_>,
    r: &Map<String, Value>,
    w: &Map<String, Value>,
    (keyword, added, changed): Names,
    fits: impl Fn(f64, f64) -> bool,
) -> bool {
    match (number(r, keyword), number(w, keyword)) {
        (None, _) => true,
        (Some(read), None) => check.note(added, format!("{keyword} is {read} now")),
        (Some(read), Some(written)) if fits(read, written) => true,
        (Some(read), Some(written)) => {
            check.note(changed, format!("{keyword} was {written} and is {read} now"))
        }
    }
}

/// The reader has no such keyword, or the writer has the same.
fn same(
    check: &mut Check<'_>,
    r: &Map<String, Value>,
    w: &Map<String, Value>,
    keyword: &str,
    added: &'static str,
    changed: &'static str,
) -> bool {
    match (r.get(keyword), w.get(keyword)) {
        (None | Some(Value::Bool(true)), _) => true,
        (Some(_), None) => check.note(added, format!("{keyword} was added")),
        (Some(read), Some(written)) if read == written => true,
        (Some(_), Some(_)) => check.note(changed, format!("{keyword} was changed")),
    }
}

fn numbers_fit(check: &mut Check<'_>, r: &Map<String, Value>, w: &Map<String, Value>) -> bool {
    let mut all = lower_bounds(
        check,
        r,
        w,
        [
            ("minimum", "MINIMUM_ADDED", "MINIMUM_INCREASED"),
            ("exclusiveMinimum", "EXCLUSIVE_MINIMUM_ADDED", "EXCLUSIVE_MINIMUM_INCREASED"),
        ],
    );
    all &= upper_bounds(
        check,
        r,
        w,
        [
            ("maximum", "MAXIMUM_ADDED", "MAXIMUM_DECREASED"),
            ("exclusiveMaximum", "EXCLUSIVE_MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED"),
        ],
    );
    // Draft 4 has true and false there.
    for (keyword, added) in
        [("exclusiveMinimum", "EXCLUSIVE_MINIMUM_ADDED"), ("exclusiveMaximum", "EXCLUSIVE_MAXIMUM_ADDED")]
    {
        if r.get(keyword) == Some(&Value::Bool(true)) && w.get(keyword) != Some(&Value::Bool(true)) {
            all &= check.note(added, format!("{keyword} was added"));
        }
    }
    let divides = |read: f64, written: f64| read != 0.0 && (written / read).fract() == 0.0;
    all & bound(check, r, w, ("multipleOf", "MULTIPLE_OF_ADDED", "MULTIPLE_OF_CHANGED"), divides)
}

/// How an array's items are described: the first by place, and the rest.
struct Items<'a> {
    first: &'a [Value],
    rest: Option<&'a Value>,
}

fn items(schema: &Map<String, Value>) -> Items<'_> {
    match (schema.get("prefixItems"), schema.get("items")) {
        (Some(Value::Array(first)), rest) => Items { first, rest },
        (_, Some(Value::Array(first))) => Items { first, rest: schema.get("additionalItems") },
        (_, rest) => Items { first: &[], rest },
    }
}

type Side<'a, 'm> = (Node<'a>, &'m Map<String, Value>);

fn arrays_fit<'a>(check: &mut Check<'a>, (reader, r): Side<'a, '_>, (writer, w): Side<'a, '_>) -> bool {
    let mut all = lower_bounds(check, r, w, [("minItems", "MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED")]);
    all &= upper_bounds(check, r, w, [("maxItems", "MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED")]);
    let unique = |schema: &Map<String, Value>| schema.get("uniqueItems") == Some(&Value::Bool(true));
    if unique(r) && !unique(w) {
        all &= check.note("UNIQUE_ITEMS_ADDED", "uniqueItems was added".into());
    }
    // The nodes' own values live as long as the schemas; the maps are the same.
    let of = |node: Node<'a>| node.value.as_object().map(items);
    let none = Items { first: &[], rest: None };
    let (read, written) = (of(reader), of(writer));
    let (read, written) = (read.as_ref().unwrap_or(&none), written.as_ref().unwrap_or(&none));
    for place in 0..read.first.len().max(written.first.len()) {
        let at = |items: &Items<'a>| items.first.get(place).or(items.rest);
        all &= item_fits(check, reader, writer, &place.to_string(), at(read), at(written));
    }
    all & item_fits(check, reader, writer, "items", read.rest, written.rest)
}

fn item_fits<'a>(
    check: &mut Check<'a>,
    reader: Node<'a>,
    writer: Node<'a>,
    step: &str,
    read: Option<&'a Value>,
    written: Option<&'a Value>,
) -> bool {
    let Some(value) = read.filter(|value| !is_empty(value)) else { return true };
    match written {
        Some(written) => {
            let step = if step == "items" { step.to_owned() } else { format!("items/{step}") };
            check.below(&step, Node { value, ..reader }, Node { value: written, ..writer })
        }
        None => check.note(
            "ADDITIONAL_ITEMS_NARROWED",
            format!("items that could be anything are described now ({step})"),
        ),
    }
}
