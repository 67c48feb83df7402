//! Producers and transactions as an administrator sees them.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::Text;

messages! {
    /// DescribeProducers request.
    DescribeProducersRequest<'a> {
        topics: Array<'a, TopicRequest<'a>> [0..],
    }

    TopicRequest<'a> {
        name: &'a str [0..],
        partition_indexes: Array<'a, i32> [0..],
    }

    /// DescribeProducers response.
    DescribeProducersResponse<'a> {
        throttle_time_ms: i32 [0..],
        topics: Array<'a, TopicResponse<'a>> [0..],
    }

    ProducerState {
        producer_id: i64 [0..],
        producer_epoch: i32 [0..],
        last_sequence: i32 [0..] = -1,
        last_timestamp: i64 [0..] = -1,
        coordinator_epoch: i32 [0..],
        current_txn_start_offset: i64 [0..] = -1,
    }

    PartitionResponse<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        active_producers: Array<'a, ProducerState> [0..],
    }

    TopicResponse<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, PartitionResponse<'a>> [0..],
    }

    /// DescribeTransactions request.
    DescribeTransactionsRequest<'a> {
        transactional_ids: Array<'a, &'a str> [0..],
    }

    /// DescribeTransactions response.
    DescribeTransactionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        transaction_states: Array<'a, DescribedTransaction<'a>> [0..],
    }

    TransactionTopic<'a> {
        topic: Text<'a> [0..],
        partitions: Array<'a, i32> [0..],
    }

    DescribedTransaction<'a> {
        error_code: ErrorCode [0..],
        transactional_id: Text<'a> [0..],
        transaction_state: Text<'a> [0..],
        transaction_timeout_ms: i32 [0..],
        transaction_start_time_ms: i64 [0..],
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        topics: Array<'a, TransactionTopic<'a>> [0..],
    }

    /// ListTransactions request.
    ListTransactionsRequest<'a> {
        state_filters: Array<'a, &'a str> [0..],
        producer_id_filters: Array<'a, i64> [0..],
        duration_filter: i64 [1..] = -1,
        transactional_id_pattern: Option<&'a str> [2..],
    }

    /// ListTransactions response.
    ListTransactionsResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        unknown_state_filters: Array<'a, Text<'a>> [0..],
        transaction_states: Array<'a, ListedTransaction<'a>> [0..],
    }

    ListedTransaction<'a> {
        transactional_id: Text<'a> [0..],
        producer_id: i64 [0..],
        transaction_state: Text<'a> [0..],
    }

    /// WriteTxnMarkers request.
    WriteTxnMarkersRequest<'a> {
        markers: Array<'a, WritableTxnMarker<'a>> [0..],
    }

    WritableTxnMarker<'a> {
        producer_id: i64 [0..],
        producer_epoch: i16 [0..],
        transaction_result: bool [0..],
        topics: Array<'a, WritableTxnMarkerTopic<'a>> [0..],
        coordinator_epoch: i32 [0..],
        transaction_version: i8 [2..],
    }

    WritableTxnMarkerTopic<'a> {
        name: &'a str [0..],
        partition_indexes: Array<'a, i32> [0..],
    }

    /// WriteTxnMarkers response.
    WriteTxnMarkersResponse<'a> {
        markers: Array<'a, WritableTxnMarkerResult<'a>> [0..],
    }

    WritableTxnMarkerPartitionResult {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
    }

    WritableTxnMarkerTopicResult<'a> {
        name: Text<'a> [0..],
        partitions: Array<'a, WritableTxnMarkerPartitionResult> [0..],
    }

    WritableTxnMarkerResult<'a> {
        producer_id: i64 [0..],
        topics: Array<'a, WritableTxnMarkerTopicResult<'a>> [0..],
    }
}
