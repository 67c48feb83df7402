//! `Produce`: record batches to partitions. The answer leaves when they are on disk, whatever `acks` says, unless it is 0.

mod check;

use anymq_batch::{NO_TIMESTAMP, TimestampType};
use anymq_broker::topics::{SequenceFault, TopicInfo, Write, WriteFault, Wrote};
use anymq_broker::transactions::TxnFault;

use self::check::{Refusal, TopicRules};
use super::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::topics::{self, TopicRef};
use crate::wire::messages::produce::{
    ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic, ProducedPartition, ProducedTopic,
};
use crate::wire::{ErrorCode, Text};

/// First version that is answered: those before it wrote formats that are gone.
const VERSION_MIN: i16 = 3;
/// First version that names topics by their ids.
const IDS_FROM: i16 = 13;
/// First version that knows zstd.
const ZSTD_FROM: i16 = 7;

pub(super) fn produce(cx: &mut Cx<'_>, request: ProduceRequest<'_>) -> Reply {
    let partitions: usize = request.topic_data.iter().map(|topic| topic.partition_data.len()).sum();
    if cx.version() < VERSION_MIN || partitions.max(request.topic_data.len()) > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut batches = Batches { writes: Vec::new(), outcomes: Vec::with_capacity(partitions) };
    for topic in &request.topic_data {
        batches.take_topic(cx, &topic, request.acks);
    }
    let Batches { writes, outcomes } = batches;
    let wrote = cx.hall.write(writes);
    let mut written = wrote.results.into_iter();
    let mut outcomes = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Refused(refusal) => Err(refusal),
        // The hall answers every write.
        Outcome::Written { stamp } => written
            .next()
            .unwrap_or(Err(WriteFault::NoPartition))
            .map(|wrote| (wrote, stamp))
            .map_err(refusal),
    });
    if request.acks == 0 {
        // Nobody hears of an error otherwise.
        return if outcomes.any(|outcome| outcome.is_err()) { Reply::Close } else { Reply::Nothing };
    }
    let produced = |topic: ProduceTopic<'_>| {
        let answer = |partition: ProducePartition<'_>| match outcomes.next() {
            Some(Ok((wrote, stamp))) => stored(partition.index, wrote, stamp),
            Some(Err(refusal)) => refused(partition.index, refusal),
            None => refused(partition.index, Refusal::of(ErrorCode::UNKNOWN_SERVER_ERROR)),
        };
        let partition_responses = topic.partition_data.iter().map(answer).collect();
        ProducedTopic { name: topic.name.to_owned().into(), topic_id: topic.topic_id, partition_responses }
    };
    let responses = request.topic_data.iter().map(produced).collect();
    cx.reply_when(wrote.commit, &ProduceResponse { responses, ..Default::default() })
}

/// What becomes of a partition's batch, in the order of the request.
enum Outcome {
    Refused(Refusal),
    /// It is the next of the writes. The broker's own timestamp, if the topic has that.
    Written {
        stamp: i64,
    },
}

/// The batches of a request.
struct Batches {
    writes: Vec<Write>,
    outcomes: Vec<Outcome>,
}

impl Batches {
    fn take_topic(&mut self, cx: &Cx<'_>, topic: &ProduceTopic<'_>, acks: i16) {
        let by = TopicRef::of(cx.version(), IDS_FROM, topic.name, topic.topic_id);
        let found = match acks {
            -1..=1 => topics::find(cx, by),
            _ => Err(ErrorCode::INVALID_REQUIRED_ACKS),
        };
        let found = found.map_err(Refusal::of).map(|info| {
            let rules = TopicRules::of(&info, cx.hall.bounds().now, cx.version() >= ZSTD_FROM);
            (info, rules)
        });
        for partition in &topic.partition_data {
            let outcome = match &found {
                Ok((info, rules)) => self.take(cx, info, rules, &partition),
                Err(refusal) => Err(refusal.clone()),
            };
            self.outcomes.push(outcome.unwrap_or_else(Outcome::Refused));
        }
    }

    fn take(
        &mut self,
        cx: &Cx<'_>,
        info: &TopicInfo,
        rules: &TopicRules,
        partition: &ProducePartition<'_>,
    ) -> Result<Outcome, Refusal> {
        let id = topics::partition(cx, info, partition.index).map_err(Refusal::of)?;
        let (header, batch) = rules.check(partition.records.unwrap_or_default())?;
        self.writes.push(Write { partition: id, header, batch });
        let is_ours = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        Ok(Outcome::Written { stamp: if is_ours { header.max_timestamp } else { NO_TIMESTAMP } })
    }
}

fn stored(index: i32, wrote: Wrote, log_append_time_ms: i64) -> ProducedPartition<'static> {
    ProducedPartition {
        index,
        base_offset: wrote.base.cast_signed(),
        log_append_time_ms,
        log_start_offset: wrote.start.cast_signed(),
        ..Default::default()
    }
}

fn refused(index: i32, refusal: Refusal) -> ProducedPartition<'static> {
    let Refusal { code, message, records } = refusal;
    ProducedPartition {
        index,
        error_code: code,
        base_offset: -1,
        error_message: message.map(Text::from),
        record_errors: records.into_iter().map(check::record_error).collect(),
        ..Default::default()
    }
}

fn refusal(fault: WriteFault) -> Refusal {
    match fault {
        WriteFault::NoPartition => Refusal::of(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        WriteFault::Forbidden => Refusal::of(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        WriteFault::Unreadable => Refusal::of(ErrorCode::INVALID_RECORD),
        WriteFault::Schema(records) => Refusal {
            message: records.first().map(|(index, why)| format!("record {index}: {why}")),
            records,
            ..Refusal::of(ErrorCode::INVALID_RECORD)
        },
        // Clients look for this code in answers to what they wrote, and for others elsewhere.
        WriteFault::Transaction(TxnFault::Fenced) => Refusal::of(ErrorCode::INVALID_PRODUCER_EPOCH),
        WriteFault::Transaction(TxnFault::NotThisProducer) => {
            Refusal::of(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
        }
        WriteFault::Transaction(TxnFault::Forbidden) => {
            Refusal::of(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        }
        WriteFault::Transaction(
            TxnFault::State(_) | TxnFault::NoPartition(_) | TxnFault::Timeout(_) | TxnFault::Exhausted,
        ) => Refusal::of(ErrorCode::INVALID_TXN_STATE),
        WriteFault::Sequence(SequenceFault::OldEpoch { epoch, current }) => Refusal {
            message: Some(format!("the producer's epoch is {epoch}, the last seen is {current}")),
            ..Refusal::of(ErrorCode::INVALID_PRODUCER_EPOCH)
        },
        WriteFault::Sequence(SequenceFault::Gap { sequence, expected }) => Refusal {
            message: Some(format!(
                "the batch begins with sequence number {sequence}, the next is {expected}"
            )),
            ..Refusal::of(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
        },
    }
}
