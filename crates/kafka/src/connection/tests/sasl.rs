//! Logins by challenge and response, and who may set what they are checked with. Codes and sentences are those of a running
//! Kafka 4.2.0.

use anymq_broker::Turn;
use anymq_broker::scram::{ClientFirst, ScramMechanism};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use tokio::io::AsyncWriteExt;

use super::client::{Client, House};
use crate::wire::messages::classic_groups::FindCoordinatorRequest;
use crate::wire::messages::quotas::{
    AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest, ScramCredentialDeletion,
    ScramCredentialUpsertion, UserName,
};
use crate::wire::messages::sasl::{SaslAuthenticateRequest, SaslHandshakeRequest};
use crate::wire::{ErrorCode, Response};

pub(super) const SHA_256: &str = "SCRAM-SHA-256";
const SHA_512: &str = "SCRAM-SHA-512";

type Refused = (ErrorCode, Option<String>);

/// PBKDF2 of a password.
fn salted(mechanism: &str, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
    let (algorithm, bytes) = match mechanism {
        SHA_256 => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        _ => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
    };
    let mut out = vec![0; bytes];
    pbkdf2::derive(algorithm, iterations.try_into().unwrap(), salt, password.as_bytes(), &mut out);
    out
}

/// The client's last message.
fn last(mechanism: &str, password: &str, bare: &str, server_first: &str) -> String {
    let (mac, hash) = match mechanism {
        SHA_256 => (hmac::HMAC_SHA256, &digest::SHA256),
        _ => (hmac::HMAC_SHA512, &digest::SHA512),
    };
    let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(mac, key), text).as_ref().to_vec();
    let fields: Vec<&str> = server_first.split(',').map(|field| &field[2..]).collect();
    let salt = STANDARD.decode(fields[1]).unwrap();
    let key = sign(&salted(mechanism, password, &salt, fields[2].parse().unwrap()), b"Client Key");
    let without = format!("c=biws,r={}", fields[0]);
    let signed = format!("{bare},{server_first},{without}");
    let signature = sign(digest::digest(hash, &key).as_ref(), signed.as_bytes());
    let proof: Vec<u8> = key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    format!("{without},p={}", STANDARD.encode(proof))
}

/// Sends a token; what the mechanism answers.
pub(super) async fn token(client: &mut Client, token: &[u8]) -> Result<Vec<u8>, Refused> {
    let answer = client.ask(2, SaslAuthenticateRequest { auth_bytes: token }).await;
    let Response::SaslAuthenticate(response) = answer.read() else { panic!("{:?}", answer.read()) };
    match response.error_code {
        ErrorCode::NONE => Ok(response.auth_bytes.into_owned()),
        code => Err((code, response.error_message.map(Into::into))),
    }
}

/// A whole login; what is said to the last message, and how many were answered.
pub(super) async fn scram(
    client: &mut Client,
    mechanism: &str,
    user: &str,
    password: &str,
) -> (usize, Result<String, Refused>) {
    client.ask(1, SaslHandshakeRequest { mechanism }).await;
    let bare = format!("n={user},r=abcdef");
    let first = match token(client, format!("n,,{bare}").as_bytes()).await {
        Ok(first) => String::from_utf8(first).unwrap(),
        Err(refused) => return (1, Err(refused)),
    };
    let last = last(mechanism, password, &bare, &first);
    (2, token(client, last.as_bytes()).await.map(|answer| String::from_utf8(answer).unwrap()))
}

fn refused(mechanism: &str) -> Refused {
    let says = format!(
        "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
    );
    (ErrorCode::SASL_AUTHENTICATION_FAILED, Some(says))
}

async fn is_open(client: &mut Client) {
    client.ask(0, FindCoordinatorRequest { key: "group", ..Default::default() }).await;
}

#[tokio::test]
async fn a_password_is_proved_without_being_sent() {
    let house = House::new();
    for mechanism in [SHA_256, SHA_512] {
        let mut client = house.connect();
        let (_, answer) = scram(&mut client, mechanism, "guest", "guest").await;
        assert!(answer.unwrap().starts_with("v="));
        is_open(&mut client).await;

        // Who does not exist is answered as often, and alike.
        for (user, password) in [("guest", "wrong"), ("nobody", "guest"), ("nobody", "")] {
            let mut client = house.connect();
            let said = scram(&mut client, mechanism, user, password).await;
            assert_eq!(said, (2, Err(refused(mechanism))), "{user} {password}");
            client.closed().await;
        }
    }
    // Not even with the right password, from where guest may not come.
    let mut client = house.connect_from("192.0.2.1:4000");
    assert_eq!(scram(&mut client, SHA_256, "guest", "guest").await, (2, Err(refused(SHA_256))));
}

#[tokio::test]
async fn what_is_no_first_message_is_refused_at_once() {
    let house = House::new();
    let long = format!("n,,n=guest,r={}", "a".repeat(8_000));
    for bad in
        ["", "garbage", "y,,n=guest,r=a", "p=tls-unique,,n=guest,r=a", "n,,n=guest,r=a,tokenauth=true", &long]
    {
        let mut client = house.connect();
        client.ask(1, SaslHandshakeRequest { mechanism: SHA_256 }).await;
        assert_eq!(token(&mut client, bad.as_bytes()).await, Err(refused(SHA_256)), "{bad:.30}");
        client.closed().await;
    }
    let mut client = house.connect();
    client.ask(1, SaslHandshakeRequest { mechanism: SHA_256 }).await;
    let says = "Authentication failed: Client requested an authorization id that is different from username";
    let refused = (ErrorCode::SASL_AUTHENTICATION_FAILED, Some(says.to_owned()));
    assert_eq!(token(&mut client, b"n,a=other,n=guest,r=a").await, Err(refused));
}

#[tokio::test]
async fn a_second_handshake_is_refused() {
    let house = House::new();
    let mut client = house.connect();
    client.ask(1, SaslHandshakeRequest { mechanism: SHA_256 }).await;
    let answer = client.ask(1, SaslHandshakeRequest { mechanism: "PLAIN" }).await;
    let Response::SaslHandshake(response) = answer.read() else { panic!("{:?}", answer.read()) };
    assert_eq!(response.error_code, ErrorCode::ILLEGAL_SASL_STATE);
    client.closed().await;
}

#[tokio::test]
async fn messages_come_bare_after_handshake_0() {
    let house = House::new();
    let mut client = house.connect();
    client.ask(0, SaslHandshakeRequest { mechanism: SHA_512 }).await;
    let mut bare = async |text: &str| {
        client.stream.write_i32(text.len() as i32).await.unwrap();
        client.stream.write_all(text.as_bytes()).await.unwrap();
        String::from_utf8(client.frame().await.unwrap()).unwrap()
    };
    let first = bare("n,,n=guest,r=abc").await;
    let answer = bare(&last(SHA_512, "guest", "n=guest,r=abc", &first)).await;
    assert!(answer.starts_with("v="));
    is_open(&mut client).await;
}

#[test]
fn guessing_is_slowed_down_whatever_the_mechanism() {
    let house = House::new();
    let peer = "192.0.2.1:4000".parse().unwrap();
    let first = ClientFirst::parse(b"n,,n=guest,r=abc").unwrap();
    for _ in 0..50 {
        let exchange = house.broker.begin_scram(ScramMechanism::Sha256, &first).unwrap();
        assert!(house.broker.finish_scram(&exchange, b"c=biws,r=abc,p=AAAA", peer).is_err());
    }
    let turns = [house.broker.login_turn("guest", b"wrong", peer), house.broker.token_turn(peer)];
    assert!(turns.iter().all(|turn| *turn != Turn::Now), "{turns:?}");
}

/// User, mechanism, iterations, salt and salted password.
type Put<'a> = (&'a str, i8, i32, &'a [u8], &'a [u8]);

async fn alter(
    client: &mut Client,
    deletions: &[(&str, i8)],
    upsertions: &[Put<'_>],
) -> Vec<(String, i16, Option<String>)> {
    let deletions = deletions.iter().map(|&(name, mechanism)| ScramCredentialDeletion { name, mechanism });
    let upsertions = upsertions.iter().map(|&(name, mechanism, iterations, salt, salted_password)| {
        ScramCredentialUpsertion { name, mechanism, iterations, salt, salted_password }
    });
    let request =
        AlterUserScramCredentialsRequest { deletions: deletions.collect(), upsertions: upsertions.collect() };
    let answer = client.ask(0, request).await;
    let Response::AlterUserScramCredentials(response) = answer.read() else { panic!("{:?}", answer.read()) };
    let results = response.results.iter();
    results.map(|r| (r.user.into(), r.error_code.0, r.error_message.map(Into::into))).collect()
}

type Described = (String, i16, Vec<(i8, i32)>);

async fn describe(client: &mut Client, users: Option<&[&str]>) -> (ErrorCode, Vec<Described>) {
    let users = users.map(|users| users.iter().map(|&name| UserName { name }).collect());
    let answer = client.ask(0, DescribeUserScramCredentialsRequest { users }).await;
    let Response::DescribeUserScramCredentials(response) = answer.read() else {
        panic!("{:?}", answer.read())
    };
    let results = response.results.iter().map(|r| {
        let infos = r.credential_infos.iter().map(|info| (info.mechanism, info.iterations)).collect();
        (r.user.into(), r.error_code.0, infos)
    });
    (response.error_code, results.collect())
}

#[tokio::test]
async fn credentials_are_put_described_and_taken_away() {
    let house = House::new();
    let mut admin = house.connect();
    let (salt, other) = (b"0123456789abcdef", b"fedcba");
    let (one, two) = (salted(SHA_256, "one", salt, 4096), salted(SHA_512, "two", other, 16_384));
    let twice = Some("A user credential cannot be altered twice in the same request".to_owned());
    let both = [("carol", 1, 4096, &salt[..], &one[..]), ("carol", 2, 16_384, &other[..], &two[..])];
    assert_eq!(alter(&mut admin, &[], &both).await, [("carol".to_owned(), 92, twice)]);
    for put in both {
        assert_eq!(alter(&mut admin, &[], &[put]).await, [("carol".to_owned(), 0, None)]);
    }
    let carol = ("carol".to_owned(), 0, vec![(1, 4096), (2, 16_384)]);
    let guest = ("guest".to_owned(), 0, vec![(1, 8192), (2, 8192)]);
    for all in [None, Some(&[][..])] {
        assert_eq!(describe(&mut admin, all).await, (ErrorCode::NONE, vec![carol.clone(), guest.clone()]));
    }
    let named = describe(&mut admin, Some(&["nobody", "carol", "guest", "guest"])).await;
    let missing = ("nobody".to_owned(), 91, vec![]);
    assert_eq!(named, (ErrorCode::NONE, vec![carol, ("guest".to_owned(), 92, vec![]), missing]));

    let allow = anymq_catalog::Change::PermissionPut(anymq_catalog::Permission {
        user: "carol".into(),
        vhost: anymq_types::VhostId(1),
        grant: anymq_auth::Permissions::full(),
    });
    house.broker.change(allow).unwrap();
    let mut client = house.connect();
    assert!(scram(&mut client, SHA_256, "carol", "one").await.1.is_ok());
    assert!(scram(&mut house.connect(), SHA_512, "carol", "two").await.1.is_ok());
    assert!(scram(&mut house.connect(), SHA_512, "carol", "one").await.1.is_err());

    // Who is no administrator may not.
    let nothing = (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, vec![]);
    assert_eq!(describe(&mut client, None).await, nothing);
    let refused = alter(&mut client, &[("carol", 1)], &[("x", 1, 1, &[], &[])]).await;
    assert_eq!(refused.iter().map(|r| (&*r.0, r.1)).collect::<Vec<_>>(), [("carol", 31), ("x", 31)]);

    assert_eq!(alter(&mut admin, &[("carol", 1)], &[]).await, [("carol".to_owned(), 0, None)]);
    assert!(scram(&mut house.connect(), SHA_256, "carol", "one").await.1.is_err());
    assert!(scram(&mut house.connect(), SHA_512, "carol", "two").await.1.is_ok());
}

#[tokio::test]
async fn changes_that_are_refused() {
    let house = House::new();
    let mut admin = house.connect();
    let long = "u".repeat(256);
    let put = |name, mechanism, iterations| -> Put<'_> { (name, mechanism, iterations, b"salt", b"salted") };
    let no_such = "Attempt to delete a user credential that does not exist";
    type Case<'a> = (&'a [(&'a str, i8)], &'a [Put<'a>], i16, Option<&'a str>);
    let cases: &[Case<'_>] = &[
        (&[], &[put("x", 1, 4095)], 93, Some("Too few iterations")),
        (&[], &[put("x", 1, 16_385)], 93, Some("Too many iterations")),
        (&[], &[put("x", 0, 4096)], 33, Some("Unknown SCRAM mechanism")),
        (&[], &[put("x", 3, 4096)], 33, Some("Unknown SCRAM mechanism")),
        (&[], &[put("", 1, 4096)], 93, Some("Username must not be empty")),
        (&[], &[put(&long, 1, 4096)], 93, None),
        (&[], &[("x", 1, 4096, b"salt", b"")], 93, None),
        (&[("x", 1)], &[put("x", 1, 4096)], 91, Some(no_such)),
        (&[("guest", 1)], &[put("guest", 2, 4096)], 92, None),
        (&[("guest", 1), ("guest", 2)], &[], 92, None),
        (&[("guest", 7)], &[put("guest", 1, 4096)], 33, None),
        (&[("x", 1)], &[], 91, Some(no_such)),
        (&[("guest", 0)], &[], 33, Some("Unknown SCRAM mechanism")),
    ];
    for (deletions, upsertions, code, says) in cases {
        let results = alter(&mut admin, deletions, upsertions).await;
        assert_eq!((results.len(), results[0].1), (1, *code), "{deletions:?} {upsertions:?}");
        assert!(says.is_none_or(|says| results[0].2.as_deref() == Some(says)), "{results:?}");
    }
    // One that is wrong does not stop the others.
    let results = alter(&mut admin, &[], &[put("good", 1, 4096), put("bad", 1, 1)]).await;
    assert_eq!(results.iter().map(|r| (&*r.0, r.1)).collect::<Vec<_>>(), [("bad", 93), ("good", 0)]);
    assert_eq!(describe(&mut admin, Some(&["good"])).await.1[0].2, [(1, 4096)]);
}
