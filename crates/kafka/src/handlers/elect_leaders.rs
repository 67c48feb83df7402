//! `ElectLeaders`: every partition has the one leader there can be.

use anymq_broker::acl::Operation;

use super::known::Known;
use super::limits::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::cluster::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};

// Which election (`ElectionType`): the preferred replica, or any that lives.
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub(super) fn elect_leaders(cx: &mut Cx<'_>, request: ElectLeadersRequest<'_>) -> Reply {
    if !cx.may_cluster(Operation::Alter) {
        let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return cx.reply(&ElectLeadersResponse { error_code, ..Default::default() });
    }
    if ![PREFERRED, UNCLEAN].contains(&request.election_type) {
        let error_code = ErrorCode::INVALID_REQUEST;
        return cx.reply(&ElectLeadersResponse { error_code, ..Default::default() });
    }
    // Asked for all, it answers those that have changed: none.
    let Some(topics) = request.topic_partitions else { return cx.reply(&ElectLeadersResponse::default()) };
    let named = topics.iter().map(|topic| topic.partitions.len() + 1).fold(0, usize::saturating_add);
    if named > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut known = Known::default();
    let results = topics.iter().map(|asked| {
        let partitions = known.partitions(cx, asked.topic);
        let result = |partition_id: i32| {
            let (error_code, error_message) = match partitions {
                None => {
                    let says = format!("No such topic as {}", asked.topic);
                    (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(says.into()))
                }
                Some(count) if !(0..count as i64).contains(&i64::from(partition_id)) => {
                    let says = format!("No such partition as {}-{partition_id}", asked.topic);
                    (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(says.into()))
                }
                Some(_) => (ErrorCode::ELECTION_NOT_NEEDED, None),
            };
            PartitionResult { partition_id, error_code, error_message }
        };
        let partition_result = asked.partitions.iter().map(result).collect();
        ReplicaElectionResult { topic: asked.topic.into(), partition_result }
    });
    cx.reply(&ElectLeadersResponse { replica_election_results: results.collect(), ..Default::default() })
}
