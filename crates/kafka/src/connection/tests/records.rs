//! Records in and out, over a pipe.

use anymq_batch::{BatchBuilder, Compression, Head};

use super::client::{Client, House};
use crate::config::Config;
use crate::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use crate::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use crate::wire::messages::offsets::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsTopic, OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
    OffsetForLeaderTopic,
};
use crate::wire::messages::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use crate::wire::messages::transactions::InitProducerIdRequest;
use crate::wire::{ApiKey, ErrorCode, Response, Uuid};

/// A batch of records with these values, each a second later than the last, from `first` on.
pub(super) fn batch(first: i64, values: &[&str], compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Head::default(), compression);
    for (at, value) in (0..).zip(values) {
        builder.push(first + at * 1000, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
    }
    builder.finish().unwrap()
}

/// The values in records as they were fetched, with their offsets.
fn values(mut records: &[u8]) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    while !records.is_empty() {
        let size = anymq_batch::first_size(records).unwrap();
        let mut batch = anymq_batch::Records::new(&records[..size], 1 << 20).unwrap();
        while let Some(record) = batch.next_record().unwrap() {
            let value = String::from_utf8(record.value.unwrap_or_default().to_vec()).unwrap();
            all.push((record.offset, value));
        }
        records = &records[size..];
    }
    all
}

pub(super) fn produce<'a>(topic: &'a str, index: i32, records: &'a [u8]) -> ProduceRequest<'a> {
    let partition_data = vec![ProducePartition { index, records: Some(records) }].into();
    let topic = ProduceTopic { name: topic, topic_id: Uuid::NONE, partition_data };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic].into(), ..Default::default() }
}

pub(super) fn fetch(topic: &str, offset: i64) -> FetchRequest<'_> {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic, partitions: vec![partition].into(), ..Default::default() };
    FetchRequest { min_bytes: 1, max_bytes: 1 << 20, topics: vec![topic].into(), ..Default::default() }
}

impl Client {
    /// Error, base offset and message of what was written to the one partition.
    async fn produce(&mut self, request: ProduceRequest<'_>) -> (ErrorCode, i64, Option<String>) {
        let answer = self.ask(9, request).await;
        let Response::Produce(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let topic = response.responses.iter().next().unwrap();
        let partition = topic.partition_responses.iter().next().unwrap();
        (partition.error_code, partition.base_offset, partition.error_message.map(|text| text.into_owned()))
    }

    /// Error, high watermark and values of the one partition.
    async fn fetch(&mut self, request: FetchRequest<'_>) -> (ErrorCode, i64, Vec<(i64, String)>) {
        let answer = self.ask(11, request).await;
        fetched(&answer.read())
    }

    /// Makes a topic by asking for it.
    async fn make(&mut self, name: &str) -> (ErrorCode, Uuid, usize) {
        let topic = MetadataRequestTopic { name: Some(name), topic_id: Uuid::NONE };
        let request = MetadataRequest {
            topics: Some(vec![topic].into()),
            allow_auto_topic_creation: true,
            ..Default::default()
        };
        let answer = self.ask(12, request).await;
        let Response::Metadata(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let topic = response.topics.iter().next().unwrap();
        (topic.error_code, topic.topic_id, topic.partitions.len())
    }

    /// Error, offset and time of the one partition.
    async fn offset_at(&mut self, version: i16, topic: &str, timestamp: i64) -> (ErrorCode, i64, i64) {
        let partition = ListOffsetsPartition { timestamp, ..Default::default() };
        let topic = ListOffsetsTopic { name: topic, partitions: vec![partition].into() };
        let answer =
            self.ask(version, ListOffsetsRequest { topics: vec![topic].into(), ..Default::default() }).await;
        let Response::ListOffsets(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let topic = response.topics.iter().next().unwrap();
        let partition = topic.partitions.iter().next().unwrap();
        let offset = partition.old_style_offsets.iter().next().unwrap_or(partition.offset);
        (partition.error_code, offset, partition.timestamp)
    }
}

fn fetched(response: &Response<'_>) -> (ErrorCode, i64, Vec<(i64, String)>) {
    let Response::Fetch(response) = response else { panic!("{response:?}") };
    assert_eq!((response.error_code, response.session_id), (ErrorCode::NONE, 0));
    let topic = response.responses.iter().next().unwrap();
    let partition = topic.partitions.iter().next().unwrap();
    let records: Vec<u8> = partition.records.pieces().flatten().copied().collect();
    (partition.error_code, partition.high_watermark, values(&records))
}

fn owned(values: &[(i64, &str)]) -> Vec<(i64, String)> {
    values.iter().map(|(offset, value)| (*offset, (*value).to_owned())).collect()
}

#[tokio::test]
async fn what_is_produced_is_fetched_from_any_offset() {
    let house = House::new();
    let mut client = house.connect();
    assert_eq!(client.make("t").await.0, ErrorCode::NONE);
    let codecs = [
        Compression::None,
        Compression::Gzip(6),
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd(3),
    ];
    for (at, codec) in (0..).zip(codecs) {
        let batch = batch(1000, &["a", "b"], codec);
        assert_eq!(client.produce(produce("t", 0, &batch)).await, (ErrorCode::NONE, at * 2, None));
    }
    let all = client.fetch(fetch("t", 0)).await;
    let expected: Vec<_> =
        (0..10).map(|offset| (offset, if offset % 2 == 0 { "a" } else { "b" }.to_owned())).collect();
    assert_eq!(all, (ErrorCode::NONE, 10, expected));
    // Whole batches: the one that holds the offset is the first.
    assert_eq!(client.fetch(fetch("t", 9)).await.2, owned(&[(8, "a"), (9, "b")]));
    assert_eq!(client.fetch(fetch("t", 10)).await, (ErrorCode::NONE, 10, vec![]));
    for offset in [11, -1] {
        assert_eq!(client.fetch(fetch("t", offset)).await, (ErrorCode::OFFSET_OUT_OF_RANGE, -1, vec![]));
    }
}

#[tokio::test]
async fn topics_are_made_once_and_have_an_identity() {
    let house = House::with(true, Config { default_partitions: 3, ..Config::default() });
    let mut client = house.connect();
    let (code, id, partitions) = client.make("orders").await;
    assert_eq!((code, partitions), (ErrorCode::NONE, 3));
    assert_eq!(client.make("orders").await, (ErrorCode::NONE, id, 3));
    for name in ["", "a b", ".."] {
        assert_eq!(client.make(name).await.0, ErrorCode::INVALID_TOPIC_EXCEPTION, "{name:?}");
    }
    // By its id, and by one that nobody has.
    let by_id = |topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { topic_id, name: None }].into()),
        ..Default::default()
    };
    for (topic_id, expected) in [(id, ErrorCode::NONE), (Uuid([7; 16]), ErrorCode::UNKNOWN_TOPIC_ID)] {
        let answer = client.ask(12, by_id(topic_id)).await;
        let Response::Metadata(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let topic = response.topics.iter().next().unwrap();
        assert_eq!((topic.error_code, topic.topic_id), (expected, topic_id));
    }
    // All of them, and none.
    for (topics, count) in [(None, 1), (Some(vec![].into()), 0)] {
        let answer = client.ask(8, MetadataRequest { topics, ..Default::default() }).await;
        let Response::Metadata(response) = answer.read() else { panic!("{:?}", answer.read()) };
        assert_eq!(response.topics.len(), count);
        let node = response.brokers.iter().next().unwrap();
        assert_eq!((&*node.host, node.port), ("127.0.0.1", 4000));
    }
}

#[tokio::test]
async fn topics_that_are_not_to_be_made_are_unknown() {
    let house = House::with(true, Config { auto_create_topics: false, ..Config::default() });
    let mut client = house.connect();
    assert_eq!(client.make("t").await.0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let batch = batch(0, &["a"], Compression::None);
    let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, None);
    assert_eq!(client.produce(produce("t", 0, &batch)).await, unknown);
    assert_eq!(client.fetch(fetch("t", 0)).await, (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, vec![]));
    assert_eq!(client.offset_at(5, "t", -1).await.0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[tokio::test]
async fn what_may_not_be_stored_is_refused_and_said_why() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let good = batch(0, &["a"], Compression::None);
    let mut corrupt = good.clone();
    *corrupt.last_mut().unwrap() ^= 1;
    let two = [good.clone(), good.clone()].concat();
    let large = batch(0, &[&"x".repeat(2 << 20)], Compression::None);
    let cases: [(&str, i32, &[u8], i16, ErrorCode); 7] = [
        ("t", 1, &good, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("t", -1, &good, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("t", 0, &good, 2, ErrorCode::INVALID_REQUIRED_ACKS),
        ("t", 0, &corrupt, 1, ErrorCode::CORRUPT_MESSAGE),
        ("t", 0, &two, 1, ErrorCode::INVALID_RECORD),
        ("t", 0, b"", 1, ErrorCode::INVALID_RECORD),
        ("t", 0, &large, 1, ErrorCode::MESSAGE_TOO_LARGE),
    ];
    for (topic, index, records, acks, expected) in cases {
        let request = ProduceRequest { acks, ..produce(topic, index, records) };
        let (code, base, _) = client.produce(request).await;
        assert_eq!((code, base), (expected, -1));
    }
    assert_eq!(client.fetch(fetch("t", 0)).await, (ErrorCode::NONE, 0, vec![]), "nothing was stored");
}

#[tokio::test]
async fn who_wants_no_answer_gets_none_and_is_closed_on_an_error() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let batch = batch(0, &["a"], Compression::None);
    client.send(9, ProduceRequest { acks: 0, ..produce("t", 0, &batch) }).await;
    assert_eq!(client.produce(produce("t", 0, &batch)).await, (ErrorCode::NONE, 1, None));
    client.send(9, ProduceRequest { acks: 0, ..produce("t", 7, &batch) }).await;
    client.closed().await;
}

#[tokio::test]
async fn versions_that_are_gone_close_the_connection() {
    let house = House::new();
    for version in 0..3 {
        let mut client = house.connect();
        let batch = batch(0, &["a"], Compression::None);
        client.send(version, produce("t", 0, &batch)).await;
        client.closed().await;
    }
}

#[tokio::test]
async fn a_producer_writes_nothing_twice() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let answer = client.ask(4, InitProducerIdRequest::default()).await;
    let Response::InitProducerId(producer) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!((producer.error_code, producer.producer_epoch), (ErrorCode::NONE, 0));
    let batch = |sequence, epoch| {
        let head = Head {
            producer_id: producer.producer_id,
            producer_epoch: epoch,
            base_sequence: sequence,
            ..Head::default()
        };
        let mut builder = BatchBuilder::new(head, Compression::None);
        builder.push(0, None, Some(b"v"), &[]).unwrap();
        builder.finish().unwrap()
    };
    for (sequence, epoch, code, base) in [
        (0, 0, ErrorCode::NONE, 0),
        (1, 0, ErrorCode::NONE, 1),
        (0, 0, ErrorCode::NONE, 0),
        (3, 0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1),
        (0, 1, ErrorCode::NONE, 2),
        (2, 0, ErrorCode::INVALID_PRODUCER_EPOCH, -1),
    ] {
        let batch = batch(sequence, epoch);
        let (found, offset, _) = client.produce(produce("t", 0, &batch)).await;
        assert_eq!((found, offset), (code, base), "{sequence} {epoch}");
    }
}

#[tokio::test]
async fn a_fetch_waits_until_there_is_enough() {
    let house = House::new();
    let (mut reader, mut writer) = (house.connect(), house.connect());
    reader.make("t").await;
    let batch = batch(0, &["a"], Compression::None);
    let enough = FetchRequest { max_wait_ms: 20_000, min_bytes: batch.len() as i32 + 1, ..fetch("t", 0) };
    let sent = reader.send(11, enough).await;
    writer.produce(produce("t", 0, &batch)).await;
    writer.produce(produce("t", 0, &batch)).await;
    let answer = reader.receive(ApiKey::Fetch, 11).await;
    assert_eq!(answer.correlation_id, sent);
    assert_eq!(fetched(&answer.read()).2, owned(&[(0, "a"), (1, "a")]));
    // Its patience is short: it gets what there is.
    let impatient = FetchRequest { max_wait_ms: 20, min_bytes: 1 << 20, ..fetch("t", 1) };
    assert_eq!(reader.fetch(impatient).await.2, owned(&[(1, "a")]));
}

#[tokio::test]
async fn limits_of_bytes_are_kept_but_for_the_first_batch() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let batch = batch(0, &[&"x".repeat(1000)], Compression::None);
    for _ in 0..5 {
        client.produce(produce("t", 0, &batch)).await;
    }
    let len = batch.len() as i32;
    for (whole, of_partition, expected) in [
        (len * 3, 1 << 20, 3),
        (1 << 20, len * 2, 2),
        (1, 1 << 20, 1),
        (1 << 20, 0, 1),
        (len * 3 - 1, len * 4, 2),
    ] {
        let mut request = FetchRequest { max_bytes: whole, ..fetch("t", 0) };
        let partition = FetchPartition { partition_max_bytes: of_partition, ..Default::default() };
        let topic = FetchTopic { topic: "t", partitions: vec![partition].into(), ..Default::default() };
        request.topics = vec![topic].into();
        assert_eq!(client.fetch(request).await.2.len(), expected, "{whole} {of_partition}");
    }
}

#[tokio::test]
async fn fetch_sessions_are_not_kept() {
    let house = House::new();
    let mut client = house.connect();
    let answer = client.ask(11, FetchRequest { session_id: 5, session_epoch: 1, ..fetch("t", 0) }).await;
    let Response::Fetch(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(response.responses.len(), 0);
}

#[tokio::test]
async fn offsets_are_found_by_time_inside_of_batches() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let nowhere = (ErrorCode::NONE, -1, -1);
    assert_eq!(client.offset_at(7, "t", -3).await, nowhere, "no message, no latest");
    let (early, late) = (
        batch(10_000, &["a", "b", "c"], Compression::Lz4),
        batch(11_000, &["d", "e", "f"], Compression::None),
    );
    client.produce(produce("t", 0, &early)).await;
    client.produce(produce("t", 0, &late)).await;
    for (version, time, expected) in [
        (5, -1, (ErrorCode::NONE, 6, -1)),
        (5, -2, (ErrorCode::NONE, 0, -1)),
        (1, 0, (ErrorCode::NONE, 0, 10_000)),
        (5, 10_001, (ErrorCode::NONE, 1, 11_000)),
        (5, 12_000, (ErrorCode::NONE, 2, 12_000)),
        (5, 12_001, (ErrorCode::NONE, 5, 13_000)),
        (5, 13_001, nowhere),
        (7, -3, (ErrorCode::NONE, 5, 13_000)),
        (6, -3, (ErrorCode::UNSUPPORTED_VERSION, -1, -1)),
        (8, -4, (ErrorCode::NONE, 0, -1)),
        (9, -5, nowhere),
        (11, -6, nowhere),
        (11, -7, (ErrorCode::UNSUPPORTED_VERSION, -1, -1)),
    ] {
        assert_eq!(client.offset_at(version, "t", time).await, expected, "{time}");
    }
    assert_eq!(client.offset_at(0, "t", -1).await.1, 6);
}

/// S6: what may cost much is done once for each partition; a running Kafka 4.2.0 answers so.
#[tokio::test]
async fn a_partition_is_searched_once_in_a_request() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let part = |timestamp| ListOffsetsPartition { timestamp, ..Default::default() };
    let twice = ListOffsetsTopic { name: "t", partitions: vec![part(-1), part(-3), part(5)].into() };
    let again = ListOffsetsTopic { name: "t", partitions: vec![part(-1)].into() };
    let request = ListOffsetsRequest { topics: vec![twice, again].into(), ..Default::default() };
    let answer = client.ask(7, request).await;
    let Response::ListOffsets(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let told: Vec<_> = response
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().collect::<Vec<_>>())
        .map(|partition| (partition.partition_index, partition.error_code, partition.offset))
        .collect();
    assert_eq!(told, [(0, ErrorCode::INVALID_REQUEST, -1)]);
}

#[tokio::test]
async fn records_can_be_deleted_from_the_front() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let batch = batch(0, &["a"], Compression::None);
    for _ in 0..3 {
        client.produce(produce("t", 0, &batch)).await;
    }
    for (offset, expected) in [
        (4, (ErrorCode::OFFSET_OUT_OF_RANGE, -1)),
        (-2, (ErrorCode::OFFSET_OUT_OF_RANGE, -1)),
        (2, (ErrorCode::NONE, 2)),
        (-1, (ErrorCode::NONE, 3)),
    ] {
        let partition = DeleteRecordsPartition { partition_index: 0, offset };
        let topic = DeleteRecordsTopic { name: "t", partitions: vec![partition].into() };
        let answer =
            client.ask(2, DeleteRecordsRequest { topics: vec![topic].into(), ..Default::default() }).await;
        let Response::DeleteRecords(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let topic = response.topics.iter().next().unwrap();
        let partition = topic.partitions.iter().next().unwrap();
        assert_eq!((partition.error_code, partition.low_watermark), expected, "{offset}");
    }
    assert_eq!(client.offset_at(5, "t", -2).await, (ErrorCode::NONE, 3, -1));
    assert_eq!(client.fetch(fetch("t", 0)).await.0, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[tokio::test]
async fn there_was_one_leader() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    let batch = batch(0, &["a", "b"], Compression::None);
    client.produce(produce("t", 0, &batch)).await;
    for (leader_epoch, current_leader_epoch, expected) in [
        (0, -1, (ErrorCode::NONE, 0, 2)),
        (0, 0, (ErrorCode::NONE, 0, 2)),
        (1, 0, (ErrorCode::NONE, -1, -1)),
        (0, 1, (ErrorCode::UNKNOWN_LEADER_EPOCH, -1, -1)),
    ] {
        let partition = OffsetForLeaderPartition { partition: 0, current_leader_epoch, leader_epoch };
        let topic = OffsetForLeaderTopic { topic: "t", partitions: vec![partition].into() };
        let request = OffsetForLeaderEpochRequest { topics: vec![topic].into(), ..Default::default() };
        let answer = client.ask(4, request).await;
        let Response::OffsetForLeaderEpoch(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let topic = response.topics.iter().next().unwrap();
        let end = topic.partitions.iter().next().unwrap();
        assert_eq!((end.error_code, end.leader_epoch, end.end_offset), expected);
    }
}

#[tokio::test]
async fn a_fetch_that_waits_ends_with_its_client() {
    let house = House::new();
    let mut client = house.connect();
    client.make("t").await;
    client.send(11, FetchRequest { max_wait_ms: i32::MAX, ..fetch("t", 0) }).await;
    drop(client);
    house.ended().await;
}

#[tokio::test]
async fn reading_stops_at_64_requests_without_an_answer() {
    let house = House::with(false, Config::default());
    let mut client = house.connect();
    client.ask(8, MetadataRequest::default()).await;
    let topic = MetadataRequestTopic { name: Some("t"), topic_id: Uuid::NONE };
    let topics = || Some(vec![topic.clone()].into());
    let made = MetadataRequest { topics: topics(), allow_auto_topic_creation: true, ..Default::default() };
    client.send(8, made).await;
    let batch = batch(0, &[&"x".repeat(10_000)], Compression::None);
    // None of them is on disk, so that none is answered: what is sent ahead fills the pipe in the end.
    let mut sent = 0;
    let patience = std::time::Duration::from_millis(300);
    while tokio::time::timeout(patience, client.send(9, produce("t", 0, &batch))).await.is_ok() {
        sent += 1;
        assert!(sent < 200, "the server reads on and on");
    }
    assert!(sent >= 63, "{sent} requests were taken");
    house.broker.log().commit_now();
    client.receive(ApiKey::Metadata, 8).await;
    for _ in 1..64 {
        client.receive(ApiKey::Produce, 9).await;
    }
}

#[tokio::test]
async fn an_answer_waits_for_the_disk_and_holds_back_those_behind_it() {
    let house = House::with(false, Config::default());
    let mut client = house.connect();
    client.ask(8, MetadataRequest::default()).await;
    let topic = MetadataRequestTopic { name: Some("t"), topic_id: Uuid::NONE };
    let made = MetadataRequest {
        topics: Some(vec![topic].into()),
        allow_auto_topic_creation: true,
        ..Default::default()
    };
    client.send(8, made).await;
    let batch = batch(0, &["a"], Compression::None);
    client.send(9, produce("t", 0, &batch)).await;
    client.send(11, fetch("t", 0)).await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(100), client.frame()).await;
    assert!(early.is_err(), "told before it is on disk");
    house.broker.log().commit_now();
    client.receive(ApiKey::Metadata, 8).await;
    client.receive(ApiKey::Produce, 9).await;
    // It was read when the message was not on disk yet.
    let answer = client.receive(ApiKey::Fetch, 11).await;
    assert_eq!(fetched(&answer.read()).2, vec![]);
    assert_eq!(client.fetch(fetch("t", 0)).await.2, owned(&[(0, "a")]));
}
