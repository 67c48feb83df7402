//! `SyncGroup`: the leader of a classic group assigns, every member learns its share.

use anymq_broker::{Event, GroupAnswer, GroupFault, GroupResult, InGroup, SyncGroup, Synced};

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Parked, Reply, Wake};
use crate::wire::messages::classic_groups::{SyncGroupRequest, SyncGroupResponse};

/// First version that names the protocol, and must.
const NAMED_FROM: i16 = 5;

pub(super) fn sync_group(cx: &mut Cx<'_>, request: SyncGroupRequest<'_>) -> Reply {
    if request.assignments.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let unnamed = request.protocol_type.is_none() || request.protocol_name.is_none();
    if cx.version() >= NAMED_FROM && unnamed {
        return respond(cx, &Err(GroupFault::InconsistentProtocol));
    }
    let sync = SyncGroup {
        who: InGroup {
            group: request.group_id,
            member: request.member_id,
            instance: request.group_instance_id,
            generation: request.generation_id,
        },
        token: cx.head.token,
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments: request.assignments.iter().map(|a| (a.member_id, a.assignment)).collect(),
    };
    match cx.hall.sync_group(&sync) {
        Some(synced) => respond(cx, &synced),
        None => cx.park(Waiting, None),
    }
}

/// A member that waits for its leader.
struct Waiting;

impl Parked for Waiting {
    fn poll(&mut self, cx: &mut Cx<'_>, why: Wake<'_>) -> Option<Reply> {
        let Wake::Event(Event::Group { answer, .. }) = why else { return None };
        match &**answer {
            GroupAnswer::Synced(synced) => Some(respond(cx, synced)),
            GroupAnswer::Joined(_) => None,
        }
    }
}

fn respond(cx: &Cx<'_>, synced: &GroupResult<Synced>) -> Reply {
    match synced {
        Ok(synced) => cx.reply(&SyncGroupResponse {
            protocol_type: synced.protocol_type.as_deref().map(Into::into),
            protocol_name: synced.protocol.as_deref().map(Into::into),
            assignment: (&synced.assignment[..]).into(),
            ..Default::default()
        }),
        Err(fault) => cx.reply(&SyncGroupResponse { error_code: group_error(fault), ..Default::default() }),
    }
}
