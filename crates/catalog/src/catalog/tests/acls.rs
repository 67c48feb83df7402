use anymq_auth::acl::{Acl, NamePattern, Operation, ResourceKind};

use super::*;

fn acl(name: &str, principal: &str) -> Acl {
    Acl {
        kind: ResourceKind::Topic,
        name: name.into(),
        pattern: NamePattern::Literal,
        principal: principal.into(),
        host: "*".into(),
        operation: Operation::Read,
        allow: true,
    }
}

fn put(names: impl IntoIterator<Item = String>) -> Change {
    let acls = names.into_iter().map(|name| acl(&name, "User:alice")).collect();
    Change::AclsPut { vhost: VHOST, acls }
}

#[test]
fn rules_last_and_go_with_their_user_and_vhost() {
    let mut catalog = catalog();
    let mut journal: Vec<Change> = Catalog::initial_changes();
    let mut make = |catalog: &mut Catalog, change| {
        let steps = commit(catalog, change);
        journal.extend(steps.iter().filter(|step| step.durable).map(|step| step.change.clone()));
        steps.len()
    };
    make(&mut catalog, Change::UserPut(user("alice")));
    assert_eq!(make(&mut catalog, put((0..600).map(|n| format!("t{n}")))), 1);
    assert_eq!(make(&mut catalog, put(["t1".to_owned()])), 0, "it is there");
    let bob = Change::AclsPut { vhost: VHOST, acls: vec![acl("t", "User:bob")] };
    assert_eq!(make(&mut catalog, bob), 1);
    let one = Change::AclsDelete { vhost: VHOST, acls: vec![acl("t1", "User:alice"), acl("none", "User:x")] };
    assert_eq!((make(&mut catalog, one.clone()), make(&mut catalog, one)), (1, 0));
    assert_eq!(catalog.acls(VHOST).len(), 600);

    assert_eq!(durable_state(&recovered(&journal)), durable_state(&catalog));
    let snapshot: Vec<Change> = catalog.snapshot().collect();
    assert_eq!(recovered(&snapshot).acls(VHOST), catalog.acls(VHOST));

    commit(&mut catalog, Change::UserDelete { name: "alice".into() });
    assert_eq!(catalog.acls(VHOST).iter().collect::<Vec<_>>(), [&acl("t", "User:bob")]);
    commit(&mut catalog, Change::VhostDelete { id: VHOST });
    assert!(catalog.acls(VHOST).is_empty());
}

#[test]
fn rules_are_checked_and_bounded() {
    let mut catalog = catalog();
    let bad = Change::AclsPut { vhost: VHOST, acls: vec![acl("t", "nobody")] };
    assert!(matches!(catalog.apply(bad), Err(ChangeError::Acl(_))));
    assert!(matches!(
        catalog.apply(Change::AclsPut { vhost: VhostId(9), acls: vec![] }),
        Err(ChangeError::NoVhost(_))
    ));
    commit(&mut catalog, put((0..ACLS_MAX).map(|n| format!("t{n}"))));
    let more = put(["another".to_owned()]);
    assert_eq!(catalog.rehearse(std::slice::from_ref(&more)), Err(ChangeError::TooManyAcls));
    assert_eq!(catalog.apply(more), Err(ChangeError::TooManyAcls));
    assert_eq!(catalog.acls(VHOST).len(), ACLS_MAX);
}
