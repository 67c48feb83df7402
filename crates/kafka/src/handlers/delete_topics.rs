//! `DeleteTopics`: by name or by id.

use std::collections::BTreeMap;

use anymq_broker::topics::{TopicId, TopicInfo};
use anymq_broker::{Error, ErrorKind};
use anymq_types::Position;

use super::limits::{ELEMENTS_MAX, QUOTA_EXCEEDED};
use crate::errors::topic_error;
use crate::session::{Cx, Reply};
use crate::wire::messages::topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use crate::wire::{ErrorCode, Text, Uuid};

/// How a topic is named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named<'a> {
    Name(&'a str),
    Id([u8; 16]),
    /// Not at all, or twice.
    Wrong(Option<&'a str>, [u8; 16]),
}

/// First version that can be told to come again later.
const QUOTA_TOLD_FROM: i16 = 5;

pub(super) fn delete_topics(cx: &mut Cx<'_>, request: DeleteTopicsRequest<'_>) -> Reply {
    if request.topics.len() + request.topic_names.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let by_state = request.topics.iter().map(|topic| match (topic.name, topic.topic_id) {
        (Some(name), Uuid::NONE) => Named::Name(name),
        (None, id) if id != Uuid::NONE => Named::Id(id.0),
        (name, id) => Named::Wrong(name, id.0),
    });
    let mut times: BTreeMap<Named<'_>, u32> = BTreeMap::new();
    for named in request.topic_names.iter().map(Named::Name).chain(by_state) {
        *times.entry(named).or_default() += 1;
    }
    let mut commit = None;
    let responses = times.iter().map(|(&named, &times)| answer(cx, named, times, &mut commit)).collect();
    cx.reply_when(commit, &DeleteTopicsResponse { responses, ..Default::default() })
}

fn answer<'a>(
    cx: &Cx<'_>,
    named: Named<'a>,
    times: u32,
    commit: &mut Option<Position>,
) -> DeletableTopicResult<'a> {
    let invalid = |says: &'static str| (ErrorCode::INVALID_REQUEST, Some(says.into()));
    let (name, topic_id, (error_code, error_message)) = match named {
        Named::Wrong(None, id) => (None, Uuid(id), invalid("Neither topic name nor id were specified.")),
        Named::Wrong(name, id) => {
            (name.map(Text::from), Uuid(id), invalid("You may not specify both topic name and topic id."))
        }
        Named::Name(name) if times > 1 => (Some(name.into()), Uuid::NONE, invalid("Duplicate topic name.")),
        Named::Id(id) if times > 1 => (None, Uuid(id), invalid("Duplicate topic id.")),
        Named::Name(name) => {
            match cx.hall.topic(name).map_err(Refusal::from).and_then(|topic| delete(cx, &topic, commit)) {
                Ok(id) => (Some(name.into()), id, (ErrorCode::NONE, None)),
                Err(error) => {
                    (Some(name.into()), Uuid::NONE, said(error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
                }
            }
        }
        Named::Id(id) => {
            let found = cx.hall.topic_by_id(TopicId(u128::from_be_bytes(id))).map_err(Refusal::from);
            match found.and_then(|topic| delete(cx, &topic, commit).map(|_| topic.name)) {
                Ok(name) => (Some(name.to_string().into()), Uuid(id), (ErrorCode::NONE, None)),
                Err(error) => (None, Uuid(id), said(error, ErrorCode::UNKNOWN_TOPIC_ID)),
            }
        }
    };
    DeletableTopicResult { name, topic_id, error_code, error_message }
}

/// Why a topic is not deleted.
enum Refusal {
    Hall(Error),
    /// The client has to wait first.
    Quota,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Hall(error)
    }
}

fn delete(cx: &Cx<'_>, topic: &TopicInfo, commit: &mut Option<Position>) -> Result<Uuid, Refusal> {
    if !cx.may_change_partitions(topic.partitions.len(), QUOTA_TOLD_FROM) {
        return Err(Refusal::Quota);
    }
    let done = cx.hall.delete_topic(&topic.name)?;
    *commit = (*commit).max(done.commit);
    Ok(Uuid(topic.id.0.to_be_bytes()))
}

/// What a client hears of an error; of a topic that is not there, only that.
fn said(refusal: Refusal, not_found: ErrorCode) -> (ErrorCode, Option<Text<'static>>) {
    let error = match refusal {
        Refusal::Quota => return (ErrorCode::THROTTLING_QUOTA_EXCEEDED, Some(QUOTA_EXCEEDED.into())),
        Refusal::Hall(error) => error,
    };
    match error.kind {
        ErrorKind::NotFound => (not_found, None),
        kind => (topic_error(kind), Some(error.text.into())),
    }
}
