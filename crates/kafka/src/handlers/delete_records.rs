//! `DeleteRecords`: lets everything before an offset go.

use anymq_broker::ErrorKind;
use anymq_broker::topics::TopicInfo;
use anymq_types::Position;

use super::ELEMENTS_MAX;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::topics::{self, TopicRef};
use crate::wire::ErrorCode;
use crate::wire::messages::offsets::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};

/// Instead of an offset: the high watermark.
const EVERYTHING: i64 = -1;

pub(super) fn delete_records(cx: &mut Cx<'_>, request: DeleteRecordsRequest<'_>) -> Reply {
    let partitions: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    if partitions.max(request.topics.len()) > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut commit = None;
    let topics = request.topics.iter().map(|topic| {
        let found = topics::find(cx, TopicRef::Name(topic.name));
        let delete = |partition: DeleteRecordsPartition| {
            let deleted = found.as_ref().map_err(|code| *code).and_then(|info| delete(cx, info, &partition));
            let partition_index = partition.partition_index;
            match deleted {
                Ok((low_watermark, at)) => {
                    commit = commit.max(at);
                    let error_code = ErrorCode::NONE;
                    DeleteRecordsPartitionResult { partition_index, low_watermark, error_code }
                }
                Err(error_code) => {
                    DeleteRecordsPartitionResult { partition_index, low_watermark: -1, error_code }
                }
            }
        };
        let partitions = topic.partitions.iter().map(delete).collect();
        DeleteRecordsTopicResult { name: topic.name.into(), partitions }
    });
    let topics = topics.collect();
    cx.reply_when(commit, &DeleteRecordsResponse { topics, ..Default::default() })
}

/// The first offset that is kept then, and when that is on disk.
fn delete(
    cx: &Cx<'_>,
    info: &TopicInfo,
    partition: &DeleteRecordsPartition,
) -> Result<(i64, Option<Position>), ErrorCode> {
    let id = topics::partition(cx, info, partition.partition_index)?;
    let before = match partition.offset {
        EVERYTHING => None,
        offset => Some(u64::try_from(offset).map_err(|_| ErrorCode::OFFSET_OUT_OF_RANGE)?),
    };
    match cx.hall.delete_records(id, before) {
        Ok(done) => Ok((done.value.cast_signed(), done.commit)),
        Err(error) => Err(match error.kind {
            ErrorKind::Invalid => ErrorCode::OFFSET_OUT_OF_RANGE,
            ErrorKind::NotAllowed => ErrorCode::POLICY_VIOLATION,
            kind => topic_error(kind),
        }),
    }
}
