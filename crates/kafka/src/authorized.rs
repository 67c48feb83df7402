//! What a user may do, in the words and bits of the protocol (KIP-430).

use anymq_broker::acl::{CLUSTER, Operation, ResourceKind};

use crate::session::Cx;

/// Not asked for.
pub(crate) const UNASKED: i32 = i32::MIN;

/// What can be done to a topic.
const TOPIC: &[Operation] = &[
    Operation::Read,
    Operation::Write,
    Operation::Create,
    Operation::Delete,
    Operation::Alter,
    Operation::Describe,
    Operation::DescribeConfigs,
    Operation::AlterConfigs,
];
/// What can be done to a group.
const GROUP: &[Operation] = &[
    Operation::Read,
    Operation::Delete,
    Operation::Describe,
    Operation::DescribeConfigs,
    Operation::AlterConfigs,
];
/// What can be done to the server.
const SERVER: &[Operation] = &[
    Operation::Create,
    Operation::Alter,
    Operation::Describe,
    Operation::ClusterAction,
    Operation::DescribeConfigs,
    Operation::AlterConfigs,
    Operation::IdempotentWrite,
];

/// An operation's number (`AclOperation`).
pub(crate) fn code(operation: Operation) -> i8 {
    match operation {
        Operation::All => 2,
        Operation::Read => 3,
        Operation::Write => 4,
        Operation::Create => 5,
        Operation::Delete => 6,
        Operation::Alter => 7,
        Operation::Describe => 8,
        Operation::ClusterAction => 9,
        Operation::DescribeConfigs => 10,
        Operation::AlterConfigs => 11,
        Operation::IdempotentWrite => 12,
        Operation::CreateTokens => 13,
        Operation::DescribeTokens => 14,
        Operation::TwoPhaseCommit => 15,
    }
}

/// Bits of what the user may do to a topic, if that is asked for.
pub(crate) fn topic(cx: &Cx<'_>, name: &str, asked: bool) -> i32 {
    bits(cx, ResourceKind::Topic, name, TOPIC, asked)
}

/// The same of a group.
pub(crate) fn group(cx: &Cx<'_>, name: &str, asked: bool) -> i32 {
    bits(cx, ResourceKind::Group, name, GROUP, asked)
}

/// The same of the server.
pub(crate) fn server(cx: &Cx<'_>, asked: bool) -> i32 {
    bits(cx, ResourceKind::Cluster, CLUSTER, SERVER, asked)
}

fn bits(cx: &Cx<'_>, kind: ResourceKind, name: &str, of: &[Operation], asked: bool) -> i32 {
    if !asked {
        return UNASKED;
    }
    cx.hall.allowed(kind, name, of).into_iter().fold(0, |bits, &operation| bits | 1 << code(operation))
}
