//! `ListPartitionReassignments`: none is ever under way.

use crate::session::{Cx, Reply};
use crate::wire::messages::replicas::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

pub(super) fn list_partition_reassignments(
    cx: &mut Cx<'_>,
    _: ListPartitionReassignmentsRequest<'_>,
) -> Reply {
    cx.reply(&ListPartitionReassignmentsResponse::default())
}
