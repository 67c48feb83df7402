//! `DescribeProducers`: who has written to partitions, and whose transaction is open.

use anymq_broker::topics::{ProducerStatus, TopicInfo};

use super::ELEMENTS_MAX;
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::topics::{self, TopicRef};
use crate::wire::ErrorCode;
use crate::wire::messages::transaction_admin::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};

/// Clients hear this where no transaction is open.
const NOT_OPEN: i64 = -1;

pub(super) fn describe_producers(cx: &mut Cx<'_>, request: DescribeProducersRequest<'_>) -> Reply {
    let partitions: usize = request.topics.iter().map(|topic| topic.partition_indexes.len()).sum();
    if partitions.max(request.topics.len()) > ELEMENTS_MAX {
        return Reply::Close;
    }
    let topics = request.topics.iter().map(|topic| {
        let found = topics::find(cx, TopicRef::Name(topic.name));
        let describe = |partition_index: i32| {
            let producers =
                found.as_ref().map_err(|code| *code).and_then(|info| producers(cx, info, partition_index));
            let (error_code, producers) = match producers {
                Ok(producers) => (ErrorCode::NONE, producers),
                Err(code) => (code, Vec::new()),
            };
            let active_producers = producers.into_iter().map(state).collect();
            PartitionResponse { partition_index, error_code, active_producers, ..Default::default() }
        };
        let partitions = topic.partition_indexes.iter().map(describe).collect();
        TopicResponse { name: topic.name.into(), partitions }
    });
    let topics = topics.collect();
    cx.reply(&DescribeProducersResponse { topics, ..Default::default() })
}

fn producers(cx: &Cx<'_>, info: &TopicInfo, partition: i32) -> Result<Vec<ProducerStatus>, ErrorCode> {
    let id = topics::partition(cx, info, partition)?;
    cx.hall.producers(id).map_err(|error| topic_error(error.kind))
}

fn state(producer: ProducerStatus) -> ProducerState {
    ProducerState {
        producer_id: producer.id,
        producer_epoch: producer.epoch.into(),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        // The coordinator is this broker, and has never been another.
        coordinator_epoch: 0,
        current_txn_start_offset: producer.open_since.map_or(NOT_OPEN, u64::cast_signed),
    }
}
