//! What a door says and hears of share groups: members that share out records instead of partitions. (KIP-932.)

use std::net::IpAddr;
use std::sync::Arc;

use anymq_types::Position;

use super::api::{GroupFault, GroupResult, GroupState};
use super::consumer_api::TopicPartitions;
use crate::topics::{Cold, Run, TopicId};

/// A member says that it is alive, and what it wants.
#[derive(Clone, Debug)]
pub struct ShareHeartbeat<'a> {
    /// The group.
    pub group: &'a str,
    /// The member's id, which it makes itself.
    pub member: &'a str,
    /// Its epoch; 0: it joins, −1: it leaves.
    pub epoch: i32,
    /// Where it is.
    pub rack: Option<&'a str>,
    /// What the client calls itself.
    pub client_id: &'a str,
    /// Topics it wants; [`None`]: as said before.
    pub topics: Option<Vec<&'a str>>,
}

/// A share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareDescribed {
    /// Its state.
    pub state: GroupState,
    /// Grows whenever partitions have to be assigned anew.
    pub epoch: i32,
    /// The epoch that the present assignment is of.
    pub assignment_epoch: i32,
    /// Its members.
    pub members: Vec<ShareMember>,
}

/// A member of a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareMember {
    /// Its id.
    pub id: Arc<str>,
    /// Where it says it is.
    pub rack: Option<Arc<str>>,
    /// Its epoch.
    pub epoch: i32,
    /// What the client calls itself.
    pub client_id: Arc<str>,
    /// Where it is.
    pub host: IpAddr,
    /// Topics it wants.
    pub topics: Vec<Arc<str>>,
    /// From which partitions it takes records.
    pub assigned: TopicPartitions,
}

/// Why a share session does not do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareFault {
    /// The group refuses.
    #[error(transparent)]
    Group(#[from] GroupFault),
    /// There is no session of that member.
    #[error("there is no such share session")]
    NoSession,
    /// The session expects another epoch.
    #[error("the share session has another epoch")]
    WrongEpoch,
    /// There are as many sessions as there may be.
    #[error("there are as many share sessions as there may be")]
    Full,
    /// The request contradicts itself.
    #[error("the request contradicts itself")]
    Invalid,
}

/// What opens, changes, uses or ends a share session: what a member fetches from without naming it each time.
#[derive(Clone, Debug)]
pub struct ShareSession<'a> {
    /// The group.
    pub group: &'a str,
    /// The member.
    pub member: &'a str,
    /// Which of the nodes it talks to: it has a session with each.
    pub node: i32,
    /// 0 opens a session, −1 ends it, others count its requests.
    pub epoch: i32,
    /// Partitions that it fetches from now on too.
    pub add: TopicPartitions,
    /// Partitions from which it fetches no longer.
    pub forget: TopicPartitions,
    /// It fetches; a session cannot be opened by acknowledging.
    pub fetches: bool,
    /// It acknowledges.
    pub acknowledges: bool,
}

/// What a member says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// There was none at this offset.
    Gap,
    /// It is done.
    Accept,
    /// Somebody may have it again.
    Release,
    /// Nobody shall have it again.
    Reject,
    /// It goes on with it.
    Renew,
}

/// What a member says of consecutive records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckBatch {
    /// The first offset.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// What of each; one: the same of all.
    pub acks: Vec<Ack>,
}

impl AckBatch {
    /// Whether it says something of each offset.
    pub(crate) fn is_whole(&self) -> bool {
        let count = self.last.checked_sub(self.first).and_then(|n| n.checked_add(1));
        self.acks.len() == 1 || count.is_some_and(|count| self.acks.len() as u64 == count)
    }

    /// Consecutive offsets of which the same is said: first, one past the last, what.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u64, u64, Ack)> {
        let (first, same) = (self.first, self.acks.len() == 1);
        let mut at = first;
        self.acks.chunk_by(|a, b| a == b).map(move |run| {
            let end = if same { self.last + 1 } else { at + run.len() as u64 };
            let begin = std::mem::replace(&mut at, end);
            (begin, end, run[0])
        })
    }
}

/// Why records are not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckFault {
    /// The request contradicts itself.
    #[error("the acknowledgement contradicts itself")]
    Invalid,
    /// The first offset was never delivered.
    #[error("Batch record not found. The first offset in request is past acquired records.")]
    FirstPast,
    /// The last offset was never delivered.
    #[error("Batch record not found. The last offset in request is past acquired records.")]
    LastPast,
    /// Nobody has such a record.
    #[error("The offset cannot be acknowledged. The offset is not acquired.")]
    NotAcquired,
    /// Another member has it.
    #[error("Member is not the owner of batch record")]
    NotOwner,
    /// There is no such topic.
    #[error("there is no such topic")]
    NoTopic,
    /// There is no such partition, or the group has fetched nothing from it.
    #[error("This server does not host this topic-partition.")]
    NoPartition,
    /// The user may not read the topic.
    #[error("access to the topic was refused")]
    Forbidden,
}

/// Acknowledgements of a partition.
pub type PartitionAcks = (TopicId, i32, Vec<AckBatch>);

/// What became of acknowledgements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Of each partition, in order.
    pub results: Vec<Result<(), AckFault>>,
    /// Tell them only once [`crate::Session::committed`] has reached this.
    pub commit: Option<Position>,
}

/// What a member may get from the partitions of its session.
#[derive(Clone, Debug, Default)]
pub struct ShareFetch<'a> {
    /// The group.
    pub group: &'a str,
    /// The member.
    pub member: &'a str,
    /// Which of the nodes it talks to.
    pub node: i32,
    /// Most records over all partitions. Whole batches may be more, unless it is strict.
    pub records: u32,
    /// Not a record more.
    pub strict: bool,
    /// Records told as one range, unless they are one batch.
    pub range: u32,
    /// Most bytes over all partitions; the first batch may be larger.
    pub bytes: u32,
    /// If there is nothing, the outbox is woken when there may be.
    pub wake: bool,
    /// What was read from disk of a partition: its place in the session, and the records.
    pub loaded: Option<(usize, Vec<Run>)>,
}

/// Consecutive records that a member has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// The first offset.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// How often they were delivered, with this time.
    pub count: u16,
}

/// What was found in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Its place in the session.
    pub place: usize,
    /// Its topic.
    pub topic: TopicId,
    /// Its topic's name; empty if there is no such topic.
    pub name: Arc<str>,
    /// Its number.
    pub partition: i32,
    /// What is there.
    pub found: SharedFound,
}

/// What is there of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SharedFound {
    /// Records that the member has now, and the batches or messages that hold them.
    Records(Vec<Acquired>, Vec<Run>),
    /// Records on disk: [`crate::Session::load`] brings them, then [`ShareFetch::loaded`] takes them.
    Cold(Cold),
    /// There is no such topic.
    NoTopic,
    /// There is no such partition.
    NoPartition,
    /// The user may not read the topic.
    Forbidden,
}

/// What of a share group's place in partitions is asked: by topic, or all.
pub type AskedOffsets<'a> = Option<Vec<(&'a str, Vec<i32>)>>;

/// A share group's place in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareOffsets {
    /// The topic's name.
    pub name: Arc<str>,
    /// Its id; 0 if there is none.
    pub id: TopicId,
    /// By partition.
    pub partitions: Vec<(i32, GroupResult<Option<ShareOffset>>)>,
}

/// A share group's place in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareOffset {
    /// The first offset that is not done.
    pub start: u64,
    /// Offsets that are not done.
    pub lag: u64,
}

/// What became of a topic's partitions, by number, and the topic's id, 0 if there is none.
pub type AlteredTopic = (TopicId, Vec<(i32, GroupResult<()>)>);

/// What became of a share group's offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharesAltered {
    /// By topic, in the order of the request.
    pub topics: Vec<AlteredTopic>,
    /// Tell it only once [`crate::Session::committed`] has reached this.
    pub commit: Option<Position>,
}
