//! `Produce`: record batches to partitions.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};

messages! {
    /// Produce request.
    ProduceRequest<'a> {
        transactional_id: Option<&'a str> [3..],
        acks: i16 [0..],
        timeout_ms: i32 [0..],
        topic_data: Array<'a, ProduceTopic<'a>> [0..],
    }

    ProducePartition<'a> {
        index: i32 [0..],
        records: Option<&'a [u8]> [0..],
    }

    ProduceTopic<'a> {
        name: &'a str [0..=12],
        topic_id: Uuid [13..],
        partition_data: Array<'a, ProducePartition<'a>> [0..],
    }

    /// Produce response.
    ProduceResponse<'a> {
        responses: Array<'a, ProducedTopic<'a>> [0..],
        throttle_time_ms: i32 [1..],
        node_endpoints: Array<'a, NodeEndpoint<'a>> [10..] tag 0,
    }

    RecordError<'a> {
        batch_index: i32 [8..],
        batch_index_error_message: Option<Text<'a>> [8..],
    }

    LeaderIdAndEpoch {
        leader_id: i32 [10..] = -1,
        leader_epoch: i32 [10..] = -1,
    }

    ProducedPartition<'a> {
        index: i32 [0..],
        error_code: ErrorCode [0..],
        base_offset: i64 [0..],
        log_append_time_ms: i64 [2..] = -1,
        log_start_offset: i64 [5..] = -1,
        record_errors: Array<'a, RecordError<'a>> [8..],
        error_message: Option<Text<'a>> [8..],
        current_leader: LeaderIdAndEpoch [10..] tag 0,
    }

    ProducedTopic<'a> {
        name: Text<'a> [0..=12],
        topic_id: Uuid [13..],
        partition_responses: Array<'a, ProducedPartition<'a>> [0..],
    }

    NodeEndpoint<'a> {
        node_id: i32 [10..],
        host: Text<'a> [10..],
        port: i32 [10..],
        rack: Option<Text<'a>> [10..],
    }
}
