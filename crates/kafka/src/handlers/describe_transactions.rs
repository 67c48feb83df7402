//! `DescribeTransactions`: how far transactions are, and what is part of them.

use std::collections::BTreeMap;

use anymq_broker::transactions::TxnStatus;

use super::list_transactions::state_name;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::transaction_admin::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, DescribedTransaction, TransactionTopic,
};

/// Clients hear this where no transaction is open.
const NOT_OPEN: i64 = -1;

pub(super) fn describe_transactions(cx: &mut Cx<'_>, request: DescribeTransactionsRequest<'_>) -> Reply {
    let all: BTreeMap<String, TxnStatus> =
        cx.hall.transactions().into_iter().map(|txn| (txn.id.clone(), txn)).collect();
    let describe = |id: &str| match all.get(id) {
        Some(txn) => described(cx, txn),
        None => DescribedTransaction {
            error_code: ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
            transactional_id: id.to_owned().into(),
            transaction_start_time_ms: NOT_OPEN,
            ..Default::default()
        },
    };
    let transaction_states = request.transactional_ids.iter().map(describe).collect();
    cx.reply(&DescribeTransactionsResponse { transaction_states, ..Default::default() })
}

fn described(cx: &Cx<'_>, txn: &TxnStatus) -> DescribedTransaction<'static> {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (name, number) in cx.hall.partition_names(&txn.partitions).into_iter().flatten() {
        topics.entry(name.to_string()).or_default().push(number.cast_signed());
    }
    let topic = |(topic, partitions): (String, Vec<i32>)| TransactionTopic {
        topic: topic.into(),
        partitions: partitions.into_iter().collect(),
    };
    DescribedTransaction {
        error_code: ErrorCode::NONE,
        transactional_id: txn.id.clone().into(),
        transaction_state: state_name(txn.state).into(),
        transaction_timeout_ms: txn.timeout_ms.cast_signed(),
        transaction_start_time_ms: txn.started.map_or(NOT_OPEN, |at| at.0.cast_signed()),
        producer_id: txn.producer.id,
        producer_epoch: txn.producer.epoch,
        topics: topics.into_iter().map(topic).collect(),
    }
}
