//! The admin API on a real socket over a real broker.

mod groups;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anymq_admin::{Board, BrokerHall, Config, Desk, MetricsConfig, serve_admin, serve_metrics};
use anymq_broker::{Broker, Options};
use anymq_net::{Lifecycle, Listener};
use anymq_runtime::{RealDisk, SystemClock};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const WAIT: Duration = Duration::from_secs(20);
const GUEST: &str = "Basic Z3Vlc3Q6Z3Vlc3Q=";

struct Server {
    life: Lifecycle,
    board: Board,
    admin: SocketAddr,
    metrics: SocketAddr,
    broker: Broker,
    dir: tempfile::TempDir,
}

fn listen() -> Listener {
    let config = anymq_net::Config { addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], ..Default::default() };
    Listener::bind("test", &config).expect("bind")
}

impl Server {
    /// A server whose broker is there but not yet on the board.
    fn start(config: Config, metrics: MetricsConfig) -> Server {
        let dir = tempfile::tempdir().expect("directory");
        let broker = Broker::open(Options {
            config: anymq_broker::Config::default(),
            log: anymq_log::Config::default(),
            disk: Arc::new(RealDisk::take(dir.path()).expect("disk")),
            clock: Arc::new(SystemClock),
            seed: Some(7),
            default_user: Some(("guest".into(), "guest".into(), "/".into())),
            threads: true,
        })
        .expect("broker");
        let (life, board) = (Lifecycle::new(), Board::new());
        let desk = Desk::new(board.clone(), config, metrics);
        let (admin, open) = (listen(), listen());
        let (admin_at, metrics_at) = (admin.plain_addresses()[0], open.plain_addresses()[0]);
        serve_admin(admin, &life, desk.clone());
        serve_metrics(open, &life, desk);
        Server { life, board, admin: admin_at, metrics: metrics_at, broker, dir }
    }

    fn ready() -> Server {
        let server = Server::start(Config::default(), MetricsConfig::default());
        server.board.ready(Arc::new(BrokerHall::new(server.broker.clone(), server.dir.path().into())));
        server
    }

    async fn stop(self) {
        self.life.drain(WAIT).await;
        self.broker.close().expect("close");
    }

    async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.as_user(GUEST, method, path, body).await
    }

    async fn as_user(&self, user: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {user}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let (status, _, text) = exchange(self.admin, &(head + &body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// Sends bytes, reads to the end: status, head, body (length given or chunked away).
async fn exchange(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(request.as_bytes()).await.expect("send");
    let mut answer = Vec::new();
    tokio::time::timeout(WAIT, stream.read_to_end(&mut answer))
        .await
        .expect("answer in time")
        .expect("answer");
    let text = String::from_utf8(answer).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("head");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("status");
    (status, head.to_lowercase(), body.to_owned())
}

async fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_follows_the_start() {
    let server = Server::start(Config::default(), MetricsConfig::default());
    server.board.progress(40);
    assert_eq!(get(server.metrics, "/health/live").await.0, 200);
    let (status, _, body) = get(server.metrics, "/health/ready").await;
    assert_eq!(status, 503);
    assert_eq!(body, r#"{"ready":false,"state":"starting","percent":40,"problems":[]}"#);
    let (status, _, body) = get(server.admin, "/health/startup").await;
    assert_eq!((status, body.as_str()), (503, "starting: 40 % of the journal is read\n"));
    assert_eq!(server.api("GET", "/overview", Value::Null).await.1["code"], 1307);
    assert!(get(server.metrics, "/metrics").await.2.contains("anymq_recovery_progress 0.4\n"));

    server.board.ready(Arc::new(BrokerHall::new(server.broker.clone(), server.dir.path().into())));
    assert_eq!(get(server.admin, "/health/ready").await.2, r#"{"ready":true,"state":"ready","problems":[]}"#);
    assert_eq!(get(server.metrics, "/health/startup").await.0, 200);
    server.board.draining();
    assert_eq!(get(server.metrics, "/health/ready").await.0, 503);
    assert_eq!(get(server.metrics, "/health/startup").await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_without_a_login() {
    let server = Server::ready();
    for user in
        ["", "Basic", "Bearer x", &basic("guest", "wrong"), &basic("nobody", "guest"), &basic("guest", "")]
    {
        for path in ["/overview", "/nothing"] {
            let (status, body) = server.as_user(user, "GET", path, Value::Null).await;
            assert_eq!(status, 401, "{user} {path}: {body}");
            let code = body["code"].as_u64().expect("code");
            assert!(code == 1101 || code == 1102, "{user} {path}: {body}");
        }
    }
    let (_, head, _) = get(server.admin, "/api/v1/overview").await;
    for header in ["www-authenticate: basic", "x-content-type-options: nosniff", "cache-control: no-store"] {
        assert!(head.contains(header), "{head}");
    }
    // The open port has no API at all.
    let (status, _, body) = get(server.metrics, "/api/v1/overview").await;
    assert_eq!(status, 404, "{body}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_exchanges_and_bindings() {
    let server = Server::ready();
    let steps = [
        (
            "PUT",
            "/queues/%2F/orders",
            json!({"arguments": {"x-queue-type": "quorum", "x-max-length": 9}}),
            200,
            0,
        ),
        (
            "PUT",
            "/queues/%2F/orders",
            json!({"arguments": {"x-queue-type": "quorum", "x-max-length": 9}}),
            200,
            0,
        ),
        ("PUT", "/queues/%2F/orders", json!({"durable": false}), 409, 1204),
        ("PUT", "/queues/%2F/amq.mine", json!({}), 400, 1203),
        ("PUT", "/queues/%2F/bad", json!({"arguments": {"x-max-length": -1}}), 400, 1209),
        ("PUT", "/queues/%2F/typo", json!({"durabel": false}), 400, 1302),
        ("PUT", "/queues/nowhere/q", json!({}), 404, 1202),
        ("PUT", "/exchanges/%2F/news", json!({"kind": "topic"}), 200, 0),
        ("PUT", "/exchanges/%2F/odd", json!({"kind": "no-such-kind"}), 400, 1209),
        ("DELETE", "/exchanges/%2F/amq.direct", Value::Null, 403, 1208),
        (
            "POST",
            "/bindings",
            json!({"vhost": "/", "source": "news", "destination_kind": "queue", "destination": "orders", "routing_key": "a.#"}),
            200,
            0,
        ),
        (
            "POST",
            "/bindings",
            json!({"vhost": "/", "source": "gone", "destination_kind": "queue", "destination": "orders"}),
            404,
            1201,
        ),
        ("DELETE", "/exchanges/%2F/news?if_unused=true", Value::Null, 409, 1205),
        ("DELETE", "/queues/%2F/gone", Value::Null, 404, 1201),
        ("DELETE", "/queues/%2F/orders?if_unusde=true", Value::Null, 400, 1302),
        ("PATCH", "/queues/%2F/orders", Value::Null, 405, 1309),
        ("GET", "/nothing/here", Value::Null, 404, 1308),
    ];
    for (method, path, body, status, code) in steps {
        let answer = server.api(method, path, body.clone()).await;
        assert_eq!(answer.0, status, "{method} {path} {body}: {}", answer.1);
        assert_eq!(answer.1["code"].as_u64().unwrap_or(0), code, "{method} {path} {body}: {}", answer.1);
    }
    let (_, queue) = server.api("GET", "/queues/%2F/orders", Value::Null).await;
    assert_eq!((&queue["kind"], &queue["arguments"]["x-max-length"]), (&json!("quorum"), &json!(9)));
    let (_, bindings) = server.api("GET", "/bindings?name=news", Value::Null).await;
    assert_eq!(bindings["items"][0]["routing_key"], "a.#", "{bindings}");
    let (_, page) = server.api("GET", "/exchanges?limit=2&offset=1", Value::Null).await;
    assert_eq!(
        (page["items"].as_array().map(Vec::len), page["total"].as_u64() > Some(6)),
        (Some(2), true),
        "{page}"
    );
    let (status, removed) = server.api("DELETE", "/queues/%2F/orders", Value::Null).await;
    assert_eq!((status, removed), (200, json!({"messages": 0})));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics() {
    let server = Server::ready();
    let news = json!({"partitions": 3, "config": {"retention.ms": "1000"}});
    let steps = [
        ("PUT", "/topics/%2F/news", news.clone(), 200, 0),
        ("PUT", "/topics/%2F/news", news, 200, 0),
        ("PUT", "/topics/%2F/news", json!({"partitions": 4}), 409, 1204),
        ("PUT", "/topics/%2F/a%20b", json!({}), 400, 1209),
        ("PUT", "/topics/%2F/none", json!({"partitions": 0}), 400, 1209),
        ("PUT", "/topics/%2F/bad", json!({"config": {"retention.ms": "x"}}), 400, 1209),
        ("PUT", "/topics/%2F/typo", json!({"partition": 1}), 400, 1302),
        ("PUT", "/topics/nowhere/t", json!({}), 404, 1202),
        ("PUT", "/queues/%2F/orders", json!({}), 200, 0),
        ("GET", "/topics/%2F/gone", Value::Null, 404, 1201),
        ("DELETE", "/topics/%2F/gone", Value::Null, 404, 1201),
    ];
    for (method, path, body, status, code) in steps {
        let answer = server.api(method, path, body.clone()).await;
        assert_eq!(answer.0, status, "{method} {path} {body}: {}", answer.1);
        assert_eq!(answer.1["code"].as_u64().unwrap_or(0), code, "{method} {path} {body}: {}", answer.1);
    }
    let (_, page) = server.api("GET", "/topics", Value::Null).await;
    let listed: Vec<_> =
        page["items"].as_array().into_iter().flatten().map(|t| (&t["name"], &t["kind"])).collect();
    let (news, orders) = ((&json!("news"), &json!("stream")), (&json!("orders"), &json!("classic")));
    assert_eq!(listed, [news, orders], "a queue is a topic");
    let (_, topic) = server.api("GET", "/topics/%2F/news", Value::Null).await;
    assert_eq!((&topic["partitions"], &topic["config"]["retention.ms"]), (&json!(3), &json!("1000")));
    assert_eq!(topic["detail"][2], json!({"number": 2, "first_offset": 0, "next_offset": 0, "bytes": 0}));
    let (status, removed) = server.api("DELETE", "/topics/%2F/news", Value::Null).await;
    assert_eq!((status, removed), (200, json!({"messages": 0})));
    assert_eq!(server.api("GET", "/topics/%2F/news", Value::Null).await.0, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_see_and_change_what_their_tags_and_permissions_allow() {
    let server = Server::ready();
    let (ann, eve) = (basic("ann", "pw-ann"), basic("eve", "pw-eve"));
    let steps = [
        ("PUT", "/vhosts/shop", json!({"description": "the shop", "max_queues": 2})),
        ("PUT", "/users/ann", json!({"password": "pw-ann", "tags": ["management"]})),
        ("PUT", "/users/eve", json!({"password": "pw-eve", "tags": []})),
        ("PUT", "/permissions/shop/ann", json!({"configure": ".*", "write": ".*", "read": ".*"})),
        ("PUT", "/queues/shop/cart", json!({})),
        ("PUT", "/queues/%2F/private", json!({})),
    ];
    for (method, path, body) in steps {
        let (status, answer) = server.api(method, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    let (_, queues) = server.as_user(&ann, "GET", "/queues", Value::Null).await;
    assert_eq!(
        (queues["total"].as_u64(), &queues["items"][0]["name"]),
        (Some(1), &json!("cart")),
        "{queues}"
    );
    let cases = [
        (&ann, "GET", "/queues/shop/cart", 200),
        (&ann, "GET", "/queues/%2F/private", 403),
        (&ann, "GET", "/queues?vhost=%2F", 403),
        (&ann, "GET", "/users", 403),
        (&ann, "GET", "/definitions", 403),
        (&ann, "PUT", "/queues/shop/mine", 403),
        (&ann, "DELETE", "/queues/shop/cart", 403),
        (&ann, "PUT", "/policies/shop/user/p", 403),
        (&eve, "GET", "/queues", 403),
        (&eve, "GET", "/whoami", 403),
    ];
    for (user, method, path, expected) in cases {
        let (status, answer) = server.as_user(user, method, path, json!({})).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
    server.api("PUT", "/users/ann", json!({"tags": ["policymaker"]})).await;
    let policy = json!({"pattern": "^c", "apply_to": "queues", "definition": {"max-length": 5}});
    let put = |path: &'static str| server.as_user(&ann, "PUT", path, policy.clone());
    assert_eq!(put("/policies/shop/user/cap").await.0, 200);
    assert_eq!(put("/policies/shop/operator/cap").await.0, 403);
    assert_eq!(put("/policies/%2F/user/cap").await.0, 403);
    let (_, cart) = server.api("GET", "/queues/shop/cart", Value::Null).await;
    assert_eq!(cart["policy"], "cap");
    // A changed password ends the old one at once.
    server.api("PUT", "/users/ann", json!({"password": "other"})).await;
    assert_eq!(server.as_user(&ann, "GET", "/queues", Value::Null).await.0, 401);
    let (_, definitions) = server.api("GET", "/definitions", Value::Null).await;
    assert!(!definitions.to_string().contains("pw-"), "no password leaves the broker");
    assert_eq!(server.api("DELETE", "/vhosts/shop", Value::Null).await.0, 200);
    let (status, imported) = server.api("POST", "/definitions", definitions).await;
    assert_eq!(status, 200, "{imported}");
    assert_eq!(server.api("GET", "/queues/shop/cart", Value::Null).await.0, 200);
    let (status, refused) = server.api("POST", "/definitions", json!({"queues": [{"name": 5}]})).await;
    assert_eq!((status, refused["code"].as_u64()), (400, Some(1212)), "{refused}");
    // A user in the clear, and a queue, before an entry that is not acceptable: neither is taken.
    let half = json!({
        "users": [{"name": "clear", "password": "text"}],
        "queues": [{"name": "half", "vhost": "shop"}],
        "bindings": [{"source": "nowhere", "vhost": "shop", "destination": "half", "destination_type": "queue",
                      "routing_key": ""}],
    });
    let (status, refused) = server.api("POST", "/definitions", half.clone()).await;
    assert_eq!((status, refused["code"].as_u64()), (400, Some(1212)), "{refused}");
    let too_big = json!({
        "queues": [{"name": "half", "vhost": "shop"}],
        "parameters": [{"vhost": "shop", "component": "c", "name": "n", "value": "x".repeat(9 << 20)}],
    });
    let (status, refused) = server.api("POST", "/definitions", too_big).await;
    assert_eq!((status, refused["code"].as_u64()), (400, Some(1212)), "{refused}");
    assert_eq!(server.api("GET", "/queues/shop/half", Value::Null).await.0, 404);
    assert_eq!(server.api("GET", "/users/clear", Value::Null).await.0, 404);
    let mut whole = half;
    whole["bindings"] = json!([]);
    assert_eq!(server.api("POST", "/definitions", whole).await.0, 200);
    assert_eq!(server.api("GET", "/queues/shop/half", Value::Null).await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_bounded() {
    let config = Config { body_max: anymq_types::ByteSize::kib(1), ..Config::default() };
    let server = Server::start(config, MetricsConfig::default());
    server.board.ready(Arc::new(BrokerHall::new(server.broker.clone(), server.dir.path().into())));
    let (status, answer) = server.api("PUT", "/users/big", json!({"password": "x".repeat(4096)})).await;
    assert_eq!((status, answer["code"].as_u64()), (413, Some(1303)), "{answer}");
    let form = format!(
        "PUT /api/v1/users/form HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {GUEST}\r\n\
         content-type: text/plain\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let (status, _, answer) = exchange(server.admin, &form).await;
    assert!(status == 400 && answer.contains("1302"), "{answer}");
    let head = format!("GET /health/live HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(64 << 10));
    let mut stream = TcpStream::connect(server.admin).await.expect("connect");
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(WAIT, stream.read_to_end(&mut answer)).await.expect("refused in time");
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"), "a head of 64 KiB is refused");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_have_the_names_that_dashboards_look_for() {
    let server =
        Server::start(Config::default(), MetricsConfig { series_max: 1000, ..MetricsConfig::default() });
    server.board.ready(Arc::new(BrokerHall::new(server.broker.clone(), server.dir.path().into())));
    for i in 0..70 {
        assert_eq!(server.api("PUT", &format!("/queues/%2F/q{i:03}"), json!({})).await.0, 200);
    }
    let (status, head, page) = get(server.metrics, "/metrics").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "rabbitmq_queues 70",
        "rabbitmq_queue_messages_ready 0",
        "rabbitmq_global_messages_received_total{protocol=\"amqp091\"} 0",
        "rabbitmq_global_messages_delivered_total{protocol=\"amqp091\",queue_type=\"rabbit_stream_queue\"} 0",
        "rabbitmq_connections 0",
        "anymq_queues 70",
        "anymq_ready 1",
        "queue_depth{vhost=\"/\",queue_name=\"q000\"} 0",
        "messages_processed_total{vhost=\"/\",queue_name=\"q069\",status=\"success\"} 0",
        "anymq_fsync_seconds_bucket{le=\"+Inf\"}",
        "anymq_metrics_dropped_series 0",
    ] {
        assert!(page.lines().any(|l| l.starts_with(line)), "{line} is missing in\n{page}");
    }
    let mut families: Vec<&str> =
        page.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let all = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), all, "no family stands twice");

    let (_, _, page) = get(server.admin, "/metrics/per-object").await;
    let series = page.lines().filter(|l| !l.starts_with('#')).count();
    assert!(series <= 1001, "{series}");
    assert!(page.contains("rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"q000\"} 0"));
    let dropped =
        page.lines().find_map(|l| l.strip_prefix("anymq_metrics_dropped_series ")).expect("counted");
    assert!(dropped.parse::<u64>().expect("number") > 0, "{dropped}");

    let path =
        "/metrics/detailed?family=queue_consumer_count&family=queue_coarse_metrics&family=none&vhost=%2F";
    let (status, _, page) = get(server.metrics, path).await;
    assert_eq!(status, 200);
    let of_queues = page.lines().filter(|l| l.starts_with("rabbitmq_detailed_queue_")).count();
    assert_eq!(of_queues, 4 * 70, "{page}");
    assert!(page.contains("rabbitmq_detailed_queue_consumers{vhost=\"/\",queue=\"q069\"} 0"));
    let (_, _, page) = get(server.metrics, "/metrics/detailed?family=queue_coarse_metrics&vhost=other").await;
    assert!(!page.contains("q069") && page.contains("rabbitmq_identity_info"), "{page}");
    let (_, _, page) =
        get(server.metrics, "/metrics/detailed?family=queue_delivery_metrics&family=queue_metrics").await;
    let series = page.lines().filter(|l| !l.starts_with('#')).count();
    assert!(series <= 1001 && page.contains("\"q069\""), "{series}");
    server.stop().await;
}
