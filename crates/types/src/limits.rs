//! Bounds on what a client can grow, named in one place.
//!
//! Each is the default; those an operator may want to move are repeated in a crate's `Config`.

/// Longest name of a queue, exchange, routing key or consumer tag, in bytes (a short string).
pub const NAME_BYTES_MAX: usize = 255;
/// Deepest nesting of typed header tables and arrays.
pub const HEADER_DEPTH_MAX: usize = 64;
/// Most values in one header table, those in nested tables and arrays counted: an owned value takes up to 56 bytes of
/// memory for two on the wire.
pub const HEADER_VALUES_MAX: usize = 16_384;
/// Largest message body, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 128 << 20;
/// Largest property block, in bytes.
pub const PROPS_BYTES_MAX: usize = 1 << 20;
/// Most messages in one chunk (one journal frame).
pub const CHUNK_MESSAGES_MAX: u32 = 256;
/// A chunk is closed at this size, in bytes; one larger message makes a chunk of its own.
pub const CHUNK_BYTES_MAX: usize = 64 << 10;
/// Undelivered bytes in one connection's outbox before its consumers are taken out of the ring.
pub const OUTBOX_BYTES_MAX: usize = 1 << 20;
/// Most queues one message can be routed to.
pub const TARGETS_MAX: usize = 65_536;
