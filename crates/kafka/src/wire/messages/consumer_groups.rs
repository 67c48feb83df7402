//! Consumer groups whose assignment the server makes (KIP-848).

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};

messages! {
    /// ConsumerGroupHeartbeat request.
    ConsumerGroupHeartbeatRequest<'a> {
        group_id: &'a str [0..],
        member_id: &'a str [0..],
        member_epoch: i32 [0..],
        instance_id: Option<&'a str> [0..],
        rack_id: Option<&'a str> [0..],
        rebalance_timeout_ms: i32 [0..] = -1,
        subscribed_topic_names: Option<Array<'a, &'a str>> [0..],
        subscribed_topic_regex: Option<&'a str> [1..],
        server_assignor: Option<&'a str> [0..],
        topic_partitions: Option<Array<'a, TopicPartitions<'a>>> [0..],
    }

    TopicPartitions<'a> {
        topic_id: Uuid [0..],
        partitions: Array<'a, i32> [0..],
    }

    /// ConsumerGroupHeartbeat response.
    ConsumerGroupHeartbeatResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        member_id: Option<Text<'a>> [0..],
        member_epoch: i32 [0..],
        heartbeat_interval_ms: i32 [0..],
        assignment: Option<Assignment<'a>> [0..],
    }

    Assignment<'a> {
        topic_partitions: Array<'a, TopicPartitions<'a>> [0..],
    }

    /// ConsumerGroupDescribe request.
    ConsumerGroupDescribeRequest<'a> {
        group_ids: Array<'a, &'a str> [0..],
        include_authorized_operations: bool [0..],
    }

    /// ConsumerGroupDescribe response.
    ConsumerGroupDescribeResponse<'a> {
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
        instance_id: Option<Text<'a>> [0..],
        rack_id: Option<Text<'a>> [0..],
        member_epoch: i32 [0..],
        client_id: Text<'a> [0..],
        client_host: Text<'a> [0..],
        subscribed_topic_names: Array<'a, Text<'a>> [0..],
        subscribed_topic_regex: Option<Text<'a>> [0..],
        assignment: DescribedAssignment<'a> [0..],
        target_assignment: DescribedAssignment<'a> [0..],
        member_type: i8 [1..] = -1,
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
}
