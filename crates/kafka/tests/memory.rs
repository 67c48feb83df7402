//! What a connection costs, measured: this file is a process of its own.

use std::sync::Arc;

use anymq_broker::{Broker, Options};
use anymq_kafka::{Config, serve_stream};
use anymq_runtime::{FaultDisk, SystemClock};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Room in a pipe, on both sides; it counts as the connection's.
const PIPE_BYTES: usize = 1 << 10;

fn broker() -> Broker {
    let options = Options {
        config: anymq_broker::Config::default(),
        log: anymq_log::Config { seed: Some(1), segment_bytes: 1 << 20, ..anymq_log::Config::default() },
        disk: Arc::new(FaultDisk::new()),
        clock: Arc::new(SystemClock),
        seed: Some(7),
        default_user: Some(("guest".into(), "guest".into(), "/".into())),
        threads: false,
    };
    Broker::open(options).expect("a broker")
}

fn connect(broker: &Broker, config: &Arc<Config>, room: usize) -> DuplexStream {
    let (near, far) = tokio::io::duplex(room);
    let peer = "127.0.0.1:4000".parse().expect("an address");
    let served = serve_stream(far, peer, broker.clone(), config.clone(), CancellationToken::new());
    #[allow(clippy::disallowed_methods, reason = "the test ends with the connections")]
    tokio::spawn(served);
    near
}

/// `ApiVersions` 0, and the whole of its answer.
async fn ask_versions(client: &mut DuplexStream) {
    client.write_all(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff").await.expect("sent");
    let size = client.read_i32().await.expect("an answer");
    let mut answer = vec![0; usize::try_from(size).expect("a size")];
    client.read_exact(&mut answer).await.expect("the answer");
}

#[tokio::test]
async fn memory_follows_what_has_come() {
    let (broker, config) = (broker(), Arc::new(Config::default()));
    // What is made once, for the first: the thread's buffer and more.
    let mut first = connect(&broker, &config, PIPE_BYTES);
    ask_versions(&mut first).await;

    const COUNT: usize = 1000;
    let before = MEMORY.current_usage();
    let mut clients = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let mut client = connect(&broker, &config, PIPE_BYTES);
        ask_versions(&mut client).await;
        clients.push(client);
    }
    let each = (MEMORY.current_usage() - before) / COUNT;
    assert!(each <= 8 << 10, "a connection that has not logged in takes {each} bytes");
    drop(clients);

    // A request is announced with 100 MiB; a little more than 1 MiB of it comes.
    let mut client = connect(&broker, &config, 1 << 16);
    client.write_all(b"\0\0\0\x0e\0\x03\0\0\0\0\0\x01\xff\xff\0\0\0\0").await.expect("sent");
    let size = client.read_i32().await.expect("an answer");
    client.read_exact(&mut vec![0; usize::try_from(size).expect("a size")]).await.expect("the answer");
    let before = MEMORY.current_usage();
    client.write_all(b"\x06\x40\0\0\0\0\0\x09\0\0\0\x02").await.expect("sent");
    client.write_all(&vec![0; (1 << 20) + (1 << 16)]).await.expect("sent");
    let taken = MEMORY.current_usage().saturating_sub(before);
    assert!(taken <= 3 << 20, "{taken} bytes for a request of which 1 MiB has come");
}
