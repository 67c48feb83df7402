use super::compare::cannot_read;
use super::*;

fn parse(text: &str) -> Json {
    Json::parse(text, &[], false).unwrap_or_else(|e| panic!("{text}: {e}")).0
}

/// What is wrong when the reader reads the writer's.
fn kinds(reader: &str, writer: &str) -> Vec<&'static str> {
    let mut kinds: Vec<_> = cannot_read(&parse(reader), &parse(writer)).into_iter().map(|d| d.kind).collect();
    kinds.dedup();
    kinds
}

const STRING: &str = r#"{"type":"string"}"#;
const NUMBER: &str = r#"{"type":"number"}"#;
const INTEGER: &str = r#"{"type":"integer"}"#;

fn object(rest: &str) -> String {
    format!(r#"{{"type":"object"{rest}}}"#)
}

#[test]
fn types_and_values_fit_or_not() {
    for (reader, writer, expected) in [
        ("true", STRING, &[][..]),
        ("{}", STRING, &[]),
        (STRING, "{}", &["TYPE_NARROWED"]),
        (STRING, "false", &[]),
        ("false", STRING, &["TYPE_CHANGED"]),
        (STRING, STRING, &[]),
        (STRING, NUMBER, &["TYPE_CHANGED"]),
        (NUMBER, INTEGER, &[]),
        (INTEGER, NUMBER, &["TYPE_CHANGED"]),
        (r#"{"type":["string","null"]}"#, STRING, &[]),
        (STRING, r#"{"type":["string","null"]}"#, &["TYPE_NARROWED"]),
        (r#"{"enum":["a","b","c"]}"#, r#"{"enum":["a","b"]}"#, &[]),
        (r#"{"enum":["a"]}"#, r#"{"enum":["a","b"]}"#, &["ENUM_ARRAY_NARROWED"]),
        (r#"{"type":"string","enum":["a"]}"#, STRING, &["ENUM_ARRAY_ADDED"]),
        (STRING, r#"{"enum":["a"]}"#, &[]),
        (STRING, r#"{"enum":["a",1]}"#, &["TYPE_NARROWED"]),
        (r#"{"const":1}"#, r#"{"const":2}"#, &["ENUM_ARRAY_NARROWED"]),
        (r#"{"type":"string","title":"x","description":"y","default":"z"}"#, STRING, &[]),
    ] {
        assert_eq!(kinds(reader, writer), expected, "{reader} reads {writer}");
    }
}

#[test]
fn bounds_may_be_widened() {
    for (of, narrow, wide, added, changed) in [
        ("string", r#""maxLength":5"#, r#""maxLength":6"#, "MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED"),
        ("string", r#""minLength":5"#, r#""minLength":4"#, "MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED"),
        ("number", r#""maximum":5"#, r#""maximum":6"#, "MAXIMUM_ADDED", "MAXIMUM_DECREASED"),
        ("number", r#""minimum":5"#, r#""minimum":4"#, "MINIMUM_ADDED", "MINIMUM_INCREASED"),
        (
            "integer",
            r#""exclusiveMaximum":5"#,
            r#""exclusiveMaximum":6"#,
            "EXCLUSIVE_MAXIMUM_ADDED",
            "EXCLUSIVE_MAXIMUM_DECREASED",
        ),
        (
            "integer",
            r#""exclusiveMinimum":5"#,
            r#""exclusiveMinimum":4"#,
            "EXCLUSIVE_MINIMUM_ADDED",
            "EXCLUSIVE_MINIMUM_INCREASED",
        ),
        ("integer", r#""multipleOf":6"#, r#""multipleOf":3"#, "MULTIPLE_OF_ADDED", "MULTIPLE_OF_CHANGED"),
        ("array", r#""maxItems":5"#, r#""maxItems":6"#, "MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED"),
        ("array", r#""minItems":5"#, r#""minItems":4"#, "MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED"),
        (
            "object",
            r#""maxProperties":5"#,
            r#""maxProperties":6"#,
            "MAX_PROPERTIES_ADDED",
            "MAX_PROPERTIES_DECREASED",
        ),
        (
            "object",
            r#""minProperties":5"#,
            r#""minProperties":4"#,
            "MIN_PROPERTIES_ADDED",
            "MIN_PROPERTIES_INCREASED",
        ),
    ] {
        let with = |bound: &str| format!(r#"{{"type":"{of}",{bound}}}"#);
        let none = format!(r#"{{"type":"{of}"}}"#);
        let (narrow, wide) = (with(narrow), with(wide));
        assert_eq!(kinds(&narrow, &narrow), [""; 0], "{narrow}");
        assert_eq!(kinds(&wide, &narrow), [""; 0], "{wide} reads {narrow}");
        assert_eq!(kinds(&none, &narrow), [""; 0], "{narrow}");
        assert_eq!(kinds(&narrow, &wide), [changed]);
        assert_eq!(kinds(&narrow, &none), [added]);
    }
    let pattern = r#"{"type":"string","pattern":"a"}"#;
    assert_eq!(kinds(pattern, STRING), ["PATTERN_ADDED"]);
    assert_eq!(kinds(pattern, r#"{"type":"string","pattern":"b"}"#), ["PATTERN_CHANGED"]);
    assert_eq!(kinds(STRING, pattern), [""; 0]);
}

#[test]
fn properties_are_judged_by_how_open_the_rest_is() {
    let open = object(r#","properties":{"a":{"type":"string"}}"#);
    let open_more = object(r#","properties":{"a":{"type":"string"},"b":{"type":"string"}}"#);
    let open_any = object(r#","properties":{"a":{"type":"string"},"b":{}}"#);
    let shut = |rest: &str| object(&format!(r#","additionalProperties":false,"properties":{{{rest}}}"#));
    let closed = shut(r#""a":{"type":"string"}"#);
    let closed_more = shut(r#""a":{"type":"string"},"b":{"type":"string"}"#);
    let required =
        |names: &str, schema: &str| schema.replacen('{', &format!(r#"{{"required":[{names}],"#), 1);
    let closed_required = required(r#""b""#, &closed_more);
    let closed_default =
        required(r#""b""#, &shut(r#""a":{"type":"string"},"b":{"type":"string","default":""}"#));
    let partly =
        |of: &str, rest: &str| object(&format!(r#","additionalProperties":{of},"properties":{{{rest}}}"#));
    let strings = partly(STRING, r#""a":{"type":"string"}"#);
    let numbers = partly(NUMBER, r#""a":{"type":"string"}"#);
    for (reader, writer, expected) in [
        (&open_more, &open, &["PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"][..]),
        (&open_any, &open, &[]),
        (&open, &open_more, &[]),
        (&closed_more, &closed, &[]),
        (&closed, &closed_more, &["PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"]),
        (&closed_required, &closed, &["REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"]),
        (&closed_default, &closed, &[]),
        (&closed, &open, &["ADDITIONAL_PROPERTIES_REMOVED"]),
        (&open, &closed, &[]),
        (&strings, &open, &["ADDITIONAL_PROPERTIES_NARROWED"]),
        (&strings, &closed, &[]),
        (&strings, &closed_more, &[]),
        (&numbers, &closed_more, &["PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"]),
        (&partly(STRING, r#""a":{"type":"string"},"b":{"type":"string"}"#), &strings, &[]),
        (
            &partly(NUMBER, r#""a":{"type":"string"},"b":{"type":"string"}"#),
            &numbers,
            &["PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"],
        ),
        (&required(r#""a""#, &open), &open, &["REQUIRED_ATTRIBUTE_ADDED"]),
        (&open, &required(r#""a""#, &open), &[]),
        (&object(r#","properties":{"a":{"type":"number"}}"#), &open, &["TYPE_CHANGED"]),
        (&object(r#","dependencies":{"a":["b"]}"#), &object(""), &["DEPENDENCY_ARRAY_ADDED"]),
        (&object(""), &object(r#","dependencies":{"a":["b"]}"#), &[]),
        (
            &object(r#","patternProperties":{"^x":{"type":"string"}}"#),
            &object(""),
            &["PATTERN_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"],
        ),
    ] {
        assert_eq!(kinds(reader, writer), expected, "{reader} reads {writer}");
    }
}

#[test]
fn combinations_fit_or_not() {
    let any = |of: &[&str]| format!(r#"{{"anyOf":[{}]}}"#, of.join(","));
    let one = |of: &[&str]| format!(r#"{{"oneOf":[{}]}}"#, of.join(","));
    let all = |of: &[&str]| format!(r#"{{"allOf":[{}]}}"#, of.join(","));
    let not = |of: &str| format!(r#"{{"not":{of}}}"#);
    let short = r#"{"type":"string","maxLength":5}"#;
    for (reader, writer, fits) in [
        (any(&[STRING, NUMBER]), STRING.to_owned(), true),
        (one(&[STRING, NUMBER]), any(&[STRING]), true),
        (STRING.to_owned(), any(&[STRING]), true),
        (STRING.to_owned(), any(&[STRING, NUMBER]), false),
        (one(&[STRING, NUMBER, "{\"type\":\"null\"}"]), one(&[NUMBER, STRING]), true),
        (one(&[STRING, NUMBER]), one(&[NUMBER, STRING, "{\"type\":\"null\"}"]), false),
        (all(&[STRING]), all(&[STRING, short]), true),
        (all(&[STRING, short]), all(&[STRING]), false),
        (STRING.to_owned(), all(&[STRING, short]), true),
        (not(short), not(STRING), true),
        (not(STRING), not(short), false),
        (not(STRING), NUMBER.to_owned(), false),
    ] {
        assert_eq!(kinds(&reader, &writer).is_empty(), fits, "{reader} reads {writer}");
    }
}

#[test]
fn arrays_fit_or_not() {
    let of = |items: &str| format!(r#"{{"type":"array","items":{items}}}"#);
    let tuple =
        |items: &str, rest: &str| format!(r#"{{"type":"array","items":[{items}],"additionalItems":{rest}}}"#);
    for (reader, writer, fits) in [
        (of(NUMBER), of(INTEGER), true),
        (of(INTEGER), of(NUMBER), false),
        (of("true"), of(NUMBER), true),
        (of(NUMBER), of("true"), false),
        (tuple(&[STRING, NUMBER].join(","), "false"), tuple(STRING, "false"), true),
        (tuple(STRING, "false"), tuple(&[STRING, NUMBER].join(","), "false"), false),
        (tuple(STRING, "true"), tuple(&[STRING, NUMBER].join(","), "false"), true),
        (tuple(&[STRING, NUMBER].join(","), "true"), tuple(STRING, "true"), false),
        (r#"{"type":"array","uniqueItems":true}"#.into(), r#"{"type":"array"}"#.into(), false),
        (r#"{"type":"array"}"#.into(), r#"{"type":"array","uniqueItems":true}"#.into(), true),
    ] {
        assert_eq!(kinds(&reader, &writer).is_empty(), fits, "{reader} reads {writer}");
    }
}

#[test]
fn names_are_followed_and_may_go_in_circles() {
    let tree = |of: &str| {
        format!(
            r##"{{"$ref":"#/definitions/node","definitions":{{"node":{{"type":"object","additionalProperties":false,"properties":{{"v":{of},"kids":{{"type":"array","items":{{"$ref":"#/definitions/node"}}}}}}}}}}}}"##
        )
    };
    assert_eq!(kinds(&tree(NUMBER), &tree(INTEGER)), [""; 0]);
    assert_eq!(kinds(&tree(INTEGER), &tree(NUMBER)), ["TYPE_CHANGED"]);
    let schema = parse(&tree(NUMBER));
    assert_eq!(schema.check(br#"{"v":1,"kids":[{"v":2}]}"#), Ok(()));
    let flaw = schema.check(br#"{"v":1,"kids":[{"v":"secret"}]}"#).expect_err("a flaw");
    assert_eq!(flaw.path(), "/kids/0/v");
    assert!(!flaw.what.contains("secret"), "{flaw:?}");
}

#[test]
fn references_are_found_by_name_and_nothing_is_fetched() {
    let reference = Referenced { name: "item.json".into(), text: r#"{"type":"integer"}"#.into() };
    let text = r#"{"type":"array","items":{"$ref":"item.json"}}"#;
    assert!(Json::parse(text, &[], false).is_err());
    assert!(Json::parse(r#"{"$ref":"http://127.0.0.1:1/x.json"}"#, &[], false).is_err());
    assert!(Json::parse(r#"{"$ref":"file:///etc/passwd"}"#, &[], false).is_err());
    let (schema, _) = Json::parse(text, std::slice::from_ref(&reference), false).unwrap();
    assert_eq!(schema.check(b"[1]"), Ok(()));
    assert_eq!(schema.check(b"[\"a\"]").expect_err("a flaw").path(), "/0");
    let wider = Referenced { text: r#"{"type":"number"}"#.into(), ..reference };
    let (wider, _) = Json::parse(text, &[wider], false).unwrap();
    assert!(cannot_read(&wider, &schema).is_empty());
    assert!(!cannot_read(&schema, &wider).is_empty());
    let by_url =
        Referenced { name: "http://example.com/i.json".into(), text: r#"{"type":"integer"}"#.into() };
    assert!(Json::parse(r#"{"$ref":"http://example.com/i.json"}"#, &[by_url], false).is_ok());
}

#[test]
fn what_is_no_schema_or_no_payload_is_refused() {
    for text in [
        "",
        "{",
        "12",
        "[]",
        r#"{"type":"strin"}"#,
        r#"{"minLength":-1}"#,
        r#"{"pattern":"("}"#,
        &"[".repeat(500),
    ] {
        assert!(Json::parse(text, &[], false).is_err(), "{text}");
    }
    let schema = parse(STRING);
    for payload in [&b""[..], b"\"a", b"\xff", b"1", b"\"a\" 1", "[".repeat(100_000).as_bytes()] {
        assert!(schema.check(payload).is_err(), "{payload:?}");
    }
    assert_eq!(schema.check(b" \"a\" "), Ok(()));
}

#[test]
fn schemas_that_multiply_are_refused_or_bound_their_payloads() {
    // Each definition names the next twice.
    let doubling = |count: usize| {
        let mut text = String::from(r##"{"$ref":"#/definitions/d0","definitions":{"##);
        for n in 0..count {
            let next = if n + 1 == count {
                STRING.to_owned()
            } else {
                format!(r##"{{"$ref":"#/definitions/d{}"}}"##, n + 1)
            };
            text.push_str(&format!(r#""d{n}":{{"allOf":[{next},{next}]}},"#));
        }
        text.pop();
        text + "}}"
    };
    assert!(Json::parse(&doubling(5), &[], false).is_ok());
    assert!(Json::parse(&doubling(40), &[], false).unwrap_err().contains("subschemas"));
    assert!(Json::parse(r##"{"$ref":"#"}"##, &[], false).is_err());
    let twice = r##"{"allOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}]}"##;
    let schema = parse(twice);
    assert!(schema.depth_max < 30, "{}", schema.depth_max);
    let deep = |n: usize| r#"{"a":"#.repeat(n) + "1" + &"}".repeat(n);
    assert_eq!(schema.check(deep(10).as_bytes()), Ok(()));
    assert!(schema.check(deep(100).as_bytes()).unwrap_err().what.contains("nested deeper"));
    assert_eq!(parse(r##"{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}}"##).depth_max, 128);
}
