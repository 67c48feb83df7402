//! `AlterShareGroupOffsets`: a share group without members begins elsewhere.

use anymq_broker::GroupFault;

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::topics::uuid;
use crate::wire::messages::share_groups::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, AlterShareGroupOffsetsResponsePartition,
    AlterShareGroupOffsetsResponseTopic,
};

pub(super) fn alter_share_group_offsets(
    cx: &mut Cx<'_>,
    request: AlterShareGroupOffsetsRequest<'_>,
) -> Reply {
    let named: usize = request.topics.iter().map(|topic| topic.partitions.len() + 1).sum();
    if named > ELEMENTS_MAX {
        return Reply::Close;
    }
    let asked: Vec<(&str, Vec<(i32, i64)>)> = request
        .topics
        .iter()
        .map(|topic| {
            let starts = topic.partitions.iter().map(|part| (part.partition_index, part.start_offset));
            (topic.topic_name, starts.collect())
        })
        .collect();
    match cx.hall.alter_share_offsets(request.group_id, &asked) {
        Ok(done) => {
            let responses = asked.iter().zip(done.topics).map(|((name, _), (id, parts))| {
                let partitions = parts.into_iter().map(|(partition_index, result)| {
                    let (error_code, error_message) = said(&result);
                    AlterShareGroupOffsetsResponsePartition { partition_index, error_code, error_message }
                });
                AlterShareGroupOffsetsResponseTopic {
                    topic_name: (*name).into(),
                    topic_id: uuid(id),
                    partitions: partitions.collect(),
                }
            });
            let responses = responses.collect();
            cx.reply_when(done.commit, &AlterShareGroupOffsetsResponse { responses, ..Default::default() })
        }
        Err(fault) => cx.reply(&AlterShareGroupOffsetsResponse {
            error_code: group_error(&fault),
            error_message: Some(fault.to_string().into()),
            ..Default::default()
        }),
    }
}

fn said(result: &Result<(), GroupFault>) -> (crate::wire::ErrorCode, Option<crate::wire::Text<'static>>) {
    match result {
        Ok(()) => (crate::wire::ErrorCode::NONE, None),
        Err(fault) => (group_error(fault), Some(fault.to_string().into())),
    }
}
