//! `DescribeLogDirs`: how much each partition holds.

use std::collections::{BTreeMap, BTreeSet};

use anymq_broker::acl::Operation;
use anymq_broker::topics::TopicInfo;
use anymq_types::QueueId;

use super::limits::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::replicas::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
    DescribeLogDirsTopic,
};

/// All partitions stand in one journal.
const DIRECTORY: &str = "/journal";

pub(super) fn describe_log_dirs(cx: &mut Cx<'_>, request: DescribeLogDirsRequest<'_>) -> Reply {
    if !cx.may_cluster(Operation::Describe) {
        let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return cx.reply(&DescribeLogDirsResponse { error_code, ..Default::default() });
    }
    let Some(wanted) = wanted(cx, &request) else { return Reply::Close };
    let vhost = cx.hall.vhost();
    let queues = cx.hall.broker().queues(|of, _| of == vhost);
    let bytes: BTreeMap<QueueId, u64> = queues.iter().map(|queue| (queue.id, queue.ready_bytes)).collect();
    let topics = wanted.into_iter().map(|(topic, numbers)| {
        let partition = |number: u32| DescribeLogDirsPartition {
            partition_index: number as i32,
            partition_size: bytes.get(&topic.partitions[number as usize]).map_or(0, |&bytes| bytes as i64),
            ..Default::default()
        };
        let here = numbers.into_iter().filter(|&number| cx.leader(topic.id, number as usize) == cx.node_id());
        let partitions = here.map(partition).collect();
        DescribeLogDirsTopic { name: topic.name.to_string().into(), partitions }
    });
    let (total_bytes, usable_bytes) = (-1, cx.hall.broker().totals().limits.disk_free as i64);
    let directory = DescribeLogDirsResult {
        log_dir: DIRECTORY.into(),
        topics: topics.collect(),
        total_bytes,
        usable_bytes,
        ..Default::default()
    };
    cx.reply(&DescribeLogDirsResponse { results: vec![directory].into(), ..Default::default() })
}

/// The partitions asked for that there are, by topic. `None` if far too many are asked for.
fn wanted(cx: &Cx<'_>, request: &DescribeLogDirsRequest<'_>) -> Option<Vec<(TopicInfo, Vec<u32>)>> {
    let Some(asked) = &request.topics else {
        let topics = cx.hall.topic_names().into_iter().filter_map(|name| cx.hall.topic(&name).ok());
        return Some(
            topics
                .map(|topic| (0..topic.partitions.len() as u32, topic))
                .map(|(n, t)| (t, n.collect()))
                .collect(),
        );
    };
    let named = asked.iter().map(|topic| topic.partitions.len() + 1).fold(0, usize::saturating_add);
    if named > ELEMENTS_MAX {
        return None;
    }
    let mut numbers: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    asked.iter().for_each(|topic| numbers.entry(topic.topic).or_default().extend(topic.partitions.iter()));
    let known = numbers.into_iter().filter_map(|(name, numbers)| {
        let topic = cx.hall.topic(name).ok()?;
        let exists = |&number: &u32| (number as usize) < topic.partitions.len();
        let numbers = numbers.into_iter().filter_map(|n| u32::try_from(n).ok()).filter(exists).collect();
        Some((topic, numbers))
    });
    Some(known.collect())
}
