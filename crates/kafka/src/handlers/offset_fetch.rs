//! `OffsetFetch`: how far groups have read.
//!
//! Who wants stable offsets is told of those that a transaction is about to commit.

use anymq_broker::topics::TopicId;
use anymq_broker::{Committed, FetchOffsets, GroupResult, TopicOffsets, TopicRef};

use super::ELEMENTS_MAX;
use crate::errors::{group_error, partition_error};
use crate::session::{Cx, Reply};
use crate::wire::messages::committed::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use crate::wire::{Array, ErrorCode, Uuid};

/// First version with a code for the whole group.
const GROUP_CODE_FROM: i16 = 2;
/// First version with several groups.
const BATCHED_FROM: i16 = 8;
/// First version that names topics by id.
const IDS_FROM: i16 = 10;

pub(super) fn offset_fetch(cx: &mut Cx<'_>, request: OffsetFetchRequest<'_>) -> Reply {
    if cx.version() < BATCHED_FROM {
        return fetch_one(cx, &request);
    }
    let elements = |group: OffsetFetchRequestGroup<'_>| match &group.topics {
        Some(topics) => topics.iter().map(|topic| topic.partition_indexes.len() + 1).sum::<usize>() + 1,
        None => 1,
    };
    if request.groups.iter().map(elements).sum::<usize>() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let groups = request.groups.iter().map(|group| fetch_group(cx, &group, request.require_stable));
    let groups = groups.collect();
    cx.reply(&OffsetFetchResponse { groups, ..Default::default() })
}

fn fetch_group<'a>(
    cx: &Cx<'_>,
    group: &OffsetFetchRequestGroup<'a>,
    stable_only: bool,
) -> OffsetFetchResponseGroup<'a> {
    let by_id = cx.version() >= IDS_FROM;
    let topics = group.topics.as_ref().map(|topics| {
        let topics = topics.iter().map(|topic| {
            let name = match by_id {
                true => TopicRef::Id(TopicId(u128::from_be_bytes(topic.topic_id.0))),
                false => TopicRef::Name(topic.name),
            };
            (name, topic.partition_indexes.iter().collect())
        });
        topics.collect()
    });
    let speaks = group.member_id.is_some() || group.member_epoch >= 0;
    let member = speaks.then(|| (group.member_id.unwrap_or_default(), group.member_epoch));
    let group_id = group.group_id.into();
    match cx.hall.fetch_offsets(&FetchOffsets { group: group.group_id, member, stable_only, topics }) {
        Ok(topics) => {
            let topics = topics.into_iter().map(|topic| of_topic(topic, by_id)).collect();
            OffsetFetchResponseGroup { group_id, topics, error_code: ErrorCode::NONE }
        }
        Err(fault) => {
            OffsetFetchResponseGroup { group_id, topics: Array::default(), error_code: group_error(&fault) }
        }
    }
}

/// The next offset, the epoch of the one before, the note, and the code.
fn committed(found: GroupResult<Option<Committed>>, by_id: bool) -> (i64, i32, String, ErrorCode) {
    let error_code = partition_error(&found, by_id);
    match found {
        Ok(Some(found)) => (found.offset, found.epoch, found.metadata.into(), error_code),
        Ok(None) | Err(_) => (-1, -1, String::new(), error_code),
    }
}

fn of_topic(topic: TopicOffsets, by_id: bool) -> OffsetFetchResponseTopics<'static> {
    let partitions = topic.partitions.into_iter().map(|(partition_index, found)| {
        let (committed_offset, committed_leader_epoch, metadata, error_code) = committed(found, by_id);
        let metadata = Some(metadata.into());
        OffsetFetchResponsePartitions {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata,
            error_code,
        }
    });
    OffsetFetchResponseTopics {
        name: topic.name.to_string().into(),
        topic_id: Uuid(topic.id.0.to_be_bytes()),
        partitions: partitions.collect(),
    }
}

/// Versions with one group.
fn fetch_one(cx: &Cx<'_>, request: &OffsetFetchRequest<'_>) -> Reply {
    let asked = request.topics.as_ref();
    let elements =
        asked.map_or(0, |topics| topics.iter().map(|t| t.partition_indexes.len() + 1).sum::<usize>());
    if elements > ELEMENTS_MAX {
        return Reply::Close;
    }
    let topics = asked.map(|topics| {
        topics.iter().map(|t| (TopicRef::Name(t.name), t.partition_indexes.iter().collect())).collect()
    });
    let stable_only = request.require_stable;
    match cx.hall.fetch_offsets(&FetchOffsets { group: request.group_id, member: None, stable_only, topics })
    {
        Ok(topics) => {
            let topics = topics.into_iter().map(of_topic_alone);
            cx.reply(&OffsetFetchResponse { topics: topics.collect(), ..Default::default() })
        }
        Err(fault) => {
            let error_code = group_error(&fault);
            let topics = match asked {
                Some(topics) if cx.version() < GROUP_CODE_FROM => topics
                    .iter()
                    .map(|topic| {
                        let failed = |partition_index| OffsetFetchResponsePartition {
                            partition_index,
                            committed_offset: -1,
                            metadata: Some("".into()),
                            error_code,
                            ..Default::default()
                        };
                        OffsetFetchResponseTopic {
                            name: topic.name.into(),
                            partitions: topic.partition_indexes.iter().map(failed).collect(),
                        }
                    })
                    .collect(),
                _ => Array::default(),
            };
            cx.reply(&OffsetFetchResponse { topics, error_code, ..Default::default() })
        }
    }
}

fn of_topic_alone(topic: TopicOffsets) -> OffsetFetchResponseTopic<'static> {
    let partitions = topic.partitions.into_iter().map(|(partition_index, found)| {
        let (committed_offset, committed_leader_epoch, metadata, error_code) = committed(found, false);
        let metadata = Some(metadata.into());
        OffsetFetchResponsePartition {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata,
            error_code,
        }
    });
    OffsetFetchResponseTopic { name: topic.name.to_string().into(), partitions: partitions.collect() }
}
