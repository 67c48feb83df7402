//! How a member comes to its share.

use anymq_types::Millis;

use super::{Consumer, Share, State, Wish};
use crate::groups::Out;

impl Consumer {
    /// Gives every member its target.
    pub(super) fn assign(&mut self) {
        self.assignor = self.preferred_assignor();
        let topics = self.topics.values().copied().collect();
        let wishes: Vec<Wish<'_>> = self
            .members
            .iter()
            .map(|(id, member)| {
                let wanted = self.topics.iter().filter(|(name, _)| member.wants(name));
                let topics = wanted.map(|(_, &(topic, _))| topic).collect();
                Wish { name: member.instance.as_ref().unwrap_or(id), topics, has: &member.target }
            })
            .collect();
        let shares = self.assignor.assign(&wishes, &topics);
        for (member, share) in self.members.values_mut().zip(shares) {
            member.target = share;
        }
        self.assigned = self.epoch;
    }

    /// One step of a member towards its target. `owned` is what it says it has, if it says so.
    pub(super) fn reconcile(&mut self, now: Millis, id: &str, owned: Option<&Share>, out: &mut Out) {
        let Some(member) = self.members.get_mut(id) else { return };
        if member.is_at(self.assigned) {
            return;
        }
        let gave_up = |what: &Share| owned.is_some_and(|owned| owned.is_disjoint(what));
        if member.state == State::Unrevoked {
            if !gave_up(&member.revoking) {
                return;
            }
            // The epoch in which it gave them up is over.
            member.advance(member.epoch + 1);
        }
        for partition in std::mem::take(&mut member.revoking) {
            self.held.remove(&partition);
        }
        let lost: Share = member.assigned.difference(&member.target).copied().collect();
        member.assigned.retain(|partition| !lost.contains(partition));
        if !lost.is_empty() && !gave_up(&lost) {
            member.state = State::Unrevoked;
            member.revoking = lost;
            // One of the classic protocol is told to join again, and has a deadline for that.
            if member.classic.is_none() {
                let at = Millis(now.0 + member.rebalance_ms);
                member.revoke = Some(at);
                out.due(at);
            }
            return;
        }
        for partition in &lost {
            self.held.remove(partition);
        }
        let wanted: Share = member.target.difference(&member.assigned).copied().collect();
        member.state = State::Stable;
        member.revoke = None;
        for partition in wanted {
            if self.held.insert(partition) {
                member.assigned.insert(partition);
            } else {
                member.state = State::Unreleased;
            }
        }
        if member.epoch != self.assigned {
            member.advance(self.assigned);
        }
    }
}
