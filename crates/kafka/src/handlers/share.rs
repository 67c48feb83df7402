//! What fetching and acknowledging in share groups have in common.

use anymq_broker::{Ack, AckBatch, AckFault, PartitionAcks, ShareFault};

use crate::errors::group_error;
use crate::session::Cx;
use crate::topics::topic_id;
use crate::wire::messages::share_fetch::AcknowledgementBatch;
use crate::wire::{Array, ErrorCode, Text, Uuid};

/// The epoch that ends a session.
pub(super) const FINAL_EPOCH: i32 = -1;
/// First version in which locks can be renewed.
const RENEW_FROM: i16 = 2;

/// Acknowledgements of partitions as a request has them.
#[derive(Default)]
pub(super) struct Acks {
    /// Where, and whether it is in order.
    places: Vec<(Uuid, i32, bool)>,
    acks: Vec<PartitionAcks>,
}

/// What became of the acknowledgements of a partition.
pub(super) type Acked = (Uuid, i32, Result<(), AckFault>);

impl Acks {
    /// Adds those of a partition, if there are any.
    pub(super) fn push(
        &mut self,
        topic: Uuid,
        partition: i32,
        batches: &Array<'_, AcknowledgementBatch<'_>>,
        may_renew: bool,
    ) {
        if batches.is_empty() {
            return;
        }
        let read: Option<Vec<AckBatch>> = batches.iter().map(|batch| read(&batch, may_renew)).collect();
        self.places.push((topic, partition, read.is_some()));
        self.acks.extend(read.map(|batches| (topic_id(topic), partition, batches)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What became of each, told only once the position is on disk.
    pub(super) fn send(
        self,
        cx: &Cx<'_>,
        group: &str,
        member: &str,
    ) -> Result<(Vec<Acked>, Option<anymq_types::Position>), ErrorCode> {
        let done = match self.acks.is_empty() {
            true => anymq_broker::Acknowledged::default(),
            false => {
                cx.hall.share_acknowledge(group, member, &self.acks).map_err(|fault| group_error(&fault))?
            }
        };
        let mut results = done.results.into_iter();
        let acked = self.places.into_iter().map(|(topic, partition, in_order)| {
            let result = if in_order { results.next().unwrap_or(Ok(())) } else { Err(AckFault::Invalid) };
            (topic, partition, result)
        });
        Ok((acked.collect(), done.commit))
    }
}

/// Whether a request may renew locks.
pub(super) fn may_renew(version: i16, asked: bool) -> bool {
    asked && version >= RENEW_FROM
}

/// An acknowledgement, if it is in order.
fn read(batch: &AcknowledgementBatch<'_>, may_renew: bool) -> Option<AckBatch> {
    let (first, last) = (u64::try_from(batch.first_offset).ok()?, u64::try_from(batch.last_offset).ok()?);
    let acks = batch.acknowledge_types.iter().map(|kind| match kind {
        0 => Some(Ack::Gap),
        1 => Some(Ack::Accept),
        2 => Some(Ack::Release),
        3 => Some(Ack::Reject),
        4 if may_renew => Some(Ack::Renew),
        _ => None,
    });
    let acks: Vec<Ack> = acks.collect::<Option<_>>()?;
    (first <= last && !acks.is_empty()).then_some(AckBatch { first, last, acks })
}

/// The code of what became of acknowledgements, and the sentence if there is more to say.
pub(super) fn acked(result: &Result<(), AckFault>) -> (ErrorCode, Option<Text<'static>>) {
    let Err(fault) = result else { return (ErrorCode::NONE, None) };
    let code = match fault {
        AckFault::Invalid | AckFault::FirstPast | AckFault::LastPast => ErrorCode::INVALID_REQUEST,
        AckFault::NotAcquired | AckFault::NotOwner => ErrorCode::INVALID_RECORD_STATE,
        AckFault::NoTopic => ErrorCode::UNKNOWN_TOPIC_ID,
        AckFault::NoPartition => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        AckFault::Forbidden => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    };
    // Of a request that contradicts itself Kafka says no more than that.
    (code, (*fault != AckFault::Invalid).then(|| fault.to_string().into()))
}

/// The code of why a session refuses.
pub(super) fn share_error(fault: &ShareFault) -> ErrorCode {
    match fault {
        ShareFault::Group(fault) => group_error(fault),
        ShareFault::NoSession => ErrorCode::SHARE_SESSION_NOT_FOUND,
        ShareFault::WrongEpoch => ErrorCode::INVALID_SHARE_SESSION_EPOCH,
        ShareFault::Full => ErrorCode::SHARE_SESSION_LIMIT_REACHED,
        ShareFault::Invalid => ErrorCode::INVALID_REQUEST,
    }
}

/// Things of partitions by topic, in the order of the topics' first ones.
pub(super) fn by_topic<T>(parts: impl IntoIterator<Item = (Uuid, T)>) -> Vec<(Uuid, Vec<T>)> {
    let mut topics: Vec<(Uuid, Vec<T>)> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for (topic, part) in parts {
        let place = *places.entry(topic.0).or_insert_with(|| {
            topics.push((topic, Vec::new()));
            topics.len() - 1
        });
        topics[place].1.push(part);
    }
    topics
}
