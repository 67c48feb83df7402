//! Who is let in, and what is answered before.

use tokio::io::AsyncWriteExt;

use super::client::{Answer, House};
use crate::config::Config;
use crate::handlers::operations;
use crate::wire::messages::api_versions::ApiVersionsRequest;
use crate::wire::messages::classic_groups::FindCoordinatorRequest;
use crate::wire::messages::sasl::{SaslAuthenticateRequest, SaslHandshakeRequest};
use crate::wire::{ApiKey, ErrorCode, Response, Writer};

fn find_coordinator() -> FindCoordinatorRequest<'static> {
    FindCoordinatorRequest { key: "group", ..Default::default() }
}

fn versions() -> ApiVersionsRequest<'static> {
    ApiVersionsRequest { client_software_name: "tests", client_software_version: "1.0" }
}

/// The address that `FindCoordinator` 0 told.
fn address(answer: &Answer) -> (ErrorCode, String, i32) {
    match answer.read() {
        Response::FindCoordinator(response) => (response.error_code, response.host.into(), response.port),
        other => panic!("{other:?}"),
    }
}

fn authenticated(answer: &Answer) -> (ErrorCode, Option<String>) {
    match answer.read() {
        Response::SaslAuthenticate(response) => {
            (response.error_code, response.error_message.map(|text| text.into_owned()))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn versions_are_told_in_every_version() {
    let house = House::new();
    let mut client = house.connect();
    for version in 0..=4 {
        let answer = client.ask(version, versions()).await;
        let Response::ApiVersions(response) = answer.read() else { panic!("{:?}", answer.read()) };
        assert_eq!(response.error_code, ErrorCode::NONE);
        let offered = operations().filter(|row| row.offered().is_some()).count();
        assert_eq!(response.api_keys.len(), offered);
    }
}

#[tokio::test]
async fn a_version_from_the_future_is_answered_in_version_0() {
    let house = House::new();
    let mut client = house.connect();
    for _ in 0..2 {
        // Before the login, then after it.
        let out = Writer::request(ApiKey::ApiVersions, 4, 7, None);
        let mut frame = out.finish().to_vec();
        frame[6..8].copy_from_slice(&99i16.to_be_bytes());
        client.stream.write_all(&frame).await.unwrap();
        let answer = client.receive(ApiKey::ApiVersions, 0).await;
        let Response::ApiVersions(response) = answer.read() else { panic!("{:?}", answer.read()) };
        assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
        let told: Vec<_> =
            response.api_keys.iter().map(|v| (v.api_key, v.min_version, v.max_version)).collect();
        assert_eq!(told, [(18, 0, 4)]);
        client.ask(0, find_coordinator()).await;
    }
}

#[tokio::test]
async fn who_does_not_log_in_is_guest_on_this_machine() {
    let house = House::new();
    let mut client = house.connect();
    client.ask(3, versions()).await;
    let answer = client.ask(0, find_coordinator()).await;
    assert_eq!(address(&answer), (ErrorCode::NONE, "127.0.0.1".to_owned(), 4000));
    // A login comes too late.
    let late = client.ask(1, SaslHandshakeRequest { mechanism: "PLAIN" }).await;
    let Response::SaslHandshake(response) = late.read() else { panic!("{:?}", late.read()) };
    assert_eq!(response.error_code, ErrorCode::ILLEGAL_SASL_STATE);
    let late = client.ask(2, SaslAuthenticateRequest { auth_bytes: b"\0guest\0guest" }).await;
    assert_eq!(authenticated(&late).0, ErrorCode::ILLEGAL_SASL_STATE);
}

#[tokio::test]
async fn from_elsewhere_nobody_is_let_in_without_a_login() {
    let closed = Config { anonymous_user: String::new(), ..Config::default() };
    for (config, peer) in [(Config::default(), "192.0.2.1:4000"), (closed, "127.0.0.1:4000")] {
        let house = House::with(true, config);
        let mut client = house.connect_from(peer);
        client.ask(3, versions()).await;
        client.send(0, find_coordinator()).await;
        client.closed().await;
    }
}

#[tokio::test]
async fn guest_is_nobody_once_its_password_is_another() {
    let house = House::new();
    let put = anymq_catalog::Change::UserPut(anymq_catalog::User {
        name: "guest".into(),
        password: house.broker.hash_password(b"another"),
        scram: Default::default(),
        tags: Default::default(),
        limits: Default::default(),
    });
    house.broker.change(put).unwrap();
    let mut client = house.connect();
    client.send(0, find_coordinator()).await;
    client.closed().await;
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_is_told_and_closed() {
    let house = House::new();
    let mut client = house.connect();
    client.ask(3, versions()).await;
    assert_eq!(authenticated(&client.log_in("guest", "guest").await), (ErrorCode::NONE, None));
    assert_eq!(address(&client.ask(0, find_coordinator()).await).0, ErrorCode::NONE);

    for (user, password) in [("guest", "wrong"), ("nobody", "guest"), ("", "")] {
        let mut client = house.connect();
        let refused = "Authentication failed: Invalid username or password".to_owned();
        let expected = (ErrorCode::SASL_AUTHENTICATION_FAILED, Some(refused));
        assert_eq!(authenticated(&client.log_in(user, password).await), expected);
        client.closed().await;
    }
}

#[tokio::test]
async fn tokens_come_bare_after_handshake_0() {
    let house = House::new();
    let mut client = house.connect();
    client.ask(0, SaslHandshakeRequest { mechanism: "PLAIN" }).await;
    client.stream.write_all(b"\0\0\0\x0c\0guest\0guest").await.unwrap();
    assert_eq!(client.frame().await.as_deref(), Some(&b""[..]));
    assert_eq!(address(&client.ask(0, find_coordinator()).await).0, ErrorCode::NONE);

    let mut client = house.connect();
    client.ask(0, SaslHandshakeRequest { mechanism: "PLAIN" }).await;
    client.stream.write_all(b"\0\0\0\x0c\0guest\0wrong").await.unwrap();
    client.closed().await;
}

#[tokio::test]
async fn mechanisms_that_are_not_offered_are_refused() {
    let house = House::new();
    let mut client = house.connect();
    let answer = client.ask(1, SaslHandshakeRequest { mechanism: "GSSAPI" }).await;
    let Response::SaslHandshake(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
    let offered: Vec<_> = response.mechanisms.iter().collect();
    assert_eq!(offered, ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
    client.closed().await;

    let house = House::with(true, Config { scram: false, ..Config::default() });
    let mut client = house.connect();
    let answer = client.ask(1, SaslHandshakeRequest { mechanism: "SCRAM-SHA-256" }).await;
    let Response::SaslHandshake(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
    assert_eq!(response.mechanisms.iter().collect::<Vec<_>>(), ["PLAIN"]);
}

#[tokio::test]
async fn what_is_not_the_protocol_closes_the_connection() {
    let house = House::new();
    let cases: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xff\xff\xff",
        // An api that nobody has.
        b"\0\0\0\x0a\x7f\xff\0\0\0\0\0\x01\xff\xff",
        // A version that is not known.
        b"\0\0\0\x0a\0\x0a\0\x63\0\0\0\x01\xff\xff",
        // `SaslAuthenticate` before `SaslHandshake`.
        b"\0\0\0\x0e\0\x24\0\0\0\0\0\x01\xff\xff\0\0\0\0",
    ];
    for bytes in cases {
        let mut client = house.connect();
        client.stream.write_all(bytes).await.unwrap();
        client.closed().await;
    }
}

#[tokio::test]
async fn requests_before_the_login_are_small() {
    let too_long = async |house: &House, agreed: bool, frame: &[u8]| {
        let mut client = house.connect();
        if agreed {
            client.ask(1, SaslHandshakeRequest { mechanism: "PLAIN" }).await;
        }
        client.stream.write_all(frame).await.unwrap();
        client.closed().await;
    };
    // 8 KiB and a byte; a mechanism without access tokens makes no difference.
    let house = House::new();
    too_long(&house, false, b"\0\0\x20\x01\0\x12\0\0").await;
    too_long(&house, true, b"\0\0\x20\x01\0\x24\0\0").await;

    let house = House::with(true, Config { unsecured_tokens: true, ..Config::default() });
    too_long(&house, false, b"\0\0\x20\x01\0\x12\0\0").await;
    too_long(&house, true, b"\0\x01\0\x01\0\x24\0\0").await;
    let mut client = house.connect();
    client.ask(1, SaslHandshakeRequest { mechanism: "OAUTHBEARER" }).await;
    let answer = client.ask(2, SaslAuthenticateRequest { auth_bytes: &[b'x'; 60_000] }).await;
    assert_eq!(authenticated(&answer).0, ErrorCode::SASL_AUTHENTICATION_FAILED, "it is read, and refused");
}

#[tokio::test]
async fn responses_come_in_the_order_of_the_requests() {
    let house = House::new();
    let mut client = house.connect();
    let mut sent = Vec::new();
    for _ in 0..200 {
        sent.push(client.send(0, find_coordinator()).await);
    }
    let mut received = Vec::new();
    for _ in &sent {
        received.push(client.receive(ApiKey::FindCoordinator, 0).await.correlation_id);
    }
    assert_eq!(received, sent);
}

#[tokio::test]
async fn the_server_takes_leave_when_it_stops() {
    let house = House::new();
    let mut client = house.connect();
    client.ask(0, find_coordinator()).await;
    house.stopping.cancel();
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let house = House::new();
    for greets in [false, true] {
        let mut client = house.connect();
        if greets {
            client.ask(3, versions()).await;
        }
        let mut end = [0];
        let timeout = house.config.idle_timeout * 2;
        let read = tokio::io::AsyncReadExt::read(&mut client.stream, &mut end);
        assert_eq!(tokio::time::timeout(timeout, read).await.expect("closed in time").unwrap(), 0);
    }
}
