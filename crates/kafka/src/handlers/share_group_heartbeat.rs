//! `ShareGroupHeartbeat`: a member of a share group.

use anymq_broker::{ConsumerBeat, GroupFault, ShareHeartbeat};

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::topics::uuid;
use crate::wire::Array;
use crate::wire::messages::share_groups::{
    Assignment, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, TopicPartitions,
};

pub(super) fn share_group_heartbeat(cx: &mut Cx<'_>, request: ShareGroupHeartbeatRequest<'_>) -> Reply {
    if request.subscribed_topic_names.as_ref().map_or(0, Array::len) > ELEMENTS_MAX {
        return refuse(cx, &GroupFault::TooLarge);
    }
    let heartbeat = ShareHeartbeat {
        group: request.group_id,
        member: request.member_id,
        epoch: request.member_epoch,
        rack: request.rack_id,
        client_id: cx.client_id,
        topics: request.subscribed_topic_names.as_ref().map(|names| names.iter().collect()),
    };
    match cx.hall.share_heartbeat(&heartbeat) {
        Ok(done) => {
            let ConsumerBeat { member, epoch, interval_ms, assignment } = done.value;
            let topic = |(id, partitions): (_, Vec<i32>)| TopicPartitions {
                topic_id: uuid(id),
                partitions: partitions.into(),
            };
            let response = ShareGroupHeartbeatResponse {
                member_id: Some((&*member).into()),
                member_epoch: epoch,
                heartbeat_interval_ms: interval_ms,
                assignment: assignment
                    .map(|share| Assignment { topic_partitions: share.into_iter().map(topic).collect() }),
                ..Default::default()
            };
            cx.reply_when(done.commit, &response)
        }
        Err(fault) => refuse(cx, &fault),
    }
}

fn refuse(cx: &Cx<'_>, fault: &GroupFault) -> Reply {
    cx.reply(&ShareGroupHeartbeatResponse {
        error_code: group_error(fault),
        error_message: Some(fault.to_string().into()),
        ..Default::default()
    })
}
