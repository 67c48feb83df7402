//! Access rules: set, told, taken away, and what comes of them. Codes and sentences are those of a running Kafka 4.2.0.

use anymq_catalog::Change;

use super::client::{Client, House};
use super::topics::{make, topic};
use crate::wire::messages::acls::{
    AclCreation, CreateAclsRequest, DeleteAclsFilter, DeleteAclsRequest, DescribeAclsRequest,
};
use crate::wire::messages::classic_groups::{FindCoordinatorRequest, JoinGroupRequest};
use crate::wire::messages::cluster::{DescribeClusterRequest, DescribeQuorumRequest};
use crate::wire::messages::configs::{DescribeConfigsRequest, DescribeConfigsResource};
use crate::wire::messages::group_admin::{DeleteGroupsRequest, ListGroupsRequest};
use crate::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use crate::wire::messages::topics::{DeleteTopicState, DeleteTopicsRequest};
use crate::wire::messages::transactions::InitProducerIdRequest;
use crate::wire::{ErrorCode, Response};

pub(super) const TOPIC: i8 = 2;
const GROUP: i8 = 3;
pub(super) const CLUSTER: i8 = 4;
const TXN: i8 = 5;
pub(super) const LITERAL: i8 = 3;
const PREFIXED: i8 = 4;
pub(super) const READ: i8 = 3;
const WRITE: i8 = 4;
const CREATE: i8 = 5;
const DELETE: i8 = 6;
const ALTER: i8 = 7;
const DESCRIBE: i8 = 8;
const IDEMPOTENT_WRITE: i8 = 12;
const DENY: i8 = 2;
pub(super) const ALLOW: i8 = 3;

/// Kind, name, pattern, operation, permission; for alice, from everywhere.
pub(super) type Rule<'a> = (i8, &'a str, i8, i8, i8);

fn creation<'a>((kind, name, pattern, operation, permission): Rule<'a>) -> AclCreation<'a> {
    AclCreation {
        resource_type: kind,
        resource_name: name,
        resource_pattern_type: pattern,
        principal: "User:alice",
        host: "*",
        operation,
        permission_type: permission,
    }
}

async fn create(client: &mut Client, creations: Vec<AclCreation<'_>>) -> Vec<(i16, String)> {
    let answer = client.ask(3, CreateAclsRequest { creations: creations.into() }).await;
    let Response::CreateAcls(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let results = response.results.iter();
    results.map(|r| (r.error_code.0, r.error_message.unwrap_or_default().into())).collect()
}

pub(super) async fn allow(client: &mut Client, rules: &[Rule<'_>]) {
    let made = create(client, rules.iter().map(|&rule| creation(rule)).collect()).await;
    assert!(made.iter().all(|(code, _)| *code == 0), "{made:?}");
}

async fn remove(client: &mut Client, rule: Rule<'_>) -> usize {
    let filter = DeleteAclsFilter {
        resource_type_filter: rule.0,
        resource_name_filter: Some(rule.1),
        pattern_type_filter: rule.2,
        principal_filter: None,
        host_filter: None,
        operation: rule.3,
        permission_type: rule.4,
    };
    let answer = client.ask(3, DeleteAclsRequest { filters: vec![filter].into() }).await;
    let Response::DeleteAcls(response) = answer.read() else { panic!("{:?}", answer.read()) };
    response.filter_results.iter().map(|r| r.matching_acls.len()).sum()
}

fn everything() -> DescribeAclsRequest<'static> {
    DescribeAclsRequest {
        resource_type_filter: 1,
        pattern_type_filter: 1,
        operation: 1,
        permission_type: 1,
        ..Default::default()
    }
}

/// Code, and each resource with its number of rules.
async fn describe(
    client: &mut Client,
    request: DescribeAclsRequest<'_>,
) -> (i16, Vec<(i8, String, i8, usize)>) {
    let answer = client.ask(3, request).await;
    let Response::DescribeAcls(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let resources = response.resources.iter();
    let told = resources.map(|r| (r.resource_type, r.resource_name.into(), r.pattern_type, r.acls.len()));
    (response.error_code.0, told.collect())
}

/// A user without permissions.
pub(super) fn alice(house: &House) {
    let user = anymq_catalog::User {
        name: "alice".into(),
        password: house.broker.hash_password(b"alice"),
        scram: Default::default(),
        tags: Default::default(),
        limits: Default::default(),
    };
    house.broker.change(Change::UserPut(user)).unwrap();
}

pub(super) async fn log_in(house: &House) -> Client {
    let mut client = house.connect();
    let answer = client.log_in("alice", "alice").await;
    let Response::SaslAuthenticate(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::NONE, "{:?}", response.error_message);
    client
}

/// The code of a named topic, and what may be done to it.
async fn metadata(client: &mut Client, name: &str) -> (i16, i32) {
    let topics = vec![MetadataRequestTopic { name: Some(name), ..Default::default() }];
    let request = MetadataRequest {
        topics: Some(topics.into()),
        include_topic_authorized_operations: true,
        ..Default::default()
    };
    let answer = client.ask(10, request).await;
    let Response::Metadata(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let topic = response.topics.iter().next().unwrap();
    (topic.error_code.0, topic.topic_authorized_operations)
}

fn bits(operations: &[i8]) -> i32 {
    operations.iter().fold(0, |bits, operation| bits | 1 << operation)
}

#[tokio::test]
async fn rules_are_made_told_and_taken_away() {
    let house = House::new();
    let mut admin = house.connect();
    let good = (TOPIC, "t", LITERAL, READ, ALLOW);
    let of =
        |kind, name, pattern, operation, permission| creation((kind, name, pattern, operation, permission));
    let principal = |principal| AclCreation { principal, ..creation(good) };
    let no_colon = "Could not parse principal from `alice` (no colon is present separating the principal type from the principal name)";
    let cluster = "The only valid name for the CLUSTER resource is kafka-cluster";
    for (acl, code, says) in [
        (creation(good), 0, None),
        (creation(good), 0, None),
        (principal("Group:x"), 0, None),
        (of(GROUP, "g", PREFIXED, READ, DENY), 0, None),
        (of(CLUSTER, "kafka-cluster", LITERAL, ALTER, ALLOW), 0, None),
        (of(CLUSTER, "other", LITERAL, ALTER, ALLOW), 42, Some(cluster)),
        (of(TOPIC, "", LITERAL, READ, ALLOW), 42, Some("Invalid empty resource name")),
        (principal("alice"), 42, Some(no_colon)),
        (of(1, "t", LITERAL, READ, ALLOW), 42, None),
        (of(99, "t", LITERAL, READ, ALLOW), 42, None),
        (of(TOPIC, "t", 2, READ, ALLOW), 42, None),
        (of(TOPIC, "t", LITERAL, 16, ALLOW), 42, None),
        (of(TOPIC, "t", LITERAL, READ, 1), 42, None),
    ] {
        let made = create(&mut admin, vec![acl.clone()]).await;
        assert_eq!(made[0].0, code, "{acl:?}");
        assert!(says.is_none_or(|says| made[0].1 == says), "{made:?}");
    }
    // One that is wrong does not stop the others.
    let both = vec![of(TOPIC, "t2", LITERAL, READ, ALLOW), principal("alice")];
    assert_eq!(create(&mut admin, both).await.iter().map(|r| r.0).collect::<Vec<_>>(), [0, 42]);

    let all = vec![
        (TOPIC, "t".to_owned(), LITERAL, 2),
        (TOPIC, "t2".to_owned(), LITERAL, 1),
        (GROUP, "g".to_owned(), PREFIXED, 1),
        (CLUSTER, "kafka-cluster".to_owned(), LITERAL, 1),
    ];
    assert_eq!(describe(&mut admin, everything()).await, (0, all));
    let matching = DescribeAclsRequest {
        resource_type_filter: GROUP,
        resource_name_filter: Some("g1"),
        pattern_type_filter: 2,
        ..everything()
    };
    assert_eq!(describe(&mut admin, matching).await.1.len(), 1);
    let unknown = DescribeAclsRequest { resource_type_filter: 99, ..everything() };
    assert_eq!(describe(&mut admin, unknown).await, (0, vec![]));

    assert_eq!(remove(&mut admin, (TOPIC, "t", LITERAL, READ, ALLOW)).await, 2);
    assert_eq!(remove(&mut admin, (TOPIC, "t", LITERAL, READ, ALLOW)).await, 0);
    assert_eq!(describe(&mut admin, everything()).await.1.len(), 3);
    // 0 is nothing.
    admin.send(3, DescribeAclsRequest { operation: 0, ..everything() }).await;
    admin.closed().await;
}

#[tokio::test]
async fn a_user_with_rules_and_no_permissions_may_what_they_say() {
    let house = House::new();
    alice(&house);
    let mut admin = house.connect();
    for name in ["orders", "secret"] {
        make(&mut admin, vec![topic(name, 1)]).await;
    }
    let mut client = house.connect();
    let answer = client.log_in("alice", "alice").await;
    let Response::SaslAuthenticate(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED, "nothing is granted");

    allow(&mut admin, &[(TOPIC, "ord", PREFIXED, READ, ALLOW), (GROUP, "g", LITERAL, READ, ALLOW)]).await;
    let mut client = log_in(&house).await;
    assert_eq!(metadata(&mut client, "orders").await, (0, bits(&[READ, DESCRIBE])));
    // Who may not see it does not hear whether it is there.
    for name in ["secret", "nowhere"] {
        assert_eq!(metadata(&mut client, name).await.0, 29, "{name}");
    }
    assert_eq!(metadata(&mut client, "ord-new").await.0, 29, "which may be read, and not made");
    let answer = client.ask(10, MetadataRequest { topics: None, ..Default::default() }).await;
    let Response::Metadata(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let seen: Vec<_> = response.topics.iter().filter_map(|t| t.name).collect();
    assert_eq!(seen, ["orders"]);

    // A change counts at once, on the open connection.
    allow(&mut admin, &[(CLUSTER, "kafka-cluster", LITERAL, CREATE, ALLOW)]).await;
    assert_eq!(metadata(&mut client, "ord-new").await.0, 0);
    allow(&mut admin, &[(TOPIC, "orders", LITERAL, READ, DENY)]).await;
    assert_eq!(
        metadata(&mut client, "orders").await,
        (0, bits(&[DESCRIBE])),
        "what is implied is not denied"
    );
    allow(&mut admin, &[(TOPIC, "orders", LITERAL, DESCRIBE, DENY)]).await;
    assert_eq!(metadata(&mut client, "orders").await.0, 29);

    // With the last rule the connection ends.
    for rule in [(TOPIC, "ord", PREFIXED, READ, ALLOW), (GROUP, "g", LITERAL, READ, ALLOW)] {
        remove(&mut admin, rule).await;
    }
    remove(&mut admin, (CLUSTER, "kafka-cluster", LITERAL, CREATE, ALLOW)).await;
    client.closed().await;
}

#[tokio::test]
async fn every_operation_asks_for_its_own() {
    let house = House::new();
    alice(&house);
    let mut admin = house.connect();
    make(&mut admin, vec![topic("t", 1)]).await;
    allow(&mut admin, &[(TOPIC, "t", LITERAL, DESCRIBE, ALLOW), (GROUP, "g", LITERAL, DESCRIBE, ALLOW)])
        .await;
    let mut client = log_in(&house).await;

    // The server as a whole.
    let refused = describe(&mut client, everything()).await;
    assert_eq!(refused, (31, vec![]));
    assert_eq!(create(&mut client, vec![creation((TOPIC, "t", LITERAL, WRITE, ALLOW))]).await[0].0, 31);
    let answer = client.ask(2, DescribeQuorumRequest::default()).await;
    let Response::DescribeQuorum(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code.0, 31);
    let broker = DescribeConfigsResource { resource_type: 4, resource_name: "0", configuration_keys: None };
    let answer =
        client.ask(4, DescribeConfigsRequest { resources: vec![broker].into(), ..Default::default() }).await;
    let Response::DescribeConfigs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.results.iter().next().unwrap().error_code.0, 31);

    // A topic's settings, its deletion.
    let settings = DescribeConfigsResource { resource_type: 2, resource_name: "t", configuration_keys: None };
    let answer = client
        .ask(4, DescribeConfigsRequest { resources: vec![settings].into(), ..Default::default() })
        .await;
    let Response::DescribeConfigs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.results.iter().next().unwrap().error_code.0, 29);
    let doomed = vec![DeleteTopicState { name: Some("t"), ..Default::default() }];
    let answer = client.ask(6, DeleteTopicsRequest { topics: doomed.into(), ..Default::default() }).await;
    let Response::DeleteTopics(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.responses.iter().next().unwrap().error_code.0, 29);

    // Groups and transactions.
    let join = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: 10_000,
        protocol_type: "consumer",
        ..Default::default()
    };
    let answer = client.ask(5, join).await;
    let Response::JoinGroup(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code.0, 30);
    let answer = client.ask(2, DeleteGroupsRequest { groups_names: vec!["g"].into() }).await;
    let Response::DeleteGroups(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.results.iter().next().unwrap().error_code.0, 30);
    for (kind, key, code) in [(0, "g", 0), (0, "other", 30), (1, "x", 53)] {
        let answer =
            client.ask(3, FindCoordinatorRequest { key, key_type: kind, ..Default::default() }).await;
        let Response::FindCoordinator(response) = answer.read() else { panic!("{:?}", answer.read()) };
        assert_eq!(response.error_code.0, code, "{key}");
    }
    let mut producer = async |id: Option<&str>| {
        let request = InitProducerIdRequest {
            transactional_id: id,
            transaction_timeout_ms: 1000,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        let answer = client.ask(4, request).await;
        let Response::InitProducerId(response) = answer.read() else { panic!("{:?}", answer.read()) };
        response.error_code.0
    };
    assert_eq!((producer(None).await, producer(Some("x")).await), (31, 53));
    allow(&mut admin, &[(TXN, "x", LITERAL, WRITE, ALLOW), (TOPIC, "other", LITERAL, WRITE, ALLOW)]).await;
    assert_eq!(
        (producer(None).await, producer(Some("x")).await),
        (0, 0),
        "who writes anywhere may be idempotent"
    );
    remove(&mut admin, (TOPIC, "other", LITERAL, WRITE, ALLOW)).await;
    assert_eq!(producer(None).await, 31);
    allow(&mut admin, &[(CLUSTER, "kafka-cluster", LITERAL, IDEMPOTENT_WRITE, ALLOW)]).await;
    assert_eq!(producer(None).await, 0);
}

#[tokio::test]
async fn what_is_told_of_the_server_and_groups_is_true() {
    let house = House::new();
    alice(&house);
    let mut admin = house.connect();
    allow(
        &mut admin,
        &[(CLUSTER, "kafka-cluster", LITERAL, ALTER, ALLOW), (TOPIC, "*", LITERAL, DELETE, ALLOW)],
    )
    .await;
    let mut client = log_in(&house).await;
    let server = async |client: &mut Client| {
        let request =
            DescribeClusterRequest { include_cluster_authorized_operations: true, ..Default::default() };
        let answer = client.ask(1, request).await;
        let Response::DescribeCluster(response) = answer.read() else { panic!("{:?}", answer.read()) };
        response.cluster_authorized_operations
    };
    assert_eq!(server(&mut client).await, bits(&[ALTER, DESCRIBE]));
    assert_eq!(
        server(&mut admin).await,
        bits(&[CREATE, ALTER, DESCRIBE, 9, 10, 11, IDEMPOTENT_WRITE]) & !bits(&[CREATE])
    );
    // To describe the server is to see every group.
    let answer = client.ask(4, ListGroupsRequest::default()).await;
    let Response::ListGroups(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code.0, 0);
    // Who may alter the server may not become who rules it.
    assert!(matches!(
        create(&mut client, vec![creation((GROUP, "g", LITERAL, READ, ALLOW))]).await[..],
        [(0, _)]
    ));
}

#[tokio::test]
async fn permissions_and_rules_add_up_and_denials_win() {
    let house = House::new();
    alice(&house);
    let grant = anymq_auth::Permissions { configure: String::new(), write: String::new(), read: "^t".into() };
    let permission =
        anymq_catalog::Permission { user: "alice".into(), vhost: anymq_types::VhostId(1), grant };
    house.broker.change(Change::PermissionPut(permission)).unwrap();
    let mut admin = house.connect();
    for name in ["t1", "t2", "x"] {
        make(&mut admin, vec![topic(name, 1)]).await;
    }
    allow(&mut admin, &[(TOPIC, "t2", LITERAL, READ, DENY), (TOPIC, "x", LITERAL, WRITE, ALLOW)]).await;
    let mut client = log_in(&house).await;
    // Describe comes with the right to read, and with the rule to write.
    assert_eq!(metadata(&mut client, "t1").await, (0, bits(&[READ, DESCRIBE, 10])));
    assert_eq!(metadata(&mut client, "t2").await, (0, bits(&[DESCRIBE, 10])));
    assert_eq!(metadata(&mut client, "x").await, (0, bits(&[WRITE, DESCRIBE])));
    // Rules are not for administrators.
    let every = AclCreation { principal: "User:*", ..creation((TOPIC, "*", LITERAL, 2, DENY)) };
    create(&mut admin, vec![every]).await;
    assert_eq!(metadata(&mut admin, "t1").await.0, 0);
    assert_eq!(metadata(&mut client, "t1").await.0, 29);
}
