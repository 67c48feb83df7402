//! Transactions: listed, aborted.

use anymq_api::{Page, Problem, Transaction, TransactionPartition, codes};
use anymq_broker::TransactionStatus;
use anymq_broker::transactions::{TxnFault, TxnState};
use anymq_types::Millis;

use super::BrokerHall;
use crate::access::Operator;
use crate::hall::{Filter, Result, Scope};

impl BrokerHall {
    pub(super) fn list_transactions(&self, filter: &Filter) -> Page<Transaction> {
        let now = self.broker.now();
        let found = self.broker.transactions();
        let wanted = found.iter().filter(|txn| match &txn.vhost {
            Some(vhost) => filter.takes(vhost, &txn.id),
            // Of no vhost: for those who see all.
            None => filter.scope == Scope::All && txn.id.contains(&filter.name),
        });
        filter.page(wanted.map(|txn| transaction(txn, now)))
    }

    pub(super) fn end_transaction(&self, operator: &Operator, vhost: &str, id: &str) -> Result<()> {
        let session = self.session(operator, vhost)?;
        let here =
            |txn: &TransactionStatus| &*txn.id == id && txn.vhost.as_deref().is_none_or(|v| v == vhost);
        if !self.broker.transactions().iter().any(here) {
            let what = format!("no transactional id {id:?} in vhost {vhost:?}");
            return Err(Problem::new(&codes::NOT_FOUND, what).fix("anymq txn ls shows which there are"));
        }
        let done = session.abort_transaction(id).map_err(|fault| {
            let code = if fault == TxnFault::Forbidden { &codes::FORBIDDEN } else { &codes::INTERNAL };
            Problem::new(code, format!("the transaction of {id:?} cannot be aborted"))
        })?;
        match self.settled(Ok(done))? {
            true => Ok(()),
            false => Err(Problem::new(&codes::TRANSACTION_CLOSED, format!("{id:?} has no open transaction"))),
        }
    }
}

fn transaction(txn: &TransactionStatus, now: Millis) -> Transaction {
    let partition = |partition: &anymq_broker::TransactionPartition| TransactionPartition {
        topic: partition.topic.to_string(),
        number: partition.number,
        first_offset: partition.first,
    };
    let state = match txn.state {
        TxnState::Empty => "empty",
        TxnState::Ongoing => "ongoing",
        TxnState::Committed => "committed",
        TxnState::Aborted => "aborted",
    };
    Transaction {
        vhost: txn.vhost.as_ref().map(|vhost| vhost.to_string()),
        id: txn.id.to_string(),
        producer: txn.producer.id,
        epoch: txn.producer.epoch,
        state: state.to_owned(),
        timeout_ms: u64::from(txn.timeout_ms),
        started_at: txn.started.map(|at| at.0),
        open_ms: txn.started.map(|at| now.0.saturating_sub(at.0)),
        partitions: txn.partitions.iter().map(partition).collect(),
        groups: txn.groups.iter().map(|group| group.to_string()).collect(),
    }
}
