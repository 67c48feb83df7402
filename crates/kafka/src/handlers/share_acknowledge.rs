//! `ShareAcknowledge`: what became of records that a member of a share group has got.

use anymq_broker::ShareSession;

use super::ELEMENTS_MAX;
use super::share::{Acks, FINAL_EPOCH, acked, by_topic, may_renew, share_error};
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::share_fetch::{
    ShareAcknowledgeRequest, ShareAcknowledgeResponse, ShareAcknowledgedPartition, ShareAcknowledgedTopic,
};

pub(super) fn share_acknowledge(cx: &mut Cx<'_>, request: ShareAcknowledgeRequest<'_>) -> Reply {
    let partitions: usize = request.topics.iter().map(|topic| topic.partitions.len() + 1).sum();
    if partitions > ELEMENTS_MAX {
        return Reply::Close;
    }
    let (Some(group), Some(member)) = (request.group_id, request.member_id) else {
        return refuse(cx, ErrorCode::UNKNOWN_SERVER_ERROR);
    };
    let mut acks = Acks::default();
    let renews = may_renew(cx.version(), request.is_renew_ack);
    for topic in &request.topics {
        for part in &topic.partitions {
            acks.push(topic.topic_id, part.partition_index, &part.acknowledgement_batches, renews);
        }
    }
    let session = ShareSession {
        group,
        member,
        node: cx.node_id(),
        epoch: request.share_session_epoch,
        add: Vec::new(),
        forget: Vec::new(),
        fetches: false,
        acknowledges: !acks.is_empty(),
    };
    let lock_ms = match cx.hall.share_session(&session) {
        Ok(lock_ms) => lock_ms,
        Err(fault) => return refuse(cx, share_error(&fault)),
    };
    let (done, commit) = match acks.send(cx, group, member) {
        Ok(done) => done,
        Err(code) => return refuse(cx, code),
    };
    if request.share_session_epoch == FINAL_EPOCH
        && let Err(fault) = cx.hall.end_share(group, member, cx.node_id())
    {
        return refuse(cx, share_error(&fault));
    }
    let parts = done.into_iter().map(|(topic, partition_index, result)| {
        let (error_code, error_message) = acked(&result);
        let part =
            ShareAcknowledgedPartition { partition_index, error_code, error_message, ..Default::default() };
        (topic, part)
    });
    let topic =
        |(topic_id, parts): (_, Vec<_>)| ShareAcknowledgedTopic { topic_id, partitions: parts.into() };
    let response = ShareAcknowledgeResponse {
        acquisition_lock_timeout_ms: i32::try_from(lock_ms).unwrap_or(i32::MAX),
        responses: by_topic(parts).into_iter().map(topic).collect(),
        ..Default::default()
    };
    cx.reply_when(commit, &response)
}

fn refuse(cx: &Cx<'_>, error_code: ErrorCode) -> Reply {
    cx.reply(&ShareAcknowledgeResponse { error_code, ..Default::default() })
}
