//! Where replicas lie.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// AlterReplicaLogDirs request.
    AlterReplicaLogDirsRequest<'a> {
        dirs: Array<'a, AlterReplicaLogDir<'a>> [0..],
    }

    AlterReplicaLogDirTopic<'a> {
        name: &'a str [0..],
        partitions: Array<'a, i32> [0..],
    }

    AlterReplicaLogDir<'a> {
        path: &'a str [0..],
        topics: Array<'a, AlterReplicaLogDirTopic<'a>> [0..],
    }

    /// AlterReplicaLogDirs response.
    AlterReplicaLogDirsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Array<'a, AlterReplicaLogDirTopicResult<'a>> [0..],
    }

    AlterReplicaLogDirPartitionResult {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
    }

    AlterReplicaLogDirTopicResult<'a> {
        topic_name: Text<'a> [0..],
        partitions: Array<'a, AlterReplicaLogDirPartitionResult> [0..],
    }

    /// DescribeLogDirs request.
    DescribeLogDirsRequest<'a> {
        topics: Option<Array<'a, DescribableLogDirTopic<'a>>> [0..],
    }

    DescribableLogDirTopic<'a> {
        topic: &'a str [0..],
        partitions: Array<'a, i32> [0..],
    }

    /// DescribeLogDirs response.
    DescribeLogDirsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [3..],
        results: Array<'a, DescribeLogDirsResult<'a>> [0..],
    }

    DescribeLogDirsPartition {
        partition_index: i32 [0..],
        partition_size: i64 [0..],
        offset_lag: i64 [0..],
        is_future_key: bool [0..],
    }

    DescribeLogDirsTopic<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, DescribeLogDirsPartition> [0..],
    }

    DescribeLogDirsResult<'a> {
        error_code: ErrorCode [0..],
        log_dir: Text<'a> [0..],
        topics: Array<'a, DescribeLogDirsTopic<'a>> [0..],
        total_bytes: i64 [4..] = -1,
        usable_bytes: i64 [4..] = -1,
    }

    /// AlterPartitionReassignments request.
    AlterPartitionReassignmentsRequest<'a> {
        timeout_ms: i32 [0..] = 60000,
        allow_replication_factor_change: bool [1..] = true,
        topics: Array<'a, ReassignableTopic<'a>> [0..],
    }

    ReassignablePartition<'a> {
        partition_index: i32 [0..],
        replicas: Option<Array<'a, i32>> [0..],
    }

    ReassignableTopic<'a> {
        name: &'a str [0..],
        partitions: Array<'a, ReassignablePartition<'a>> [0..],
    }

    /// AlterPartitionReassignments response.
    AlterPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32 [0..],
        allow_replication_factor_change: bool [1..] = true,
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        responses: Array<'a, ReassignableTopicResponse<'a>> [0..],
    }

    ReassignablePartitionResponse<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }

    ReassignableTopicResponse<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, ReassignablePartitionResponse<'a>> [0..],
    }

    /// ListPartitionReassignments request.
    ListPartitionReassignmentsRequest<'a> {
        timeout_ms: i32 [0..] = 60000,
        topics: Option<Array<'a, ListPartitionReassignmentsTopics<'a>>> [0..],
    }

    ListPartitionReassignmentsTopics<'a> {
        name: &'a str [0..],
        partition_indexes: Array<'a, i32> [0..],
    }

    /// ListPartitionReassignments response.
    ListPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        topics: Array<'a, OngoingTopicReassignment<'a>> [0..],
    }

    OngoingPartitionReassignment<'a> {
        partition_index: i32 [0..],
        replicas: Array<'a, i32> [0..],
        adding_replicas: Array<'a, i32> [0..],
        removing_replicas: Array<'a, i32> [0..],
    }

    OngoingTopicReassignment<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, OngoingPartitionReassignment<'a>> [0..],
    }
}
