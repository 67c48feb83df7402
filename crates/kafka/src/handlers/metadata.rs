//! `Metadata`: the nodes, and topics with their partitions. Topics that do not exist are made, if both sides want it:
//! at once, so that the answer has them.

use std::collections::BTreeMap;

use anymq_broker::ErrorKind;
use anymq_broker::topics::{CreateTopic, TopicInfo};
use anymq_types::Position;

use super::ELEMENTS_MAX;
use crate::authorized;
use crate::errors::topic_error;
use crate::names;
use crate::session::{Cx, Node, Reply};
use crate::topics::{self, LEADER_EPOCH, TopicRef};
use crate::wire::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::{ErrorCode, Uuid};

pub(super) fn metadata(cx: &mut Cx<'_>, request: MetadataRequest<'_>) -> Reply {
    if request.topics.as_ref().is_some_and(|topics| topics.len() > ELEMENTS_MAX) {
        return Reply::Close;
    }
    let mut asked = Asked {
        creates: cx.config.auto_create_topics && request.allow_auto_topic_creation,
        operations: request.include_topic_authorized_operations,
        commit: None,
    };
    let topics = match &request.topics {
        Some(topics) if cx.version() > 0 || !topics.is_empty() => {
            topics.iter().map(|topic| asked.topic(cx, &topic)).collect()
        }
        // A name that is gone meanwhile is left out.
        _ => {
            let names = cx.hall.topic_names();
            names.iter().filter_map(|name| Some(asked.found(cx, &cx.hall.topic(name).ok()?))).collect()
        }
    };
    let operations = request.include_cluster_authorized_operations;
    let response = MetadataResponse {
        brokers: cx.nodes().into_iter().map(broker).collect(),
        cluster_id: Some(cx.cluster_id().into()),
        controller_id: 0,
        topics,
        cluster_authorized_operations: authorized::server(cx, operations),
        ..Default::default()
    };
    cx.reply_when(asked.commit, &response)
}

fn broker(node: Node) -> MetadataResponseBroker<'static> {
    MetadataResponseBroker {
        node_id: node.id,
        host: node.host.into(),
        port: node.port.into(),
        ..Default::default()
    }
}

/// What a request wants of each topic.
struct Asked {
    /// Topics that do not exist are made.
    creates: bool,
    /// What the user may do with it is told.
    operations: bool,
    /// What was made is told once this is on disk.
    commit: Option<Position>,
}

impl Asked {
    fn topic<'a>(&mut self, cx: &Cx<'_>, topic: &MetadataRequestTopic<'a>) -> MetadataResponseTopic<'a> {
        let by = match topic.name {
            Some(name) if topic.topic_id == Uuid::NONE => TopicRef::Name(name),
            _ => TopicRef::Id(topic.topic_id),
        };
        let error_code = match (topics::find(cx, by), by) {
            (Ok(info), _) => return self.found(cx, &info),
            (Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), TopicRef::Name(name)) => match self.made(cx, name) {
                Ok(info) => return self.found(cx, &info),
                Err(code) => code,
            },
            (Err(code), _) => code,
        };
        MetadataResponseTopic {
            error_code,
            name: topic.name.map(Into::into),
            topic_id: topic.topic_id,
            ..Default::default()
        }
    }

    /// A topic that does not exist, made if that is wanted.
    fn made(&mut self, cx: &Cx<'_>, name: &str) -> Result<TopicInfo, ErrorCode> {
        if names::fault(name).is_some() {
            return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        if !self.creates {
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        let partitions = cx.config.default_partitions;
        let topic = CreateTopic { name, partitions, config: BTreeMap::new(), validate_only: false };
        match cx.hall.create_topic(&topic) {
            Ok(done) => {
                self.commit = self.commit.max(done.commit);
                Ok(done.value)
            }
            // Another client was faster; or it is somebody's own queue, which is nobody's topic.
            Err(error) if error.kind == ErrorKind::Conflict => {
                cx.hall.topic(name).map_err(|_| ErrorCode::TOPIC_AUTHORIZATION_FAILED)
            }
            Err(error) => Err(topic_error(error.kind)),
        }
    }

    fn found(&self, cx: &Cx<'_>, info: &TopicInfo) -> MetadataResponseTopic<'static> {
        let partition = |partition_index: i32| {
            let node = cx.leader(info.id, partition_index as usize);
            MetadataResponsePartition {
                error_code: ErrorCode::NONE,
                partition_index,
                leader_id: node,
                leader_epoch: LEADER_EPOCH,
                replica_nodes: vec![node].into(),
                isr_nodes: vec![node].into(),
                ..Default::default()
            }
        };
        MetadataResponseTopic {
            error_code: ErrorCode::NONE,
            name: Some(info.name.to_string().into()),
            topic_id: topics::uuid(info.id),
            partitions: (0..).zip(&info.partitions).map(|(index, _)| partition(index)).collect(),
            topic_authorized_operations: authorized::topic(cx, &info.name, self.operations),
            ..Default::default()
        }
    }
}
