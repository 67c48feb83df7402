//! What a door says and hears that thinks in topics, partitions and offsets.
//!
//! A *topic* is a name over one stream per partition; a queue is a topic with one partition (docs/adr/0008). A partition is named by
//! the [`QueueId`] of its stream. Calls take the core's lock once for everything a request names, and never wait: what is on disk
//! comes later as [`crate::Event::Loaded`], and what is not there yet wakes the session's outbox once it is committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_batch::BatchHeader;
pub use anymq_catalog::topic_config::TopicSettings;
use anymq_types::{Millis, Position, QueueId};
use bytes::{Bytes, BytesMut};

pub use crate::core::partitions::producers::SequenceFault;
pub use crate::queue::encoding::Encoding;
pub use crate::queue::settings::Kind;
use crate::transactions::TxnFault;

/// A topic's identity: never reused, the same after restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId(pub u128);

/// A topic as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its identity.
    pub id: TopicId,
    /// Its partitions' streams, in the order of their numbers.
    pub partitions: Vec<QueueId>,
    /// What was set, by key; what was not set follows the defaults of [`anymq_catalog::topic_config`].
    pub config: BTreeMap<Arc<str>, Arc<str>>,
    /// What that comes to.
    pub settings: Arc<TopicSettings>,
    /// What kind of queue its partitions are: a stream, unless AMQP declared it otherwise.
    pub kind: Kind,
}

/// A topic to make.
#[derive(Clone, Debug)]
pub struct CreateTopic<'a> {
    /// Its name: 1 to 249 bytes of `a-zA-Z0-9._-`, neither `.` nor `..`.
    pub name: &'a str,
    /// How many partitions.
    pub partitions: u32,
    /// Settings, checked by [`anymq_catalog::topic_config`].
    pub config: BTreeMap<Arc<str>, Arc<str>>,
    /// Only say what would happen.
    pub validate_only: bool,
}

/// A record batch for a partition, checked by [`anymq_batch::validate`].
#[derive(Debug)]
pub struct Write {
    /// Where to.
    pub partition: QueueId,
    /// Its header.
    pub header: BatchHeader,
    /// The batch; the broker writes base offset and leader epoch into it.
    pub batch: BytesMut,
}

/// A batch that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// Offset of its first record.
    pub base: u64,
    /// First offset that the partition keeps.
    pub start: u64,
    /// It had been taken before, and was not stored again.
    pub duplicate: bool,
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// There is no such partition.
    NoPartition,
    /// The user may not write to the topic.
    Forbidden,
    /// Its records cannot be read, which a queue of single messages needs.
    Unreadable,
    /// Records that are not of the schema that the topic demands: the first of them by their place in the batch, and why.
    Schema(Vec<(u32, String)>),
    /// It is not part of the transaction that its producer is in.
    Transaction(TxnFault),
    /// It does not follow what its producer wrote before.
    Sequence(SequenceFault),
}

/// What became of a request's batches, in their order.
#[derive(Debug, Default)]
pub struct WroteAll {
    /// Of each.
    pub results: Vec<Result<Wrote, WriteFault>>,
    /// Tell them only once [`crate::Session::committed`] has reached this.
    pub commit: Option<Position>,
}

/// A partition to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Which.
    pub partition: QueueId,
    /// From this offset on.
    pub offset: u64,
    /// Most bytes; the first batch may be larger if `at_least_one` says so.
    pub max_bytes: u32,
    /// Give one batch however large it is.
    pub at_least_one: bool,
    /// Nothing of transactions that are still open.
    pub stable_only: bool,
}

/// Consecutive messages, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How.
    pub encoding: Encoding,
    /// Offset of the first: of the batch that holds the offset asked for, or of the record that is it.
    pub base: u64,
    /// One past the last offset it stands for.
    pub end: u64,
    /// Records or batches, one after the other.
    pub bytes: Bytes,
}

/// Messages that are on disk only: [`crate::Session::load`] brings them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cold {
    pub(crate) partition: QueueId,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
    pub(crate) first: Span,
    /// What follows, where it does not stand right behind the first: partitions share a journal.
    pub(crate) further: Vec<Span>,
}

/// Bytes of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: Position,
    pub(crate) bytes: u32,
    /// How many of them are the partition's, about.
    pub(crate) own: u64,
}

impl Cold {
    /// About how many bytes of messages it stands for.
    pub fn weight(&self) -> u64 {
        self.spans().map(|span| span.own).sum()
    }

    /// Leaves what is beyond `max` bytes of messages for another time; never all of it.
    pub fn cut(&mut self, max: u64) {
        let mut left = max.saturating_sub(self.first.own);
        let mut fits = |span: &Span| {
            let fits = span.own <= left;
            left = left.saturating_sub(span.own);
            fits
        };
        let fitting = self.further.iter().map_while(|span| fits(span).then_some(())).count();
        self.further.truncate(fitting);
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = Span> {
        std::iter::once(self.first).chain(self.further.iter().copied())
    }
}

/// What a partition holds at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Messages that were in memory; none if the offset is the next one, or nothing at or after it may be read yet.
    Runs(Vec<Run>),
    /// Messages on disk.
    Cold(Cold),
    /// The offset is before the first or after the next one.
    OutOfRange,
    /// There is no such partition.
    NoPartition,
    /// The user may not read the topic.
    Forbidden,
}

/// A transaction of which a reader of committed messages drops the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted {
    /// Its producer.
    pub producer: i64,
    /// Its first offset.
    pub first: u64,
}

/// A partition's edges and what was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOut {
    /// First offset that is kept.
    pub start: u64,
    /// One past the last offset that is on disk.
    pub high_watermark: u64,
    /// One past the last offset below which no transaction is open.
    pub last_stable: u64,
    /// Aborted transactions that reach into what was found.
    pub aborted: Vec<Aborted>,
    /// What is there.
    pub found: Found,
}

/// A producer that has written to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStatus {
    /// Producer id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Sequence number of its last record.
    pub last_sequence: i32,
    /// Latest timestamp of its last batch; −1: it had none.
    pub last_timestamp: i64,
    /// First offset of its transaction, if one is open.
    pub open_since: Option<u64>,
}

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetOf {
    /// The first that is kept.
    First,
    /// One past the last that may be read; below open transactions if `stable_only`.
    Next {
        /// Below open transactions.
        stable_only: bool,
    },
    /// The first chunk in which a message is that late, from an offset on: the door looks into it.
    Since {
        /// How late.
        at: Millis,
        /// From here on; chunks before it were looked into.
        from: u64,
    },
    /// The next chunk, from an offset on, that may hold the latest timestamp.
    Latest {
        /// From here on.
        from: u64,
    },
}

/// Answer to [`OffsetOf`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffsetFound {
    /// This one.
    Offset(u64),
    /// In this chunk, if in any before its end.
    In(Run),
    /// In this one, which is on disk.
    Cold(Cold),
    /// Nothing is that late.
    Nothing,
}

/// What [`crate::Session::load`] brought, as [`crate::Event::Loaded`].
#[derive(Clone, Debug)]
pub struct Loaded {
    /// As given to `load`.
    pub token: u64,
    /// Which of the requests.
    pub index: usize,
    /// What was read; `None` if it is no longer where it was, or does not verify: read again.
    pub runs: Option<Vec<Run>>,
}
