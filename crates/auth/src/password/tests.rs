use super::*;

/// base64(salt ++ sha256(salt ++ password)), as RabbitMQ makes it.
fn rabbit_sha256(salt: [u8; 4], password: &str) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(password).finalize();
    STANDARD.encode([salt.as_slice(), digest.as_slice()].concat())
}

#[test]
fn argon2id_round_trips_through_its_string() {
    let hash = PasswordHash::argon2id(b"s3cret", [7; SALT_BYTES]);
    let (text, algorithm) = hash.export();
    assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    let back = PasswordHash::import(&text, algorithm).unwrap();
    assert_eq!(back, hash);
    assert!(back.verify(b"s3cret"));
    assert!(!back.verify(b"s3cret "));
    assert!(!back.is_weak());
}

#[test]
fn imports_rabbitmq_sha256() {
    // The worked example of RabbitMQ's password guide: salt 908DC60A, password "test12".
    let hash =
        PasswordHash::import("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", HashingAlgorithm::Sha256)
            .unwrap();
    assert!(hash.verify(b"test12"));
    assert!(!hash.verify(b"test13"));
    assert!(hash.is_weak());
    assert_eq!(hash.export().0, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
}

#[test]
fn imports_rabbitmq_sha512_and_the_empty_hash() {
    let digest = Sha512::new().chain_update([1, 2, 3, 4]).chain_update("pw").finalize();
    let text = STANDARD.encode([[1, 2, 3, 4].as_slice(), digest.as_slice()].concat());
    let hash = PasswordHash::import(&text, HashingAlgorithm::Sha512).unwrap();
    assert!(hash.verify(b"pw") && !hash.verify(b""));
    let none = PasswordHash::import("", HashingAlgorithm::Sha256).unwrap();
    assert!(!none.is_set() && !none.verify(b""));
}

#[test]
fn refuses_malformed_weak_or_greedy_hashes() {
    let good = PasswordHash::argon2id(b"x", [1; SALT_BYTES]).export().0;
    let cases: &[(&str, HashingAlgorithm)] = &[
        ("not base64!", HashingAlgorithm::Sha256),
        (&rabbit_sha256([0; 4], "x")[4..], HashingAlgorithm::Sha256),
        (&rabbit_sha256([0; 4], "x"), HashingAlgorithm::Sha512),
        ("AAA=", HashingAlgorithm::Sha256),
        (&good.replace("m=19456", "m=99999999"), HashingAlgorithm::Argon2id),
        (&good.replace("t=2", "t=1000"), HashingAlgorithm::Argon2id),
        (&good.replace("p=1", "p=0"), HashingAlgorithm::Argon2id),
        (&good.replace("t=2,p=1", "t=2,p=1,q=3"), HashingAlgorithm::Argon2id),
        (&good.replace("v=19", "v=16"), HashingAlgorithm::Argon2id),
        (&good[..good.len() - 4], HashingAlgorithm::Argon2id),
        (&"A".repeat(100_000), HashingAlgorithm::Sha256),
    ];
    for (text, algorithm) in cases {
        assert!(PasswordHash::import(text, *algorithm).is_err(), "{text:.60}");
    }
}

#[test]
fn names_of_algorithms() {
    for algorithm in [HashingAlgorithm::Argon2id, HashingAlgorithm::Sha256, HashingAlgorithm::Sha512] {
        assert_eq!(HashingAlgorithm::parse(algorithm.as_str()), Ok(algorithm));
    }
    let md5 = HashingAlgorithm::parse("rabbit_password_hashing_md5").unwrap_err();
    assert!(md5.to_string().contains("rabbit_password_hashing_md5"), "{md5}");
}

#[test]
fn debug_hides_the_hash() {
    let hash = PasswordHash::import(&rabbit_sha256([0; 4], "x"), HashingAlgorithm::Sha256).unwrap();
    assert_eq!(format!("{hash:?}"), "PasswordHash(sha256)");
}
