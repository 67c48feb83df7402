//! Members that go.

use anymq_types::Millis;

use super::{Classic, Phase};
use crate::groups::Out;
use crate::groups::api::{GroupFault, GroupResult, Leaving};

impl Classic {
    /// Members leave, or are made to; what became of each.
    pub(crate) fn leave(
        &mut self,
        now: Millis,
        leaving: &[Leaving<'_>],
        out: &mut Out,
    ) -> Vec<GroupResult<()>> {
        let results: Vec<_> = leaving.iter().map(|who| self.leave_one(who, out)).collect();
        if results.iter().any(GroupResult::is_ok) {
            match self.phase {
                Phase::Stable | Phase::Completing => self.rebalance(now, out),
                Phase::Preparing { initial: false } => {
                    self.complete_if_all_joined(now, out);
                }
                Phase::Preparing { initial: true } | Phase::Empty => {}
            }
        }
        results
    }

    fn leave_one(&mut self, who: &Leaving<'_>, out: &mut Out) -> GroupResult<()> {
        if !who.member.is_empty() && self.pending.remove(who.member).is_some() {
            return Ok(());
        }
        let id = if who.member.is_empty() {
            let owner = who.instance.and_then(|instance| self.members.of_instance(instance));
            owner.cloned().ok_or(GroupFault::UnknownMember)?
        } else {
            self.check_member(who.member, who.instance)?;
            who.member.into()
        };
        self.members.turn_away(&id, &GroupFault::UnknownMember, out);
        self.forget(&id);
        Ok(())
    }
}
