//! The leader assigns, everybody learns its share.

use anymq_types::Millis;
use bytes::Bytes;

use super::{Classic, Phase};
use crate::groups::api::{GroupAnswer, GroupFault, GroupResult, SyncGroup, Synced};
use crate::groups::{Out, Waiter};

impl Classic {
    /// A member asks for its assignment.
    pub(crate) fn sync(&mut self, now: Millis, request: &SyncGroup<'_>, waiter: Waiter, out: &mut Out) {
        if let Err(fault) = self.check_sync(request) {
            return out.answer(waiter, GroupAnswer::Synced(Err(fault)));
        }
        let id = request.who.member;
        match self.phase {
            Phase::Empty => out.answer(waiter, GroupAnswer::Synced(Err(GroupFault::UnknownMember))),
            Phase::Preparing { .. } => {
                out.answer(waiter, GroupAnswer::Synced(Err(GroupFault::RebalanceInProgress)));
            }
            Phase::Completing => {
                self.members.wait_sync(id, waiter, out);
                self.synced(id);
                if self.is_leader(id) {
                    self.assign(now, request, out);
                }
            }
            Phase::Stable => {
                self.synced(id);
                out.answer(waiter, GroupAnswer::Synced(self.share_of(id)));
            }
        }
    }

    fn check_sync(&self, request: &SyncGroup<'_>) -> GroupResult<()> {
        self.check_member(request.who.member, request.who.instance)?;
        if request.who.generation != self.generation {
            return Err(GroupFault::IllegalGeneration);
        }
        let differs = |said: Option<&str>, is: Option<&str>| said.is_some() && is.is_some() && said != is;
        if differs(request.protocol_type, self.protocol_type.as_deref())
            || differs(request.protocol, self.protocol.as_deref())
        {
            return Err(GroupFault::InconsistentProtocol);
        }
        Ok(())
    }

    fn share_of(&self, id: &str) -> GroupResult<Synced> {
        let member = self.members.get(id).ok_or(GroupFault::UnknownMember)?;
        Ok(Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: member.assignment.clone(),
        })
    }

    fn synced(&mut self, id: &str) {
        if let Some(member) = self.members.get_mut(id) {
            member.unsynced = false;
        }
        if !self.members.iter().any(|(_, m)| m.unsynced) {
            self.syncing = None;
        }
    }

    /// The leader has assigned: those that it left out have nothing.
    fn assign(&mut self, now: Millis, request: &SyncGroup<'_>, out: &mut Out) {
        let mut shares: std::collections::HashMap<&str, &[u8]> =
            request.assignments.iter().copied().collect();
        let ids: Vec<_> = self.members.iter().map(|(id, _)| id.clone()).collect();
        self.phase = Phase::Stable;
        for id in ids {
            let share = Bytes::copy_from_slice(shares.remove(&*id).unwrap_or_default());
            self.members.change(&id, |member| member.assignment = share);
            let synced = self.share_of(&id);
            if self.members.answer_sync(&id, synced, out) {
                self.alive(now, &id, out);
            }
        }
    }

    /// Nobody gets anything in this generation.
    pub(super) fn assign_none(&mut self, now: Millis, fault: &GroupFault, out: &mut Out) {
        let ids: Vec<_> = self.members.iter().map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.members.change(&id, |member| member.assignment = Bytes::new());
            if self.members.answer_sync(&id, Err(fault.clone()), out) {
                self.alive(now, &id, out);
            }
        }
    }
}
