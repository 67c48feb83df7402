//! The AMQP 0-9-1 door, with RabbitMQ's extensions.
//!
//! Stands on `broker` (every messaging semantic), `net` (sockets) and `types`. Start with [`wire`], the codec.

pub mod wire;
