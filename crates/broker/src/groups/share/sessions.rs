//! Share sessions: what a member fetches from, without naming it each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_types::ConnectionId;

use crate::groups::ENTRY_BYTES;
use crate::groups::consumer_api::TopicPartitions;
use crate::groups::share_api::{ShareFault, ShareSession};
use crate::topics::TopicId;

/// Most partitions of one session.
const PARTITIONS_MAX: usize = 100_000;

/// The epoch that opens a session.
const OPEN: i32 = 0;
/// The epoch that ends one.
const END: i32 = -1;

#[derive(Clone, Debug)]
struct Session {
    /// What the next request says.
    epoch: i32,
    /// It ends with this connection.
    connection: ConnectionId,
    partitions: Vec<(TopicId, i32)>,
    /// From which place the next fetch begins, so that each partition comes first in its turn.
    turn: usize,
}

/// What a request does to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It goes on.
    Open,
    /// It is over, after what the request acknowledges.
    Over,
}

/// The sessions of a group, by node and member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    by_member: BTreeMap<(i32, Arc<str>), Session>,
    bytes: u64,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.by_member.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_member.is_empty()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Opens a session, or goes on with it, as a request says.
    ///
    /// # Errors
    /// There is none, or it expects another epoch, or there is no room for one more.
    pub(crate) fn enter(
        &mut self,
        connection: ConnectionId,
        request: &ShareSession<'_>,
        has_room: bool,
    ) -> Result<Use, ShareFault> {
        let key = (request.node, Arc::from(request.member));
        match request.epoch {
            OPEN if !request.fetches => return Err(ShareFault::WrongEpoch),
            OPEN if request.acknowledges => return Err(ShareFault::Invalid),
            OPEN => {
                if !has_room && !self.by_member.contains_key(&key) {
                    return Err(ShareFault::Full);
                }
                self.remove(request.node, request.member);
                let session = Session { epoch: 1, connection, partitions: Vec::new(), turn: 0 };
                self.bytes += ENTRY_BYTES + request.member.len() as u64;
                self.by_member.insert(key.clone(), session);
            }
            _ => {}
        }
        let session = self.by_member.get_mut(&key).ok_or(ShareFault::NoSession)?;
        if request.epoch == END {
            return Ok(Use::Over);
        }
        if request.epoch != OPEN {
            if request.epoch != session.epoch {
                return Err(ShareFault::WrongEpoch);
            }
            session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        }
        let before = session.partitions.len();
        if !request.add.is_empty() {
            let known: std::collections::BTreeSet<_> = session.partitions.iter().copied().collect();
            session.partitions.extend(flat(&request.add).filter(|partition| !known.contains(partition)));
            session.partitions.truncate(PARTITIONS_MAX);
        }
        if !request.forget.is_empty() {
            let gone: std::collections::BTreeSet<_> = flat(&request.forget).collect();
            session.partitions.retain(|partition| !gone.contains(partition));
        }
        let (before, after) = (24 * before as u64, 24 * session.partitions.len() as u64);
        self.bytes = self.bytes + after - before;
        Ok(Use::Open)
    }

    /// What a member fetches from, and the place from which this fetch begins.
    pub(crate) fn take_turn(&mut self, node: i32, member: &str) -> Option<(Vec<(TopicId, i32)>, usize)> {
        let session = self.by_member.get_mut(&(node, member.into()))?;
        let turn = session.turn % session.partitions.len().max(1);
        session.turn = turn + 1;
        Some((session.partitions.clone(), turn))
    }

    /// Which connection a member's session ends with.
    pub(crate) fn connection(&self, node: i32, member: &str) -> Option<ConnectionId> {
        self.by_member.get(&(node, member.into())).map(|session| session.connection)
    }

    /// Whether a member has a session with any node.
    pub(crate) fn has(&self, member: &str) -> bool {
        self.by_member.keys().any(|(_, name)| **name == *member)
    }

    /// Ends a session; what was fetched from in it.
    pub(crate) fn remove(&mut self, node: i32, member: &str) -> Option<Vec<(TopicId, i32)>> {
        let gone = self.by_member.remove(&(node, member.into()))?;
        self.bytes -= ENTRY_BYTES + member.len() as u64 + 24 * gone.partitions.len() as u64;
        Some(gone.partitions)
    }
}

fn flat(by_topic: &TopicPartitions) -> impl Iterator<Item = (TopicId, i32)> {
    by_topic.iter().flat_map(|(topic, numbers)| numbers.iter().map(|&number| (*topic, number)))
}
