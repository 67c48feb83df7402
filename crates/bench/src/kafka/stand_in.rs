//! A minimal Kafka cluster for the tests of the generator: topics in memory, a port for each node, a thread for each
//! connection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anymq_batch::{BatchHeader, set_base_offset};
use anymq_kafka::wire::messages::{
    api_versions::*, fetch::*, metadata::*, offsets::*, produce::*, sasl::*, topics::*, transactions::*,
};
use anymq_kafka::wire::{
    ApiKey, Array, Batches, ErrorCode, FRAME_BYTES_MAX, Request, RequestHeader, Response, split_frame,
};
use bytes::Bytes;

/// Base offset, next offset and bytes of each batch.
#[derive(Clone, Default)]
struct Partition {
    batches: Vec<(i64, i64, Bytes)>,
    next: i64,
    /// Producer id and sequence of each batch.
    sequences: Vec<(i64, i32)>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Vec<Partition>>,
    log: Vec<ApiKey>,
    records: u64,
    producer_ids: i64,
    acks: Vec<i16>,
    requests_in_flight_max: usize,
    password: Option<&'static str>,
    /// Refuse everything to do with records from this many produced records on.
    fail_after: Option<(u64, ErrorCode)>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    appended: Condvar,
    ports: Vec<u16>,
}

/// Counts and names that a test looks at afterwards.
#[derive(Clone)]
pub(super) struct StandIn(Arc<Shared>);

impl StandIn {
    /// Serves on free ports, for as long as the test's process lives. Node `n` leads each partition with that remainder.
    pub(super) fn start(nodes: usize) -> StandIn {
        let listeners: Vec<_> =
            (0..nodes).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let ports = listeners.iter().map(|l| l.local_addr().expect("bound").port()).collect();
        let server = StandIn(Arc::new(Shared { ports, ..Shared::default() }));
        for (node, listener) in listeners.into_iter().enumerate() {
            let accepted = server.clone();
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let server = accepted.clone();
                    let peer = Peer { server, stream, node, authenticated: false };
                    thread::spawn(move || peer.serve());
                }
            });
        }
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic")
    }

    pub(super) fn port(&self) -> u16 {
        self.0.ports[0]
    }

    pub(super) fn wants_password(&self, password: &'static str) {
        self.state().password = Some(password);
    }

    pub(super) fn fails_after(&self, records: u64, code: ErrorCode) {
        self.state().fail_after = Some((records, code));
    }

    pub(super) fn topics(&self) -> Vec<String> {
        self.state().topics.keys().cloned().collect()
    }

    /// Records in each partition.
    pub(super) fn counts(&self, topic: &str) -> Vec<i64> {
        self.state().topics[topic].iter().map(|partition| partition.next).collect()
    }

    /// Attributes of all batches of a topic.
    pub(super) fn headers(&self, topic: &str) -> Vec<BatchHeader> {
        let state = self.state();
        let batches = state.topics[topic].iter().flat_map(|partition| &partition.batches);
        batches.map(|(_, _, batch)| BatchHeader::parse(batch).expect("checked before")).collect()
    }

    pub(super) fn sequences(&self, topic: &str) -> Vec<Vec<(i64, i32)>> {
        self.state().topics[topic].iter().map(|partition| partition.sequences.clone()).collect()
    }

    pub(super) fn heard(&self, api: ApiKey) -> usize {
        self.state().log.iter().filter(|heard| **heard == api).count()
    }

    pub(super) fn acks(&self) -> Vec<i16> {
        let mut acks = self.state().acks.clone();
        acks.sort_unstable();
        acks.dedup();
        acks
    }

    /// Most produce requests that one read had brought together.
    pub(super) fn in_flight_max(&self) -> usize {
        self.state().requests_in_flight_max
    }
}

struct Peer {
    server: StandIn,
    stream: TcpStream,
    node: usize,
    authenticated: bool,
}

impl Peer {
    fn serve(mut self) {
        let (mut inbox, mut piece) = (Vec::new(), vec![0; 1 << 20]);
        while let Ok(read @ 1..) = self.stream.read(&mut piece) {
            inbox.extend_from_slice(&piece[..read]);
            let (mut done, mut produces) = (0, 0);
            while let Some((frame, bytes)) =
                split_frame(&inbox[done..], FRAME_BYTES_MAX).expect("good frames")
            {
                let (header, body) = RequestHeader::parse(frame).expect("a good header");
                let request = Request::decode(header.api, header.version, body).expect("a good request");
                produces += usize::from(header.api == ApiKey::Produce);
                self.server.state().log.push(header.api);
                if let Some(response) = self.answer(&request) {
                    let bytes = response.encode(header.version, header.correlation_id).to_vec();
                    // A client that has gone is no failure of the server.
                    let _ = self.stream.write_all(&bytes);
                }
                done += bytes;
            }
            inbox.drain(..done);
            let mut state = self.server.state();
            state.requests_in_flight_max = state.requests_in_flight_max.max(produces);
        }
    }

    fn answer<'a>(&mut self, request: &'a Request<'a>) -> Option<Response<'a>> {
        let open = matches!(
            request,
            Request::ApiVersions(_) | Request::SaslHandshake(_) | Request::SaslAuthenticate(_)
        );
        assert!(open || self.authenticated || self.server.state().password.is_none(), "not logged in");
        Some(match request {
            Request::ApiVersions(_) => versions().into(),
            Request::SaslHandshake(_) => {
                SaslHandshakeResponse { mechanisms: vec!["PLAIN".into()].into(), ..Default::default() }.into()
            }
            Request::SaslAuthenticate(request) => self.log_in(request).into(),
            Request::Metadata(request) => self.metadata(request).into(),
            Request::CreateTopics(request) => self.create(request).into(),
            Request::DeleteTopics(request) => self.delete(request).into(),
            Request::ListOffsets(request) => self.offsets(request).into(),
            Request::InitProducerId(_) => {
                let mut state = self.server.state();
                state.producer_ids += 1;
                InitProducerIdResponse { producer_id: state.producer_ids, ..Default::default() }.into()
            }
            Request::Produce(request) => return self.produce(request).map(Into::into),
            Request::Fetch(request) => self.fetch(request).into(),
            other => panic!("nobody should ask {:?}", other.api()),
        })
    }

    fn log_in<'a>(&mut self, request: &SaslAuthenticateRequest<'_>) -> SaslAuthenticateResponse<'a> {
        let expected = format!("\0user\0{}", self.server.state().password.expect("a login is wanted"));
        self.authenticated = request.auth_bytes == expected.as_bytes();
        let (error_code, error_message) = match self.authenticated {
            true => (ErrorCode::NONE, None),
            false => (ErrorCode::SASL_AUTHENTICATION_FAILED, Some("wrong password".into())),
        };
        SaslAuthenticateResponse { error_code, error_message, ..Default::default() }
    }

    fn leader(&self, partition: usize) -> i32 {
        (partition % self.server.0.ports.len()) as i32
    }

    fn metadata<'a>(&self, request: &MetadataRequest<'a>) -> MetadataResponse<'a> {
        let broker = |(id, port): (usize, &u16)| MetadataResponseBroker {
            node_id: id as i32,
            host: "127.0.0.1".into(),
            port: i32::from(*port),
            rack: None,
        };
        let state = self.server.state();
        let topic = |name: &'a str| match state.topics.get(name) {
            None => MetadataResponseTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                name: Some(name.into()),
                ..Default::default()
            },
            Some(partitions) => MetadataResponseTopic {
                name: Some(name.into()),
                // The other way round, to be put in order.
                partitions: (0..partitions.len())
                    .rev()
                    .map(|index| MetadataResponsePartition {
                        partition_index: index as i32,
                        leader_id: self.leader(index),
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            },
        };
        let asked: Vec<&str> = request.topics.iter().flatten().filter_map(|topic| topic.name).collect();
        MetadataResponse {
            brokers: self.server.0.ports.iter().enumerate().map(broker).collect(),
            controller_id: self.server.0.ports.len() as i32 - 1,
            topics: asked.into_iter().map(topic).collect(),
            ..Default::default()
        }
    }

    fn create<'a>(&self, request: &CreateTopicsRequest<'a>) -> CreateTopicsResponse<'a> {
        assert_eq!(self.node, self.server.0.ports.len() - 1, "the controller is asked");
        let mut state = self.server.state();
        let created = request.topics.iter().map(|topic| {
            assert_eq!(topic.replication_factor, 1);
            let partitions = vec![Partition::default(); topic.num_partitions as usize];
            let error_code = match state.topics.contains_key(topic.name) {
                true => ErrorCode::TOPIC_ALREADY_EXISTS,
                false => ErrorCode::NONE,
            };
            state.topics.entry(topic.name.to_owned()).or_insert(partitions);
            CreatableTopicResult { name: topic.name.into(), error_code, ..Default::default() }
        });
        CreateTopicsResponse { topics: created.collect(), ..Default::default() }
    }

    fn delete<'a>(&self, request: &DeleteTopicsRequest<'a>) -> DeleteTopicsResponse<'a> {
        let mut state = self.server.state();
        let names: Vec<&str> = request.topics.iter().filter_map(|topic| topic.name).collect();
        let deleted = names.into_iter().map(|name| {
            state.topics.remove(name).expect("created before");
            DeletableTopicResult { name: Some(name.into()), ..Default::default() }
        });
        DeleteTopicsResponse { responses: deleted.collect(), ..Default::default() }
    }

    fn offsets<'a>(&self, request: &ListOffsetsRequest<'a>) -> ListOffsetsResponse<'a> {
        let state = self.server.state();
        let topics = request.topics.iter().map(|topic| {
            let found = topic.partitions.iter().map(|asked| {
                let index = asked.partition_index;
                assert_eq!(self.leader(index as usize), self.node as i32, "the leader is asked");
                let next = state.topics[topic.name][index as usize].next;
                let offset = if asked.timestamp == -2 { 0 } else { next };
                ListOffsetsPartitionResponse { partition_index: index, offset, ..Default::default() }
            });
            ListOffsetsTopicResponse { name: topic.name.into(), partitions: found.collect() }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn produce<'a>(&self, request: &ProduceRequest<'a>) -> Option<ProduceResponse<'a>> {
        let mut state = self.server.state();
        state.acks.push(request.acks);
        let mut responses = Vec::new();
        for topic in &request.topic_data {
            let name = state.topics.keys().next().expect("created before").clone();
            let mut partitions = Vec::new();
            for part in &topic.partition_data {
                assert_eq!(self.leader(part.index as usize), self.node as i32, "the leader is asked");
                let batch = part.records.expect("records");
                let header = BatchHeader::parse(batch).expect("a batch");
                header.check_bytes(batch).expect("the right CRC");
                let error_code = match state.fail_after {
                    Some((records, code)) if state.records >= records => code,
                    _ => ErrorCode::NONE,
                };
                state.records += header.count as u64;
                let partition =
                    &mut state.topics.get_mut(&name).expect("created before")[part.index as usize];
                let mut batch = batch.to_vec();
                let base = partition.next;
                set_base_offset(&mut batch, base);
                partition.next += i64::from(header.count);
                partition.sequences.push((header.producer_id, header.base_sequence));
                partition.batches.push((base, partition.next, batch.into()));
                partitions.push(ProducedPartition { index: part.index, error_code, ..Default::default() });
            }
            responses.push(ProducedTopic {
                name: topic.name.into(),
                topic_id: topic.topic_id,
                partition_responses: partitions.into(),
            });
        }
        self.server.0.appended.notify_all();
        (request.acks != 0).then(|| ProduceResponse { responses: responses.into(), ..Default::default() })
    }

    fn fetch<'a>(&self, request: &FetchRequest<'a>) -> FetchResponse<'a> {
        let shared = &self.server.0;
        let wait = Duration::from_millis(request.max_wait_ms as u64);
        let state = self.server.state();
        let nothing =
            |state: &mut State| found(state, request).iter().all(|(.., batches)| batches.is_empty());
        let (state, _) = shared.appended.wait_timeout_while(state, wait, nothing).expect("no panic");
        let Some(topic) = request.topics.iter().next() else { return FetchResponse::default() };
        let partitions = found(&state, request).into_iter().map(|(index, error_code, pieces)| {
            assert_eq!(self.leader(index as usize), self.node as i32, "the leader is asked");
            let records = Batches::from(pieces);
            FetchedPartition { partition_index: index, error_code, records, ..Default::default() }
        });
        let topic = FetchedTopic {
            topic: topic.topic.into(),
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
        };
        FetchResponse { responses: vec![topic].into(), ..Default::default() }
    }
}

/// What there is for a fetch: partition, error, batches. The last batch is cut where the bytes end.
fn found(state: &State, request: &FetchRequest<'_>) -> Vec<(i32, ErrorCode, Vec<Bytes>)> {
    let Some(topic) = request.topics.iter().next() else { return Vec::new() };
    let Some((_, partitions)) = state.topics.iter().next() else {
        let gone =
            |asked: FetchPartition| (asked.partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Vec::new());
        return topic.partitions.iter().map(gone).collect();
    };
    let one = |asked: FetchPartition| {
        let mut left = asked.partition_max_bytes as usize;
        let mut pieces = Vec::new();
        let batches = &partitions[asked.partition as usize].batches;
        for (_, _, batch) in batches.iter().filter(|(_, next, _)| *next > asked.fetch_offset) {
            let whole = pieces.is_empty() || batch.len() <= left;
            pieces.push(if whole { batch.clone() } else { batch.slice(..left) });
            left = left.saturating_sub(batch.len());
            if !whole || left == 0 {
                break;
            }
        }
        (asked.partition, ErrorCode::NONE, pieces)
    };
    topic.partitions.iter().map(one).collect()
}

/// What Kafka 2.8 offers of the apis that are used: no topic ids.
fn versions() -> ApiVersionsResponse<'static> {
    let api_keys: Array<'static, ApiVersion> = [
        (ApiKey::Produce, 0, 9),
        (ApiKey::Fetch, 0, 12),
        (ApiKey::ListOffsets, 0, 6),
        (ApiKey::Metadata, 0, 11),
        (ApiKey::SaslHandshake, 0, 1),
        (ApiKey::ApiVersions, 0, 3),
        (ApiKey::CreateTopics, 0, 7),
        (ApiKey::DeleteTopics, 0, 6),
        (ApiKey::InitProducerId, 0, 4),
        (ApiKey::SaslAuthenticate, 0, 2),
    ]
    .map(|(api, min_version, max_version)| ApiVersion { api_key: api.code(), min_version, max_version })
    .to_vec()
    .into();
    ApiVersionsResponse { api_keys, ..Default::default() }
}
