//! `ListGroups`: the groups that the user may use.

use anymq_broker::{GroupKind, GroupListed};

use super::groups::group_state;
use crate::session::{Cx, Reply};
use crate::wire::Array;
use crate::wire::messages::group_admin::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

pub(super) fn list_groups(cx: &mut Cx<'_>, request: ListGroupsRequest<'_>) -> Reply {
    let (groups, own) = (cx.hall.groups(), cx.node_id());
    let wanted = |group: &&GroupListed| {
        cx.coordinator(&group.name) == own
            && is_in(&request.states_filter, group_state(group.state))
            && is_in(&request.types_filter, kind(group.kind))
    };
    let listed = groups.iter().filter(wanted).map(|group| ListedGroup {
        group_id: (&*group.name).into(),
        protocol_type: (&*group.protocol_type).into(),
        group_state: group_state(group.state).into(),
        group_type: kind(group.kind).into(),
    });
    cx.reply(&ListGroupsResponse { groups: listed.collect(), ..Default::default() })
}

fn is_in(filter: &Array<'_, &str>, name: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
}

fn kind(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Classic => "classic",
        GroupKind::Consumer => "consumer",
        GroupKind::Share => "share",
    }
}
