//! The storage encoding **kafka-v2**: runs of records as a Kafka producer writes them, in a *record batch* of magic 2.
//!
//! This is an encoding of what is stored, like the canonical records of `types::record`, and not a wire type: the
//! bytes that a producer sent are the bytes in the journal and the bytes that a consumer gets. It therefore lives
//! below the broker, which may look into a batch without knowing of requests and responses. Stands on nothing of ours.
//!
//! Where to start: [`BatchHeader`] for the layout, [`validate`] for what a client may store, [`Records`] for what is
//! inside, [`BatchBuilder`] to make one, [`retain`] for compaction.
//!
//! ```text
//!  0             8        12             16      17     21           23                  27
//!  +-------------+--------+--------------+-------+------+------------+-------------------+----
//!  | base offset | length | leader epoch | magic | crc  | attributes | last offset delta | …
//!  | i64         | i32    | i32          | i8 =2 | u32  | i16        | i32               |
//!  +-------------+--------+--------------+-------+------+------------+-------------------+----
//!  27               35              43            51               53              57      61
//!  +----------------+---------------+-------------+----------------+---------------+-------+---------
//!  | base timestamp | max timestamp | producer id | producer epoch | base sequence | count | records
//!  | i64 ms         | i64 ms        | i64         | i16            | i32           | i32   |
//!  +----------------+---------------+-------------+----------------+---------------+-------+---------
//! ```
//!
//! All integers are big-endian. `length` counts the bytes after itself, `crc` is the CRC-32C of everything from the
//! attributes on. So the two fields that a broker writes, base offset and leader epoch, need no new checksum. The
//! records are one compressed stream, or follow each other as they are. Sources: the Kafka protocol guide ("Record
//! Batch"), KIP-98 (the layout), KIP-534 (delete horizon), KIP-110 (zstd).
//!
//! Invariants:
//! * Nothing here panics on bytes, whoever wrote them; what a stranger claims is checked before memory is taken for it.
//! * Decompressed bytes are bounded by the caller, and so is the memory that reading takes.
//! * A batch that was compacted stands for the same offsets and sequence numbers as before.

mod builder;
mod codec;
mod control;
mod fault;
mod find;
mod header;
mod reader;
mod record;
mod retain;
mod validate;
mod varint;

pub use builder::{BatchBuilder, Head, rebuild};
pub use codec::{Codec, Compression};
pub use control::{Control, marker};
pub use fault::{Fault, Part, RecordFault, RecordFaults};
pub use find::{Stamped, first_since, latest};
pub use header::{
    Attributes, BatchHeader, HEADER_BYTES, Stamp, TimestampType, first_size, next_sequence, set_base_offset,
    set_leader_epoch, set_log_append_time, set_stamp,
};
pub use reader::Records;
pub use record::{Header, Headers, Record};
pub use retain::{Retain, Retained, retain};
pub use validate::{Checked, Rules, Scan, Timestamps, validate};

/// Most bytes that a batch may decompress to, unless a caller says otherwise: what fits into the largest request.
pub const DECOMPRESSED_BYTES_MAX: usize = 100 << 20;
/// Says "no timestamp" in a record or a header (Kafka's `NO_TIMESTAMP`).
pub const NO_TIMESTAMP: i64 = -1;
/// Says "no producer id" in a header.
pub const NO_PRODUCER_ID: i64 = -1;
/// Says "no producer epoch" in a header.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// Says "no sequence number" in a header.
pub const NO_SEQUENCE: i32 = -1;
