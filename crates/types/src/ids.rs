//! Newtypes for every id and every point in time or in the journal.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A vhost (tenant). Never reused within a data directory.
    VhostId, u32
);
id!(
    /// A queue. Never reused within a data directory, also not after the queue's name is declared again.
    QueueId, u64
);
id!(
    /// An exchange. Never reused within a data directory.
    ExchangeId, u64
);
id!(
    /// A schema. Never reused within a data directory; positive and within 31 bits, because clients hold it in an `int`.
    SchemaId, u32
);
id!(
    /// A client connection, unique in this process.
    ConnectionId, u64
);
id!(
    /// A consumer (one subscription of one connection to one queue), unique in this process.
    ConsumerId, u64
);
id!(
    /// Place of a record in its stream: dense, never reused, never renumbered.
    Offset, u64
);
id!(
    /// Milliseconds since the Unix epoch, as the runtime's clock tells them.
    Millis, u64
);

/// A byte in the journal: segment id in the high 32 bits, offset in that segment's file in the low 32.
///
/// Positions order as frames were written; they are not contiguous across segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Position of byte `offset` in segment `segment`.
    pub const fn new(segment: u32, offset: u32) -> Self {
        Position(((segment as u64) << 32) | offset as u64)
    }

    /// The segment's id.
    pub const fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The byte offset in the segment's file.
    pub const fn offset(self) -> u32 {
        self.0 as u32
    }

    /// The position `bytes` further on in the same segment.
    pub const fn plus(self, bytes: u32) -> Self {
        Position(self.0 + bytes as u64)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment(), self.offset())
    }
}
