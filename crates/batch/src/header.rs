//! The 61 bytes before the records, read and changed in place.

use crate::codec::Codec;
use crate::fault::Fault;
use crate::{NO_PRODUCER_ID, NO_SEQUENCE};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 61;
/// Bytes before those that `length` counts: base offset and the length itself.
pub(crate) const LENGTH_END: usize = 12;
/// The only format there is.
const MAGIC: i8 = 2;

const LENGTH_AT: usize = 8;
const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
/// The CRC covers everything from here on.
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const BASE_TIMESTAMP_AT: usize = 27;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_ID_AT: usize = 43;
const PRODUCER_EPOCH_AT: usize = 51;
const BASE_SEQUENCE_AT: usize = 53;
const COUNT_AT: usize = 57;

/// Least bytes of a record: length, attributes, two deltas, two lengths and the number of headers, each one byte.
const RECORD_BYTES_MIN: usize = 7;
/// Shortest `length` that was ever valid: a record of magic 0.
const LENGTH_MIN: i32 = 14;

/// Who set the timestamps of a batch (KIP-32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer; each record has its own.
    #[default]
    CreateTime,
    /// The broker; every record's is the batch's max timestamp.
    LogAppendTime,
}

/// The flags of a batch: compression 0–2, timestamp type 3, transactional 4, control 5 (KIP-98), delete horizon 6
/// (KIP-534). The others are not used, and not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`Fault::UnknownCodec`].
    pub fn codec(self) -> Result<Codec, Fault> {
        let id = (self.0 & Self::CODEC) as u8;
        Codec::from_id(id).ok_or(Fault::UnknownCodec(id))
    }

    /// Who set the timestamps.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the records are markers and not messages.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is the time at which tombstones may go.
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    #[must_use]
    fn with(self, flag: i16, on: bool) -> Self {
        Attributes(if on { self.0 | flag } else { self.0 & !flag })
    }

    /// With another codec.
    #[must_use]
    pub fn with_codec(self, codec: Codec) -> Self {
        Attributes(self.0 & !Self::CODEC | i16::from(codec.id()))
    }

    /// With another timestamp type.
    #[must_use]
    pub fn with_timestamp_type(self, kind: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, kind == TimestampType::LogAppendTime)
    }

    /// As part of a transaction, or not.
    #[must_use]
    pub fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    /// Of markers, or not.
    #[must_use]
    pub fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    /// With a delete horizon, or not.
    #[must_use]
    pub fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }
}

/// The header of a batch, field by field as it is stored (Kafka protocol guide, "Record Batch"; KIP-98).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record when the batch was made. 0 from a producer; the broker sets it. Outside the CRC.
    pub base_offset: i64,
    /// Bytes after this field; the batch is 12 bytes longer.
    pub length: i32,
    /// Epoch of the leader that stored the batch; the broker sets it. Outside the CRC.
    pub leader_epoch: i32,
    /// Format, 2.
    pub magic: i8,
    /// CRC-32C (Castagnoli) of everything from the attributes on.
    pub crc: u32,
    /// Compression, timestamp type, transactional, control, delete horizon.
    pub attributes: Attributes,
    /// Offset of the last record, counted from the base offset; stays when compaction takes that record out.
    /// Sequence numbers count alike.
    pub last_offset_delta: i32,
    /// What the records' timestamps are counted from, in ms since the epoch: in most batches the first record's. If
    /// the attributes say so, the delete horizon as well.
    pub base_timestamp: i64,
    /// Latest timestamp of a record, in ms since the epoch; −1 if there is none.
    pub max_timestamp: i64,
    /// Producer of an idempotent or transactional batch, else −1.
    pub producer_id: i64,
    /// Its epoch, else −1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, else −1.
    pub base_sequence: i32,
    /// Number of records; after compaction fewer than the offsets, even 0.
    pub count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`; what follows is not looked at.
    ///
    /// # Errors
    /// [`Fault::Cut`], [`Fault::Magic`] or [`Fault::Length`].
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, Fault> {
        first_size(bytes)?;
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(Fault::Cut { have: bytes.len(), need: HEADER_BYTES });
        };
        let header = BatchHeader {
            base_offset: i64::from_be_bytes(at(head, 0)),
            length: i32::from_be_bytes(at(head, LENGTH_AT)),
            leader_epoch: i32::from_be_bytes(at(head, LEADER_EPOCH_AT)),
            magic: i8::from_be_bytes(at(head, MAGIC_AT)),
            crc: u32::from_be_bytes(at(head, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(at(head, ATTRIBUTES_AT))),
            last_offset_delta: i32::from_be_bytes(at(head, LAST_OFFSET_DELTA_AT)),
            base_timestamp: i64::from_be_bytes(at(head, BASE_TIMESTAMP_AT)),
            max_timestamp: i64::from_be_bytes(at(head, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(at(head, PRODUCER_ID_AT)),
            producer_epoch: i16::from_be_bytes(at(head, PRODUCER_EPOCH_AT)),
            base_sequence: i32::from_be_bytes(at(head, BASE_SEQUENCE_AT)),
            count: i32::from_be_bytes(at(head, COUNT_AT)),
        };
        if header.size() < HEADER_BYTES {
            return Err(Fault::Length(header.length));
        }
        Ok(header)
    }

    /// Writes the header at the front of `batch` and the length and CRC that `batch` as a whole has.
    ///
    /// # Panics
    /// If `batch` is shorter than a header or longer than a batch can be.
    pub(crate) fn seal(&self, batch: &mut [u8]) {
        let length = i32::try_from(batch.len() - LENGTH_END).expect("the builder bounds a batch");
        put(batch, 0, self.base_offset.to_be_bytes());
        put(batch, LENGTH_AT, length.to_be_bytes());
        put(batch, LEADER_EPOCH_AT, self.leader_epoch.to_be_bytes());
        put(batch, MAGIC_AT, MAGIC.to_be_bytes());
        put(batch, ATTRIBUTES_AT, self.attributes.0.to_be_bytes());
        put(batch, LAST_OFFSET_DELTA_AT, self.last_offset_delta.to_be_bytes());
        put(batch, BASE_TIMESTAMP_AT, self.base_timestamp.to_be_bytes());
        put(batch, MAX_TIMESTAMP_AT, self.max_timestamp.to_be_bytes());
        put(batch, PRODUCER_ID_AT, self.producer_id.to_be_bytes());
        put(batch, PRODUCER_EPOCH_AT, self.producer_epoch.to_be_bytes());
        put(batch, BASE_SEQUENCE_AT, self.base_sequence.to_be_bytes());
        put(batch, COUNT_AT, self.count.to_be_bytes());
        reseal(batch);
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        // A negative length is refused when the header is read; here it would be no bytes at all.
        usize::try_from(self.length).map_or(0, |length| length + LENGTH_END)
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// Sequence number of the last record, or −1. Numbers wrap to 0 after 2³¹ − 1.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence <= NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        next_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// Whether an idempotent producer wrote the batch.
    pub fn has_producer(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// When tombstones and markers of this batch may go, in ms since the epoch.
    pub fn delete_horizon(&self) -> Option<i64> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// The timestamp that all records have, if the broker set it.
    pub(crate) fn log_append_time(&self) -> Option<i64> {
        (self.attributes.timestamp_type() == TimestampType::LogAppendTime).then_some(self.max_timestamp)
    }

    /// Checks that `bytes` is this one batch, whole, and that its CRC is right.
    ///
    /// # Errors
    /// [`Fault::Cut`], [`Fault::Trailing`] or [`Fault::Checksum`].
    pub fn check_bytes(&self, bytes: &[u8]) -> Result<(), Fault> {
        self.check_size(bytes)?;
        let computed = checksum(bytes);
        if computed != self.crc {
            return Err(Fault::Checksum { stored: self.crc, computed });
        }
        Ok(())
    }

    /// Checks that `bytes` is this one batch, whole.
    pub(crate) fn check_size(&self, bytes: &[u8]) -> Result<(), Fault> {
        match self.size() {
            need if bytes.len() < need => Err(Fault::Cut { have: bytes.len(), need }),
            need if bytes.len() > need => Err(Fault::Trailing(bytes.len() - need)),
            _ => Ok(()),
        }
    }

    /// Whether uncompressed records can be as many as the header says.
    pub(crate) fn check_count(&self) -> Result<(), Fault> {
        let most = (self.size() - HEADER_BYTES) / RECORD_BYTES_MIN;
        if self.count > 0 && self.count as usize > most {
            return Err(Fault::TooFew { read: most as u32, count: self.count });
        }
        Ok(())
    }
}

/// Bytes of the batch at the front of `bytes`, as its length field says; whether they are all there is not looked at.
///
/// # Errors
/// [`Fault::Cut`] if even the field is not there, [`Fault::Length`] or [`Fault::Magic`] if it is no batch.
pub fn first_size(bytes: &[u8]) -> Result<usize, Fault> {
    let Some(head) = bytes.first_chunk::<{ MAGIC_AT + 1 }>() else {
        return Err(Fault::Cut { have: bytes.len(), need: HEADER_BYTES });
    };
    let length = i32::from_be_bytes(at(head, LENGTH_AT));
    if length < LENGTH_MIN {
        return Err(Fault::Length(length));
    }
    match i8::from_be_bytes(at(head, MAGIC_AT)) {
        MAGIC => Ok(length as usize + LENGTH_END),
        other => Err(Fault::Magic(other)),
    }
}

/// The sequence number `by` after `sequence`: 0 follows 2³¹ − 1.
pub fn next_sequence(sequence: i32, by: i32) -> i32 {
    // In 31 bits.
    (sequence.wrapping_add(by)) & i32::MAX
}

/// Sets the offset of the first record. The CRC does not cover it.
///
/// # Panics
/// If `batch` is shorter than a header: check it first.
pub fn set_base_offset(batch: &mut [u8], offset: i64) {
    put(batch, 0, offset.to_be_bytes());
}

/// Sets the leader's epoch. The CRC does not cover it.
///
/// # Panics
/// If `batch` is shorter than a header: check it first.
pub fn set_leader_epoch(batch: &mut [u8], epoch: i32) {
    put(batch, LEADER_EPOCH_AT, epoch.to_be_bytes());
}

/// Who set the timestamps, and the latest of them, as a header has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who set them.
    pub kind: TimestampType,
    /// Latest timestamp, in ms since the epoch.
    pub max_timestamp: i64,
}

/// Makes `now` the timestamp of every record: sets the timestamp type and the max timestamp, and the CRC anew. The
/// records stay as they are, compressed or not.
///
/// # Panics
/// If `batch` is shorter than a header: check it first.
pub fn set_log_append_time(batch: &mut [u8], now: i64) {
    set_stamp(batch, Stamp { kind: TimestampType::LogAppendTime, max_timestamp: now });
}

/// Sets timestamp type and max timestamp, and the CRC anew if they were not so already.
///
/// # Panics
/// If `batch` is shorter than a header: check it first.
pub fn set_stamp(batch: &mut [u8], stamp: Stamp) {
    let old = Attributes(i16::from_be_bytes(at(batch, ATTRIBUTES_AT)));
    let new = old.with_timestamp_type(stamp.kind);
    if old == new && i64::from_be_bytes(at(batch, MAX_TIMESTAMP_AT)) == stamp.max_timestamp {
        return;
    }
    put(batch, ATTRIBUTES_AT, new.0.to_be_bytes());
    put(batch, MAX_TIMESTAMP_AT, stamp.max_timestamp.to_be_bytes());
    reseal(batch);
}

fn reseal(batch: &mut [u8]) {
    let crc = checksum(batch);
    put(batch, CRC_AT, crc.to_be_bytes());
}

fn checksum(batch: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(&batch[ATTRIBUTES_AT..])
}

fn put<const N: usize>(batch: &mut [u8], at: usize, bytes: [u8; N]) {
    batch[at..at + N].copy_from_slice(&bytes);
}

/// The `N` bytes at `start`, which the caller knows to be there.
fn at<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    *bytes[start..].first_chunk().expect("the caller has checked the length")
}
