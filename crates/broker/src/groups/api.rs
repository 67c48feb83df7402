//! What a door says and hears that speaks of consumer groups.
//!
//! A group is a name in a vhost. Its members join, share partitions out among themselves and commit how far they have read. Answers
//! that wait for other members come as [`crate::Event::Group`].

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

/// Why a group does not do what it is asked for. Closed on purpose: a door answers every one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupFault {
    /// The group's name is empty or longer than [`crate::groups::NAME_BYTES_MAX`].
    #[error("the name of a group has 1 to {} bytes", crate::groups::NAME_BYTES_MAX)]
    InvalidName,
    /// The user may not use the group.
    #[error("access to the group was refused")]
    Forbidden,
    /// There is no group of that name and kind.
    #[error("there is no such group")]
    NotFound,
    /// There is no such member.
    #[error("there is no such member")]
    UnknownMember,
    /// The member takes part in another generation.
    #[error("the generation is another one")]
    IllegalGeneration,
    /// Members have to join again.
    #[error("the group shares its partitions out anew")]
    RebalanceInProgress,
    /// No protocol that all members know, or another type of protocol.
    #[error("no protocol in common with the other members")]
    InconsistentProtocol,
    /// The session timeout is outside of its bounds.
    #[error("the session timeout is outside of its bounds")]
    InvalidSessionTimeout,
    /// Join again with the id that was given out.
    #[error("join again with this member id")]
    MemberIdRequired,
    /// The group has as many members as it may have, or groups hold as much memory as they may.
    #[error("the group is full")]
    Full,
    /// Another member has taken over the instance id.
    #[error("the instance id belongs to another member")]
    FencedInstance,
    /// The instance id's member has not left yet.
    #[error("the instance id is still in use")]
    UnreleasedInstance,
    /// The member's epoch is not the one the broker knows: it gives up its partitions and joins again.
    #[error("the member's epoch is not valid any more")]
    FencedEpoch,
    /// The member's epoch is old: it hears the new one with its next heartbeat.
    #[error("the member's epoch is old")]
    StaleEpoch,
    /// There is no such assignor.
    #[error("there is no such assignor; there are uniform and range")]
    UnsupportedAssignor,
    /// The request contradicts itself.
    #[error("{0}")]
    Invalid(String),
    /// The pattern of topic names does not compile.
    #[error("the pattern does not compile: {0}")]
    InvalidPattern(String),
    /// This version of the request cannot be used by members of such a group.
    #[error("members of such a group need a later version")]
    UnsupportedVersion,
    /// A transaction is about to commit an offset of the partition.
    #[error("a transaction is about to commit the offset")]
    Unstable,
    /// The group has members.
    #[error("the group has members")]
    NotEmpty,
    /// A member is subscribed to the topic.
    #[error("a member is subscribed to the topic")]
    Subscribed,
    /// The commit's metadata is longer than [`crate::groups::METADATA_BYTES_MAX`].
    #[error("the metadata is longer than {} bytes", crate::groups::METADATA_BYTES_MAX)]
    MetadataTooLarge,
    /// There is no such topic.
    #[error("there is no such topic")]
    NoTopic,
    /// There is no such partition.
    #[error("there is no such partition")]
    NoPartition,
    /// The user may not use the topic.
    #[error("access to the topic was refused")]
    TopicForbidden,
    /// What the member sent is larger than a limit.
    #[error("larger than a limit")]
    TooLarge,
}

/// Result of a call on groups.
pub type GroupResult<T> = Result<T, GroupFault>;

/// A member of the classic protocol wants to take part in the next generation.
#[derive(Clone, Debug)]
pub struct JoinGroup<'a> {
    /// Which group; it is made if there is none and the member has no id yet.
    pub group: &'a str,
    /// Comes back in [`crate::Event::Group`].
    pub token: u64,
    /// The member's id; empty if it has none yet.
    pub member: &'a str,
    /// The name by which a static member is known across restarts.
    pub instance: Option<&'a str>,
    /// What the client calls itself.
    pub client_id: &'a str,
    /// Without a word for so long it is out, in milliseconds.
    pub session_ms: i32,
    /// It needs so long to give up what it has and join again, in milliseconds.
    pub rebalance_ms: i32,
    /// What kind of protocols those are: `consumer` for consumers.
    pub protocol_type: &'a str,
    /// Protocols it knows, those it likes best first, with its metadata for each.
    pub protocols: Vec<(&'a str, &'a [u8])>,
    /// It can hear that it needs an id first.
    pub can_take_id: bool,
    /// It can hear that, though leader, it shall assign nothing.
    pub can_skip: bool,
}

/// Answer to a [`JoinGroup`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Why not.
    pub fault: Option<GroupFault>,
    /// The member's id; empty if it has none.
    pub member: Arc<str>,
    /// The generation it takes part in; −1: none.
    pub generation: i32,
    /// Type of the protocol.
    pub protocol_type: Option<Arc<str>>,
    /// The protocol that all members know.
    pub protocol: Option<Arc<str>>,
    /// Who assigns; empty: nobody.
    pub leader: Arc<str>,
    /// The member leads, but the assignment is made already.
    pub skip_assignment: bool,
    /// For the leader: all members.
    pub members: Vec<JoinedMember>,
}

/// A member, as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub id: Arc<str>,
    /// Its static name.
    pub instance: Option<Arc<str>>,
    /// Its metadata for the protocol chosen.
    pub metadata: Bytes,
}

/// A member of the classic protocol asks for its assignment; the leader brings everybody's.
#[derive(Clone, Debug)]
pub struct SyncGroup<'a> {
    /// Who, in which generation.
    pub who: InGroup<'a>,
    /// Comes back in [`crate::Event::Group`].
    pub token: u64,
    /// What the member takes the protocol's type for.
    pub protocol_type: Option<&'a str>,
    /// What the member takes the protocol for.
    pub protocol: Option<&'a str>,
    /// From the leader: member and assignment.
    pub assignments: Vec<(&'a str, &'a [u8])>,
}

/// Answer to a [`SyncGroup`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Type of the protocol.
    pub protocol_type: Option<Arc<str>>,
    /// The protocol.
    pub protocol: Option<Arc<str>>,
    /// The member's assignment, as the leader wrote it.
    pub assignment: Bytes,
}

/// A member that speaks.
#[derive(Clone, Copy, Debug, Default)]
pub struct InGroup<'a> {
    /// The group.
    pub group: &'a str,
    /// The member's id; empty: none.
    pub member: &'a str,
    /// Its static name.
    pub instance: Option<&'a str>,
    /// Its generation, or epoch; −1: none.
    pub generation: i32,
}

/// A member that is to go.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    /// Its id; empty: whoever has the static name.
    pub member: &'a str,
    /// Its static name.
    pub instance: Option<&'a str>,
}

/// An answer that others had to come for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupAnswer {
    /// To a [`JoinGroup`].
    Joined(Joined),
    /// To a [`SyncGroup`].
    Synced(GroupResult<Synced>),
}

/// In which state a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// It has no members.
    Empty,
    /// Members have to join again.
    PreparingRebalance,
    /// The leader assigns.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
    /// An assignment is due.
    Assigning,
    /// Members have not all come to their assignment yet.
    Reconciling,
}

/// Who assigns partitions to members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKind {
    /// A member.
    Classic,
    /// The broker.
    Consumer,
    /// Nobody alone: members share records, not partitions.
    Share,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListed {
    /// Its name.
    pub name: Arc<str>,
    /// Type of its protocol; empty if it never had a member.
    pub protocol_type: Arc<str>,
    /// Its state.
    pub state: GroupState,
    /// Its kind.
    pub kind: GroupKind,
}

/// A classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicDescribed {
    /// Its state.
    pub state: GroupState,
    /// Type of its protocol; empty if it never had a member.
    pub protocol_type: Arc<str>,
    /// The protocol of the generation; empty while there is none.
    pub protocol: Arc<str>,
    /// Its members.
    pub members: Vec<ClassicMember>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMember {
    /// Its id.
    pub id: Arc<str>,
    /// Its static name.
    pub instance: Option<Arc<str>>,
    /// What the client calls itself.
    pub client_id: Arc<str>,
    /// Where it is.
    pub host: IpAddr,
    /// Its metadata for the protocol; empty unless the group is stable.
    pub metadata: Bytes,
    /// Its assignment; empty unless the group is stable.
    pub assignment: Bytes,
}
