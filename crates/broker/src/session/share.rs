//! Share groups.

use super::Session;
use crate::api::Done;
use crate::error::Result;
use crate::groups::api::GroupResult;
use crate::groups::consumer_api::{ConsumerBeat, TopicNames};
use crate::groups::settings::{GroupConfig, GroupKey, group_keys};
use crate::groups::share_api::{
    Acknowledged, AskedOffsets, PartitionAcks, ShareDescribed, ShareFault, ShareFetch, ShareHeartbeat,
    ShareOffsets, ShareSession, Shared, SharesAltered,
};

impl Session {
    /// Joins or leaves a share group, or says that a member is alive.
    ///
    /// # Errors
    /// The request contradicts itself, the group cannot exist or may not be used, or who speaks is no member of its present epoch.
    pub fn share_heartbeat(&self, request: &ShareHeartbeat<'_>) -> GroupResult<Done<ConsumerBeat>> {
        let (result, commit) = self.with(|core, fx| core.share_heartbeat(fx, self.id, request));
        let commit = self.pending(commit);
        result.map(|value| Done { value, commit })
    }

    /// A share group, and the names of the topics that its members have.
    ///
    /// # Errors
    /// [`crate::GroupFault::NotFound`] if there is none of that name and kind.
    pub fn describe_share_group(&self, name: &str) -> GroupResult<(ShareDescribed, TopicNames)> {
        self.with(|core, _| core.describe_share(self.id, name)).0
    }

    /// Opens a share session, or goes on with it; how long records are locked, in milliseconds. A session that is to end is not ended
    /// here: [`Session::end_share`] does, after what the request acknowledges.
    ///
    /// # Errors
    /// There is no such session, it has another epoch, or there are too many.
    pub fn share_session(&self, request: &ShareSession<'_>) -> std::result::Result<u64, ShareFault> {
        self.with(|core, fx| core.share_session(fx, self.id, request)).0
    }

    /// Ends a share session; what its member has comes back.
    ///
    /// # Errors
    /// The group may not be used.
    pub fn end_share(&self, group: &str, member: &str, node: i32) -> std::result::Result<(), ShareFault> {
        self.with(|core, fx| core.end_share(fx, self.id, group, member, node)).0
    }

    /// Acknowledges, releases, refuses or renews records, all that is said of a partition or nothing of it.
    ///
    /// # Errors
    /// The group may not be used.
    pub fn share_acknowledge(
        &self,
        group: &str,
        member: &str,
        acks: &[PartitionAcks],
    ) -> GroupResult<Acknowledged> {
        let (result, commit) = self.with(|core, fx| core.share_acknowledge(fx, self.id, group, member, acks));
        let commit = self.pending(commit);
        result.map(|results| Acknowledged { results, commit })
    }

    /// Takes records from the partitions of a share session. If nothing is free and it is asked for, the outbox is woken when something
    /// may be.
    ///
    /// # Errors
    /// There is no such session, or the group may not be used.
    pub fn share_fetch(&self, mut request: ShareFetch<'_>) -> std::result::Result<Vec<Shared>, ShareFault> {
        let committed = self.committed();
        self.with(|core, fx| core.share_fetch(fx, self.id, committed, &mut request)).0
    }

    /// How far a share group has come.
    ///
    /// # Errors
    /// The group may not be used.
    pub fn share_offsets(&self, group: &str, asked: &AskedOffsets<'_>) -> GroupResult<Vec<ShareOffsets>> {
        let committed = self.committed();
        self.with(|core, _| core.share_offsets(self.id, committed, group, asked)).0
    }

    /// Has a share group without members begin elsewhere.
    ///
    /// # Errors
    /// [`crate::GroupFault::NotEmpty`]; [`crate::GroupFault::NotFound`] if it is another kind of group.
    pub fn alter_share_offsets(
        &self,
        group: &str,
        asked: &[(&str, Vec<(i32, i64)>)],
    ) -> GroupResult<SharesAltered> {
        let (result, commit) = self.with(|core, fx| core.alter_share(fx, self.id, group, asked));
        let commit = self.pending(commit);
        result.map(|all| SharesAltered { commit, ..all })
    }

    /// Forgets how far a share group without members has come in topics.
    ///
    /// # Errors
    /// As [`Session::alter_share_offsets`].
    pub fn delete_share_offsets(&self, group: &str, topics: &[&str]) -> GroupResult<SharesAltered> {
        let (result, commit) = self.with(|core, fx| core.delete_share(fx, self.id, group, topics));
        let commit = self.pending(commit);
        result.map(|all| SharesAltered { commit, ..all })
    }

    /// Every setting that a group can have.
    pub fn group_keys(&self) -> Vec<GroupKey> {
        group_keys(&self.broker.inner.config.groups)
    }

    /// What was set for a group, which need not exist.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for its name; [`crate::ErrorKind::Forbidden`].
    pub fn group_config(&self, name: &str) -> Result<GroupConfig> {
        self.with(|core, _| core.group_config(self.id, name)).0
    }

    /// Groups for which something was set.
    pub fn configured_groups(&self) -> Vec<std::sync::Arc<str>> {
        self.with(|core, _| core.configured_groups(self.id)).0
    }

    /// Gives a group the settings that `alter` makes of those it has; nobody changes them in between.
    ///
    /// # Errors
    /// Those of `alter`; [`crate::ErrorKind::Invalid`] for a setting; as [`Session::group_config`].
    pub fn alter_group(
        &self,
        name: &str,
        validate_only: bool,
        alter: impl FnOnce(&GroupConfig) -> Result<GroupConfig>,
    ) -> Result<Done<()>> {
        self.durable(|core, fx| core.alter_group(fx, self.id, name, validate_only, alter))
    }
}
