//! What a client may store, and what it may not.
//!
//! The rules and their order are those of a Kafka broker (`ProduceRequest.validateRecords`,
//! `UnifiedLog.analyzeAndValidateRecords`, `LogValidator`), which looks at every record of every batch. Here that is a
//! choice of the topic, see [`Scan`]: the CRC says that the batch arrived as its producer made it, and the header has
//! all that the broker itself needs. Where the answer differs:
//!
//! * Without a scan, a batch with fewer records than its header counts is found by its readers.
//! * A scan also refuses records whose length is not the length of their parts, which Kafka does not see in a
//!   compressed batch, and says *invalid record* of a stream that does not decompress, where Kafka answers with an
//!   unknown server error. Bytes after the batch are refused, and not cut off.
//! * Records that are numbered wrongly are to be numbered anew ([`Checked::rewrite`]).
//! * The timestamps that are checked and counted are the records' own, also of a batch that claims the broker's.
//! * A transactional batch needs a producer id. Kafka takes one without, and then knows of no transaction.

use crate::codec::Codec;
use crate::fault::{Fault, RecordFault, RecordFaults};
use crate::header::{BatchHeader, Stamp, TimestampType};
use crate::reader::Records;
use crate::record::{Record, later};
use crate::{DECOMPRESSED_BYTES_MAX, NO_TIMESTAMP};

/// Largest batch by default, in bytes (`message.max.bytes`).
const BATCH_BYTES_MAX: usize = 1_048_588;

/// How far to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scan {
    /// At the header and the CRC.
    Header,
    /// At the records too, if they are not compressed: they cost little more than the CRC.
    #[default]
    Plain,
    /// At the records of every batch.
    All,
}

/// Who sets the timestamps of a topic (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// The producer, in bounds: at most `before_max` ms before `now` and `after_max` ms after. Without a scan, the
    /// latest of the batch is checked.
    Create { now: i64, before_max: i64, after_max: i64 },
    /// The broker: `now`.
    Append { now: i64 },
}

/// What a topic and a request demand of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Largest batch, in bytes (`max.message.bytes`).
    pub batch_bytes_max: usize,
    /// Whether the request's version knows zstd (Produce 7 on).
    pub zstd: bool,
    /// Whether each record needs a key, because the topic is compacted. Scans whatever `scan` says.
    pub keys: bool,
    /// Timestamps.
    pub timestamps: Timestamps,
    /// How far to look.
    pub scan: Scan,
    /// Most bytes that a batch may decompress to when it is scanned.
    pub decompressed_bytes_max: usize,
}

impl Default for Rules {
    /// What a topic without settings demands; timestamps are free.
    fn default() -> Self {
        Rules {
            batch_bytes_max: BATCH_BYTES_MAX,
            zstd: true,
            keys: false,
            timestamps: Timestamps::Create { now: 0, before_max: i64::MAX, after_max: i64::MAX },
            scan: Scan::default(),
            decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
        }
    }
}

/// A batch that may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its header as the client sent it.
    pub header: BatchHeader,
    /// Latest timestamp as it is to be stored, in ms since the epoch; −1 if there is none.
    pub max_timestamp: i64,
    /// What the header must be made to say, with [`crate::set_stamp`]: the broker's timestamp, or the latest of the
    /// records, if the client said another.
    pub stamp: Option<Stamp>,
    /// Whether the records were scanned.
    pub scanned: bool,
    /// Whether the batch has to be written again, with [`crate::rebuild`], before it is stamped: its records are not
    /// numbered 0, 1, 2 …. Of these Kafka stores the uncompressed as they are, and fails on the others.
    pub rewrite: bool,
    /// Bytes of the records, decompressed; 0 if they were not scanned.
    pub records_bytes: usize,
}

/// Checks that `bytes` is one batch that a client may store. Allocates nothing, unless it scans a compressed batch.
///
/// # Errors
/// The first thing wrong; of the records that a topic does not take, all of them.
pub fn validate(bytes: &[u8], rules: &Rules) -> Result<Checked, Fault> {
    let header = BatchHeader::parse(bytes)?;
    header.check_size(bytes)?;
    let codec = header.attributes.codec()?;
    if codec == Codec::Zstd && !rules.zstd {
        return Err(Fault::ZstdNotAllowed);
    }
    if header.base_offset != 0 {
        return Err(Fault::BaseOffset(header.base_offset));
    }
    if bytes.len() > rules.batch_bytes_max {
        return Err(Fault::TooLarge { bytes: bytes.len(), max: rules.batch_bytes_max });
    }
    header.check_bytes(bytes)?;
    check_header(&header)?;
    if codec == Codec::None {
        header.check_count()?;
    }
    check_type(&header, rules)?;
    let scan = rules.keys
        || match rules.scan {
            Scan::Header => false,
            Scan::Plain => codec == Codec::None,
            Scan::All => true,
        };
    let mut found = Found { latest: header.max_timestamp, ..Found::default() };
    if scan {
        found = scan_records(bytes, rules)?;
    } else if header.max_timestamp != NO_TIMESTAMP
        && let Some((from, to)) = out_of_range(header.max_timestamp, rules)
    {
        return Err(Fault::Timestamp { timestamp: header.max_timestamp, from, to });
    }
    let stamp = match rules.timestamps {
        Timestamps::Append { now } => Stamp { kind: TimestampType::LogAppendTime, max_timestamp: now },
        Timestamps::Create { .. } => Stamp { kind: TimestampType::CreateTime, max_timestamp: found.latest },
    };
    let said = Stamp { kind: header.attributes.timestamp_type(), max_timestamp: header.max_timestamp };
    Ok(Checked {
        header,
        max_timestamp: stamp.max_timestamp,
        stamp: (stamp != said).then_some(stamp),
        scanned: scan,
        rewrite: found.renumber,
        records_bytes: found.bytes,
    })
}

/// What needs no record: numbers that fit each other, and nothing that is the broker's to write.
fn check_header(header: &BatchHeader) -> Result<(), Fault> {
    let BatchHeader { count, last_offset_delta, producer_id, base_sequence: sequence, .. } = *header;
    if count <= 0 || last_offset_delta != count - 1 {
        return Err(Fault::Count { count, last_offset_delta });
    }
    if header.attributes.is_control() {
        return Err(Fault::Control);
    }
    if header.has_producer() && sequence < 0 {
        return Err(Fault::Sequence { producer_id, sequence });
    }
    if header.attributes.is_transactional() && !header.has_producer() {
        return Err(Fault::NoProducer(producer_id));
    }
    Ok(())
}

/// A producer may not say that the broker set the time. If the topic has the producers' times anyway, and the batch has
/// one, Kafka takes back the claim and stores the batch; a reader then sees the records' own times.
fn check_type(header: &BatchHeader, rules: &Rules) -> Result<(), Fault> {
    let claims = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
    match rules.timestamps {
        Timestamps::Append { .. } if claims => Err(Fault::TimestampType),
        Timestamps::Create { .. } if claims && header.max_timestamp == NO_TIMESTAMP => {
            Err(Fault::TimestampType)
        }
        _ => Ok(()),
    }
}

/// What a scan found.
#[derive(Default)]
struct Found {
    latest: i64,
    renumber: bool,
    bytes: usize,
}

fn scan_records(bytes: &[u8], rules: &Rules) -> Result<Found, Fault> {
    let mut records = Records::new(bytes, rules.decompressed_bytes_max)?;
    let base = records.header().base_timestamp;
    let mut found = Found { latest: NO_TIMESTAMP, ..Found::default() };
    let mut faults = RecordFaults::default();
    let mut index = 0;
    while let Some(record) = records.next_record()? {
        // Its own, whatever the batch claims.
        let timestamp = base.wrapping_add(record.timestamp_delta);
        match check_record(&record, timestamp, rules) {
            Some(fault) => faults.push(index, fault),
            None => found.latest = later(found.latest, timestamp),
        }
        found.renumber |= record.offset_delta as u32 != index;
        index += 1;
    }
    found.bytes = records.bytes_read();
    if faults.total == 0 { Ok(found) } else { Err(Fault::Records(faults)) }
}

fn check_record(record: &Record<'_>, timestamp: i64, rules: &Rules) -> Option<RecordFault> {
    if rules.keys && record.key.is_none() {
        return Some(RecordFault::NoKey);
    }
    if timestamp == NO_TIMESTAMP {
        return None;
    }
    out_of_range(timestamp, rules).map(|(from, to)| RecordFault::Timestamp { timestamp, from, to })
}

/// The range that a timestamp is not in.
fn out_of_range(timestamp: i64, rules: &Rules) -> Option<(i64, i64)> {
    let Timestamps::Create { now, before_max, after_max } = rules.timestamps else { return None };
    // Wraps, as Kafka's does: then a timestamp at the far end of the past counts as one of the future.
    let age = now.wrapping_sub(timestamp);
    (age > before_max || age.wrapping_neg() > after_max)
        .then(|| (now.saturating_sub(before_max), now.saturating_add(after_max)))
}
