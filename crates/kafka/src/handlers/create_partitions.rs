//! `CreatePartitions`: more of them, never fewer.

use std::collections::BTreeMap;

use anymq_broker::ErrorKind;
use anymq_types::Position;

use super::create_topics::check_replicas;
use super::limits::{ELEMENTS_MAX, PARTITIONS_MAX, QUOTA_EXCEEDED};
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::messages::topics::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use crate::wire::{ErrorCode, Text};

/// Why a topic does not grow: the code and the sentence, if there is more to say than the code does.
type Refusal = (ErrorCode, Option<String>);

/// First version that can be told to come again later.
const QUOTA_TOLD_FROM: i16 = 3;

pub(super) fn create_partitions(cx: &mut Cx<'_>, request: CreatePartitionsRequest<'_>) -> Reply {
    if request.topics.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    request.topics.iter().for_each(|topic| *times.entry(topic.name).or_default() += 1);
    let mut commit = None;
    let mut results = Vec::with_capacity(times.len());
    for topic in &request.topics {
        let grown = match times.remove(topic.name) {
            // It was answered where it first stood.
            None => continue,
            Some(2..) => Err((ErrorCode::INVALID_REQUEST, Some("Duplicate topic name.".to_owned()))),
            Some(_) => grow(cx, &topic, request.validate_only, &mut commit),
        };
        let (error_code, says) = grown.err().unwrap_or_default();
        let error_message = says.map(Text::from);
        results.push(CreatePartitionsTopicResult { name: topic.name.into(), error_code, error_message });
    }
    cx.reply_when(commit, &CreatePartitionsResponse { results: results.into(), ..Default::default() })
}

fn grow(
    cx: &Cx<'_>,
    topic: &CreatePartitionsTopic<'_>,
    validate_only: bool,
    commit: &mut Option<Position>,
) -> Result<(), Refusal> {
    let refuse = |code, says: String| Err((code, Some(says)));
    let hall_says = |error: anymq_broker::Error| match error.kind {
        ErrorKind::NotFound => (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None),
        ErrorKind::Invalid => (ErrorCode::INVALID_PARTITIONS, Some(error.text)),
        ErrorKind::NotAllowed => (ErrorCode::POLICY_VIOLATION, Some(error.text)),
        kind => (topic_error(kind), Some(error.text)),
    };
    let (name, count) = (topic.name, topic.count);
    let now = cx.hall.topic(name).map_err(hall_says)?.partitions.len();
    let more = match usize::try_from(count) {
        Ok(total) if total > now => total - now,
        Ok(total) if total == now => {
            return refuse(ErrorCode::INVALID_PARTITIONS, format!("Topic already has {now} partition(s)."));
        }
        _ => {
            let says = format!(
                "The topic {name} currently has {now} partition(s); {count} would not be an increase."
            );
            return refuse(ErrorCode::INVALID_PARTITIONS, says);
        }
    };
    if count as u32 > PARTITIONS_MAX {
        let says = format!("A topic cannot have {count} partitions: {PARTITIONS_MAX} are the most.");
        return refuse(ErrorCode::INVALID_PARTITIONS, says);
    }
    if let Some(assignments) = &topic.assignments {
        let given = assignments.len();
        if given != more {
            let says = format!(
                "Attempted to add {more} additional partition(s), but only {given} assignment(s) were specified."
            );
            return refuse(ErrorCode::INVALID_REPLICA_ASSIGNMENT, says);
        }
        for assignment in assignments {
            check_replicas(cx, &assignment.broker_ids, Some(1)).map_err(|(code, says)| (code, Some(says)))?;
        }
    }
    if !cx.may_change_partitions(more, QUOTA_TOLD_FROM) {
        return refuse(ErrorCode::THROTTLING_QUOTA_EXCEEDED, QUOTA_EXCEEDED.to_owned());
    }
    let done = cx.hall.add_partitions(name, count as u32, validate_only).map_err(hall_says)?;
    *commit = (*commit).max(done.commit);
    Ok(())
}
