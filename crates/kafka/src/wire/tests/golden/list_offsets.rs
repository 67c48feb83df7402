use super::{check_request, check_response};
use crate::wire::ErrorCode;
use crate::wire::messages::offsets::*;

fn request() -> ListOffsetsRequest<'static> {
    let partition = ListOffsetsPartition { partition_index: 3, timestamp: -1, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t", partitions: vec![partition].into() };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic].into(), ..Default::default() }
}

#[test]
fn requests() {
    let last = [0xff; 8];
    let head = b"\xff\xff\xff\xff\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03";
    check_request(0, &[head, &last[..], b"\0\0\0\x01"].concat(), request());
    check_request(1, &[head, &last[..]].concat(), request());
    let head = b"\xff\xff\xff\xff\x01\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03";
    let committed = ListOffsetsRequest { isolation_level: 1, ..request() };
    check_request(2, &[head, &last[..]].concat(), committed.clone());
    check_request(4, &[head, &b"\xff\xff\xff\xff"[..], &last].concat(), committed.clone());
    let body =
        [&b"\xff\xff\xff\xff\x01\x02\x02t\x02\0\0\0\x03\xff\xff\xff\xff"[..], &last, b"\0\0\0"].concat();
    check_request(6, &body, committed.clone());
    let body =
        [&b"\xff\xff\xff\xff\x01\x02\x02t\x02\0\0\0\x03\xff\xff\xff\xff"[..], &last, b"\0\0\0\0\x75\x30\0"]
            .concat();
    let patient = ListOffsetsRequest { timeout_ms: 30_000, ..committed };
    check_request(10, &body, patient.clone());
    check_request(11, &body, patient);
}

#[test]
fn responses() {
    let response = |partition| {
        let topic = ListOffsetsTopicResponse { name: "t".into(), partitions: vec![partition].into() };
        ListOffsetsResponse { topics: vec![topic].into(), ..Default::default() }
    };
    let old = ListOffsetsPartitionResponse {
        partition_index: 3,
        old_style_offsets: vec![9, 0].into(),
        ..Default::default()
    };
    let body = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\0\0\x02\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\0";
    check_response(0, body, response(old));
    let found = ListOffsetsPartitionResponse { partition_index: 3, offset: 9, ..Default::default() };
    let body = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\x09";
    check_response(1, body, response(found.clone()));
    check_response(2, &[&b"\0\0\0\0"[..], body].concat(), response(found));
    let failed = ListOffsetsPartitionResponse {
        partition_index: 3,
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
        leader_epoch: 2,
        ..Default::default()
    };
    let body = [&b"\0\0\0\0\x02\x02t\x02\0\0\0\x03\0\x06"[..], &[0xff; 16], b"\0\0\0\x02\0\0\0"].concat();
    check_response(6, &body, response(failed.clone()));
    check_response(11, &body, response(failed));
}
