//! Transactions as an operator ends them.

use super::acls::{ALLOW, LITERAL, READ, TOPIC, alice, allow, log_in};
use super::client::{Client, House};
use super::topics::topic;
use crate::wire::messages::topics::CreateTopicsRequest;
use crate::wire::messages::transaction_admin::{
    DescribeTransactionsRequest, WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use crate::wire::messages::transactions::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, EndTxnRequest, InitProducerIdRequest,
};
use crate::wire::{ErrorCode, Response};

const ID: &str = "payments";

async fn admin(house: &House) -> Client {
    let mut client = house.connect();
    client.log_in("guest", "guest").await;
    client
}

/// A topic of two partitions with a transaction open in the first: the producer and its epoch.
async fn open(client: &mut Client) -> (i64, i16) {
    let request = CreateTopicsRequest { topics: vec![topic("t", 2)].into(), ..Default::default() };
    let answer = client.ask(7, request).await;
    let Response::CreateTopics(made) = answer.read() else { panic!("{:?}", answer.read()) };
    assert!(made.topics.iter().all(|topic| topic.error_code == ErrorCode::NONE), "{made:?}");
    let request = InitProducerIdRequest {
        transactional_id: Some(ID),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let answer = client.ask(4, request).await;
    let Response::InitProducerId(of) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(of.error_code, ErrorCode::NONE);
    let who = (of.producer_id, of.producer_epoch);
    let topics = vec![AddPartitionsToTxnTopic { name: "t", partitions: vec![0].into() }];
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: ID,
        v3_and_below_producer_id: who.0,
        v3_and_below_producer_epoch: who.1,
        v3_and_below_topics: topics.into(),
        ..Default::default()
    };
    let answer = client.ask(3, request).await;
    let Response::AddPartitionsToTxn(added) = answer.read() else { panic!("{:?}", answer.read()) };
    let results = added.results_by_topic_v3_and_below;
    let added = results.iter().next().expect("one topic").results_by_partition;
    let codes: Vec<ErrorCode> = added.iter().map(|partition| partition.partition_error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE]);
    who
}

/// What becomes of partitions 0 and 1 of a topic by one marker.
async fn mark(client: &mut Client, (id, epoch): (i64, i16), commit: bool, topic: &str) -> Vec<ErrorCode> {
    let topics = vec![WritableTxnMarkerTopic { name: topic, partition_indexes: vec![0, 1].into() }];
    let marker = WritableTxnMarker {
        producer_id: id,
        producer_epoch: epoch,
        transaction_result: commit,
        topics: topics.into(),
        ..Default::default()
    };
    let answer = client.ask(2, WriteTxnMarkersRequest { markers: vec![marker].into() }).await;
    let Response::WriteTxnMarkers(told) = answer.read() else { panic!("{:?}", answer.read()) };
    let result = told.markers.iter().next().expect("one marker");
    assert_eq!(result.producer_id, id);
    let partitions = result.topics.iter().next().expect("one topic").partitions;
    partitions.iter().map(|partition| partition.error_code).collect()
}

async fn state(client: &mut Client) -> String {
    let request = DescribeTransactionsRequest { transactional_ids: vec![ID].into() };
    let answer = client.ask(0, request).await;
    let Response::DescribeTransactions(told) = answer.read() else { panic!("{:?}", answer.read()) };
    let state: String = told.transaction_states.iter().next().expect("it is known").transaction_state.into();
    state
}

#[tokio::test]
async fn an_operator_aborts_a_transaction_as_a_whole_and_fences_its_producer() {
    let house = House::new();
    let mut client = admin(&house).await;
    let who = open(&mut client).await;
    for (who, commit, topic, code) in [
        (who, true, "t", ErrorCode::CLUSTER_AUTHORIZATION_FAILED),
        ((who.0, who.1 + 1), false, "t", ErrorCode::INVALID_PRODUCER_EPOCH),
        (who, false, "other", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        // Nothing of that producer is open.
        ((who.0 + 1000, 0), false, "t", ErrorCode::NONE),
    ] {
        assert_eq!(mark(&mut client, who, commit, topic).await, [code, code]);
        assert_eq!(state(&mut client).await, "Ongoing");
    }
    assert_eq!(mark(&mut client, who, false, "t").await, [ErrorCode::NONE; 2]);
    assert_eq!(state(&mut client).await, "CompleteAbort");
    let request =
        EndTxnRequest { transactional_id: ID, producer_id: who.0, producer_epoch: who.1, committed: true };
    let answer = client.ask(4, request).await;
    let Response::EndTxn(ended) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(ended.error_code, ErrorCode::PRODUCER_FENCED);
}

#[tokio::test]
async fn who_may_not_alter_the_cluster_ends_nothing() {
    let house = House::new();
    let mut client = admin(&house).await;
    let who = open(&mut client).await;
    alice(&house);
    allow(&mut client, &[(TOPIC, "t", LITERAL, READ, ALLOW)]).await;
    let mut other = log_in(&house).await;
    assert_eq!(mark(&mut other, who, false, "t").await, [ErrorCode::CLUSTER_AUTHORIZATION_FAILED; 2]);
    assert_eq!(state(&mut client).await, "Ongoing");
}
