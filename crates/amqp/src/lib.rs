//! The AMQP 0-9-1 door, with RabbitMQ's extensions.
//!
//! Stands on `broker` (every messaging semantic), `net` (sockets) and `types`. Start with `wire`, the codec; then
//! `connection` (one task per client: socket, timer, outbox), `handshake` and `session` (state machines without I/O),
//! `handlers` (one file per method) and `convert` (messages to records and back).
//!
//! **Invariants.** A publish is confirmed only when the hall says its record is on disk. A reply that needs the disk
//! holds back its own channel and no other. Nothing is sent above the negotiated frame size. What a client can make
//! this crate hold in memory has a bound, and reaching it stops the reading of that client's socket or closes it.

mod channel;
pub mod config;
mod connection;
mod convert;
mod errors;
pub mod handlers;
mod handshake;
mod names;
pub mod sasl;
mod serve;
mod session;
pub mod wire;

pub use config::Config;
pub use serve::{serve, serve_stream};
