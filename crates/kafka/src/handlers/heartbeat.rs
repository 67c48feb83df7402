//! `Heartbeat`: a member of a classic group is alive.

use anymq_broker::InGroup;

use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::classic_groups::{HeartbeatRequest, HeartbeatResponse};

pub(super) fn heartbeat(cx: &mut Cx<'_>, request: HeartbeatRequest<'_>) -> Reply {
    let who = InGroup {
        group: request.group_id,
        member: request.member_id,
        instance: request.group_instance_id,
        generation: request.generation_id,
    };
    let error_code = cx.hall.group_heartbeat(&who).err().map_or(ErrorCode::NONE, |fault| group_error(&fault));
    cx.reply(&HeartbeatResponse { error_code, ..Default::default() })
}
