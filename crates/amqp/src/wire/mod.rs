//! AMQP 0-9-1 on the wire: bytes to borrowed frames and methods, and back. No I/O, no broker.
//!
//! ```text
//!  frame    type u8 | channel u16 | size u32 | payload, size bytes | 0xCE          all integers big-endian
//!  method   payload: class u16 | method u16 | arguments
//!  header   payload: class u16 | weight u16 = 0 | body size u64 | property block (types::props)
//!  body     payload: a piece of the body
//! ```
//!
//! [`parse_frame`] finds the next frame in a contiguous buffer and borrows from it; [`Method::decode`] reads arguments
//! in place; every method struct has `encode(channel, out)`, which appends a whole frame. Both directions of every
//! method exist, so a client can be built on this as well as a server. Sources: AMQP 0-9-1 sections 2.3, 4.2; RabbitMQ's
//! extensions (`connection.blocked`, `basic.nack`, `confirm.select`, exchange bindings, `connection.update-secret`).

mod args;
mod content;
mod error;
mod frame;
pub mod methods;

pub use content::{ContentHeader, Deliver, WholePublish, encode_body, encode_content};
pub use error::{ReplyCode, Snippet, WireError};
pub use frame::{Frame, MethodRef, Payload, encode_heartbeat, parse_frame};
pub use methods::{Encode, Method};

/// What a 0-9-1 client sends first.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// Bytes of a frame around its payload.
pub const FRAME_OVERHEAD: usize = 8;
/// Smallest frame size a peer may ask for (section 4.2.3: every peer takes 4096).
pub const FRAME_MIN_SIZE: u32 = 4096;
/// Last byte of each frame.
pub const FRAME_END: u8 = 0xCE;
/// Class id of `basic`, the only class with content.
pub const CLASS_BASIC: u16 = 60;

pub(crate) const FRAME_METHOD: u8 = 1;
pub(crate) const FRAME_HEADER: u8 = 2;
pub(crate) const FRAME_BODY: u8 = 3;
pub(crate) const FRAME_HEARTBEAT: u8 = 8;

#[cfg(test)]
mod tests;
