//! `DescribeGroups`: classic groups, with their members.

use std::borrow::Cow;

use anymq_broker::{ClassicDescribed, ClassicMember, GroupFault};

use super::ELEMENTS_MAX;
use super::groups::{DESCRIBED_BYTES_MAX, group_state};
use crate::authorized;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::group_admin::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

/// First version that says that a group does not exist; before, it is *Dead*.
const NOT_FOUND_FROM: i16 = 6;

pub(super) fn describe_groups(cx: &mut Cx<'_>, request: DescribeGroupsRequest<'_>) -> Reply {
    if request.groups.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let asked = request.include_authorized_operations;
    let mut bytes = 0;
    let groups = request.groups.iter().map(|name| {
        if bytes > DESCRIBED_BYTES_MAX {
            let error_code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
            return DescribedGroup { error_code, group_id: name.into(), ..Default::default() };
        }
        match cx.hall.describe_group(name) {
            Ok(group) => {
                bytes +=
                    group.members.iter().map(|m| m.metadata.len() + m.assignment.len() + 128).sum::<usize>();
                DescribedGroup {
                    authorized_operations: authorized::group(cx, name, asked),
                    ..described(name, group)
                }
            }
            Err(GroupFault::NotFound) if cx.version() < NOT_FOUND_FROM => DescribedGroup {
                group_id: name.into(),
                group_state: "Dead".into(),
                authorized_operations: authorized::group(cx, name, asked),
                ..Default::default()
            },
            Err(fault) => DescribedGroup {
                error_code: group_error(&fault),
                error_message: Some(format!("Group {name}: {fault}.").into()),
                group_id: name.into(),
                group_state: if fault == GroupFault::NotFound { "Dead".into() } else { Cow::default() },
                ..Default::default()
            },
        }
    });
    let groups = groups.collect();
    cx.reply(&DescribeGroupsResponse { groups, ..Default::default() })
}

fn described(name: &str, group: ClassicDescribed) -> DescribedGroup<'_> {
    DescribedGroup {
        group_id: name.into(),
        group_state: group_state(group.state).into(),
        protocol_type: group.protocol_type.to_string().into(),
        protocol_data: group.protocol.to_string().into(),
        members: group.members.into_iter().map(member).collect(),
        ..Default::default()
    }
}

fn member(member: ClassicMember) -> DescribedGroupMember<'static> {
    DescribedGroupMember {
        member_id: member.id.to_string().into(),
        group_instance_id: member.instance.map(|instance| instance.to_string().into()),
        client_id: member.client_id.to_string().into(),
        client_host: format!("/{}", member.host.to_canonical()).into(),
        member_metadata: Vec::from(member.metadata).into(),
        member_assignment: Vec::from(member.assignment).into(),
    }
}
