//! Consumer groups.

use super::Session;
use crate::api::Done;
use crate::groups::api::{
    ClassicDescribed, GroupListed, GroupResult, InGroup, JoinGroup, Joined, Leaving, SyncGroup, Synced,
};
use crate::groups::consumer_api::{ConsumerBeat, ConsumerDescribed, ConsumerHeartbeat, TopicNames};
use crate::groups::offsets_api::{CommitOffsets, CommittedAll, FetchOffsets, TopicOffsets, TopicRef};

impl Session {
    /// Joins a group of the classic protocol, or joins its next generation. [`None`]: the answer waits for other members and comes as
    /// [`crate::Event::Group`].
    pub fn join_group(&self, request: &JoinGroup<'_>) -> Option<Joined> {
        self.with(|core, fx| core.join_group(fx, self.id, request)).0
    }

    /// Asks for a member's assignment; from the leader, brings everybody's. [`None`]: the answer waits for the leader and comes as
    /// [`crate::Event::Group`].
    pub fn sync_group(&self, request: &SyncGroup<'_>) -> Option<GroupResult<Synced>> {
        self.with(|core, fx| core.sync_group(fx, self.id, request)).0
    }

    /// Says that a member is alive.
    ///
    /// # Errors
    /// [`crate::GroupFault::RebalanceInProgress`]: it must join again; others: it is not a member, or not of this generation.
    pub fn group_heartbeat(&self, who: &InGroup<'_>) -> GroupResult<()> {
        self.with(|core, fx| core.group_heartbeat(fx, self.id, who)).0
    }

    /// Takes members out of a group; what became of each.
    ///
    /// # Errors
    /// The group cannot exist, or may not be used.
    pub fn leave_group(&self, group: &str, leaving: &[Leaving<'_>]) -> GroupResult<Vec<GroupResult<()>>> {
        self.with(|core, fx| core.leave_group(fx, self.id, group, leaving)).0
    }

    /// Commits how far a group has read.
    ///
    /// # Errors
    /// The group cannot exist or may not be used, or who commits is no member of its present generation.
    pub fn commit_offsets(&self, request: &CommitOffsets<'_>) -> GroupResult<CommittedAll> {
        let (result, commit) = self.with(|core, fx| core.commit_offsets(fx, self.id, request));
        let commit = self.pending(commit);
        result.map(|all| CommittedAll { commit, ..all })
    }

    /// How far a group has read.
    ///
    /// # Errors
    /// The group cannot exist or may not be used, or who asks is no member of its present epoch.
    pub fn fetch_offsets(&self, request: &FetchOffsets<'_>) -> GroupResult<Vec<TopicOffsets>> {
        self.with(|core, _| core.fetch_offsets(self.id, request)).0
    }

    /// Forgets how far a group has read topics to which no member is subscribed.
    ///
    /// # Errors
    /// [`crate::GroupFault::NotFound`]; [`crate::GroupFault::NotEmpty`] if nobody knows to what its members are subscribed.
    pub fn delete_offsets(&self, group: &str, of: &[(TopicRef<'_>, Vec<i32>)]) -> GroupResult<CommittedAll> {
        let (result, commit) = self.with(|core, fx| core.delete_offsets(fx, self.id, group, of));
        let commit = self.pending(commit);
        result.map(|all| CommittedAll { commit, ..all })
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// [`crate::GroupFault::NotFound`]; [`crate::GroupFault::NotEmpty`] if it has members.
    pub fn delete_group(&self, group: &str) -> GroupResult<Done<()>> {
        let (result, commit) = self.with(|core, fx| core.delete_group(fx, self.id, group));
        let commit = self.pending(commit);
        result.map(|value| Done { value, commit })
    }

    /// Joins or leaves a group whose partitions the broker assigns, or says that a member is alive.
    ///
    /// # Errors
    /// The request contradicts itself, the group cannot exist or may not be used, or who speaks is no member of its present epoch.
    pub fn consumer_heartbeat(&self, request: &ConsumerHeartbeat<'_>) -> GroupResult<Done<ConsumerBeat>> {
        let (result, commit) = self.with(|core, fx| core.consumer_heartbeat(fx, self.id, request));
        let commit = self.pending(commit);
        result.map(|value| Done { value, commit })
    }

    /// A group whose partitions the broker assigns, and the names of the topics in its shares.
    ///
    /// # Errors
    /// [`crate::GroupFault::NotFound`] if there is none of that name and kind.
    pub fn describe_consumer_group(&self, name: &str) -> GroupResult<(ConsumerDescribed, TopicNames)> {
        self.with(|core, _| core.describe_consumer(self.id, name)).0
    }

    /// Groups that the user may use, by name.
    pub fn groups(&self) -> Vec<GroupListed> {
        self.with(|core, _| core.list_groups(self.id)).0
    }

    /// A group of the classic protocol.
    ///
    /// # Errors
    /// [`crate::GroupFault::NotFound`] if there is none of that name and kind.
    pub fn describe_group(&self, name: &str) -> GroupResult<ClassicDescribed> {
        self.with(|core, _| core.describe_classic(self.id, name)).0
    }
}
