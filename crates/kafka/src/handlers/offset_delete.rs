//! `OffsetDelete`: forgets how far a group has read topics that it no longer uses.

use anymq_broker::TopicRef;

use super::ELEMENTS_MAX;
use crate::errors::{group_error, partition_error};
use crate::session::{Cx, Reply};
use crate::wire::messages::committed::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

pub(super) fn offset_delete(cx: &mut Cx<'_>, request: OffsetDeleteRequest<'_>) -> Reply {
    if request.topics.iter().map(|topic| topic.partitions.len() + 1).sum::<usize>() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let topics = request.topics.iter().map(|topic| {
        (TopicRef::Name(topic.name), topic.partitions.iter().map(|p| p.partition_index).collect())
    });
    let topics: Vec<_> = topics.collect();
    let all = match cx.hall.delete_offsets(request.group_id, &topics) {
        Ok(all) => all,
        Err(fault) => {
            return cx.reply(&OffsetDeleteResponse { error_code: group_error(&fault), ..Default::default() });
        }
    };
    let topics = request.topics.iter().zip(&all.topics).map(|(topic, results)| {
        let partitions = topic.partitions.iter().zip(results).map(|(partition, result)| {
            let error_code = partition_error(result, false);
            OffsetDeleteResponsePartition { partition_index: partition.partition_index, error_code }
        });
        OffsetDeleteResponseTopic { name: topic.name.into(), partitions: partitions.collect() }
    });
    cx.reply_when(all.commit, &OffsetDeleteResponse { topics: topics.collect(), ..Default::default() })
}
