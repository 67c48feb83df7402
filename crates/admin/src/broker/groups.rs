//! Groups: listed, shown, their offsets set anew, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_api::{
    Group, GroupOffset, Member, OffsetChange, Page, Problem, ResetOffsets, ResetPlan, ResetTo, TopicPart,
    codes,
};
use anymq_broker::topics::{OffsetFound, OffsetOf};
use anymq_broker::{
    Commit, CommitOffsets, GroupFault, GroupKind, GroupState, GroupStatus, InGroup, Session, TopicRef,
};
use anymq_types::{Millis, QueueId};

use super::{BrokerHall, not_found, problem, unreadable, vhost_id};
use crate::access::Operator;
use crate::hall::{Filter, Result};

/// Most partitions whose offsets are set anew at once.
const PARTITIONS_MAX: usize = 10_000;

/// A partition whose offset is set anew.
struct Target {
    id: QueueId,
    change: OffsetChange,
}

impl BrokerHall {
    pub(super) fn list_groups(&self, filter: &Filter) -> Page<Group> {
        let names = self.broker.group_names(|vhost, name| filter.takes(vhost, name));
        let Page { items, total } = filter.page(names.into_iter());
        let found = items.iter().filter_map(|(vhost, name)| self.broker.group(vhost, name));
        let items = found.map(|status| self.group(&status)).collect();
        Page { items, total }
    }

    /// Groups are given whole or not at all, so that their sums are right.
    pub(super) fn list_group_statuses(&self, limit: usize) -> (Vec<GroupStatus>, u64) {
        let (mut found, mut room, mut beyond) = (Vec::new(), limit, 0);
        for (vhost, name) in self.broker.group_names(|_, _| true) {
            if room == 0 {
                beyond += 1;
                continue;
            }
            let Some(status) = self.broker.group(&vhost, &name) else { continue };
            // One without offsets has a line too.
            match room.checked_sub(status.offsets.len().max(1)) {
                Some(left) => {
                    room = left;
                    found.push(status);
                }
                None => beyond += status.offsets.len() as u64,
            }
        }
        (found, beyond)
    }

    pub(super) fn one_group(&self, vhost: &str, name: &str) -> Result<Group> {
        self.broker.catalog(|c| vhost_id(c, vhost))?;
        let status = self.broker.group(vhost, name).ok_or_else(|| no_group(name, vhost))?;
        let now = self.broker.now();
        let member = |member: &anymq_broker::GroupMember| Member {
            id: member.id.to_string(),
            instance: member.instance.as_ref().map(|name| name.to_string()),
            client_id: member.client_id.to_string(),
            host: member.host.to_string(),
            assigned: member.assigned.iter().map(|(topic, numbers)| part(topic, numbers)).collect(),
        };
        let offset = |offset: &anymq_broker::GroupOffset| GroupOffset {
            topic: offset.topic.to_string(),
            partition: offset.partition,
            committed: offset.committed,
            first_offset: offset.first,
            stable_offset: offset.stable,
            next_offset: offset.end,
            lag: offset.lag(),
            stable_lag: offset.stable_lag(),
            lag_ms: since(offset.waiting_since, now),
        };
        Ok(Group {
            member_detail: status.members.iter().map(member).collect(),
            offsets: status.offsets.iter().map(offset).collect(),
            ..self.group(&status)
        })
    }

    fn group(&self, status: &GroupStatus) -> Group {
        Group {
            vhost: status.vhost.to_string(),
            name: status.name.to_string(),
            kind: kind_name(status.kind).to_owned(),
            state: state_name(status.state).to_owned(),
            protocol_type: status.protocol_type.to_string(),
            protocol: status.protocol.to_string(),
            members: status.members.len() as u64,
            partitions: status.offsets.len() as u64,
            lag: status.lag(),
            lag_ms: since(status.waiting_since(), self.broker.now()),
            member_detail: Vec::new(),
            offsets: Vec::new(),
        }
    }

    pub(super) fn remove_group(&self, operator: &Operator, vhost: &str, name: &str) -> Result<()> {
        let session = self.session(operator, vhost)?;
        let done = session.delete_group(name).map_err(|fault| group_problem(&fault, name, vhost))?;
        self.settled(Ok(done))
    }

    pub(super) fn reset_group(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        ask: &ResetOffsets,
    ) -> Result<ResetPlan> {
        let session = self.session(operator, vhost)?;
        let status = self.broker.group(vhost, name);
        if status.is_none() && ask.of.is_empty() {
            return Err(no_group(name, vhost));
        }
        if let Some(members) = status.as_ref().map(|s| s.members.len()).filter(|&n| n > 0) {
            return Err(Problem::new(&codes::GROUP_IN_USE, format!("group {name:?} has {members} members")));
        }
        let mut targets = targets(&session, status.as_ref(), &ask.of)?;
        for target in &mut targets {
            target.change.after = self.place(&session, target, ask.to)?;
        }
        if ask.execute {
            self.commit(&session, name, &targets)?;
        }
        let offsets = targets.into_iter().map(|target| target.change).collect();
        Ok(ResetPlan { executed: ask.execute, offsets })
    }

    /// Where a partition's offset goes.
    fn place(&self, session: &Session, target: &Target, to: ResetTo) -> Result<u64> {
        let edge = |of| match session.offset_of(target.id, of) {
            Ok(OffsetFound::Offset(offset)) => Ok(offset),
            Ok(_) => Err(Problem::new(&codes::INTERNAL, "an edge is no offset")),
            Err(error) => Err(unreadable(error)),
        };
        let (first, next) = (edge(OffsetOf::First)?, edge(OffsetOf::Next { stable_only: false })?);
        let since =
            |at| session.first_since(target.id, at).map(|found| found.unwrap_or(next)).map_err(unreadable);
        let wanted = match to {
            ResetTo::Earliest => first,
            ResetTo::Latest => next,
            ResetTo::Offset(offset) => offset,
            ResetTo::At(at) => since(Millis(at))?,
            ResetTo::BackMs(ms) => since(Millis(self.broker.now().0.saturating_sub(ms)))?,
            ResetTo::Shift(by) => match target.change.before {
                Some(before) => before.saturating_add_signed(by),
                None => {
                    let OffsetChange { topic, partition, .. } = &target.change;
                    let what = format!(
                        "nothing is committed for topic {topic:?} partition {partition}: nothing to shift"
                    );
                    return Err(Problem::new(&codes::ARGUMENT_INVALID, what)
                        .fix("give another place, as --to-earliest"));
                }
            },
        };
        Ok(wanted.clamp(first, next))
    }

    fn commit(&self, session: &Session, group: &str, targets: &[Target]) -> Result<()> {
        let mut topics: BTreeMap<&str, Vec<Commit<'_>>> = BTreeMap::new();
        for OffsetChange { topic, partition, after, .. } in targets.iter().map(|target| &target.change) {
            topics.entry(topic).or_default().push(Commit {
                partition: partition.cast_signed(),
                offset: after.cast_signed(),
                epoch: -1,
                metadata: "",
            });
        }
        let refused = |fault: &GroupFault| match fault {
            // Whoever commits makes a group that is not there; this one is of a kind that commits none.
            GroupFault::NotFound => {
                let what = format!("group {group:?} is of a kind that commits no offsets");
                Problem::new(&codes::NOT_OFFERED, what)
            }
            fault => group_problem(fault, group, session.vhost()),
        };
        let request = CommitOffsets {
            // Nobody in particular; the broker refuses it once there is a member.
            who: InGroup { group, generation: -1, ..InGroup::default() },
            knows_epochs: true,
            in_transaction: false,
            topics: topics.into_iter().map(|(topic, commits)| (TopicRef::Name(topic), commits)).collect(),
        };
        let done = session.commit_offsets(&request).map_err(|fault| refused(&fault))?;
        self.broker.wait_committed(done.commit).map_err(problem)?;
        match done.topics.iter().flatten().find_map(|result| result.as_ref().err()) {
            Some(fault) => Err(refused(fault)),
            None => Ok(()),
        }
    }
}

/// The partitions that are meant, in order.
fn targets(session: &Session, status: Option<&GroupStatus>, of: &[TopicPart]) -> Result<Vec<Target>> {
    let mut known: BTreeMap<(Arc<str>, u32), Option<u64>> = BTreeMap::new();
    let committed = status.iter().flat_map(|status| &status.offsets);
    known.extend(committed.map(|offset| ((offset.topic.clone(), offset.partition), Some(offset.committed))));
    let mut wanted: BTreeMap<(Arc<str>, u32), Option<u64>> = BTreeMap::new();
    for TopicPart { topic, partitions } in of {
        let count = session.partitions_of(topic).map_err(problem)?.len() as u32;
        let numbers = if partitions.is_empty() { (0..count).collect() } else { partitions.clone() };
        let topic: Arc<str> = topic.as_str().into();
        for number in numbers {
            let key = (topic.clone(), number);
            let before = known.get(&key).copied().flatten();
            wanted.insert(key, before);
        }
    }
    let wanted = if of.is_empty() { known } else { wanted };
    if wanted.len() > PARTITIONS_MAX {
        let what = format!("{} partitions, at most {PARTITIONS_MAX} at once", wanted.len());
        return Err(Problem::new(&codes::LIMIT_REACHED, what).fix("name some of the topics: --topic NAME"));
    }
    let mut partitions: BTreeMap<Arc<str>, Vec<QueueId>> = BTreeMap::new();
    let mut targets = Vec::with_capacity(wanted.len());
    for ((topic, number), before) in wanted {
        if !partitions.contains_key(&topic) {
            partitions.insert(topic.clone(), session.partitions_of(&topic).map_err(problem)?);
        }
        let id = partitions.get(&topic).and_then(|all| all.get(number as usize)).copied();
        let missing = || not_found("partition", &format!("{topic}:{number}"), session.vhost());
        let id = id.ok_or_else(missing)?;
        let change = OffsetChange { topic: topic.to_string(), partition: number, before, after: 0 };
        targets.push(Target { id, change });
    }
    Ok(targets)
}

fn part(topic: &str, numbers: &[i32]) -> TopicPart {
    let mut partitions: Vec<u32> = numbers.iter().filter_map(|&n| u32::try_from(n).ok()).collect();
    partitions.sort_unstable();
    TopicPart { topic: topic.to_owned(), partitions }
}

fn since(at: Option<Millis>, now: Millis) -> u64 {
    at.map_or(0, |at| now.0.saturating_sub(at.0))
}

fn no_group(name: &str, vhost: &str) -> Problem {
    not_found("group", name, vhost).fix("anymq group ls shows which there are")
}

/// How operators call a group's kind.
fn kind_name(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Classic => "classic",
        GroupKind::Consumer => "consumer",
        GroupKind::Share => "share",
    }
}

fn state_name(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "empty",
        GroupState::PreparingRebalance => "preparing_rebalance",
        GroupState::CompletingRebalance => "completing_rebalance",
        GroupState::Stable => "stable",
        GroupState::Assigning => "assigning",
        GroupState::Reconciling => "reconciling",
    }
}

fn group_problem(fault: &GroupFault, group: &str, vhost: &str) -> Problem {
    let code = match fault {
        GroupFault::NotFound => return no_group(group, vhost),
        GroupFault::NoTopic | GroupFault::NoPartition => &codes::NOT_FOUND,
        GroupFault::Forbidden | GroupFault::TopicForbidden => &codes::FORBIDDEN,
        GroupFault::InvalidName => &codes::NAME_INVALID,
        // What one hears who is no member of a group that has some.
        GroupFault::NotEmpty
        | GroupFault::Subscribed
        | GroupFault::UnknownMember
        | GroupFault::IllegalGeneration
        | GroupFault::RebalanceInProgress
        | GroupFault::FencedInstance
        | GroupFault::FencedEpoch
        | GroupFault::StaleEpoch => &codes::GROUP_IN_USE,
        GroupFault::Full | GroupFault::TooLarge => &codes::LIMIT_REACHED,
        _ => &codes::ARGUMENT_INVALID,
    };
    Problem::new(code, format!("group {group:?}: {fault}"))
}
