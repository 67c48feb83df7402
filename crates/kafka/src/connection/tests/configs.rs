//! Settings as an administrator reads and changes them. Codes and sentences are those of a running Kafka 4.2.0.

use super::client::{Client, House};
use super::topics::{make, topic};
use crate::wire::messages::configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterableConfig, DescribeConfigsRequest,
    DescribeConfigsResource, IncrementalAlterConfigsRequest, IncrementalConfig, IncrementalConfigsResource,
    ListConfigResourcesRequest,
};
use crate::wire::{ErrorCode, Response};

pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;

pub(super) type Said = (ErrorCode, Option<String>);
/// A setting, what is done to it, and the value.
pub(super) type Op<'a> = (&'a str, i8, Option<&'a str>);

pub(super) fn said(code: i16, says: &str) -> Said {
    (ErrorCode(code), Some(says.to_owned()))
}

/// Name, value and source of what is told.
pub(super) async fn described(
    client: &mut Client,
    kind: i8,
    name: &str,
    keys: &[&str],
) -> (Said, Vec<(String, String, i8)>) {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name,
        configuration_keys: (!keys.is_empty()).then(|| keys.to_vec().into()),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource].into(),
        include_synonyms: true,
        include_documentation: true,
    };
    let answer = client.ask(4, request).await;
    let Response::DescribeConfigs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let result = response.results.iter().next().unwrap();
    let configs = result.configs.iter().map(|config| {
        assert!(config.documentation.is_some_and(|text| text.ends_with('.')), "{}", config.name);
        let value = config.value.map_or("null".to_owned(), Into::into);
        (config.name.into(), value, config.config_source)
    });
    ((result.error_code, result.error_message.map(Into::into)), configs.collect())
}

pub(super) async fn value(client: &mut Client, name: &str, key: &str) -> (String, i8) {
    let (_, mut configs) = described(client, TOPIC, name, &[key]).await;
    let (_, value, source) = configs.pop().expect("it is told");
    (value, source)
}

pub(super) async fn increment(client: &mut Client, kind: i8, name: &str, ops: &[Op<'_>]) -> Said {
    let configs = ops.iter().map(|&(name, config_operation, value)| IncrementalConfig {
        name,
        config_operation,
        value,
    });
    let resource =
        IncrementalConfigsResource { resource_type: kind, resource_name: name, configs: configs.collect() };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource].into(), validate_only: false };
    let answer = client.ask(1, request).await;
    let Response::IncrementalAlterConfigs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let one = response.responses.iter().next().unwrap();
    (one.error_code, one.error_message.map(Into::into))
}

async fn replace(client: &mut Client, name: &str, configs: &[(&str, Option<&str>)]) -> Said {
    replace_of(client, TOPIC, name, configs).await
}

pub(super) async fn replace_of(
    client: &mut Client,
    kind: i8,
    name: &str,
    configs: &[(&str, Option<&str>)],
) -> Said {
    let configs = configs.iter().map(|&(name, value)| AlterableConfig { name, value }).collect();
    let resource = AlterConfigsResource { resource_type: kind, resource_name: name, configs };
    let answer =
        client.ask(2, AlterConfigsRequest { resources: vec![resource].into(), validate_only: false }).await;
    let Response::AlterConfigs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let one = response.responses.iter().next().unwrap();
    (one.error_code, one.error_message.map(Into::into))
}

pub(super) const SET: i8 = 0;
pub(super) const DELETE: i8 = 1;
pub(super) const APPEND: i8 = 2;
pub(super) const SUBTRACT: i8 = 3;
pub(super) const DONE: Said = (ErrorCode::NONE, None);

#[tokio::test]
async fn settings_change_one_by_one() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("604800000".into(), 5));
    let ops = [("retention.ms", SET, Some("2000")), ("cleanup.policy", APPEND, Some("compact"))];
    assert_eq!(increment(&mut client, TOPIC, "t", &ops).await, DONE);
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("2000".into(), 1));
    assert_eq!(value(&mut client, "t", "cleanup.policy").await, ("delete,compact".into(), 1));
    let ops = [("retention.ms", DELETE, None), ("cleanup.policy", SUBTRACT, Some("delete"))];
    assert_eq!(increment(&mut client, TOPIC, "t", &ops).await, DONE);
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("604800000".into(), 5));
    assert_eq!(value(&mut client, "t", "cleanup.policy").await, ("compact".into(), 1));
}

#[tokio::test]
async fn settings_are_replaced_together() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    assert_eq!(
        replace(&mut client, "t", &[("retention.ms", Some("1")), ("segment.ms", Some("9"))]).await,
        DONE
    );
    assert_eq!(replace(&mut client, "t", &[("segment.ms", Some("8"))]).await, DONE);
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("604800000".into(), 5), "it was not named");
    assert_eq!(value(&mut client, "t", "segment.ms").await, ("8".into(), 1));
    let null = replace(&mut client, "t", &[("segment.ms", None)]).await;
    assert_eq!(null, said(42, "Null value not supported for : segment.ms"));
    assert_eq!(
        replace(&mut client, "t", &[("foo", Some("1"))]).await,
        said(40, "Unknown topic config name: foo")
    );
    assert_eq!(
        value(&mut client, "t", "segment.ms").await,
        ("8".into(), 1),
        "what is refused changes nothing"
    );
}

#[tokio::test]
async fn what_cannot_be_changed() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    let ms = |op, value| ("retention.ms", op, value);
    let cases: &[(i8, &str, &[Op<'_>], Said)] = &[
        (
            TOPIC,
            "t",
            &[ms(APPEND, Some("1"))],
            said(40, "Can't APPEND to key retention.ms because its type is not LIST."),
        ),
        (
            TOPIC,
            "t",
            &[("foo", SUBTRACT, Some("1"))],
            said(40, "Can't SUBTRACT to key foo because its type is not LIST."),
        ),
        (
            TOPIC,
            "t",
            &[ms(SET, Some("y"))],
            said(40, "Invalid value y for configuration retention.ms: Not a number of type LONG"),
        ),
        (TOPIC, "t", &[("foo", SET, Some("1"))], said(40, "Unknown topic config name: foo")),
        (TOPIC, "t", &[("foo", DELETE, Some(""))], DONE),
        (TOPIC, "t", &[ms(SET, None)], said(42, "Null value not supported for : retention.ms")),
        (
            TOPIC,
            "t",
            &[ms(SET, Some("1")), ms(SET, Some("2"))],
            said(42, "Error due to duplicate config keys"),
        ),
        (TOPIC, "t", &[ms(9, Some("1"))], said(42, "Unknown operations type 9")),
        (TOPIC, "nope", &[ms(SET, Some("1"))], said(3, "The topic 'nope' does not exist.")),
        (
            TOPIC,
            "a b",
            &[ms(SET, Some("1"))],
            said(
                17,
                "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
            ),
        ),
        (
            TOPIC,
            "t",
            &[("remote.storage.enable", SET, Some("true"))],
            said(
                40,
                "Invalid value true for configuration remote.storage.enable: not supported: there is no remote storage",
            ),
        ),
        (
            BROKER,
            "0",
            &[("num.partitions", SET, Some("7"))],
            said(42, "Cannot update these configs dynamically: Set(num.partitions)"),
        ),
        (BROKER, "9", &[("x", SET, Some("7"))], said(42, "Unexpected broker id, expected 0, but received 9")),
        (BROKER_LOGGER, "0", &[("no.such", SET, Some("INFO"))], said(40, "Logger no.such does not exist!")),
        (99, "t", &[], said(42, "Unknown resource type 99")),
    ];
    for (kind, name, ops, want) in cases {
        assert_eq!(increment(&mut client, *kind, name, ops).await, *want);
    }
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("604800000".into(), 5));
}

#[tokio::test]
async fn a_resource_is_named_once() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    let resource = || IncrementalConfigsResource {
        resource_type: TOPIC,
        resource_name: "t",
        configs: vec![IncrementalConfig { name: "segment.ms", config_operation: SET, value: Some("5") }]
            .into(),
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource(), resource()].into(),
        validate_only: false,
    };
    let answer = client.ask(1, request).await;
    let Response::IncrementalAlterConfigs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let codes: Vec<_> = response.responses.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [ErrorCode::INVALID_REQUEST; 2]);
    assert_eq!(value(&mut client, "t", "segment.ms").await, ("604800000".into(), 5));
}

#[tokio::test]
async fn what_is_told() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    let (told, configs) = described(&mut client, TOPIC, "t", &[]).await;
    assert_eq!((told, configs.len()), (DONE, 38));
    assert!(configs.is_sorted());
    let (_, one) = described(&mut client, TOPIC, "t", &["segment.ms", "nope"]).await;
    assert_eq!(one.len(), 1);
    let (_, broker) = described(&mut client, BROKER, "0", &["advertised.listeners", "num.partitions"]).await;
    assert_eq!(broker[1], ("num.partitions".into(), "1".into(), 4));
    assert!(broker[0].1.starts_with("PLAINTEXT://"), "{broker:?}");
    assert_eq!(described(&mut client, BROKER, "", &[]).await, (DONE, vec![]));
    for (kind, name, code) in
        [(TOPIC, "nope", 3), (TOPIC, "a b", 17), (BROKER, "9", 42), (BROKER, "x", 42), (32, "", 42)]
    {
        assert_eq!(described(&mut client, kind, name, &[]).await.0.0, ErrorCode(code), "{kind} {name}");
    }
}

#[tokio::test]
async fn what_can_be_asked_for_is_listed() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1), topic("u", 1)]).await;
    for (types, want) in [
        (vec![], vec![(2, "t"), (2, "u"), (4, "0"), (8, "0")]),
        (vec![BROKER], vec![(4, "0")]),
        (vec![16, 32], vec![]),
    ] {
        let answer = client.ask(1, ListConfigResourcesRequest { resource_types: types.into() }).await;
        let Response::ListConfigResources(response) = answer.read() else { panic!("{:?}", answer.read()) };
        let listed: Vec<_> =
            response.config_resources.iter().map(|one| (one.resource_type, one.resource_name)).collect();
        assert!(listed.iter().map(|(kind, name)| (*kind, &**name)).eq(want), "{listed:?}");
    }
    let answer = client.ask(1, ListConfigResourcesRequest { resource_types: vec![3].into() }).await;
    let Response::ListConfigResources(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
}
