//! Tokens of the kinds that are taken and of those that must not be: signed here with keys made here; those of RSA, whose
//! keys `ring` does not make, were signed with a key that was thrown away.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::permissions::Action;

const RSA_PEM: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAziWHYrofoxKwZq1kwgLH\n\
RYBA3qVCHscwJrIIvHMxb5DQumBZbCg0qp2M7ILAcAM61Rcpx99dK7KEVvUiQn7i\n\
dz4iRsurqJ2zGUMeLX8eFJi01CbMAhlBx8IL+jzp8/AnzKwaEbeyERWeWtrNaKyD\n\
K5XVE1P/SbIailyzJNVinWDPs/dKhenoSCeJAqNPczV8ctY03f7xg4NwwmwnkGV9\n\
HzKWvReOYd2rSqdUFJHYHphcmAI2nGEf0PWEBZ2CBNtH8zV0VuWpZns6zebQIVTS\n\
JnptBvmChFm0yFsIh1JwNA6kk/wLPQM+bDynim3bJX11YzZujjr1tPcmjsX+61nE\n\
pwIDAQAB\n\
-----END PUBLIC KEY-----\n";
/// RSA tokens for audience `rabbitmq`, subject `rsa`, with key id `rsa`.
const RSA_TOKENS: [(&str, &str); 3] = [
    (
        "RS256",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJyYWJiaXRtcSIsInN1YiI6InJzYSIsInNjb3B\
lIjoicmFiYml0bXEucmVhZDoqLyoifQ.yNr8Yl2x1KjXM_K-kIPtXvnFdZ2jmixZOoFJh-CFsU1wpMb5gWIUl1dywXGLc4Xpiaha\
4LN70-MCeDtfGyoZjh6KweEHdJPSYQzDLTb6jrBhKsnFLf0eaPieHiC7XPbCtlonJxs9rc63VTqslK6RMDtNMpmW53WjfdXIMMyU\
6WDi_0sgMUoX0DjCg482I9wsMxeWG6mN9JfR3XhJ6UqVa4j8qzBPAkOW4Fmvnh8ZC2P2jcgLX5WF6pe461FpNhFjfOv-jjHI5Kem\
53GM-02ErUvcX0SobFpSgbzK2d5-AJOkTtubwXE1GOt81kNNYdOth8Uhch-kfXHUdY9RBZZ5ZA",
    ),
    (
        "RS512",
        "eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJyYWJiaXRtcSIsInN1YiI6InJzYSIsInNjb3B\
lIjoicmFiYml0bXEucmVhZDoqLyoifQ.rbtIY5bZIdmJQXv7e_V8VbABvh8wwy6NzK5juGG6x8iVRijsiSTtsLbkxO6EcobeQjpL\
G7XT74KDAC3NuiL4PJGCYu0gaPw-tGeiF5rqhh9bD6OsEzDhqjn1xHqcjZRbC_Rh3uYD0qDdJNgScYMUy0akX4e9zfbzzogib3pu\
0eNCp9Pg_3-j05Nho363Ad5kwAS9nJGdOTWwYWEscr5hRjKbRJC3A3c6rV631gaFcCPUNf0i3N0MUKi758NzHxpBobkJpV2Vapa-\
2YYVzRIG5RpdA6p3E3s8ubOA9aXrJEzRMhHJGAJH4KEyR20MEDE10CVxNcW1-jIm5s6ovHFNnw",
    ),
    (
        "PS256",
        "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJyYWJiaXRtcSIsInN1YiI6InJzYSIsInNjb3B\
lIjoicmFiYml0bXEucmVhZDoqLyoifQ.GVg6I2UMmGrdb0iEsDdtjRk9zokX4Cjzweto_i52sndaas2brnAk60tPJPXDiC8Q5YkQ\
4kVyk28aiHChWh3gCqJHFdP0q1tQwFVKYe81YgxWxXrmlWu4UOeRlNHJBFXBqsORH68pUvZpFKio8IUXkhxqkKZvdRyYzEHbk9uO\
dGBjpg2cNMxFn8M1m-fq1GVvZ-BKQlfnh_IA5UcmzNpRm6m2iEuKyhQQFnvZ4lMTNfbcXj9zlBvG4aUJ_eV0dOeq8uHsTutS2zS2\
lqR88HOj3pTTCuw-_IFouJ4_jXnqEOyuiQQW_JNhSV_zjO3RKkv7ntdDtWcws3yac5WiWVkNGQ",
    ),
];

const NOW_S: u64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn assemble(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    assemble(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

fn pem(prefix: &[u8], point: &[u8]) -> String {
    let der = [prefix, point].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
}

/// A key pair on P-256 and its public key in PEM form (RFC 5480).
fn p256() -> (EcdsaKeyPair, String) {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    const PREFIX: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    let pem = pem(PREFIX, pair.public_key().as_ref());
    (pair, pem)
}

fn es256(pair: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    assemble(header, claims, |m| pair.sign(&SystemRandom::new(), m).unwrap().as_ref().to_vec())
}

fn config() -> Config {
    let algorithms = ["RS256", "RS512", "PS256", "ES256", "EdDSA", "HS256"];
    Config { enabled: true, algorithms: algorithms.map(str::to_owned).into(), ..Config::default() }
}

fn verifier(config: &Config, keys: impl IntoIterator<Item = (&'static str, Key)>) -> TokenVerifier {
    let verifier = TokenVerifier::new(config).unwrap();
    verifier.set_keys(keys.into_iter().map(|(id, key)| (id.to_owned(), key)).collect());
    verifier
}

fn with_secret(config: &Config) -> TokenVerifier {
    verifier(config, [("s", Key::from_secret(SECRET).unwrap())])
}

/// What comes of claims that are signed well.
fn read(config: &Config, claims: &Value) -> Result<Token, TokenError> {
    let token = hs256(&json!({"alg": "HS256", "kid": "s"}), claims, SECRET);
    with_secret(config).verify(token.as_bytes(), NOW_S)
}

fn claims() -> Value {
    json!({"aud": "rabbitmq", "sub": "alice", "exp": NOW_S + 60, "scope": "rabbitmq.read:*/* other.write:*/*"})
}

fn claims_with(more: Value) -> Value {
    let mut claims = claims();
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

#[test]
fn every_kind_of_key_verifies_its_tokens() {
    let keys = [("rsa", Key::from_pem(RSA_PEM.as_bytes()).unwrap())];
    let rsa = verifier(&config(), keys);
    for (algorithm, token) in RSA_TOKENS {
        assert_eq!(rsa.verify(token.as_bytes(), NOW_S).unwrap().user(), "rsa", "{algorithm}");
        let forged = token.replacen("eyJhdWQ", "eyJhdXQ", 1);
        assert_eq!(rsa.verify(forged.as_bytes(), NOW_S).unwrap_err(), TokenError::Signature, "{algorithm}");
    }
    let (pair, public) = p256();
    let ec = verifier(&config(), [("e", Key::from_pem(public.as_bytes()).unwrap())]);
    let token = es256(&pair, &json!({"alg": "ES256", "kid": "e"}), &claims());
    assert_eq!(ec.verify(token.as_bytes(), NOW_S).unwrap().user(), "alice");
    let other = es256(&p256().0, &json!({"alg": "ES256", "kid": "e"}), &claims());
    assert_eq!(ec.verify(other.as_bytes(), NOW_S).unwrap_err(), TokenError::Signature);
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let public = pem(b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", pair.public_key().as_ref());
    let ed = verifier(&config(), [("d", Key::from_pem(public.as_bytes()).unwrap())]);
    let token = assemble(&json!({"alg": "EdDSA", "kid": "d"}), &claims(), |m| pair.sign(m).as_ref().to_vec());
    assert_eq!(ed.verify(token.as_bytes(), NOW_S).unwrap().user(), "alice");
}

#[test]
fn what_is_not_signed_as_it_must_be_is_refused() {
    let hs = |header: Value| hs256(&header, &claims(), SECRET);
    let good = hs(json!({"alg": "HS256", "kid": "s"}));
    let verifier = with_secret(&config());
    let check = |token: &str| verifier.verify(token.as_bytes(), NOW_S).map(|t| t.user().to_owned());
    assert_eq!(check(&good), Ok("alice".to_owned()));
    let unsigned = assemble(&json!({"alg": "none", "kid": "s"}), &claims(), |_| Vec::new());
    let cut = &good[..good.len() - 1];
    let unknown = TokenError::UnknownKey("x".to_owned());
    let cases = [
        (unsigned.as_str(), TokenError::Malformed),
        ("", TokenError::Malformed),
        ("a.b.c", TokenError::Malformed),
        (&good[..good.rfind('.').unwrap()], TokenError::Malformed),
        (&format!("{good}.x"), TokenError::Malformed),
        (&hs(json!({"alg": "HS256", "kid": "x"})), unknown),
        (&hs(json!({"alg": "HS256", "kid": "s", "crit": ["b64"], "b64": false})), TokenError::Critical),
        (&hs256(&json!({"alg": "HS256", "kid": "s"}), &claims(), b"guessed"), TokenError::Signature),
        (&hs256(&json!({"alg": "HS256", "kid": "s"}), &json!([1]), SECRET), TokenError::Malformed),
        // An algorithm that is allowed, but not for this key, and one that is not allowed.
        (&hs(json!({"alg": "RS256", "kid": "s"})), TokenError::Algorithm("RS256".into())),
        (&hs(json!({"alg": "HS512", "kid": "s"})), TokenError::Algorithm("HS512".into())),
        (&"a".repeat(TOKEN_BYTES_MAX + 1), TokenError::TooLong),
    ];
    for (token, expected) in cases {
        assert_eq!(check(token), Err(expected), "{token}");
    }
    assert!(check(cut).is_err());
    // A key id is not looked at if there is none: the only key is meant.
    assert_eq!(check(&hs(json!({"alg": "HS256"}))), Ok("alice".to_owned()));
}

#[test]
fn a_public_key_is_not_a_secret() {
    let keys = [("rsa", Key::from_pem(RSA_PEM.as_bytes()).unwrap())];
    let verifier = verifier(&config(), keys);
    for secret in [RSA_PEM.as_bytes(), RSA_PEM.trim_end().as_bytes()] {
        let token = hs256(&json!({"alg": "HS256", "kid": "rsa"}), &claims(), secret);
        let refused = verifier.verify(token.as_bytes(), NOW_S).unwrap_err();
        assert_eq!(refused, TokenError::Algorithm("HS256".into()));
    }
}

#[test]
fn keys_that_are_no_good_are_refused() {
    assert_eq!(Key::from_secret(b"short").unwrap_err(), KeyError::ShortSecret(5));
    for text in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "secret"] {
        assert_eq!(Key::from_pem(text.as_bytes()).unwrap_err(), KeyError::NotPem, "{text}");
    }
}

#[test]
fn the_default_key_is_for_tokens_that_name_none() {
    let secret = || Key::from_secret(SECRET).unwrap();
    let other = || Key::from_secret(&[7; 32]).unwrap();
    let token = hs256(&json!({"alg": "HS256"}), &claims(), SECRET);
    let two = verifier(&config(), [("s", secret()), ("o", other())]);
    assert_eq!(two.verify(token.as_bytes(), NOW_S).unwrap_err(), TokenError::NoKey);
    let config = Config { default_key: "s".into(), ..config() };
    let two = verifier(&config, [("s", secret()), ("o", other())]);
    assert!(two.verify(token.as_bytes(), NOW_S).is_ok());
}

#[test]
fn sets_hold_public_signing_keys() {
    let (pair, _) = p256();
    let point = pair.public_key().as_ref();
    let ec = |kid: &str| json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encode(&point[1..33]), "y": encode(&point[33..])});
    let mut for_encryption = ec("enc");
    for_encryption["use"] = "enc".into();
    let mut for_another = ec("es384");
    for_another["alg"] = "ES384".into();
    let set = json!({"keys": [
        ec("good"), for_encryption, for_another, {"kty": "oct", "kid": "secret", "k": encode(SECRET)},
        {"kty": "EC", "crv": "P-256", "kid": "short", "x": "AA", "y": "AA"}, {"kty": "new"}, 7
    ]});
    let keys = parse_jwks(set.to_string().as_bytes()).unwrap();
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["good"]);
    let verifier = verifier(&config(), []);
    let token = es256(&pair, &json!({"alg": "ES256", "kid": "good"}), &claims());
    assert_eq!(verifier.verify(token.as_bytes(), NOW_S).unwrap_err(), TokenError::UnknownKey("good".into()));
    verifier.set_fetched(keys);
    assert!(verifier.verify(token.as_bytes(), NOW_S).is_ok());
    verifier.set_fetched(Keys::new());
    assert!(verifier.verify(token.as_bytes(), NOW_S).is_err());

    for (text, expected) in [
        ("", KeyError::NotJwks),
        ("{}", KeyError::NotJwks),
        (r#"{"keys": 1}"#, KeyError::NotJwks),
        (r#"{"keys": [{}, 1]}"#, KeyError::NoneUsable(2)),
        (&" ".repeat(JWKS_BYTES_MAX + 1), KeyError::TooLong),
    ] {
        assert_eq!(parse_jwks(text.as_bytes()).unwrap_err(), expected);
    }
}

#[test]
fn the_audience_must_name_this_server() {
    for audience in [json!("rabbitmq"), json!("x rabbitmq"), json!(["x", "rabbitmq"])] {
        assert!(read(&config(), &claims_with(json!({"aud": audience}))).is_ok(), "{audience}");
    }
    for audience in [json!("rabbitmq2"), json!(["x"]), json!({"rabbitmq": 1}), json!(""), Value::Null] {
        let claims = claims_with(json!({"aud": audience}));
        assert_eq!(
            read(&config(), &claims).unwrap_err(),
            TokenError::Audience("rabbitmq".into()),
            "{audience}"
        );
        assert!(read(&Config { verify_aud: false, ..config() }, &claims).is_ok(), "{audience}");
    }
}

#[test]
fn times_are_looked_at() {
    let outcome = |claims: Value| read(&config(), &claims_with(claims)).map(|token| token.expires_s());
    let expired = |at| Err(TokenError::Expired { at, now: NOW_S });
    let cases = [
        (json!({"exp": NOW_S + 1}), Ok(Some(NOW_S + 1))),
        (json!({"exp": NOW_S}), expired(NOW_S)),
        (json!({"exp": NOW_S as f64 + 0.5}), expired(NOW_S)),
        (json!({"exp": -1}), expired(0)),
        (json!({"exp": 1e300}), Ok(Some(u64::MAX))),
        (json!({"exp": NOW_S.to_string()}), Err(TokenError::Claim("exp"))),
        (json!({"exp": null}), Ok(None)),
        (json!({"nbf": NOW_S + 30}), Ok(Some(NOW_S + 60))),
        (json!({"nbf": NOW_S + 61}), Err(TokenError::NotYet)),
        (json!({"nbf": "soon"}), Err(TokenError::Claim("nbf"))),
    ];
    for (claims, expected) in cases {
        assert_eq!(outcome(claims.clone()), expected, "{claims}");
    }
    let strict = Config { require_exp: true, ..config() };
    assert_eq!(read(&strict, &claims_with(json!({"exp": null}))).unwrap_err(), TokenError::NoExpiry);
}

#[test]
fn the_user_is_the_first_claim_that_is_there() {
    let config = Config { preferred_username_claims: vec!["user_name".into(), "email".into()], ..config() };
    let cases = [
        (json!({}), "alice"),
        (json!({"email": "a@b"}), "a@b"),
        (json!({"email": "a@b", "user_name": "al"}), "al"),
        (json!({"user_name": 5}), "alice"),
        (json!({"sub": null, "client_id": "app"}), "app"),
        (json!({"sub": null}), "unknown"),
    ];
    for (claims, user) in cases {
        assert_eq!(read(&config, &claims_with(claims.clone())).unwrap().user(), user, "{claims}");
    }
    for name in [String::new(), "x".repeat(256)] {
        let refused = read(&config, &claims_with(json!({"sub": name}))).unwrap_err();
        assert_eq!(refused, TokenError::Claim("user name"));
    }
}

#[test]
fn scopes_come_from_several_claims() {
    let config = Config {
        additional_scopes_key: "extra".into(),
        scope_aliases: vec!["boss=rabbitmq.tag:administrator rabbitmq.write:*/b".into()],
        ..config()
    };
    let may_write = |claims: Value, name: &str| {
        let token = read(&config, &claims_with(claims)).unwrap();
        token.access("/").check(Action::Write, name)
    };
    assert!(may_write(json!({"scope": ["rabbitmq.write:*/a"]}), "a"));
    assert!(may_write(json!({"scope": " rabbitmq.write:*/a  x"}), "a"));
    assert!(!may_write(json!({"scope": "rabbitmq-write:*/a write:*/a"}), "a"));
    assert!(may_write(json!({"extra": ["rabbitmq.write:*/a"]}), "a"));
    assert!(may_write(json!({"extra": "rabbitmq.write:*/a"}), "a"));
    assert!(may_write(json!({"extra": {"rabbitmq": ["write:*/a"]}}), "a"));
    assert!(may_write(json!({"extra": {"rabbitmq": "read:*/x write:*/a"}}), "a"));
    assert!(!may_write(json!({"extra": {"other": ["write:*/a"]}}), "a"));
    assert!(!may_write(json!({"another": ["rabbitmq.write:*/a"]}), "a"));
    let of_party = json!({"permissions": [{"scopes": ["rabbitmq.write:*/a"]}, {"rsname": "x"}, 3]});
    assert!(may_write(json!({"authorization": of_party}), "a"));
    assert!(may_write(json!({"scope": "boss"}), "b"));
    assert!(may_write(json!({"scope": null, "extra": "boss"}), "b"));
    let boss = read(&config, &claims_with(json!({"scope": "boss"}))).unwrap();
    assert!(boss.tags().is_administrator() && boss.opens("any"));
    let other = Config { scope_prefix: "mq/".into(), ..config.clone() };
    assert!(read(&other, &claims_with(json!({"scope": "mq/read:v/*"}))).unwrap().opens("v"));
    let none = Config { scope_prefix: "none".into(), ..config };
    assert!(read(&none, &claims_with(json!({"scope": "read:v/*"}))).unwrap().opens("v"));
}

#[test]
fn a_token_opens_the_vhosts_it_has_scopes_for() {
    let token =
        read(&config(), &claims_with(json!({"scope": "rabbitmq.read:prod-*/* rabbitmq.tag:management"})))
            .unwrap();
    assert!(token.opens("prod-1") && !token.opens("/"));
    assert!(token.access("prod-1").check(Action::Read, "q"));
    assert!(!token.access("/").check(Action::Read, "q"));
    assert!(token.access("prod-1").restricts_topics());
}

#[test]
fn a_verifier_is_shared() {
    let verifier = Arc::new(with_secret(&config()));
    let token = hs256(&json!({"alg": "HS256", "kid": "s"}), &claims(), SECRET);
    assert!(
        verifier.is_token(token.as_bytes()) && !verifier.is_token(b"guest") && !verifier.is_token(b"a.b.c")
    );
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(verifier.verify(token.as_bytes(), NOW_S).is_ok()));
        }
    });
}
