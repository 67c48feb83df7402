//! Offsets of partitions: by time, by leader epoch, and the first one kept.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// ListOffsets request.
    ListOffsetsRequest<'a> {
        replica_id: i32 [0..],
        isolation_level: i8 [2..],
        topics: Array<'a, ListOffsetsTopic<'a>> [0..],
        timeout_ms: i32 [10..],
    }

    ListOffsetsPartition {
        partition_index: i32 [0..],
        current_leader_epoch: i32 [4..] = -1,
        timestamp: i64 [0..],
        max_num_offsets: i32 [0..=0] = 1,
    }

    ListOffsetsTopic<'a> {
        name: &'a str [0..],
        partitions: Array<'a, ListOffsetsPartition> [0..],
    }

    /// ListOffsets response.
    ListOffsetsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Array<'a, ListOffsetsTopicResponse<'a>> [0..],
    }

    ListOffsetsPartitionResponse<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        old_style_offsets: Array<'a, i64> [0..=0],
        timestamp: i64 [1..] = -1,
        offset: i64 [1..] = -1,
        leader_epoch: i32 [4..] = -1,
    }

    ListOffsetsTopicResponse<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, ListOffsetsPartitionResponse<'a>> [0..],
    }

    /// OffsetForLeaderEpoch request.
    OffsetForLeaderEpochRequest<'a> {
        replica_id: i32 [3..] = -2,
        topics: Array<'a, OffsetForLeaderTopic<'a>> [0..],
    }

    OffsetForLeaderPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [2..] = -1,
        leader_epoch: i32 [0..],
    }

    OffsetForLeaderTopic<'a> {
        topic: &'a str [0..],
        partitions: Array<'a, OffsetForLeaderPartition> [0..],
    }

    /// OffsetForLeaderEpoch response.
    OffsetForLeaderEpochResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: Array<'a, OffsetForLeaderTopicResult<'a>> [0..],
    }

    EpochEndOffset {
        error_code: ErrorCode [0..],
        partition: i32 [0..],
        leader_epoch: i32 [1..] = -1,
        end_offset: i64 [0..] = -1,
    }

    OffsetForLeaderTopicResult<'a> {
        topic: Text<'a> [0..],
        partitions: Array<'a, EpochEndOffset> [0..],
    }

    /// DeleteRecords request.
    DeleteRecordsRequest<'a> {
        topics: Array<'a, DeleteRecordsTopic<'a>> [0..],
        timeout_ms: i32 [0..],
    }

    DeleteRecordsPartition {
        partition_index: i32 [0..],
        offset: i64 [0..],
    }

    DeleteRecordsTopic<'a> {
        name: &'a str [0..],
        partitions: Array<'a, DeleteRecordsPartition> [0..],
    }

    /// DeleteRecords response.
    DeleteRecordsResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Array<'a, DeleteRecordsTopicResult<'a>> [0..],
    }

    DeleteRecordsPartitionResult {
        partition_index: i32 [0..],
        low_watermark: i64 [0..],
        error_code: ErrorCode [0..],
    }

    DeleteRecordsTopicResult<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, DeleteRecordsPartitionResult> [0..],
    }
}
