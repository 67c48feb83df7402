use bytes::Bytes;

use super::{check_request, check_response};
use crate::wire::messages::fetch::*;
use crate::wire::{Batches, IntoResponse, Uuid};

const ID: Uuid = Uuid([0xab; 16]);

fn request() -> FetchRequest<'static> {
    let partition =
        FetchPartition { partition: 3, fetch_offset: 42, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t", partitions: vec![partition].into(), ..Default::default() };
    FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1 << 24,
        topics: vec![topic].into(),
        ..Default::default()
    }
}

#[test]
fn plain_requests() {
    // Replica -1, wait, least and most bytes, isolation.
    let head = b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01\x01\0\0\0\0";
    let body = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\0\0\0\0\x2a\0\x10\0\0";
    check_request(4, &[&head[..], body].concat(), request());
    // Session 0, epoch -1; leader epoch before the offset, log start after it; nothing forgotten; no rack.
    let body =
        b"\0\0\0\0\xff\xff\xff\xff\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\xff\xff\xff\xff\0\0\0\0\0\0\0\x2a\
        \xff\xff\xff\xff\xff\xff\xff\xff\0\x10\0\0\0\0\0\0\0\0";
    check_request(11, &[&head[..], body].concat(), request());
}

#[test]
fn flexible_requests() {
    let head = b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01\x01\0\0\0\0\0\0\0\0\xff\xff\xff\xff";
    let body = b"\x02\x02t\x02\0\0\0\x03\xff\xff\xff\xff\0\0\0\0\0\0\0\x2a\xff\xff\xff\xff\
        \xff\xff\xff\xff\xff\xff\xff\xff\0\x10\0\0\0\0\x01\x01\0";
    check_request(12, &[&head[..], body].concat(), request());

    let partition =
        FetchPartition { fetch_offset: 1, partition_max_bytes: 2, high_watermark: 5, ..Default::default() };
    let topic = FetchTopic { topic_id: ID, partitions: vec![partition].into(), ..Default::default() };
    let forgotten = ForgottenTopic { topic_id: ID, partitions: vec![7].into(), ..Default::default() };
    let request = FetchRequest {
        cluster_id: Some("c"),
        max_wait_ms: 500,
        min_bytes: 1,
        isolation_level: 1,
        session_id: 9,
        session_epoch: 2,
        topics: vec![topic].into(),
        forgotten_topics_data: vec![forgotten].into(),
        rack_id: "r",
        ..Default::default()
    };
    let body = [
        &b"\0\0\x01\xf4\0\0\0\x01\x7f\xff\xff\xff\x01\0\0\0\x09\0\0\0\x02\x02"[..],
        &[0xab; 16],
        b"\x02\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x02",
        b"\x01\x01\x08\0\0\0\0\0\0\0\x05\0\x02",
        &[0xab; 16],
        b"\x02\0\0\0\x07\0\x02r\x01\0\x02\x02c",
    ];
    check_request(18, &body.concat(), request);
}

fn partition(records: Batches<'static>) -> FetchedPartition<'static> {
    FetchedPartition {
        partition_index: 3,
        high_watermark: 50,
        last_stable_offset: 49,
        log_start_offset: 1,
        records,
        ..Default::default()
    }
}

fn response(partition: FetchedPartition<'static>) -> FetchResponse<'static> {
    let topic = FetchedTopic { topic: "t".into(), partitions: vec![partition].into(), ..Default::default() };
    FetchResponse { responses: vec![topic].into(), ..Default::default() }
}

#[test]
fn plain_responses() {
    let batches = || Batches::from(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
    let aborted = vec![AbortedTransaction { producer_id: 5, first_offset: 6 }];
    let found = FetchedPartition { aborted_transactions: Some(aborted.into()), ..partition(batches()) };
    let body = b"\0\0\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\0\0\0\0\0\0\x32\0\0\0\0\0\0\0\x31\
        \0\0\0\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06\0\0\0\x06onetwo";
    // Version 4 has no log start offset.
    check_response(4, body, response(FetchedPartition { log_start_offset: -1, ..found }));
    let body =
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\0\0\0\0\0\0\x32\0\0\0\0\0\0\0\x31\
        \0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
    check_response(11, body, response(partition(Batches::default())));
}

#[test]
fn flexible_responses() {
    let diverging = FetchedPartition {
        diverging_epoch: EpochEndOffset { epoch: 4, end_offset: 40 },
        ..partition(Batches::default())
    };
    let body = b"\0\0\0\0\0\0\0\0\0\0\x02\x02t\x02\0\0\0\x03\0\0\0\0\0\0\0\0\0\x32\0\0\0\0\0\0\0\x31\0\0\0\0\0\0\0\x01\
        \0\xff\xff\xff\xff\x01\x01\0\x0d\0\0\0\x04\0\0\0\0\0\0\0\x28\0\0\0";
    check_response(12, body, response(diverging));

    let moved = FetchedPartition {
        current_leader: LeaderIdAndEpoch { leader_id: 2, leader_epoch: 9 },
        preferred_read_replica: 2,
        aborted_transactions: Some(vec![].into()),
        ..partition(Batches::default())
    };
    let topic = FetchedTopic { topic_id: ID, partitions: vec![moved].into(), ..Default::default() };
    let node = NodeEndpoint { node_id: 2, host: "h".into(), port: 9092, rack: Some("r".into()) };
    let response = FetchResponse {
        session_id: 7,
        responses: vec![topic].into(),
        node_endpoints: vec![node].into(),
        ..Default::default()
    };
    let body = [
        &b"\0\0\0\0\0\0\0\0\0\x07\x02"[..],
        &[0xab; 16],
        b"\x02\0\0\0\x03\0\0\0\0\0\0\0\0\0\x32\0\0\0\0\0\0\0\x31\0\0\0\0\0\0\0\x01",
        b"\x01\0\0\0\x02\x01\x01\x01\x09\0\0\0\x02\0\0\0\x09\0\0",
        b"\x01\0\x0e\x02\0\0\0\x02\x02h\0\0\x23\x84\x02r\0",
    ];
    check_response(16, &body.concat(), response);
}

#[test]
fn long_batches_go_out_as_they_are() {
    let (long, short) = (Bytes::from(vec![1; 4096]), Bytes::from(vec![2; 100]));
    let pieces = vec![long.clone(), short.clone(), long.clone(), long.clone()];
    let segments = response(partition(pieces.into())).encode(12, 77);
    // Header; a batch; the short one, copied; two batches; the end.
    let lengths: Vec<_> = segments.parts().iter().map(Bytes::len).collect();
    assert_eq!(lengths, [60, 4096, 100, 4096, 4096, 3]);
    for at in [1, 3, 4] {
        assert_eq!(segments.parts()[at].as_ptr(), long.as_ptr());
    }
    let whole = segments.to_vec();
    assert_eq!((whole.len(), segments.io_slices().count()), (segments.len(), 6));
    assert_eq!(whole[..4], u32::to_be_bytes(whole.len() as u32 - 4));
    assert_eq!(whole[4..9], *b"\0\0\0\x4d\0");
}
