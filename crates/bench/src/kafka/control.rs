//! A blocking Kafka client for setting up and clearing away: log in, create a topic, find leaders and offsets.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use anymq_kafka::wire::messages::api_versions::ApiVersionsResponse;
use anymq_kafka::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use anymq_kafka::wire::messages::offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use anymq_kafka::wire::messages::sasl::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use anymq_kafka::wire::messages::topics::{
    CreatableTopic, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicState, DeleteTopicsRequest,
    DeleteTopicsResponse,
};
use anymq_kafka::wire::messages::transactions::{InitProducerIdRequest, InitProducerIdResponse};
use anymq_kafka::wire::{ApiKey, ErrorCode, IntoResponse, Request, Uuid};

use super::connection::{Connection, Versions, check, decode, encode, exchange};
use super::target::{Login, Target};
use super::topic::{Node, Topic};
use crate::clock::{Clock, SECOND};
use crate::socket::{PATIENCE, Socket};

/// How long a server may take for what it creates or deletes.
const TIMEOUT_MS: i32 = 30_000;
/// Between two looks at whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Timestamps that ask for the first offset there is, and for the one that comes next.
pub(crate) const EARLIEST: i64 = -2;
pub(crate) const LATEST: i64 = -1;

/// A connection that is logged in.
#[derive(Debug)]
pub(crate) struct Control {
    stream: TcpStream,
    inbox: Vec<u8>,
    versions: Versions,
    correlation: i32,
    /// To be told in errors.
    address: String,
}

impl Control {
    /// Connects to the server of the URL.
    pub(crate) fn open(target: &Target) -> Result<Control> {
        Control::connect(&target.host, target.port, target.login.as_ref())
    }

    /// Connects to a server that the cluster has told of.
    pub(crate) fn open_node(node: &Node, target: &Target) -> Result<Control> {
        Control::connect(&node.host, node.port, target.login.as_ref())
    }

    /// Connects to the server that creates and deletes topics.
    pub(crate) fn open_controller(target: &Target) -> Result<Control> {
        let mut control = Control::open(target)?;
        let nobody = Some(Vec::<MetadataRequestTopic<'_>>::new().into());
        let request = MetadataRequest { topics: nobody, ..Default::default() };
        let metadata: MetadataResponse<'_> = control.call(ApiKey::Metadata, request)?;
        let id = metadata.controller_id;
        let controller = nodes(&metadata)?.into_iter().find(|node| node.id == id);
        match controller {
            Some(node) if (node.host.as_str(), node.port) != (target.host.as_str(), target.port) => {
                Control::open_node(&node, target)
            }
            _ => Ok(control),
        }
    }

    fn connect(host: &str, port: u16, login: Option<&Login>) -> Result<Control> {
        let address = format!("{host}:{port}");
        let stream = Socket::connect(host, port).with_context(|| format!("connect to {address}"))?;
        let mut control =
            Control { stream, inbox: Vec::new(), versions: Versions::default(), correlation: 0, address };
        control.ask_versions()?;
        if let Some(login) = login {
            control.log_in(login)?;
        }
        Ok(control)
    }

    fn ask_versions(&mut self) -> Result<()> {
        // Every server knows version 0 of this, and may refuse a newer one.
        self.versions.0.insert(ApiKey::ApiVersions.code(), (0, 0));
        let response: ApiVersionsResponse<'_> =
            self.call(ApiKey::ApiVersions, Request::ApiVersions(Default::default()))?;
        check(response.error_code, None, || "ask for the versions of the protocol".to_owned())?;
        let versions = response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        self.versions = Versions(versions.collect());
        Ok(())
    }

    fn log_in(&mut self, login: &Login) -> Result<()> {
        let request = SaslHandshakeRequest { mechanism: "PLAIN" };
        let shaken: SaslHandshakeResponse<'_> = self.call(ApiKey::SaslHandshake, request)?;
        let offered: Vec<String> = shaken.mechanisms.iter().map(|name| name.into_owned()).collect();
        let offered = offered.join(", ");
        check(shaken.error_code, None, || format!("log in with PLAIN, where there is {offered}"))?;

        let token = format!("\0{}\0{}", login.user, login.password);
        let request = SaslAuthenticateRequest { auth_bytes: token.as_bytes() };
        let answer: SaslAuthenticateResponse<'_> = self.call(ApiKey::SaslAuthenticate, request)?;
        check(answer.error_code, answer.error_message.as_deref(), || format!("log in as {}", login.user))
    }

    /// Sends a request and waits for its answer.
    fn call<'s, 'r, T: IntoResponse<'s>>(
        &'s mut self,
        api: ApiKey,
        request: impl Into<Request<'r>>,
    ) -> Result<T> {
        let version = self.versions.of(api)?;
        self.correlation += 1;
        let mut bytes = Vec::new();
        encode(&request.into(), version, self.correlation, &mut bytes);
        let what = || format!("{} of {}", api.name(), self.address);
        exchange(&self.stream, &bytes, &mut self.inbox).with_context(what)?;
        let (correlation, response) = decode(&self.inbox, version).with_context(what)?;
        ensure!(correlation == self.correlation, "{}: an answer to another request", what());
        Ok(response)
    }

    /// Creates the topic, unless it is there.
    pub(crate) fn create_topic(&mut self, name: &str, partitions: u32, replication: u16) -> Result<()> {
        let topic = CreatableTopic {
            name,
            num_partitions: partitions as i32,
            replication_factor: i16::try_from(replication).context("so many replicas")?,
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic].into(), timeout_ms: TIMEOUT_MS, ..Default::default() };
        let response: CreateTopicsResponse<'_> = self.call(ApiKey::CreateTopics, request)?;
        for topic in response.topics.iter().filter(|t| t.error_code != ErrorCode::TOPIC_ALREADY_EXISTS) {
            check(topic.error_code, topic.error_message.as_deref(), || format!("create topic {name}"))?;
        }
        Ok(())
    }

    /// Deletes the topic and waits until the server does not know it any more, so that the name is free again.
    pub(crate) fn delete_topic(&mut self, name: &str) -> Result<()> {
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: Some(name), topic_id: Uuid::NONE }].into(),
            topic_names: vec![name].into(),
            timeout_ms: TIMEOUT_MS,
        };
        let response: DeleteTopicsResponse<'_> = self.call(ApiKey::DeleteTopics, request)?;
        for topic in &response.responses {
            check(topic.error_code, topic.error_message.as_deref(), || format!("delete topic {name}"))?;
        }
        self.wait(&format!("topic {name} is deleted, but still there"), |control| {
            control.look_up(name).map(|found| found.is_none().then_some(()))
        })
    }

    /// The topic, once every partition has a leader.
    pub(crate) fn topic(&mut self, name: &str) -> Result<Topic> {
        self.wait(&format!("topic {name} has no leaders"), |control| {
            Ok(control.look_up(name)?.filter(Topic::has_leaders))
        })
    }

    fn wait<T>(&mut self, late: &str, mut look: impl FnMut(&mut Self) -> Result<Option<T>>) -> Result<T> {
        let clock = Clock::start();
        while clock.now() < PATIENCE.as_secs() * SECOND {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            clock.pause(LOOK);
        }
        bail!("{late} after {} s", PATIENCE.as_secs())
    }

    /// The topic, if the server knows it.
    fn look_up(&mut self, name: &str) -> Result<Option<Topic>> {
        let topic = MetadataRequestTopic { topic_id: Uuid::NONE, name: Some(name) };
        let request = MetadataRequest {
            topics: Some(vec![topic].into()),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let metadata: MetadataResponse<'_> = self.call(ApiKey::Metadata, request)?;
        let nodes = nodes(&metadata)?;
        let Some(topic) = metadata.topics.iter().next() else { return Ok(None) };
        match topic.error_code {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => return Ok(None),
            // Said of the topic as a whole by old servers; its partitions have no leader then.
            ErrorCode::LEADER_NOT_AVAILABLE => {}
            code => check(code, None, || format!("look up topic {name}"))?,
        }
        let mut leaders: Vec<(i32, i32)> =
            topic.partitions.iter().map(|p| (p.partition_index, p.leader_id)).collect();
        leaders.sort_unstable();
        let leaders = leaders.into_iter().map(|(_, leader)| leader).collect();
        Ok(Some(Topic { name: name.to_owned(), id: topic.topic_id, nodes, leaders }))
    }

    /// An offset of each of the partitions, which this server leads; it may not know yet that it does.
    pub(crate) fn offsets(&mut self, topic: &str, partitions: &[i32], timestamp: i64) -> Result<Vec<i64>> {
        self.wait(&format!("topic {topic} has leaders that do not serve it"), |control| {
            control.ask_offsets(topic, partitions, timestamp)
        })
    }

    fn ask_offsets(&mut self, name: &str, partitions: &[i32], timestamp: i64) -> Result<Option<Vec<i64>>> {
        let asked = partitions
            .iter()
            .map(|partition| ListOffsetsPartition {
                partition_index: *partition,
                timestamp,
                ..Default::default()
            })
            .collect();
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: 0,
            topics: vec![ListOffsetsTopic { name, partitions: asked }].into(),
            timeout_ms: TIMEOUT_MS,
        };
        let response: ListOffsetsResponse<'_> = self.call(ApiKey::ListOffsets, request)?;
        let mut offsets = vec![None; partitions.len()];
        for topic in &response.topics {
            for found in &topic.partitions {
                let index = found.partition_index;
                if found.error_code.is_retriable() {
                    return Ok(None);
                }
                check(found.error_code, None, || format!("offsets of {name}-{index}"))?;
                if let Some(place) = partitions.iter().position(|partition| *partition == index) {
                    offsets[place] = Some(found.offset);
                }
            }
        }
        let offsets: Option<Vec<i64>> = offsets.into_iter().collect();
        offsets.context("the server leaves out a partition's offset").map(Some)
    }

    /// An id of an idempotent producer, and its epoch; the first one may take a server some time.
    pub(crate) fn producer_id(&mut self) -> Result<(i64, i16)> {
        self.wait("there is no producer id", Control::ask_producer_id)
    }

    fn ask_producer_id(&mut self) -> Result<Option<(i64, i16)>> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        let response: InitProducerIdResponse = self.call(ApiKey::InitProducerId, request)?;
        if response.error_code.is_retriable() {
            return Ok(None);
        }
        check(response.error_code, None, || "get a producer id".to_owned())?;
        Ok(Some((response.producer_id, response.producer_epoch)))
    }

    /// Hands the socket over to be put under load.
    pub(crate) fn into_connection(self) -> Result<Connection> {
        Ok(Connection {
            socket: Socket::new(self.stream, &[])?,
            versions: self.versions,
            correlation: self.correlation + 1,
        })
    }
}

fn nodes(metadata: &MetadataResponse<'_>) -> Result<Vec<Node>> {
    let node = |id, host: &str, port: i32| {
        let port = u16::try_from(port).with_context(|| format!("server {id} has port {port}"))?;
        Ok(Node { id, host: host.to_owned(), port })
    };
    metadata.brokers.iter().map(|broker| node(broker.node_id, &broker.host, broker.port)).collect()
}
