//! Topics: listed, shown, created, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_api::{Page, Partition, Problem, Topic, TopicPut, codes};
use anymq_broker::topics::CreateTopic;
use anymq_broker::{ErrorKind, PartitionStatus, TopicStatus};

use super::lists::kind_name;
use super::{BrokerHall, not_found, vhost_id};
use crate::access::Operator;
use crate::hall::{Filter, Result};

impl BrokerHall {
    pub(super) fn list_topics(&self, filter: &Filter) -> Page<Topic> {
        let found = self.broker.topics(|vhost, name| filter.takes(vhost, name));
        filter.page(found.iter().map(topic))
    }

    pub(super) fn one_topic(&self, vhost: &str, name: &str) -> Result<Topic> {
        self.broker.catalog(|c| vhost_id(c, vhost))?;
        let found = self.broker.topics(|v, n| v == vhost && n == name);
        let status = found.first().ok_or_else(|| not_found("topic", name, vhost))?;
        let numbered = (0..).zip(&status.partitions).map(|(number, partition)| {
            let PartitionStatus { offsets: (first_offset, next_offset), bytes } = *partition;
            Partition { number, first_offset, next_offset, bytes }
        });
        Ok(Topic { detail: numbered.collect(), ..topic(status) })
    }

    pub(super) fn make_topic(
        &self,
        operator: &Operator,
        vhost: &str,
        name: &str,
        put: &TopicPut,
    ) -> Result<()> {
        let session = self.session(operator, vhost)?;
        let config: BTreeMap<Arc<str>, Arc<str>> =
            put.config.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
        let create = CreateTopic { name, partitions: put.partitions, config, validate_only: false };
        match session.create_topic(&create) {
            Err(error) if error.kind == ErrorKind::Conflict => {
                let there = self.one_topic(vhost, name)?;
                if there.partitions == u64::from(put.partitions) && there.config == put.config {
                    return Ok(());
                }
                let what =
                    format!("topic {name:?} exists with {} partitions and other settings", there.partitions);
                Err(Problem::new(&codes::QUEUE_DIFFERS, what))
            }
            made => self.settled(made).map(drop),
        }
    }

    pub(super) fn remove_topic(&self, operator: &Operator, vhost: &str, name: &str) -> Result<u64> {
        let there = self.one_topic(vhost, name)?;
        let session = self.session(operator, vhost)?;
        self.settled(session.delete_topic(name))?;
        Ok(there.messages)
    }
}

fn topic(status: &TopicStatus) -> Topic {
    let info = &status.info;
    let id = format!("{:032x}", info.id.0);
    let parts = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]];
    Topic {
        vhost: status.vhost.to_string(),
        name: info.name.to_string(),
        id: parts.join("-"),
        kind: kind_name(info.kind).to_owned(),
        partitions: info.partitions.len() as u64,
        messages: status.partitions.iter().map(|p| p.offsets.1.saturating_sub(p.offsets.0)).sum(),
        bytes: status.partitions.iter().map(|p| p.bytes).sum(),
        config: info.config.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        detail: Vec::new(),
    }
}
