//! Quotas: set, told, and what comes of them. Codes and sentences are those of a running Kafka 4.2.0.

use std::time::Duration;

use anymq_batch::Compression;

use super::acls::{ALLOW, LITERAL, READ, TOPIC, alice, allow, log_in};
use super::client::{Client, House};
use super::records::{batch, fetch, produce};
use super::topics::{make, topic};
use crate::wire::messages::classic_groups::FindCoordinatorRequest;
use crate::wire::messages::quotas::{
    AlterClientQuotasRequest, AlterEntity, AlterQuotas, DescribeClientQuotasRequest, QuotaFilter,
    QuotaOperation,
};
use crate::wire::messages::topics::{
    CreatePartitionsRequest, CreatePartitionsTopic, CreateTopicsRequest, DeleteTopicState,
    DeleteTopicsRequest,
};
use crate::wire::{ApiKey, Response};

const PRODUCER: &str = "producer_byte_rate";
const CONSUMER: &str = "consumer_byte_rate";

type Entity<'a> = &'a [(&'a str, Option<&'a str>)];
/// Key and rate; none takes it away.
type Op<'a> = (&'a str, Option<f64>);

async fn alter(client: &mut Client, entity: Entity<'_>, ops: &[Op<'_>]) -> (i16, Option<String>) {
    let entity = entity.iter().map(|&(entity_type, entity_name)| AlterEntity { entity_type, entity_name });
    let ops = ops.iter().map(|&(key, value)| QuotaOperation {
        key,
        value: value.unwrap_or_default(),
        remove: value.is_none(),
    });
    let entry = AlterQuotas { entity: entity.collect(), ops: ops.collect() };
    let request = AlterClientQuotasRequest { entries: vec![entry].into(), validate_only: false };
    let answer = client.ask(1, request).await;
    let Response::AlterClientQuotas(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let entry = response.entries.iter().next().unwrap();
    (entry.error_code.0, entry.error_message.map(Into::into))
}

/// The code, and the entities as text.
async fn describe(
    client: &mut Client,
    filters: &[(&str, i8, Option<&str>)],
    strict: bool,
) -> (i16, Vec<String>) {
    let filters = filters.iter().map(|&(entity_type, match_type, matching)| QuotaFilter {
        entity_type,
        match_type,
        matching,
    });
    let answer = client.ask(1, DescribeClientQuotasRequest { components: filters.collect(), strict }).await;
    let Response::DescribeClientQuotas(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let entries = response.entries.into_iter().flat_map(|entries| entries.iter().collect::<Vec<_>>());
    let text = entries.map(|entry| {
        let parts: Vec<String> = entry
            .entity
            .iter()
            .map(|part| format!("{}={}", part.entity_type, part.entity_name.unwrap_or("*".into())))
            .collect();
        let values: Vec<String> = entry.values.iter().map(|v| format!("{}:{}", v.key, v.value)).collect();
        format!("{} {}", parts.join(","), values.join(","))
    });
    (response.error_code.0, text.collect())
}

/// Two entries at once, the same entity in both, and one that is only tried.
#[tokio::test]
async fn entries_are_judged_one_by_one() {
    let house = House::new();
    let mut admin = house.connect();
    let entry = |user: &'static str, key: &'static str| AlterQuotas {
        entity: vec![AlterEntity { entity_type: "user", entity_name: Some(user) }].into(),
        ops: vec![QuotaOperation { key, value: 5.0, remove: false }].into(),
    };
    let codes = async |admin: &mut Client, entries: Vec<AlterQuotas<'_>>, validate_only| {
        let answer = admin.ask(0, AlterClientQuotasRequest { entries: entries.into(), validate_only }).await;
        let Response::AlterClientQuotas(response) = answer.read() else { panic!("{:?}", answer.read()) };
        response.entries.iter().map(|entry| entry.error_code.0).collect::<Vec<_>>()
    };
    let two = vec![entry("a", PRODUCER), entry("b", "foo")];
    assert_eq!(codes(&mut admin, two, false).await, [0, 42]);
    let same = vec![entry("c", PRODUCER), entry("c", CONSUMER), entry("d", PRODUCER)];
    assert_eq!(codes(&mut admin, same, false).await, [42, 42, 0]);
    assert_eq!(codes(&mut admin, vec![entry("e", PRODUCER)], true).await, [0]);
    let (code, told) = describe(&mut admin, &[], false).await;
    assert_eq!((code, told), (0, vec![format!("user=a {PRODUCER}:5"), format!("user=d {PRODUCER}:5")]));
}

/// S11: who may not alter the server's settings sets no quotas, nor sees them.
#[tokio::test]
async fn only_who_may_sets_quotas() {
    let house = House::new();
    let mut admin = house.connect();
    alter(&mut admin, &[("user", None)], &[(PRODUCER, Some(9e9))]).await;
    alice(&house);
    allow(&mut admin, &[(TOPIC, "t", LITERAL, READ, ALLOW)]).await;
    let mut client = log_in(&house).await;
    let (code, _) = alter(&mut client, &[("user", Some("alice"))], &[(PRODUCER, Some(9e9))]).await;
    assert_eq!(code, 31);
    assert_eq!(describe(&mut client, &[], false).await, (31, vec![]));
}

#[tokio::test]
async fn quotas_are_set_and_told() {
    let house = House::new();
    let mut admin = house.connect();
    let user: Entity<'_> = &[("user", Some("alice"))];
    for (entity, ops, code, says) in [
        (user, &[(PRODUCER, Some(1000.0))][..], 0, None),
        (&[("user", None)], &[(CONSUMER, Some(5.0))], 0, None),
        (&[("client-id", Some("c")), ("user", Some("alice"))], &[(CONSUMER, Some(7.0))], 0, None),
        (user, &[(PRODUCER, Some(0.0))], 42, Some("Quota producer_byte_rate must be greater than 0")),
        (user, &[(PRODUCER, Some(-1.0))], 42, Some("Quota producer_byte_rate must be greater than 0")),
        (user, &[(PRODUCER, Some(1.5))], 42, Some("producer_byte_rate cannot be a fractional value.")),
        (
            user,
            &[(PRODUCER, Some(1e300))],
            42,
            Some("Proposed value for producer_byte_rate is too large for a LONG."),
        ),
        (user, &[(PRODUCER, Some(f64::NAN))], 42, None),
        (
            user,
            &[(PRODUCER, Some(1.0)), (PRODUCER, None)],
            42,
            Some("Ignoring duplicate entity ClientQuotaEntity(entries={user=alice})"),
        ),
        (user, &[("foo", Some(1.0))], 42, Some("Invalid configuration key foo")),
        (
            user,
            &[("connection_creation_rate", Some(1.0))],
            42,
            Some("Invalid configuration key connection_creation_rate"),
        ),
        (
            &[("client-id", None)],
            &[("request_percentage", Some(0.5)), ("controller_mutation_rate", Some(1.5))],
            0,
            None,
        ),
        (&[], &[(PRODUCER, Some(1.0))], 42, Some("Invalid empty client quota entity")),
        (
            &[("foo", Some("x"))],
            &[(PRODUCER, Some(1.0))],
            42,
            Some("Unhandled client quota entity type: foo"),
        ),
        (&[("user", Some(""))], &[(PRODUCER, Some(1.0))], 42, Some("Empty user not supported")),
        (&[("ip", Some("1.2.3.4"))], &[("connection_creation_rate", Some(1.0))], 42, None),
        (&[("user", Some("zed"))], &[(PRODUCER, None)], 0, None),
    ] {
        let (got, said) = alter(&mut admin, entity, ops).await;
        assert_eq!(got, code, "{entity:?} {ops:?}");
        assert!(says.is_none_or(|says| said.as_deref() == Some(says)), "{said:?}");
    }
    let anybody = "client-id=* request_percentage:0.5,controller_mutation_rate:1.5";
    let (all, both, alice) = (
        "user=* consumer_byte_rate:5",
        "user=alice,client-id=c consumer_byte_rate:7",
        "user=alice producer_byte_rate:1000",
    );
    for (filters, strict, code, told) in [
        (&[][..], false, 0, &[anybody, all, alice, both][..]),
        (&[("client-id", 1, None)], false, 0, &[anybody]),
        (&[], true, 0, &[]),
        (&[("user", 2, None)], true, 0, &[all, alice]),
        (&[("user", 0, Some("alice"))], false, 0, &[alice, both]),
        (&[("user", 1, None)], false, 0, &[all]),
        (&[("user", 2, None), ("client-id", 2, None)], false, 0, &[both]),
        (&[("ip", 2, None)], false, 0, &[]),
        (&[("foo", 2, None)], false, 35, &[]),
        (&[("", 2, None)], false, 42, &[]),
        (&[("user", 3, None)], false, 42, &[]),
        (&[("user", 0, None)], false, 42, &[]),
        (&[("user", 2, Some("x"))], false, 42, &[]),
        (&[("user", 2, None), ("user", 1, None)], false, 42, &[]),
        (&[("user", 2, None), ("ip", 2, None)], false, 42, &[]),
    ] {
        assert_eq!(
            describe(&mut admin, filters, strict).await,
            (code, told.iter().map(|s| s.to_string()).collect()),
            "{filters:?}"
        );
    }
    alter(&mut admin, user, &[(PRODUCER, None)]).await;
    assert_eq!(describe(&mut admin, &[], false).await.1, [anybody, all, both]);
}

/// The client is told, and not heard before it may speak again.
#[tokio::test]
async fn who_fetches_too_much_is_silenced() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    let records = batch(0, &[&"x".repeat(5_000)], Compression::None);
    client.ask(9, produce("t", 0, &records)).await;
    let throttle = async |client: &mut Client| {
        let answer = client.ask(11, fetch("t", 0)).await;
        let Response::Fetch(response) = answer.read() else { panic!("{:?}", answer.read()) };
        response.throttle_time_ms
    };
    assert_eq!(throttle(&mut client).await, 0);
    alter(&mut client, &[("client-id", Some("tests"))], &[(CONSUMER, Some(4_000.0))]).await;
    let told = throttle(&mut client).await;
    assert!((100..1000).contains(&told), "{told}");
    client.send(0, FindCoordinatorRequest { key: "group", ..Default::default() }).await;
    let early = tokio::time::timeout(Duration::from_millis(told as u64 / 2), client.frame()).await;
    assert!(early.is_err(), "it is not heard");
    client.receive(ApiKey::FindCoordinator, 0).await;
}

/// Somebody else's connection is heard meanwhile.
#[tokio::test]
async fn who_produces_too_much_is_silenced_and_nobody_else() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    let mut other = house.connect();
    other.name = "other";
    alter(&mut client, &[("client-id", Some("tests"))], &[(PRODUCER, Some(4_000.0))]).await;
    let records = batch(0, &[&"x".repeat(6_000)], Compression::None);
    let throttle = async |client: &mut Client, version| {
        let answer = client.ask(version, produce("t", 0, &records)).await;
        let Response::Produce(response) = answer.read() else { panic!("{:?}", answer.read()) };
        response.throttle_time_ms
    };
    // In a version with tagged fields, and in one without.
    let told = throttle(&mut client, 9).await;
    assert!((400..1_000).contains(&told), "{told}");
    client.send(7, produce("t", 0, &records)).await;
    for _ in 0..3 {
        assert_eq!(throttle(&mut other, 7).await, 0);
    }
    let early = tokio::time::timeout(Duration::from_millis(told as u64 / 2), client.frame()).await;
    assert!(early.is_err(), "it is not heard");
    let answer = client.receive(ApiKey::Produce, 7).await;
    let Response::Produce(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert!(response.throttle_time_ms > 1_000);
}

/// Who can be told is refused; who cannot be is silenced.
#[tokio::test]
async fn topics_are_made_and_deleted_at_a_rate() {
    let house = House::new();
    let mut client = house.connect();
    alter(&mut client, &[("user", None)], &[("controller_mutation_rate", Some(1.0))]).await;
    let made = async |client: &mut Client, version, name: &'static str, partitions| {
        let request =
            CreateTopicsRequest { topics: vec![topic(name, partitions)].into(), ..Default::default() };
        let answer = client.ask(version, request).await;
        let Response::CreateTopics(response) = answer.read() else { panic!("{:?}", answer.read()) };
        (response.topics.iter().next().unwrap().error_code.0, response.throttle_time_ms)
    };
    assert_eq!(made(&mut client, 7, "many", 20).await, (0, 0));
    let (code, throttle) = made(&mut client, 7, "more", 1).await;
    assert!(code == 89 && (8_000..=9_000).contains(&throttle), "{code} {throttle}");
    let mut client = house.connect();
    let growing = CreatePartitionsTopic { name: "many", count: 21, assignments: None };
    let request = CreatePartitionsRequest { topics: vec![growing].into(), ..Default::default() };
    let answer = client.ask(3, request).await;
    let Response::CreatePartitions(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.results.iter().next().unwrap().error_code.0, 89);
    let mut client = house.connect();
    let names = [DeleteTopicState { name: Some("many"), ..Default::default() }].into_iter();
    let answer = client.ask(6, DeleteTopicsRequest { topics: names.collect(), ..Default::default() }).await;
    let Response::DeleteTopics(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.responses.iter().next().unwrap().error_code.0, 89);
    let mut client = house.connect();
    let (code, throttle) = made(&mut client, 5, "more", 1).await;
    assert!(code == 0 && throttle > 8_000, "{code} {throttle}");
}

/// Whatever is asked costs time.
#[tokio::test]
async fn work_counts() {
    let house = House::new();
    let mut client = house.connect();
    alter(&mut client, &[("user", None)], &[("request_percentage", Some(0.001))]).await;
    let mut told = 0;
    for _ in 0..200 {
        let answer = client.ask(2, FindCoordinatorRequest { key: "group", ..Default::default() }).await;
        let Response::FindCoordinator(response) = answer.read() else { panic!("{:?}", answer.read()) };
        told = response.throttle_time_ms;
        if told > 0 {
            break;
        }
    }
    assert!((1..=1_000).contains(&told), "{told}");
}
