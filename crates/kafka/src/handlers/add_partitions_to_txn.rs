//! `AddPartitionsToTxn`: partitions become part of a transaction, all that are named or none.

use std::collections::BTreeMap;

use anymq_broker::acl::{Operation, ResourceKind};
use anymq_broker::transactions::{ProducerEpoch, TxnFault};
use anymq_types::QueueId;

use crate::errors::{topic_error, txn_error};
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::transactions::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
};

/// From here on brokers ask each other; producers speak what is before.
const BROKERS_FROM: i16 = 4;

pub(super) fn add_partitions_to_txn(cx: &mut Cx<'_>, request: AddPartitionsToTxnRequest<'_>) -> Reply {
    if cx.version() >= BROKERS_FROM {
        let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return cx.reply(&AddPartitionsToTxnResponse { error_code, ..Default::default() });
    }
    let mut found = BTreeMap::new();
    let mut wrong = BTreeMap::new();
    for topic in &request.v3_and_below_topics {
        let may = cx.hall.may(ResourceKind::Topic, topic.name, Operation::Write);
        let known = match may {
            true => cx.hall.topic(topic.name).map_err(|e| topic_error(e.kind)),
            false => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        };
        for number in &topic.partitions {
            let at = usize::try_from(number).ok();
            let partition = known.as_ref().map_err(|&code| code).and_then(|info| {
                let id = at.and_then(|at| info.partitions.get(at)).copied();
                id.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            });
            match partition {
                Ok(id) => found.insert((topic.name, number), id).map(drop),
                Err(code) => wrong.insert((topic.name, number), code).map(drop),
            };
        }
    }
    let who =
        ProducerEpoch { id: request.v3_and_below_producer_id, epoch: request.v3_and_below_producer_epoch };
    let mut commit = None;
    let mut rest = ErrorCode::OPERATION_NOT_ATTEMPTED;
    if wrong.is_empty() {
        let partitions: Vec<QueueId> = found.values().copied().collect();
        match cx.hall.join_transaction(request.v3_and_below_transactional_id, who, &partitions) {
            Ok(done) => (commit, rest) = (done.commit, ErrorCode::NONE),
            Err(TxnFault::NoPartition(id)) => {
                let named = found.into_iter().filter(|&(_, other)| other == id);
                wrong.extend(named.map(|(name, _)| (name, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)));
            }
            Err(fault) => rest = txn_error(fault, cx.version() >= super::FENCED_FROM),
        }
    }
    let topic = |topic: AddPartitionsToTxnTopic<'_>| {
        let result = |number| AddPartitionsToTxnPartitionResult {
            partition_index: number,
            partition_error_code: code_of(&wrong, topic.name, number).unwrap_or(rest),
        };
        AddPartitionsToTxnTopicResult {
            name: topic.name.to_owned().into(),
            results_by_partition: topic.partitions.iter().map(result).collect(),
        }
    };
    let results_by_topic_v3_and_below = request.v3_and_below_topics.iter().map(topic).collect();
    cx.reply_when(commit, &AddPartitionsToTxnResponse { results_by_topic_v3_and_below, ..Default::default() })
}

fn code_of<'a>(
    wrong: &BTreeMap<(&'a str, i32), ErrorCode>,
    topic: &'a str,
    number: i32,
) -> Option<ErrorCode> {
    wrong.get(&(topic, number)).copied()
}
