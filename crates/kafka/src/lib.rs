//! The Kafka door.
//!
//! Stands on `broker` (every messaging semantic), `batch` (how records are stored), `net` (sockets) and `types`. Start with
//! `wire`, the codec; then `connection` (one task per client: socket, timer, outbox), `handshake` and `session` (state
//! machines without I/O), and `handlers`: the table of operations, and one file for each.
//!
//! **Invariants.** No length and no count that a client sends makes this crate allocate: messages are read in place,
//! arrays as they are walked. What the table offers can be decoded and is answered. Responses leave in the order of
//! their requests; what says that something is stored leaves when the hall says it is on disk. What a client can make
//! this crate hold in memory has a bound, and reaching it stops the reading of that client's socket or closes it.

mod acls;
mod authorized;
pub mod config;
mod configs;
mod connection;
mod convert;
mod errors;
pub mod handlers;
mod handshake;
mod names;
mod output;
mod peer;
pub mod sasl;
mod serve;
mod session;
mod topics;
pub mod wire;

pub use config::Config;
pub use serve::{Node, serve, serve_stream};
