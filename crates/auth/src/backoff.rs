//! Slows down whoever guesses passwords: by source address, in bounded memory.
//!
//! ```text
//!   failures   1 … 5    6        7        8    …
//!   then wait    0    100 ms   200 ms   400 ms …  5 s        (this machine: 20 free, 50 ms … 500 ms)
//! ```
//!
//! The wait comes before the password is looked at, and attempts of one address stand in one line: to try many at once
//! gains nothing. Who would have to stand in line for longer than the longest wait is refused unheard.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anymq_types::Millis;

/// Most addresses remembered; each takes about 64 bytes. The one that has been quiet for longest makes room.
const ADDRESSES_MAX: usize = 4096;
/// An address that has not failed for so long starts afresh, in milliseconds.
const FORGET_MS: u64 = 5 * 60_000;

/// How much an address may get wrong, and what then follows.
struct Pace {
    /// Failures without a wait.
    free: u32,
    /// The first wait, doubled with each further failure.
    first_ms: u64,
    longest_ms: u64,
}

const REMOTE: Pace = Pace { free: 5, first_ms: 100, longest_ms: 5_000 };
/// Programs on one machine share its address, and whoever is here already need not guess.
const LOOPBACK: Pace = Pace { free: 20, first_ms: 50, longest_ms: 500 };

/// When an attempt to log in may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// After so many milliseconds.
    After(u64),
    /// Not at all: too many wait already.
    Never,
}

/// Failed logins by address. Shared by all doors; never blocks but for its own short lock.
#[derive(Debug, Default)]
pub struct Backoff {
    failed: Mutex<HashMap<IpAddr, Failed>>,
    held_back: AtomicU64,
}

#[derive(Debug)]
struct Failed {
    times: u32,
    last: Millis,
    /// When the next attempt may be looked at.
    next: Millis,
}

impl Backoff {
    /// Takes a place in the address's line.
    pub fn turn(&self, peer: IpAddr, now: Millis) -> Turn {
        let (source, pace) = source(peer);
        let mut failed = self.lock();
        let Some(entry) = failed.get_mut(&source) else { return Turn::Now };
        if now.0.saturating_sub(entry.last.0) >= FORGET_MS {
            failed.remove(&source);
            return Turn::Now;
        }
        let wait = entry.next.0.saturating_sub(now.0);
        if wait > pace.longest_ms {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            return Turn::Never;
        }
        entry.next = Millis(entry.next.0.max(now.0) + pace.wait_ms(entry.times));
        if wait == 0 {
            return Turn::Now;
        }
        self.held_back.fetch_add(1, Ordering::Relaxed);
        Turn::After(wait)
    }

    /// A login from there was refused.
    pub fn failed(&self, peer: IpAddr, now: Millis) {
        let (source, pace) = source(peer);
        let mut failed = self.lock();
        if failed.len() >= ADDRESSES_MAX && !failed.contains_key(&source) {
            let quiet = failed.iter().min_by_key(|(_, entry)| entry.last).map(|(source, _)| *source);
            quiet.and_then(|quiet| failed.remove(&quiet));
        }
        let entry = failed.entry(source).or_insert(Failed { times: 0, last: now, next: now });
        entry.times = entry.times.saturating_add(1);
        entry.last = now;
        entry.next = entry.next.max(Millis(now.0 + pace.wait_ms(entry.times)));
    }

    /// A login from there succeeded: all is forgiven.
    pub fn succeeded(&self, peer: IpAddr) {
        self.lock().remove(&source(peer).0);
    }

    /// Attempts that had to wait, or were refused unheard, since the start.
    pub fn held_back(&self) -> u64 {
        self.held_back.load(Ordering::Relaxed)
    }

    /// Addresses remembered.
    pub fn addresses(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Failed>> {
        // A map of counters is valid after any panic.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    fn wait_ms(&self, times: u32) -> u64 {
        match times.checked_sub(self.free) {
            None => 0,
            Some(over) => (self.first_ms << over.min(16)).min(self.longest_ms),
        }
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, since a host may use all of it.
fn source(peer: IpAddr) -> (IpAddr, &'static Pace) {
    match peer.to_canonical() {
        peer if peer.is_loopback() => (peer, &LOOPBACK),
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            (IpAddr::V6(Ipv6Addr::from_bits(network)), &REMOTE)
        }
        v4 => (v4, &REMOTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "192.0.2.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Fails `times` from one address at time 0.
    fn after(peer: &str, times: u32) -> Backoff {
        let backoff = Backoff::default();
        (0..times).for_each(|_| backoff.failed(ip(peer), Millis(0)));
        backoff
    }

    #[test]
    fn waits_grow_to_a_bound() {
        let cases = [
            (HOST, 4, Turn::Now),
            (HOST, 5, Turn::After(100)),
            (HOST, 6, Turn::After(200)),
            (HOST, 9, Turn::After(1_600)),
            (HOST, 1_000, Turn::After(5_000)),
            ("127.0.0.1", 19, Turn::Now),
            ("::ffff:127.0.0.1", 20, Turn::After(50)),
            ("::1", 1_000, Turn::After(500)),
        ];
        for (peer, times, expected) in cases {
            assert_eq!(after(peer, times).turn(ip(peer), Millis(0)), expected, "{peer} {times}");
        }
    }

    #[test]
    fn attempts_at_once_stand_in_line_and_the_line_is_bounded() {
        let backoff = after(HOST, 9);
        let turns: Vec<Turn> = (0..5).map(|_| backoff.turn(ip(HOST), Millis(0))).collect();
        assert_eq!(
            turns,
            [Turn::After(1_600), Turn::After(3_200), Turn::After(4_800), Turn::Never, Turn::Never]
        );
        assert_eq!(backoff.held_back(), 5);
        assert_eq!(backoff.turn(ip("192.0.2.2"), Millis(0)), Turn::Now);
        assert_eq!(backoff.turn(ip(HOST), Millis(6_400)), Turn::Now, "the line is over");
    }

    #[test]
    fn success_and_time_forgive() {
        let backoff = after(HOST, 9);
        backoff.succeeded(ip(HOST));
        assert_eq!((backoff.turn(ip(HOST), Millis(0)), backoff.addresses()), (Turn::Now, 0));
        let backoff = after(HOST, 9);
        assert_eq!(backoff.turn(ip(HOST), Millis(FORGET_MS)), Turn::Now);
        assert_eq!(backoff.addresses(), 0);
    }

    #[test]
    fn a_network_is_one_address_and_memory_is_bounded() {
        let backoff = Backoff::default();
        for host in 0..9u32 {
            backoff.failed(ip(&format!("2001:db8::{host:x}")), Millis(0));
        }
        assert_eq!(backoff.addresses(), 1);
        assert_eq!(backoff.turn(ip("2001:db8::ffff"), Millis(0)), Turn::After(1_600));
        for host in 0..3 * ADDRESSES_MAX as u32 {
            backoff.failed(IpAddr::from((0x0a00_0000 + host).to_be_bytes()), Millis(u64::from(host) + 1));
        }
        assert_eq!(backoff.addresses(), ADDRESSES_MAX);
        assert_eq!(backoff.turn(ip("2001:db8::ffff"), Millis(1)), Turn::Now, "the quietest made room");
    }
}
