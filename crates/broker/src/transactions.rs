//! What a door says and hears of transactions over partitions (KIP-98, KIP-890).
//!
//! All partitions share one journal, so that a transaction ends in one group: its markers, its offsets and the coordinator's record are
//! on disk together or not at all. There is no state in between, and nothing to be finished after a restart.

use anymq_types::{Millis, QueueId};

/// A producer and which of its lives it is in: an earlier one is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerEpoch {
    /// Producer id.
    pub id: i64,
    /// Epoch.
    pub epoch: i16,
}

/// Why a transaction does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnFault {
    /// Another process goes by the transactional id now.
    Fenced,
    /// The transactional id is not known, or belongs to another producer id.
    NotThisProducer,
    /// What is asked for is not possible in this state.
    State(TxnState),
    /// The timeout is 0 or longer than this, in milliseconds.
    Timeout(u32),
    /// The user may not use the transactional id.
    Forbidden,
    /// There is no such partition, or it is a queue, whose messages cannot be part of a transaction.
    NoPartition(QueueId),
    /// There are as many transactional ids as there may be.
    Exhausted,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TxnState {
    /// There has been none yet in this life of the producer.
    #[default]
    Empty,
    /// Something is part of it.
    Ongoing,
    /// The last one was committed.
    Committed,
    /// The last one was aborted.
    Aborted,
}

/// A transactional id as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnStatus {
    /// The transactional id.
    pub id: String,
    /// Its producer.
    pub producer: ProducerEpoch,
    /// How far it is.
    pub state: TxnState,
    /// A transaction that is open longer is aborted.
    pub timeout_ms: u32,
    /// When the present transaction began.
    pub started: Option<Millis>,
    /// What is part of it.
    pub partitions: Vec<QueueId>,
}
