//! Which rules are meant.

use super::{ANY, Acl, NamePattern, Operation, ResourceKind};

/// How the name of a filter is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFilter {
    /// With the name of the rule, whatever its pattern.
    Any,
    /// As a resource's: rules that take it in.
    Match,
    /// With the name of rules of that pattern.
    Exact(NamePattern),
}

/// What is not set matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclFilter {
    /// Of which kind the rule's resources are.
    pub kind: Option<ResourceKind>,
    /// A name.
    pub name: Option<String>,
    /// How it is compared.
    pub pattern: NameFilter,
    /// To whom the rule applies.
    pub principal: Option<String>,
    /// From where.
    pub host: Option<String>,
    /// What it is about.
    pub operation: Option<Operation>,
    /// Whether it allows.
    pub allow: Option<bool>,
}

impl AclFilter {
    /// Whether a rule is meant.
    pub fn takes(&self, acl: &Acl) -> bool {
        self.kind.is_none_or(|kind| kind == acl.kind)
            && self.takes_name(acl)
            && self.principal.as_deref().is_none_or(|principal| principal == &*acl.principal)
            && self.host.as_deref().is_none_or(|host| host == &*acl.host)
            && self.operation.is_none_or(|operation| operation == acl.operation)
            && self.allow.is_none_or(|allow| allow == acl.allow)
    }

    fn takes_name(&self, acl: &Acl) -> bool {
        if let NameFilter::Exact(pattern) = self.pattern
            && pattern != acl.pattern
        {
            return false;
        }
        let Some(name) = &self.name else { return true };
        match (self.pattern, acl.pattern) {
            (NameFilter::Match, NamePattern::Literal) => *name == *acl.name || &*acl.name == ANY,
            (NameFilter::Match, NamePattern::Prefixed) => name.starts_with(&*acl.name),
            (NameFilter::Any | NameFilter::Exact(_), _) => *name == *acl.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_asked() {
        use NamePattern::{Literal, Prefixed};
        let rules = [("t", Literal), ("*", Literal), ("t", Prefixed), ("tx", Prefixed), ("*", Prefixed)];
        for (name, pattern, expected) in [
            (None, NameFilter::Any, [true; 5]),
            (None, NameFilter::Match, [true; 5]),
            (None, NameFilter::Exact(Prefixed), [false, false, true, true, true]),
            (Some("t"), NameFilter::Any, [true, false, true, false, false]),
            (Some("t"), NameFilter::Exact(Literal), [true, false, false, false, false]),
            (Some("t"), NameFilter::Match, [true, true, true, false, false]),
            (Some("txy"), NameFilter::Match, [false, true, true, true, false]),
        ] {
            let filter = AclFilter {
                kind: None,
                name: name.map(str::to_owned),
                pattern,
                principal: None,
                host: None,
                operation: None,
                allow: None,
            };
            let taken = rules.map(|(name, pattern)| {
                filter.takes(&Acl {
                    kind: ResourceKind::Topic,
                    name: name.into(),
                    pattern,
                    principal: "User:a".into(),
                    host: ANY.into(),
                    operation: Operation::Read,
                    allow: true,
                })
            });
            assert_eq!(taken, expected, "{name:?} {pattern:?}");
        }
    }
}
