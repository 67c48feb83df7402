//! Transactions as operators see them.

use std::sync::Arc;

use crate::core::Core;
use crate::listings::transactions::{TransactionPartition, TransactionStatus};
use crate::transactions::TxnState;

impl Core {
    /// Every transactional id, in order.
    pub(crate) fn transaction_statuses(&self) -> Vec<TransactionStatus> {
        let status = |(id, txn): (&Arc<str>, &super::Txn)| {
            let mut vhost = None;
            let partitions = txn.partitions.iter().filter_map(|&partition| {
                vhost = vhost.or(self.queues.get(&partition).map(|queue| queue.vhost));
                let (topic, number) = self.partition_name(partition)?;
                let first = self.partitions.get(&partition);
                let first = first.and_then(|p| p.transactions.first_of(txn.producer.id));
                Some(TransactionPartition { topic, number, first })
            });
            let partitions = partitions.collect();
            let mut groups: Vec<Arc<str>> = Vec::new();
            for (of, group) in txn.offsets.keys() {
                vhost = vhost.or(Some(*of));
                groups.push((**group).into());
            }
            TransactionStatus {
                vhost: vhost.and_then(|id| self.catalog.vhost_by_id(id)).map(|vhost| vhost.name.clone()),
                id: id.clone(),
                producer: txn.producer,
                state: txn.state,
                timeout_ms: txn.timeout_ms,
                started: (txn.state == TxnState::Ongoing).then_some(txn.since),
                partitions,
                groups,
            }
        };
        self.coordinator.by_id.iter().map(status).collect()
    }
}
