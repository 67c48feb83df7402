//! A heartbeat: joining, leaving, wanting something else, giving up and getting partitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use anymq_types::Millis;
use regex::{Regex, RegexBuilder};

use super::assign::Assignor;
use super::member::PATTERN_BYTES;
use super::{AWAY, Consumer, Member, Share, Topics, by_topic};
use crate::groups::api::{GroupFault, GroupResult};
use crate::groups::consumer_api::{ConsumerBeat, ConsumerHeartbeat};
use crate::groups::{Out, Peer};

/// A heartbeat, and where it came from.
pub(crate) struct Beat<'a> {
    pub(crate) request: &'a ConsumerHeartbeat<'a>,
    pub(crate) peer: Peer,
    pub(crate) topics: &'a dyn Topics,
    pub(crate) members_max: usize,
    pub(crate) session_ms: u64,
    pub(crate) interval_ms: i32,
}

/// Most topics that a member may name.
const TOPICS_MAX: usize = 10_000;

/// Checks what can be checked of a heartbeat by itself.
pub(crate) fn check(request: &ConsumerHeartbeat<'_>) -> GroupResult<()> {
    let invalid = |text: &str| Err(GroupFault::Invalid(text.into()));
    let blank = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let needs_id = request.makes_its_id || request.epoch > 0 || request.epoch == -1;
    if needs_id && request.member.trim().is_empty() {
        return invalid("MemberId can't be empty.");
    }
    if request.group.trim().is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if blank(request.instance) {
        return invalid("InstanceId can't be empty.");
    }
    if blank(request.rack) {
        return invalid("RackId can't be empty.");
    }
    if request.epoch == 0 {
        if request.rebalance_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        if request.topics.is_none() && request.pattern.is_none() {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
            );
        }
    }
    if request.epoch == AWAY && request.instance.is_none() {
        return invalid("InstanceId can't be null.");
    }
    if request.epoch < AWAY {
        return invalid("MemberEpoch is invalid.");
    }
    if request.assignor.is_some_and(|name| Assignor::of(name).is_none()) {
        return Err(GroupFault::UnsupportedAssignor);
    }
    let said: usize = request.topics.iter().flatten().map(|name| name.len()).sum();
    let texts = [Some(request.member), request.instance, request.rack, request.pattern];
    let texts: usize = texts.into_iter().flatten().map(str::len).sum();
    let many = request.topics.as_ref().is_some_and(|topics| topics.len() > TOPICS_MAX);
    if many || said + texts > crate::groups::MEMBER_BYTES_MAX {
        return Err(GroupFault::TooLarge);
    }
    Ok(())
}

fn compile(pattern: &str) -> GroupResult<Option<Arc<Regex>>> {
    if pattern.is_empty() {
        return Ok(None);
    }
    // It is the whole name that has to match.
    let whole = format!("^(?:{pattern})$");
    let fault = |error: regex::Error| GroupFault::InvalidPattern(error.to_string());
    // By itself first: it must not reach out of the group it is put in.
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
        .map_err(fault)?;
    let built = RegexBuilder::new(&whole).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
    built.map(|regex| Some(Arc::new(regex))).map_err(fault)
}

impl Consumer {
    /// A member leaves.
    pub(crate) fn leave(&mut self, request: &ConsumerHeartbeat<'_>) -> GroupResult<ConsumerBeat> {
        let id: Arc<str> = match request.instance {
            None => request.member.into(),
            Some(instance) => {
                let owner = self.instances.get(instance).ok_or(GroupFault::UnknownMember)?;
                if **owner != *request.member {
                    return Err(GroupFault::FencedInstance);
                }
                owner.clone()
            }
        };
        let member = self.members.get_mut(&id).ok_or(GroupFault::UnknownMember)?;
        if request.epoch == AWAY {
            // It keeps its place until its session is over.
            for partition in std::mem::take(&mut member.revoking) {
                self.held.remove(&partition);
            }
            member.revoke = None;
            member.epoch = AWAY;
        } else {
            self.remove(&id);
        }
        Ok(ConsumerBeat { member: id, epoch: request.epoch, interval_ms: 0, assignment: None })
    }

    /// A member joins, or says that it is alive; `fresh` is the id it gets if it has none.
    pub(crate) fn heartbeat(
        &mut self,
        now: Millis,
        beat: &Beat<'_>,
        fresh: Arc<str>,
        out: &mut Out,
    ) -> GroupResult<ConsumerBeat> {
        let request = beat.request;
        let id: Arc<str> = if request.member.is_empty() { fresh } else { request.member.into() };
        let owned: Option<Share> = request.owned.as_ref().map(|owned| {
            owned.iter().flat_map(|(topic, numbers)| numbers.iter().map(|&number| (*topic, number))).collect()
        });
        let pattern = request.pattern.map(compile).transpose()?;
        self.check_epoch(beat, &id, owned.as_ref())?;
        let mut changed = self.enter(&id, request.instance, beat.peer);
        changed |= self.update(beat, &id, pattern);
        changed |= self.seen != beat.topics.version() && self.has_missed(beat.topics);
        if changed {
            self.look_up(beat.topics);
            self.epoch += 1;
        }
        if self.epoch > self.assigned {
            self.assign();
        }
        let before = self.members.get(&id).map(|m| m.assigned.clone());
        self.reconcile(now, &id, owned.as_ref(), out);
        let Some(member) = self.members.get_mut(&id) else { return Err(GroupFault::UnknownMember) };
        let at = Millis(now.0 + beat.session_ms);
        member.session = Some(at);
        out.due(at);
        let says_all = (request.topics.is_some() || request.pattern.is_some()) && owned.is_some();
        let whole = request.epoch == 0 || (request.rebalance_ms != -1 && says_all);
        let differs = before.as_ref() != Some(&member.assigned);
        let answer = ConsumerBeat {
            member: id,
            epoch: member.epoch,
            interval_ms: beat.interval_ms,
            assignment: (whole || differs).then(|| by_topic(&member.assigned)),
        };
        if whole || differs || changed {
            self.weigh();
        }
        Ok(answer)
    }

    /// Whether the member may say what it says: it is one, and its epoch is the present one or the one before.
    fn check_epoch(&self, beat: &Beat<'_>, id: &str, owned: Option<&Share>) -> GroupResult<()> {
        let request = beat.request;
        let joins = request.epoch == 0;
        if self.members.len() >= beat.members_max && !self.members.contains_key(id) {
            return Err(GroupFault::Full);
        }
        let known = match request.instance {
            None => self.members.get(id),
            Some(instance) => match self.instances.get(instance) {
                Some(owner) if **owner == *id => self.members.get(id),
                Some(owner) if joins => {
                    // One of the classic protocol does not say that it goes.
                    let away =
                        self.members.get(owner).is_some_and(|m| m.epoch == AWAY || m.classic.is_some());
                    return if away { Ok(()) } else { Err(GroupFault::UnreleasedInstance) };
                }
                Some(_) => return Err(GroupFault::FencedInstance),
                None if joins => return Ok(()),
                None => return Err(GroupFault::UnknownMember),
            },
        };
        if joins {
            return Ok(());
        }
        let member = known.ok_or(GroupFault::UnknownMember)?;
        // The answer with the present epoch may have been lost; then it has nothing that it may not have.
        let lost = request.epoch == member.previous && owned.is_some_and(|o| o.is_subset(&member.assigned));
        if request.epoch == member.epoch || (request.epoch < member.epoch && lost) {
            Ok(())
        } else {
            Err(GroupFault::FencedEpoch)
        }
    }

    /// Makes sure that the member is one; whether it is new.
    pub(super) fn enter(&mut self, id: &Arc<str>, instance: Option<&str>, peer: Peer) -> bool {
        if let Some(member) = self.members.get_mut(id) {
            if member.epoch == AWAY {
                member.epoch = 0;
                member.previous = 0;
            }
            return false;
        }
        let place = instance.and_then(|instance| self.instances.get(instance).cloned());
        let before = place.and_then(|old| self.members.remove(&old));
        let is_new = before.is_none();
        // A static member comes back, with another id, to its place.
        let mut member = before.unwrap_or_else(|| Member::new(peer.host));
        (member.epoch, member.previous) = (0, 0);
        if let Some(instance) = instance {
            let instance: Arc<str> = instance.into();
            self.instances.insert(instance.clone(), id.clone());
            member.instance = Some(instance);
        }
        self.members.insert(id.clone(), member);
        is_new
    }

    /// Takes over what the member says of itself; whether it wants something else than before.
    fn update(&mut self, beat: &Beat<'_>, id: &str, pattern: Option<Option<Arc<Regex>>>) -> bool {
        let request = beat.request;
        let Some(member) = self.members.get_mut(id) else { return false };
        if let Ok(ms) = u64::try_from(request.rebalance_ms) {
            member.rebalance_ms = ms;
        }
        if let Some(rack) = request.rack {
            member.rack = Some(rack.into());
        }
        if let Some(assignor) = request.assignor {
            member.assignor = Assignor::of(assignor);
        }
        member.classic = None;
        if *member.client_id != *request.client_id {
            member.client_id = beat.peer.client(request.client_id);
        }
        member.host = beat.peer.host;
        let is_other = pattern.is_some();
        let looked_up = member.pattern.is_none() || member.matched_at == beat.topics.version();
        if request.topics.is_none() && !is_other && looked_up {
            return false;
        }
        let wanted = (member.topics.clone(), member.matched.clone());
        if let Some(topics) = &request.topics {
            member.topics = topics.iter().map(|&name| Arc::from(name)).collect();
        }
        if let Some(pattern) = pattern {
            member.pattern = pattern;
        }
        match &member.pattern {
            None => member.matched = BTreeSet::new(),
            Some(pattern) if is_other || member.matched_at != beat.topics.version() => {
                member.matched =
                    beat.topics.names().into_iter().filter(|name| pattern.is_match(name)).collect();
                member.matched_at = beat.topics.version();
            }
            Some(_) => {}
        }
        wanted != (member.topics.clone(), member.matched.clone())
    }

    /// Whether topics that members want have come, gone or grown.
    pub(super) fn has_missed(&mut self, topics: &dyn Topics) -> bool {
        let before = self.topics.clone();
        self.look_up(topics);
        before != self.topics
    }

    /// Knows the topics of members that were taken over.
    pub(crate) fn take_over(&mut self, topics: &dyn Topics) {
        self.look_up(topics);
        self.weigh();
    }

    /// Tells when something is due.
    pub(crate) fn due(&self, out: &mut Out) {
        if let Some(at) = self.next_due() {
            out.due(at);
        }
    }

    /// Looks all topics up that members want.
    pub(super) fn look_up(&mut self, topics: &dyn Topics) {
        let wanted: BTreeSet<&Arc<str>> =
            self.members.values().flat_map(|m| m.topics.iter().chain(&m.matched)).collect();
        let found = wanted.into_iter().filter_map(|name| Some((name.clone(), topics.find(name)?)));
        self.topics = found.collect();
        self.seen = topics.version();
    }

    /// Who most members want to assign; without a preference `uniform`.
    pub(super) fn preferred_assignor(&self) -> Assignor {
        let count = |of| self.members.values().filter(|m| m.assignor == Some(of)).count();
        if count(Assignor::Range) > count(Assignor::Uniform) { Assignor::Range } else { Assignor::Uniform }
    }
}
