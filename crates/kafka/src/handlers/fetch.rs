//! `Fetch`: record batches from partitions. Waits until there is enough, or the client's patience is over.

mod reading;

use std::time::Duration;

use anymq_broker::topics::Read;
use anymq_catalog::QuotaKind;

use self::reading::{Fetching, Part, Topic};
use super::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::topics::{self, TopicRef};
use crate::wire::ErrorCode;
use crate::wire::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};

/// First version that names topics by their ids.
const IDS_FROM: i16 = 13;
/// A full fetch, by the epoch of its session: one that opens a session, or has none.
const FULL_EPOCHS: std::ops::RangeInclusive<i32> = -1..=0;
/// Reads nothing of transactions that are still open.
const READ_COMMITTED: i8 = 1;
/// What an answer holds at most, in seconds of the client's quota.
const QUOTA_SECONDS_MAX: u64 = 10;

pub(super) fn fetch(cx: &mut Cx<'_>, request: FetchRequest<'_>) -> Reply {
    let partitions: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    if partitions.max(request.topics.len()) > ELEMENTS_MAX {
        return Reply::Close;
    }
    if !FULL_EPOCHS.contains(&request.session_epoch) {
        // Every fetch is answered with session 0, which is none.
        let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
        return cx.reply(&FetchResponse { error_code, ..Default::default() });
    }
    let bytes_max = u64::try_from(request.max_bytes).unwrap_or(0).min(cx.config.fetch_bytes_max.0);
    // Else one answer could be worth minutes of silence.
    let quota = cx.hall.quota(cx.client_id, QuotaKind::ConsumerByteRate);
    let bytes_max = bytes_max.min(quota.map_or(u64::MAX, |rate| rate.saturating_mul(QUOTA_SECONDS_MAX)));
    let stable_only = request.isolation_level == READ_COMMITTED;
    let fetching = Fetching::new(
        request.topics.iter().map(|topic| wanted(cx, &topic, stable_only)).collect(),
        bytes_max,
        u64::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
        stable_only,
    );
    // A client that is gone must not be waited for longer than one that says nothing.
    let wait =
        Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(cx.config.idle_timeout);
    fetching.begin(cx, wait)
}

/// What is read of a topic, and why not of the rest of it.
fn wanted(cx: &Cx<'_>, topic: &FetchTopic<'_>, stable_only: bool) -> Topic {
    let by = TopicRef::of(cx.version(), IDS_FROM, topic.topic, topic.topic_id);
    let found = topics::find(cx, by);
    let part = |partition: FetchPartition| {
        let read = found.as_ref().map_err(|code| *code).and_then(|info| {
            let id = topics::partition(cx, info, partition.partition)?;
            topics::check_epoch(partition.current_leader_epoch)?;
            let offset = u64::try_from(partition.fetch_offset).map_err(|_| ErrorCode::OFFSET_OUT_OF_RANGE)?;
            let max_bytes = u32::try_from(partition.partition_max_bytes).unwrap_or(0);
            Ok(Read { partition: id, offset, max_bytes, at_least_one: true, stable_only })
        });
        Part::new(partition.partition, read)
    };
    Topic {
        // By id, the name is not answered, but records are made with it.
        name: found.as_ref().map_or_else(|_| topic.topic.to_owned(), |info| info.name.to_string()),
        id: topic.topic_id,
        parts: topic.partitions.iter().map(part).collect(),
    }
}
