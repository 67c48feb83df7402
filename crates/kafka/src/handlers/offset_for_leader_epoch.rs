//! `OffsetForLeaderEpoch`: where a leader's term ended, for clients that check whether what they have read still holds.
//! There is one leader, and its term has not ended.

use anymq_broker::topics::{OffsetFound, OffsetOf, TopicInfo};

use super::ELEMENTS_MAX;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::topics::{self, LEADER_EPOCH, TopicRef};
use crate::wire::ErrorCode;
use crate::wire::messages::offsets::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

pub(super) fn offset_for_leader_epoch(cx: &mut Cx<'_>, request: OffsetForLeaderEpochRequest<'_>) -> Reply {
    let partitions: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    if partitions.max(request.topics.len()) > ELEMENTS_MAX {
        return Reply::Close;
    }
    let topics = request.topics.iter().map(|topic| {
        let found = topics::find(cx, TopicRef::Name(topic.topic));
        let end = |partition: OffsetForLeaderPartition| {
            let end = found.as_ref().map_err(|code| *code).and_then(|info| end(cx, info, &partition));
            let partition = partition.partition;
            match end {
                Ok((leader_epoch, end_offset)) => {
                    EpochEndOffset { error_code: ErrorCode::NONE, partition, leader_epoch, end_offset }
                }
                Err(error_code) => EpochEndOffset { error_code, partition, ..Default::default() },
            }
        };
        let partitions = topic.partitions.iter().map(end).collect();
        OffsetForLeaderTopicResult { topic: topic.topic.into(), partitions }
    });
    cx.reply(&OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() })
}

/// The last epoch not after the one asked for, and the offset at which it ended; −1 for what is not known.
fn end(cx: &Cx<'_>, info: &TopicInfo, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ErrorCode> {
    let id = topics::partition(cx, info, asked.partition)?;
    topics::check_epoch(asked.current_leader_epoch)?;
    if asked.leader_epoch != LEADER_EPOCH {
        return Ok((-1, -1));
    }
    match cx.hall.offset_of(id, OffsetOf::Next { stable_only: false }) {
        Ok(OffsetFound::Offset(offset)) => Ok((LEADER_EPOCH, offset.cast_signed())),
        Ok(_) => Ok((-1, -1)),
        Err(error) => Err(topic_error(error.kind)),
    }
}
