//! What the access rules of a vhost say to one session.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use anymq_auth::acl::{AclSet, Masks, Operation, ResourceKind, Who};
use parking_lot::Mutex;

/// Decisions kept for each connection and kind of resource.
const DECISIONS_MAX: usize = 1024;

/// The access rules of a session's vhost, and what they have said to it. Replaced, decisions and all, when a rule changes.
pub(super) struct Rules {
    set: Arc<AclSet>,
    host: IpAddr,
    denies_writes: bool,
    decided: Mutex<[HashMap<Box<str>, Masks>; ResourceKind::ALL.len()]>,
}

impl Rules {
    pub(super) fn new(set: Arc<AclSet>, user: &str, host: IpAddr) -> Self {
        let denies_writes = set.denies_any(Who { user, host }, ResourceKind::Topic, Operation::Write);
        Rules { set, host, denies_writes, decided: Mutex::default() }
    }

    fn who<'a>(&self, user: &'a str) -> Who<'a> {
        Who { user, host: self.host }
    }

    /// Whether the user is allowed anything.
    pub(super) fn admit(&self, user: &str) -> bool {
        self.set.admits(self.who(user))
    }

    /// Whether the user may not write to some topic.
    pub(super) fn deny_writes(&self) -> bool {
        self.denies_writes
    }

    /// Whether the user is allowed `operation` on some resource of a kind.
    pub(super) fn allow_any(&self, user: &str, kind: ResourceKind, operation: Operation) -> bool {
        self.set.allows_any(self.who(user), kind, operation)
    }

    /// What is said of a resource.
    pub(super) fn masks(&self, user: &str, kind: ResourceKind, name: &str) -> Masks {
        if self.set.is_empty() {
            return Masks::default();
        }
        let decided = &mut self.decided.lock()[kind as usize];
        if let Some(&masks) = decided.get(name) {
            return masks;
        }
        let masks = self.set.masks(self.who(user), kind, name);
        if decided.len() >= DECISIONS_MAX {
            decided.clear();
        }
        decided.insert(name.into(), masks);
        masks
    }
}
