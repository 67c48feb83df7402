//! What a door says and hears of groups whose partitions the broker assigns.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::api::GroupState;
use crate::topics::TopicId;

/// Partitions by topic.
pub type TopicPartitions = Vec<(TopicId, Vec<i32>)>;

/// Names of topics by id.
pub type TopicNames = BTreeMap<TopicId, Arc<str>>;

/// A member says that it is alive, what it wants and what it has.
#[derive(Clone, Debug)]
pub struct ConsumerHeartbeat<'a> {
    /// The group.
    pub group: &'a str,
    /// The member's id.
    pub member: &'a str,
    /// Its epoch; 0: it joins, −1: it leaves, −2: it leaves, but keeps its place.
    pub epoch: i32,
    /// Its static name.
    pub instance: Option<&'a str>,
    /// Where it is.
    pub rack: Option<&'a str>,
    /// What the client calls itself.
    pub client_id: &'a str,
    /// It needs so long to give partitions up, in milliseconds; −1: as said before.
    pub rebalance_ms: i32,
    /// Topics it wants; [`None`]: as said before.
    pub topics: Option<Vec<&'a str>>,
    /// A regular expression for names of topics it wants, too; [`None`]: as said before, empty: none.
    pub pattern: Option<&'a str>,
    /// Who is to assign; [`None`]: as said before.
    pub assignor: Option<&'a str>,
    /// Partitions that it has; [`None`]: as said before.
    pub owned: Option<TopicPartitions>,
    /// It makes its id itself.
    pub makes_its_id: bool,
}

/// Answer to a [`ConsumerHeartbeat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerBeat {
    /// The member's id.
    pub member: Arc<str>,
    /// Its epoch.
    pub epoch: i32,
    /// When it shall send the next heartbeat, in milliseconds.
    pub interval_ms: i32,
    /// What it may have; [`None`]: as before.
    pub assignment: Option<TopicPartitions>,
}

/// A group whose partitions the broker assigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerDescribed {
    /// Its state.
    pub state: GroupState,
    /// Grows whenever partitions have to be assigned anew.
    pub epoch: i32,
    /// The epoch that the present assignment is of.
    pub assignment_epoch: i32,
    /// Who assigns.
    pub assignor: &'static str,
    /// Its members.
    pub members: Vec<ConsumerMember>,
}

/// A member of such a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerMember {
    /// Its id.
    pub id: Arc<str>,
    /// Its static name.
    pub instance: Option<Arc<str>>,
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
    /// The regular expression for others.
    pub pattern: Option<Arc<str>>,
    /// What it has.
    pub assigned: TopicPartitions,
    /// What it shall have.
    pub target: TopicPartitions,
    /// It speaks the classic protocol.
    pub is_classic: bool,
}
