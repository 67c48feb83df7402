//! The operations that responses say a user may do: bits by their codes (KIP-430). Of what a user sees, all are named;
//! whether one is allowed is decided when it is tried.

/// Not asked for.
pub(crate) const UNASKED: i32 = i32::MIN;

/// Read 3, Write 4, Create 5, Delete 6, Alter 7, Describe 8, DescribeConfigs 10, AlterConfigs 11.
pub(crate) const TOPIC: i32 = bits(&[3, 4, 5, 6, 7, 8, 10, 11]);
/// Create 5, Alter 7, Describe 8, ClusterAction 9, DescribeConfigs 10, AlterConfigs 11, IdempotentWrite 12.
pub(crate) const CLUSTER: i32 = bits(&[5, 7, 8, 9, 10, 11, 12]);

/// The bits of `all`, if they are asked for.
pub(crate) fn if_asked(asked: bool, all: i32) -> i32 {
    if asked { all } else { UNASKED }
}

const fn bits(codes: &[u32]) -> i32 {
    let mut bits = 0;
    let mut at = 0;
    while at < codes.len() {
        bits |= 1 << codes[at];
        at += 1;
    }
    bits
}
