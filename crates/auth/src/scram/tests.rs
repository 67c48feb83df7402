use std::time::{Duration, Instant};

use super::message::ClientFinal;
use super::*;

const SECRET: [u8; 32] = [9; 32];

fn first(message: &str) -> ClientFirst<'_> {
    ClientFirst::parse(message.as_bytes()).unwrap_or_else(|| panic!("{message}"))
}

fn begin(
    mechanism: ScramMechanism,
    message: &str,
    stored: Option<&ScramCredential>,
    random: u8,
) -> ScramExchange {
    let secret = ScramSecret::new(SECRET);
    ScramExchange::begin(mechanism, &first(message), stored, (&secret, ITERATIONS), [random; RANDOM_BYTES])
}

/// What an honest client answers, by the book.
fn proof(mechanism: ScramMechanism, password: &str, message: &str, server_first: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let fields: Vec<&str> = server_first.split(',').map(|field| &field[2..]).collect();
    let salt = STANDARD.decode(fields[1]).unwrap();
    let mut salted = vec![0; mechanism.key_bytes()];
    let algorithm = match mechanism {
        ScramMechanism::Sha256 => ring::pbkdf2::PBKDF2_HMAC_SHA256,
        ScramMechanism::Sha512 => ring::pbkdf2::PBKDF2_HMAC_SHA512,
    };
    ring::pbkdf2::derive(algorithm, fields[2].parse().unwrap(), &salt, password.as_bytes(), &mut salted);
    let key = mechanism.hmac(&salted, b"Client Key");
    let gs2 = &message[..message.find("n=").unwrap()];
    let without = format!("c={},r={}", STANDARD.encode(gs2), fields[0]);
    let signed = format!("{},{server_first},{without}", &message[gs2.len()..]);
    let signature = mechanism.hmac(&mechanism.hash(&key), signed.as_bytes());
    let proof: Vec<u8> = key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    format!("{without},p={}", STANDARD.encode(proof))
}

/// The example of RFC 7677, section 3.
#[test]
fn the_example_of_the_rfc() {
    let salted = {
        use base64::Engine;
        let salt = base64::engine::general_purpose::STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let mut salted = [0; 32];
        let rounds = std::num::NonZeroU32::new(4096).unwrap();
        ring::pbkdf2::derive(ring::pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, b"pencil", &mut salted);
        (salted, salt)
    };
    let stored = ScramCredential::of_salted(ScramMechanism::Sha256, &salted.0, &salted.1, 4096).unwrap();
    let mut exchange = begin(ScramMechanism::Sha256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", Some(&stored), 1);
    exchange.replace_nonce("rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_eq!(
        exchange.server_first(),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(
        exchange.finish(last.as_bytes()).as_deref(),
        Some("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    );
}

#[test]
fn the_right_password_and_nothing_else_is_taken() {
    for mechanism in ScramMechanism::ALL {
        let stored = ScramCredential::of_password(mechanism, b"secret", [7; RANDOM_BYTES]);
        for message in ["n,,n=user,r=abc", "n,a=user,n=user,r=abc", "n,,n=a=2Cb=3D,r=abc,ext=1"] {
            let exchange = begin(mechanism, message, Some(&stored), 1);
            let good = proof(mechanism, "secret", message, exchange.server_first());
            assert!(
                exchange.finish(good.as_bytes()).is_some_and(|answer| answer.starts_with("v=")),
                "{message}"
            );
            let wrong = proof(mechanism, "Secret", message, exchange.server_first());
            // Kept from another login, or for another channel.
            let replayed = proof(
                mechanism,
                "secret",
                message,
                begin(mechanism, message, Some(&stored), 2).server_first(),
            );
            let nonce = good.replace("r=abc", "r=abd");
            let channel = good.replacen("c=", "c=eSws", 1);
            let short = format!("{}=", &good[..good.len() - 8]);
            for bad in [
                wrong.as_str(),
                &replayed,
                &nonce,
                &channel,
                &short,
                "",
                "c=biws,r=abc",
                "c=biws,p=AAAA",
                "\0",
            ] {
                assert_eq!(exchange.finish(bad.as_bytes()), None, "{bad}");
            }
        }
    }
}

#[test]
fn a_credential_of_the_other_mechanism_is_nobodys() {
    let stored = ScramCredential::of_password(ScramMechanism::Sha256, b"secret", [7; RANDOM_BYTES]);
    let exchange = begin(ScramMechanism::Sha512, "n,,n=user,r=abc", Some(&stored), 1);
    let last = proof(ScramMechanism::Sha512, "secret", "n,,n=user,r=abc", exchange.server_first());
    assert_eq!(exchange.finish(last.as_bytes()), None);
}

#[test]
fn messages_that_are_refused() {
    let long = format!("n,,n=user,r={}", "a".repeat(MESSAGE_BYTES_MAX));
    for message in [
        "",
        "garbage",
        "y,,n=user,r=abc",
        "p=tls-unique,,n=user,r=abc",
        "n,,m=x,n=user,r=abc",
        "n,,n=,r=abc",
        "n,,n=user,r=",
        "n,,n=user",
        "n,,r=abc,n=user",
        "n,b=x,n=user,r=abc",
        "n,,n=a=b,r=abc",
        "n,,n=a=2,r=abc",
        "n,,n=us\0er,r=abc",
        "n,,n=user,r=a b",
        "n,,n=user,r=abc,tokenauth=true",
        "n,,n=user,r=abc,m=1",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,1=2",
        &long,
    ] {
        assert_eq!(ClientFirst::parse(message.as_bytes()), None, "{message}");
    }
    assert_eq!(ClientFirst::parse(b"n,,n=\xff,r=abc"), None);
    for (message, user, another) in [
        ("n,,n=user,r=abc", "user", false),
        ("n,,n=a=2Cb=3Dc,r=abc", "a,b=c", false),
        ("n,a=user,n=user,r=abc", "user", false),
        ("n,a=other,n=user,r=abc", "user", true),
        ("n,,n=user,r=abc,tokenauth=false", "user", false),
    ] {
        let first = first(message);
        assert_eq!((first.user(), first.acts_for_another()), (user, another), "{message}");
    }
    assert!(ClientFinal::parse(b"c=biws,r=abc,ext=1,p=AAAA").is_some());
    assert!(ClientFinal::parse(b"c=biws,r=abc,m=1,p=AAAA").is_none());
}

#[test]
fn a_stranger_is_answered_like_anybody_and_always_alike() {
    for mechanism in ScramMechanism::ALL {
        let stored = ScramCredential::of_password(mechanism, b"secret", [7; RANDOM_BYTES]);
        let shape = |answer: &str| {
            let fields: Vec<&str> = answer.split(',').collect();
            let salt = fields[1].len();
            assert!((salt == 38 || salt == 34) && fields[2] == "i=8192", "{answer}");
        };
        shape(begin(mechanism, "n,,n=user,r=abc", Some(&stored), 1).server_first());
        let salt = |user: &str, random| {
            let message = format!("n,,n={user},r=abc");
            let exchange = begin(mechanism, &message, None, random);
            shape(exchange.server_first());
            let last = proof(mechanism, "", &message, exchange.server_first());
            assert_eq!(exchange.finish(last.as_bytes()), None);
            exchange.server_first().split(',').nth(1).unwrap().to_owned()
        };
        assert_eq!(salt("nobody", 1), salt("nobody", 2));
        assert_ne!(salt("nobody", 1), salt("noone", 1));
    }
}

/// The least time of many is compared: other load only adds to it.
#[test]
#[allow(clippy::disallowed_methods, reason = "time itself is measured")]
fn a_stranger_takes_as_long_as_anybody() {
    let stored = ScramCredential::of_password(ScramMechanism::Sha256, b"secret", [7; RANDOM_BYTES]);
    let least = |stored: Option<&ScramCredential>| {
        let once = |_| {
            let begun = Instant::now();
            let exchange = begin(ScramMechanism::Sha256, "n,,n=user,r=abc", stored, 1);
            let nonce = exchange.server_first()[2..].split(',').next().unwrap();
            let last = format!("c=biws,r={nonce},p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
            assert_eq!(exchange.finish(last.as_bytes()), None);
            begun.elapsed()
        };
        (0..400).map(once).min().unwrap_or(Duration::MAX)
    };
    let (known, stranger) = (least(Some(&stored)), least(None));
    let (less, more) = (known.min(stranger), known.max(stranger));
    assert!(more < less * 2, "{known:?} {stranger:?}");
}

#[test]
fn bounds_of_what_clients_make_of_a_password() {
    let of = |salted: &[u8], salt: &[u8], iterations| {
        ScramCredential::of_salted(ScramMechanism::Sha256, salted, salt, iterations).map(|c| c.iterations())
    };
    let long = [1; SECRET_BYTES_MAX + 1];
    for (salted, salt, iterations, expected) in [
        (&[1; 32][..], &[2; 8][..], 4096, Ok(4096)),
        (&[1], &[], 16_384, Ok(16_384)),
        (&[1], &[], 4095, Err(ScramFault::TooFewIterations)),
        (&[1], &[], -1, Err(ScramFault::TooFewIterations)),
        (&[1], &[], 16_385, Err(ScramFault::TooManyIterations)),
        (&[], &[], 4096, Err(ScramFault::Empty)),
        (&long, &[], 4096, Err(ScramFault::TooLong)),
        (&[1], &long, 4096, Err(ScramFault::TooLong)),
    ] {
        assert_eq!(of(salted, salt, iterations), expected);
    }
}

#[test]
fn credentials_are_stored_without_the_password_and_read_back() {
    let mut count = 0;
    let all = ScramCredentials::of_password(b"pencil", || {
        count += 1;
        [count; RANDOM_BYTES]
    });
    assert_eq!(all.iter().count(), 2);
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<ScramCredentials>(&text).unwrap(), all);
    assert!(!format!("{all:?}").contains("key"), "{all:?}");
    assert_eq!(serde_json::from_str::<ScramCredentials>("{}").unwrap(), ScramCredentials::default());
    let swapped = text.replace("256", "x").replace("512", "256").replace("\"SCRAM-SHA-x", "\"SCRAM-SHA-512");
    for bad in [swapped.as_str(), &text.replace("8192", "1"), &text.replace("8192", "99999")] {
        assert!(serde_json::from_str::<ScramCredentials>(bad).is_err(), "{bad}");
    }
    let secret = ScramSecret::new(SECRET);
    let text = serde_json::to_string(&secret).unwrap();
    assert_eq!(serde_json::from_str::<ScramSecret>(&text).unwrap(), secret);
    assert!(serde_json::from_str::<ScramSecret>("\"AAAA\"").is_err());
}

#[test]
fn random_texts_are_of_130_bits() {
    assert_eq!(random_text([0; RANDOM_BYTES]), "0");
    let mut one = [0; RANDOM_BYTES];
    one[RANDOM_BYTES - 1] = 35;
    assert_eq!(random_text(one), "z");
    one[RANDOM_BYTES - 1] = 36;
    assert_eq!(random_text(one), "10");
    assert_eq!(random_text([0xff; RANDOM_BYTES]).len(), 26);
}
