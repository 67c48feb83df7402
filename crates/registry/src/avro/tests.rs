use std::sync::Arc;

use super::compare::cannot_read;
use super::*;

fn parse(text: &str) -> Avro {
    Avro::parse(text, &[], false).unwrap_or_else(|e| panic!("{text}: {e}")).0
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","namespace":"n","fields":[{fields}]}}"#)
}

/// What is wrong when the reader reads the writer's.
fn kinds(reader: &str, writer: &str) -> Vec<&'static str> {
    cannot_read(&parse(reader), &parse(writer)).into_iter().map(|d| d.kind).collect()
}

#[test]
fn primitive_types_are_promoted_as_the_specification_says() {
    let types = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
    let promoted = [
        ("int", "long"),
        ("int", "float"),
        ("int", "double"),
        ("long", "float"),
        ("long", "double"),
        ("float", "double"),
        ("string", "bytes"),
        ("bytes", "string"),
    ];
    for writer in types {
        for reader in types {
            let fits = writer == reader || promoted.contains(&(writer, reader));
            let (r, w) = (format!("\"{reader}\""), format!("\"{writer}\""));
            assert_eq!(kinds(&r, &w).is_empty(), fits, "{reader} reads {writer}");
        }
    }
}

#[test]
fn schemas_fit_or_not() {
    let plain = record(r#"{"name":"a","type":"int"}"#);
    let with_default = record(r#"{"name":"a","type":"int"},{"name":"b","type":"string","default":""}"#);
    let without = record(r#"{"name":"a","type":"int"},{"name":"b","type":"string"}"#);
    let optional = record(r#"{"name":"a","type":["null","int"]}"#);
    let renamed = record(r#"{"name":"c","aliases":["a"],"type":"int"}"#);
    let other = plain.replace(r#""name":"R""#, r#""name":"S""#);
    let aliased = plain.replace(r#""name":"R""#, r#""name":"S","aliases":["R"]"#);
    let moved = plain.replace(r#""namespace":"n""#, r#""namespace":"m""#);
    let list = record(r#"{"name":"next","type":["null","n.R"]},{"name":"v","type":"int"}"#);
    let list_long = record(r#"{"name":"next","type":["null","n.R"]},{"name":"v","type":"long"}"#);
    let letters =
        |symbols: &str, more: &str| format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]{more}}}"#);
    let (ab, abc) = (letters(r#""A","B""#, ""), letters(r#""A","B","C""#, ""));
    let ab_default = letters(r#""A","B""#, r#","default":"A""#);
    let fixed = |size: u8| format!(r#"{{"type":"fixed","name":"F","size":{size}}}"#);
    let array = |of: &str| format!(r#"{{"type":"array","items":{of}}}"#);
    let map = |of: &str| format!(r#"{{"type":"map","values":{of}}}"#);
    let decimal =
        |scale: u8| format!(r#"{{"type":"bytes","logicalType":"decimal","precision":9,"scale":{scale}}}"#);
    let date = r#"{"type":"int","logicalType":"date"}"#;
    for (reader, writer, expected) in [
        (&*plain, &*plain, &[][..]),
        (&with_default, &plain, &[]),
        (&plain, &with_default, &[]),
        (&without, &plain, &["READER_FIELD_MISSING_DEFAULT_VALUE"]),
        (&optional, &plain, &[]),
        (&plain, &optional, &["TYPE_MISMATCH"]),
        (&renamed, &plain, &[]),
        (&plain, &renamed, &["READER_FIELD_MISSING_DEFAULT_VALUE"]),
        (&other, &plain, &["NAME_MISMATCH"]),
        (&aliased, &plain, &[]),
        (&moved, &plain, &[]),
        (&list, &list, &[]),
        (&list_long, &list, &[]),
        (&list, &list_long, &["TYPE_MISMATCH"]),
        (&abc, &ab, &[]),
        (&ab, &abc, &["MISSING_ENUM_SYMBOLS"]),
        (&ab_default, &abc, &[]),
        (&fixed(4), &fixed(4), &[]),
        (&fixed(4), &fixed(8), &["FIXED_SIZE_MISMATCH"]),
        (&array(r#""long""#), &array(r#""int""#), &[]),
        (&array(r#""int""#), &array(r#""long""#), &["TYPE_MISMATCH"]),
        (&map(r#""double""#), &map(r#""float""#), &[]),
        (&map(r#""int""#), &array(r#""int""#), &["TYPE_MISMATCH"]),
        (r#"["null","string"]"#, r#""string""#, &[]),
        (r#""string""#, r#"["null","string"]"#, &["TYPE_MISMATCH"]),
        (r#"["null","string","int"]"#, r#"["string","null"]"#, &[]),
        (r#"["null","string"]"#, r#"["null","string","int"]"#, &["MISSING_UNION_BRANCH"]),
        (r#"["null","long"]"#, r#"["null","int"]"#, &[]),
        // Logical types are what is below them.
        (&decimal(3), &decimal(2), &[]),
        (&decimal(3), r#""bytes""#, &[]),
        (date, r#""int""#, &[]),
        (r#""int""#, date, &[]),
    ] {
        assert_eq!(kinds(reader, writer), expected, "{reader} reads {writer}");
    }
}

#[test]
fn differences_say_where() {
    let inner = |of: &str| {
        record(&format!(
            r#"{{"name":"a","type":{{"type":"array","items":{{"type":"record","name":"I","fields":[{{"name":"x","type":{of}}}]}}}}}}"#
        ))
    };
    let found = cannot_read(&parse(&inner(r#""int""#)), &parse(&inner(r#""string""#)));
    let [difference] = &found[..] else { panic!("{found:?}") };
    assert_eq!(difference.path, "/fields/a/items/fields/x");
    assert_eq!(difference.text, "reader type INT is not compatible with writer type STRING");
}

#[test]
fn references_are_found_by_name() {
    let referenced = |text: &str| Referenced { name: "n.R".into(), text: Arc::from(text) };
    let user = r#"{"type":"record","name":"U","namespace":"n","fields":[{"name":"r","type":"R"},{"name":"s","type":["null","n.R"]}]}"#;
    assert!(Avro::parse(user, &[], false).is_err(), "R is not there");
    let (before, _) =
        Avro::parse(user, &[referenced(&record(r#"{"name":"a","type":"int"}"#))], false).unwrap();
    let (after, _) =
        Avro::parse(user, &[referenced(&record(r#"{"name":"a","type":"string"}"#))], false).unwrap();
    assert!(cannot_read(&before, &before).is_empty());
    assert!(!cannot_read(&after, &before).is_empty());
    assert!(payload::check(&before, &[2, 2, 4]).is_ok());
    assert!(payload::check(&after, &[2, 2, 4]).is_err());
}

#[test]
fn texts_are_canonical() {
    let text = "{ \"type\" : \"string\",\n \"doc\": \"a b\" }";
    assert_eq!(Avro::parse(text, &[], false).unwrap().1, r#"{"type":"string","doc":"a b"}"#);
    assert_eq!(Avro::parse(text, &[], true).unwrap().1, r#"{"doc":"a b","type":"string"}"#);
}

#[test]
fn what_is_no_schema_is_refused() {
    for text in [
        "",
        "{",
        "12",
        r#""strin""#,
        r#"{"type":"record","name":"R"}"#,
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
        r#"{"type":"enum","name":"E","symbols":["A","A"]}"#,
        r#"["int","int"]"#,
        r#"{"type":"fixed","name":"F","size":-1}"#,
        &(r#"{"type":"array","items":"#.repeat(200) + r#""int""# + &"}".repeat(200)),
    ] {
        assert!(Avro::parse(text, &[], false).is_err(), "{text}");
    }
}

#[test]
fn payloads_are_walked_to_their_last_byte() {
    let schema = parse(&record(
        r#"{"name":"a","type":"int"},{"name":"b","type":["null","string"]},{"name":"c","type":{"type":"array","items":"boolean"}},
        {"name":"d","type":{"type":"enum","name":"E","symbols":["X","Y"]}},{"name":"e","type":{"type":"map","values":"double"}},{"name":"f","type":{"type":"fixed","name":"F","size":2}}"#,
    ));
    let good = [
        2, 2, 4, b'h', b'i', // a, b
        4, 1, 0, 0, // c: two items, end
        2, // d: Y
        1, 18, 2, b'k', 0, 0, 0, 0, 0, 0, 0, 0, 0, // e: a block with its size
        7, 8, // f
    ];
    assert_eq!(payload::check(&schema, &good), Ok(()));
    for end in 0..good.len() {
        assert!(payload::check(&schema, &good[..end]).is_err(), "cut at {end}");
    }
    let mut longer = good.to_vec();
    longer.push(0);
    for (bytes, path, what) in [
        (longer, "/", "1 bytes follow the value"),
        (with(&good, 1, 6), "/b", "branch 3 of a union of 2"),
        (with(&good, 6, 7), "/c/0", "a boolean of 7"),
        (with(&good, 9, 4), "/d", "symbol 2 of 2"),
        (with(&good, 3, 0xff), "/b", "a string is not UTF-8"),
        (vec![0xfe, 0xff, 0xff, 0xff, 0x7f], "/a", "an int has more than 32 bits"),
        (vec![0xff; 11], "/a", "a number has more than 64 bits"),
        (vec![2, 2, 1], "/b", "a length of -1"),
    ] {
        let flaw = payload::check(&schema, &bytes).expect_err("a flaw");
        assert_eq!((flaw.path().as_str(), flaw.what.as_str()), (path, what), "{bytes:?}");
    }
}

fn with(bytes: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at] = value;
    changed
}

#[test]
fn values_without_bytes_and_deep_ones_are_bounded() {
    let nulls = parse(r#"{"type":"array","items":"null"}"#);
    // Two hundred nulls, and as many as fit into 63 bits.
    assert_eq!(payload::check(&nulls, &[0x90, 0x03, 0]), Ok(()));
    let endless = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0];
    assert_eq!(payload::check(&nulls, &endless).unwrap_err().what, "too many values for its bytes");
    let list = parse(&record(r#"{"name":"next","type":["null","n.R"]}"#));
    let deep = |n: usize| [vec![2u8; n], vec![0]].concat();
    assert_eq!(payload::check(&list, &deep(50)), Ok(()));
    assert!(payload::check(&list, &deep(10_000)).unwrap_err().what.contains("nested deeper"));
}

#[test]
fn comparisons_are_bounded() {
    // A chain of names far longer than a stack.
    let chain = |count: usize| {
        let mut text = String::from("[");
        for n in 0..count {
            let of = if n == 0 { "\"int\"".into() } else { format!("\"r{}\"", n - 1) };
            let field = format!(r#"{{"name":"f","type":{of}}}"#);
            text.push_str(&format!(r#"{{"type":"record","name":"r{n}","fields":[{field}]}},"#));
        }
        text.pop();
        text + "]"
    };
    let short = parse(&chain(20));
    assert!(cannot_read(&short, &short).is_empty());
    let long = parse(&chain(5_000));
    let found = cannot_read(&long, &long);
    assert!(found.is_empty() || found[0].kind == "TOO_COMPLEX", "{found:?}");
}
