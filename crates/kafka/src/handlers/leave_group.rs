//! `LeaveGroup`: members of a classic group go, or are made to.

use anymq_broker::Leaving;

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::classic_groups::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

/// First version with several members.
const BATCHED_FROM: i16 = 3;

pub(super) fn leave_group(cx: &mut Cx<'_>, request: LeaveGroupRequest<'_>) -> Reply {
    if request.members.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let leaving: Vec<_> = if cx.version() < BATCHED_FROM {
        vec![Leaving { member: request.member_id, instance: None }]
    } else {
        let members = request.members.iter();
        members.map(|m| Leaving { member: m.member_id, instance: m.group_instance_id }).collect()
    };
    let results = match cx.hall.leave_group(request.group_id, &leaving) {
        Ok(results) => results,
        Err(fault) => {
            return cx.reply(&LeaveGroupResponse { error_code: group_error(&fault), ..Default::default() });
        }
    };
    let mut codes = results.iter().map(|result| result.as_ref().err().map_or(ErrorCode::NONE, group_error));
    if cx.version() < BATCHED_FROM {
        let error_code = codes.next().unwrap_or_default();
        return cx.reply(&LeaveGroupResponse { error_code, ..Default::default() });
    }
    let members = leaving.iter().zip(codes).map(|(who, error_code)| MemberResponse {
        member_id: who.member.into(),
        group_instance_id: who.instance.map(Into::into),
        error_code,
    });
    cx.reply(&LeaveGroupResponse { members: members.collect(), ..Default::default() })
}
