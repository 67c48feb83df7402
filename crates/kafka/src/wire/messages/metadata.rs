//! Topics, partitions and brokers as clients see them.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};

messages! {
    /// Metadata request.
    MetadataRequest<'a> {
        topics: Option<Array<'a, MetadataRequestTopic<'a>>> [0..] null [1..],
        allow_auto_topic_creation: bool [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    MetadataRequestTopic<'a> {
        topic_id: Uuid [10..],
        name: Option<&'a str> [0..] null [10..],
    }

    /// Metadata response.
    MetadataResponse<'a> {
        throttle_time_ms: i32 [3..],
        brokers: Array<'a, MetadataResponseBroker<'a>> [0..],
        cluster_id: Option<Text<'a>> [2..],
        controller_id: i32 [1..] = -1,
        topics: Array<'a, MetadataResponseTopic<'a>> [0..],
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        error_code: ErrorCode [13..],
    }

    MetadataResponseBroker<'a> {
        node_id: i32 [0..],
        host: Text<'a> [0..],
        port: i32 [0..],
        rack: Option<Text<'a>> [1..],
    }

    MetadataResponsePartition<'a> {
        error_code: ErrorCode [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [7..] = -1,
        replica_nodes: Array<'a, i32> [0..],
        isr_nodes: Array<'a, i32> [0..],
        offline_replicas: Array<'a, i32> [5..],
    }

    MetadataResponseTopic<'a> {
        error_code: ErrorCode [0..],
        name: Option<Text<'a>> [0..] null [12..],
        topic_id: Uuid [10..],
        is_internal: bool [1..],
        partitions: Array<'a, MetadataResponsePartition<'a>> [0..],
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// DescribeTopicPartitions request.
    DescribeTopicPartitionsRequest<'a> {
        topics: Array<'a, TopicRequest<'a>> [0..],
        response_partition_limit: i32 [0..] = 2000,
        cursor: Option<Cursor<'a>> [0..],
    }

    TopicRequest<'a> {
        name: &'a str [0..],
    }

    Cursor<'a> {
        topic_name: &'a str [0..],
        partition_index: i32 [0..],
    }

    /// DescribeTopicPartitions response.
    DescribeTopicPartitionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Array<'a, DescribeTopicPartitionsResponseTopic<'a>> [0..],
        next_cursor: Option<NextCursor<'a>> [0..],
    }

    DescribeTopicPartitionsResponsePartition<'a> {
        error_code: ErrorCode [0..],
        partition_index: i32 [0..],
        leader_id: i32 [0..],
        leader_epoch: i32 [0..] = -1,
        replica_nodes: Array<'a, i32> [0..],
        isr_nodes: Array<'a, i32> [0..],
        eligible_leader_replicas: Option<Array<'a, i32>> [0..],
        last_known_elr: Option<Array<'a, i32>> [0..],
        offline_replicas: Array<'a, i32> [0..],
    }

    DescribeTopicPartitionsResponseTopic<'a> {
        error_code: ErrorCode [0..],
        name: Option<Text<'a>> [0..],
        topic_id: Uuid [0..],
        is_internal: bool [0..],
        partitions: Array<'a, DescribeTopicPartitionsResponsePartition<'a>> [0..],
        topic_authorized_operations: i32 [0..] = i32::MIN,
    }

    NextCursor<'a> {
        topic_name: Text<'a> [0..],
        partition_index: i32 [0..],
    }
}
