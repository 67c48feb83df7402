//! Messages on their way into a queue.

use anymq_types::Position;
use anymq_types::record::Record;
use bytes::Bytes;

use super::encoding::Encoding;

/// A chunk on its way into a queue.
pub(crate) struct Chunk<'a> {
    pub(crate) records: &'a [u8],
    pub(crate) count: u32,
    pub(crate) encoding: Encoding,
    /// The records as shared bytes, if they shall stay in memory.
    pub(crate) data: Option<Bytes>,
    /// Where the journal has it, and the frame's length.
    pub(crate) stored: Option<(Position, u32)>,
    pub(crate) volatile: bool,
}

impl Chunk<'_> {
    /// When its last message was published: what one publisher sends at once has one time.
    pub(super) fn time_s(&self) -> u32 {
        time_s(self.encoding, self.records)
    }
}

/// When the newest message of a chunk was published, in seconds since the epoch.
pub(crate) fn time_s(encoding: Encoding, data: &[u8]) -> u32 {
    let ms = match encoding {
        Encoding::Canonical => Record::parse(data).map_or(0, |r| r.timestamp.0),
        Encoding::Batches => {
            anymq_batch::BatchHeader::parse(data).map_or(0, |h| h.max_timestamp.max(0).cast_unsigned())
        }
    };
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}
