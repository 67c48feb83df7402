//! Bounds of what one request may name. Kafka has none but the size of the request, in which there is room for ten million names.

/// Most topics, partitions and other things that an administrator's request may name; who names more is disconnected.
pub(super) const ELEMENTS_MAX: usize = 100_000;

/// Most partitions that one request can make, and that a topic can have.
pub(super) const PARTITIONS_MAX: u32 = 10_000;
