//! `ListOffsets`: the first and the last offset of partitions, and offsets by time. Chunks that are on disk are read to find
//! the very message.

mod search;

use std::collections::BTreeMap;

use anymq_broker::topics::OffsetOf;
use anymq_types::{Millis, QueueId};

use self::search::{Place, Search, Searching, Target, Topic};
use super::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::topics::{self, TopicRef};
use crate::wire::ErrorCode;
use crate::wire::messages::offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

/// Instead of a time: the next offset.
const LATEST: i64 = -1;
/// Instead of a time: the first offset that is kept.
const EARLIEST: i64 = -2;
/// Instead of a time: the message with the latest one (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// Instead of a time: the first offset that is kept on this node, which is the first (KIP-405).
const EARLIEST_LOCAL: i64 = -4;
/// Instead of a time: the last offset that is stored elsewhere (KIP-1005). Nothing is.
const LATEST_TIERED: i64 = -5;
/// Instead of a time: the first offset that is to be stored elsewhere (KIP-1023). None is.
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// Counts nothing of transactions that are still open.
const READ_COMMITTED: i8 = 1;

pub(super) fn list_offsets(cx: &mut Cx<'_>, request: ListOffsetsRequest<'_>) -> Reply {
    let partitions: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    if partitions.max(request.topics.len()) > ELEMENTS_MAX {
        return Reply::Close;
    }
    let stable_only = request.isolation_level == READ_COMMITTED;
    let mut times = Times::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *times.entry((topic.name, partition.partition_index)).or_default() += 1;
        }
    }
    let topics = request.topics.iter().map(|topic| searched(cx, &topic, stable_only, &mut times)).collect();
    Searching::new(topics).begin(cx)
}

/// How often each partition is asked for. A search may have to decompress a batch: once for each.
type Times<'a> = BTreeMap<(&'a str, i32), u32>;

fn searched<'a>(
    cx: &Cx<'_>,
    topic: &ListOffsetsTopic<'a>,
    stable_only: bool,
    times: &mut Times<'a>,
) -> Topic {
    let found = topics::find(cx, TopicRef::Name(topic.name));
    let search = |partition: ListOffsetsPartition| {
        let (index, most) = (partition.partition_index, partition.max_num_offsets);
        // What is named twice is answered once, where it first stood.
        if times.remove(&(topic.name, index))? > 1 {
            return Some(Search::new(index, most, Err(ErrorCode::INVALID_REQUEST)));
        }
        let target = found.as_ref().map_err(|code| *code).and_then(|info| {
            let id = topics::partition(cx, info, partition.partition_index)?;
            topics::check_epoch(partition.current_leader_epoch)?;
            target(cx, id, partition.timestamp, stable_only)
        });
        Some(Search::new(index, most, target))
    };
    Topic { name: topic.name.to_owned(), searches: topic.partitions.iter().filter_map(search).collect() }
}

/// What is looked for in a partition.
fn target(cx: &Cx<'_>, id: QueueId, timestamp: i64, stable_only: bool) -> Result<Target, ErrorCode> {
    let since = match timestamp {
        EARLIEST_PENDING_UPLOAD => 11,
        LATEST_TIERED => 9,
        EARLIEST_LOCAL => 8,
        MAX_TIMESTAMP => 7,
        ..EARLIEST_PENDING_UPLOAD => i16::MAX,
        _ => 0,
    };
    if cx.version() < since {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    Ok(match timestamp {
        LATEST => Target::Edge(id, OffsetOf::Next { stable_only }),
        EARLIEST | EARLIEST_LOCAL => Target::Edge(id, OffsetOf::First),
        MAX_TIMESTAMP => Target::Chunks(id, Place::Latest),
        // Nothing is stored elsewhere.
        _ => match u64::try_from(timestamp) {
            Ok(at) => Target::Chunks(id, Place::Since(Millis(at))),
            Err(_) => Target::Nowhere,
        },
    })
}
