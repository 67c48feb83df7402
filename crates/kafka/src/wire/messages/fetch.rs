//! `Fetch`: record batches from partitions.

use crate::wire::array::Array;
use crate::wire::errors::ErrorCode;
use crate::wire::message::messages;
use crate::wire::primitives::{Text, Uuid};
use crate::wire::records::Batches;

messages! {
    /// Fetch request.
    FetchRequest<'a> {
        cluster_id: Option<&'a str> [12..] tag 0,
        replica_id: i32 [0..=14] = -1,
        replica_state: ReplicaState [15..] tag 1,
        max_wait_ms: i32 [0..],
        min_bytes: i32 [0..],
        max_bytes: i32 [3..] = i32::MAX,
        isolation_level: i8 [4..],
        session_id: i32 [7..],
        session_epoch: i32 [7..] = -1,
        topics: Array<'a, FetchTopic<'a>> [0..],
        forgotten_topics_data: Array<'a, ForgottenTopic<'a>> [7..],
        rack_id: &'a str [11..],
    }

    ReplicaState {
        replica_id: i32 [15..] = -1,
        replica_epoch: i64 [15..] = -1,
    }

    FetchPartition {
        partition: i32 [0..],
        current_leader_epoch: i32 [9..] = -1,
        fetch_offset: i64 [0..],
        last_fetched_epoch: i32 [12..] = -1,
        log_start_offset: i64 [5..] = -1,
        partition_max_bytes: i32 [0..],
        replica_directory_id: Uuid [17..] tag 0,
        high_watermark: i64 [18..] tag 1 = i64::MAX,
    }

    FetchTopic<'a> {
        topic: &'a str [0..=12],
        topic_id: Uuid [13..],
        partitions: Array<'a, FetchPartition> [0..],
    }

    ForgottenTopic<'a> {
        topic: &'a str [7..=12],
        topic_id: Uuid [13..],
        partitions: Array<'a, i32> [7..],
    }

    /// Fetch response.
    FetchResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode [7..],
        session_id: i32 [7..],
        responses: Array<'a, FetchedTopic<'a>> [0..],
        node_endpoints: Array<'a, NodeEndpoint<'a>> [16..] tag 0,
    }

    EpochEndOffset {
        epoch: i32 [12..] = -1,
        end_offset: i64 [12..] = -1,
    }

    LeaderIdAndEpoch {
        leader_id: i32 [12..] = -1,
        leader_epoch: i32 [12..] = -1,
    }

    SnapshotId {
        end_offset: i64 [0..] = -1,
        epoch: i32 [0..] = -1,
    }

    AbortedTransaction {
        producer_id: i64 [4..],
        first_offset: i64 [4..],
    }

    FetchedPartition<'a> {
        partition_index: i32 [0..],
        error_code: ErrorCode [0..],
        high_watermark: i64 [0..],
        last_stable_offset: i64 [4..] = -1,
        log_start_offset: i64 [5..] = -1,
        diverging_epoch: EpochEndOffset [12..] tag 0,
        current_leader: LeaderIdAndEpoch [12..] tag 1,
        snapshot_id: SnapshotId [12..] tag 2,
        aborted_transactions: Option<Array<'a, AbortedTransaction>> [4..],
        preferred_read_replica: i32 [11..] = -1,
        records: Batches<'a> [0..],
    }

    FetchedTopic<'a> {
        topic: Text<'a> [0..=12],
        topic_id: Uuid [13..],
        partitions: Array<'a, FetchedPartition<'a>> [0..],
    }

    NodeEndpoint<'a> {
        node_id: i32 [16..],
        host: Text<'a> [16..],
        port: i32 [16..],
        rack: Option<Text<'a>> [16..],
    }
}
