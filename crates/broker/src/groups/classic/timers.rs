//! What happens in a classic group by itself.

use anymq_types::Millis;

use super::{Classic, Limits, NEW_MEMBER_MS, Phase};
use crate::groups::Out;
use crate::groups::api::GroupFault;

impl Classic {
    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Millis, limits: &Limits, out: &mut Out) {
        let late: Vec<_> =
            self.pending.iter().filter(|&(_, &at)| at <= now).map(|(id, _)| id.clone()).collect();
        for id in late {
            self.pending.remove(&id);
            self.complete_if_all_joined(now, out);
        }
        let is_late = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        let late: Vec<_> =
            self.members.iter().filter(|(_, m)| is_late(m.deadline)).map(|(id, _)| id.clone()).collect();
        for id in late {
            self.session_over(now, &id, out);
        }
        if let Some(timer) = self.joining.filter(|timer| timer.at <= now) {
            self.joining = None;
            self.join_time_over(now, timer.initial, limits, out);
        }
        if is_late(self.syncing) {
            self.syncing = None;
            self.sync_time_over(now, out);
        }
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let members = self.members.iter().filter_map(|(_, m)| m.deadline);
        let joining = self.joining.map(|timer| timer.at);
        members.chain(self.pending.values().copied()).chain(joining).chain(self.syncing).min()
    }

    /// A member has been heard of: its session begins anew.
    pub(super) fn alive(&mut self, now: Millis, id: &str, out: &mut Out) {
        if let Some(member) = self.members.get_mut(id) {
            let at = Millis(now.0 + member.session_ms);
            member.deadline = Some(at);
            out.due(at);
        }
    }

    /// A member that is new waits, longer than a session, for its first generation.
    pub(super) fn awaited(&mut self, now: Millis, id: &str, out: &mut Out) {
        if let Some(member) = self.members.get_mut(id) {
            let at = Millis(now.0 + NEW_MEMBER_MS);
            member.deadline = Some(at);
            out.due(at);
        }
    }

    fn session_over(&mut self, now: Millis, id: &str, out: &mut Out) {
        let Some(member) = self.members.get_mut(id) else { return };
        // Those that wait for others are alive, but whoever waits for its first generation may have gone unseen.
        if member.is_waiting() && !member.is_new {
            member.deadline = None;
            return;
        }
        self.members.turn_away(id, &GroupFault::UnknownMember, out);
        self.forget(id);
        match self.phase {
            Phase::Stable | Phase::Completing => self.rebalance(now, out),
            Phase::Preparing { .. } => {
                self.complete_if_all_joined(now, out);
            }
            Phase::Empty => {}
        }
    }

    fn sync_time_over(&mut self, now: Millis, out: &mut Out) {
        if !matches!(self.phase, Phase::Completing | Phase::Stable) {
            return;
        }
        let late: Vec<_> =
            self.members.iter().filter(|(_, m)| m.unsynced).map(|(id, _)| id.clone()).collect();
        if late.is_empty() {
            return;
        }
        for id in &late {
            self.members.turn_away(id, &GroupFault::UnknownMember, out);
            self.forget(id);
        }
        self.rebalance(now, out);
    }
}
