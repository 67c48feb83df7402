//! Schemas that clients register, and payloads that they send: the first byte is the language, a zero byte ends the schema.

#![allow(unreachable_pub, reason = "a test takes this file in as a module of its own")]

use anymq_catalog::SchemaKind;
use anymq_registry::examine;

/// Bytes that a schema may hold besides four times its input: compiled patterns, the descriptors of known imports.
pub const BASE: usize = 64 << 20;

const KINDS: [SchemaKind; 3] = [SchemaKind::Avro, SchemaKind::Json, SchemaKind::Protobuf];

/// A canonical text is its own.
pub fn schemas(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let (schema, payload) = match rest.iter().position(|byte| *byte == 0) {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (rest, &b""[..]),
    };
    let Ok(schema) = std::str::from_utf8(schema) else { return };
    let Ok(first) = examine(kind, schema, payload) else { return };
    let again = examine(kind, &first.canonical, payload);
    let again = again.unwrap_or_else(|why| panic!("{:?} does not parse: {why}", first.canonical));
    assert_eq!(first.canonical, again.canonical, "of {schema:?}");
    assert_eq!(first.flaw, again.flaw, "of {schema:?}");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let avro: [(&str, &[u8]); 5] = [
        (
            r##"{"type":"record","name":"R","namespace":"n","aliases":["S"],"fields":[{"name":"a","type":"int","default":1},{"name":"b","type":["null","R"]},{"name":"c","type":{"type":"map","values":"bytes"}}]}"##,
            &[2, 2, 4, 0, 0, 2, 2, b'k', 2, 1, 0],
        ),
        (r##"{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}"##, &[2]),
        (r##"{"type":"array","items":{"type":"fixed","name":"F","size":2}}"##, &[2, 1, 2, 0]),
        (r##"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"##, &[2, 9]),
        (r##"["null",{"type":"string","logicalType":"uuid"},"double"]"##, &[2, 2, b'x']),
    ];
    let json: [(&str, &[u8]); 5] = [
        (
            r##"{"$schema":"http://json-schema.org/draft-07/schema#","title":"T","type":"object","properties":{"a":{"type":"integer","minimum":0},"b":{"$ref":"#/definitions/d"}},"required":["a"],"additionalProperties":false,"definitions":{"d":{"type":"string","pattern":"^x+$","maxLength":9}}}"##,
            br#"{"a":1,"b":"xx"}"#,
        ),
        (
            r##"{"oneOf":[{"type":"string"},{"type":"array","items":{"$ref":"#"},"uniqueItems":true}],"not":{"const":"no"}}"##,
            br#"["a",["b"]]"#,
        ),
        (
            r##"{"allOf":[{"enum":[1,"a",null]},{"if":{"type":"string"},"then":{"minLength":1}}],"dependencies":{"a":["b"]}}"##,
            b"null",
        ),
        ("true", b"{}"),
        (
            r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"multipleOf":0.5}],"patternProperties":{"^a":false},"$defs":{"x":{"$anchor":"y"}},"contains":{"$ref":"#y"}}"##,
            b"[1.5]",
        ),
    ];
    let proto: [(&str, &[u8]); 3] = [
        (
            "syntax = \"proto3\"; package p; import \"google/protobuf/timestamp.proto\"; message M { int32 a = 1; repeated M b = 2; map<string, double> c = 3; oneof o { google.protobuf.Timestamp t = 4; E e = 5; } enum E { X = 0; } reserved 9; }",
            &[0, 8, 1, 18, 2, 8, 2],
        ),
        (
            "syntax = \"proto2\"; message M { required string a = 1 [default = \"x\\n\"]; optional group G = 2 { optional bytes b = 1; } extensions 5 to max; } extend M { optional float f = 5 [packed = false]; } service S { rpc R (M) returns (stream M); }",
            &[0, 10, 1, b'x', 19, 20],
        ),
        ("Cgd0LnByb3RvEgFwIhEKAU0SDAoBYRgBIAEoBVIBYWIGcHJvdG8z", &[0, 8, 1]),
    ];
    let all = [&avro[..], &json[..], &proto[..]];
    let seeds = all.iter().enumerate().flat_map(|(kind, seeds)| {
        seeds.iter().map(move |(schema, payload)| [&[kind as u8], schema.as_bytes(), &[0], payload].concat())
    });
    seeds.collect()
}
