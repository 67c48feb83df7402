//! What a topic demands of a batch, and what is done to one before it is stored.

use anymq_batch::{
    BatchHeader, Compression, DECOMPRESSED_BYTES_MAX, Fault, Rules, Scan, Timestamps, rebuild, set_stamp,
    validate,
};
use anymq_broker::topics::TopicInfo;
use anymq_catalog::topic_config::{CompressionType, TimestampType};
use anymq_types::Millis;
use bytes::{Bytes, BytesMut};

use crate::wire::ErrorCode;
use crate::wire::messages::produce::RecordError;

/// Level at which gzip compresses unless a topic says another.
const GZIP_LEVEL: u32 = 6;

/// Why a batch is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: Option<String>,
    /// Records that the topic does not take, by their index, and why.
    pub(super) records: Vec<(u32, String)>,
}

impl Refusal {
    pub(super) fn of(code: ErrorCode) -> Self {
        Refusal { code, message: None, records: Vec::new() }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let (code, message) = (ErrorCode(fault.code()), Some(fault.to_string()));
        let records = match fault {
            Fault::Records(faults) => {
                faults.listed.into_iter().map(|(index, fault)| (index, fault.to_string())).collect()
            }
            _ => Vec::new(),
        };
        Refusal { code, message, records }
    }
}

/// A record's place in the batch and what is wrong with it, as the client is told.
pub(super) fn record_error((index, why): (u32, String)) -> RecordError<'static> {
    RecordError { batch_index: index.cast_signed(), batch_index_error_message: Some(why.into()) }
}

/// What a topic demands of a batch at this moment.
pub(super) struct TopicRules {
    rules: Rules,
    /// How the topic stores batches, if not as they come.
    compression: Option<Compression>,
}

impl TopicRules {
    /// The rules of a topic for a request that comes at `now`, and may have `zstd` in it.
    pub(super) fn of(info: &TopicInfo, now: Millis, zstd: bool) -> Self {
        let settings = &info.settings;
        let now = now.0.cast_signed();
        let bounded = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let timestamps = match settings.timestamp_type {
            TimestampType::LogAppend => Timestamps::Append { now },
            TimestampType::Create => Timestamps::Create {
                now,
                before_max: bounded(settings.timestamp_before_max_ms),
                after_max: bounded(settings.timestamp_after_max_ms),
            },
        };
        let rules = Rules {
            batch_bytes_max: settings.max_message_bytes as usize,
            zstd,
            keys: settings.cleanup.compact,
            timestamps,
            scan: Scan::Plain,
            decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
        };
        let compression = match settings.compression {
            CompressionType::Producer => None,
            CompressionType::Uncompressed => Some(Compression::None),
            CompressionType::Gzip => {
                Some(Compression::Gzip(settings.gzip_level.map_or(GZIP_LEVEL, u32::from)))
            }
            CompressionType::Snappy => Some(Compression::Snappy),
            CompressionType::Lz4 => Some(Compression::Lz4),
            CompressionType::Zstd => Some(Compression::Zstd(settings.zstd_level)),
        };
        TopicRules { rules, compression }
    }

    /// The batch as it is to be stored, if it may be.
    pub(super) fn check(&self, records: &[u8]) -> Result<(BatchHeader, BytesMut), Refusal> {
        let checked = validate(records, &self.rules)?;
        let sent = checked.header.attributes.codec()?;
        let stored = self.compression.unwrap_or(Compression::from(sent));
        let mut batch = if checked.rewrite || stored.codec() != sent {
            let read_max = match stored {
                // No more is written than would be taken.
                Compression::None => self.rules.batch_bytes_max.min(self.rules.decompressed_bytes_max),
                _ => self.rules.decompressed_bytes_max,
            };
            let batch = rebuild(records, stored, read_max)?;
            let (bytes, max) = (batch.len(), self.rules.batch_bytes_max);
            if bytes > max {
                return Err(Fault::TooLarge { bytes, max }.into());
            }
            BytesMut::from(Bytes::from(batch))
        } else {
            BytesMut::from(records)
        };
        if let Some(stamp) = checked.stamp {
            set_stamp(&mut batch, stamp);
        }
        Ok((BatchHeader::parse(&batch)?, batch))
    }
}
