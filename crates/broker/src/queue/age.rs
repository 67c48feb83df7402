//! How long the oldest message has been there.

use anymq_types::Millis;
use anymq_types::record::Record;

use super::Queue;
use super::settings::Kind;

impl Queue {
    /// When the oldest message that is not settled was published; of a stream, the oldest that is kept. Exact if its record
    /// is in memory, else when the newest of its extent was published (to the second): then it is at least that old.
    pub(crate) fn oldest(&self) -> Option<Millis> {
        let offset = if self.kind == Kind::Stream { self.stream.first() } else { self.head };
        if offset >= self.stream.next {
            return None;
        }
        match self.record(offset) {
            Ok(record) => Record::parse(&record).map(|r| r.timestamp),
            Err(number) => self.stream.extent(number?).map(|e| Millis(u64::from(e.time_s) * 1000)),
        }
    }
}
