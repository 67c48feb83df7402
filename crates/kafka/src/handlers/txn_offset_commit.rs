//! `TxnOffsetCommit`: how far a group has read, to be committed with a transaction or not at all.

use anymq_broker::transactions::ProducerEpoch;
use anymq_broker::{Commit, CommitOffsets, GroupFault, GroupResult, InGroup, TopicRef};

use super::ELEMENTS_MAX;
use crate::errors::{partition_error, txn_error};
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::transactions::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestTopic, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

pub(super) fn txn_offset_commit(cx: &mut Cx<'_>, request: TxnOffsetCommitRequest<'_>) -> Reply {
    if request.topics.iter().map(|topic| topic.partitions.len() + 1).sum::<usize>() > ELEMENTS_MAX {
        return refuse(cx, &request, partition_error::<()>(&Err(GroupFault::TooLarge), false));
    }
    let topics = request.topics.iter().map(|topic| {
        let commits = topic.partitions.iter().map(|p| Commit {
            partition: p.partition_index,
            offset: p.committed_offset,
            epoch: p.committed_leader_epoch,
            metadata: p.committed_metadata.unwrap_or_default(),
        });
        (TopicRef::Name(topic.name), commits.collect())
    });
    let commit = CommitOffsets {
        who: InGroup {
            group: request.group_id,
            member: request.member_id,
            instance: request.group_instance_id,
            generation: request.generation_id,
        },
        knows_epochs: true,
        in_transaction: true,
        topics: topics.collect(),
    };
    let who = ProducerEpoch { id: request.producer_id, epoch: request.producer_epoch };
    match cx.hall.commit_offsets_in_transaction(request.transactional_id, who, &commit) {
        Ok(Ok(all)) => {
            let topics = request.topics.iter().zip(&all.topics);
            let topics = topics.map(|(topic, results)| respond(&topic, results.iter().map(code)));
            cx.reply_when(
                all.commit,
                &TxnOffsetCommitResponse { topics: topics.collect(), ..Default::default() },
            )
        }
        Ok(Err(fault)) => refuse(cx, &request, code(&Err(fault))),
        // Producers know a fenced one by its epoch here.
        Err(fault) => refuse(cx, &request, txn_error(fault, false)),
    }
}

fn code(result: &GroupResult<()>) -> ErrorCode {
    partition_error(result, false)
}

fn refuse(cx: &Cx<'_>, request: &TxnOffsetCommitRequest<'_>, code: ErrorCode) -> Reply {
    let topics = request.topics.iter().map(|topic| respond(&topic, std::iter::repeat(code)));
    cx.reply(&TxnOffsetCommitResponse { topics: topics.collect(), ..Default::default() })
}

fn respond<'a>(
    topic: &TxnOffsetCommitRequestTopic<'a>,
    codes: impl Iterator<Item = ErrorCode>,
) -> TxnOffsetCommitResponseTopic<'a> {
    let partitions = topic.partitions.iter().zip(codes).map(|(partition, error_code)| {
        TxnOffsetCommitResponsePartition { partition_index: partition.partition_index, error_code }
    });
    TxnOffsetCommitResponseTopic { name: topic.name.into(), partitions: partitions.collect() }
}
