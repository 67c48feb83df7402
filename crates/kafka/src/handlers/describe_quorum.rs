//! `DescribeQuorum`: who keeps the metadata. This node does, in its journal.

use anymq_broker::acl::Operation;

use super::limits::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::cluster::{
    DescribeQuorumRequest, DescribeQuorumResponse, DescribedQuorumPartition, DescribedQuorumTopic,
    QuorumListener, QuorumNode, QuorumReplica,
};

/// The topic by whose name the metadata are asked for.
pub(super) const METADATA_TOPIC: &str = "__cluster_metadata";

pub(super) fn describe_quorum(cx: &mut Cx<'_>, request: DescribeQuorumRequest<'_>) -> Reply {
    if !cx.may_cluster(Operation::Describe) {
        let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return cx.reply(&DescribeQuorumResponse { error_code, ..Default::default() });
    }
    let named = request.topics.iter().map(|topic| topic.partitions.len() + 1).fold(0, usize::saturating_add);
    if named > ELEMENTS_MAX {
        return Reply::Close;
    }
    let topics = request.topics.iter().map(|topic| {
        let partition = |number: i32| match (topic.topic_name, number) {
            (METADATA_TOPIC, 0) => metadata(cx),
            _ => DescribedQuorumPartition {
                partition_index: number,
                error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ..Default::default()
            },
        };
        let partitions = topic.partitions.iter().map(|p| partition(p.partition_index)).collect();
        DescribedQuorumTopic { topic_name: topic.topic_name.into(), partitions }
    });
    let nodes = cx.nodes().into_iter().map(|node| QuorumNode {
        node_id: node.id,
        listeners: vec![QuorumListener {
            name: "CONTROLLER".into(),
            host: node.host.into(),
            port: node.port,
        }]
        .into(),
    });
    let (topics, nodes) = (topics.collect(), nodes.collect());
    cx.reply(&DescribeQuorumResponse { topics, nodes, ..Default::default() })
}

fn metadata(cx: &Cx<'_>) -> DescribedQuorumPartition<'static> {
    // Positions in the journal grow as offsets do.
    let end = cx.hall.committed().0 as i64;
    let now = cx.hall.broker().now().0 as i64;
    let voter = QuorumReplica {
        replica_id: 0,
        log_end_offset: end,
        last_fetch_timestamp: now,
        last_caught_up_timestamp: now,
        ..Default::default()
    };
    DescribedQuorumPartition {
        leader_id: 0,
        leader_epoch: 1,
        high_watermark: end,
        current_voters: vec![voter].into(),
        ..Default::default()
    }
}
