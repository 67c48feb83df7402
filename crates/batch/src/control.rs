//! Control batches: the markers that end a transaction (KIP-98).
//!
//! One record; key `version i16 = 0 · type i16` (0 abort, 1 commit), value `version i16 = 0 · coordinator epoch i32`.

use crate::NO_SEQUENCE;
use crate::builder::{BatchBuilder, Head};
use crate::codec::Compression;
use crate::fault::Fault;
use crate::record::Record;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Committed, or aborted.
    pub commit: bool,
    /// Epoch of the coordinator that decided it.
    pub coordinator_epoch: i32,
}

const VERSION: i16 = 0;
const ABORT: i16 = 0;
const COMMIT: i16 = 1;

impl Control {
    /// Reads a record of a control batch. `None` if it is none that ends a transaction: other types, which readers
    /// pass over, or damage.
    pub fn read(record: &Record<'_>) -> Option<Control> {
        let key = record.key?.first_chunk::<4>()?;
        let value = record.value?.first_chunk::<6>()?;
        let number = |one, two| i16::from_be_bytes([one, two]);
        // Later versions only add to the end.
        if number(key[0], key[1]) < VERSION || number(value[0], value[1]) < VERSION {
            return None;
        }
        let commit = match number(key[2], key[3]) {
            ABORT => false,
            COMMIT => true,
            _ => return None,
        };
        let [_, _, a, b, c, d] = *value;
        Some(Control { commit, coordinator_epoch: i32::from_be_bytes([a, b, c, d]) })
    }
}

/// The control batch that ends a transaction of the producer in `head` at the offset there. The batch is marked as
/// transactional and control whatever `head` says.
///
/// # Errors
/// None that a record of ten bytes could have; the type is the builder's.
pub fn marker(head: Head, control: Control, timestamp: i64) -> Result<Vec<u8>, Fault> {
    let head = Head { transactional: true, control: true, base_sequence: NO_SEQUENCE, ..head };
    let kind = if control.commit { COMMIT } else { ABORT };
    let mut key = [0; 4];
    key[..2].copy_from_slice(&VERSION.to_be_bytes());
    key[2..].copy_from_slice(&kind.to_be_bytes());
    let mut value = [0; 6];
    value[..2].copy_from_slice(&VERSION.to_be_bytes());
    value[2..].copy_from_slice(&control.coordinator_epoch.to_be_bytes());
    let mut builder = BatchBuilder::new(head, Compression::None);
    builder.push(timestamp, Some(&key), Some(&value), &[])?;
    builder.finish()
}
