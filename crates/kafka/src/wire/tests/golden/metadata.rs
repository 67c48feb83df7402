use super::{check_request, check_response};
use crate::wire::messages::metadata::*;
use crate::wire::{ApiKey, ErrorCode, Reader, Request, Uuid, WireError};

const ID: Uuid = Uuid([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

#[test]
fn null_topics_are_all_and_none_are_none() {
    let topics = |topics: Option<Vec<MetadataRequestTopic<'static>>>| MetadataRequest {
        topics: topics.map(Into::into),
        ..Default::default()
    };
    check_request(0, b"\0\0\0\0", topics(Some(vec![])));
    check_request(1, b"\0\0\0\0", topics(Some(vec![])));
    check_request(1, b"\xff\xff\xff\xff", topics(None));
    check_request(4, b"\xff\xff\xff\xff\x01", topics(None));
    check_request(9, b"\0\x01\0\0\0", topics(None));
    check_request(9, b"\x01\x01\0\0\0", topics(Some(vec![])));
    let null = Request::decode(ApiKey::Metadata, 0, Reader::new(b"\xff\xff\xff\xff"));
    assert_eq!(null, Err(WireError::Null), "version 0 has no null");
}

#[test]
fn topics_are_asked_by_name_or_id() {
    let by_name = vec![MetadataRequestTopic { name: Some("t"), ..Default::default() }];
    let request = MetadataRequest { topics: Some(by_name.into()), ..Default::default() };
    check_request(1, b"\0\0\0\x01\0\x01t", request.clone());
    let careful = MetadataRequest { allow_auto_topic_creation: false, ..request };
    check_request(8, b"\0\0\0\x01\0\x01t\0\0\0", careful.clone());
    check_request(9, b"\x02\x02t\0\0\0\0\0", careful);

    let by_id = vec![MetadataRequestTopic { topic_id: ID, name: None }];
    let request = MetadataRequest {
        topics: Some(by_id.into()),
        include_topic_authorized_operations: true,
        ..Default::default()
    };
    check_request(
        12,
        b"\x02\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\0\0\x01\x01\0",
        request,
    );
}

fn response() -> MetadataResponse<'static> {
    let broker = MetadataResponseBroker { node_id: 1, host: "host".into(), port: 9092, ..Default::default() };
    let partition = MetadataResponsePartition {
        partition_index: 2,
        leader_id: 1,
        replica_nodes: vec![1].into(),
        isr_nodes: vec![1].into(),
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        error_code: ErrorCode::LEADER_NOT_AVAILABLE,
        name: Some("t".into()),
        partitions: vec![partition].into(),
        ..Default::default()
    };
    MetadataResponse { brokers: vec![broker].into(), topics: vec![topic].into(), ..Default::default() }
}

#[test]
fn plain_responses() {
    let body = b"\0\0\0\x01 \0\0\0\x01\0\x04host\0\0\x23\x84\
        \0\0\0\x01 \0\x05\0\x01t \0\0\0\x01 \0\0\0\0\0\x02\0\0\0\x01 \0\0\0\x01\0\0\0\x01 \0\0\0\x01\0\0\0\x01";
    let body: Vec<u8> = body.iter().copied().filter(|byte| *byte != b' ').collect();
    check_response(0, &body, response());

    let with_controller = MetadataResponse { controller_id: 1, ..response() };
    let body = b"\0\0\0\x01 \0\0\0\x01\0\x04host\0\0\x23\x84\xff\xff \0\0\0\x01\
        \0\0\0\x01 \0\x05\0\x01t\0 \0\0\0\x01 \0\0\0\0\0\x02\0\0\0\x01 \0\0\0\x01\0\0\0\x01 \0\0\0\x01\0\0\0\x01";
    let body: Vec<u8> = body.iter().copied().filter(|byte| *byte != b' ').collect();
    check_response(1, &body, with_controller);
}

#[test]
fn flexible_responses() {
    let mut topic = response().topics.iter().next().expect("one topic");
    topic.topic_id = ID;
    let response = MetadataResponse {
        cluster_id: Some("c".into()),
        controller_id: 1,
        topics: vec![topic].into(),
        error_code: ErrorCode::REBOOTSTRAP_REQUIRED,
        ..response()
    };
    let body = b"\0\0\0\0 \x02\0\0\0\x01\x05host\0\0\x23\x84\0\0 \x02c \0\0\0\x01 \
        \x02 \0\x05\x02t\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\0 \
        \x02 \0\0\0\0\0\x02\0\0\0\x01\xff\xff\xff\xff \x02\0\0\0\x01 \x02\0\0\0\x01 \x01\0 \
        \x80\0\0\0\0 \0\x81\0";
    let body: Vec<u8> = body.iter().copied().filter(|byte| *byte != b' ').collect();
    check_response(13, &body, response);
}
