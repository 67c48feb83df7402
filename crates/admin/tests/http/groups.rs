//! Groups, transactions and messages of topics, and their metrics.

use anymq_broker::{
    Commit, CommitOffsets, Connect, InGroup, JoinGroup, Principal, PublishBatch, Session, TopicRef,
};
use anymq_types::record::RecordHead;
use serde_json::{Value, json};

use super::{Server, basic, get};

impl Server {
    fn session(&self) -> Session {
        let peer = ([127, 0, 0, 1], 1).into();
        let connect = Connect {
            principal: Principal::of_user("guest", peer),
            vhost: "/".into(),
            protocol: "test",
            local: peer,
            client_name: String::new(),
            client_properties: Default::default(),
            tls: false,
        };
        self.broker.connect(connect).expect("the user may connect")
    }

    /// Publishes to a queue and waits until it is on disk.
    fn publish(&self, queue: &str, key: &str, bodies: &[&[u8]]) {
        let session = self.session();
        let mut batch = PublishBatch::default();
        for body in bodies {
            let head = RecordHead {
                persistent: true,
                timestamp: session.bounds().now,
                exchange: if key == queue { b"" } else { b"amq.topic" },
                routing_key: key.as_bytes(),
                // A content type, and nothing else.
                props: b"\x80\0\x0atext/plain",
                ..RecordHead::default()
            };
            let start = batch.chunk.len();
            head.write(body.len(), &mut batch.chunk);
            batch.chunk.extend_from_slice(body);
            batch.push(start, None);
        }
        let published = session.publish(&mut batch);
        assert!(published.error.is_none() && published.unroutable.is_empty(), "{published:?}");
        self.broker.wait_committed(published.commit).expect("it gets to disk");
    }

    fn commit(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) {
        let one = |&(partition, offset): &(i32, i64)| Commit { partition, offset, epoch: -1, metadata: "" };
        let request = CommitOffsets {
            who: InGroup { group, generation: -1, ..InGroup::default() },
            knows_epochs: false,
            in_transaction: false,
            topics: vec![(TopicRef::Name(topic), offsets.iter().map(one).collect())],
        };
        let done = self.session().commit_offsets(&request).expect("nobody is in it");
        assert!(done.topics.iter().flatten().all(Result::is_ok), "{done:?}");
        self.broker.wait_committed(done.commit).expect("it gets to disk");
    }

    /// A queue with four messages, a topic with two partitions, and a group that has read some of both.
    async fn with_group() -> Server {
        let server = Server::ready();
        assert_eq!(server.api("PUT", "/queues/%2F/orders", json!({})).await.0, 200);
        assert_eq!(server.api("PUT", "/topics/%2F/news", json!({"partitions": 2})).await.0, 200);
        server.publish("orders", "orders", &[b"zero", b"one", b"\xff\x00", b"three"]);
        server.commit("readers", "orders", &[(0, 1)]);
        server.commit("readers", "news", &[(0, 0), (1, 0)]);
        server
    }
}

fn join(group: &str) -> JoinGroup<'_> {
    JoinGroup {
        group,
        token: 1,
        member: "",
        instance: None,
        client_id: "shop",
        session_ms: 10_000,
        rebalance_ms: 20_000,
        protocol_type: "consumer",
        protocols: vec![("range", b"\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff")],
        can_take_id: false,
        can_skip: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_listed_and_shown() {
    let server = Server::with_group().await;
    server.commit("others", "orders", &[(0, 4)]);
    let (_, page) = server.api("GET", "/groups", Value::Null).await;
    let listed: Vec<_> = page["items"].as_array().into_iter().flatten().collect();
    let rows: Vec<_> =
        listed.iter().map(|g| (&g["name"], &g["state"], &g["lag"], &g["partitions"])).collect();
    let (readers, others) = (json!("readers"), json!("others"));
    let empty = json!("empty");
    assert_eq!(rows, [(&others, &empty, &json!(0), &json!(1)), (&readers, &empty, &json!(3), &json!(3))]);
    assert!(listed.iter().all(|group| group.get("offsets").is_none()), "a list is short: {page}");
    let (_, page) = server.api("GET", "/groups?name=oth&vhost=%2F", Value::Null).await;
    assert_eq!((&page["total"], &page["items"][0]["name"]), (&json!(1), &others));

    let session = server.session();
    assert_eq!(session.join_group(&join("readers")).expect("alone it need not wait").fault, None);
    let (_, group) = server.api("GET", "/groups/%2F/readers", Value::Null).await;
    assert_eq!((&group["kind"], &group["members"]), (&json!("classic"), &json!(1)), "{group}");
    assert_eq!(group["member_detail"][0]["client_id"], "shop");
    assert_eq!(group["member_detail"][0]["host"], "127.0.0.1");
    let offset = &group["offsets"][2];
    assert_eq!(
        (&offset["topic"], &offset["committed"], &offset["next_offset"]),
        (&json!("orders"), &json!(1), &json!(4))
    );
    assert_eq!((&offset["lag"], &offset["stable_lag"]), (&json!(3), &json!(3)));
    assert_eq!(group["offsets"][0]["lag_ms"], 0);
    for (path, status, code) in [("/groups/%2F/gone", 404, 1201), ("/groups/nowhere/readers", 404, 1202)] {
        let (found, answer) = server.api("GET", path, Value::Null).await;
        assert_eq!((found, answer["code"].as_u64()), (status, Some(code)), "{path}: {answer}");
    }
    drop(session);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_are_set_anew_only_when_asked_and_when_nobody_is_there() {
    let server = Server::with_group().await;
    let reset = |body: Value| server.api("POST", "/groups/%2F/readers/offsets", body);
    let orders = json!([{"topic": "orders", "partitions": [0]}]);
    // Where to, and what comes of it.
    for (to, after) in [
        (json!("earliest"), 0),
        (json!("latest"), 4),
        (json!({"offset": 2}), 2),
        (json!({"offset": 99}), 4),
        (json!({"at": 0}), 0),
        (json!({"at": 9_000_000_000_000_u64}), 4),
        (json!({"back_ms": 3_600_000}), 0),
        (json!({"shift": 2}), 3),
        (json!({"shift": -5}), 0),
    ] {
        let (status, plan) = reset(json!({"to": to, "of": orders})).await;
        let expected = json!({"executed": false, "offsets": [{"topic": "orders", "partition": 0, "before": 1, "after": after}]});
        assert_eq!((status, plan), (200, expected), "{to}");
    }
    let (_, group) = server.api("GET", "/groups/%2F/readers", Value::Null).await;
    assert_eq!(group["offsets"][2]["committed"], 1, "nothing was done yet");

    let session = server.session();
    assert_eq!(session.join_group(&join("readers")).expect("alone it need not wait").fault, None);
    for execute in [false, true] {
        let (status, answer) = reset(json!({"to": "latest", "execute": execute})).await;
        assert_eq!((status, answer["code"].as_u64()), (409, Some(1213)), "{answer}");
    }
    assert_eq!(server.api("DELETE", "/groups/%2F/readers", Value::Null).await.0, 409);
    drop(session);
    let (member, path) = (server.session(), "/groups/%2F/readers");
    let (_, group) = server.api("GET", path, Value::Null).await;
    let id = group["member_detail"][0]["id"].as_str().expect("it is still in it").to_owned();
    let leaving = anymq_broker::Leaving { member: &id, instance: None };
    assert_eq!(member.leave_group("readers", &[leaving]), Ok(vec![Ok(())]));

    let (status, plan) = reset(json!({"to": "latest", "execute": true})).await;
    assert_eq!(
        (status, &plan["executed"], plan["offsets"].as_array().map(Vec::len)),
        (200, &json!(true), Some(3))
    );
    let (_, group) = server.api("GET", path, Value::Null).await;
    assert_eq!((&group["lag"], &group["offsets"][2]["committed"]), (&json!(0), &json!(4)));
    for (body, status, code) in [
        (json!({"to": "soon"}), 400, 1302),
        (json!({}), 400, 1302),
        (json!({"to": "latest", "of": [{"topic": "gone"}]}), 404, 1201),
        (json!({"to": "latest", "of": [{"topic": "news", "partitions": [2]}]}), 404, 1201),
    ] {
        let (found, answer) = reset(body.clone()).await;
        assert_eq!((found, answer["code"].as_u64()), (status, Some(code)), "{body}: {answer}");
    }
    // A group that is not there yet begins where it is told, but cannot be moved along.
    let fresh = |to: Value| json!({"to": to, "of": [{"topic": "orders"}], "execute": true});
    let (status, answer) = server.api("POST", "/groups/%2F/fresh/offsets", fresh(json!({"shift": 1}))).await;
    assert_eq!((status, answer["code"].as_u64()), (400, Some(1209)), "{answer}");
    let (_, plan) = server.api("POST", "/groups/%2F/fresh/offsets", fresh(json!({"offset": 3}))).await;
    assert_eq!(plan["offsets"], json!([{"topic": "orders", "partition": 0, "before": null, "after": 3}]));
    assert_eq!(server.api("POST", "/groups/%2F/none/offsets", json!({"to": "latest"})).await.0, 404);
    assert_eq!(server.api("DELETE", path, Value::Null).await.0, 200);
    assert_eq!(server.api("DELETE", path, Value::Null).await.0, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_seen_and_stay() {
    let server = Server::with_group().await;
    let bind = json!({"vhost": "/", "source": "amq.topic", "destination_kind": "queue", "destination": "orders", "routing_key": "#"});
    assert_eq!(server.api("POST", "/bindings", bind).await.0, 200);
    let (status, page) = server.api("GET", "/messages/%2F/orders?from=earliest", Value::Null).await;
    assert_eq!((status, &page["next"], &page["left"]), (200, &json!("0:4"), &json!(0)), "{page}");
    let bodies: Vec<_> = page["items"].as_array().into_iter().flatten().map(|m| m["body"].clone()).collect();
    assert_eq!(
        bodies,
        [
            json!({"text": "zero"}),
            json!({"text": "one"}),
            json!({"base64": "/wA="}),
            json!({"text": "three"})
        ]
    );
    let first = &page["items"][0];
    assert_eq!((&first["offset"], &first["key"], &first["bytes"]), (&json!(0), &Value::Null, &json!(4)));
    assert_eq!(first["properties"], json!({"content-type": "text/plain"}));
    for (query, offsets, next, left) in [
        ("from=2", vec![2, 3], "0:4", 0),
        ("from=earliest&count=1", vec![0], "0:1", 3),
        ("from=0:1&count=2", vec![1, 2], "0:3", 1),
        ("from=-1", vec![3], "0:4", 0),
        ("from=@0&partition=0&count=2", vec![0, 1], "0:2", 2),
        ("from=~60000", vec![0, 1, 2, 3], "0:4", 0),
        ("from=latest", vec![], "0:4", 0),
        ("", vec![], "0:4", 0),
    ] {
        let (status, page) = server.api("GET", &format!("/messages/%2F/orders?{query}"), Value::Null).await;
        let found: Vec<_> =
            page["items"].as_array().into_iter().flatten().filter_map(|m| m["offset"].as_u64()).collect();
        assert_eq!(
            (status, found, &page["next"], &page["left"]),
            (200, offsets, &json!(next), &json!(left)),
            "{query}"
        );
    }
    let (_, short) = server.api("GET", "/messages/%2F/orders?from=3&body_max=2", Value::Null).await;
    assert_eq!(
        (&short["items"][0]["body"], &short["items"][0]["bytes"]),
        (&json!({"text": "th"}), &json!(5))
    );
    for from in ["earliest", "7"] {
        let (_, both) = server.api("GET", &format!("/messages/%2F/news?from={from}"), Value::Null).await;
        assert_eq!((&both["next"], &both["items"]), (&json!("0:0,1:0"), &json!([])));
    }
    for (path, status, code) in [
        ("/messages/%2F/orders?from=99", 400, 1209),
        ("/messages/%2F/orders?from=soon", 400, 1209),
        ("/messages/%2F/orders?form=1", 400, 1302),
        ("/messages/%2F/orders?partition=1", 404, 1201),
        ("/messages/%2F/gone", 404, 1201),
        ("/messages/nowhere/orders", 404, 1202),
    ] {
        let (found, answer) = server.api("GET", path, Value::Null).await;
        assert_eq!((found, answer["code"].as_u64()), (status, Some(code)), "{path}: {answer}");
    }
    // Who waits gets what comes.
    let waiting = server.api("GET", "/messages/%2F/orders?from=4&wait_ms=9000", Value::Null);
    let publishing = async {
        let listed = || server.broker.connections().iter().any(|c| c.protocol == "admin");
        let deadline = tokio::time::timeout(super::WAIT, async {
            while !listed() {
                tokio::task::yield_now().await;
            }
        });
        deadline.await.expect("somebody waits");
        server.publish("orders", "a.b", &[b"later"]);
    };
    let ((status, page), ()) = tokio::join!(waiting, publishing);
    assert_eq!((status, &page["items"][0]["body"]["text"]), (200, &json!("later")), "{page}");
    assert_eq!(
        (&page["items"][0]["key"]["text"], &page["items"][0]["exchange"]),
        (&json!("a.b"), &json!("amq.topic"))
    );
    let (_, queue) = server.api("GET", "/queues/%2F/orders", Value::Null).await;
    assert_eq!(
        (&queue["ready"], &queue["delivered_total"]),
        (&json!(5), &json!(0)),
        "nobody has taken anything"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_are_for_those_who_may_read_the_topic() {
    let server = Server::with_group().await;
    let ann = basic("ann", "pw-ann");
    for (method, path, body) in [
        ("PUT", "/users/ann", json!({"password": "pw-ann", "tags": ["management"]})),
        ("PUT", "/permissions/%2F/ann", json!({"configure": ".*", "write": ".*", "read": "^news$"})),
        ("PUT", "/vhosts/shop", json!({})),
    ] {
        assert_eq!(server.api(method, path, body).await.0, 200, "{path}");
    }
    for (method, path, expected) in [
        ("GET", "/messages/%2F/news", 200),
        ("GET", "/messages/%2F/orders?from=earliest", 403),
        ("GET", "/messages/shop/orders", 403),
        ("GET", "/groups/%2F/readers", 200),
        ("GET", "/groups/shop/readers", 403),
        ("DELETE", "/groups/%2F/readers", 403),
        ("POST", "/groups/%2F/readers/offsets", 403),
        ("POST", "/transactions/%2F/id/abort", 403),
    ] {
        let (status, answer) = server.as_user(&ann, method, path, json!({"to": "latest"})).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert!(!answer.to_string().contains("zero"), "{answer}");
        assert!(status == 200 || [1104, 1105].contains(&answer["code"].as_u64().unwrap_or(0)), "{answer}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_are_listed_and_aborted() {
    let server = Server::with_group().await;
    let session = server.session();
    let producer = session.init_producer("tx-1", 60_000, None).expect("allowed").value;
    session.init_producer("tx-2", 60_000, None).expect("allowed");
    let partitions = session.topic("news").expect("a topic").partitions;
    session.join_transaction("tx-1", producer, &partitions[..1]).expect("it begins");
    let (_, page) = server.api("GET", "/transactions", Value::Null).await;
    let rows: Vec<_> =
        page["items"].as_array().into_iter().flatten().map(|t| (&t["id"], &t["state"])).collect();
    assert_eq!(rows, [(&json!("tx-1"), &json!("ongoing")), (&json!("tx-2"), &json!("empty"))]);
    let open = &page["items"][0];
    assert_eq!((&open["vhost"], &open["timeout_ms"]), (&json!("/"), &json!(60_000)));
    assert_eq!(open["partitions"], json!([{"topic": "news", "number": 0, "first_offset": null}]));
    let (_, page) = server.api("GET", "/transactions?name=1&vhost=%2F", Value::Null).await;
    assert_eq!(page["total"], 1);
    for (id, status, code) in
        [("tx-1", 200, 0), ("tx-1", 409, 1214), ("tx-2", 409, 1214), ("none", 404, 1201)]
    {
        let path = format!("/transactions/%2F/{id}/abort");
        let (found, answer) = server.api("POST", &path, Value::Null).await;
        assert_eq!((found, answer["code"].as_u64().unwrap_or(0)), (status, code), "{id}: {answer}");
    }
    let late = session.join_transaction("tx-1", producer, &partitions);
    assert!(late.is_err(), "its producer is fenced");
    drop(session);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_have_the_names_of_the_exporter() {
    let server = Server::with_group().await;
    let topic = |name: &str, partition: u32| {
        format!("{name}{{vhost=\"/\",topic=\"news\",partition=\"{partition}\"}}")
    };
    let group = "{vhost=\"/\",consumergroup=\"readers\",topic=\"orders\",partition=\"0\"}";
    let own = "{vhost=\"/\",group=\"readers\",topic=\"orders\",partition=\"0\"}";
    let both = [
        "kafka_brokers 1".to_owned(),
        "kafka_topic_partitions{vhost=\"/\",topic=\"news\"} 2".to_owned(),
        topic("kafka_topic_partition_current_offset", 1) + " 0",
        topic("kafka_topic_partition_oldest_offset", 1) + " 0",
        topic("kafka_topic_partition_leader", 0) + " 0",
        topic("kafka_topic_partition_leader_is_preferred", 0) + " 1",
        topic("kafka_topic_partition_replicas", 0) + " 1",
        topic("kafka_topic_partition_in_sync_replica", 0) + " 1",
        topic("kafka_topic_partition_under_replicated_partition", 0) + " 0",
        format!("kafka_consumergroup_current_offset{group} 1"),
        format!("kafka_consumergroup_lag{group} 3"),
        "kafka_consumergroup_lag_sum{vhost=\"/\",consumergroup=\"readers\",topic=\"orders\"} 3".to_owned(),
        "kafka_consumergroup_current_offset_sum{vhost=\"/\",consumergroup=\"readers\",topic=\"news\"} 0"
            .to_owned(),
        "kafka_consumergroup_members{vhost=\"/\",consumergroup=\"readers\"} 0".to_owned(),
        "anymq_group_members{vhost=\"/\",group=\"readers\"} 0".to_owned(),
        format!("anymq_group_lag{own} 3"),
        format!("anymq_group_stable_lag{own} 3"),
        format!("anymq_group_lag_seconds{own} "),
    ];
    let of_queue = "kafka_topic_partition_current_offset{vhost=\"/\",topic=\"orders\",partition=\"0\"} 4";
    for (path, has_queues) in [("/metrics", false), ("/metrics/per-object", true)] {
        let (status, _, page) = get(server.metrics, path).await;
        assert_eq!(status, 200);
        for line in &both {
            assert!(page.lines().any(|l| l.starts_with(line)), "{line} is missing in\n{page}");
        }
        assert_eq!(page.contains(of_queue), has_queues, "{path}");
        let mut families: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("# TYPE ")).collect();
        let all = families.len();
        families.sort_unstable();
        families.dedup();
        assert_eq!(families.len(), all, "no family stands twice");
    }
    // More partitions than have room on the page of the whole: it says how much is left out.
    assert_eq!(server.api("PUT", "/topics/%2F/wide", json!({"partitions": 1_500})).await.0, 200);
    let (_, _, page) = get(server.metrics, "/metrics").await;
    let shown = page.lines().filter(|l| l.starts_with("kafka_topic_partition_leader{")).count();
    let dropped = page.lines().find_map(|l| l.strip_prefix("anymq_metrics_dropped_series "));
    // Each partition is a stream in the list of queues too.
    let left_out = (1_502 - 1_000) * 7 + (1_503 - 1_000) * 3;
    assert_eq!((shown, dropped), (1_000, Some(left_out.to_string().as_str())));
    assert!(page.contains("kafka_topic_partitions{vhost=\"/\",topic=\"wide\"} 1500"));
    server.stop().await;
}
