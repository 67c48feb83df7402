//! Members of a share group: joining, leaving, wanting something else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use anymq_types::Millis;

use super::assign::assign;
use super::{ENTRY_BYTES, Out, Share, Topics, by_topic};
use crate::groups::Peer;
use crate::groups::api::{GroupFault, GroupResult};
use crate::groups::consumer::Share as Partitions;
use crate::groups::consumer_api::ConsumerBeat;
use crate::groups::share_api::ShareHeartbeat;

/// Most topics that a member may name.
const TOPICS_MAX: usize = 10_000;

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) rack: Option<Arc<str>>,
    pub(super) client_id: Arc<str>,
    pub(super) host: IpAddr,
    pub(super) topics: BTreeSet<Arc<str>>,
    pub(super) epoch: i32,
    previous: i32,
    /// What it takes records from.
    pub(super) target: Partitions,
    /// What it was told of that.
    told: Partitions,
    /// Without a heartbeat until then it is out.
    pub(super) session: Millis,
}

impl Member {
    pub(super) fn bytes(&self) -> u64 {
        let names: usize = self.topics.iter().map(|name| name.len() + 64).sum();
        let shares = (self.target.len() + self.told.len()) * 64;
        let texts = self.rack.as_ref().map_or(0, |rack| rack.len()) + self.client_id.len();
        (names + shares + texts) as u64 + ENTRY_BYTES
    }
}

/// A heartbeat, and where it came from.
pub(crate) struct Beat<'a> {
    pub(crate) request: &'a ShareHeartbeat<'a>,
    pub(crate) peer: Peer,
    pub(crate) topics: &'a dyn Topics,
    pub(crate) members_max: usize,
    pub(crate) session_ms: u64,
    pub(crate) interval_ms: i32,
}

/// Checks what can be checked of a heartbeat by itself.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(request: &ShareHeartbeat<'_>) -> GroupResult<()> {
    let invalid = |text: &str| Err(GroupFault::Invalid(text.into()));
    if request.member.trim().is_empty() {
        return invalid("MemberId can't be empty.");
    }
    if request.group.trim().is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if request.rack.is_some_and(|rack| rack.trim().is_empty()) {
        return invalid("RackId can't be empty.");
    }
    if request.epoch == 0 && request.topics.as_ref().is_none_or(Vec::is_empty) {
        return invalid("SubscribedTopicNames must be set in first request.");
    }
    if request.epoch < -1 {
        return invalid("MemberEpoch is invalid.");
    }
    let names: usize = request.topics.iter().flatten().map(|name| name.len()).sum();
    let said = names + request.member.len() + request.rack.map_or(0, str::len);
    let many = request.topics.as_ref().is_some_and(|topics| topics.len() > TOPICS_MAX);
    if many || said > crate::groups::MEMBER_BYTES_MAX { Err(GroupFault::TooLarge) } else { Ok(()) }
}

impl Share {
    /// A member leaves.
    ///
    /// # Errors
    /// It was none.
    pub(crate) fn leave(&mut self, member: &str) -> GroupResult<ConsumerBeat> {
        if !self.remove(member) {
            return Err(GroupFault::UnknownMember);
        }
        Ok(ConsumerBeat { member: member.into(), epoch: -1, interval_ms: 0, assignment: None })
    }

    /// Puts members out whose sessions are over.
    pub(crate) fn tick(&mut self, now: Millis) {
        let late = self.members.iter().filter(|(_, member)| member.session <= now);
        let late: Vec<_> = late.map(|(id, _)| id.clone()).collect();
        late.iter().for_each(|id| {
            self.remove(id);
        });
    }

    fn remove(&mut self, id: &str) -> bool {
        if self.members.remove(id).is_none() {
            return false;
        }
        let members = &self.members;
        self.topics.retain(|name, _| members.values().any(|member| member.topics.contains(name)));
        self.epoch += 1;
        self.weigh();
        true
    }

    /// A member joins, or says that it is alive.
    ///
    /// # Errors
    /// It is no member of that epoch, or the group is full.
    pub(crate) fn heartbeat(
        &mut self,
        now: Millis,
        beat: &Beat<'_>,
        out: &mut Out,
    ) -> GroupResult<ConsumerBeat> {
        let request = beat.request;
        let id: Arc<str> = request.member.into();
        self.check_epoch(beat)?;
        let mut changed = self.update(beat, &id);
        if changed || self.seen != beat.topics.version() {
            changed |= self.look_up(beat.topics);
        }
        if changed {
            self.epoch += 1;
        }
        if self.epoch > self.assigned {
            self.share_out();
        }
        let until = Millis(now.0 + beat.session_ms);
        let epoch = self.epoch;
        let Some(member) = self.members.get_mut(&id) else { return Err(GroupFault::UnknownMember) };
        member.session = until;
        out.due(until);
        if member.epoch != epoch {
            (member.previous, member.epoch) = (member.epoch, epoch);
        }
        let says_all = request.epoch == 0 || request.topics.is_some();
        let assignment = (says_all || member.told != member.target).then(|| by_topic(&member.target));
        member.told = member.target.clone();
        self.weigh();
        Ok(ConsumerBeat { member: id, epoch, interval_ms: beat.interval_ms, assignment })
    }

    fn check_epoch(&self, beat: &Beat<'_>) -> GroupResult<()> {
        let (id, epoch) = (beat.request.member, beat.request.epoch);
        match self.members.get(id) {
            None if epoch != 0 => Err(GroupFault::UnknownMember),
            None if self.members.len() >= beat.members_max => Err(GroupFault::Full),
            Some(member) if epoch != 0 && epoch != member.epoch && epoch != member.previous => {
                Err(GroupFault::FencedEpoch)
            }
            None | Some(_) => Ok(()),
        }
    }

    /// Takes over what the member says of itself; whether it wants something else than before.
    fn update(&mut self, beat: &Beat<'_>, id: &Arc<str>) -> bool {
        let request = beat.request;
        let fresh = !self.members.contains_key(id);
        let member = self.members.entry(id.clone()).or_insert_with(|| Member {
            rack: None,
            client_id: Arc::default(),
            host: beat.peer.host,
            topics: BTreeSet::new(),
            epoch: 0,
            previous: 0,
            target: Partitions::new(),
            told: Partitions::new(),
            session: Millis(0),
        });
        if let Some(rack) = request.rack {
            member.rack = Some(rack.into());
        }
        if *member.client_id != *request.client_id {
            member.client_id = beat.peer.client(request.client_id);
        }
        member.host = beat.peer.host;
        let Some(topics) = &request.topics else { return fresh };
        let topics: BTreeSet<Arc<str>> = topics.iter().map(|&name| Arc::from(name)).collect();
        let changed = member.topics != topics;
        member.topics = topics;
        fresh || changed
    }

    /// Looks all topics up that members want; whether they are others than before.
    fn look_up(&mut self, topics: &dyn Topics) -> bool {
        let wanted: BTreeSet<&Arc<str>> = self.members.values().flat_map(|member| &member.topics).collect();
        let found: BTreeMap<_, _> =
            wanted.into_iter().filter_map(|name| Some((name.clone(), topics.find(name)?))).collect();
        self.seen = topics.version();
        let changed = found != self.topics;
        self.topics = found;
        changed
    }

    /// Gives every member its partitions.
    fn share_out(&mut self) {
        let wishes: Vec<(Vec<(crate::topics::TopicId, u32)>, &Partitions)> = self
            .members
            .values()
            .map(|member| {
                let topics = member.topics.iter().filter_map(|name| self.topics.get(name).copied());
                (topics.collect(), &member.target)
            })
            .collect();
        let shares = assign(&wishes);
        for (member, share) in self.members.values_mut().zip(shares) {
            member.target = share;
        }
        self.assigned = self.epoch;
    }
}
