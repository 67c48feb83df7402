//! Who may still connect: a total per door, and a cap per address on peers that have not logged in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counters of one door. Clones share one state.
#[derive(Clone, Debug)]
pub struct Admissions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max_connections: u32,
    max_unauthenticated_per_ip: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: u32,
    /// Only addresses with at least one peer that has not logged in; so at most `connections` entries.
    unauthenticated: HashMap<IpAddr, u32>,
}

/// Why a connection is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full(u32),
    TooManyFromAddress(u32),
}

/// One counted connection. The accept loop holds a clone until the door is done with the connection, so a door that
/// drops its own early gives no place back.
#[derive(Clone, Debug)]
pub struct Admission {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    peer: IpAddr,
    logged_in: AtomicBool,
}

impl Admissions {
    /// Counters with these limits.
    pub fn new(max_connections: u32, max_unauthenticated_per_ip: u32) -> Self {
        let counts = Mutex::default();
        Admissions { shared: Arc::new(Shared { max_connections, max_unauthenticated_per_ip, counts }) }
    }

    /// Connections counted now.
    pub fn connections(&self) -> u32 {
        self.shared.lock().connections
    }

    pub(crate) fn admit(&self, peer: IpAddr) -> Result<Admission, Refusal> {
        let peer = peer.to_canonical();
        let mut counts = self.shared.lock();
        if counts.connections >= self.shared.max_connections {
            return Err(Refusal::Full(self.shared.max_connections));
        }
        let limit = self.shared.max_unauthenticated_per_ip;
        let of_peer = counts.unauthenticated.entry(peer).or_default();
        if *of_peer >= limit {
            return Err(Refusal::TooManyFromAddress(limit));
        }
        *of_peer += 1;
        counts.connections += 1;
        let place = Place { shared: self.shared.clone(), peer, logged_in: AtomicBool::new(false) };
        Ok(Admission { place: Arc::new(place) })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    /// The peer has logged in: it no longer counts against its address.
    pub fn logged_in(&self) {
        if !self.place.logged_in.swap(true, Ordering::Relaxed) {
            self.place.shared.lock().forget(self.place.peer);
        }
    }
}

impl Counts {
    fn forget(&mut self, peer: IpAddr) {
        if let Some(count) = self.unauthenticated.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.unauthenticated.remove(&peer);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.shared.lock();
        counts.connections -= 1;
        if !*self.logged_in.get_mut() {
            counts.forget(self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn caps_hold_and_places_come_back() {
        let door = Admissions::new(3, 2);
        let first = door.admit(A).expect("first");
        let second = door.admit(A).expect("second");
        assert_eq!(door.admit(A).expect_err("third of one address"), Refusal::TooManyFromAddress(2));
        first.logged_in();
        first.logged_in(); // A second call must not free a second place.
        let third = door.admit(A).expect("one has logged in");
        assert_eq!(door.admit(B).expect_err("door is full"), Refusal::Full(3));
        drop((first, second, third));
        assert_eq!(door.connections(), 0);
        assert!(door.shared.lock().unauthenticated.is_empty());
    }

    #[test]
    fn mapped_addresses_count_as_their_ipv4_address() {
        let door = Admissions::new(9, 1);
        let _first = door.admit(A).expect("first");
        let mapped = "::ffff:10.0.0.1".parse().expect("address");
        assert_eq!(door.admit(mapped).expect_err("same host"), Refusal::TooManyFromAddress(1));
    }
}
