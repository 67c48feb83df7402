//! Topics: creating, growing, deleting.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};

messages! {
    /// CreateTopics request.
    CreateTopicsRequest<'a> {
        topics: Array<'a, CreatableTopic<'a>> [0..],
        timeout_ms: i32 [0..] = 60000,
        validate_only: bool [1..],
    }

    CreatableReplicaAssignment<'a> {
        partition_index: i32 [0..],
        broker_ids: Array<'a, i32> [0..],
    }

    CreatableTopicConfig<'a> {
        name: &'a str [0..],
        value: Option<&'a str> [0..],
    }

    CreatableTopic<'a> {
        name: &'a str [0..],
        num_partitions: i32 [0..],
        replication_factor: i16 [0..],
        assignments: Array<'a, CreatableReplicaAssignment<'a>> [0..],
        configs: Array<'a, CreatableTopicConfig<'a>> [0..],
    }

    /// CreateTopics response.
    CreateTopicsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Array<'a, CreatableTopicResult<'a>> [0..],
    }

    CreatableTopicConfigs<'a> {
        name: Text<'a> [5..],
        value: Option<Text<'a>> [5..],
        read_only: bool [5..],
        config_source: i8 [5..] = -1,
        is_sensitive: bool [5..],
    }

    CreatableTopicResult<'a> {
        name: Text<'a> [0..],
        topic_id: Uuid [7..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [1..],
        topic_config_error_code: ErrorCode [5..] tag 0,
        num_partitions: i32 [5..] = -1,
        replication_factor: i16 [5..] = -1,
        configs: Option<Array<'a, CreatableTopicConfigs<'a>>> [5..],
    }

    /// DeleteTopics request.
    DeleteTopicsRequest<'a> {
        topics: Array<'a, DeleteTopicState<'a>> [6..],
        topic_names: Array<'a, &'a str> [0..=5],
        timeout_ms: i32 [0..],
    }

    DeleteTopicState<'a> {
        name: Option<&'a str> [6..],
        topic_id: Uuid [6..],
    }

    /// DeleteTopics response.
    DeleteTopicsResponse<'a> {
        throttle_time_ms: i32 [1..],
        responses: Array<'a, DeletableTopicResult<'a>> [0..],
    }

    DeletableTopicResult<'a> {
        name: Option<Text<'a>> [0..] null [6..],
        topic_id: Uuid [6..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [5..],
    }

    /// CreatePartitions request.
    CreatePartitionsRequest<'a> {
        topics: Array<'a, CreatePartitionsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
        validate_only: bool [0..],
    }

    CreatePartitionsAssignment<'a> {
        broker_ids: Array<'a, i32> [0..],
    }

    CreatePartitionsTopic<'a> {
        name: &'a str [0..],
        count: i32 [0..],
        assignments: Option<Array<'a, CreatePartitionsAssignment<'a>>> [0..],
    }

    /// CreatePartitions response.
    CreatePartitionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        results: Array<'a, CreatePartitionsTopicResult<'a>> [0..],
    }

    CreatePartitionsTopicResult<'a> {
        name: Text<'a> [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
    }
}
