//! Making a batch from records.

use crate::codec::{Codec, Compression, compress};
use crate::fault::Fault;
use crate::header::{Attributes, BatchHeader, HEADER_BYTES, LENGTH_END, TimestampType};
use crate::reader::Records;
use crate::record::{Header, PartHeaders, Parts, Record, later};
use crate::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP};

/// Largest batch that the length field can say, in bytes.
const BATCH_BYTES_MAX: usize = i32::MAX as usize + LENGTH_END;

/// What a batch says of itself besides its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Offset that the records' are counted from.
    pub base_offset: i64,
    /// Epoch of the leader, or −1.
    pub leader_epoch: i32,
    /// Timestamp of all records, if the broker sets it; what they are given is then written and not seen.
    pub log_append_time: Option<i64>,
    /// Whether the batch is part of a transaction.
    pub transactional: bool,
    /// Whether the records are markers.
    pub control: bool,
    /// Producer, or −1.
    pub producer_id: i64,
    /// Its epoch, or −1.
    pub producer_epoch: i16,
    /// Sequence number of the base offset, or −1.
    pub base_sequence: i32,
    /// When tombstones and markers may go.
    pub delete_horizon: Option<i64>,
}

impl Default for Head {
    fn default() -> Self {
        Head {
            base_offset: 0,
            leader_epoch: -1,
            log_append_time: None,
            transactional: false,
            control: false,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            delete_horizon: None,
        }
    }
}

impl From<&BatchHeader> for Head {
    fn from(header: &BatchHeader) -> Self {
        Head {
            base_offset: header.base_offset,
            leader_epoch: header.leader_epoch,
            log_append_time: header.log_append_time(),
            transactional: header.attributes.is_transactional(),
            control: header.attributes.is_control(),
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            delete_horizon: header.delete_horizon(),
        }
    }
}

/// Builds one batch: records are written as they come and compressed at the end.
#[derive(Debug)]
pub struct BatchBuilder {
    head: Head,
    compression: Compression,
    /// Room for the header, and the records.
    bytes: Vec<u8>,
    count: i32,
    /// Offset of the record before the next.
    last_offset: i64,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(head: Head, compression: Compression) -> BatchBuilder {
        BatchBuilder::in_buffer(head, compression, Vec::new())
    }

    /// An empty batch that is built in `bytes`, whose content goes: what does not outgrow its room allocates nothing.
    pub fn in_buffer(head: Head, compression: Compression, mut bytes: Vec<u8>) -> BatchBuilder {
        bytes.clear();
        bytes.resize(HEADER_BYTES, 0);
        BatchBuilder {
            head,
            compression,
            bytes,
            count: 0,
            last_offset: head.base_offset.wrapping_sub(1),
            base_timestamp: head.delete_horizon,
            max_timestamp: NO_TIMESTAMP,
        }
    }

    /// Adds a record at the next offset. `timestamp` is in ms since the epoch; it does not count if the broker sets it.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] if the batch would be longer than a batch can be; then nothing is added.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), Fault> {
        self.push_at(self.last_offset.wrapping_add(1), timestamp, key, value, headers)
    }

    /// Adds a record at `offset`, which must be beyond the last one's.
    ///
    /// # Errors
    /// [`Fault::Order`] or [`Fault::TooLarge`]; then nothing is added.
    pub fn push_at(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), Fault> {
        self.put(offset, timestamp, key, value, PartHeaders::List(headers))
    }

    /// Adds a record as it was read from a batch with that base timestamp, at another offset.
    pub(crate) fn push_read(&mut self, offset: i64, base: i64, record: &Record<'_>) -> Result<(), Fault> {
        let timestamp = base.wrapping_add(record.timestamp_delta);
        self.put(offset, timestamp, record.key, record.value, PartHeaders::Read(record.headers))
    }

    fn put(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: PartHeaders<'_>,
    ) -> Result<(), Fault> {
        let order = Fault::Order { offset, last: self.last_offset };
        if offset <= self.last_offset {
            return Err(order);
        }
        let offset_delta = offset
            .checked_sub(self.head.base_offset)
            .and_then(|delta| i32::try_from(delta).ok())
            .ok_or(order)?;
        let base = self.base_timestamp.unwrap_or(timestamp);
        let parts =
            Parts { timestamp_delta: timestamp.wrapping_sub(base), offset_delta, key, value, headers };
        let body = parts.body_bytes();
        // The length before the record takes five bytes at most.
        let bytes = self.bytes.len().saturating_add(body).saturating_add(5);
        if bytes > BATCH_BYTES_MAX || body > i32::MAX as usize || self.count == i32::MAX {
            return Err(Fault::TooLarge { bytes, max: BATCH_BYTES_MAX });
        }
        parts.put(body, &mut self.bytes);
        self.base_timestamp = Some(base);
        self.max_timestamp = later(self.max_timestamp, timestamp);
        self.last_offset = offset;
        self.count += 1;
        Ok(())
    }

    /// Number of records.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Bytes of the batch before compression.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch, up to the last record's offset.
    ///
    /// # Errors
    /// [`Fault::Count`] if there is no record; [`Fault::Compress`] or [`Fault::TooLarge`] if it cannot be compressed.
    pub fn finish(self) -> Result<Vec<u8>, Fault> {
        let last_offset_delta = (self.last_offset.wrapping_sub(self.head.base_offset)) as i32;
        if self.count == 0 {
            return Err(Fault::Count { count: 0, last_offset_delta });
        }
        self.finish_until(last_offset_delta)
    }

    /// The batch, which stands for the offsets up to `last_offset_delta` from its base.
    pub(crate) fn finish_until(self, last_offset_delta: i32) -> Result<Vec<u8>, Fault> {
        let kind = match self.head.log_append_time {
            Some(_) => TimestampType::LogAppendTime,
            None => TimestampType::CreateTime,
        };
        let attributes = Attributes::default()
            .with_codec(self.compression.codec())
            .with_timestamp_type(kind)
            .with_transactional(self.head.transactional)
            .with_control(self.head.control)
            .with_delete_horizon(self.head.delete_horizon.is_some());
        let mut batch = self.bytes;
        if self.compression.codec() != Codec::None {
            let mut packed = vec![0; HEADER_BYTES];
            compress(self.compression, &batch[HEADER_BYTES..], &mut packed)?;
            packed.shrink_to_fit();
            batch = packed;
        }
        if batch.len() > BATCH_BYTES_MAX {
            return Err(Fault::TooLarge { bytes: batch.len(), max: BATCH_BYTES_MAX });
        }
        let header = BatchHeader {
            base_offset: self.head.base_offset,
            leader_epoch: self.head.leader_epoch,
            attributes,
            last_offset_delta,
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: self.head.log_append_time.unwrap_or(self.max_timestamp),
            producer_id: self.head.producer_id,
            producer_epoch: self.head.producer_epoch,
            base_sequence: self.head.base_sequence,
            count: self.count,
            ..BatchHeader::default()
        };
        header.seal(&mut batch);
        Ok(batch)
    }
}

/// Writes a batch again with `compression`, its records numbered from the base offset without gaps: for a topic that
/// has its own compression, and for a producer that numbered wrongly ([`crate::Checked::rewrite`]). Control batches
/// stay uncompressed. `bytes_max` bounds what the batch may decompress to.
///
/// # Errors
/// [`Fault`] if the batch cannot be read, has no records, or cannot be written.
pub fn rebuild(batch: &[u8], compression: Compression, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let mut records = Records::new(batch, bytes_max)?;
    let head = Head::from(records.header());
    let compression = if head.control { Compression::None } else { compression };
    let mut builder = BatchBuilder::new(head, compression);
    let (mut offset, base) = (head.base_offset, records.header().base_timestamp);
    while let Some(record) = records.next_record()? {
        builder.push_read(offset, base, &record)?;
        offset = offset.wrapping_add(1);
    }
    builder.finish()
}
