//! Bounds of what one request may name. Kafka has none but the size of the request, in which there is room for ten million names.

/// Most topics, partitions and other things that an administrator's request may name; who names more is disconnected.
pub(super) const ELEMENTS_MAX: usize = 100_000;

/// What a client hears that has to come again later.
pub(super) const QUOTA_EXCEEDED: &str = "The throttling quota has been exceeded.";

/// Most partitions that one request can make, and that a topic can have.
pub(super) const PARTITIONS_MAX: u32 = 10_000;
