//! `DescribeTopicPartitions`: topics page by page, in the order of their names.

use std::collections::BTreeSet;

use anymq_broker::ErrorKind;
use anymq_broker::topics::TopicInfo;

use super::limits::ELEMENTS_MAX;
use crate::authorized;
use crate::errors::topic_error;
use crate::names;
use crate::session::{Cx, Reply};
use crate::wire::messages::metadata::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, NextCursor,
};
use crate::wire::{ErrorCode, Uuid};

/// Most partitions of one page (`max.request.partition.size.limit`).
const PAGE_MAX: i32 = 2_000;

type Page<'a> = DescribeTopicPartitionsResponse<'a>;
type Described = DescribeTopicPartitionsResponseTopic<'static>;

pub(super) fn describe_topic_partitions(
    cx: &mut Cx<'_>,
    request: DescribeTopicPartitionsRequest<'_>,
) -> Reply {
    if request.topics.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let all = request.topics.is_empty();
    let (from, first) = match &request.cursor {
        Some(cursor) => (cursor.topic_name, cursor.partition_index),
        None => ("", 0),
    };
    let names: BTreeSet<String> = match all {
        true => cx.hall.topic_names().iter().map(|name| name.to_string()).collect(),
        false => request.topics.iter().map(|topic| topic.name.to_owned()).collect(),
    };
    let cursor_is_wrong = first < 0 || (!all && request.cursor.is_some() && !names.contains(from));
    if cursor_is_wrong {
        return cx.reply(&refusal(names));
    }
    let mut page =
        Pages { left: request.response_partition_limit.clamp(1, PAGE_MAX) as usize, topics: Vec::new() };
    let mut next_cursor = None;
    for name in names.into_iter().filter(|name| name.as_str() >= from) {
        let begin = if name == from { first as usize } else { 0 };
        if let Some(partition_index) = page.add(cx, &name, begin, all) {
            next_cursor =
                Some(NextCursor { topic_name: name.into(), partition_index: partition_index as i32 });
            break;
        }
    }
    cx.reply(&Page { topics: page.topics.into(), next_cursor, ..Default::default() })
}

/// Every topic with the error: there is no other place for it.
fn refusal(names: BTreeSet<String>) -> Page<'static> {
    let error_code = ErrorCode::INVALID_REQUEST;
    let refused = |name: String| Described { name: Some(name.into()), error_code, ..Default::default() };
    Page { topics: names.into_iter().map(refused).collect(), ..Default::default() }
}

/// One page of the answer.
struct Pages {
    /// Partitions that still fit.
    left: usize,
    topics: Vec<Described>,
}

impl Pages {
    /// Adds a topic from a partition on; the partition to go on with if not all of it fits.
    fn add(&mut self, cx: &Cx<'_>, name: &str, begin: usize, all: bool) -> Option<usize> {
        if self.left == 0 {
            return Some(0);
        }
        match cx.hall.topic(name) {
            Ok(topic) => {
                let count = topic.partitions.len();
                let end = count.min(begin.saturating_add(self.left));
                self.topics.push(described(cx, &topic, begin..end));
                if end < count {
                    return Some(end);
                }
                self.left -= end.saturating_sub(begin);
            }
            // It has gone since it was listed.
            Err(_) if all => {}
            Err(error) => {
                let error_code = match error.kind {
                    ErrorKind::NotFound if names::fault(name).is_some() => ErrorCode::INVALID_TOPIC_EXCEPTION,
                    kind => topic_error(kind),
                };
                let name = Some(name.to_owned().into());
                self.topics.push(Described { name, error_code, ..Default::default() });
            }
        }
        None
    }
}

fn described(cx: &Cx<'_>, topic: &TopicInfo, numbers: std::ops::Range<usize>) -> Described {
    let partition = |number: usize| DescribeTopicPartitionsResponsePartition {
        partition_index: number as i32,
        leader_id: cx.leader(topic.id, number),
        leader_epoch: 0,
        replica_nodes: vec![cx.leader(topic.id, number)].into(),
        isr_nodes: vec![cx.leader(topic.id, number)].into(),
        eligible_leader_replicas: Some(Default::default()),
        last_known_elr: Some(Default::default()),
        ..Default::default()
    };
    Described {
        name: Some(topic.name.to_string().into()),
        topic_id: Uuid(topic.id.0.to_be_bytes()),
        partitions: numbers.map(partition).collect(),
        // Told always: the request has no way to ask.
        topic_authorized_operations: authorized::topic(cx, &topic.name, true),
        ..Default::default()
    }
}
