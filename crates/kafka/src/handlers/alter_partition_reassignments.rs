//! `AlterPartitionReassignments`: a partition can be where it is, and nowhere else.

use anymq_broker::acl::Operation;
use anymq_broker::topics::TopicId;

use super::create_topics::check_replicas;
use super::known::Known;
use super::limits::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::replicas::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};

pub(super) fn alter_partition_reassignments(
    cx: &mut Cx<'_>,
    request: AlterPartitionReassignmentsRequest<'_>,
) -> Reply {
    if !cx.may_cluster(Operation::Alter) {
        let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return cx.reply(&AlterPartitionReassignmentsResponse { error_code, ..Default::default() });
    }
    let named = request.topics.iter().map(|topic| topic.partitions.len() + 1).fold(0, usize::saturating_add);
    if named > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut known = Known::default();
    let responses = request.topics.iter().map(|topic| {
        let found = known.topic(cx, topic.name);
        let response = |partition: ReassignablePartition<'_>| {
            let (error_code, says) = reassign(cx, topic.name, found, &partition).err().unwrap_or_default();
            let error_message = says.map(Into::into);
            ReassignablePartitionResponse {
                partition_index: partition.partition_index,
                error_code,
                error_message,
            }
        };
        let partitions = topic.partitions.iter().map(response).collect();
        ReassignableTopicResponse { name: topic.name.into(), partitions }
    });
    cx.reply(&AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        responses: responses.collect(),
        ..Default::default()
    })
}

fn reassign(
    cx: &Cx<'_>,
    topic: &str,
    found: Option<(TopicId, usize)>,
    partition: &ReassignablePartition<'_>,
) -> Result<(), (ErrorCode, Option<String>)> {
    let unknown = |says| Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(says)));
    let number = partition.partition_index;
    let Some((id, count)) = found else {
        return unknown(format!("Unable to find a topic named {topic}."));
    };
    let Some(index) = usize::try_from(number).ok().filter(|&index| index < count) else {
        return unknown(format!("Unable to find partition {topic}:{number}."));
    };
    let Some(replicas) = &partition.replicas else {
        let says = "No partition reassignment is in progress.";
        return Err((ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, Some(says.to_owned())));
    };
    check_replicas(cx, replicas, None).map_err(|(code, says)| (code, Some(says)))?;
    // Where one broker plays several nodes, each has everything already.
    if cx.nodes().len() > 1 || replicas.iter().eq([cx.leader(id, index)]) {
        return Ok(());
    }
    let says = "A partition has one replica, on the node that leads it.";
    Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, Some(says.to_owned())))
}
