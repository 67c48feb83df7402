//! What the operations on groups share.

use anymq_broker::GroupState;

/// Bytes of members after which further groups of a request are refused: each can be asked for many times.
pub(super) const DESCRIBED_BYTES_MAX: usize = 64 << 20;

/// Read, delete, describe, and describe and alter settings, as bits: what whoever may use a group may do with it.
pub(super) const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// A group's state, as clients call it.
pub(super) fn group_state(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "Empty",
        GroupState::PreparingRebalance => "PreparingRebalance",
        GroupState::CompletingRebalance => "CompletingRebalance",
        GroupState::Stable => "Stable",
        GroupState::Assigning => "Assigning",
        GroupState::Reconciling => "Reconciling",
    }
}
