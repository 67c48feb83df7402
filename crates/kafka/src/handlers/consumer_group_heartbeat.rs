//! `ConsumerGroupHeartbeat`: a member of a group whose partitions the broker assigns.

use anymq_broker::topics::TopicId;
use anymq_broker::{ConsumerBeat, ConsumerHeartbeat, GroupFault, TopicPartitions};

use super::ELEMENTS_MAX;
use crate::errors::group_error;
use crate::session::{Cx, Reply};
use crate::wire::messages::consumer_groups::{
    self as wire, Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use crate::wire::{Array, Uuid};

/// First version whose members make their ids themselves.
const OWN_ID_FROM: i16 = 1;

pub(super) fn consumer_group_heartbeat(cx: &mut Cx<'_>, request: ConsumerGroupHeartbeatRequest<'_>) -> Reply {
    let partitions = |list: &Array<'_, wire::TopicPartitions<'_>>| {
        list.iter().map(|topic| topic.partitions.len() + 1).sum::<usize>()
    };
    let topics = request.subscribed_topic_names.as_ref().map_or(0, Array::len);
    if request.topic_partitions.as_ref().map_or(0, partitions) + topics > ELEMENTS_MAX {
        return refuse(cx, &GroupFault::TooLarge);
    }
    let owned = request.topic_partitions.as_ref().map(|list| {
        let topic = |topic: wire::TopicPartitions<'_>| {
            (TopicId(u128::from_be_bytes(topic.topic_id.0)), topic.partitions.iter().collect())
        };
        list.iter().map(topic).collect()
    });
    let heartbeat = ConsumerHeartbeat {
        group: request.group_id,
        member: request.member_id,
        epoch: request.member_epoch,
        instance: request.instance_id,
        rack: request.rack_id,
        client_id: cx.client_id,
        rebalance_ms: request.rebalance_timeout_ms,
        topics: request.subscribed_topic_names.as_ref().map(|names| names.iter().collect()),
        pattern: request.subscribed_topic_regex,
        assignor: request.server_assignor,
        owned,
        makes_its_id: cx.version() >= OWN_ID_FROM,
    };
    match cx.hall.consumer_heartbeat(&heartbeat) {
        Ok(done) => {
            let ConsumerBeat { member, epoch, interval_ms, assignment } = done.value;
            let assignment = assignment.map(|share| Assignment { topic_partitions: topic_partitions(share) });
            let response = ConsumerGroupHeartbeatResponse {
                member_id: Some((&*member).into()),
                member_epoch: epoch,
                heartbeat_interval_ms: interval_ms,
                assignment,
                ..Default::default()
            };
            cx.reply_when(done.commit, &response)
        }
        Err(fault) => refuse(cx, &fault),
    }
}

fn refuse(cx: &Cx<'_>, fault: &GroupFault) -> Reply {
    cx.reply(&ConsumerGroupHeartbeatResponse {
        error_code: group_error(fault),
        error_message: Some(fault.to_string().into()),
        ..Default::default()
    })
}

fn topic_partitions(share: TopicPartitions) -> Array<'static, wire::TopicPartitions<'static>> {
    let topic = |(id, partitions): (TopicId, Vec<i32>)| wire::TopicPartitions {
        topic_id: Uuid(id.0.to_be_bytes()),
        partitions: partitions.into(),
    };
    share.into_iter().map(topic).collect()
}
