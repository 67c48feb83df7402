//! Members, and what is counted over them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use anymq_types::Millis;
use bytes::Bytes;

use crate::groups::api::{GroupAnswer, GroupFault, GroupResult, Joined, Synced};
use crate::groups::{ENTRY_BYTES, Out, Waiter};

/// Protocols with a member's metadata for each, those it likes best first.
pub(crate) type Protocols = Vec<(Arc<str>, Bytes)>;

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) host: IpAddr,
    pub(crate) session_ms: u64,
    pub(crate) rebalance_ms: u64,
    pub(crate) protocols: Protocols,
    pub(crate) assignment: Bytes,
    /// It waits for the others to join.
    join: Option<Waiter>,
    /// It waits for the leader to assign.
    sync: Option<Waiter>,
    /// It has not been in any generation yet.
    pub(crate) is_new: bool,
    /// It has not asked for its assignment in this generation.
    pub(crate) unsynced: bool,
    /// Without a word until then it is out; [`None`] while it waits for others.
    pub(crate) deadline: Option<Millis>,
}

impl Member {
    pub(crate) fn new(instance: Option<Arc<str>>, client_id: Arc<str>, host: IpAddr) -> Self {
        Member {
            instance,
            client_id,
            host,
            session_ms: 0,
            rebalance_ms: 0,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            join: None,
            sync: None,
            is_new: true,
            unsynced: false,
            deadline: None,
        }
    }

    pub(crate) fn is_joining(&self) -> bool {
        self.join.is_some()
    }

    /// It waits for others, and need not say that it is alive.
    pub(crate) fn is_waiting(&self) -> bool {
        self.join.is_some() || self.sync.is_some()
    }

    /// Its metadata for a protocol; empty if it does not know it.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|(name, _)| **name == *protocol)
            .map_or_else(Bytes::new, |(_, m)| m.clone())
    }

    /// Whether it says the same of itself.
    pub(crate) fn knows(&self, protocols: &[(&str, &[u8])]) -> bool {
        self.protocols.len() == protocols.len()
            && self.protocols.iter().zip(protocols).all(|(a, b)| *a.0 == *b.0 && *a.1 == *b.1)
    }

    fn bytes(&self) -> u64 {
        let protocols: usize = self.protocols.iter().map(|(name, m)| name.len() + m.len() + 64).sum();
        let names = self.client_id.len() + self.instance.as_ref().map_or(0, |i| i.len());
        (protocols + names + self.assignment.len()) as u64 + ENTRY_BYTES
    }
}

/// All members of a group, by id.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: BTreeMap<Arc<str>, Member>,
    by_instance: BTreeMap<Arc<str>, Arc<str>>,
    /// How many members know a protocol.
    votes: BTreeMap<Arc<str>, usize>,
    /// How many wait for the others to join.
    joining: usize,
    bytes: u64,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn joining(&self) -> usize {
        self.joining
    }

    pub(crate) fn all_joining(&self) -> bool {
        self.joining == self.by_id.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Member> {
        self.by_id.get(id)
    }

    /// For changes of what nothing is counted over: deadlines, who waits for an assignment.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Member)> {
        self.by_id.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Member)> {
        self.by_id.iter_mut()
    }

    pub(crate) fn of_instance(&self, instance: &str) -> Option<&Arc<str>> {
        self.by_instance.get(instance)
    }

    /// Whether every member knows the protocol.
    pub(crate) fn all_know(&self, protocol: &str) -> bool {
        self.votes.get(protocol).copied().unwrap_or(0) == self.by_id.len()
    }

    /// The protocol that all know and most would take, of those the first by name.
    pub(crate) fn elect(&self) -> Option<Arc<str>> {
        let mut ballots: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.by_id.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| self.all_know(name)) {
                *ballots.entry(name).or_default() += 1;
            }
        }
        ballots.into_iter().rev().max_by_key(|&(_, n)| n).map(|(name, _)| name.clone())
    }

    /// The longest that any of them needs to join again.
    pub(crate) fn rebalance_ms(&self) -> u64 {
        self.by_id.values().map(|m| m.rebalance_ms).max().unwrap_or(0)
    }

    pub(crate) fn insert(&mut self, id: Arc<str>, member: Member) {
        if let Some(instance) = &member.instance {
            self.by_instance.insert(instance.clone(), id.clone());
        }
        self.count(&member);
        let before = self.by_id.insert(id, member);
        debug_assert!(before.is_none(), "a member joins once");
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Member> {
        let member = self.by_id.remove(id)?;
        self.uncount(&member);
        if let Some(instance) = &member.instance
            && self.by_instance.get(instance).is_some_and(|owner| **owner == *id)
        {
            self.by_instance.remove(instance);
        }
        Some(member)
    }

    /// Changes a member in any way.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Member)) {
        let Some((key, mut member)) = self.by_id.remove_entry(id) else { return };
        self.uncount(&member);
        change(&mut member);
        self.count(&member);
        self.by_id.insert(key, member);
    }

    /// The member waits for the others to join. Whoever did so in its name before hears that it shall ask again.
    pub(crate) fn wait_join(&mut self, id: &str, waiter: Waiter, out: &mut Out) {
        let fault = Some(GroupFault::RebalanceInProgress);
        self.answer_join(id, Joined { fault, member: id.into(), generation: -1, ..Joined::default() }, out);
        if let Some(member) = self.by_id.get_mut(id) {
            member.join = Some(waiter);
            self.joining += 1;
        }
    }

    /// The member waits for its assignment. Whoever did so in its name before hears that it shall ask again.
    pub(crate) fn wait_sync(&mut self, id: &str, waiter: Waiter, out: &mut Out) {
        self.answer_sync(id, Err(GroupFault::RebalanceInProgress), out);
        if let Some(member) = self.by_id.get_mut(id) {
            member.sync = Some(waiter);
        }
    }

    /// Answers a member that waits for the others to join; whether it did.
    pub(crate) fn answer_join(&mut self, id: &str, joined: Joined, out: &mut Out) -> bool {
        let Some(waiter) = self.by_id.get_mut(id).and_then(|m| m.join.take()) else { return false };
        self.joining -= 1;
        out.answer(waiter, GroupAnswer::Joined(joined));
        true
    }

    /// Answers a member that waits for its assignment; whether it did.
    pub(crate) fn answer_sync(&mut self, id: &str, synced: GroupResult<Synced>, out: &mut Out) -> bool {
        let Some(waiter) = self.by_id.get_mut(id).and_then(|m| m.sync.take()) else { return false };
        out.answer(waiter, GroupAnswer::Synced(synced));
        true
    }

    /// Tells a member, in whatever it waits for, that it is out.
    pub(crate) fn turn_away(&mut self, id: &str, fault: &GroupFault, out: &mut Out) {
        let member: Arc<str> = if *fault == GroupFault::UnknownMember { Arc::default() } else { id.into() };
        let joined = Joined { fault: Some(fault.clone()), member, generation: -1, ..Joined::default() };
        self.answer_join(id, joined, out);
        self.answer_sync(id, Err(fault.clone()), out);
    }

    fn count(&mut self, member: &Member) {
        for (name, _) in &member.protocols {
            *self.votes.entry(name.clone()).or_default() += 1;
        }
        self.joining += usize::from(member.is_joining());
        self.bytes += member.bytes();
    }

    fn uncount(&mut self, member: &Member) {
        for (name, _) in &member.protocols {
            if let Some(votes) = self.votes.get_mut(name) {
                *votes -= 1;
                if *votes == 0 {
                    self.votes.remove(name);
                }
            }
        }
        self.joining -= usize::from(member.is_joining());
        self.bytes -= member.bytes();
    }
}
