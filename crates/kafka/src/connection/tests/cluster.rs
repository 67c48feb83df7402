//! The cluster as an administrator's tools see it: one node. Codes and sentences are those of a running Kafka 4.2.0.

use super::client::{Client, House};
use super::topics::{make, topic};
use crate::wire::messages::{cluster, metadata, replicas, tokens};
use crate::wire::{ErrorCode, Response};

async fn house_with_topics() -> (House, Client) {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("a", 1), topic("b", 5), topic("c", 2)]).await;
    (house, client)
}

#[tokio::test]
async fn there_is_one_node() {
    let (_house, mut client) = house_with_topics().await;
    let answer = client.ask(2, cluster::DescribeClusterRequest::default()).await;
    let Response::DescribeCluster(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!((response.error_code, response.controller_id), (ErrorCode::NONE, 0));
    assert_eq!(response.brokers.iter().map(|broker| broker.broker_id).collect::<Vec<_>>(), [0]);
    for (endpoint_type, code) in
        [(2, ErrorCode::MISMATCHED_ENDPOINT_TYPE), (7, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE)]
    {
        let request = cluster::DescribeClusterRequest { endpoint_type, ..Default::default() };
        let answer = client.ask(1, request).await;
        let Response::DescribeCluster(response) = answer.read() else { panic!("{:?}", answer.read()) };
        assert_eq!(response.error_code, code);
    }
}

#[tokio::test]
async fn it_leads_everything_and_nothing_moves() {
    let (_house, mut client) = house_with_topics().await;
    let asked = [("b", vec![0, 99]), ("nope", vec![0])];
    let topics = asked
        .iter()
        .map(|(topic, partitions)| cluster::TopicPartitions { topic, partitions: partitions.clone().into() });
    let request =
        cluster::ElectLeadersRequest { topic_partitions: Some(topics.collect()), ..Default::default() };
    let answer = client.ask(2, request).await;
    let Response::ElectLeaders(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let results = response.replica_election_results.iter();
    let codes: Vec<i16> = results
        .flat_map(|topic| topic.partition_result.iter().map(|p| p.error_code.0).collect::<Vec<_>>())
        .collect();
    assert_eq!(codes, [84, 3, 3]);

    let to = |partition_index, replicas: Option<&[i32]>| replicas::ReassignablePartition {
        partition_index,
        replicas: replicas.map(|nodes| nodes.to_vec().into()),
    };
    let partitions = vec![to(0, Some(&[0])), to(1, Some(&[99])), to(2, None), to(88, None), to(3, Some(&[]))];
    let topics = vec![replicas::ReassignableTopic { name: "b", partitions: partitions.into() }];
    let request =
        replicas::AlterPartitionReassignmentsRequest { topics: topics.into(), ..Default::default() };
    let answer = client.ask(1, request).await;
    let Response::AlterPartitionReassignments(response) = answer.read() else {
        panic!("{:?}", answer.read())
    };
    let topic = response.responses.iter().next().unwrap();
    let codes: Vec<i16> = topic.partitions.iter().map(|partition| partition.error_code.0).collect();
    assert_eq!(codes, [0, 39, 85, 3, 39]);
}

#[tokio::test]
async fn partitions_stand_in_one_directory() {
    let (_house, mut client) = house_with_topics().await;
    let all = replicas::DescribeLogDirsRequest { topics: None };
    let asked = [("b", vec![4, 4, 5, -1]), ("b", vec![0]), ("nope", vec![0])];
    let some = asked.iter().map(|(topic, partitions)| replicas::DescribableLogDirTopic {
        topic,
        partitions: partitions.clone().into(),
    });
    let some = replicas::DescribeLogDirsRequest { topics: Some(some.collect()) };
    for (request, want) in [(all, vec![("a", 1), ("b", 5), ("c", 2)]), (some, vec![("b", 2)])] {
        let answer = client.ask(4, request).await;
        let Response::DescribeLogDirs(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let directories: Vec<_> = response.results.iter().collect();
        assert_eq!(directories.len(), 1);
        let topics: Vec<_> =
            directories[0].topics.iter().map(|topic| (topic.name.clone(), topic.partitions.len())).collect();
        assert!(topics.iter().map(|(name, count)| (&**name, *count)).eq(want), "{topics:?}");
    }
}

#[tokio::test]
async fn topics_come_page_by_page() {
    let (_house, mut client) = house_with_topics().await;
    let mut cursor: Option<(String, i32)> = None;
    let mut pages = Vec::new();
    loop {
        let request = metadata::DescribeTopicPartitionsRequest {
            response_partition_limit: 3,
            cursor: cursor.as_ref().map(|(topic_name, partition_index)| metadata::Cursor {
                topic_name,
                partition_index: *partition_index,
            }),
            ..Default::default()
        };
        let answer = client.ask(0, request).await;
        let Response::DescribeTopicPartitions(response) = answer.read() else {
            panic!("{:?}", answer.read())
        };
        let page: Vec<(String, Vec<i32>)> = response
            .topics
            .iter()
            .map(|topic| {
                let numbers = topic.partitions.iter().map(|partition| partition.partition_index).collect();
                (topic.name.unwrap_or_default().into(), numbers)
            })
            .collect();
        pages.push(page);
        cursor = match response.next_cursor {
            Some(next) => Some((next.topic_name.into(), next.partition_index)),
            None => break,
        };
    }
    let page = |topics: &[(&str, &[i32])]| {
        topics.iter().map(|(name, numbers)| ((*name).to_owned(), numbers.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(
        pages,
        [page(&[("a", &[0]), ("b", &[0, 1])]), page(&[("b", &[2, 3, 4])]), page(&[("c", &[0, 1])])]
    );
}

#[tokio::test]
async fn topics_that_are_not_there_are_said_to_be() {
    let (_house, mut client) = house_with_topics().await;
    let topics = ["nope", "a b", "a", "a"].map(|name| metadata::TopicRequest { name }).to_vec();
    let request = metadata::DescribeTopicPartitionsRequest { topics: topics.into(), ..Default::default() };
    let answer = client.ask(0, request).await;
    let Response::DescribeTopicPartitions(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let codes: Vec<_> = response
        .topics
        .iter()
        .map(|topic| (topic.name.unwrap_or_default().into_owned(), topic.error_code.0))
        .collect();
    assert_eq!(codes, [("a".to_owned(), 0), ("a b".to_owned(), 17), ("nope".to_owned(), 3)]);
}

#[tokio::test]
async fn what_one_node_has_no_use_for() {
    let (_house, mut client) = house_with_topics().await;
    let topics = vec![cluster::QuorumTopic {
        topic_name: "__cluster_metadata",
        partitions: vec![cluster::QuorumPartition { partition_index: 0 }].into(),
    }];
    let answer = client.ask(2, cluster::DescribeQuorumRequest { topics: topics.into() }).await;
    let Response::DescribeQuorum(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let topic = response.topics.iter().next().unwrap();
    let partition = topic.partitions.iter().next().unwrap();
    assert_eq!(
        (partition.error_code, partition.leader_id, partition.current_voters.len()),
        (ErrorCode::NONE, 0, 1)
    );
    assert!(partition.high_watermark > 0);

    let feature = cluster::FeatureUpdateKey { feature: "foo", max_version_level: 1, ..Default::default() };
    let request =
        cluster::UpdateFeaturesRequest { feature_updates: vec![feature].into(), ..Default::default() };
    let answer = client.ask(1, request).await;
    let Response::UpdateFeatures(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::INVALID_UPDATE_VERSION);

    let answer = client.ask(3, tokens::CreateDelegationTokenRequest::default()).await;
    let Response::CreateDelegationToken(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::DELEGATION_TOKEN_AUTH_DISABLED);

    let topics = vec![replicas::AlterReplicaLogDirTopic { name: "b", partitions: vec![0].into() }];
    let dirs = vec![replicas::AlterReplicaLogDir { path: "/nowhere", topics: topics.into() }];
    let answer = client.ask(2, replicas::AlterReplicaLogDirsRequest { dirs: dirs.into() }).await;
    let Response::AlterReplicaLogDirs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let result = response.results.iter().next().unwrap();
    assert_eq!(result.partitions.iter().next().unwrap().error_code, ErrorCode::LOG_DIR_NOT_FOUND);
}
