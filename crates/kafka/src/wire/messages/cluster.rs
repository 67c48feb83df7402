//! The cluster: nodes, quorum, features, leaders.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};

messages! {
    /// DescribeCluster request.
    DescribeClusterRequest {
        include_cluster_authorized_operations: bool [0..],
        endpoint_type: i8 [1..] = 1,
        include_fenced_brokers: bool [2..],
    }

    /// DescribeCluster response.
    DescribeClusterResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        endpoint_type: i8 [1..] = 1,
        cluster_id: Text<'a> [0..],
        controller_id: i32 [0..] = -1,
        brokers: Array<'a, DescribeClusterBroker<'a>> [0..],
        cluster_authorized_operations: i32 [0..] = i32::MIN,
    }

    DescribeClusterBroker<'a> {
        broker_id: i32 [0..],
        host: Text<'a> [0..],
        port: i32 [0..],
        rack: Option<Text<'a>> [0..],
        is_fenced: bool [2..],
    }

    /// DescribeQuorum request.
    DescribeQuorumRequest<'a> {
        topics: Array<'a, QuorumTopic<'a>> [0..],
    }

    QuorumPartition {
        partition_index: i32 [0..],
    }

    QuorumTopic<'a> {
        topic_name: &'a str [0..],
        partitions: Array<'a, QuorumPartition> [0..],
    }

    /// DescribeQuorum response.
    DescribeQuorumResponse<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [2..],
        topics: Array<'a, DescribedQuorumTopic<'a>> [0..],
        nodes: Array<'a, QuorumNode<'a>> [2..],
    }

    QuorumReplica {
        replica_id: i32 [0..],
        replica_directory_id: Uuid [2..],
        log_end_offset: i64 [0..],
        last_fetch_timestamp: i64 [1..] = -1,
        last_caught_up_timestamp: i64 [1..] = -1,
    }

    DescribedQuorumPartition<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [2..],
        leader_id: i32 [0..],
        leader_epoch: i32 [0..],
        high_watermark: i64 [0..],
        current_voters: Array<'a, QuorumReplica> [0..],
        observers: Array<'a, QuorumReplica> [0..],
    }

    DescribedQuorumTopic<'a> {
        topic_name: Text<'a> [0..],
        partitions: Array<'a, DescribedQuorumPartition<'a>> [0..],
    }

    QuorumListener<'a> {
        name: Text<'a> [2..],
        host: Text<'a> [2..],
        port: u16 [2..],
    }

    QuorumNode<'a> {
        node_id: i32 [2..],
        listeners: Array<'a, QuorumListener<'a>> [2..],
    }

    /// UpdateFeatures request.
    UpdateFeaturesRequest<'a> {
        timeout_ms: i32 [0..] = 60000,
        feature_updates: Array<'a, FeatureUpdateKey<'a>> [0..],
        validate_only: bool [1..],
    }

    FeatureUpdateKey<'a> {
        feature: &'a str [0..],
        max_version_level: i16 [0..],
        allow_downgrade: bool [0..=0],
        upgrade_type: i8 [1..] = 1,
    }

    /// UpdateFeatures response.
    UpdateFeaturesResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        results: Array<'a, UpdatableFeatureResult<'a>> [0..=1],
    }

    UpdatableFeatureResult<'a> {
        feature: Text<'a> [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }

    /// ElectLeaders request.
    ElectLeadersRequest<'a> {
        election_type: i8 [1..],
        topic_partitions: Option<Array<'a, TopicPartitions<'a>>> [0..],
        timeout_ms: i32 [0..] = 60000,
    }

    TopicPartitions<'a> {
        topic: &'a str [0..],
        partitions: Array<'a, i32> [0..],
    }

    /// ElectLeaders response.
    ElectLeadersResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [1..],
        replica_election_results: Array<'a, ReplicaElectionResult<'a>> [0..],
    }

    PartitionResult<'a> {
        partition_id: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }

    ReplicaElectionResult<'a> {
        topic: Text<'a> [0..],
        partition_result: Array<'a, PartitionResult<'a>> [0..],
    }
}
