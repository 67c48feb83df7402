//! `JoinGroup`: takes part in the next generation of a classic group.

use anymq_broker::{Event, GroupAnswer, GroupFault, JoinGroup, Joined};

use crate::errors::group_error;
use crate::session::{Cx, Parked, Reply, Wake};
use crate::wire::ErrorCode;
use crate::wire::messages::classic_groups::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};

/// First version whose members can be told to come back with an id.
const ID_FIRST_FROM: i16 = 4;
/// First version whose leaders can be told to leave the assignment as it is.
const SKIP_FROM: i16 = 9;
/// More protocols than the hall takes from one member.
const PROTOCOLS_READ_MAX: usize = 128;

pub(super) fn join_group(cx: &mut Cx<'_>, request: JoinGroupRequest<'_>) -> Reply {
    let session_ms = request.session_timeout_ms;
    let join = JoinGroup {
        group: request.group_id,
        token: cx.head.token,
        member: request.member_id,
        instance: request.group_instance_id,
        client_id: cx.client_id,
        session_ms,
        // The first version has one timeout for both.
        // The client's own time if it says none: in the first version it cannot, and some say 0.
        rebalance_ms: match request.rebalance_timeout_ms {
            1.. if cx.version() > 0 => request.rebalance_timeout_ms,
            _ => session_ms,
        },
        protocol_type: request.protocol_type,
        protocols: request.protocols.iter().take(PROTOCOLS_READ_MAX).map(|p| (p.name, p.metadata)).collect(),
        can_take_id: cx.version() >= ID_FIRST_FROM,
        can_skip: cx.version() >= SKIP_FROM,
    };
    match cx.hall.join_group(&join) {
        Some(joined) => respond(cx, &joined),
        None => cx.park(Waiting, None),
    }
}

/// A member that waits for the others.
struct Waiting;

impl Parked for Waiting {
    fn poll(&mut self, cx: &mut Cx<'_>, why: Wake<'_>) -> Option<Reply> {
        let Wake::Event(Event::Group { answer, .. }) = why else { return None };
        match &**answer {
            GroupAnswer::Joined(joined) => Some(respond(cx, joined)),
            GroupAnswer::Synced(_) => None,
        }
    }
}

fn respond(cx: &Cx<'_>, joined: &Joined) -> Reply {
    let members = joined.members.iter().map(|member| JoinGroupResponseMember {
        member_id: (&*member.id).into(),
        group_instance_id: member.instance.as_deref().map(Into::into),
        metadata: (&member.metadata[..]).into(),
    });
    let member = match joined.fault {
        Some(GroupFault::Full) => "",
        _ => &*joined.member,
    };
    cx.reply(&JoinGroupResponse {
        error_code: joined.fault.as_ref().map_or(ErrorCode::NONE, group_error),
        generation_id: joined.generation,
        protocol_type: joined.protocol_type.as_deref().map(Into::into),
        protocol_name: joined.protocol.as_deref().map(Into::into),
        leader: (&*joined.leader).into(),
        skip_assignment: joined.skip_assignment,
        member_id: member.into(),
        members: members.collect(),
        ..Default::default()
    })
}
