//! Topics and consumer groups: under the names that kafka_exporter gives, and under names of our own.
//!
//! A dashboard made for that exporter (Grafana 7589) finds what it looks for: on `/metrics` as far as [`PARTITIONS_MAX`] goes and
//! without queues that no group reads, on `/metrics/per-object` all. The label `vhost` is more than the exporter gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_broker::{GroupOffset, GroupStatus, TopicEdges};
use anymq_types::Millis;

use super::Exposition;
use super::exposition::Kind::Gauge;
use crate::hall::Hall;

/// Partitions, and partitions of groups, that stand on the page of the broker as a whole.
pub(super) const PARTITIONS_MAX: usize = 1000;
/// Series for one partition, and for one partition of a group.
const PARTITION_SERIES: usize = 7;
const OFFSET_SERIES: usize = 5;
/// The one node that there is.
const NODE: u64 = 0;

type OffsetColumn = (&'static str, &'static str, fn(&GroupOffset) -> u64);
type PartitionColumn = (&'static str, &'static str, fn((u64, u64)) -> u64);

const PARTITIONS: [PartitionColumn; PARTITION_SERIES] = [
    ("kafka_topic_partition_current_offset", "Offset of the next message.", |(_, next)| next),
    ("kafka_topic_partition_oldest_offset", "First offset that is kept.", |(first, _)| first),
    ("kafka_topic_partition_in_sync_replica", "Copies that are in step.", |_| 1),
    ("kafka_topic_partition_leader", "The node that leads it.", |_| NODE),
    ("kafka_topic_partition_leader_is_preferred", "1: the node that should lead it does.", |_| 1),
    ("kafka_topic_partition_replicas", "Copies.", |_| 1),
    ("kafka_topic_partition_under_replicated_partition", "1: copies are missing.", |_| 0),
];

/// Everything, of at most so many partitions of topics and as many of groups.
pub(super) fn write(hall: &dyn Hall, queues: bool, partitions_max: usize, out: &mut Exposition) {
    out.single("kafka_brokers", Gauge, "Brokers: this one.", 1);
    let (topics, beyond) = hall.topic_edges(queues, partitions_max);
    out.drop_series(beyond * PARTITION_SERIES as u64);
    self::topics(&topics, out);
    let (groups, beyond) = hall.group_statuses(partitions_max);
    out.drop_series(beyond * OFFSET_SERIES as u64);
    exporter(&groups, out);
    own(&groups, hall.now(), out);
}

/// How many partitions fit into what room there is, if topics and groups get half of it each.
pub(super) fn partitions_in(room: usize) -> usize {
    room / 2 / (PARTITION_SERIES + 1)
}

fn topics(topics: &[TopicEdges], out: &mut Exposition) {
    out.family("kafka_topic_partitions", Gauge, "Partitions of a topic.");
    for topic in topics {
        out.sample(&[("vhost", &topic.vhost), ("topic", &topic.name)], topic.total);
    }
    for (name, help, value) in PARTITIONS {
        out.family(name, Gauge, help);
        for topic in topics {
            for (number, &edges) in topic.partitions.iter().enumerate() {
                let labels =
                    [("vhost", &*topic.vhost), ("topic", &*topic.name), ("partition", &*number.to_string())];
                out.sample(&labels, value(edges));
            }
        }
    }
}

fn exporter(groups: &[GroupStatus], out: &mut Exposition) {
    out.family("kafka_consumergroup_members", Gauge, "Members of a group.");
    for group in groups {
        out.sample(&[("vhost", &group.vhost), ("consumergroup", &group.name)], group.members.len());
    }
    let columns: [(&str, OffsetColumn); 2] = [
        (
            "kafka_consumergroup_current_offset_sum",
            ("kafka_consumergroup_current_offset", "Offset that a group has committed.", |o| o.committed),
        ),
        (
            "kafka_consumergroup_lag_sum",
            ("kafka_consumergroup_lag", "Offsets that a group has not read.", GroupOffset::lag),
        ),
    ];
    for (sum, (name, help, value)) in columns {
        out.family(name, Gauge, help);
        for (group, offset) in each(groups) {
            let labels = [
                ("vhost", &*group.vhost),
                ("consumergroup", &*group.name),
                ("topic", &*offset.topic),
                ("partition", &*offset.partition.to_string()),
            ];
            out.sample(&labels, value(offset));
        }
        out.family(sum, Gauge, "The same of all partitions of a topic.");
        for group in groups {
            let mut topics: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
            for offset in &group.offsets {
                let sum = topics.entry(&offset.topic).or_default();
                *sum = sum.saturating_add(value(offset));
            }
            for (topic, sum) in topics {
                let labels = [("vhost", &*group.vhost), ("consumergroup", &*group.name), ("topic", &**topic)];
                out.sample(&labels, sum);
            }
        }
    }
}

fn own(groups: &[GroupStatus], now: Millis, out: &mut Exposition) {
    out.family("anymq_group_members", Gauge, "Members of a consumer group.");
    for group in groups {
        out.sample(&[("vhost", &group.vhost), ("group", &group.name)], group.members.len());
    }
    let columns: [OffsetColumn; 2] = [
        ("anymq_group_lag", "Offsets that a consumer group has not read.", GroupOffset::lag),
        ("anymq_group_stable_lag", "The same, below open transactions.", GroupOffset::stable_lag),
    ];
    for (name, help, value) in columns {
        out.family(name, Gauge, help);
        for (group, offset) in each(groups) {
            out.sample(&own_labels(group, offset, &offset.partition.to_string()), value(offset));
        }
    }
    let help =
        "How long the first message has been there that a consumer group has not read; 0: there is none.";
    out.family("anymq_group_lag_seconds", Gauge, help);
    for (group, offset) in each(groups) {
        let age = offset.waiting_since.map_or(0, |at| now.0.saturating_sub(at.0)) as f64 / 1000.0;
        out.sample(&own_labels(group, offset, &offset.partition.to_string()), age);
    }
}

fn own_labels<'a>(
    group: &'a GroupStatus,
    offset: &'a GroupOffset,
    partition: &'a str,
) -> [(&'static str, &'a str); 4] {
    [("vhost", &group.vhost), ("group", &group.name), ("topic", &offset.topic), ("partition", partition)]
}

fn each(groups: &[GroupStatus]) -> impl Iterator<Item = (&GroupStatus, &GroupOffset)> {
    groups.iter().flat_map(|group| group.offsets.iter().map(move |offset| (group, offset)))
}
