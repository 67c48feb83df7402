//! Share groups over the wire.

use std::collections::BTreeMap;

use anymq_batch::{BatchBuilder, BatchHeader, Compression, Head};
use anymq_broker::topics::{CreateTopic, Write};
use anymq_broker::{Connect, Principal, Session};

use super::client::{Client, House};
use crate::wire::messages::api_versions::ApiVersionsRequest;
use crate::wire::messages::configs::{
    ConfigResource, DescribeConfigsRequest, DescribeConfigsResource, IncrementalAlterConfigsRequest,
    IncrementalConfig, IncrementalConfigsResource, ListConfigResourcesRequest,
};
use crate::wire::messages::group_admin::ListGroupsRequest;
use crate::wire::messages::share_fetch::{
    AcknowledgePartition, AcknowledgeTopic, AcknowledgementBatch, ShareAcknowledgeRequest,
    ShareFetchPartition, ShareFetchRequest, ShareFetchTopic,
};
use crate::wire::messages::share_groups::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsRequestPartition,
    AlterShareGroupOffsetsRequestTopic, DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsRequestTopic,
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup, ShareGroupDescribeRequest,
    ShareGroupHeartbeatRequest,
};
use crate::wire::{ErrorCode, Response, Uuid};

macro_rules! ask {
    ($client:expr, $version:expr, $request:expr, $Api:ident, |$response:ident| $look:expr) => {{
        let answer = $client.ask($version, $request).await;
        let Response::$Api($response) = answer.read() else { panic!("{:?}", answer.read()) };
        $look
    }};
}

const GROUP: i8 = 32;

fn session(house: &House) -> Session {
    let peer = "127.0.0.1:1".parse().unwrap();
    house
        .broker
        .connect(Connect {
            principal: Principal::of_user("guest", peer),
            vhost: "/".into(),
            protocol: "test",
            local: peer,
            client_name: String::new(),
            client_properties: Default::default(),
            tls: false,
        })
        .unwrap()
}

/// A topic with one partition and a batch of ten records; its id.
fn topic(house: &House, name: &str) -> Uuid {
    let session = session(house);
    let create = CreateTopic { name, partitions: 1, config: BTreeMap::new(), validate_only: false };
    let topic = session.create_topic(&create).unwrap().value;
    let mut batch = BatchBuilder::new(Head::default(), Compression::None);
    for n in 0..10u8 {
        batch.push(1, None, Some(&[n]), &[]).unwrap();
    }
    let batch = batch.finish().unwrap();
    let header = BatchHeader::parse(&batch).unwrap();
    let write = Write { partition: topic.partitions[0], header, batch: batch[..].into() };
    assert!(session.write(vec![write]).results[0].is_ok());
    Uuid(topic.id.0.to_be_bytes())
}

async fn client(house: &House) -> Client {
    let mut client = house.connect();
    client.log_in("guest", "guest").await;
    client
}

fn set<'a>(group: &'a str, name: &'a str, value: &'a str) -> IncrementalAlterConfigsRequest<'a> {
    let config = IncrementalConfig { name, config_operation: 0, value: Some(value) };
    let resource = IncrementalConfigsResource {
        resource_type: GROUP,
        resource_name: group,
        configs: vec![config].into(),
    };
    IncrementalAlterConfigsRequest { resources: vec![resource].into(), ..Default::default() }
}

fn joins<'a>(member_id: &'a str) -> ShareGroupHeartbeatRequest<'a> {
    ShareGroupHeartbeatRequest {
        group_id: "g",
        member_id,
        subscribed_topic_names: Some(vec!["t"].into()),
        ..Default::default()
    }
}

fn fetch<'a>(epoch: i32, topic_id: Uuid) -> ShareFetchRequest<'a> {
    let partitions = vec![ShareFetchPartition::default()].into();
    ShareFetchRequest {
        group_id: Some("g"),
        member_id: Some("m"),
        share_session_epoch: epoch,
        max_wait_ms: 5_000,
        min_bytes: 1,
        max_records: 100,
        batch_size: 100,
        topics: if epoch == 0 {
            vec![ShareFetchTopic { topic_id, partitions }].into()
        } else {
            Default::default()
        },
        ..Default::default()
    }
}

fn acks<'a>(
    epoch: i32,
    topic_id: Uuid,
    first: i64,
    last: i64,
    types: Vec<i8>,
) -> ShareAcknowledgeRequest<'a> {
    let batch =
        AcknowledgementBatch { first_offset: first, last_offset: last, acknowledge_types: types.into() };
    let part = AcknowledgePartition { partition_index: 0, acknowledgement_batches: vec![batch].into() };
    ShareAcknowledgeRequest {
        group_id: Some("g"),
        member_id: Some("m"),
        share_session_epoch: epoch,
        topics: vec![AcknowledgeTopic { topic_id, partitions: vec![part].into() }].into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn records_are_shared_out_and_acknowledged() {
    let house = House::new();
    let id = topic(&house, "t");
    let mut client = client(&house).await;
    ask!(client, 1, set("g", "share.auto.offset.reset", "earliest"), IncrementalAlterConfigs, |r| {
        assert_eq!(r.responses.iter().next().unwrap().error_code, ErrorCode::NONE);
    });
    ask!(client, 1, joins("m"), ShareGroupHeartbeat, |r| {
        assert_eq!((r.error_code, r.member_epoch, r.heartbeat_interval_ms), (ErrorCode::NONE, 1, 5_000));
        let topic = r.assignment.unwrap().topic_partitions.iter().next().unwrap();
        assert_eq!((topic.topic_id, topic.partitions.iter().collect::<Vec<_>>()), (id, vec![0]));
    });
    for (epoch, code) in [
        (1, ErrorCode::SHARE_SESSION_NOT_FOUND),
        (-1, ErrorCode::SHARE_SESSION_NOT_FOUND),
        (0, ErrorCode::NONE),
    ] {
        ask!(client, 2, fetch(epoch, id), ShareFetch, |r| {
            assert_eq!(r.error_code, code, "epoch {epoch}");
            if epoch == 0 {
                assert_eq!(r.acquisition_lock_timeout_ms, 30_000);
                let part = r.responses.iter().next().unwrap().partitions.iter().next().unwrap();
                let range = part.acquired_records.iter().next().unwrap();
                assert_eq!((range.first_offset, range.last_offset, range.delivery_count), (0, 9, 1));
                assert!(!part.records.is_empty());
            }
        });
    }
    ask!(client, 2, fetch(9, id), ShareFetch, |r| {
        assert_eq!(r.error_code, ErrorCode::INVALID_SHARE_SESSION_EPOCH);
    });
    for (epoch, first, last, types, code) in [
        (1, 0, 1, vec![1], ErrorCode::NONE),
        (2, 0, 1, vec![1], ErrorCode::NONE),
        (3, 5, 7, vec![1, 1], ErrorCode::INVALID_REQUEST),
        (4, 5, 5, vec![9], ErrorCode::INVALID_REQUEST),
        (5, 5, 5, vec![4], ErrorCode::INVALID_REQUEST),
        (6, 7, 5, vec![1], ErrorCode::INVALID_REQUEST),
        (7, 5, 5, vec![], ErrorCode::INVALID_REQUEST),
        (8, 5, 50, vec![1], ErrorCode::INVALID_REQUEST),
        (9, -3, 5, vec![1], ErrorCode::INVALID_REQUEST),
        (10, 2, 4, vec![1, 2, 3], ErrorCode::NONE),
        (11, 2, 4, vec![1], ErrorCode::INVALID_RECORD_STATE),
    ] {
        ask!(client, 2, acks(epoch, id, first, last, types), ShareAcknowledge, |r| {
            assert_eq!(r.error_code, ErrorCode::NONE, "epoch {epoch}");
            let part = r.responses.iter().next().unwrap().partitions.iter().next().unwrap();
            assert_eq!(part.error_code, code, "epoch {epoch}");
        });
    }
    let renews = ShareAcknowledgeRequest { is_renew_ack: true, ..acks(12, id, 5, 9, vec![4]) };
    ask!(client, 2, renews, ShareAcknowledge, |r| {
        let part = r.responses.iter().next().unwrap().partitions.iter().next().unwrap();
        assert_eq!((part.error_code, r.acquisition_lock_timeout_ms), (ErrorCode::NONE, 30_000));
    });
    ask!(client, 2, fetch(13, id), ShareFetch, |r| {
        let part = r.responses.iter().next().unwrap().partitions.iter().next().unwrap();
        let range = part.acquired_records.iter().next().unwrap();
        assert_eq!((range.first_offset, range.last_offset, range.delivery_count), (3, 3, 2));
    });
    ask!(client, 2, acks(-1, id, 3, 3, vec![1]), ShareAcknowledge, |r| assert_eq!(
        r.error_code,
        ErrorCode::NONE
    ));
    ask!(client, 2, acks(14, id, 5, 5, vec![1]), ShareAcknowledge, |r| {
        assert_eq!(r.error_code, ErrorCode::SHARE_SESSION_NOT_FOUND);
    });
}

#[tokio::test]
async fn requests_that_contradict_themselves_are_refused() {
    let house = House::new();
    let id = topic(&house, "t");
    let mut client = client(&house).await;
    ask!(client, 1, joins("m"), ShareGroupHeartbeat, |r| assert_eq!(r.error_code, ErrorCode::NONE));
    for (member_id, epoch, code) in [
        ("", 0, ErrorCode::INVALID_REQUEST),
        ("m", -2, ErrorCode::INVALID_REQUEST),
        ("m", 9, ErrorCode::FENCED_MEMBER_EPOCH),
        ("x", 9, ErrorCode::UNKNOWN_MEMBER_ID),
    ] {
        let request = ShareGroupHeartbeatRequest { member_epoch: epoch, ..joins(member_id) };
        ask!(client, 1, request, ShareGroupHeartbeat, |r| assert_eq!(
            r.error_code, code,
            "{member_id} {epoch}"
        ));
    }
    let mut renews = fetch(0, id);
    renews.is_renew_ack = true;
    let mut odd = fetch(0, id);
    odd.share_acquire_mode = 7;
    let nobody = ShareFetchRequest { member_id: None, ..fetch(0, id) };
    for (request, code) in [
        (renews, ErrorCode::INVALID_REQUEST),
        (odd, ErrorCode::UNKNOWN_SERVER_ERROR),
        (nobody, ErrorCode::UNKNOWN_SERVER_ERROR),
    ] {
        ask!(client, 2, request, ShareFetch, |r| assert_eq!(r.error_code, code));
    }
    ask!(client, 2, acks(0, id, 0, 0, vec![1]), ShareAcknowledge, |r| {
        assert_eq!(r.error_code, ErrorCode::INVALID_SHARE_SESSION_EPOCH);
    });
    let unknown = Uuid([9; 16]);
    ask!(client, 2, ShareFetchRequest { max_wait_ms: 1, ..fetch(0, unknown) }, ShareFetch, |r| {
        let part = r.responses.iter().next().unwrap().partitions.iter().next().unwrap();
        assert_eq!(part.error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    });
    ask!(client, 2, acks(1, unknown, 0, 0, vec![1]), ShareAcknowledge, |r| {
        let part = r.responses.iter().next().unwrap().partitions.iter().next().unwrap();
        assert_eq!(part.error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    });
}

#[tokio::test]
async fn operators_see_and_set_places() {
    let house = House::new();
    topic(&house, "t");
    let mut client = client(&house).await;
    let alter = |group_id, start_offset| AlterShareGroupOffsetsRequest {
        group_id,
        topics: vec![AlterShareGroupOffsetsRequestTopic {
            topic_name: "t",
            partitions: vec![AlterShareGroupOffsetsRequestPartition { partition_index: 0, start_offset }]
                .into(),
        }]
        .into(),
    };
    ask!(client, 0, alter("g", 4), AlterShareGroupOffsets, |r| {
        assert_eq!((r.error_code, r.responses.iter().next().unwrap().partitions.len()), (ErrorCode::NONE, 1));
    });
    let asked = || DescribeShareGroupOffsetsRequest {
        groups: vec![DescribeShareGroupOffsetsRequestGroup { group_id: "g", topics: None }].into(),
    };
    ask!(client, 1, asked(), DescribeShareGroupOffsets, |r| {
        let topic = r.groups.iter().next().unwrap().topics.iter().next().unwrap();
        let part = topic.partitions.iter().next().unwrap();
        assert_eq!((&*topic.topic_name, part.start_offset, part.lag), ("t", 4, 6));
    });
    ask!(client, 1, joins("m"), ShareGroupHeartbeat, |r| assert_eq!(r.error_code, ErrorCode::NONE));
    ask!(client, 0, alter("g", 4), AlterShareGroupOffsets, |r| {
        assert_eq!(r.error_code, ErrorCode::NON_EMPTY_GROUP);
    });
    let described = ShareGroupDescribeRequest {
        group_ids: vec!["g", "none"].into(),
        include_authorized_operations: true,
    };
    ask!(client, 1, described, ShareGroupDescribe, |r| {
        let groups: Vec<_> = r.groups.iter().collect();
        assert_eq!((&*groups[0].group_state, &*groups[0].assignor_name), ("Stable", "simple"));
        assert_eq!((groups[0].members.len(), groups[0].authorized_operations), (1, 3_400));
        assert_eq!(groups[1].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    });
    ask!(client, 5, ListGroupsRequest::default(), ListGroups, |r| {
        let group = r.groups.iter().next().unwrap();
        assert_eq!((&*group.protocol_type, &*group.group_type), ("share", "share"));
    });
    let leaves = ShareGroupHeartbeatRequest { member_epoch: -1, subscribed_topic_names: None, ..joins("m") };
    ask!(client, 1, leaves, ShareGroupHeartbeat, |r| assert_eq!(r.member_epoch, -1));
    let topics = ["t", "x"].map(|topic_name| DeleteShareGroupOffsetsRequestTopic { topic_name });
    let request = DeleteShareGroupOffsetsRequest { group_id: "g", topics: Vec::from(topics).into() };
    ask!(client, 0, request, DeleteShareGroupOffsets, |r| {
        let codes: Vec<_> = r.responses.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    });
    ask!(client, 1, asked(), DescribeShareGroupOffsets, |r| {
        assert!(r.groups.iter().next().unwrap().topics.is_empty());
    });
}

#[tokio::test]
async fn groups_have_settings() {
    let house = House::new();
    let mut client = client(&house).await;
    for (group, name, value, code) in [
        ("g", "share.record.lock.duration.ms", "20000", ErrorCode::NONE),
        ("g", "share.record.lock.duration.ms", "1", ErrorCode::INVALID_CONFIG),
        ("g", "foo", "1", ErrorCode::INVALID_CONFIG),
        ("", "share.isolation.level", "read_committed", ErrorCode::INVALID_REQUEST),
    ] {
        ask!(client, 1, set(group, name, value), IncrementalAlterConfigs, |r| {
            assert_eq!(r.responses.iter().next().unwrap().error_code, code, "{group} {name} {value}");
        });
    }
    let resource =
        DescribeConfigsResource { resource_type: GROUP, resource_name: "g", configuration_keys: None };
    let request = DescribeConfigsRequest { resources: vec![resource].into(), ..Default::default() };
    ask!(client, 4, request, DescribeConfigs, |r| {
        let result = r.results.iter().next().unwrap();
        let configs: Vec<_> = result.configs.iter().collect();
        assert!(configs.is_sorted_by_key(|config| config.name.to_string()));
        let lock = configs.iter().find(|config| config.name == "share.record.lock.duration.ms").unwrap();
        assert_eq!((lock.value.as_deref(), lock.config_source), (Some("20000"), 8));
        let reset = configs.iter().find(|config| config.name == "share.auto.offset.reset").unwrap();
        assert_eq!((reset.value.as_deref(), reset.config_source), (Some("latest"), 5));
    });
    let request = ListConfigResourcesRequest { resource_types: vec![GROUP].into() };
    ask!(client, 1, request, ListConfigResources, |r| {
        let named: Vec<ConfigResource<'_>> = r.config_resources.iter().collect();
        assert_eq!((named.len(), &*named[0].resource_name), (1, "g"));
    });
}

#[tokio::test]
async fn features_are_those_of_the_release() {
    let house = House::new();
    let mut client = client(&house).await;
    for (version, supported) in [(3, 0), (4, 3)] {
        let request = ApiVersionsRequest { client_software_name: "t", client_software_version: "1" };
        ask!(client, version, request, ApiVersions, |r| {
            assert_eq!(r.supported_features.len(), supported);
            let levels: Vec<_> =
                r.finalized_features.iter().map(|f| (f.name.to_string(), f.max_version_level)).collect();
            let want = [("group.version", 1), ("share.version", 1), ("transaction.version", 2)];
            assert_eq!(levels, want.map(|(name, level)| (name.to_owned(), level)));
        });
    }
}
