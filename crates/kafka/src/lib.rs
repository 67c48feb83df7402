//! The Kafka door.
//!
//! So far its codec: start with `wire`, then `handlers` (the table of operations).
//!
//! **Invariants.** No length and no count that a client sends makes this crate allocate: messages are read in place,
//! arrays as they are walked. What the table offers can be decoded.

pub mod handlers;
pub mod wire;
