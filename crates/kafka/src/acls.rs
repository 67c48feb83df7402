//! Access rules between the wire and the hall.

use anymq_broker::acl::{AclFilter, NameFilter, NamePattern, Operation, ResourceKind};

use crate::authorized::code;

/// Says "whatever" of a filter's kind, pattern, operation or permission.
const ANY: i8 = 1;
const MATCH: i8 = 2;
const LITERAL: i8 = 3;
const PREFIXED: i8 = 4;
const DENY: i8 = 2;
const ALLOW: i8 = 3;

/// A kind's number (`ResourceType`).
pub(crate) fn kind_code(kind: ResourceKind) -> i8 {
    match kind {
        ResourceKind::Topic => 2,
        ResourceKind::Group => 3,
        ResourceKind::Cluster => 4,
        ResourceKind::TransactionalId => 5,
        ResourceKind::DelegationToken => 6,
        ResourceKind::User => 7,
    }
}

/// A pattern's number (`PatternType`).
pub(crate) fn pattern_code(pattern: NamePattern) -> i8 {
    match pattern {
        NamePattern::Literal => LITERAL,
        NamePattern::Prefixed => PREFIXED,
    }
}

/// The number of allowing or denying (`AclPermissionType`).
pub(crate) fn permission_code(allow: bool) -> i8 {
    if allow { ALLOW } else { DENY }
}

pub(crate) fn kind(number: i8) -> Option<ResourceKind> {
    ResourceKind::ALL.into_iter().find(|&kind| kind_code(kind) == number)
}

pub(crate) fn pattern(number: i8) -> Option<NamePattern> {
    [NamePattern::Literal, NamePattern::Prefixed].into_iter().find(|&one| pattern_code(one) == number)
}

pub(crate) fn operation(number: i8) -> Option<Operation> {
    Operation::ALL.into_iter().find(|&operation| code(operation) == number)
}

pub(crate) fn permission(number: i8) -> Option<bool> {
    [true, false].into_iter().find(|&allow| permission_code(allow) == number)
}

/// A filter as requests have it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) kind: i8,
    pub(crate) name: Option<&'a str>,
    pub(crate) pattern: i8,
    pub(crate) principal: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
    pub(crate) operation: i8,
    pub(crate) permission: i8,
}

impl Asked<'_> {
    /// Whether it names nothing where something must be named: Kafka closes the connection.
    pub(crate) fn is_void(&self) -> bool {
        [self.kind, self.pattern, self.operation, self.permission].contains(&0)
    }

    /// What it means; `None`: it names what there is not.
    pub(crate) fn filter(&self) -> Option<AclFilter> {
        /// `None` if the number means nothing, `Some(None)` if it means everything.
        fn one<T>(number: i8, of: impl Fn(i8) -> Option<T>) -> Option<Option<T>> {
            if number == ANY { Some(None) } else { of(number).map(Some) }
        }
        let pattern = match self.pattern {
            ANY => NameFilter::Any,
            MATCH => NameFilter::Match,
            other => NameFilter::Exact(pattern(other)?),
        };
        Some(AclFilter {
            kind: one(self.kind, kind)?,
            name: self.name.map(str::to_owned),
            pattern,
            principal: self.principal.map(str::to_owned),
            host: self.host.map(str::to_owned),
            operation: one(self.operation, operation)?,
            allow: one(self.permission, permission)?,
        })
    }
}
