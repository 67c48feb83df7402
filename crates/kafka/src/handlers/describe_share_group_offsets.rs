//! `DescribeShareGroupOffsets`: how far share groups have come.

use anymq_broker::ShareOffsets;

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::topics::{LEADER_EPOCH, uuid};
use crate::wire::messages::share_groups::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup,
    DescribeShareGroupOffsetsResponse, DescribeShareGroupOffsetsResponseGroup,
    DescribeShareGroupOffsetsResponsePartition, DescribeShareGroupOffsetsResponseTopic,
};

pub(super) fn describe_share_group_offsets(
    cx: &mut Cx<'_>,
    request: DescribeShareGroupOffsetsRequest<'_>,
) -> Reply {
    let asked = |group: DescribeShareGroupOffsetsRequestGroup<'_>| {
        let topics = group.topics.iter().flatten();
        1 + topics.map(|topic| topic.partitions.len() + 1).sum::<usize>()
    };
    if request.groups.iter().map(asked).sum::<usize>() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let groups = request.groups.iter().map(|group| {
        let asked = group.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| (topic.topic_name, topic.partitions.iter().collect())).collect()
        });
        let group_id = group.group_id.into();
        match cx.hall.share_offsets(group.group_id, &asked) {
            Ok(topics) => DescribeShareGroupOffsetsResponseGroup {
                group_id,
                topics: topics.into_iter().map(topic).collect(),
                ..Default::default()
            },
            Err(fault) => DescribeShareGroupOffsetsResponseGroup {
                group_id,
                error_code: group_error(&fault),
                error_message: Some(fault.to_string().into()),
                ..Default::default()
            },
        }
    });
    let groups = groups.collect();
    cx.reply(&DescribeShareGroupOffsetsResponse { groups, ..Default::default() })
}

fn topic(topic: ShareOffsets) -> DescribeShareGroupOffsetsResponseTopic<'static> {
    let partitions = topic.partitions.into_iter().map(|(partition_index, offset)| {
        // Where it has not begun it is nowhere.
        let nowhere = DescribeShareGroupOffsetsResponsePartition {
            partition_index,
            start_offset: -1,
            leader_epoch: LEADER_EPOCH,
            ..Default::default()
        };
        match offset {
            Ok(Some(offset)) => DescribeShareGroupOffsetsResponsePartition {
                start_offset: offset.start.cast_signed(),
                lag: offset.lag.cast_signed(),
                ..nowhere
            },
            Ok(None) => nowhere,
            Err(fault) => DescribeShareGroupOffsetsResponsePartition {
                error_code: group_error(&fault),
                error_message: Some(fault.to_string().into()),
                ..nowhere
            },
        }
    });
    DescribeShareGroupOffsetsResponseTopic {
        topic_name: topic.name.to_string().into(),
        topic_id: uuid(topic.id),
        partitions: partitions.collect(),
    }
}
