//! Transactional ids, and what is part of their transactions.

use std::sync::Arc;

use anymq_types::Millis;

use crate::broker::Broker;
use crate::transactions::{ProducerEpoch, TxnState};

/// One transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionStatus {
    /// The vhost of what is part of its transaction, if anything is.
    pub vhost: Option<Arc<str>>,
    /// The transactional id.
    pub id: Arc<str>,
    /// Its producer.
    pub producer: ProducerEpoch,
    /// How far it is.
    pub state: TxnState,
    /// A transaction that is open longer is aborted.
    pub timeout_ms: u32,
    /// When the present transaction began.
    pub started: Option<Millis>,
    /// Partitions that are part of it.
    pub partitions: Vec<TransactionPartition>,
    /// Groups whose offsets it will commit.
    pub groups: Vec<Arc<str>>,
}

/// A partition that is part of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub number: u32,
    /// First offset of the transaction there, once there is one: readers of committed messages wait at it.
    pub first: Option<u64>,
}

impl Broker {
    /// Every transactional id, in order.
    pub fn transactions(&self) -> Vec<TransactionStatus> {
        self.inner.core.lock().transaction_statuses()
    }
}
