use super::*;
use crate::{Catalog, Vhost};

const V: VhostId = VhostId(1);
const LIMITS: Limits = Limits { schemas: 3, subjects: 2, versions: 3, bytes: 100 };

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.apply(Change::VhostPut(Vhost::new(V, "/"))).unwrap();
    catalog
}

fn asked<'a>(subject: &'a str, text: &'a str) -> Register<'a> {
    Register { vhost: V, subject, kind: SchemaKind::Avro, text, references: &[], id: None, version: None }
}

fn register(catalog: &mut Catalog, r: &Register<'_>) -> Result<(u32, u32), RegisterError> {
    let next = catalog.next_ids().schema;
    let registered = catalog.schemas(V).unwrap().register(next, LIMITS, r)?;
    catalog.rehearse(&registered.changes).expect("what registering says can be made");
    for change in registered.changes {
        catalog.apply(change).unwrap();
    }
    Ok((registered.id.0, registered.version))
}

fn delete(catalog: &mut Catalog, subject: &str, version: u32) {
    let change = Change::SchemaVersionDelete { vhost: V, subject: subject.into(), version };
    assert!(catalog.apply(change.clone()).unwrap().changed);
    assert!(!catalog.apply(change).unwrap().changed, "twice like once");
}

#[test]
fn the_same_text_has_the_same_id_and_ids_are_never_given_again() {
    let mut c = catalog();
    assert_eq!(register(&mut c, &asked("a", "1")), Ok((1, 1)));
    assert_eq!(register(&mut c, &asked("a", "1")), Ok((1, 1)), "again");
    assert_eq!(register(&mut c, &asked("b", "1")), Ok((1, 1)), "another subject");
    assert_eq!(register(&mut c, &asked("a", "2")), Ok((2, 2)));
    delete(&mut c, "a", 2);
    assert!(c.schemas(V).unwrap().schema(SchemaId(2)).is_none(), "gone with its last version");
    delete(&mut c, "a", 1);
    assert!(c.schemas(V).unwrap().schema(SchemaId(1)).is_some(), "b has it");
    assert_eq!(register(&mut c, &asked("a", "2")), Ok((3, 1)));
}

#[test]
fn a_snapshot_gives_the_same_back() {
    let mut c = catalog();
    register(&mut c, &asked("a", "1")).unwrap();
    register(&mut c, &asked("a", "2")).unwrap();
    delete(&mut c, "a", 2);
    let settings = SubjectSettings {
        vhost: V,
        subject: "a".into(),
        compatibility: Some(crate::Compatibility::Full),
        normalize: None,
        mode: None,
    };
    c.apply(Change::SubjectSettingsPut(settings)).unwrap();
    let mut again = Catalog::new();
    for change in c.snapshot() {
        let json = serde_json::to_string(&change).unwrap();
        again.apply(serde_json::from_str(&json).unwrap()).unwrap();
    }
    assert_eq!(c.snapshot().collect::<Vec<_>>(), again.snapshot().collect::<Vec<_>>());
    assert_eq!(again.next_ids().schema, SchemaId(3), "the id of the deleted one is not given again");
    assert_eq!(register(&mut again, &asked("a", "2")), Ok((3, 2)));
}

#[test]
fn ids_of_data_without_schemas_begin_at_one() {
    let change: Change = serde_json::from_str(r#"{"ids":{"vhost":2,"exchange":1,"queue":1}}"#).unwrap();
    let Change::Ids(next) = change else { panic!("{change:?}") };
    assert_eq!(next.schema, SchemaId(1));
}

#[test]
fn everything_has_a_bound() {
    let full = |what, max| Err(RegisterError::Full { what, max });
    let mut c = catalog();
    for text in ["1", "2", "3"] {
        register(&mut c, &asked("a", text)).unwrap();
    }
    assert_eq!(register(&mut c, &asked("b", "4")), full("schemas", 3));
    assert_eq!(register(&mut c, &asked("b", "1")), Ok((1, 1)));
    assert_eq!(register(&mut c, &asked("c", "1")), full("subjects", 2));
    delete(&mut c, "a", 3);
    assert_eq!(register(&mut c, &asked("b", &"x".repeat(99))), full("bytes of schemas", 100));
    assert_eq!(register(&mut c, &asked("a", &"x".repeat(98))), Ok((4, 3)));
    assert_eq!(register(&mut c, &asked("a", "1")), Ok((1, 1)), "nothing new");
    let mut c = catalog();
    register(&mut c, &asked("a", "1")).unwrap();
    for version in 2..=3 {
        let asked = Register { version: Some(version), ..asked("a", "1") };
        assert_eq!(register(&mut c, &asked), Ok((1, version)));
    }
    assert_eq!(register(&mut c, &asked("a", "2")), full("versions of a subject", 3));
}

#[test]
fn ids_and_versions_can_be_brought_along() {
    let mut c = catalog();
    let with =
        |id, version, text| Register { id: Some(SchemaId(id)), version: Some(version), ..asked("a", text) };
    assert_eq!(register(&mut c, &with(70, 5, "1")), Ok((70, 5)));
    assert_eq!(register(&mut c, &with(70, 5, "1")), Ok((70, 5)));
    assert_eq!(register(&mut c, &with(70, 6, "2")), Err(RegisterError::IdTaken(SchemaId(70))));
    assert_eq!(register(&mut c, &with(71, 5, "2")), Err(RegisterError::VersionTaken(5)));
    assert_eq!(register(&mut c, &with(71, 6, "1")), Err(RegisterError::IdTaken(SchemaId(71))));
    assert_eq!(register(&mut c, &with(0, 6, "2")), Err(RegisterError::NoId));
    assert_eq!(register(&mut c, &asked("a", "2")), Ok((71, 6)));
}

#[test]
fn references_are_found_and_versions_can_be_deleted_softly() {
    let mut c = catalog();
    register(&mut c, &asked("a", "1")).unwrap();
    let to = [SchemaReference { name: "n".into(), subject: "a".into(), version: 1 }];
    let found = register(&mut c, &Register { references: &to, ..asked("b", "1") });
    assert_eq!(found, Ok((2, 1)), "another schema than the one without references");
    let schemas = c.schemas(V).unwrap();
    assert_eq!(schemas.referenced_by("a", 1).collect::<Vec<_>>(), [SchemaId(2)]);
    assert_eq!(schemas.referenced_by("a", 2).count(), 0);
    let soft = SchemaVersion { deleted: true, ..schemas.version("a", 1).unwrap().clone() };
    c.apply(Change::SchemaVersionPut(soft)).unwrap();
    assert_eq!(c.schemas(V).unwrap().uses(SchemaId(1)).count(), 1);
    assert_eq!(register(&mut c, &asked("a", "1")), Ok((1, 2)), "a new version of the same schema");
}
