//! Logins with tokens, and logins that end. What is said is what a running Kafka 4.2.0 says.

use std::sync::Arc;
use std::time::Duration;

use anymq_auth::oauth2::{self, Key, TokenVerifier};
use anymq_runtime::{Clock, SystemClock};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::client::{Client, House};
use super::sasl::{SHA_256, scram, token};
use crate::config::Config;
use crate::wire::messages::classic_groups::FindCoordinatorRequest;
use crate::wire::messages::sasl::{SaslAuthenticateRequest, SaslHandshakeRequest};
use crate::wire::{ErrorCode, Response};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const BEARER: &str = "OAUTHBEARER";
const REFUSED: &[u8] = br#"{"status":"invalid_token"}"#;

fn unsecured() -> Config {
    Config { unsecured_tokens: true, ..Config::default() }
}

fn renewing() -> Config {
    Config { connections_max_reauth: Duration::from_secs(10), ..unsecured() }
}

fn jwt(header: &str, user: &str, left_s: i64, sign: impl Fn(&str) -> String) -> String {
    let now_s = (SystemClock.now().0 / 1000).cast_signed();
    let claims = format!(
        r#"{{"sub":"{user}","exp":{},"aud":"rabbitmq","scope":"rabbitmq.read:*/* rabbitmq.write:*/*"}}"#,
        now_s + left_s
    );
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{text}.{}", sign(&text))
}

fn unsigned(user: &str, left_s: i64) -> String {
    jwt(r#"{"alg":"none"}"#, user, left_s, |_| String::new())
}

fn signed(user: &str, left_s: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let sign = |text: &str| URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    jwt(r#"{"alg":"HS256","kid":"k"}"#, user, left_s, sign)
}

/// Takes signed tokens.
fn house(config: Config) -> House {
    let house = House::with(true, config);
    let config = oauth2::Config {
        enabled: true,
        algorithms: vec!["HS256".into()],
        secrets: vec!["k=f".into()],
        ..oauth2::Config::default()
    };
    let verifier = TokenVerifier::new(&config).unwrap();
    verifier.set_keys([("k".to_owned(), Key::from_secret(SECRET).unwrap())].into());
    house.broker.accept_tokens(Arc::new(verifier));
    house
}

fn initial(jwt: &str) -> Vec<u8> {
    format!("n,,\x01auth=Bearer {jwt}\x01\x01").into_bytes()
}

async fn agree(client: &mut Client, mechanism: &str) -> ErrorCode {
    let answer = client.ask(1, SaslHandshakeRequest { mechanism }).await;
    let Response::SaslHandshake(response) = answer.read() else { panic!("{:?}", answer.read()) };
    response.error_code
}

/// Logs in, and how long that is good.
async fn lifetime(client: &mut Client, token: &[u8]) -> i64 {
    let answer = client.ask(2, SaslAuthenticateRequest { auth_bytes: token }).await;
    let Response::SaslAuthenticate(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!((response.error_code, response.auth_bytes.len()), (ErrorCode::NONE, 0));
    response.session_lifetime_ms
}

async fn is_open(client: &mut Client) {
    client.ask(0, FindCoordinatorRequest { key: "group", ..Default::default() }).await;
}

async fn is_closed(client: &mut Client) {
    client.send(0, FindCoordinatorRequest { key: "group", ..Default::default() }).await;
    client.closed().await;
}

fn failed(says: &str) -> Result<Vec<u8>, (ErrorCode, Option<String>)> {
    Err((ErrorCode::SASL_AUTHENTICATION_FAILED, Some(says.to_owned())))
}

#[tokio::test]
async fn tokens_let_in_until_they_end() {
    for (house, jwt) in [
        (House::with(true, unsecured()), unsigned("guest", 100)),
        (house(Config::default()), signed("me", 100)),
    ] {
        let mut client = house.connect();
        assert_eq!(agree(&mut client, BEARER).await, ErrorCode::NONE);
        let left = lifetime(&mut client, &initial(&jwt)).await;
        assert!((90_000..=100_000).contains(&left), "{left}");
        is_open(&mut client).await;
    }
}

#[tokio::test]
async fn tokens_that_are_refused_are_told_in_two_steps() {
    let house = house(Config::default());
    for jwt in [
        signed("me", -1),
        signed("me", 100) + "x",
        unsigned("guest", 100),
        "abc".to_owned(),
        jwt(r#"{"alg":"HS256","kid":"other"}"#, "me", 100, |_| "AAAA".to_owned()),
    ] {
        let mut client = house.connect();
        agree(&mut client, BEARER).await;
        assert_eq!(token(&mut client, &initial(&jwt)).await, Ok(REFUSED.to_vec()), "{jwt}");
        assert_eq!(token(&mut client, b"\x01").await, failed(r#"{"status":"invalid_token"}"#));
        client.closed().await;
    }
    // Not another attempt, and nothing but a login before all that.
    let mut client = house.connect();
    agree(&mut client, BEARER).await;
    token(&mut client, &initial("abc")).await.unwrap();
    assert!(token(&mut client, &initial(&signed("me", 100))).await.is_err());
    client.closed().await;
    let mut client = house.connect();
    agree(&mut client, BEARER).await;
    token(&mut client, &initial("abc")).await.unwrap();
    is_closed(&mut client).await;
}

#[tokio::test]
async fn what_is_no_token_is_refused_at_once() {
    let house = house(Config::default());
    let invalid = "Authentication failed during authentication due to invalid credentials with SASL mechanism OAUTHBEARER";
    for bad in ["", "\x01", "garbage", "n,,\x01auth=Basic x\x01\x01", "y,,\x01auth=Bearer x\x01\x01"] {
        let mut client = house.connect();
        agree(&mut client, BEARER).await;
        assert_eq!(token(&mut client, bad.as_bytes()).await, failed(invalid), "{bad}");
        client.closed().await;
    }
    let mut client = house.connect();
    agree(&mut client, BEARER).await;
    let another = format!("n,a=you,\x01auth=Bearer {}\x01\x01", signed("me", 100));
    let says = "Authentication failed: Client requested an authorization id (you) that is different from the token's principal name (me)";
    assert_eq!(token(&mut client, another.as_bytes()).await, failed(says));
}

#[tokio::test]
async fn tokens_that_nobody_signed_count_on_this_machine_only_and_if_that_is_set() {
    let house = House::with(true, unsecured());
    let unsupported = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
    assert_eq!(agree(&mut house.connect_from("192.0.2.1:4000"), BEARER).await, unsupported);
    assert_eq!(agree(&mut House::new().connect(), BEARER).await, unsupported);
    // Whom they name must be there.
    let mut client = house.connect();
    agree(&mut client, BEARER).await;
    assert_eq!(token(&mut client, &initial(&unsigned("nobody", 100))).await, Ok(REFUSED.to_vec()));
    // Offered for signed ones, it takes no others.
    let both = self::house(unsecured());
    let mut client = both.connect_from("192.0.2.1:4000");
    assert_eq!(agree(&mut client, BEARER).await, ErrorCode::NONE);
    assert_eq!(token(&mut client, &initial(&unsigned("guest", 100))).await, Ok(REFUSED.to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_login_is_renewed_before_and_after_it_ends() {
    let house = House::with(true, renewing());
    let plain = b"\0guest\0guest";
    let mut client = house.connect();
    agree(&mut client, "PLAIN").await;
    assert_eq!(lifetime(&mut client, plain).await, 10_000);
    for wait in [0, 8, 15] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        assert_eq!(agree(&mut client, "PLAIN").await, ErrorCode::NONE);
        assert_eq!(lifetime(&mut client, plain).await, 10_000);
        is_open(&mut client).await;
    }
    tokio::time::advance(Duration::from_secs(11)).await;
    is_closed(&mut client).await;

    let mut client = house.connect();
    assert!(scram(&mut client, SHA_256, "guest", "guest").await.1.is_ok());
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(scram(&mut client, SHA_256, "guest", "guest").await.1.is_ok());
    tokio::time::advance(Duration::from_secs(9)).await;
    is_open(&mut client).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_with_another() {
    let house = house(renewing());
    let mut client = house.connect();
    agree(&mut client, BEARER).await;
    assert_eq!(lifetime(&mut client, &initial(&signed("me", 100))).await, 10_000, "the shorter one counts");
    agree(&mut client, BEARER).await;
    let left = lifetime(&mut client, &initial(&signed("me", 5))).await;
    assert!((3_000..=5_000).contains(&left), "{left}");
    agree(&mut client, BEARER).await;
    assert_eq!(token(&mut client, &initial(&signed("me", -5))).await, Ok(REFUSED.to_vec()));
    assert!(token(&mut client, b"\x01").await.is_err());
    client.closed().await;
}

#[tokio::test]
async fn renewals_that_are_refused() {
    let house = House::with(true, renewing());
    let allow = |user: &str| {
        let put = anymq_catalog::User {
            name: user.into(),
            password: house.broker.hash_password(user.as_bytes()),
            scram: Default::default(),
            tags: Default::default(),
            limits: Default::default(),
        };
        let grant = anymq_catalog::Permission {
            user: user.into(),
            vhost: anymq_types::VhostId(1),
            grant: anymq_auth::Permissions::full(),
        };
        use anymq_catalog::Change::{PermissionPut, UserPut};
        house.broker.change_all(vec![UserPut(put), PermissionPut(grant)]).unwrap();
    };
    allow("alice");
    allow("bob");
    let connect = async || {
        let mut client = house.connect();
        client.log_in("alice", "alice").await;
        client
    };
    let mut client = connect().await;
    agree(&mut client, "PLAIN").await;
    let says = "Cannot change principals during re-authentication from User.alice: User.bob";
    assert_eq!(token(&mut client, b"\0bob\0bob").await, failed(says));
    client.closed().await;

    let mut client = connect().await;
    agree(&mut client, "PLAIN").await;
    let says = "Authentication failed: Invalid username or password";
    assert_eq!(token(&mut client, b"\0alice\0bob").await, failed(says));
    client.closed().await;

    // By another mechanism, or with something in between.
    let mut client = connect().await;
    client.send(1, SaslHandshakeRequest { mechanism: SHA_256 }).await;
    client.closed().await;
    let mut client = connect().await;
    agree(&mut client, "PLAIN").await;
    is_closed(&mut client).await;

    // A login that does not end is not renewed.
    let house = House::new();
    let mut client = house.connect();
    client.log_in("guest", "guest").await;
    assert_eq!(agree(&mut client, "PLAIN").await, ErrorCode::ILLEGAL_SASL_STATE);
    assert!(matches!(token(&mut client, b"\0guest\0guest").await, Err((ErrorCode::ILLEGAL_SASL_STATE, _))));
}

/// What comes behind a renewal waits for it.
#[tokio::test]
async fn requests_wait_for_a_renewal() {
    let house = House::with(true, renewing());
    let mut client = house.connect();
    client.log_in("guest", "guest").await;
    client.send(1, SaslHandshakeRequest { mechanism: "PLAIN" }).await;
    client.send(2, SaslAuthenticateRequest { auth_bytes: b"\0guest\0guest" }).await;
    let last = client.send(0, FindCoordinatorRequest { key: "group", ..Default::default() }).await;
    for api in [crate::wire::ApiKey::SaslHandshake, crate::wire::ApiKey::SaslAuthenticate] {
        client.receive(api, i16::from(api == crate::wire::ApiKey::SaslAuthenticate) + 1).await;
    }
    assert_eq!(client.receive(crate::wire::ApiKey::FindCoordinator, 0).await.correlation_id, last);
}
