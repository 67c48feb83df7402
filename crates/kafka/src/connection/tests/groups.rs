//! Groups as clients of every version see them.

use std::collections::BTreeMap;

use anymq_broker::topics::CreateTopic;
use anymq_broker::{Connect, Principal};

use super::client::{Client, House};
use crate::wire::messages::classic_groups::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol, LeaveGroupRequest, MemberIdentity,
    SyncGroupRequest, SyncGroupRequestAssignment,
};
use crate::wire::messages::committed::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetDeleteRequest,
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic, OffsetFetchRequest, OffsetFetchRequestGroup,
    OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use crate::wire::messages::consumer_groups::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    TopicPartitions,
};
use crate::wire::messages::group_admin::{DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest};
use crate::wire::{ErrorCode, Response, Uuid};

macro_rules! ask {
    ($client:expr, $version:expr, $request:expr, $Api:ident, |$response:ident| $look:expr) => {{
        let answer = $client.ask($version, $request).await;
        let Response::$Api($response) = answer.read() else { panic!("{:?}", answer.read()) };
        $look
    }};
}

/// A topic of that many partitions; its id.
fn topic(house: &House, name: &str, partitions: u32) -> Uuid {
    let peer = "127.0.0.1:1".parse().unwrap();
    let session = house
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
        .unwrap();
    let create = CreateTopic { name, partitions, config: BTreeMap::new(), validate_only: false };
    Uuid(session.create_topic(&create).unwrap().value.id.0.to_be_bytes())
}

async fn client(house: &House) -> Client {
    let mut client = house.connect();
    client.log_in("guest", "guest").await;
    client
}

fn join<'a>(group_id: &'a str, member_id: &'a str) -> JoinGroupRequest<'a> {
    JoinGroupRequest {
        group_id,
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        member_id,
        protocol_type: "consumer",
        protocols: vec![JoinGroupRequestProtocol { name: "range", metadata: b"\0\0\0\0\0\0" }].into(),
        ..Default::default()
    }
}

/// Joins alone; the member's id and generation.
async fn join_alone(client: &mut Client, version: i16, group: &str) -> (String, i32) {
    let first = ask!(client, version, join(group, ""), JoinGroup, |r| {
        (r.error_code, r.member_id.into_owned(), r.generation_id)
    });
    if version < 4 {
        assert_eq!(first.0, ErrorCode::NONE);
        return (first.1, first.2);
    }
    assert_eq!((first.0, first.2), (ErrorCode::MEMBER_ID_REQUIRED, -1));
    ask!(client, version, join(group, &first.1), JoinGroup, |r| {
        assert_eq!((r.error_code, &*r.leader, r.members.len()), (ErrorCode::NONE, &*first.1, 1));
        assert_eq!(r.protocol_type.as_deref(), (version >= 7).then_some("consumer"));
        (r.member_id.into_owned(), r.generation_id)
    })
}

fn sync<'a>(
    group_id: &'a str,
    member_id: &'a str,
    generation_id: i32,
    share: &'a [u8],
) -> SyncGroupRequest<'a> {
    let assignments = match share.is_empty() {
        true => Default::default(),
        false => vec![SyncGroupRequestAssignment { member_id, assignment: share }].into(),
    };
    SyncGroupRequest {
        group_id,
        generation_id,
        member_id,
        protocol_type: Some("consumer"),
        protocol_name: Some("range"),
        assignments,
        ..Default::default()
    }
}

fn commit<'a>(group_id: &'a str, name: &'a str, topic_id: Uuid, offset: i64) -> OffsetCommitRequest<'a> {
    let partition = |partition_index| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: offset,
        committed_leader_epoch: 0,
        committed_metadata: Some("note"),
    };
    let partitions = vec![partition(0), partition(9)].into();
    let topics = vec![OffsetCommitRequestTopic { name, topic_id, partitions }].into();
    OffsetCommitRequest { group_id, topics, ..Default::default() }
}

/// What a group has committed in partition 0 of topic `t`: offset, note, code.
async fn committed(
    client: &mut Client,
    version: i16,
    group_id: &str,
    topic_id: Uuid,
) -> (i64, String, ErrorCode) {
    let partition_indexes = || vec![0].into();
    if version < 8 {
        let topics = vec![OffsetFetchRequestTopic { name: "t", partition_indexes: partition_indexes() }];
        let request = OffsetFetchRequest { group_id, topics: Some(topics.into()), ..Default::default() };
        return ask!(client, version, request, OffsetFetch, |r| {
            let topic = r.topics.iter().next().unwrap();
            let found = topic.partitions.iter().next().unwrap();
            (found.committed_offset, found.metadata.unwrap().into_owned(), found.error_code)
        });
    }
    let topics =
        vec![OffsetFetchRequestTopics { name: "t", topic_id, partition_indexes: partition_indexes() }];
    let group = OffsetFetchRequestGroup { group_id, topics: Some(topics.into()), ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group].into(), ..Default::default() };
    ask!(client, version, request, OffsetFetch, |r| {
        let group = r.groups.iter().next().unwrap();
        assert_eq!((&*group.group_id, group.error_code), (group_id, ErrorCode::NONE));
        let topic = group.topics.iter().next().unwrap();
        assert_eq!(topic.topic_id, if version < 10 { Uuid::NONE } else { topic_id });
        let found = topic.partitions.iter().next().unwrap();
        (found.committed_offset, found.metadata.unwrap().into_owned(), found.error_code)
    })
}

#[tokio::test]
async fn one_member_in_every_version() {
    let house = House::new();
    let id = topic(&house, "t", 1);
    let mut client = client(&house).await;
    for version in 0..=10i16 {
        let group = format!("g{version}");
        let (member, generation) = join_alone(&mut client, version.min(9), &group).await;
        let request = sync(&group, &member, generation, b"share");
        ask!(client, version.min(5), request, SyncGroup, |r| {
            assert_eq!((r.error_code, &r.assignment[..]), (ErrorCode::NONE, &b"share"[..]));
        });
        for (generation_id, code) in [(generation, ErrorCode::NONE), (9, ErrorCode::ILLEGAL_GENERATION)] {
            let request = HeartbeatRequest {
                group_id: &group,
                generation_id,
                member_id: &member,
                group_instance_id: None,
            };
            ask!(client, version.min(4), request, Heartbeat, |r| assert_eq!(r.error_code, code));
        }
        let mut request = commit(&group, "t", id, i64::from(version));
        request.generation_id_or_member_epoch = generation;
        request.member_id = &member;
        ask!(client, version.max(2), request, OffsetCommit, |r| {
            let topic = r.topics.iter().next().unwrap();
            let codes: Vec<_> = topic.partitions.iter().map(|p| p.error_code).collect();
            assert_eq!(codes, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
        });
        let found = committed(&mut client, version.max(1), &group, id).await;
        assert_eq!(found, (version.into(), "note".into(), ErrorCode::NONE));
        let none = committed(&mut client, version.max(1), "none", id).await;
        assert_eq!(none, (-1, String::new(), ErrorCode::NONE));

        let request = DescribeGroupsRequest {
            groups: vec![&*group, "none"].into(),
            include_authorized_operations: version >= 3,
        };
        ask!(client, version.min(6), request, DescribeGroups, |r| {
            let groups: Vec<_> = r.groups.iter().collect();
            assert_eq!((&*groups[0].group_state, &*groups[0].protocol_data), ("Stable", "range"));
            let member = groups[0].members.iter().next().unwrap();
            assert_eq!((&*member.client_id, &*member.client_host), ("tests", "/127.0.0.1"));
            assert_eq!(&*member.member_assignment, b"share");
            assert_eq!(&*groups[1].group_state, "Dead");
            let code = if version >= 6 { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE };
            assert_eq!(groups[1].error_code, code);
        });
        let identity = MemberIdentity { member_id: &member, group_instance_id: None, reason: None };
        let request =
            LeaveGroupRequest { group_id: &group, member_id: &member, members: vec![identity].into() };
        for code in [ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID] {
            ask!(client, version.min(5), request.clone(), LeaveGroup, |r| {
                let found = r.members.iter().next().map_or(r.error_code, |member| member.error_code);
                assert_eq!(found, code);
            });
        }
    }
    let request =
        ListGroupsRequest { states_filter: vec!["empty"].into(), types_filter: vec!["Classic"].into() };
    ask!(client, 5, request, ListGroups, |r| assert_eq!(r.groups.len(), 11));
    let request = ListGroupsRequest { types_filter: vec!["consumer"].into(), ..Default::default() };
    ask!(client, 5, request, ListGroups, |r| assert_eq!(r.groups.len(), 0));
    let groups_names = vec!["g0", "none"].into();
    ask!(client, 2, DeleteGroupsRequest { groups_names }, DeleteGroups, |r| {
        let codes: Vec<_> = r.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [ErrorCode::NONE, ErrorCode::GROUP_ID_NOT_FOUND]);
    });
    assert_eq!(committed(&mut client, 9, "g0", id).await.0, -1);
}

#[tokio::test]
async fn a_member_waits_for_others_and_answers_stay_in_order() {
    let house = House::new();
    let (mut one, mut two) = (client(&house).await, client(&house).await);
    let (first, generation) = join_alone(&mut one, 9, "g").await;
    let waits = two.send(3, join("g", "")).await;
    let after = two.send(0, HeartbeatRequest { group_id: "g", member_id: "who", ..Default::default() }).await;
    let heartbeat = HeartbeatRequest {
        group_id: "g",
        generation_id: generation,
        member_id: &first,
        ..Default::default()
    };
    loop {
        // Until the other's request has been seen.
        let code = ask!(one, 4, heartbeat.clone(), Heartbeat, |r| r.error_code);
        if code == ErrorCode::REBALANCE_IN_PROGRESS {
            break;
        }
        assert_eq!(code, ErrorCode::NONE);
    }
    ask!(one, 9, join("g", &first), JoinGroup, |r| {
        assert_eq!((r.error_code, r.generation_id, r.members.len()), (ErrorCode::NONE, 2, 2));
    });
    let joined = two.receive(crate::wire::ApiKey::JoinGroup, 3).await;
    assert_eq!(joined.correlation_id, waits);
    let Response::JoinGroup(joined) = joined.read() else { panic!("{:?}", joined.read()) };
    assert_eq!((joined.error_code, joined.generation_id, &*joined.leader), (ErrorCode::NONE, 2, &*first));
    let behind = two.receive(crate::wire::ApiKey::Heartbeat, 0).await;
    assert_eq!(behind.correlation_id, after);

    two.send(3, sync("g", &joined.member_id, 2, b"")).await;
    let assignments = vec![
        SyncGroupRequestAssignment { member_id: &first, assignment: b"1" },
        SyncGroupRequestAssignment { member_id: &joined.member_id, assignment: b"2" },
    ];
    let all = SyncGroupRequest { assignments: assignments.into(), ..sync("g", &first, 2, b"") };
    ask!(one, 5, all, SyncGroup, |r| assert_eq!(&r.assignment[..], b"1"));
    let synced = two.receive(crate::wire::ApiKey::SyncGroup, 3).await;
    let Response::SyncGroup(synced) = synced.read() else { panic!("{:?}", synced.read()) };
    assert_eq!((synced.error_code, &synced.assignment[..]), (ErrorCode::NONE, &b"2"[..]));
}

#[tokio::test]
async fn requests_that_are_wrong_hear_why() {
    let house = House::new();
    let id = topic(&house, "t", 1);
    let mut client = client(&house).await;
    for (request, code) in [
        (join("", ""), ErrorCode::INVALID_GROUP_ID),
        (JoinGroupRequest { session_timeout_ms: 1, ..join("g", "") }, ErrorCode::INVALID_SESSION_TIMEOUT),
        (join("g", "who"), ErrorCode::UNKNOWN_MEMBER_ID),
        (JoinGroupRequest { protocol_type: "", ..join("g", "") }, ErrorCode::INCONSISTENT_GROUP_PROTOCOL),
    ] {
        ask!(client, 9, request, JoinGroup, |r| assert_eq!(r.error_code, code));
    }
    let unnamed = SyncGroupRequest { protocol_name: None, ..sync("g", "who", 1, b"") };
    ask!(client, 5, unnamed, SyncGroup, |r| assert_eq!(r.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
    let mut request = commit("new", "t", id, 1);
    request.generation_id_or_member_epoch = 4;
    for (version, code) in [(8, ErrorCode::ILLEGAL_GENERATION), (9, ErrorCode::GROUP_ID_NOT_FOUND)] {
        ask!(client, version, request.clone(), OffsetCommit, |r| {
            assert!(
                r.topics
                    .iter()
                    .flat_map(|t| t.partitions.iter().collect::<Vec<_>>())
                    .all(|p| p.error_code == code)
            );
        });
    }
    let unknown = commit("new", "", Uuid([7; 16]), 1);
    ask!(client, 10, unknown, OffsetCommit, |r| {
        let topic = r.topics.iter().next().unwrap();
        assert!(topic.partitions.iter().all(|p| p.error_code == ErrorCode::UNKNOWN_TOPIC_ID));
    });
    let (offset, _, code) = committed(&mut client, 10, "g", Uuid([7; 16])).await;
    assert_eq!((offset, code), (-1, ErrorCode::UNKNOWN_TOPIC_ID));
    let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }].into();
    let topics = vec![OffsetDeleteRequestTopic { name: "t", partitions }].into();
    let request = OffsetDeleteRequest { group_id: "none", topics };
    ask!(client, 0, request, OffsetDelete, |r| assert_eq!(r.error_code, ErrorCode::GROUP_ID_NOT_FOUND));
}

#[tokio::test]
async fn the_broker_assigns() {
    let house = House::new();
    let id = topic(&house, "t", 4);
    let mut client = client(&house).await;
    let joins = |member_id| ConsumerGroupHeartbeatRequest {
        group_id: "g",
        member_id,
        rebalance_timeout_ms: 10_000,
        subscribed_topic_names: Some(vec!["t"].into()),
        topic_partitions: Some(Default::default()),
        ..Default::default()
    };
    let share = |r: &ConsumerGroupHeartbeatResponse<'_>| -> Option<Vec<i32>> {
        let topics = &r.assignment.as_ref()?.topic_partitions;
        Some(topics.iter().flat_map(|t| t.partitions.iter().collect::<Vec<_>>()).collect())
    };
    ask!(client, 0, joins("x"), ConsumerGroupHeartbeat, |r| {
        assert_eq!((r.error_code, r.member_epoch, r.heartbeat_interval_ms), (ErrorCode::NONE, 1, 5_000));
        assert_eq!(share(&r), Some(vec![0, 1, 2, 3]));
    });
    ask!(client, 1, joins("y"), ConsumerGroupHeartbeat, |r| assert_eq!(share(&r), Some(vec![])));
    let alive = |member_id, member_epoch| ConsumerGroupHeartbeatRequest {
        group_id: "g",
        member_id,
        member_epoch,
        ..Default::default()
    };
    ask!(client, 1, alive("x", 1), ConsumerGroupHeartbeat, |r| assert_eq!(share(&r), Some(vec![0, 1])));
    let has = vec![TopicPartitions { topic_id: id, partitions: vec![0, 1].into() }];
    let gave_up = ConsumerGroupHeartbeatRequest { topic_partitions: Some(has.into()), ..alive("x", 1) };
    ask!(client, 1, gave_up, ConsumerGroupHeartbeat, |r| assert_eq!((r.member_epoch, share(&r)), (2, None)));
    ask!(client, 1, alive("y", 2), ConsumerGroupHeartbeat, |r| assert_eq!(share(&r), Some(vec![2, 3])));
    ask!(client, 1, alive("y", 7), ConsumerGroupHeartbeat, |r| {
        assert_eq!((r.error_code, r.member_id), (ErrorCode::FENCED_MEMBER_EPOCH, None));
    });

    let request = ConsumerGroupDescribeRequest { group_ids: vec!["g", "none"].into(), ..Default::default() };
    ask!(client, 1, request, ConsumerGroupDescribe, |r| {
        let groups: Vec<_> = r.groups.iter().collect();
        assert_eq!(
            (&*groups[0].group_state, groups[0].group_epoch, &*groups[0].assignor_name),
            ("Stable", 2, "uniform")
        );
        let member = groups[0].members.iter().next().unwrap();
        let topic = member.assignment.topic_partitions.iter().next().unwrap();
        assert_eq!((&*topic.topic_name, topic.topic_id), ("t", id));
        assert_eq!(groups[1].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    });
    let mut request = commit("g", "t", id, 5);
    (request.member_id, request.generation_id_or_member_epoch) = ("x", 2);
    for (version, epoch, code) in [
        (9, 2, ErrorCode::NONE),
        (9, 1, ErrorCode::STALE_MEMBER_EPOCH),
        (8, 2, ErrorCode::UNSUPPORTED_VERSION),
    ] {
        request.generation_id_or_member_epoch = epoch;
        ask!(client, version, request.clone(), OffsetCommit, |r| {
            let topic = r.topics.iter().next().unwrap();
            assert_eq!(topic.partitions.iter().next().unwrap().error_code, code);
        });
    }
    ask!(client, 0, ListGroupsRequest::default(), ListGroups, |r| {
        assert_eq!(&*r.groups.iter().next().unwrap().protocol_type, "consumer");
    });
}
