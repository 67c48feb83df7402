//! `ShareFetch`: records for a member of a share group, and what became of those it got before.

mod sharing;

use std::time::Duration;

use anymq_broker::{ShareSession, TopicPartitions};

use self::sharing::Sharing;
use super::ELEMENTS_MAX;
use super::share::{Acks, FINAL_EPOCH, may_renew, share_error};
use crate::session::{Cx, Reply};
use crate::topics::topic_id;
use crate::wire::ErrorCode;
use crate::wire::messages::share_fetch::{ShareFetchRequest, ShareFetchResponse};

/// Whole batches, though they may be more records than were asked for; and: not a record more.
const BY_BATCH: i8 = 0;
const BY_RECORD: i8 = 1;

pub(super) fn share_fetch(cx: &mut Cx<'_>, request: ShareFetchRequest<'_>) -> Reply {
    let named: usize = request.topics.iter().map(|topic| topic.partitions.len() + 1).sum();
    let forgotten: usize = request.forgotten_topics_data.iter().map(|topic| topic.partitions.len() + 1).sum();
    if named + forgotten > ELEMENTS_MAX {
        return Reply::Close;
    }
    let (Some(group), Some(member)) = (request.group_id, request.member_id) else {
        return refuse(cx, ErrorCode::UNKNOWN_SERVER_ERROR);
    };
    if ![BY_BATCH, BY_RECORD].contains(&request.share_acquire_mode) {
        return refuse(cx, ErrorCode::UNKNOWN_SERVER_ERROR);
    }
    let wants = request.max_wait_ms | request.min_bytes | request.max_bytes | request.max_records;
    if request.is_renew_ack && wants != 0 {
        return refuse(cx, ErrorCode::INVALID_REQUEST);
    }
    let (add, acks) = read(cx, &request);
    let forget = request.forgotten_topics_data.iter();
    let session = ShareSession {
        group,
        member,
        node: cx.node_id(),
        epoch: request.share_session_epoch,
        add,
        forget: forget.map(|topic| (topic_id(topic.topic_id), topic.partitions.iter().collect())).collect(),
        fetches: true,
        acknowledges: !acks.is_empty(),
    };
    let lock_ms = match cx.hall.share_session(&session) {
        Ok(lock_ms) => lock_ms,
        Err(fault) => return refuse(cx, share_error(&fault)),
    };
    let (acked, commit) = match acks.send(cx, group, member) {
        Ok(done) => done,
        Err(code) => return refuse(cx, code),
    };
    let is_last = request.share_session_epoch == FINAL_EPOCH;
    if is_last && let Err(fault) = cx.hall.end_share(group, member, cx.node_id()) {
        return refuse(cx, share_error(&fault));
    }
    let positive = |number: i32| u32::try_from(number).unwrap_or(0);
    let bytes_max = u32::try_from(cx.config.fetch_bytes_max.0).unwrap_or(u32::MAX);
    let sharing = Sharing {
        group: group.into(),
        member: member.into(),
        records: if is_last { 0 } else { positive(request.max_records) },
        strict: request.share_acquire_mode == BY_RECORD,
        range: positive(request.batch_size),
        bytes: positive(request.max_bytes).min(bytes_max),
        lock_ms: i32::try_from(lock_ms).unwrap_or(i32::MAX),
        acked,
        commit,
        ..Sharing::default()
    };
    // A client that is gone must not be waited for longer than one that says nothing.
    let wait = Duration::from_millis(positive(request.max_wait_ms).into()).min(cx.config.idle_timeout);
    sharing.begin(cx, wait)
}

/// Partitions that are fetched from, and what is acknowledged.
fn read(cx: &Cx<'_>, request: &ShareFetchRequest<'_>) -> (TopicPartitions, Acks) {
    let renews = may_renew(cx.version(), request.is_renew_ack);
    let (mut add, mut acks) = (TopicPartitions::new(), Acks::default());
    for topic in &request.topics {
        let mut numbers = Vec::with_capacity(topic.partitions.len());
        for part in &topic.partitions {
            numbers.push(part.partition_index);
            acks.push(topic.topic_id, part.partition_index, &part.acknowledgement_batches, renews);
        }
        add.push((topic_id(topic.topic_id), numbers));
    }
    (add, acks)
}

fn refuse(cx: &Cx<'_>, error_code: ErrorCode) -> Reply {
    cx.reply(&ShareFetchResponse { error_code, ..Default::default() })
}
