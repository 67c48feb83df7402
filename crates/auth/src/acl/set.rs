//! Many rules, to be asked quickly.

use std::collections::{BTreeMap, BTreeSet};

use super::{ANY, Acl, NamePattern, Operation, ResourceKind, Who};

/// What rules say of one resource to one user: a bit for each operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    allowed: u16,
    denied: u16,
}

impl Masks {
    /// What is said of an operation; `None`: nothing.
    pub fn says(self, operation: Operation) -> Option<bool> {
        match operation.bit() {
            bit if self.denied & bit != 0 => Some(false),
            bit if self.allowed & bit != 0 => Some(true),
            _ => None,
        }
    }

    fn add(&mut self, acl: &Acl) {
        match acl.allow {
            true => self.allowed |= acl.operation.allows(),
            false => self.denied |= acl.operation.denies(),
        }
    }
}

/// The rules of a vhost. A question costs a look-up for the name and for each of its beginnings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclSet {
    rules: BTreeMap<(ResourceKind, NamePattern), BTreeMap<Box<str>, BTreeSet<Acl>>>,
    len: usize,
}

impl AclSet {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Acl> {
        self.rules.values().flat_map(BTreeMap::values).flatten()
    }

    /// Adds one; whether it was not there.
    pub fn insert(&mut self, acl: Acl) -> bool {
        let by_name = self.rules.entry((acl.kind, acl.pattern)).or_default();
        let added = by_name.entry((*acl.name).into()).or_default().insert(acl);
        self.len += usize::from(added);
        added
    }

    /// Takes one away; whether it was there.
    pub fn remove(&mut self, acl: &Acl) -> bool {
        let Some(by_name) = self.rules.get_mut(&(acl.kind, acl.pattern)) else { return false };
        let Some(rules) = by_name.get_mut(&*acl.name) else { return false };
        let removed = rules.remove(acl);
        if rules.is_empty() {
            by_name.remove(&*acl.name);
        }
        self.len -= usize::from(removed);
        removed
    }

    /// What is said of a resource.
    pub fn masks(&self, who: Who<'_>, kind: ResourceKind, name: &str) -> Masks {
        let mut masks = Masks::default();
        self.matching(kind, name).filter(|acl| acl.applies(who)).for_each(|acl| masks.add(acl));
        masks
    }

    /// The rules whose pattern takes in a resource.
    pub fn matching<'s>(&'s self, kind: ResourceKind, name: &'s str) -> impl Iterator<Item = &'s Acl> {
        let of = |pattern| self.rules.get(&(kind, pattern));
        let literal = of(NamePattern::Literal);
        let all = literal.filter(|_| name != ANY).and_then(|by_name| by_name.get(ANY));
        let whole = literal.and_then(|by_name| by_name.get(name));
        let beginnings = of(NamePattern::Prefixed).into_iter().flat_map(move |by_name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.filter_map(|end| by_name.get(&name[..end]))
        });
        all.into_iter().chain(whole).chain(beginnings).flatten()
    }

    /// Whether a user is allowed anything at all, be it denied elsewhere.
    pub fn admits(&self, who: Who<'_>) -> bool {
        self.iter().any(|acl| acl.allow && acl.applies(who))
    }

    /// Whether a user is allowed an operation on some resource of a kind which nothing denies as a whole.
    pub fn allows_any(&self, who: Who<'_>, kind: ResourceKind, operation: Operation) -> bool {
        let bit = operation.bit();
        let own = || self.iter().filter(move |acl| acl.kind == kind && acl.applies(who));
        let covers = |deny: &Acl, allow: &Acl| match (deny.pattern, allow.pattern) {
            (NamePattern::Literal, _) if &*deny.name == ANY => true,
            (NamePattern::Literal, NamePattern::Literal) => deny.name == allow.name,
            (NamePattern::Literal, NamePattern::Prefixed) => false,
            (NamePattern::Prefixed, _) => &*allow.name != ANY && allow.name.starts_with(&*deny.name),
        };
        let denies: Vec<&Acl> = own().filter(|acl| !acl.allow && acl.operation.denies() & bit != 0).collect();
        own()
            .filter(|acl| acl.allow && acl.operation.allows() & bit != 0)
            .any(|allow| !denies.iter().any(|deny| covers(deny, allow)))
    }

    /// Whether a user is denied an operation on any resource of a kind.
    pub fn denies_any(&self, who: Who<'_>, kind: ResourceKind, operation: Operation) -> bool {
        let mut all = self.iter().filter(|acl| acl.kind == kind && !acl.allow && acl.applies(who));
        all.any(|acl| acl.operation.denies() & operation.bit() != 0)
    }
}
