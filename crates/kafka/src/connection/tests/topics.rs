//! Topics as an administrator makes, changes and deletes them. Codes and sentences are those of a running Kafka 4.2.0.

use super::client::{Client, House};
use crate::wire::messages::topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatePartitionsAssignment,
    CreatePartitionsRequest, CreatePartitionsTopic, CreateTopicsRequest, DeleteTopicState,
    DeleteTopicsRequest,
};
use crate::wire::{ErrorCode, Response, Uuid};

/// What became of one topic.
#[derive(Debug, PartialEq)]
struct Made {
    name: String,
    code: ErrorCode,
    says: Option<String>,
    partitions: i32,
    id: Uuid,
    set: Vec<(String, String)>,
}

pub(super) fn topic(name: &str, partitions: i32) -> CreatableTopic<'_> {
    CreatableTopic { name, num_partitions: partitions, replication_factor: -1, ..Default::default() }
}

async fn create(client: &mut Client, topics: Vec<CreatableTopic<'_>>, validate_only: bool) -> Vec<Made> {
    let request = CreateTopicsRequest { topics: topics.into(), validate_only, ..Default::default() };
    let answer = client.ask(7, request).await;
    let Response::CreateTopics(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let made = response.topics.iter().map(|topic| Made {
        name: topic.name.into(),
        code: topic.error_code,
        says: topic.error_message.map(Into::into),
        partitions: topic.num_partitions,
        id: topic.topic_id,
        set: topic
            .configs
            .iter()
            .flat_map(|configs| configs.iter())
            .filter(|config| config.config_source == 1)
            .map(|config| (config.name.into(), config.value.unwrap_or_default().into()))
            .collect(),
    });
    made.collect()
}

/// Makes topics that are in order.
pub(super) async fn make(client: &mut Client, topics: Vec<CreatableTopic<'_>>) {
    for made in create(client, topics, false).await {
        assert_eq!(made.code, ErrorCode::NONE, "{made:?}");
    }
}

async fn delete_named(client: &mut Client, names: &[&str]) -> Vec<(Option<String>, ErrorCode)> {
    let topics =
        names.iter().map(|&name| DeleteTopicState { name: Some(name), topic_id: Uuid::NONE }).collect();
    delete(client, topics).await
}

async fn delete(client: &mut Client, topics: Vec<DeleteTopicState<'_>>) -> Vec<(Option<String>, ErrorCode)> {
    let answer = client.ask(6, DeleteTopicsRequest { topics: topics.into(), ..Default::default() }).await;
    let Response::DeleteTopics(response) = answer.read() else { panic!("{:?}", answer.read()) };
    response.responses.iter().map(|one| (one.name.map(Into::into), one.error_code)).collect()
}

async fn grow<'a>(
    client: &mut Client,
    topics: Vec<CreatePartitionsTopic<'a>>,
    validate_only: bool,
) -> Vec<(ErrorCode, Option<String>)> {
    let request = CreatePartitionsRequest { topics: topics.into(), validate_only, ..Default::default() };
    let answer = client.ask(3, request).await;
    let Response::CreatePartitions(response) = answer.read() else { panic!("{:?}", answer.read()) };
    response.results.iter().map(|one| (one.error_code, one.error_message.map(Into::into))).collect()
}

#[tokio::test]
async fn a_topic_is_made_once() {
    let house = House::new();
    let mut client = house.connect();
    let configs = vec![CreatableTopicConfig { name: "retention.ms", value: Some(" 5 ") }].into();
    let made =
        create(&mut client, vec![CreatableTopic { configs, ..topic("a", 3) }, topic("b", -1)], false).await;
    assert_eq!((made[0].code, made[0].partitions), (ErrorCode::NONE, 3));
    assert_eq!(made[0].set, [("retention.ms".to_owned(), "5".to_owned())]);
    assert_eq!((made[1].code, made[1].partitions), (ErrorCode::NONE, 1), "as many as the operator says");
    assert_ne!(made[0].id, made[1].id);
    let again = create(&mut client, vec![topic("a", 1)], false).await;
    assert_eq!(again[0].code, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(again[0].says.as_deref(), Some("Topic 'a' already exists."));
}

#[tokio::test]
async fn trying_makes_nothing() {
    let house = House::new();
    let mut client = house.connect();
    for _ in 0..2 {
        let made = create(&mut client, vec![topic("a", 2)], true).await;
        assert_eq!((made[0].code, made[0].partitions), (ErrorCode::NONE, 2));
    }
    make(&mut client, vec![topic("a", 1)]).await;
    let grown = CreatePartitionsTopic { name: "a", count: 2, assignments: None };
    for _ in 0..2 {
        assert_eq!(grow(&mut client, vec![grown.clone()], true).await, [(ErrorCode::NONE, None)]);
    }
}

#[tokio::test]
async fn topics_that_cannot_be() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("a.b", 1)]).await;
    let config = |name, value| {
        let configs = vec![CreatableTopicConfig { name, value }].into();
        CreatableTopic { configs, ..topic("x", 1) }
    };
    let replicated = |factor| CreatableTopic { replication_factor: factor, ..topic("x", 1) };
    let cases = [
        (topic("a_b", 1), 17, "Topic 'a_b' collides with existing topic: a.b"),
        (topic("..", 1), 17, "Topic name is invalid: '..' is not allowed"),
        (topic("__cluster_metadata", 1), 42, "Creation of internal topic __cluster_metadata is prohibited."),
        (topic("x", 0), 37, "Number of partitions was set to an invalid non-positive value."),
        (topic("x", -2), 37, "Number of partitions was set to an invalid non-positive value."),
        (topic("x", 10_001), 44, "Excessively large number of partitions per request."),
        (replicated(0), 38, "Replication factor must be larger than 0, or -1 to use the default value."),
        (
            replicated(3),
            38,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because \
             only 1 broker(s) are registered.",
        ),
        (config("foo", Some("1")), 40, "Unknown topic config name: foo"),
        (config("retention.ms", None), 40, "Null value not supported for topic configs: retention.ms"),
        (
            config("retention.ms", Some("x")),
            40,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
    ];
    for (topic, code, says) in cases {
        let made = create(&mut client, vec![topic], false).await;
        assert_eq!((made[0].code, made[0].says.as_deref()), (ErrorCode(code), Some(says)));
        assert_eq!(made[0].id, Uuid::NONE);
    }
    make(&mut client, vec![replicated(1)]).await;
}

#[tokio::test]
async fn one_bad_topic_does_not_keep_the_others_from_being_made() {
    let house = House::new();
    let mut client = house.connect();
    let made = create(
        &mut client,
        vec![topic("a", 1), topic("twice", 1), topic("", 1), topic("twice", 2), topic("b", 1)],
        false,
    )
    .await;
    let codes: Vec<_> = made.iter().map(|made| (made.name.as_str(), made.code.0)).collect();
    assert_eq!(codes, [("a", 0), ("twice", 42), ("", 17), ("b", 0)]);
    assert_eq!(made[1].says.as_deref(), Some("Duplicate topic name."));
}

#[tokio::test]
async fn partitions_put_on_nodes_by_hand() {
    let house = House::new();
    let mut client = house.connect();
    fn by_hand<'a>(name: &'a str, partitions: &[(i32, &[i32])]) -> CreatableTopic<'a> {
        let assignments = partitions.iter().map(|&(partition_index, brokers)| CreatableReplicaAssignment {
            partition_index,
            broker_ids: brokers.to_vec().into(),
        });
        CreatableTopic { assignments: assignments.collect(), ..topic(name, -1) }
    }
    let cases: [(CreatableTopic<'_>, i16, &str); 7] = [
        (
            by_hand("x", &[(0, &[0]), (2, &[0])]),
            39,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            by_hand("x", &[(0, &[77])]),
            39,
            "The manual partition assignment includes broker 77, but no such broker is registered.",
        ),
        (by_hand("x", &[(0, &[])]), 39, "The manual partition assignment includes an empty replica list."),
        (
            by_hand("x", &[(0, &[0, 0])]),
            39,
            "The manual partition assignment includes the broker 0 more than once.",
        ),
        (
            by_hand("x", &[(0, &[0]), (0, &[0])]),
            39,
            "Found multiple manual partition assignments for partition 0",
        ),
        (
            CreatableTopic { num_partitions: 1, ..by_hand("x", &[(0, &[0])]) },
            42,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            CreatableTopic { replication_factor: 1, ..by_hand("x", &[(0, &[0])]) },
            42,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ),
    ];
    for (topic, code, says) in cases {
        let made = create(&mut client, vec![topic], false).await;
        assert_eq!((made[0].code, made[0].says.as_deref()), (ErrorCode(code), Some(says)));
    }
    let made = create(&mut client, vec![by_hand("x", &[(1, &[0]), (0, &[0])])], false).await;
    assert_eq!((made[0].code, made[0].partitions), (ErrorCode::NONE, 2));
}

#[tokio::test]
async fn topics_grow_and_do_not_shrink() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("a", 3)]).await;
    let of = |name, count| CreatePartitionsTopic { name, count, assignments: None };
    let on = |count, nodes: &[i32]| {
        let assignments =
            nodes.iter().map(|&node| CreatePartitionsAssignment { broker_ids: vec![node].into() });
        CreatePartitionsTopic { assignments: Some(assignments.collect()), ..of("a", count) }
    };
    let increase =
        |count| format!("The topic a currently has 3 partition(s); {count} would not be an increase.");
    let cases = [
        (of("a", 3), 37, Some("Topic already has 3 partition(s).".to_owned())),
        (of("a", 2), 37, Some(increase(2))),
        (of("a", -1), 37, Some(increase(-1))),
        (of("a", 10_001), 37, Some("A topic cannot have 10001 partitions: 10000 are the most.".to_owned())),
        (of("nope", 2), 3, None),
        (
            on(5, &[0]),
            39,
            Some(
                "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."
                    .to_owned(),
            ),
        ),
        (
            on(4, &[99]),
            39,
            Some(
                "The manual partition assignment includes broker 99, but no such broker is registered."
                    .to_owned(),
            ),
        ),
        (on(4, &[0]), 0, None),
        (of("a", 6), 0, None),
    ];
    for (topic, code, says) in cases {
        assert_eq!(grow(&mut client, vec![topic], false).await, [(ErrorCode(code), says)]);
    }
    let twice = grow(&mut client, vec![of("a", 7), of("a", 8)], false).await;
    assert_eq!(twice, [(ErrorCode::INVALID_REQUEST, Some("Duplicate topic name.".to_owned()))]);
}

#[tokio::test]
async fn topics_are_deleted_by_name_and_by_id() {
    let house = House::new();
    let mut client = house.connect();
    let made = create(&mut client, vec![topic("a", 1), topic("b", 2), topic("c", 1)], false).await;
    let named = |name: &str, code| (Some(name.to_owned()), ErrorCode(code));
    assert_eq!(
        delete_named(&mut client, &["a", "nope", "b", "b"]).await,
        [named("a", 0), named("b", 42), named("nope", 3)]
    );
    assert_eq!(delete_named(&mut client, &["a"]).await, [named("a", 3)]);
    let by_id = |topic_id| DeleteTopicState { name: None, topic_id };
    let unknown = Uuid([9; 16]);
    let mut answers = delete(&mut client, vec![by_id(made[1].id), by_id(unknown), by_id(Uuid::NONE)]).await;
    answers.sort_by_key(|(_, code)| code.0);
    assert_eq!(answers, [named("b", 0), (None, ErrorCode(42)), (None, ErrorCode::UNKNOWN_TOPIC_ID)]);
    let both = DeleteTopicState { name: Some("c"), topic_id: made[2].id };
    assert_eq!(delete(&mut client, vec![both]).await, [named("c", 42)]);
    make(&mut client, vec![topic("a", 1), topic("b", 1)]).await;
}

#[tokio::test]
async fn a_request_that_names_too_much_ends_the_connection() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("a", 1)]).await;
    let huge = vec![topic("many", 1); 100_001];
    client.send(7, CreateTopicsRequest { topics: huge.into(), ..Default::default() }).await;
    client.closed().await;
    let mut client = house.connect();
    let again = create(&mut client, vec![topic("many", 1)], false).await;
    assert_eq!(again[0].code, ErrorCode::NONE, "nothing of the request that was too large was done");
}
