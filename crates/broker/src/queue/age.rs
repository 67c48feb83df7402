//! How long messages have been there.

use anymq_batch::{BatchHeader, TimestampType, first_since};
use anymq_types::Millis;
use anymq_types::record::Record;
use bytes::Bytes;

use super::Queue;
use super::encoding::Encoding;
use super::settings::Kind;

/// Most bytes a batch decompresses to while a time is looked for in it; beyond them its header's will do.
const LOOK_BYTES_MAX: usize = 4 << 20;

/// When a message was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// Then.
    At(Millis),
    /// This batch says, of this offset.
    In(Bytes, u64),
}

impl Published {
    /// As the batch says of that very message. Decompresses: not for places where others wait.
    pub(crate) fn exact(&self) -> Option<Millis> {
        let Published::In(batch, offset) = self else { return self.at_latest() };
        let first = first_since(batch, i64::MIN, offset.cast_signed(), LOOK_BYTES_MAX);
        let found = first.ok().flatten().and_then(|found| millis(found.timestamp));
        found.or_else(|| self.at_latest())
    }

    /// Exact, or when the newest message of its batch was published: it is at least that old.
    pub(crate) fn at_latest(&self) -> Option<Millis> {
        match self {
            Published::At(at) => Some(*at),
            Published::In(batch, offset) => {
                let header = BatchHeader::parse(batch).ok()?;
                let first = header.base_offset >= offset.cast_signed();
                let stamped = first && header.attributes.timestamp_type() == TimestampType::CreateTime;
                millis(if stamped { header.base_timestamp } else { header.max_timestamp })
            }
        }
    }
}

fn millis(timestamp: i64) -> Option<Millis> {
    u64::try_from(timestamp).ok().map(Millis)
}

impl Queue {
    /// When the oldest message that is not settled was published; of a stream, the oldest that is kept. Exact if it is in memory, or
    /// the newest of its batch; else when the newest of its extent was published (to the second): then it is at least that old.
    pub(crate) fn oldest(&self) -> Option<Millis> {
        let offset = if self.kind == Kind::Stream { self.stream.first() } else { self.head };
        self.published(offset)?.at_latest()
    }

    /// When the first message from an offset on was published. On disk only: when the newest of its extent was, to the second.
    pub(crate) fn published(&self, offset: u64) -> Option<Published> {
        if offset >= self.stream.next {
            return None;
        }
        let extent = self.stream.extent(self.stream.number_of(offset))?;
        let Some(data) = &extent.data else {
            return Some(Published::At(Millis(u64::from(extent.time_s) * 1000)));
        };
        let offset = offset.max(extent.base);
        let (byte, _) = extent.encoding.find(data, offset - extent.base)?;
        let unit = data.slice(byte as usize..);
        match extent.encoding {
            Encoding::Canonical => Record::parse(&unit).map(|record| Published::At(record.timestamp)),
            Encoding::Batches => {
                let (bytes, _) = extent.encoding.unit(&unit)?;
                Some(Published::In(unit.slice(..bytes), offset))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use anymq_batch::{BatchBuilder, Compression, Head};

    use super::*;

    #[test]
    fn a_batch_knows_when_each_message_was_published() {
        let mut batch = BatchBuilder::new(Head { base_offset: 40, ..Head::default() }, Compression::Lz4);
        for at in [500, 700, 600] {
            batch.push(at, None, Some(b"v"), &[]).expect("short");
        }
        let batch = Bytes::from(batch.finish().expect("short"));
        // Offset; the exact time; what the header says: of the first message exactly, of others the batch's latest.
        for (offset, exact, at_latest) in [(39, 500, 500), (40, 500, 500), (41, 700, 700), (42, 600, 700)] {
            let published = Published::In(batch.clone(), offset);
            assert_eq!(published.exact(), Some(Millis(exact)), "{offset}");
            assert_eq!(published.at_latest(), Some(Millis(at_latest)), "{offset}");
        }
        let cut = Published::In(batch.slice(..70), 41);
        assert_eq!(cut.exact(), Some(Millis(700)), "its header will do");
        assert_eq!(Published::In(batch.slice(..9), 41).exact(), None);
    }
}
