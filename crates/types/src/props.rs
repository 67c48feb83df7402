//! The property block: what a message says about itself, laid out as AMQP 0-9-1 does (section 4.2.6.1, class basic).
//!
//! ```text
//!  flags u16   then, in this order, those whose bit is set (15 first); all big-endian
//!  15 content-type s   14 content-encoding s   13 headers t   12 delivery-mode u8   11 priority u8   10 correlation-id s
//!   9 reply-to s        8 expiration s          7 message-id s   6 timestamp u64     5 type s          4 user-id s
//!   3 app-id s          2 cluster-id s          1, 0 must be clear
//!  s: u8 n, n bytes     t: u32 n, a table of n bytes
//! ```
//!
//! [`Peek`] tells in one cheap pass what the publishing path needs, [`PropsRef`] reads every property in place,
//! [`Properties`] owns them, and [`Edit`] writes a changed copy of a block without decoding what does not change.

mod edit;
mod owned;
mod read;

pub use edit::Edit;
pub use owned::Properties;
pub use read::{Peek, PropsRef};

use crate::value::ValueError;

/// Presence bits, the first property's being the highest.
pub mod flag {
    /// MIME type of the body.
    pub const CONTENT_TYPE: u16 = 1 << 15;
    /// Encoding of the body.
    pub const CONTENT_ENCODING: u16 = 1 << 14;
    /// Typed headers.
    pub const HEADERS: u16 = 1 << 13;
    /// 2 is persistent, all else transient.
    pub const DELIVERY_MODE: u16 = 1 << 12;
    /// 0..=255.
    pub const PRIORITY: u16 = 1 << 11;
    /// Ties a reply to its request.
    pub const CORRELATION_ID: u16 = 1 << 10;
    /// Where to reply.
    pub const REPLY_TO: u16 = 1 << 9;
    /// Time to live in milliseconds, as decimal text.
    pub const EXPIRATION: u16 = 1 << 8;
    /// The application's id of the message.
    pub const MESSAGE_ID: u16 = 1 << 7;
    /// Seconds since the Unix epoch, as the publisher says.
    pub const TIMESTAMP: u16 = 1 << 6;
    /// The application's type of the message.
    pub const TYPE: u16 = 1 << 5;
    /// The publisher's user, checked by the broker.
    pub const USER_ID: u16 = 1 << 4;
    /// The publishing application.
    pub const APP_ID: u16 = 1 << 3;
    /// Deprecated, carried along.
    pub const CLUSTER_ID: u16 = 1 << 2;
    /// Bits no property has; bit 0 would announce a second word of flags.
    pub const RESERVED: u16 = 0b11;
}

/// A block with no properties.
pub const EMPTY: &[u8] = &[0, 0];

/// Why bytes are not a property block, or a block cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropsError {
    /// A length points past the end.
    #[error("properties are cut short")]
    Truncated,
    /// More bytes than the flags announce.
    #[error("{0} bytes after the last property")]
    Trailing(usize),
    /// A flag that no property has.
    #[error("unknown property flags {0:#06x}")]
    UnknownFlags(u16),
    /// A short string beyond 255 bytes, or a block beyond the bound.
    #[error("a property is too long to encode")]
    TooLong,
    /// The headers are not a table.
    #[error("headers: {0}")]
    Headers(#[from] ValueError),
}

#[cfg(test)]
mod tests;
