//! Share groups (KIP-932): records and acknowledgements.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};
use crate::wire::records::Batches;

messages! {
    /// ShareFetch request.
    ShareFetchRequest<'a> {
        group_id: Option<&'a str> [0..],
        member_id: Option<&'a str> [0..],
        share_session_epoch: i32 [0..],
        max_wait_ms: i32 [0..],
        min_bytes: i32 [0..],
        max_bytes: i32 [0..] = i32::MAX,
        max_records: i32 [1..],
        batch_size: i32 [1..],
        share_acquire_mode: i8 [2..],
        is_renew_ack: bool [2..],
        topics: Array<'a, ShareFetchTopic<'a>> [0..],
        forgotten_topics_data: Array<'a, ForgottenTopic<'a>> [0..],
    }

    AcknowledgementBatch<'a> {
        first_offset: i64 [0..],
        last_offset: i64 [0..],
        acknowledge_types: Array<'a, i8> [0..],
    }

    ShareFetchPartition<'a> {
        partition_index: i32 [0..],
        acknowledgement_batches: Array<'a, AcknowledgementBatch<'a>> [0..],
    }

    ShareFetchTopic<'a> {
        topic_id: Uuid [0..],
        partitions: Array<'a, ShareFetchPartition<'a>> [0..],
    }

    ForgottenTopic<'a> {
        topic_id: Uuid [0..],
        partitions: Array<'a, i32> [0..],
    }

    /// ShareFetch response.
    ShareFetchResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        acquisition_lock_timeout_ms: i32 [1..],
        responses: Array<'a, ShareFetchedTopic<'a>> [0..],
        node_endpoints: Array<'a, NodeEndpoint<'a>> [0..],
    }

    LeaderIdAndEpoch {
        leader_id: i32 [0..],
        leader_epoch: i32 [0..],
    }

    AcquiredRecords {
        first_offset: i64 [0..],
        last_offset: i64 [0..],
        delivery_count: i16 [0..],
    }

    ShareFetchedPartition<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        acknowledge_error_code: ErrorCode [0..],
        acknowledge_error_message: Option<Text<'a>> [0..],
        current_leader: LeaderIdAndEpoch [0..],
        records: Batches<'a> [0..],
        acquired_records: Array<'a, AcquiredRecords> [0..],
    }

    ShareFetchedTopic<'a> {
        topic_id: Uuid [0..],
        partitions: Array<'a, ShareFetchedPartition<'a>> [0..],
    }

    NodeEndpoint<'a> {
        node_id: i32 [0..],
        host: Text<'a> [0..],
        port: i32 [0..],
        rack: Option<Text<'a>> [0..],
    }

    /// ShareAcknowledge request.
    ShareAcknowledgeRequest<'a> {
        group_id: Option<&'a str> [0..],
        member_id: Option<&'a str> [0..],
        share_session_epoch: i32 [0..],
        is_renew_ack: bool [2..],
        topics: Array<'a, AcknowledgeTopic<'a>> [0..],
    }

    AcknowledgePartition<'a> {
        partition_index: i32 [0..],
        acknowledgement_batches: Array<'a, AcknowledgementBatch<'a>> [0..],
    }

    AcknowledgeTopic<'a> {
        topic_id: Uuid [0..],
        partitions: Array<'a, AcknowledgePartition<'a>> [0..],
    }

    /// ShareAcknowledge response.
    ShareAcknowledgeResponse<'a> {
        throttle_time_ms: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        acquisition_lock_timeout_ms: i32 [2..],
        responses: Array<'a, ShareAcknowledgedTopic<'a>> [0..],
        node_endpoints: Array<'a, NodeEndpoint<'a>> [0..],
    }

    ShareAcknowledgedPartition<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        error_message: Option<Text<'a>> [0..],
        current_leader: LeaderIdAndEpoch [0..],
    }

    ShareAcknowledgedTopic<'a> {
        topic_id: Uuid [0..],
        partitions: Array<'a, ShareAcknowledgedPartition<'a>> [0..],
    }
}
