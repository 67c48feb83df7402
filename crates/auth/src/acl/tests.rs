use proptest::prelude::*;

use super::*;

fn acl(
    kind: ResourceKind,
    name: &str,
    pattern: NamePattern,
    who: (&str, &str),
    what: (Operation, bool),
) -> Acl {
    Acl {
        kind,
        name: name.into(),
        pattern,
        principal: who.0.into(),
        host: who.1.into(),
        operation: what.0,
        allow: what.1,
    }
}

fn topic(name: &str, pattern: NamePattern, principal: &str, operation: Operation, allow: bool) -> Acl {
    acl(ResourceKind::Topic, name, pattern, (principal, ANY), (operation, allow))
}

fn who(user: &str) -> Who<'_> {
    Who { user, host: [10, 0, 0, 1].into() }
}

fn set(acls: impl IntoIterator<Item = Acl>) -> AclSet {
    let mut set = AclSet::default();
    for acl in acls {
        assert!(set.insert(acl.clone()) && !set.insert(acl));
    }
    set
}

#[test]
fn names_are_whole_or_begun_or_all() {
    use NamePattern::{Literal, Prefixed};
    let set = set([
        topic("orders", Literal, "User:a", Operation::Read, true),
        topic("ord", Prefixed, "User:b", Operation::Read, true),
        topic("*", Literal, "User:c", Operation::Read, true),
        topic("*", Prefixed, "User:d", Operation::Read, true),
        topic("ordé", Prefixed, "User:e", Operation::Read, true),
    ]);
    for (user, name, allowed) in [
        ("a", "orders", true),
        ("a", "orders2", false),
        ("a", "order", false),
        ("b", "ord", true),
        ("b", "orders", true),
        ("b", "or", false),
        ("c", "anything", true),
        ("c", "*", true),
        ("d", "anything", false),
        ("d", "*x", true),
        ("e", "ordéal", true),
        ("e", "ord", false),
        ("f", "orders", false),
    ] {
        let says = set.masks(who(user), ResourceKind::Topic, name).says(Operation::Read);
        assert_eq!(says, allowed.then_some(true), "{user} {name}");
        assert_eq!(set.masks(who(user), ResourceKind::Group, name), Masks::default());
    }
}

#[test]
fn denials_win_and_some_operations_imply_others() {
    use NamePattern::Literal;
    let one = |operation, allow| set([topic("t", Literal, "User:a", operation, allow)]);
    let says = |set: &AclSet, operation| set.masks(who("a"), ResourceKind::Topic, "t").says(operation);
    for operation in [Operation::Read, Operation::Write, Operation::Delete, Operation::Alter] {
        assert_eq!(says(&one(operation, true), Operation::Describe), Some(true));
        assert_eq!(says(&one(operation, false), Operation::Describe), None);
    }
    assert_eq!(says(&one(Operation::AlterConfigs, true), Operation::DescribeConfigs), Some(true));
    assert_eq!(says(&one(Operation::Create, true), Operation::Describe), None);
    assert_eq!(says(&one(Operation::DescribeConfigs, true), Operation::AlterConfigs), None);
    for operation in Operation::ALL {
        assert_eq!(says(&one(Operation::All, true), operation), Some(true));
        assert_eq!(says(&one(Operation::All, false), operation), Some(false));
    }
    let both = set([
        topic("t", Literal, "User:a", Operation::All, true),
        topic("*", Literal, "User:*", Operation::Write, false),
    ]);
    assert_eq!(says(&both, Operation::Write), Some(false));
    assert_eq!(says(&both, Operation::Read), Some(true));
}

#[test]
fn principals_are_users_and_hosts_are_addresses() {
    let allow = |principal, host| {
        acl(ResourceKind::Topic, "t", NamePattern::Literal, (principal, host), (Operation::Read, true))
    };
    for (principal, host, applies) in [
        ("User:a", "*", true),
        ("User:*", "*", true),
        ("User:b", "*", false),
        ("Group:a", "*", false),
        ("User:", "*", false),
        ("a", "*", false),
        ("User:a", "10.0.0.1", true),
        ("User:a", "::ffff:10.0.0.1", true),
        ("User:a", "10.0.0.2", false),
        ("User:a", "host.name", false),
        ("User:a", "", false),
    ] {
        let set = set([allow(principal, host)]);
        assert_eq!(set.admits(who("a")), applies, "{principal} {host}");
        assert_eq!(set.allows_any(who("a"), ResourceKind::Topic, Operation::Describe), applies);
    }
}

#[test]
fn what_covers_every_grant_leaves_none() {
    use NamePattern::{Literal, Prefixed};
    for (allow, deny, any) in [
        (("t", Literal), ("t", Literal), false),
        (("t", Literal), ("*", Literal), false),
        (("t", Literal), ("t", Prefixed), false),
        (("tx", Prefixed), ("t", Prefixed), false),
        (("t", Prefixed), ("tx", Prefixed), true),
        (("t", Prefixed), ("t", Literal), true),
        (("*", Literal), ("t", Prefixed), true),
    ] {
        let set = set([
            topic(allow.0, allow.1, "User:a", Operation::Write, true),
            topic(deny.0, deny.1, "User:a", Operation::Write, false),
        ]);
        assert_eq!(
            set.allows_any(who("a"), ResourceKind::Topic, Operation::Write),
            any,
            "{allow:?} {deny:?}"
        );
        assert!(set.denies_any(who("a"), ResourceKind::Topic, Operation::Write));
        assert!(!set.denies_any(who("b"), ResourceKind::Topic, Operation::Write));
    }
}

#[test]
fn rules_that_are_refused() {
    let long = "a".repeat(NAME_BYTES_MAX + 1);
    let check = |kind, name: &str, principal: &str| {
        acl(kind, name, NamePattern::Literal, (principal, ANY), (Operation::Read, true)).check()
    };
    assert_eq!(check(ResourceKind::Topic, "t", "User:a"), Ok(()));
    assert_eq!(check(ResourceKind::Topic, "", "User:a"), Err(AclFault::NoName));
    assert_eq!(check(ResourceKind::Cluster, "x", "User:a"), Err(AclFault::Cluster));
    assert_eq!(check(ResourceKind::Cluster, CLUSTER, "User:a"), Ok(()));
    assert_eq!(check(ResourceKind::Topic, "t", "a"), Err(AclFault::Principal("a".into())));
    assert_eq!(check(ResourceKind::Topic, &long, "User:a"), Err(AclFault::TooLong));
}

fn any_acl() -> impl Strategy<Value = Acl> {
    let names = prop::sample::select(vec!["*", "a", "ab", "abc", "b"]);
    let principals = prop::sample::select(vec!["User:*", "User:a", "User:b"]);
    let operations = prop::sample::select(Operation::ALL.to_vec());
    (names, any::<bool>(), principals, operations, any::<bool>()).prop_map(
        |(name, literal, principal, operation, allow)| {
            let pattern = if literal { NamePattern::Literal } else { NamePattern::Prefixed };
            topic(name, pattern, principal, operation, allow)
        },
    )
}

proptest! {
    /// The index says what going through all rules says.
    #[test]
    fn the_index_says_what_the_rules_say(
        acls in prop::collection::btree_set(any_acl(), 0..12),
        gone in prop::collection::vec(any_acl(), 0..4),
    ) {
        let mut index = set(acls.clone());
        let mut acls: Vec<Acl> = acls.into_iter().collect();
        for acl in gone {
            let before = acls.len();
            acls.retain(|other| *other != acl);
            prop_assert_eq!(index.remove(&acl), acls.len() < before);
        }
        prop_assert_eq!(index.len(), acls.len());
        prop_assert_eq!(index.iter().count(), acls.len());
        for name in ["a", "ab", "abc", "abcd", "b", "c", "*"] {
            for operation in Operation::ALL {
                let takes = |acl: &&Acl| match acl.pattern {
                    NamePattern::Literal => &*acl.name == "*" || &*acl.name == name,
                    NamePattern::Prefixed => name.starts_with(&*acl.name),
                };
                let own = || acls.iter().filter(takes).filter(|acl| ["User:*", "User:a"].contains(&&*acl.principal));
                let named = |acl: &&Acl| acl.operation == Operation::All || acl.operation == operation;
                let implied = |acl: &&Acl| {
                    use Operation::{Alter, AlterConfigs, Delete, Describe, DescribeConfigs, Read, Write};
                    named(acl)
                        || operation == Describe && [Read, Write, Delete, Alter].contains(&acl.operation)
                        || operation == DescribeConfigs && acl.operation == AlterConfigs
                };
                let expected = match own().filter(|acl| !acl.allow).any(|acl| named(&acl)) {
                    true => Some(false),
                    false => own().filter(|acl| acl.allow).any(|acl| implied(&acl)).then_some(true),
                };
                let says = index.masks(who("a"), ResourceKind::Topic, name).says(operation);
                prop_assert_eq!(says, expected, "{} {:?} {:?}", name, operation, acls);
            }
        }
    }
}
