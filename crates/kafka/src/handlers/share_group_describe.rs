//! `ShareGroupDescribe`: share groups, with their members.

use anymq_broker::{ShareMember, TopicNames};

use super::ELEMENTS_MAX;
use super::groups::{DESCRIBED_BYTES_MAX, group_state};
use crate::authorized;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::topics::uuid;
use crate::wire::ErrorCode;
use crate::wire::messages::share_groups::{
    DescribedAssignment, DescribedGroup, DescribedMember, DescribedTopicPartitions,
    ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};

/// There is one assignor.
const ASSIGNOR: &str = "simple";

pub(super) fn share_group_describe(cx: &mut Cx<'_>, request: ShareGroupDescribeRequest<'_>) -> Reply {
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
        match cx.hall.describe_share_group(name) {
            Ok((group, names)) => {
                let weigh = |m: &ShareMember| 128 + 16 * (m.assigned.len() + m.topics.len());
                bytes += group.members.iter().map(weigh).sum::<usize>();
                DescribedGroup {
                    group_id,
                    group_state: group_state(group.state).into(),
                    group_epoch: group.epoch,
                    assignment_epoch: group.assignment_epoch,
                    assignor_name: ASSIGNOR.into(),
                    members: group.members.into_iter().map(|m| member(m, &names)).collect(),
                    authorized_operations: authorized::group(cx, name, asked),
                    ..Default::default()
                }
            }
            Err(fault) => DescribedGroup {
                error_code: group_error(&fault),
                error_message: Some(format!("Group {name} is not a share group: {fault}.").into()),
                group_id,
                ..Default::default()
            },
        }
    });
    let groups = groups.collect();
    cx.reply(&ShareGroupDescribeResponse { groups, ..Default::default() })
}

fn member(member: ShareMember, names: &TopicNames) -> DescribedMember<'static> {
    // What is of topics that are gone is left out.
    let topic = |(id, partitions): (_, Vec<i32>)| {
        let topic_name = names.get(&id)?.to_string().into();
        Some(DescribedTopicPartitions { topic_id: uuid(id), topic_name, partitions: partitions.into() })
    };
    DescribedMember {
        member_id: member.id.to_string().into(),
        rack_id: member.rack.map(|text| text.to_string().into()),
        member_epoch: member.epoch,
        client_id: member.client_id.to_string().into(),
        client_host: format!("/{}", member.host.to_canonical()).into(),
        subscribed_topic_names: member.topics.iter().map(|name| name.to_string().into()).collect(),
        assignment: DescribedAssignment {
            topic_partitions: member.assigned.into_iter().filter_map(topic).collect(),
        },
    }
}
