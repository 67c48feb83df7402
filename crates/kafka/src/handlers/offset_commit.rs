//! `OffsetCommit`: how far a group has read.

use anymq_broker::topics::TopicId;
use anymq_broker::{Commit, CommitOffsets, GroupFault, GroupResult, InGroup, TopicRef};

use super::ELEMENTS_MAX;
use crate::errors::partition_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::committed::{
    OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};

/// First version of members whose partitions the broker assigns.
const EPOCHS_FROM: i16 = 9;
/// First version that names topics by id.
const IDS_FROM: i16 = 10;

pub(super) fn offset_commit(cx: &mut Cx<'_>, request: OffsetCommitRequest<'_>) -> Reply {
    if request.topics.iter().map(|topic| topic.partitions.len() + 1).sum::<usize>() > ELEMENTS_MAX {
        return refuse(cx, &request, GroupFault::TooLarge);
    }
    let by_id = cx.version() >= IDS_FROM;
    let topics = request.topics.iter().map(|topic| {
        let commits = topic.partitions.iter().map(|p| Commit {
            partition: p.partition_index,
            offset: p.committed_offset,
            epoch: p.committed_leader_epoch,
            metadata: p.committed_metadata.unwrap_or_default(),
        });
        let name = match by_id {
            true => TopicRef::Id(TopicId(u128::from_be_bytes(topic.topic_id.0))),
            false => TopicRef::Name(topic.name),
        };
        (name, commits.collect())
    });
    let commit = CommitOffsets {
        who: InGroup {
            group: request.group_id,
            member: request.member_id,
            instance: request.group_instance_id,
            generation: request.generation_id_or_member_epoch,
        },
        knows_epochs: cx.version() >= EPOCHS_FROM,
        in_transaction: false,
        topics: topics.collect(),
    };
    match cx.hall.commit_offsets(&commit) {
        Ok(all) => {
            let topics = request.topics.iter().zip(&all.topics);
            let topics = topics.map(|(topic, results)| respond(&topic, results.iter(), by_id));
            cx.reply_when(
                all.commit,
                &OffsetCommitResponse { topics: topics.collect(), ..Default::default() },
            )
        }
        Err(fault) => refuse(cx, &request, fault),
    }
}

fn refuse(cx: &Cx<'_>, request: &OffsetCommitRequest<'_>, fault: GroupFault) -> Reply {
    let by_id = cx.version() >= IDS_FROM;
    let fault = Err(fault);
    let topics = request.topics.iter().map(|topic| respond(&topic, std::iter::repeat(&fault), by_id));
    cx.reply(&OffsetCommitResponse { topics: topics.collect(), ..Default::default() })
}

fn respond<'a, 'r>(
    topic: &OffsetCommitRequestTopic<'a>,
    results: impl Iterator<Item = &'r GroupResult<()>>,
    by_id: bool,
) -> OffsetCommitResponseTopic<'a> {
    let partitions = topic.partitions.iter().zip(results).map(|(partition, result)| {
        let error_code: ErrorCode = partition_error(result, by_id);
        OffsetCommitResponsePartition { partition_index: partition.partition_index, error_code }
    });
    OffsetCommitResponseTopic {
        name: topic.name.into(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}
