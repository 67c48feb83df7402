//! S6: few bytes that become many, in every compression and at every place that looks into batches; under an allocator that
//! counts.

use std::sync::Arc;

use anymq_batch::{BatchBuilder, Codec, DECOMPRESSED_BYTES_MAX, Head};
use anymq_broker::{Broker, Options};
use anymq_kafka::wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use anymq_kafka::wire::messages::offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use anymq_kafka::wire::messages::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use anymq_kafka::wire::messages::topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use anymq_kafka::wire::{ErrorCode, Reader, Request, Response, Writer};
use anymq_kafka::{Config, serve_stream};
use anymq_runtime::{FaultDisk, SystemClock};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a batch may be on the wire, as the topics of the test have it.
const BATCH_BYTES_MAX: &str = "8388608";
/// More than any batch may come to.
const UNPACKED_MIB: usize = 104;
/// What the server may hold for a batch besides some copies of it, in bytes: a record of 1 MiB, windows, blocks.
const BASE: usize = 16 << 20;

fn broker() -> Broker {
    Broker::open(Options {
        config: anymq_broker::Config::default(),
        log: anymq_log::Config { threads: true, seed: Some(1), ..anymq_log::Config::default() },
        disk: Arc::new(FaultDisk::new()),
        clock: Arc::new(SystemClock),
        seed: Some(7),
        default_user: Some(("guest".into(), "guest".into(), "/".into())),
        threads: false,
    })
    .expect("a new broker")
}

struct Client(DuplexStream);

impl Client {
    fn connect(broker: &Broker) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        let peer = "127.0.0.1:4000".parse().expect("an address");
        let config = Arc::new(Config::default());
        let served = serve_stream(far, peer, broker.clone(), config, CancellationToken::new());
        #[allow(clippy::disallowed_methods, reason = "the test ends with the connections")]
        tokio::spawn(served);
        Client(near)
    }

    async fn ask<'r>(
        &mut self,
        version: i16,
        request: impl Into<Request<'r>>,
        look: impl FnOnce(Response<'_>),
    ) {
        let request = request.into();
        let api = request.api();
        let mut out = Writer::request(api, version, 1, Some("bombs"));
        request.write(&mut out, version);
        self.0.write_all(&out.finish().to_vec()).await.expect("sent");
        let size = self.0.read_i32().await.expect("an answer");
        let mut frame = vec![0; usize::try_from(size).expect("a size")];
        self.0.read_exact(&mut frame).await.expect("the answer");
        let header = 4 + usize::from(api.response_header_is_flexible(version));
        look(Response::decode(api, version, Reader::new(&frame[header..])).expect("a response"));
    }

    async fn make(&mut self, name: &str, key: &str, value: &str) {
        let config = |name, value| CreatableTopicConfig { name, value: Some(value) };
        let configs = vec![config("max.message.bytes", BATCH_BYTES_MAX), config(key, value)];
        let topic = CreatableTopic {
            name,
            num_partitions: 1,
            replication_factor: 1,
            configs: configs.into(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic].into(), ..Default::default() };
        self.ask(7, request, |response| {
            let Response::CreateTopics(response) = response else { panic!("{response:?}") };
            let made = response.topics.iter().next().expect("it was named");
            assert_eq!(made.error_code, ErrorCode::NONE, "{made:?}");
        })
        .await;
    }

    async fn produce(&mut self, topic: &str, batch: &[u8]) -> ErrorCode {
        let partition_data = vec![ProducePartition { index: 0, records: Some(batch) }].into();
        let topic = ProduceTopic { name: topic, partition_data, ..Default::default() };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 1000,
            topic_data: vec![topic].into(),
            ..Default::default()
        };
        let mut code = ErrorCode::NONE;
        self.ask(9, request, |response| {
            let Response::Produce(response) = response else { panic!("{response:?}") };
            let topic = response.responses.iter().next().expect("it was named");
            code = topic.partition_responses.iter().next().expect("it was named").error_code;
        })
        .await;
        code
    }

    async fn offset_at(&mut self, topic: &str, timestamp: i64) -> ErrorCode {
        let partitions = vec![ListOffsetsPartition { timestamp, ..Default::default() }].into();
        let topic = ListOffsetsTopic { name: topic, partitions };
        let request = ListOffsetsRequest { topics: vec![topic].into(), ..Default::default() };
        let mut code = ErrorCode::NONE;
        self.ask(7, request, |response| {
            let Response::ListOffsets(response) = response else { panic!("{response:?}") };
            let topic = response.topics.iter().next().expect("it was named");
            code = topic.partitions.iter().next().expect("it was named").error_code;
        })
        .await;
        code
    }

    async fn fetch(&mut self, topic: &str) -> usize {
        let partition = FetchPartition { partition_max_bytes: 16 << 20, ..Default::default() };
        let topic = FetchTopic { topic, partitions: vec![partition].into(), ..Default::default() };
        let request = FetchRequest { max_bytes: 16 << 20, topics: vec![topic].into(), ..Default::default() };
        let mut bytes = 0;
        self.ask(11, request, |response| {
            let Response::Fetch(response) = response else { panic!("{response:?}") };
            let topic = response.responses.iter().next().expect("it was named");
            let partition = topic.partitions.iter().next().expect("it was named");
            bytes = partition.records.pieces().map(<[u8]>::len).sum();
        })
        .await;
        bytes
    }
}

/// Records of a mebibyte of zeros each; the last of them is the latest.
fn bomb(codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Head::default(), codec.into());
    let value = vec![0; 1 << 20];
    for n in 0..UNPACKED_MIB as i64 {
        builder.push(1_000 + n, Some(b"key"), Some(&value), &[]).expect("fits");
    }
    builder.finish().expect("has records")
}

/// Whatever looks into a bomb stops at its bound and says so; what need not look keeps it as it came.
#[tokio::test]
async fn bombs_do_not_go_off() {
    let broker = broker();
    let mut client = Client::connect(&broker);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bomb = bomb(codec);
        assert!(bomb.len() < 8 << 20, "{codec}: {} bytes", bomb.len());
        let name = |what: &str| format!("{what}-{codec}");
        client.make(&name("kept"), "compression.type", "producer").await;
        client.make(&name("unpacked"), "compression.type", "uncompressed").await;
        let other = if codec == Codec::Zstd { "gzip" } else { "zstd" };
        client.make(&name("repacked"), "compression.type", other).await;
        client.make(&name("compacted"), "cleanup.policy", "compact").await;

        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        for refusing in ["unpacked", "compacted"] {
            let code = client.produce(&name(refusing), &bomb).await;
            assert_eq!(code, ErrorCode::MESSAGE_TOO_LARGE, "{codec} {refusing}");
        }
        assert_eq!(client.produce(&name("kept"), &bomb).await, ErrorCode::NONE);
        assert_eq!(client.fetch(&name("kept")).await, bomb.len());
        // What is looked for is behind the bound.
        let code = client.offset_at(&name("kept"), 1_000 + UNPACKED_MIB as i64 - 1).await;
        assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR, "{codec}");
        let held = MEMORY.peak_usage().saturating_sub(before);
        assert!(held <= 8 * bomb.len() + BASE, "{codec}: {held} bytes for {}", bomb.len());
        assert_eq!(client.offset_at(&name("kept"), 1_000).await, ErrorCode::NONE, "{codec}: it is the first");

        // What is compressed anew is whole in memory for a moment, while its buffer grows; no more than may be.
        MEMORY.reset_peak_usage();
        let code = client.produce(&name("repacked"), &bomb).await;
        assert_eq!(code, ErrorCode::MESSAGE_TOO_LARGE, "{codec}");
        let held = MEMORY.peak_usage().saturating_sub(before);
        assert!(held <= 2 * DECOMPRESSED_BYTES_MAX + 8 * bomb.len() + BASE, "{codec}: {held} bytes");
    }
}
