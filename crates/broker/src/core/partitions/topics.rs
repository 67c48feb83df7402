//! Topics: names over partitions. A queue is a topic with one partition, as long as its name can be a topic's.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_auth::acl::{Operation, ResourceKind};
use anymq_catalog::{Change, Queue as QueueDef, QueueKind, Topic, topic_config};
use anymq_types::{ConnectionId, QueueId, VhostId};

use super::super::Core;
use super::super::fx::Fx;
use crate::core::changes::kind_of;
use crate::error::{Error, Result};
use crate::queue::settings::Kind;
use crate::topics::{CreateTopic, TopicId, TopicInfo};

/// A topic's name is at most this long: it names files elsewhere.
const NAME_BYTES_MAX: usize = 249;
/// Most partitions of one topic.
const PARTITIONS_MAX: u32 = 10_000;

impl Core {
    /// Names of the topics that a session may see, in order.
    pub(crate) fn topic_names(&self, session: ConnectionId) -> Vec<Arc<str>> {
        let Some(state) = self.sessions.get(&session) else { return Vec::new() };
        let topics = self.catalog.topics(state.vhost).map(|topic| topic.name.clone());
        let queues = self.catalog.queues(state.vhost).filter(|q| self.is_topic(q)).map(|q| q.name.clone());
        let mut names: Vec<Arc<str>> =
            topics.chain(queues).filter(|name| self.may_see(session, name)).collect();
        names.sort_unstable();
        names
    }

    /// Every topic of a vhost, in the order of their names.
    pub(crate) fn topics_in(&self, vhost: VhostId, wanted: impl Fn(&str) -> bool) -> Vec<TopicInfo> {
        let topics = self.catalog.topics(vhost).map(|topic| &topic.name);
        let queues = self.catalog.queues(vhost).filter(|q| self.is_topic(q)).map(|q| &q.name);
        let named = topics.chain(queues).filter(|name| wanted(name));
        let mut found: Vec<TopicInfo> = named.filter_map(|name| self.topic_in(vhost, name)).collect();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Whether a queue is a topic by itself.
    pub(crate) fn is_topic(&self, queue: &QueueDef) -> bool {
        self.catalog.topic_of(queue.id).is_none()
            && queue.exclusive_owner.is_none()
            && name_fault(&queue.name).is_none()
    }

    pub(crate) fn may_see(&self, session: ConnectionId, name: &str) -> bool {
        self.may(session, ResourceKind::Topic, name, Operation::Describe)
    }

    /// A topic by its name.
    pub(crate) fn topic(&self, session: ConnectionId, name: &str) -> Result<TopicInfo> {
        let vhost = self.vhost_of(session)?;
        // First: who may not see it does not hear whether there is one.
        self.must_see(session, name)?;
        self.topic_in(vhost, name).ok_or_else(|| no_topic(name))
    }

    /// A topic by its identity.
    pub(crate) fn topic_by_id(&self, session: ConnectionId, id: TopicId) -> Result<TopicInfo> {
        let vhost = self.vhost_of(session)?;
        let none = || Error::not_found("no topic has this id");
        let queue = queue_of(id).and_then(|id| self.queues.get(&id)).ok_or_else(none)?;
        let name = self.catalog.topic_of(queue.id).map_or(&queue.name, |topic| &topic.name);
        let info = self.topic_in(vhost, name).filter(|info| info.id == id).ok_or_else(none)?;
        self.must_see(session, &info.name).map(|()| info)
    }

    /// The topic of a partition, and its number.
    pub(crate) fn partition_name(&self, id: QueueId) -> Option<(Arc<str>, u32)> {
        match self.catalog.topic_of(id) {
            Some(topic) => {
                let number = topic.partitions.iter().position(|&partition| partition == id)?;
                Some((topic.name.clone(), number as u32))
            }
            None => self.queues.get(&id).map(|queue| (queue.name.clone(), 0)),
        }
    }

    fn must_see(&self, session: ConnectionId, name: &str) -> Result<()> {
        match self.may_see(session, name) {
            true => Ok(()),
            false => Err(Error::forbidden(format!("access to topic '{name}' refused"))),
        }
    }

    fn vhost_of(&self, session: ConnectionId) -> Result<VhostId> {
        let state = self.sessions.get(&session);
        state.map(|s| s.vhost).ok_or_else(|| Error::unavailable("the connection is closing"))
    }

    pub(super) fn topic_in(&self, vhost: VhostId, name: &str) -> Option<TopicInfo> {
        if let Some(topic) = self.catalog.topic(vhost, name) {
            return Some(TopicInfo {
                name: topic.name.clone(),
                id: topic_id(topic.id()),
                partitions: topic.partitions.clone(),
                settings: self.topic_settings(&topic.config),
                config: topic.config.clone(),
                kind: Kind::Stream,
            });
        }
        let queue = self.catalog.queue(vhost, name).filter(|queue| self.is_topic(queue))?;
        Some(TopicInfo {
            name: queue.name.clone(),
            id: topic_id(queue.id),
            partitions: vec![queue.id],
            settings: self.topic_settings(&self.config_of(queue)),
            config: self.config_of(queue),
            kind: kind_of(queue.kind),
        })
    }

    /// What the arguments and policies of a queue come to as a topic's settings. It keeps them when it becomes one.
    fn config_of(&self, queue: &QueueDef) -> BTreeMap<Arc<str>, Arc<str>> {
        if queue.kind != QueueKind::Stream {
            return BTreeMap::new();
        }
        let settings = self.catalog.settings(queue);
        let limits = [("retention.ms", settings.max_age_ms), ("retention.bytes", settings.max_length_bytes)];
        let text =
            |limit: Option<u64>| limit.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX)).to_string();
        limits.into_iter().map(|(key, limit)| (key.into(), text(limit).into())).collect()
    }

    /// Makes a topic.
    pub(crate) fn create_topic(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        t: &CreateTopic<'_>,
    ) -> Result<TopicInfo> {
        let vhost = self.vhost_of(session)?;
        let everywhere = self.must_cluster(session, Operation::Create);
        everywhere.or_else(|_| self.may_configure(session, t.name, Operation::Create))?;
        if let Some(fault) = name_fault(t.name) {
            return Err(Error::invalid(format!("topic name '{}' {fault}", t.name)));
        }
        if self.catalog.queue(vhost, t.name).is_some() || self.catalog.topic(vhost, t.name).is_some() {
            return Err(Error::conflict(format!("topic '{}' already exists", t.name)));
        }
        check_partitions(t.partitions)?;
        topic_config::validate(&t.config, self.catalog.broker_settings())
            .map_err(|e| Error::invalid(e.to_string()))?;
        self.check_vhost_queues(vhost, t.partitions)?;
        let name: Arc<str> = t.name.into();
        let first = self.catalog.next_ids().queue.0;
        let partitions: Vec<QueueId> = (0..u64::from(t.partitions)).map(|n| QueueId(first + n)).collect();
        let topic = Topic { vhost, name, partitions, config: t.config.clone() };
        let changes = put_topic(&topic, 0);
        if t.validate_only {
            self.catalog.rehearse(&changes).map_err(|e| Error::invalid(e.to_string()))?;
            return Ok(TopicInfo {
                name: topic.name.clone(),
                id: topic_id(topic.id()),
                partitions: topic.partitions,
                settings: self.topic_settings(&topic.config),
                config: topic.config,
                kind: Kind::Stream,
            });
        }
        self.change_all(fx, changes)?;
        self.topic_in(vhost, t.name).ok_or_else(|| no_topic(t.name))
    }

    /// Deletes a topic, or the queue that it is.
    pub(crate) fn delete_topic(&mut self, fx: &mut Fx<'_>, session: ConnectionId, name: &str) -> Result<()> {
        let vhost = self.vhost_of(session)?;
        self.may_configure(session, name, Operation::Delete)?;
        let info = self.topic_in(vhost, name).ok_or_else(|| no_topic(name))?;
        let change = match self.catalog.topic(vhost, name) {
            Some(topic) => Change::TopicDelete { vhost, name: topic.name.clone() },
            None => Change::QueueDelete { id: info.partitions[0] },
        };
        self.change(fx, change)
    }

    /// Adds partitions to a topic, up to `total`.
    pub(crate) fn add_partitions(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        name: &str,
        total: u32,
        validate_only: bool,
    ) -> Result<TopicInfo> {
        let mut topic = self.own_topic(session, name, Operation::Alter)?;
        let now = topic.partitions.len() as u32;
        if total <= now {
            return Err(Error::invalid(format!(
                "topic '{name}' has {now} partitions, which is not fewer than {total}"
            )));
        }
        check_partitions(total)?;
        self.check_vhost_queues(topic.vhost, total - now)?;
        let first = self.catalog.next_ids().queue.0;
        topic.partitions.extend((0..u64::from(total - now)).map(|n| QueueId(first + n)));
        let changes = put_topic(&topic, now);
        if validate_only {
            self.catalog.rehearse(&changes).map_err(|e| Error::invalid(e.to_string()))?;
        } else {
            self.change_all(fx, changes)?;
        }
        self.topic_in(topic.vhost, name).ok_or_else(|| no_topic(name))
    }

    /// Gives a topic the configuration that `alter` makes of the one it has.
    pub(crate) fn alter_topic(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        name: &str,
        validate_only: bool,
        alter: impl FnOnce(&BTreeMap<Arc<str>, Arc<str>>) -> Result<BTreeMap<Arc<str>, Arc<str>>>,
    ) -> Result<()> {
        let own = self.own_topic(session, name, Operation::AlterConfigs)?;
        let topic = Topic { config: alter(&own.config)?, ..own };
        topic_config::validate(&topic.config, self.catalog.broker_settings())
            .map_err(|e| Error::invalid(e.to_string()))?;
        let change = Change::TopicPut(topic);
        match validate_only {
            true => self.catalog.rehearse(&[change]).map_err(|e| Error::invalid(e.to_string())),
            false => self.change(fx, change),
        }
    }

    /// A topic of the catalogue, to be changed. A queue that is one by itself becomes one there, if it is a stream.
    fn own_topic(&self, session: ConnectionId, name: &str, operation: Operation) -> Result<Topic> {
        let vhost = self.vhost_of(session)?;
        self.may_configure(session, name, operation)?;
        if let Some(topic) = self.catalog.topic(vhost, name) {
            return Ok((**topic).clone());
        }
        let queue = self.catalog.queue(vhost, name).filter(|queue| self.is_topic(queue));
        let queue = queue.ok_or_else(|| no_topic(name))?;
        if queue.kind != QueueKind::Stream {
            return Err(Error::not_allowed(format!(
                "'{name}' is a queue of type {}: it has one partition, and arguments and policies instead of a topic's settings",
                queue.kind.as_str()
            )));
        }
        let config = self.config_of(queue);
        Ok(Topic { vhost, name: queue.name.clone(), partitions: vec![queue.id], config })
    }

    fn may_configure(&self, session: ConnectionId, name: &str, operation: Operation) -> Result<()> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        state.access.check_topic_for(self.now, operation, "topic", name)
    }

    fn check_vhost_queues(&self, vhost: VhostId, more: u32) -> Result<()> {
        let limit = self.catalog.vhost_by_id(vhost).and_then(|v| v.limits.max_queues);
        let have = self.catalog.queues(vhost).count() as u64;
        match limit.filter(|&limit| have + u64::from(more) > u64::from(limit)) {
            Some(limit) => Err(Error::exhausted(format!(
                "{more} more partitions would be more than the {limit} queues that the vhost may have"
            ))),
            None => Ok(()),
        }
    }
}

/// The changes that make a topic, or its partitions from `from` on.
pub(crate) fn put_topic(topic: &Topic, from: u32) -> Vec<Change> {
    let count = topic.partitions.len() as u32;
    let queue = |number: u32| QueueDef {
        id: topic.partitions[number as usize],
        vhost: topic.vhost,
        name: Topic::queue_name(&topic.name, number, count).as_str().into(),
        kind: QueueKind::Stream,
        durable: true,
        auto_delete: false,
        exclusive_owner: None,
        args: Default::default(),
    };
    let mut changes: Vec<Change> = (from..count).map(|number| Change::QueuePut(queue(number))).collect();
    changes.push(Change::TopicPut(topic.clone()));
    changes
}

fn check_partitions(count: u32) -> Result<()> {
    match count {
        1..=PARTITIONS_MAX => Ok(()),
        0 => Err(Error::invalid("a topic has at least one partition")),
        _ => Err(Error::invalid(format!(
            "{count} partitions are more than a topic can have, {PARTITIONS_MAX}"
        ))),
    }
}

/// Why a name cannot be a topic's.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".into());
    }
    if matches!(name, "." | "..") {
        return Some("is not allowed".into());
    }
    if name.len() > NAME_BYTES_MAX {
        return Some(format!("is {} bytes long, {NAME_BYTES_MAX} are allowed", name.len()));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let other = name.bytes().any(|b| !allowed(b));
    other.then(|| "has other characters than ASCII letters and digits, '.', '_' and '-'".into())
}

fn no_topic(name: &str) -> Error {
    Error::not_found(format!("no topic '{name}'"))
}

/// What the identities of topics have in common: ASCII `AnyMQ-tp`.
const ID_HIGH: u64 = 0x416e_794d_512d_7470;

/// The identity of the topic whose first partition is `first`, which is never reused.
pub(crate) fn topic_id(first: QueueId) -> TopicId {
    TopicId(u128::from(ID_HIGH) << 64 | u128::from(first.0))
}

pub(crate) fn queue_of(id: TopicId) -> Option<QueueId> {
    ((id.0 >> 64) as u64 == ID_HIGH).then_some(QueueId(id.0 as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_kafka_takes() {
        let long = "a".repeat(NAME_BYTES_MAX);
        for good in ["a", "A.b_c-9", "...", long.as_str()] {
            assert_eq!(name_fault(good), None, "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/0", "ä", "a\n", format!("{long}a").as_str()] {
            assert!(name_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_topics_identity_leads_back_to_it() {
        let id = topic_id(QueueId(77));
        assert_eq!(queue_of(id), Some(QueueId(77)));
        assert_eq!(queue_of(TopicId(77)), None);
    }
}
