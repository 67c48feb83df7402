use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::password::HashingAlgorithm;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn attempt<'a>(user: &'a str, password: &'a [u8], now: u64) -> Attempt<'a> {
    Attempt { user, password, peer: LOCAL, now: Millis(now) }
}

/// A hash that is cheap to verify: password "test12".
fn cheap() -> PasswordHash {
    PasswordHash::import("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", HashingAlgorithm::Sha256)
        .unwrap()
}

fn authenticator(remember_ms: u64, remembered_max: usize) -> Authenticator {
    let config = Config { remember_ms, remembered_max, ..Config::default() };
    Authenticator::new(config, [3; 32])
}

#[test]
fn guest_comes_from_this_host_only() {
    let users = LoopbackUsers::default();
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let far: IpAddr = Ipv4Addr::new(10, 0, 0, 1).into();
    let far_mapped = IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped());
    for (user, peer, admitted) in [
        ("guest", LOCAL, true),
        ("guest", Ipv4Addr::new(127, 8, 8, 8).into(), true),
        ("guest", Ipv6Addr::LOCALHOST.into(), true),
        ("guest", mapped, true),
        ("guest", far, false),
        ("guest", far_mapped, false),
        ("guest", Ipv4Addr::UNSPECIFIED.into(), false),
        ("alice", far, true),
    ] {
        assert_eq!(users.admits(user, peer), admitted, "{user} from {peer}");
    }
    assert!(LoopbackUsers::new(Vec::new()).admits("guest", far));
}

#[test]
fn verifies_and_refuses() {
    let auth = authenticator(1000, 16);
    let (stored, none) = (cheap(), PasswordHash::none());
    let long = vec![b'x'; PASSWORD_BYTES_MAX + 1];
    assert_eq!(auth.verify(attempt("a", b"test12", 0), Some(&stored)), Ok(()));
    for (password, stored, refusal) in [
        (b"wrong".as_slice(), Some(&stored), Refusal::BadCredentials),
        (b"test12", None, Refusal::BadCredentials),
        (b"test12", Some(&none), Refusal::BadCredentials),
        (b"", Some(&none), Refusal::BlankPassword),
        (b"", None, Refusal::BlankPassword),
        (&long, Some(&stored), Refusal::PasswordTooLong),
    ] {
        assert_eq!(auth.verify(attempt("a", password, 0), stored), Err(refusal));
    }
    let far = Attempt { peer: Ipv4Addr::new(10, 0, 0, 1).into(), ..attempt("guest", b"test12", 0) };
    assert_eq!(auth.verify(far, Some(&stored)), Err(Refusal::LoopbackOnly));
}

#[test]
fn remembers_a_success_until_it_ages_or_the_password_changes() {
    let auth = authenticator(1000, 16);
    let stored = cheap();
    assert_eq!(auth.admit(attempt("a", b"test12", 0), Some(&stored)), Ok(false));
    auth.verify(attempt("a", b"test12", 0), Some(&stored)).unwrap();
    assert_eq!(auth.admit(attempt("a", b"test12", 999), Some(&stored)), Ok(true));
    assert_eq!(auth.admit(attempt("a", b"test12", 1000), Some(&stored)), Ok(false));
    assert_eq!(auth.admit(attempt("b", b"test12", 1), Some(&stored)), Ok(false), "another user");
    assert_eq!(auth.admit(attempt("a", b"test1", 1), Some(&stored)), Ok(false), "another password");
    assert_eq!(
        auth.admit(attempt("a", b"test12", 1), Some(&PasswordHash::none())),
        Ok(false),
        "another hash"
    );
    auth.forget_all();
    assert_eq!(auth.admit(attempt("a", b"test12", 1), Some(&stored)), Ok(false));
}

#[test]
fn a_failure_is_not_remembered() {
    let auth = authenticator(1000, 16);
    let stored = cheap();
    auth.verify(attempt("a", b"wrong", 0), Some(&stored)).unwrap_err();
    assert_eq!(auth.admit(attempt("a", b"wrong", 1), Some(&stored)), Ok(false));
}

#[test]
fn the_memory_is_bounded() {
    let auth = authenticator(1_000_000, 64);
    let stored = cheap();
    for i in 0..1000 {
        auth.verify(attempt(&format!("user{i}"), b"test12", i), Some(&stored)).unwrap();
        let remembered = auth.remembered();
        assert!(remembered.young.len() + remembered.old.len() <= 64);
    }
    assert_eq!(auth.admit(attempt("user999", b"test12", 1000), Some(&stored)), Ok(true));
    assert_eq!(auth.admit(attempt("user0", b"test12", 1000), Some(&stored)), Ok(false));
}
