//! What can be wrong with a batch, and which of Kafka's errors says so.

use std::fmt;

use crate::codec::Codec;

/// What is wrong with a batch. The text names the thing and the number; [`Fault::code`] is Kafka's error code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Fewer bytes than a header, or than the header says there are.
    #[error("record batch is cut short: {have} of {need} bytes")]
    Cut { have: usize, need: usize },
    /// Bytes after the batch: a request has exactly one for each partition.
    #[error("{0} bytes after the record batch: there may be only one batch")]
    Trailing(usize),
    /// The length field says less than a header.
    #[error("record batch has an impossible length of {0} bytes")]
    Length(i32),
    /// Not magic 2.
    #[error("record batch has magic {0}, only 2 is supported")]
    Magic(i8),
    /// The CRC-32C does not match.
    #[error("record batch is corrupt: stored crc {stored:#010x}, computed crc {computed:#010x}")]
    Checksum { stored: u32, computed: u32 },
    /// Larger than the topic allows.
    #[error("record batch has {bytes} bytes, more than the maximum of {max}")]
    TooLarge { bytes: usize, max: usize },
    /// A client's batch starts at 0.
    #[error("base offset of a produced record batch must be 0, not {0}")]
    BaseOffset(i64),
    /// A client's batch stands for as many offsets as it has records.
    #[error("record batch has {count} records but a last offset delta of {last_offset_delta}")]
    Count { count: i32, last_offset_delta: i32 },
    /// A client wrote a control batch.
    #[error("clients may not write control records")]
    Control,
    /// A producer id without a sequence number.
    #[error("invalid sequence number {sequence} in a record batch of producer {producer_id}")]
    Sequence { producer_id: i64, sequence: i32 },
    /// Part of a transaction, but of nobody's.
    #[error("transactional record batch without a producer id ({0})")]
    NoProducer(i64),
    /// Attributes name a compression that does not exist.
    #[error("unknown compression type {0}")]
    UnknownCodec(u8),
    /// zstd in a request of a version that does not know it.
    #[error("compression zstd needs a newer request version")]
    ZstdNotAllowed,
    /// A producer claims that the broker set its timestamps.
    #[error("producers may not set the timestamp type to LogAppendTime")]
    TimestampType,
    /// The batch's timestamp is too far in the past or in the future.
    #[error("timestamp {timestamp} is out of range, it should be within [{from}, {to}]")]
    Timestamp { timestamp: i64, from: i64, to: i64 },
    /// Some records are not what the topic takes.
    #[error("{0}")]
    Records(RecordFaults),
    /// A record that is not one.
    #[error("record {index}: invalid {part}: {number}")]
    Malformed { index: u32, part: Part, number: i64 },
    /// A record ends before it should.
    #[error("record {index}: cut short in {part}")]
    RecordCut { index: u32, part: Part },
    /// Fewer bytes than the records that the header counts.
    #[error("record batch ends after {read} of {count} records")]
    TooFew { read: u32, count: i32 },
    /// More bytes than the records that the header counts.
    #[error("bytes are left after the {0} records of the batch")]
    TooMany(i32),
    /// The compressed bytes are not what the codec writes.
    #[error("{codec} stream cannot be decompressed: {reason}")]
    Decompress { codec: Codec, reason: String },
    /// More bytes than the reader wants to hold.
    #[error("record batch decompresses to more than {0} bytes")]
    Bomb(usize),
    /// A record whose offset the batch cannot say.
    #[error("offset {offset} cannot be in a batch whose last offset was {last}")]
    Order { offset: i64, last: i64 },
    /// The compressor failed.
    #[error("cannot compress with {codec}: {reason}")]
    Compress { codec: Codec, reason: String },
}

impl Fault {
    /// Kafka's error code (protocol guide, "Error Codes").
    pub fn code(&self) -> i16 {
        const UNKNOWN_SERVER_ERROR: i16 = -1;
        const CORRUPT_MESSAGE: i16 = 2;
        const MESSAGE_TOO_LARGE: i16 = 10;
        const INVALID_TIMESTAMP: i16 = 32;
        const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
        const INVALID_RECORD: i16 = 87;
        match self {
            Fault::Length(_) | Fault::Checksum { .. } => CORRUPT_MESSAGE,
            // Formats that were once are recognised, and refused; what never was is damage.
            Fault::Magic(0 | 1) => INVALID_RECORD,
            Fault::Magic(_) => CORRUPT_MESSAGE,
            // A client splits a batch that is too large, which is what helps here.
            Fault::TooLarge { .. } | Fault::Bomb(_) => MESSAGE_TOO_LARGE,
            Fault::UnknownCodec(_) | Fault::ZstdNotAllowed => UNSUPPORTED_COMPRESSION_TYPE,
            Fault::TimestampType | Fault::Timestamp { .. } => INVALID_TIMESTAMP,
            Fault::Records(faults) if faults.timestamps => INVALID_TIMESTAMP,
            // What does not decompress stays so: an error that makes clients try again, as "corrupt" does, is no use.
            Fault::Records(_)
            | Fault::Cut { .. }
            | Fault::Trailing(_)
            | Fault::BaseOffset(_)
            | Fault::Count { .. }
            | Fault::Control
            | Fault::Sequence { .. }
            | Fault::NoProducer(_)
            | Fault::Malformed { .. }
            | Fault::RecordCut { .. }
            | Fault::TooFew { .. }
            | Fault::TooMany(_)
            | Fault::Decompress { .. } => INVALID_RECORD,
            // Nothing that a client did.
            Fault::Order { .. } | Fault::Compress { .. } => UNKNOWN_SERVER_ERROR,
        }
    }
}

/// The part of a record that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The record's length, or its bytes against it.
    Length,
    /// The attributes byte.
    Attributes,
    /// The timestamp delta.
    Timestamp,
    /// The offset delta.
    Offset,
    /// The key or its length.
    Key,
    /// The value or its length.
    Value,
    /// The number of headers.
    HeaderCount,
    /// A header's key or its length.
    HeaderKey,
    /// A header's value or its length.
    HeaderValue,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Length => "length",
            Part::Attributes => "attributes",
            Part::Timestamp => "timestamp delta",
            Part::Offset => "offset delta",
            Part::Key => "key",
            Part::Value => "value",
            Part::HeaderCount => "number of headers",
            Part::HeaderKey => "header key",
            Part::HeaderValue => "header value",
        })
    }
}

/// Why a topic does not take a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// A compacted topic needs a key.
    #[error("compacted topic cannot accept message without key")]
    NoKey,
    /// Too far in the past or in the future.
    #[error("timestamp {timestamp} is out of range, it should be within [{from}, {to}]")]
    Timestamp { timestamp: i64, from: i64, to: i64 },
}

/// The records that a topic does not take, as the Produce response lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFaults {
    /// Index in the batch and reason; the first 100 (`FAULTS_MAX`).
    pub listed: Vec<(u32, RecordFault)>,
    /// How many there are.
    pub total: u32,
    /// Whether one of them is a timestamp.
    pub timestamps: bool,
}

/// Most faults listed for one batch.
const FAULTS_MAX: usize = 100;

impl RecordFaults {
    pub(crate) fn push(&mut self, index: u32, fault: RecordFault) {
        self.total += 1;
        self.timestamps |= matches!(fault, RecordFault::Timestamp { .. });
        if self.listed.len() < FAULTS_MAX {
            self.listed.push((index, fault));
        }
    }
}

impl fmt::Display for RecordFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records are refused", self.total)?;
        match self.listed.first() {
            Some((index, fault)) => write!(f, ", the first is record {index}: {fault}"),
            None => Ok(()),
        }
    }
}
