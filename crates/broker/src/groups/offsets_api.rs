//! What a door says and hears of committed offsets.

use std::sync::Arc;

use anymq_types::Position;

use super::api::{GroupResult, InGroup};
use crate::topics::TopicId;

/// How a partition is named in a call on offsets: its topic, by name or by id, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRef<'a> {
    /// By name.
    Name(&'a str),
    /// By id.
    Id(TopicId),
}

/// How far a group has read a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset it wants. Clients may commit negative ones, with meanings of their own.
    pub offset: i64,
    /// Leader epoch of the last record read; −1: not said.
    pub epoch: i32,
    /// The client's own note.
    pub metadata: Box<str>,
}

/// What is to be committed for a partition.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// The partition's number.
    pub partition: i32,
    /// The next offset wanted.
    pub offset: i64,
    /// Leader epoch of the last record read; −1: not said.
    pub epoch: i32,
    /// The client's own note.
    pub metadata: &'a str,
}

/// Offsets to commit.
#[derive(Clone, Debug)]
pub struct CommitOffsets<'a> {
    /// Who; a client that is no member says generation −1 and no id.
    pub who: InGroup<'a>,
    /// The client speaks of epochs: it can be a member of a group whose partitions the broker assigns, and hears
    /// [`crate::GroupFault::NotFound`] of a group that does not exist.
    pub knows_epochs: bool,
    /// They are committed with a transaction, by its producer.
    pub in_transaction: bool,
    /// By topic.
    pub topics: Vec<(TopicRef<'a>, Vec<Commit<'a>>)>,
}

/// What became of offsets, partition by partition in the order asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommittedAll {
    /// By topic, in the order of the request.
    pub topics: Vec<Vec<GroupResult<()>>>,
    /// Tell it only once [`crate::Session::committed`] has reached this.
    pub commit: Option<Position>,
}

/// Offsets to look up.
#[derive(Clone, Debug)]
pub struct FetchOffsets<'a> {
    /// The group.
    pub group: &'a str,
    /// The member that asks, and its epoch, if it says so.
    pub member: Option<(&'a str, i32)>,
    /// Partitions of which a transaction is about to commit an offset get [`crate::GroupFault::Unstable`].
    pub stable_only: bool,
    /// Of which partitions, by topic; [`None`]: of all that have one.
    pub topics: Option<Vec<(TopicRef<'a>, Vec<i32>)>>,
}

/// A topic's offsets of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicOffsets {
    /// The topic's name; empty if there is no such topic.
    pub name: Arc<str>,
    /// The topic's id.
    pub id: TopicId,
    /// By partition: [`None`] if nothing was committed.
    pub partitions: Vec<(i32, GroupResult<Option<Committed>>)>,
}
