//! Looking for a record by its timestamp (ListOffsets).

use crate::NO_TIMESTAMP;
use crate::fault::Fault;
use crate::reader::Records;

/// A record's place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Offset.
    pub offset: i64,
    /// Timestamp, in ms since the epoch.
    pub timestamp: i64,
}

/// The first record of `batch` at or after offset `from` whose timestamp is `timestamp` or later. The batch is not
/// decompressed if its header says that there is none.
///
/// # Errors
/// [`Fault`] if the batch cannot be read.
pub fn first_since(
    batch: &[u8],
    timestamp: i64,
    from: i64,
    bytes_max: usize,
) -> Result<Option<Stamped>, Fault> {
    let mut records = Records::new(batch, bytes_max)?;
    let header = records.header();
    if header.max_timestamp < timestamp || header.last_offset() < from {
        return Ok(None);
    }
    while let Some(record) = records.next_record()? {
        if record.timestamp >= timestamp && record.offset >= from {
            return Ok(Some(Stamped { offset: record.offset, timestamp: record.timestamp }));
        }
    }
    Ok(None)
}

/// The record of `batch` with the latest timestamp, the first if there are several. `None` if no record has one.
///
/// # Errors
/// [`Fault`] if the batch cannot be read.
pub fn latest(batch: &[u8], bytes_max: usize) -> Result<Option<Stamped>, Fault> {
    let mut records = Records::new(batch, bytes_max)?;
    let most = records.header().max_timestamp;
    if most == NO_TIMESTAMP {
        return Ok(None);
    }
    let mut best: Option<Stamped> = None;
    while let Some(record) = records.next_record()? {
        if record.timestamp > best.map_or(NO_TIMESTAMP, |best| best.timestamp) {
            best = Some(Stamped { offset: record.offset, timestamp: record.timestamp });
            // The header says that there is no later one.
            if record.timestamp == most {
                break;
            }
        }
    }
    Ok(best)
}
