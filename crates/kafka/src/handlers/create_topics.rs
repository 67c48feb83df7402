//! `CreateTopics`: each by itself, in the order of the request; none or all of a topic's settings and partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_broker::topics::{CreateTopic, TopicInfo};
use anymq_broker::{Done, ErrorKind};
use anymq_catalog::topic_config::{self, ConfigError};
use anymq_types::Position;

use super::describe_quorum::METADATA_TOPIC;
use super::limits::{ELEMENTS_MAX, PARTITIONS_MAX, QUOTA_EXCEEDED};
use crate::configs::topic_settings;
use crate::errors::topic_error;
use crate::names;
use crate::session::{Cx, Reply};
use crate::wire::messages::topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfigs, CreatableTopicResult,
    CreateTopicsRequest, CreateTopicsResponse,
};
use crate::wire::{Array, ErrorCode, Uuid};

/// Why a topic is not made: the code and the sentence.
type Refusal = (ErrorCode, String);

/// First version that says how the topic was made.
const DETAILS_FROM: i16 = 5;
/// First version that can be told to come again later.
const QUOTA_TOLD_FROM: i16 = 6;

pub(super) fn create_topics(cx: &mut Cx<'_>, request: CreateTopicsRequest<'_>) -> Reply {
    if request.topics.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    request.topics.iter().for_each(|topic| *times.entry(topic.name).or_default() += 1);
    let too_many = partitions_asked(cx, &request) > PARTITIONS_MAX as usize;
    let mut alike = Alike::default();
    let mut commit = None;
    let mut topics = Vec::with_capacity(times.len());
    for topic in &request.topics {
        let made = match times.remove(topic.name) {
            // It was answered where it first stood.
            None => continue,
            Some(2..) => Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned())),
            Some(_) if too_many => {
                let says = "Excessively large number of partitions per request.";
                Err((ErrorCode::POLICY_VIOLATION, says.to_owned()))
            }
            Some(_) => create(cx, &topic, request.validate_only, &mut alike),
        };
        topics.push(result(cx, &topic, made, &mut commit));
    }
    cx.reply_when(commit, &CreateTopicsResponse { topics: topics.into(), ..Default::default() })
}

/// Partitions of all topics of a request together, at least one for each.
fn partitions_asked(cx: &Cx<'_>, request: &CreateTopicsRequest<'_>) -> usize {
    let default = cx.config.default_partitions as usize;
    let of = |topic: CreatableTopic<'_>| match topic.num_partitions {
        -1 if !topic.assignments.is_empty() => topic.assignments.len(),
        -1 => default,
        count => usize::try_from(count).unwrap_or(1).max(1),
    };
    request.topics.iter().map(of).fold(0, usize::saturating_add)
}

/// Names of topics without the difference between '.' and '_'; made when first asked for.
#[derive(Default)]
struct Alike(Option<BTreeMap<String, Arc<str>>>);

impl Alike {
    /// A topic with whose name this one would be confused.
    fn find(&mut self, cx: &Cx<'_>, name: &str) -> Option<Arc<str>> {
        let unified = names::unified(name)?;
        let known = self.0.get_or_insert_with(|| {
            let names = cx.hall.topic_names().into_iter();
            names.filter_map(|name| Some((names::unified(&name)?, name))).collect()
        });
        known.get(&unified).cloned()
    }

    fn note(&mut self, name: &Arc<str>) {
        if let (Some(known), Some(unified)) = (&mut self.0, names::unified(name)) {
            known.insert(unified, name.clone());
        }
    }
}

fn create(
    cx: &Cx<'_>,
    topic: &CreatableTopic<'_>,
    validate_only: bool,
    alike: &mut Alike,
) -> Result<Done<TopicInfo>, Refusal> {
    check_name(cx, topic.name, alike)?;
    let config = settings_of(cx, topic)?;
    let partitions = partitions_of(cx, topic)?;
    if !cx.may_change_partitions(partitions as usize, QUOTA_TOLD_FROM) {
        return Err((ErrorCode::THROTTLING_QUOTA_EXCEEDED, QUOTA_EXCEEDED.to_owned()));
    }
    let made = cx
        .hall
        .create_topic(&CreateTopic { name: topic.name, partitions, config, validate_only })
        .map_err(|error| match error.kind {
            ErrorKind::Conflict => exists(topic.name),
            ErrorKind::Forbidden => (ErrorCode::TOPIC_AUTHORIZATION_FAILED, "Authorization failed.".into()),
            kind => (topic_error(kind), error.text),
        })?;
    if !validate_only {
        alike.note(&made.value.name);
    }
    Ok(made)
}

fn exists(name: &str) -> Refusal {
    (ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{name}' already exists."))
}

fn check_name(cx: &Cx<'_>, name: &str, alike: &mut Alike) -> Result<(), Refusal> {
    if let Some(fault) = names::fault(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, fault));
    }
    if name == METADATA_TOPIC {
        let says = format!("Creation of internal topic {METADATA_TOPIC} is prohibited.");
        return Err((ErrorCode::INVALID_REQUEST, says));
    }
    if cx.hall.topic(name).is_ok() {
        return Err(exists(name));
    }
    match alike.find(cx, name) {
        Some(other) => {
            let says = format!("Topic '{name}' collides with existing topic: {other}");
            Err((ErrorCode::INVALID_TOPIC_EXCEPTION, says))
        }
        None => Ok(()),
    }
}

/// A topic's settings, if they are in order.
fn settings_of(cx: &Cx<'_>, topic: &CreatableTopic<'_>) -> Result<BTreeMap<Arc<str>, Arc<str>>, Refusal> {
    let refuse = |error: ConfigError| (ErrorCode::INVALID_CONFIG, error.to_string());
    let mut config = BTreeMap::new();
    for entry in &topic.configs {
        let value = entry.value.ok_or_else(|| refuse(ConfigError::null(entry.name)))?;
        // One by one, so that only what is known is collected.
        let key = topic_config::find(entry.name).ok_or_else(|| refuse(ConfigError::unknown(entry.name)))?;
        key.validate(value).map_err(refuse)?;
        config.insert(Arc::from(key.name), Arc::from(value));
    }
    topic_config::validate(&config, &cx.hall.broker_settings()).map_err(refuse)?;
    Ok(config)
}

/// How many partitions a topic gets.
fn partitions_of(cx: &Cx<'_>, topic: &CreatableTopic<'_>) -> Result<u32, Refusal> {
    if !topic.assignments.is_empty() {
        for (value, what) in [
            (i32::from(topic.replication_factor), "replication factor"),
            (topic.num_partitions, "numPartitions"),
        ] {
            if value != -1 {
                let says =
                    format!("A manual partition assignment was specified, but {what} was not set to -1.");
                return Err((ErrorCode::INVALID_REQUEST, says));
            }
        }
        return check_assignments(cx, &topic.assignments);
    }
    check_replication(cx, topic.replication_factor)?;
    match topic.num_partitions {
        -1 => Ok(cx.config.default_partitions),
        count => u32::try_from(count).ok().filter(|&count| count > 0).ok_or_else(|| {
            let says = "Number of partitions was set to an invalid non-positive value.";
            (ErrorCode::INVALID_PARTITIONS, says.to_owned())
        }),
    }
}

fn check_replication(cx: &Cx<'_>, factor: i16) -> Result<(), Refusal> {
    let nodes = cx.nodes().len();
    let says = match usize::try_from(factor) {
        Ok(1..) if factor as usize <= nodes => return Ok(()),
        Err(_) if factor == -1 => return Ok(()),
        Ok(1..) => format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be \
             reached because only {nodes} broker(s) are registered."
        ),
        _ => "Replication factor must be larger than 0, or -1 to use the default value.".to_owned(),
    };
    Err((ErrorCode::INVALID_REPLICATION_FACTOR, says))
}

/// Partitions that their maker has put on nodes: there is one node, but who names others is told.
fn check_assignments(
    cx: &Cx<'_>,
    assignments: &Array<'_, CreatableReplicaAssignment<'_>>,
) -> Result<u32, Refusal> {
    let refuse = |says: String| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, says));
    let mut seen = BTreeSet::new();
    let mut replicas = None;
    for assignment in assignments {
        let number = assignment.partition_index;
        if !seen.insert(number) {
            return refuse(format!("Found multiple manual partition assignments for partition {number}"));
        }
        check_replicas(cx, &assignment.broker_ids, replicas)?;
        replicas = Some(assignment.broker_ids.len());
    }
    let count = seen.len() as u32;
    if seen.first() != Some(&0) || seen.last() != Some(&(count as i32 - 1)) {
        return refuse("partitions should be a consecutive 0-based integer sequence".to_owned());
    }
    Ok(count)
}

/// Whether a partition can stand on these nodes: as many as the partitions before it, if there are any.
pub(super) fn check_replicas(
    cx: &Cx<'_>,
    brokers: &Array<'_, i32>,
    before: Option<usize>,
) -> Result<(), Refusal> {
    let refuse = |says: String| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, says));
    if brokers.is_empty() {
        return refuse("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let nodes = cx.nodes();
    let mut seen = BTreeSet::new();
    for broker in brokers {
        if !nodes.iter().any(|node| node.id == broker) {
            return refuse(format!(
                "The manual partition assignment includes broker {broker}, but no such broker is registered."
            ));
        }
        if !seen.insert(broker) {
            return refuse(format!(
                "The manual partition assignment includes the broker {broker} more than once."
            ));
        }
    }
    match before.filter(|&before| before != seen.len()) {
        Some(before) => refuse(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with \
             previous partitions, which have {before} replica(s).",
            seen.len()
        )),
        None => Ok(()),
    }
}

fn result<'a>(
    cx: &Cx<'_>,
    topic: &CreatableTopic<'a>,
    made: Result<Done<TopicInfo>, Refusal>,
    commit: &mut Option<Position>,
) -> CreatableTopicResult<'a> {
    let name = topic.name.into();
    match made {
        Ok(done) => {
            *commit = (*commit).max(done.commit);
            let info = done.value;
            CreatableTopicResult {
                name,
                topic_id: Uuid(info.id.0.to_be_bytes()),
                num_partitions: info.partitions.len() as i32,
                replication_factor: 1,
                configs: (cx.version() >= DETAILS_FROM).then(|| configs(cx, &info)),
                ..Default::default()
            }
        }
        Err((error_code, says)) => CreatableTopicResult {
            name,
            error_code,
            error_message: Some(says.into()),
            configs: Some(Array::default()),
            ..Default::default()
        },
    }
}

fn configs(cx: &Cx<'_>, info: &TopicInfo) -> Array<'static, CreatableTopicConfigs<'static>> {
    topic_settings(info, &cx.hall.broker_settings())
        .map(|setting| CreatableTopicConfigs {
            name: setting.name.into(),
            value: setting.value,
            read_only: setting.read_only,
            config_source: setting.source.id(),
            is_sensitive: false,
        })
        .collect()
}
