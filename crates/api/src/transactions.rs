//! Transactional ids and their transactions.

use serde::{Deserialize, Serialize};

/// A transactional id and its present or last transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transaction {
    /// Vhost of what is part of it; nothing, if nothing is.
    pub vhost: Option<String>,
    /// The transactional id.
    pub id: String,
    /// Its producer's id.
    pub producer: i64,
    /// Its producer's epoch.
    pub epoch: i16,
    /// `empty`, `ongoing`, `committed`, `aborted`.
    pub state: String,
    /// A transaction that is open longer is aborted.
    pub timeout_ms: u64,
    /// When the present transaction began.
    pub started_at: Option<u64>,
    /// How long it has been open.
    pub open_ms: Option<u64>,
    /// Partitions that are part of it.
    pub partitions: Vec<TransactionPartition>,
    /// Groups whose offsets it will commit.
    pub groups: Vec<String>,
}

/// A partition that is part of a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransactionPartition {
    /// Topic.
    pub topic: String,
    /// Number.
    pub number: u32,
    /// The transaction's first offset there: readers of committed messages wait at it.
    pub first_offset: Option<u64>,
}
