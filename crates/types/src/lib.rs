//! Plain data shared by every crate: ids, positions, headers, properties, the record layout, limits.
//!
//! Stands on nothing of ours. Start with [`record`], the one layout a message has from socket to disk to socket.
//! No I/O, no async, no protocol.

pub mod ids;
pub mod limits;
pub mod props;
pub mod record;
pub mod units;
pub mod value;

pub use ids::{ConnectionId, ConsumerId, ExchangeId, Millis, Offset, Position, QueueId, SchemaId, VhostId};
pub use units::ByteSize;
