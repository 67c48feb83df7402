use std::sync::Arc;

use super::compare::cannot_read;
use super::*;

fn proto3(body: &str) -> String {
    format!("syntax = \"proto3\"; package p; {body}")
}

fn parse(text: &str) -> Protobuf {
    Protobuf::parse(text, &[]).unwrap_or_else(|e| panic!("{text}: {e}")).0
}

/// What is wrong when the reader reads the writer's.
fn kinds(reader: &str, writer: &str) -> Vec<&'static str> {
    cannot_read(&parse(&proto3(reader)), &parse(&proto3(writer))).into_iter().map(|d| d.kind).collect()
}

#[test]
fn schemas_fit_or_not() {
    let plain = "message M { string a = 1; }";
    for (reader, writer, expected) in [
        (plain, plain, &[][..]),
        ("message M { string a = 1; int32 b = 2; }", plain, &[]),
        (plain, "message M { string a = 1; int32 b = 2; }", &[]),
        ("message M { string other = 1; }", plain, &[]),
        ("message M { bytes a = 1; }", plain, &[]),
        ("message M { int32 a = 1; }", plain, &["FIELD_SCALAR_KIND_CHANGED"]),
        ("message M { int64 a = 1; }", "message M { uint32 a = 1; }", &[]),
        ("message M { bool a = 1; }", "message M { uint32 a = 1; }", &[]),
        ("message M { sint64 a = 1; }", "message M { int64 a = 1; }", &["FIELD_SCALAR_KIND_CHANGED"]),
        ("message M { sint64 a = 1; }", "message M { sint32 a = 1; }", &[]),
        ("message M { fixed32 a = 1; }", "message M { sfixed32 a = 1; }", &[]),
        ("message M { fixed64 a = 1; }", "message M { fixed32 a = 1; }", &["FIELD_SCALAR_KIND_CHANGED"]),
        ("message M { double a = 1; }", "message M { float a = 1; }", &["FIELD_SCALAR_KIND_CHANGED"]),
        (
            "message M { repeated int32 a = 1; }",
            "message M { int32 a = 1; }",
            &["FIELD_NUMERIC_LABEL_CHANGED"],
        ),
        ("message M { repeated string a = 1; }", plain, &[]),
        ("message N { string a = 1; }", plain, &["MESSAGE_REMOVED"]),
        ("message M { string a = 1; } message N {}", plain, &[]),
        ("message N {} message M { string a = 1; }", "message M { string a = 1; } message N {}", &[]),
        (
            "message M { N a = 1; } message N {}",
            "message M { string a = 1; } message N {}",
            &["FIELD_KIND_CHANGED"],
        ),
        (
            "message M { N a = 1; } message N {} message O {}",
            "message M { O a = 1; } message N {} message O {}",
            &["FIELD_NAMED_TYPE_CHANGED"],
        ),
        ("message M { E a = 1; } enum E { X = 0; Y = 1; }", "message M { E a = 1; } enum E { X = 0; }", &[]),
        ("message M { int32 a = 1; }", "message M { E a = 1; } enum E { X = 0; }", &[]),
        ("message M { map<string, int32> a = 1; }", "message M { map<string, int64> a = 1; }", &[]),
        (
            "message M { map<string, string> a = 1; }",
            "message M { map<string, int64> a = 1; }",
            &["FIELD_SCALAR_KIND_CHANGED"],
        ),
        ("message M { oneof o { string a = 1; } }", plain, &[]),
        (
            "message M { oneof o { string a = 1; string b = 2; } }",
            "message M { string a = 1; string b = 2; }",
            &["MULTIPLE_FIELDS_MOVED_TO_ONEOF"],
        ),
        (
            "message M { oneof o { string a = 1; string b = 2; } }",
            "message M { string a = 1; oneof o { string b = 2; } }",
            &["FIELD_MOVED_TO_EXISTING_ONEOF"],
        ),
        (
            "message M { oneof o { string a = 1; } }",
            "message M { oneof o { string a = 1; string b = 2; } }",
            &["ONEOF_FIELD_REMOVED"],
        ),
        (
            "message M { message I { int32 x = 1; } I a = 1; }",
            "message M { message I { string x = 1; } I a = 1; }",
            &["FIELD_SCALAR_KIND_CHANGED"],
        ),
        ("message M { M next = 1; }", "message M { M next = 1; }", &[]),
        (
            "message A { B b = 1; } message B { A a = 1; int32 x = 2; }",
            "message A { B b = 1; } message B { A a = 1; string x = 2; }",
            &["FIELD_SCALAR_KIND_CHANGED"],
        ),
    ] {
        assert_eq!(kinds(reader, writer), expected, "{reader} reads {writer}");
    }
    let required = parse("syntax = \"proto2\"; message M { required string a = 1; }");
    let optional = parse("syntax = \"proto2\"; message M { optional string a = 1; }");
    let empty = parse("syntax = \"proto2\"; message M { }");
    let of = |reader, writer| cannot_read(reader, writer).into_iter().map(|d| d.kind).collect::<Vec<_>>();
    assert_eq!(of(&required, &empty), ["REQUIRED_FIELD_ADDED"]);
    assert_eq!(of(&empty, &required), ["REQUIRED_FIELD_REMOVED"]);
    assert_eq!(of(&required, &optional), ["REQUIRED_FIELD_ADDED"]);
    let moved = parse("syntax = \"proto3\"; package q; message M { string a = 1; }");
    assert_eq!(of(&moved, &parse(&proto3(plain))), ["PACKAGE_CHANGED"]);
}

const EVERYTHING: &str = r#"
// A comment.
syntax = "proto2";
package all.of.it;
import "google/protobuf/descriptor.proto";
import "google/protobuf/timestamp.proto";
option java_package = "it";
extend google.protobuf.FieldOptions { optional Meta meta = 50000; optional string note = 50001; repeated int32 many = 50002; }
message Meta { optional string doc = 1; repeated string tags = 2; }
message M {
  option deprecated = true;
  reserved 8, 10 to 12, 100 to max;
  reserved "gone";
  required string a = 1 [default = "q\"\n", (note) = "n\\", json_name = "other"];
  optional E e = 2 [default = Y, deprecated = true];
  repeated int32 n = 3 [packed = true, (many) = 1, (many) = -2];
  map<string, google.protobuf.Timestamp> times = 4;
  oneof choice { string left = 5; M right = 6; }
  optional group Grp = 7 { optional bytes b = 1 [default = "\001\xff"]; }
  optional float f = 9 [default = -inf, (meta) = { doc: "d" tags: "x" tags: "y" }];
  extensions 20 to 30;
  enum E { option allow_alias = true; X = 0; Y = 5 [(word) = "w"]; Z = 5; reserved 7, 9 to max; }
  message Inner { extend M { optional double d = 21; } }
}
extend google.protobuf.EnumValueOptions { optional string word = 50003; }
service S { rpc Get (M) returns (stream M) { option deprecated = true; } rpc Put (stream M) returns (Meta); }
"#;

#[test]
fn texts_are_canonical_and_mean_the_same() {
    let (first, text) = Protobuf::parse(EVERYTHING, &[]).unwrap();
    let (second, again) = Protobuf::parse(&text, &[]).unwrap_or_else(|e| panic!("{text}\n{e}"));
    assert_eq!(text, again);
    assert_eq!(first.serialized(), second.serialized(), "{text}");
    let (third, from_bytes) = Protobuf::parse(&first.serialized(), &[]).unwrap();
    assert_eq!(text, from_bytes);
    assert_eq!(first.serialized(), third.serialized());
    let p3 = proto3("message M { optional int32 a = 1; repeated string b = 2; oneof c { bool d = 3; } }");
    let (_, text) = Protobuf::parse(&p3, &[]).unwrap();
    assert_eq!(
        text,
        "syntax = \"proto3\";\npackage p;\nmessage M {\n  optional int32 a = 1;\n  repeated string b = 2;\n  oneof c {\n    bool d = 3;\n  }\n}\n"
    );
}

#[test]
fn imports_are_references_or_known() {
    let other = Referenced {
        name: "o.proto".into(),
        text: Arc::from("syntax = \"proto3\"; package o; message O { int32 x = 1; }"),
    };
    let text = proto3("import \"o.proto\"; message M { o.O o = 1; }");
    assert!(Protobuf::parse(&text, &[]).is_err());
    assert!(Protobuf::parse(&text, &[other]).is_ok());
    assert!(
        Protobuf::parse(
            &proto3(
                "import \"google/protobuf/timestamp.proto\"; message M { google.protobuf.Timestamp t = 1; }"
            ),
            &[]
        )
        .is_ok()
    );
}

#[test]
fn what_is_no_schema_is_refused() {
    let deep = "message M {".repeat(100) + &"}".repeat(100);
    for text in [
        "message",
        "syntax = \"proto3\"; message M { string a = 1; string b = 1; }",
        "syntax = \"proto3\"; message M { Nothing a = 1; }",
        "AAAA",
        &deep,
        &"(".repeat(100_000),
    ] {
        assert!(Protobuf::parse(text, &[]).is_err(), "{text}");
    }
}

#[test]
fn payloads_are_walked() {
    let schema = parse(
        "syntax = \"proto3\"; message M { int32 a = 1; string b = 2; M next = 3; repeated int32 n = 4; double d = 5; map<string, int32> m = 6; message I {} } message N {}",
    );
    let ok = |bytes: &[u8]| payload::check(&schema, bytes);
    for bytes in [
        &[0][..],
        &[0, 8, 1],
        &[0, 18, 1, b'x', 26, 2, 8, 5],
        &[0, 34, 3, 1, 2, 3],
        &[0, 32, 1, 32, 2],
        &[0, 41, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 50, 5, 10, 1, b'k', 16, 1],
        // Fields of a later version, a group among them.
        &[0, 0x98, 6, 1, 0xa3, 6, 8, 1, 0xa4, 6],
        // The second message; the first one's first.
        &[2, 2],
        &[4, 0, 2],
    ] {
        assert_eq!(ok(bytes), Ok(()), "{bytes:?}");
    }
    for (bytes, path, what) in [
        (&[][..], "/", "it breaks off"),
        (&[2, 4], "/", "there is no message with index [2]"),
        (&[1], "/", "message index -1"),
        (&[0, 8], "/a", "it breaks off"),
        (&[0, 10, 1, 0], "/a", "wire type 2 where 0 is expected"),
        (&[0, 18, 1, 0xff], "/b", "a string is not UTF-8"),
        (&[0, 26, 2, 18, 9], "/next/b", "it breaks off"),
        (&[0, 0], "/", "field number 0"),
        (&[0, 15], "/a", "wire type 7 where 0 is expected"),
        (&[0, 12], "/", "group 1 ends and did not begin"),
        (&[0, 0xa3, 6, 8, 1], "/", "it breaks off"),
    ] {
        let flaw = ok(bytes).expect_err("a flaw");
        assert_eq!((flaw.path().as_str(), flaw.what.as_str()), (path, what), "{bytes:?}");
    }
    let mut deep = Vec::new();
    for _ in 0..1_000 {
        let mut outer = vec![26];
        let mut length = deep.len();
        while length > 127 {
            outer.push((length as u8) | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.append(&mut deep);
        deep = outer;
    }
    deep.insert(0, 0);
    assert!(ok(&deep).unwrap_err().what.contains("nested deeper"));
    let groups = [vec![0], [0xa3, 6].repeat(100_000)].concat();
    assert!(ok(&groups).is_err());
    let required = parse(
        "syntax = \"proto2\"; message M { required int32 a = 1; optional group G = 2 { required int32 b = 1; } }",
    );
    assert_eq!(payload::check(&required, &[0]).expect_err("a flaw").path(), "/a");
    assert_eq!(payload::check(&required, &[0, 8, 1, 19, 8, 1, 20]), Ok(()));
    assert_eq!(payload::check(&required, &[0, 8, 1, 19, 20]).expect_err("a flaw").path(), "/g/b");
    assert_eq!(payload::message_name(&schema, &[4, 0, 2]).as_deref(), Some("M.I"));
}
