use super::{check_request, check_response};
use crate::wire::messages::produce::*;
use crate::wire::{ApiKey, ErrorCode, Reader, Request, Uuid};

const ID: Uuid = Uuid([0xab; 16]);

fn request<'a>(name: &'a str, records: Option<&'a [u8]>) -> ProduceRequest<'a> {
    let partition = ProducePartition { index: 3, records };
    let topic = ProduceTopic { name, partition_data: vec![partition].into(), ..Default::default() };
    ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 1500, topic_data: vec![topic].into() }
}

#[test]
fn requests() {
    let body = b"\xff\xff\0\0\x05\xdc\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\x05batch";
    check_request(0, body, request("t", Some(b"batch")));
    let body = b"\xff\xff\xff\xff\0\0\x05\xdc\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\x05batch";
    check_request(3, body, request("t", Some(b"batch")));
    let body = b"\xff\xff\xff\xff\0\0\x05\xdc\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\xff\xff\xff\xff";
    check_request(8, body, request("t", None));

    let in_transaction = ProduceRequest { transactional_id: Some("tx"), ..request("t", Some(b"batch")) };
    let body = b"\x03tx\xff\xff\0\0\x05\xdc\x02\x02t\x02\0\0\0\x03\x06batch\0\0\0";
    check_request(9, body, in_transaction.clone());
    check_request(12, body, in_transaction);

    let partition = ProducePartition { index: 3, records: Some(b"") };
    let topic = ProduceTopic { name: "", topic_id: ID, partition_data: vec![partition].into() };
    let by_id =
        ProduceRequest { acks: 1, timeout_ms: 1, topic_data: vec![topic].into(), ..Default::default() };
    let body = b"\0\0\x01\0\0\0\x01\x02\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\x02\0\0\0\x03\x01\0\0\0";
    check_request(13, body, by_id);
}

#[test]
fn batches_stay_where_they_are() {
    let body = b"\0\xff\xff\0\0\x05\xdc\x02\x02t\x02\0\0\0\x03\x06batch\0\0\0";
    let request = Request::decode(ApiKey::Produce, 9, Reader::new(body)).expect("well-formed");
    let Request::Produce(request) = request else { panic!("{request:?}") };
    let topic = request.topic_data.iter().next().expect("one topic");
    let records = topic.partition_data.iter().next().expect("one partition").records.expect("records");
    assert_eq!(records.as_ptr(), body[16..].as_ptr());
}

#[test]
fn responses() {
    let partition = ProducedPartition { index: 3, base_offset: 42, ..Default::default() };
    let topic = ProducedTopic {
        name: "t".into(),
        partition_responses: vec![partition.clone()].into(),
        ..Default::default()
    };
    let response = ProduceResponse { responses: vec![topic].into(), ..Default::default() };
    let head = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\0\0\0\0\0\0\x2a";
    check_response(0, head, response.clone());
    check_response(1, &[head, &b"\0\0\0\0"[..]].concat(), response.clone());
    let minus_one = [0xff; 8];
    check_response(3, &[head, &minus_one[..], b"\0\0\0\0"].concat(), response.clone());
    check_response(5, &[head, &minus_one[..], &minus_one, b"\0\0\0\0"].concat(), response.clone());
    let body = [head, &minus_one[..], &minus_one, b"\0\0\0\0\xff\xff\0\0\0\0"].concat();
    check_response(8, &body, response.clone());
    let head = b"\x02\x02t\x02\0\0\0\x03\0\0\0\0\0\0\0\0\0\x2a";
    let body = [head, &minus_one[..], &minus_one, b"\x01\0\0\0\0\0\0\0\0"].concat();
    check_response(9, &body, response.clone());
    check_response(12, &body, response);
}

#[test]
fn errors_of_records_and_new_leaders() {
    let record = RecordError { batch_index: 1, batch_index_error_message: Some("no key".into()) };
    let bad = ProducedPartition {
        index: 0,
        error_code: ErrorCode::INVALID_RECORD,
        base_offset: -1,
        record_errors: vec![record].into(),
        error_message: Some("bad".into()),
        current_leader: LeaderIdAndEpoch { leader_id: 2, leader_epoch: 9 },
        ..Default::default()
    };
    let topic = ProducedTopic { topic_id: ID, partition_responses: vec![bad].into(), ..Default::default() };
    let node = NodeEndpoint { node_id: 2, host: "h".into(), port: 9092, rack: None };
    let response = ProduceResponse {
        responses: vec![topic].into(),
        throttle_time_ms: 10,
        node_endpoints: vec![node].into(),
    };
    let body = [
        &b"\x02"[..],
        &[0xab; 16],
        b"\x02\0\0\0\0\0\x57",
        &[0xff; 8],
        &[0xff; 8],
        &[0xff; 8],
        b"\x02\0\0\0\x01\x07no key\0\x04bad",
        // One tagged field of nine bytes: leader, epoch, no tags.
        b"\x01\0\x09\0\0\0\x02\0\0\0\x09\0\0\0\0\0\x0a",
        b"\x01\0\x0d\x02\0\0\0\x02\x02h\0\0\x23\x84\0\0",
    ];
    check_response(13, &body.concat(), response);
}
