//! What topics follow that set nothing, as an administrator sets it. Codes, sentences and sources are those of a running Kafka 4.2.0.

use std::time::Duration;

use super::acls::{ALLOW, CLUSTER, LITERAL, alice, allow, log_in};
use super::client::{Client, House};
use super::configs::{
    APPEND, BROKER, DELETE, DONE, Op, SET, SUBTRACT, Said, TOPIC, described, increment, replace_of, said,
    value,
};
use super::topics::{make, topic};
use crate::configs::Source;
use crate::wire::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, IncrementalAlterConfigsRequest, IncrementalConfig,
    IncrementalConfigsResource,
};
use crate::wire::{ErrorCode, Response};

const EVERY_NODE: i8 = Source::EveryNode as i8;
const NODE: i8 = Source::Node as i8;
const DEFAULT: i8 = Source::Default as i8;

/// A setting, what is done to it, and the value.
type Change<'a> = (&'a str, i8, &'a str);

async fn set(client: &mut Client, name: &str, ops: &[Change<'_>]) -> Said {
    let ops: Vec<Op<'_>> =
        ops.iter().map(|&(key, op, value)| (key, op, (op != DELETE).then_some(value))).collect();
    increment(client, BROKER, name, &ops).await
}

/// Value and source of one of the broker's settings.
async fn of_broker(client: &mut Client, key: &str) -> (String, i8) {
    let (_, mut configs) = described(client, BROKER, "0", &[key]).await;
    let (_, value, source) = configs.pop().expect("it is told");
    (value, source)
}

/// Where the value of a setting may come from: name, value and source.
async fn places(client: &mut Client, kind: i8, name: &str, key: &str) -> Vec<(String, String, i8)> {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name,
        configuration_keys: Some(vec![key].into()),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource].into(),
        include_synonyms: true,
        include_documentation: false,
    };
    let answer = client.ask(4, request).await;
    let Response::DescribeConfigs(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let result = response.results.iter().next().unwrap();
    let config = result.configs.iter().next().unwrap();
    assert!(!config.read_only, "{key}");
    let places = config.synonyms.iter();
    places.map(|p| (p.name.into(), p.value.unwrap_or_default().into(), p.source)).collect()
}

fn place(name: &str, value: &str, source: i8) -> (String, String, i8) {
    (name.to_owned(), value.to_owned(), source)
}

#[tokio::test]
async fn topics_follow_what_is_set_for_all_nodes_and_for_one() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    assert_eq!(of_broker(&mut client, "log.retention.ms").await, ("null".into(), DEFAULT));
    let all = [
        ("log.retention.ms", SET, "5000000"),
        ("log.roll.ms", SET, " 70000 "),
        ("log.cleanup.policy", APPEND, "compact"),
    ];
    assert_eq!(set(&mut client, "", &all).await, DONE);
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("5000000".into(), EVERY_NODE));
    assert_eq!(value(&mut client, "t", "segment.ms").await, ("70000".into(), EVERY_NODE));
    assert_eq!(value(&mut client, "t", "cleanup.policy").await, ("delete,compact".into(), EVERY_NODE));
    let told = described(&mut client, BROKER, "", &[]).await.1;
    let want =
        [("log.cleanup.policy", "delete,compact"), ("log.retention.ms", "5000000"), ("log.roll.ms", "70000")];
    assert_eq!(told, want.map(|(name, value)| place(name, value, EVERY_NODE)));

    assert_eq!(set(&mut client, "0", &[("log.retention.ms", SET, "6000000")]).await, DONE);
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("6000000".into(), NODE));
    assert_eq!(of_broker(&mut client, "log.retention.ms").await, ("6000000".into(), NODE));
    assert_eq!(of_broker(&mut client, "log.roll.ms").await, ("70000".into(), EVERY_NODE));
    assert_eq!(of_broker(&mut client, "log.retention.bytes").await, ("-1".into(), DEFAULT));
    // What the topic sets itself comes first.
    assert_eq!(increment(&mut client, TOPIC, "t", &[("retention.ms", SET, Some("5"))]).await, DONE);
    let want = [
        place("retention.ms", "5", Source::Topic as i8),
        place("log.retention.ms", "6000000", NODE),
        place("log.retention.ms", "5000000", EVERY_NODE),
        place("log.retention.hours", "168", DEFAULT),
    ];
    assert_eq!(places(&mut client, TOPIC, "t", "retention.ms").await, want);
    assert_eq!(places(&mut client, BROKER, "0", "log.retention.ms").await, want[1..]);
    assert_eq!(places(&mut client, BROKER, "", "log.retention.ms").await, want[2..3]);
    assert_eq!(places(&mut client, TOPIC, "t", "segment.jitter.ms").await, []);

    let gone = [("log.retention.ms", DELETE, ""), ("node.id", DELETE, "")];
    assert_eq!(set(&mut client, "0", &gone).await, DONE);
    assert_eq!(increment(&mut client, TOPIC, "t", &[("retention.ms", DELETE, None)]).await, DONE);
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("5000000".into(), EVERY_NODE));
    // All at once: what is not named goes.
    let roll = [("log.roll.ms", Some("8"))];
    assert_eq!(replace_of(&mut client, BROKER, "", &roll).await, DONE);
    assert_eq!(value(&mut client, "t", "retention.ms").await, ("604800000".into(), DEFAULT));
    assert_eq!(value(&mut client, "t", "segment.ms").await, ("8".into(), EVERY_NODE));
    assert_eq!(replace_of(&mut client, BROKER, "", &[]).await, DONE);
    assert_eq!(described(&mut client, BROKER, "", &[]).await, (DONE, vec![]));
}

#[tokio::test]
async fn a_topics_name_for_a_setting_means_the_brokers() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    assert_eq!(replace_of(&mut client, BROKER, "0", &[("cleanup.policy", Some("compact"))]).await, DONE);
    assert_eq!(of_broker(&mut client, "log.cleanup.policy").await, ("compact".into(), NODE));
    assert_eq!(value(&mut client, "t", "cleanup.policy").await, ("compact".into(), NODE));
    let twice = [("cleanup.policy", SET, "delete"), ("log.cleanup.policy", SET, "compact")];
    assert_eq!(set(&mut client, "0", &twice).await, said(42, "Error due to duplicate config keys"));
    assert_eq!(set(&mut client, "0", &[("cleanup.policy", SUBTRACT, "compact")]).await, DONE);
    assert_eq!(value(&mut client, "t", "cleanup.policy").await, ("".into(), NODE));
    assert_eq!(set(&mut client, "0", &[("cleanup.policy", DELETE, "")]).await, DONE);
    assert_eq!(value(&mut client, "t", "cleanup.policy").await, ("delete".into(), DEFAULT));
}

#[tokio::test]
async fn what_cannot_be_set_of_the_broker() {
    let house = House::new();
    let mut client = house.connect();
    make(&mut client, vec![topic("t", 1)]).await;
    let cases: &[(&[Change<'_>], Said)] = &[
        (
            &[("node.id", SET, "7"), ("broker.rack", SET, "3"), ("log.retention.ms", SET, "x")],
            said(42, "Cannot update these configs dynamically: Set(broker.rack, node.id)"),
        ),
        (
            &[("log.retention.hours", SET, "7")],
            said(42, "Cannot update these configs dynamically: Set(log.retention.hours)"),
        ),
        (&[("foo.bar", APPEND, "7")], said(42, "Cannot update these configs dynamically: Set(foo.bar)")),
        (
            &[("log.retention.ms", SET, "x")],
            said(42, "Invalid value x for configuration log.retention.ms: Not a number of type LONG"),
        ),
        (
            &[("log.retention.ms", SET, "0")],
            said(
                42,
                "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
            ),
        ),
        (
            &[("cleanup.policy", SET, "foo")],
            said(
                42,
                "Invalid value foo for configuration log.cleanup.policy: String must be one of: compact, delete",
            ),
        ),
        (
            &[("log.retention.ms", APPEND, "1")],
            said(40, "Config value append is not allowed for config key: log.retention.ms"),
        ),
        (
            &[("log.retention.ms", SUBTRACT, "1")],
            said(40, "Config value subtract is not allowed for config key: log.retention.ms"),
        ),
    ];
    for name in ["", "0"] {
        for (ops, want) in cases {
            assert_eq!(set(&mut client, name, ops).await, *want);
        }
    }
    let nodes = [
        ("9", "Unexpected broker id, expected 0, but received 9"),
        ("x", "Broker id must be an integer, but it is: x"),
    ];
    for (name, says) in nodes {
        assert_eq!(set(&mut client, name, &[("log.retention.ms", SET, "5")]).await, said(42, says));
    }
    assert_eq!(described(&mut client, BROKER, "", &[]).await, (DONE, vec![]));
    let (_, all) = described(&mut client, BROKER, "0", &[]).await;
    assert!(all.is_sorted_by(|a, b| a.0 < b.0), "each once: {all:?}");
    assert!(all.iter().all(|(_, _, source)| ![NODE, EVERY_NODE].contains(source)), "{all:?}");
    // A topic cannot be set across what it follows.
    assert_eq!(set(&mut client, "", &[("log.cleaner.max.compaction.lag.ms", SET, "100")]).await, DONE);
    let says = "conflict topic config setting min.compaction.lag.ms (600) > max.compaction.lag.ms (100)";
    let lag = [("min.compaction.lag.ms", SET, Some("600"))];
    assert_eq!(increment(&mut client, TOPIC, "t", &lag).await, said(40, says));
}

#[tokio::test]
async fn only_said_is_not_done() {
    let house = House::new();
    let mut client = house.connect();
    for (value, want) in [("5", 0), ("0", 42)] {
        let config =
            IncrementalConfig { name: "log.retention.ms", config_operation: SET, value: Some(value) };
        let resource = IncrementalConfigsResource {
            resource_type: BROKER,
            resource_name: "",
            configs: vec![config].into(),
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource].into(), validate_only: true };
        let answer = client.ask(1, request).await;
        let Response::IncrementalAlterConfigs(response) = answer.read() else {
            panic!("{:?}", answer.read())
        };
        assert_eq!(response.responses.iter().next().unwrap().error_code, ErrorCode(want));
    }
    assert_eq!(described(&mut client, BROKER, "", &[]).await, (DONE, vec![]));
}

#[tokio::test]
async fn who_may_not_alter_the_server_may_not_alter_what_topics_follow() {
    const DESCRIBE_CONFIGS: i8 = 10;
    const ALTER_CONFIGS: i8 = 11;
    let house = House::new();
    alice(&house);
    let mut admin = house.connect();
    allow(&mut admin, &[(2, "t", LITERAL, 8, ALLOW)]).await;
    let mut client = log_in(&house).await;
    let hour = [("log.retention.ms", SET, "3600000")];
    for name in ["", "0"] {
        assert_eq!(set(&mut client, name, &hour).await, said(31, "Cluster authorization failed."));
        assert_eq!(described(&mut client, BROKER, name, &[]).await.0, (ErrorCode(31), None));
    }
    allow(&mut admin, &[(CLUSTER, "kafka-cluster", LITERAL, ALTER_CONFIGS, ALLOW)]).await;
    assert_eq!(set(&mut client, "", &hour).await, DONE);
    allow(&mut admin, &[(CLUSTER, "kafka-cluster", LITERAL, DESCRIBE_CONFIGS, ALLOW)]).await;
    assert_eq!(described(&mut client, BROKER, "", &[]).await.1.len(), 1);
}

/// What is answered is on disk: the answer waits for the commit.
#[tokio::test]
async fn the_answer_comes_after_the_disk() {
    let house = House::with(false, crate::config::Config::default());
    let mut client = house.connect();
    let set = |name: &'static str| IncrementalConfigsResource {
        resource_type: BROKER,
        resource_name: name,
        configs: vec![IncrementalConfig { name: "log.roll.ms", config_operation: SET, value: Some("5") }]
            .into(),
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![set(""), set("0")].into(), validate_only: false };
    client.send(1, request).await;
    // It was done when the next connection is answered, which needs no disk.
    let mut other = house.connect();
    let done = async {
        while of_broker(&mut other, "log.roll.ms").await.1 == DEFAULT {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), done).await.expect("it is done");
    let early = tokio::time::timeout(Duration::from_millis(50), client.frame()).await;
    assert!(early.is_err(), "answered before the disk was synced");
    house.broker.log().commit_now();
    assert!(client.frame().await.is_some());
}
