//! Topics and partitions as requests name them.

use std::collections::HashMap;
use std::sync::Arc;

use anymq_broker::ErrorKind;
use anymq_broker::topics::{TopicId, TopicInfo};
use anymq_types::QueueId;

use crate::errors::topic_error;
use crate::session::Cx;
use crate::wire::{ErrorCode, Uuid};

/// Epoch of every partition's leader: there has been no other.
pub(crate) const LEADER_EPOCH: i32 = 0;

/// Most topics that a connection keeps in mind.
const SEEN_MAX: usize = 1024;

/// How a request names a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicRef<'a> {
    Name(&'a str),
    Id(Uuid),
}

impl<'a> TopicRef<'a> {
    /// By id from version `ids_from` of a request on, by name before.
    pub(crate) fn of(version: i16, ids_from: i16, name: &'a str, id: Uuid) -> Self {
        if version >= ids_from { TopicRef::Id(id) } else { TopicRef::Name(name) }
    }
}

/// Topics that a connection has used, so that a request need not ask the hall again.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// [`anymq_broker::Session::catalog_changes`] when these were read.
    changes: u64,
    names: HashMap<Arc<str>, Arc<TopicInfo>>,
    ids: HashMap<TopicId, Arc<TopicInfo>>,
}

impl Seen {
    fn get(&self, topic: TopicRef<'_>) -> Option<Arc<TopicInfo>> {
        match topic {
            TopicRef::Name(name) => self.names.get(name).cloned(),
            TopicRef::Id(id) => self.ids.get(&topic_id(id)).cloned(),
        }
    }

    fn put(&mut self, topic: &Arc<TopicInfo>) {
        if self.names.len() < SEEN_MAX {
            self.names.insert(topic.name.clone(), topic.clone());
            self.ids.insert(topic.id, topic.clone());
        }
    }
}

/// The topic, if the user may know of it.
pub(crate) fn find(cx: &Cx<'_>, topic: TopicRef<'_>) -> Result<Arc<TopicInfo>, ErrorCode> {
    // Read before the topic is: a change meanwhile makes it be read once more.
    let changes = cx.hall.catalog_changes();
    let mut seen = cx.seen.borrow_mut();
    if seen.changes != changes {
        *seen = Seen { changes, ..Seen::default() };
    }
    if let Some(found) = seen.get(topic) {
        return Ok(found);
    }
    let found = Arc::new(look_up(cx, topic)?);
    seen.put(&found);
    Ok(found)
}

fn look_up(cx: &Cx<'_>, topic: TopicRef<'_>) -> Result<TopicInfo, ErrorCode> {
    let (found, unknown) = match topic {
        TopicRef::Name(name) => (cx.hall.topic(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        TopicRef::Id(id) => (cx.hall.topic_by_id(topic_id(id)), ErrorCode::UNKNOWN_TOPIC_ID),
    };
    found.map_err(|error| match error.kind {
        ErrorKind::NotFound => unknown,
        kind => topic_error(kind),
    })
}

/// The stream of a topic's partition, if the node that the client talks to leads it.
pub(crate) fn partition(cx: &Cx<'_>, info: &TopicInfo, index: i32) -> Result<QueueId, ErrorCode> {
    let found = usize::try_from(index).ok().and_then(|at| Some((at, *info.partitions.get(at)?)));
    let (at, id) = found.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    // Only a broker that plays several nodes has more than one.
    if cx.peer.nodes.len() > 1 && cx.leader(info.id, at) != cx.node_id() {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    Ok(id)
}

/// Checks the epoch of the leader that a client knows; −1 if it knows none.
pub(crate) fn check_epoch(epoch: i32) -> Result<(), ErrorCode> {
    match epoch {
        ..=-1 | LEADER_EPOCH => Ok(()),
        _ => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
    }
}

/// A topic's identity on the wire.
pub(crate) fn uuid(id: TopicId) -> Uuid {
    Uuid(id.0.to_be_bytes())
}

/// A topic's identity off the wire.
pub(crate) fn topic_id(id: Uuid) -> TopicId {
    TopicId(u128::from_be_bytes(id.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_none_or_the_first() {
        assert_eq!([-1, 0].map(check_epoch), [Ok(()), Ok(())]);
        assert_eq!(check_epoch(1), Err(ErrorCode::UNKNOWN_LEADER_EPOCH));
    }
}
