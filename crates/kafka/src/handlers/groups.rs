//! What the operations on groups share.

use anymq_broker::GroupState;

/// Bytes of members after which further groups of a request are refused: each can be asked for many times.
pub(super) const DESCRIBED_BYTES_MAX: usize = 64 << 20;

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
