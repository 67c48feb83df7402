//! Topics and partitions as requests name them.

use anymq_broker::ErrorKind;
use anymq_broker::topics::{TopicId, TopicInfo};
use anymq_types::QueueId;

use crate::errors::topic_error;
use crate::session::Cx;
use crate::wire::{ErrorCode, Uuid};

/// Epoch of every partition's leader: there has been no other.
pub(crate) const LEADER_EPOCH: i32 = 0;

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

/// The topic, if the user may know of it.
pub(crate) fn find(cx: &Cx<'_>, topic: TopicRef<'_>) -> Result<TopicInfo, ErrorCode> {
    let (found, unknown) = match topic {
        TopicRef::Name(name) => (cx.hall.topic(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        TopicRef::Id(id) => (cx.hall.topic_by_id(topic_id(id)), ErrorCode::UNKNOWN_TOPIC_ID),
    };
    found.map_err(|error| match error.kind {
        ErrorKind::NotFound => unknown,
        kind => topic_error(kind),
    })
}

/// The stream of a topic's partition.
pub(crate) fn partition(info: &TopicInfo, index: i32) -> Result<QueueId, ErrorCode> {
    let found = usize::try_from(index).ok().and_then(|index| info.partitions.get(index));
    found.copied().ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
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
