//! `WriteTxnMarkers`: an operator aborts a transaction that he found open in a partition (`kafka-transactions abort`, KIP-664).
//!
//! Here no transaction is open in a partition without its coordinator knowing, and none ends in one partition alone: it is aborted as
//! a whole, and its producer fenced, as if its time were up.

use std::collections::BTreeMap;

use anymq_broker::acl::Operation;
use anymq_broker::transactions::{ProducerEpoch, TxnFault};
use anymq_types::{Position, QueueId};

use super::ELEMENTS_MAX;
use crate::errors::txn_error;
use crate::session::{Cx, Reply};
use crate::topics::{self, TopicRef};
use crate::wire::ErrorCode;
use crate::wire::messages::transaction_admin::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopic,
    WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

/// What was found of each partition that a marker names.
type Named<'a> = BTreeMap<(&'a str, i32), Result<QueueId, ErrorCode>>;

pub(super) fn write_txn_markers(cx: &mut Cx<'_>, request: WriteTxnMarkersRequest<'_>) -> Reply {
    let of_topic = |topic: WritableTxnMarkerTopic<'_>| 1 + topic.partition_indexes.len();
    let of_marker = |marker: WritableTxnMarker<'_>| 1 + marker.topics.iter().map(of_topic).sum::<usize>();
    if request.markers.iter().map(of_marker).sum::<usize>() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let may = [Operation::Alter, Operation::ClusterAction].into_iter().any(|of| cx.may_cluster(of));
    let mut commit = None;
    let result = |marker: WritableTxnMarker<'_>| {
        let named = named(cx, &marker);
        let ended = match may && !marker.transaction_result {
            true => abort(cx, &marker, &named, &mut commit),
            false => Err(ErrorCode::CLUSTER_AUTHORIZATION_FAILED),
        };
        let topic = |topic: WritableTxnMarkerTopic<'_>| {
            let result = |partition_index| {
                let error_code = ended.and(named[&(topic.name, partition_index)].map(drop));
                let error_code = error_code.err().unwrap_or(ErrorCode::NONE);
                WritableTxnMarkerPartitionResult { partition_index, error_code }
            };
            let partitions = topic.partition_indexes.iter().map(result).collect();
            WritableTxnMarkerTopicResult { name: topic.name.to_owned().into(), partitions }
        };
        let topics = marker.topics.iter().map(topic).collect();
        WritableTxnMarkerResult { producer_id: marker.producer_id, topics }
    };
    let markers = request.markers.iter().map(result).collect();
    cx.reply_when(commit, &WriteTxnMarkersResponse { markers })
}

fn named<'a>(cx: &Cx<'_>, marker: &WritableTxnMarker<'a>) -> Named<'a> {
    let mut named = Named::new();
    for topic in &marker.topics {
        let found = topics::find(cx, TopicRef::Name(topic.name));
        for index in &topic.partition_indexes {
            let id = found.as_ref().map_err(|&code| code);
            named.insert((topic.name, index), id.and_then(|info| topics::partition(cx, info, index)));
        }
    }
    named
}

fn abort(
    cx: &Cx<'_>,
    marker: &WritableTxnMarker<'_>,
    named: &Named<'_>,
    commit: &mut Option<Position>,
) -> Result<(), ErrorCode> {
    let partitions: Vec<QueueId> = named.values().filter_map(|found| found.ok()).collect();
    let who = ProducerEpoch { id: marker.producer_id, epoch: marker.producer_epoch };
    let done = cx.hall.abort_producer(who, &partitions).map_err(|fault| match fault {
        // Whoever may not do it to the cluster.
        TxnFault::Forbidden => ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        fault => txn_error(fault, false),
    })?;
    *commit = (*commit).max(done.commit);
    Ok(())
}
