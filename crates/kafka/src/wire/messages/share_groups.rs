//! Share groups (KIP-932): membership and offsets.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};

messages! {
    /// ShareGroupHeartbeat request.
    ShareGroupHeartbeatRequest<'a> {
        group_id: &'a str [0..],
        member_id: &'a str [0..],
        member_epoch: i32 [0..],
        rack_id: Option<&'a str> [0..],
        subscribed_topic_names: Option<Array<'a, &'a str>> [0..],
    }

    /// ShareGroupHeartbeat response.
    ShareGroupHeartbeatResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        member_id: Option<Text<'a>> [0..],
        member_epoch: i32 [0..],
        heartbeat_interval_ms: i32 [0..],
        assignment: Option<Assignment<'a>> [0..],
    }

    TopicPartitions<'a> {
        topic_id: Uuid [0..],
        partitions: Array<'a, i32> [0..],
    }

    Assignment<'a> {
        topic_partitions: Array<'a, TopicPartitions<'a>> [0..],
    }

    /// ShareGroupDescribe request.
    ShareGroupDescribeRequest<'a> {
        group_ids: Array<'a, &'a str> [0..],
        include_authorized_operations: bool [0..],
    }

    /// ShareGroupDescribe response.
    ShareGroupDescribeResponse<'a> {
        throttle_time_ms: i32 [0..],
        groups: Array<'a, DescribedGroup<'a>> [0..],
    }

    DescribedTopicPartitions<'a> {
        topic_id: Uuid [0..],
        topic_name: Text<'a> [0..],
        partitions: Array<'a, i32> [0..],
    }

    DescribedAssignment<'a> {
        topic_partitions: Array<'a, DescribedTopicPartitions<'a>> [0..],
    }

    DescribedMember<'a> {
        member_id: Text<'a> [0..],
        rack_id: Option<Text<'a>> [0..],
        member_epoch: i32 [0..],
        client_id: Text<'a> [0..],
        client_host: Text<'a> [0..],
        subscribed_topic_names: Array<'a, Text<'a>> [0..],
        assignment: DescribedAssignment<'a> [0..],
    }

    DescribedGroup<'a> {
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        group_id: Text<'a> [0..],
        group_state: Text<'a> [0..],
        group_epoch: i32 [0..],
        assignment_epoch: i32 [0..],
        assignor_name: Text<'a> [0..],
        members: Array<'a, DescribedMember<'a>> [0..],
        authorized_operations: i32 [0..] = i32::MIN,
    }

    /// DescribeShareGroupOffsets request.
    DescribeShareGroupOffsetsRequest<'a> {
        groups: Array<'a, DescribeShareGroupOffsetsRequestGroup<'a>> [0..],
    }

    DescribeShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str [0..],
        partitions: Array<'a, i32> [0..],
    }

    DescribeShareGroupOffsetsRequestGroup<'a> {
        group_id: &'a str [0..],
        topics: Option<Array<'a, DescribeShareGroupOffsetsRequestTopic<'a>>> [0..],
    }

    /// DescribeShareGroupOffsets response.
    DescribeShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32 [0..],
        groups: Array<'a, DescribeShareGroupOffsetsResponseGroup<'a>> [0..],
    }

    DescribeShareGroupOffsetsResponsePartition<'a> {
        partition_index: i32 [0..],
        start_offset: i64 [0..],
        leader_epoch: i32 [0..],
        lag: i64 [1..] = -1,
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }

    DescribeShareGroupOffsetsResponseTopic<'a> {
        topic_name: Text<'a> [0..],
        topic_id: Uuid [0..],
        partitions: Array<'a, DescribeShareGroupOffsetsResponsePartition<'a>> [0..],
    }

    DescribeShareGroupOffsetsResponseGroup<'a> {
        group_id: Text<'a> [0..],
        topics: Array<'a, DescribeShareGroupOffsetsResponseTopic<'a>> [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }

    /// AlterShareGroupOffsets request.
    AlterShareGroupOffsetsRequest<'a> {
        group_id: &'a str [0..],
        topics: Array<'a, AlterShareGroupOffsetsRequestTopic<'a>> [0..],
    }

    AlterShareGroupOffsetsRequestPartition {
        partition_index: i32 [0..],
        start_offset: i64 [0..],
    }

    AlterShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str [0..],
        partitions: Array<'a, AlterShareGroupOffsetsRequestPartition> [0..],
    }

    /// AlterShareGroupOffsets response.
    AlterShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        responses: Array<'a, AlterShareGroupOffsetsResponseTopic<'a>> [0..],
    }

    AlterShareGroupOffsetsResponsePartition<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }

    AlterShareGroupOffsetsResponseTopic<'a> {
        topic_name: Text<'a> [0..],
        topic_id: Uuid [0..],
        partitions: Array<'a, AlterShareGroupOffsetsResponsePartition<'a>> [0..],
    }

    /// DeleteShareGroupOffsets request.
    DeleteShareGroupOffsetsRequest<'a> {
        group_id: &'a str [0..],
        topics: Array<'a, DeleteShareGroupOffsetsRequestTopic<'a>> [0..],
    }

    DeleteShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str [0..],
    }

    /// DeleteShareGroupOffsets response.
    DeleteShareGroupOffsetsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        responses: Array<'a, DeleteShareGroupOffsetsResponseTopic<'a>> [0..],
    }

    DeleteShareGroupOffsetsResponseTopic<'a> {
        topic_name: Text<'a> [0..],
        topic_id: Uuid [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }
}
