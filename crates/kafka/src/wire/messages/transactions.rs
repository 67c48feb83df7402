//! Idempotent and transactional producers.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// InitProducerId request.
    InitProducerIdRequest<'a> {
        transactional_id: Option<&'a str> [0..],
        transaction_timeout_ms: i32 [0..],
        producer_id: i64 [3..] = -1,
        producer_epoch: i16 [3..] = -1,
        enable2_pc: bool [6..],
        keep_prepared_txn: bool [6..],
    }

    /// InitProducerId response.
    InitProducerIdResponse {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        producer_id: i64 [0..] = -1,
        producer_epoch: i16 [0..],
        ongoing_txn_producer_id: i64 [6..] = -1,
        ongoing_txn_producer_epoch: i16 [6..] = -1,
    }

    /// AddPartitionsToTxn request.
    AddPartitionsToTxnRequest<'a> {
        transactions: Array<'a, AddPartitionsToTxnTransaction<'a>> [4..],
        v3_and_below_transactional_id: &'a str [0..=3],
        v3_and_below_producer_id: i64 [0..=3],
        v3_and_below_producer_epoch: i16 [0..=3],
        v3_and_below_topics: Array<'a, AddPartitionsToTxnTopic<'a>> [0..=3],
    }

    AddPartitionsToTxnTopic<'a> {
        name: &'a str [0..],
        partitions: Array<'a, i32> [0..],
    }

    AddPartitionsToTxnTransaction<'a> {
        transactional_id: &'a str [4..],
        producer_id: i64 [4..],
        producer_epoch: i16 [4..],
        verify_only: bool [4..],
        topics: Array<'a, AddPartitionsToTxnTopic<'a>> [4..],
    }

    /// AddPartitionsToTxn response.
    AddPartitionsToTxnResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [4..],
        results_by_transaction: Array<'a, AddPartitionsToTxnResult<'a>> [4..],
        results_by_topic_v3_and_below: Array<'a, AddPartitionsToTxnTopicResult<'a>> [0..=3],
    }

    AddPartitionsToTxnPartitionResult {
        partition_index: i32 [0..],
        partition_error_code: ErrorCode [0..],
    }

    AddPartitionsToTxnTopicResult<'a> {
        name: Text<'a> [0..],
        results_by_partition: Array<'a, AddPartitionsToTxnPartitionResult> [0..],
    }

    AddPartitionsToTxnResult<'a> {
        transactional_id: Text<'a> [4..],
        topic_results: Array<'a, AddPartitionsToTxnTopicResult<'a>> [4..],
    }

    /// AddOffsetsToTxn request.
    AddOffsetsToTxnRequest<'a> {
        transactional_id: &'a str [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        group_id: &'a str [0..],
    }

    /// AddOffsetsToTxn response.
    AddOffsetsToTxnResponse {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
    }

    /// EndTxn request.
    EndTxnRequest<'a> {
        transactional_id: &'a str [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        committed: bool [0..],
    }

    /// EndTxn response.
    EndTxnResponse {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        producer_id: i64 [5..] = -1,
        producer_epoch: i16 [5..] = -1,
    }

    /// TxnOffsetCommit request.
    TxnOffsetCommitRequest<'a> {
        transactional_id: &'a str [0..],
        group_id: &'a str [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        generation_id: i32 [3..] = -1,
        member_id: &'a str [3..],
        group_instance_id: Option<&'a str> [3..],
        topics: Array<'a, TxnOffsetCommitRequestTopic<'a>> [0..],
    }

    TxnOffsetCommitRequestPartition<'a> {
        partition_index: i32 [0..],
        committed_offset: i64 [0..],
        committed_leader_epoch: i32 [2..] = -1,
        committed_metadata: Option<&'a str> [0..],
    }

    TxnOffsetCommitRequestTopic<'a> {
        name: &'a str [0..],
        partitions: Array<'a, TxnOffsetCommitRequestPartition<'a>> [0..],
    }

    /// TxnOffsetCommit response.
    TxnOffsetCommitResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Array<'a, TxnOffsetCommitResponseTopic<'a>> [0..],
    }

    TxnOffsetCommitResponsePartition {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
    }

    TxnOffsetCommitResponseTopic<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, TxnOffsetCommitResponsePartition> [0..],
    }
}
