//! Subjects and versions: registered, found, compared, deleted, and there after a crash.

use super::*;
use crate::registry::Which;
use crate::settings::ALL;
use crate::wire::LevelBody;

fn level(name: &str) -> LevelBody {
    LevelBody { compatibility: Some(name.into()), ..LevelBody::default() }
}

#[test]
fn ids_are_the_same_after_a_crash_and_never_given_again() {
    let disk = FaultDisk::new();
    let house = House::open(&disk);
    assert_eq!(house.avro("a", "\"string\""), Ok(1));
    assert_eq!(house.avro("a", " \"string\" "), Ok(1));
    assert_eq!(house.avro("b", "\"string\""), Ok(1));
    assert_eq!(house.avro("b", "\"bytes\""), Ok(2), "strings are read as bytes");
    let all = asked(json!({}));
    house.registry.delete_version("b", Which::Number(2), false).expect("softly");
    house.registry.delete_version("b", Which::Number(2), true).expect("for good");
    house.registry.set_level("b", &level("full")).expect("a level");
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.registry.versions("a", &all), Ok(vec![1]));
    assert_eq!(&*house.registry.schema(1, &all).expect("it is there").schema, "\"string\"");
    assert_eq!(code(house.registry.schema(2, &all)), 40403);
    assert_eq!(house.registry.level("b", false).map(|l| l.as_str()), Ok("FULL"));
    house.broker.snapshot().expect("a snapshot");
    drop(house);
    let house = House::open(&disk);
    assert_eq!(house.avro("b", "\"bytes\""), Ok(3));
    assert_eq!(house.avro("c", "\"string\""), Ok(1));
}

#[test]
fn new_versions_must_fit_as_the_level_says() {
    let first = record(A);
    let more = record(&format!("{A},{B_DEFAULT}"));
    let must = record(&format!("{A},{B}"));
    for (of, steps, last) in [
        // Each level, what is registered first, and what becomes of the last.
        ("BACKWARD", vec![&first, &more], Ok(())),
        ("BACKWARD", vec![&first, &must], Err(409)),
        ("BACKWARD", vec![&must, &first], Ok(())),
        ("FORWARD", vec![&first, &must], Ok(())),
        ("FORWARD", vec![&must, &first], Err(409)),
        ("FULL", vec![&first, &more], Ok(())),
        ("FULL", vec![&first, &must], Err(409)),
        ("NONE", vec![&first, &must], Ok(())),
        // The last reads the one before it, but not the first.
        ("BACKWARD", vec![&first, &more, &must], Ok(())),
        ("BACKWARD_TRANSITIVE", vec![&first, &more, &must], Err(409)),
        ("FORWARD_TRANSITIVE", vec![&must, &more, &first], Err(409)),
        ("FORWARD", vec![&must, &more, &first], Ok(())),
        ("FULL_TRANSITIVE", vec![&first, &more, &must], Err(409)),
    ] {
        let house = House::new();
        house.registry.set_level("s", &level(of)).expect("a level");
        let (new, before) = steps.split_last().expect("steps");
        for schema in before {
            house.avro("s", schema).expect("it fits");
        }
        let verdict = house.registry.would_fit("s", None, body(json!({ "schema": new })), false, true);
        let verdict = verdict.expect("compared");
        assert_eq!(verdict.is_compatible, last.is_ok(), "{of} {steps:?}");
        assert_eq!(verdict.messages.is_some_and(|m| m.is_empty()), last.is_ok(), "{of} {steps:?}");
        let registered = house.avro("s", new).map(drop).map_err(|refusal| refusal.code);
        assert_eq!(registered, last, "{of} {steps:?}");
    }
}

#[test]
fn refusals_have_the_codes_and_words_that_clients_look_for() {
    let house = House::new();
    let r = &house.registry;
    let all = asked(json!({}));
    house.avro("s", &record(A)).expect("registered");
    let refused = house.avro("s", "\"string\"").expect_err("another type");
    assert_eq!((refused.status, refused.code), (409, 409));
    let says = "Schema being registered is incompatible with an earlier schema for subject \"s\", details: [{errorType:'TYPE_MISMATCH'";
    assert!(refused.message.starts_with(says), "{}", refused.message);
    assert_eq!(r.versions("none", &all).unwrap_err().message, "Subject 'none' not found.");
    for (expected, found) in [
        (40401, code(r.versions("none", &all))),
        (40402, code(r.version("s", Which::Number(9), &all))),
        (40403, code(r.schema(9, &all))),
        (40401, code(r.look_up("none", body(json!({ "schema": "\"int\"" })), false, false))),
        (40403, code(r.look_up("s", body(json!({ "schema": "\"int\"" })), false, false))),
        (40405, code(r.delete_subject("s", true))),
        (40407, code(r.delete_version("s", Which::Number(1), true))),
        (40408, code(r.level("s", false))),
        (40409, code(r.mode("s", false))),
        (42201, code(house.avro("s", "{"))),
        (42201, code(house.avro("s", "\"nothing\""))),
        (42201, code(house.avro("s", " "))),
        (42201, code(r.register("s", body(json!({ "schema": "x", "schemaType": "XML" })), false))),
        (42202, code(Which::parse("zero"))),
        (42202, code(Which::parse("0"))),
        (42203, code(r.set_level("s", &level("UPWARD")))),
        (42204, code(r.set_mode("s", "UPSIDE", false))),
        (42205, code(r.set_mode("s", "IMPORT", false))),
        (42208, code(house.avro(":.context:s", "\"int\""))),
        (42208, code(house.avro("", "\"int\""))),
        (42209, code(house.avro("s", &format!("\"{}\"", "x".repeat(1 << 20))))),
        (42210, code(r.register("s", body(json!({ "schema": "\"int\"", "ruleSet": {} })), false))),
        (42210, code(r.schema(1, &asked(json!({ "format": "resolved" }))))),
    ] {
        assert_eq!(found, expected);
    }
    assert_eq!(r.delete_subject("s", false), Ok(vec![1]));
    for (expected, found) in [
        (40401, code(r.versions("s", &all))),
        (40404, code(r.delete_subject("s", false))),
        (40406, code(r.delete_version("s", Which::Number(1), false))),
    ] {
        assert_eq!(found, expected);
    }
    assert_eq!(r.versions("s", &asked(json!({ "deleted": "true" }))), Ok(vec![1]));
    assert!(r.schema(1, &all).is_ok(), "what was written with it can still be read");
    assert_eq!(house.avro("s", "\"string\""), Ok(2), "what is deleted is not compared with");
    assert_eq!(r.versions("s", &all), Ok(vec![2]));
    assert_eq!(r.delete_version("s", Which::Number(1), true), Ok(1));
    assert_eq!(code(r.schema(1, &all)), 40403);
}

#[test]
fn references_are_kept_and_hold_what_they_name() {
    let house = House::new();
    let r = &house.registry;
    let all = asked(json!({}));
    house.avro("r", &record(A)).expect("registered");
    let user = json!({
        "schema": r#"{"type":"record","name":"U","fields":[{"name":"r","type":"n.R"}]}"#,
        "references": [{ "name": "n.R", "subject": "r", "version": 1 }],
    });
    let mut missing = user.clone();
    missing["references"][0]["version"] = 2.into();
    assert_eq!(code(r.register("u", body(missing), false)), 42201);
    assert_eq!(r.register("u", body(user.clone()), false).map(|r| r.id), Ok(2));
    assert_eq!(r.referenced_by("r", Which::Latest), Ok(vec![2]));
    assert_eq!(r.schema(2, &all).expect("there").references[0].subject, "r".into());
    assert_eq!(code(r.delete_subject("r", false)), 42206);
    assert_eq!(code(r.delete_version("r", Which::Latest, false)), 42206);
    assert_eq!(r.look_up("u", body(user), false, false).map(|v| v.version), Ok(1));
    r.delete_subject("u", false).expect("softly");
    assert_eq!(code(r.delete_subject("r", false)), 42206, "it can come back");
    r.delete_subject("u", true).expect("for good");
    assert_eq!(r.delete_subject("r", false), Ok(vec![1]));
}

#[test]
fn modes_hold() {
    let house = House::new();
    let r = &house.registry;
    house.avro("s", "\"int\"").expect("registered");
    assert_eq!(r.set_mode("s", "readonly", false).map(|m| m.as_str()), Ok("READONLY"));
    assert_eq!(code(house.avro("s", "\"long\"")), 42205);
    assert_eq!(house.avro("s", "\"int\""), Ok(1), "it is there already");
    assert_eq!(code(r.delete_subject("s", false)), 42205);
    assert_eq!(r.delete_mode("s").map(|m| m.as_str()), Ok("READONLY"));
    r.set_mode(ALL, "READONLY", false).expect("set");
    assert_eq!(code(house.avro("s", "\"long\"")), 42205);
    r.set_mode("s", "READWRITE", false).expect("set");
    assert_eq!(house.avro("s", "\"long\""), Ok(2));
    r.set_mode(ALL, "READONLY_OVERRIDE", false).expect("set");
    assert_eq!(code(house.avro("s", "\"float\"")), 42205);
    r.delete_mode(ALL).expect("deleted");
    r.set_mode("i", "IMPORT", false).expect("it is empty");
    let import = json!({ "schema": "\"bytes\"", "id": 40, "version": 7 });
    assert_eq!(code(r.register("s", body(import.clone()), false)), 42205);
    let registered = r.register("i", body(import), false).expect("imported");
    assert_eq!((registered.id, registered.version), (40, 7));
    let taken = json!({ "schema": "\"null\"", "id": 40 });
    assert_eq!(code(r.register("i", body(taken), false)), 42205);
    assert_eq!(house.avro("s", "\"double\""), Ok(41));
}

#[test]
fn lists_are_of_what_the_caller_may_read() {
    use anymq_auth::Permissions;
    use anymq_catalog::{Change, Permission, User};

    let house = House::new();
    for subject in ["orders-value", "orders-key", "users-value"] {
        house.avro(subject, "\"string\"").expect("registered");
    }
    house.avro("users-value", "\"bytes\"").expect("registered");
    let user = User {
        name: "ann".into(),
        password: house.broker.hash_password(b"x"),
        scram: Default::default(),
        tags: Default::default(),
        limits: Default::default(),
    };
    let grant = Permissions { configure: "^$".into(), write: "^orders-".into(), read: "^orders-".into() };
    let vhost = house.registry.vhost().expect("a vhost");
    house.broker.change(Change::UserPut(user)).expect("made");
    house
        .broker
        .change(Change::PermissionPut(Permission { user: "ann".into(), vhost, grant }))
        .expect("made");
    let mut ann = house.registry.clone();
    ann.caller = Principal::of_user("ann", house.registry.caller.peer);
    let all = asked(json!({}));
    let names = |registry: &Registry, query| {
        registry.subjects(&asked(query)).expect("a list").iter().map(|s| s.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&ann, json!({})), ["orders-key", "orders-value"]);
    assert_eq!(names(&house.registry, json!({})).len(), 3);
    assert_eq!(names(&house.registry, json!({ "subjectPrefix": "users" })), ["users-value"]);
    assert_eq!(names(&house.registry, json!({ "offset": 1, "limit": 1 })), ["orders-value"]);
    assert_eq!(code(ann.versions("users-value", &all)), 40301);
    assert_eq!(code(ann.schema(2, &all)), 40403, "in the same words as if there were none");
    assert_eq!(ann.uses(1, &all).expect("some").len(), 2);
    assert!(ann.register("orders-new", body(json!({ "schema": "\"int\"" })), false).is_ok());
    assert_eq!(code(ann.register("users-new", body(json!({ "schema": "\"int\"" })), false)), 40301);
    assert_eq!(code(ann.delete_subject("orders-key", false)), 40301);
    assert_eq!(code(ann.set_level(ALL, &level("NONE"))), 40301);
    assert_eq!(code(ann.level(ALL, false)), 40301);
    assert_eq!(house.registry.schemas(&asked(json!({ "latestOnly": "true" }))).expect("some").len(), 4);
}

#[test]
fn other_languages_are_registered_in_their_canonical_form() {
    let house = House::new();
    let r = &house.registry;
    let register = |kind: &str, schema: &str| {
        let body = body(json!({ "schema": schema, "schemaType": kind }));
        r.register(&format!("{kind}-value"), body, false).map(|r| r.id)
    };
    let text = "// x\nsyntax = \"proto3\";  message M { string a = 1; }";
    assert_eq!(register("PROTOBUF", text), Ok(1));
    assert_eq!(register("PROTOBUF", &text.replace("// x", "")), Ok(1));
    let serialized = r.schema(1, &asked(json!({ "format": "serialized" }))).expect("there").schema;
    assert_eq!(register("PROTOBUF", &serialized), Ok(1));
    assert_eq!(code(register("PROTOBUF", "syntax = \"proto3\"; message M { int32 a = 1; }")), 409);
    assert_eq!(register("JSON", r#"{ "type": "string" }"#), Ok(2));
    assert_eq!(code(register("JSON", r#"{ "type": "number" }"#)), 409);
    assert_eq!(register("JSON", r#"{"type":["string","null"]}"#), Ok(3));
}
