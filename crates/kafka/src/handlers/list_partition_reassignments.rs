//! `ListPartitionReassignments`: none is ever under way.

use anymq_broker::acl::Operation;

use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::replicas::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

pub(super) fn list_partition_reassignments(
    cx: &mut Cx<'_>,
    _: ListPartitionReassignmentsRequest<'_>,
) -> Reply {
    if !cx.may_cluster(Operation::Describe) {
        let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return cx.reply(&ListPartitionReassignmentsResponse { error_code, ..Default::default() });
    }
    cx.reply(&ListPartitionReassignmentsResponse::default())
}
