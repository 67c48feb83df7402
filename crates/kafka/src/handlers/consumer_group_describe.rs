//! `ConsumerGroupDescribe`: groups whose partitions the broker assigns, with their members.

use anymq_broker::topics::TopicId;
use anymq_broker::{ConsumerMember, TopicNames, TopicPartitions};

use super::ELEMENTS_MAX;
use super::groups::{DESCRIBED_BYTES_MAX, group_state};
use crate::authorized;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::wire::messages::consumer_groups::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedAssignment, DescribedGroup,
    DescribedMember, DescribedTopicPartitions,
};
use crate::wire::{ErrorCode, Uuid};

pub(super) fn consumer_group_describe(cx: &mut Cx<'_>, request: ConsumerGroupDescribeRequest<'_>) -> Reply {
    if request.group_ids.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let asked = request.include_authorized_operations;
    let mut bytes = 0;
    let groups = request.group_ids.iter().map(|name| {
        let group_id = name.into();
        if bytes > DESCRIBED_BYTES_MAX {
            let error_code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
            return DescribedGroup { error_code, group_id, ..Default::default() };
        }
        match cx.hall.describe_consumer_group(name) {
            Ok((group, names)) => {
                let weigh =
                    |m: &ConsumerMember| 128 + 16 * (m.assigned.len() + m.target.len() + m.topics.len());
                bytes += group.members.iter().map(weigh).sum::<usize>();
                DescribedGroup {
                    group_id,
                    group_state: group_state(group.state).into(),
                    group_epoch: group.epoch,
                    assignment_epoch: group.assignment_epoch,
                    assignor_name: group.assignor.into(),
                    members: group.members.into_iter().map(|m| member(m, &names)).collect(),
                    authorized_operations: authorized::group(cx, name, asked),
                    ..Default::default()
                }
            }
            Err(fault) => DescribedGroup {
                error_code: group_error(&fault),
                error_message: Some(format!("Group {name} is not a consumer group: {fault}.").into()),
                group_id,
                ..Default::default()
            },
        }
    });
    let groups = groups.collect();
    cx.reply(&ConsumerGroupDescribeResponse { groups, ..Default::default() })
}

fn member(member: ConsumerMember, names: &TopicNames) -> DescribedMember<'static> {
    DescribedMember {
        member_id: member.id.to_string().into(),
        instance_id: member.instance.map(|text| text.to_string().into()),
        rack_id: member.rack.map(|text| text.to_string().into()),
        member_epoch: member.epoch,
        client_id: member.client_id.to_string().into(),
        client_host: format!("/{}", member.host.to_canonical()).into(),
        subscribed_topic_names: member.topics.iter().map(|name| name.to_string().into()).collect(),
        subscribed_topic_regex: member.pattern.map(|text| text.to_string().into()),
        assignment: assignment(member.assigned, names),
        target_assignment: assignment(member.target, names),
        member_type: if member.is_classic { 0 } else { 1 },
    }
}

/// What is of topics that are gone is left out.
fn assignment(share: TopicPartitions, names: &TopicNames) -> DescribedAssignment<'static> {
    let topic = |(id, partitions): (TopicId, Vec<i32>)| {
        let topic_name = names.get(&id)?.to_string().into();
        let topic_id = Uuid(id.0.to_be_bytes());
        Some(DescribedTopicPartitions { topic_id, topic_name, partitions: partitions.into() })
    };
    DescribedAssignment { topic_partitions: share.into_iter().filter_map(topic).collect() }
}
