//! Committed offsets of groups.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};

messages! {
    /// OffsetCommit request.
    OffsetCommitRequest<'a> {
        group_id: &'a str [0..],
        generation_id_or_member_epoch: i32 [1..] = -1,
        member_id: &'a str [1..],
        group_instance_id: Option<&'a str> [7..],
        retention_time_ms: i64 [2..=4] = -1,
        topics: Array<'a, OffsetCommitRequestTopic<'a>> [0..],
    }

    OffsetCommitRequestPartition<'a> {
        partition_index: i32 [0..],
        committed_offset: i64 [0..],
        committed_leader_epoch: i32 [6..] = -1,
        committed_metadata: Option<&'a str> [0..],
    }

    OffsetCommitRequestTopic<'a> {
        name: &'a str [0..=9],
        topic_id: Uuid [10..],
        partitions: Array<'a, OffsetCommitRequestPartition<'a>> [0..],
    }

    /// OffsetCommit response.
    OffsetCommitResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: Array<'a, OffsetCommitResponseTopic<'a>> [0..],
    }

    OffsetCommitResponsePartition {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
    }

    OffsetCommitResponseTopic<'a> {
        name: Text<'a> [0..=9],
        topic_id: Uuid [10..],
        partitions: Array<'a, OffsetCommitResponsePartition> [0..],
    }

    /// OffsetFetch request.
    OffsetFetchRequest<'a> {
        group_id: &'a str [0..=7],
        topics: Option<Array<'a, OffsetFetchRequestTopic<'a>>> [0..=7] null [2..=7],
        groups: Array<'a, OffsetFetchRequestGroup<'a>> [8..],
        require_stable: bool [7..],
    }

    OffsetFetchRequestTopic<'a> {
        name: &'a str [0..=7],
        partition_indexes: Array<'a, i32> [0..=7],
    }

    OffsetFetchRequestTopics<'a> {
        name: &'a str [8..=9],
        topic_id: Uuid [10..],
        partition_indexes: Array<'a, i32> [8..],
    }

    OffsetFetchRequestGroup<'a> {
        group_id: &'a str [8..],
        member_id: Option<&'a str> [9..],
        member_epoch: i32 [9..] = -1,
        topics: Option<Array<'a, OffsetFetchRequestTopics<'a>>> [8..],
    }

    /// OffsetFetch response.
    OffsetFetchResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: Array<'a, OffsetFetchResponseTopic<'a>> [0..=7],
        error_code: ErrorCode [2..=7],
        groups: Array<'a, OffsetFetchResponseGroup<'a>> [8..],
    }

    OffsetFetchResponsePartition<'a> {
        partition_index: i32 [0..=7],
        committed_offset: i64 [0..=7],
        committed_leader_epoch: i32 [5..=7] = -1,
        metadata: Option<Text<'a>> [0..=7],
        error_code: ErrorCode [0..=7],
    }

    OffsetFetchResponseTopic<'a> {
        name: Text<'a> [0..=7],
        partitions: Array<'a, OffsetFetchResponsePartition<'a>> [0..=7],
    }

    OffsetFetchResponsePartitions<'a> {
        partition_index: i32 [8..],
        committed_offset: i64 [8..],
        committed_leader_epoch: i32 [8..] = -1,
        metadata: Option<Text<'a>> [8..],
        error_code: ErrorCode [8..],
    }

    OffsetFetchResponseTopics<'a> {
        name: Text<'a> [8..=9],
        topic_id: Uuid [10..],
        partitions: Array<'a, OffsetFetchResponsePartitions<'a>> [8..],
    }

    OffsetFetchResponseGroup<'a> {
        group_id: Text<'a> [8..],
        topics: Array<'a, OffsetFetchResponseTopics<'a>> [8..],
        error_code: ErrorCode [8..],
    }

    /// OffsetDelete request.
    OffsetDeleteRequest<'a> {
        group_id: &'a str [0..],
        topics: Array<'a, OffsetDeleteRequestTopic<'a>> [0..],
    }

    OffsetDeleteRequestPartition {
        partition_index: i32 [0..],
    }

    OffsetDeleteRequestTopic<'a> {
        name: &'a str [0..],
        partitions: Array<'a, OffsetDeleteRequestPartition> [0..],
    }

    /// OffsetDelete response.
    OffsetDeleteResponse<'a> {
        error_code: ErrorCode [0..],
        throttle_time_ms: i32 [0..],
        topics: Array<'a, OffsetDeleteResponseTopic<'a>> [0..],
    }

    OffsetDeleteResponsePartition {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
    }

    OffsetDeleteResponseTopic<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, OffsetDeleteResponsePartition> [0..],
    }
}
