//! A client made of the codec, and a broker to talk to.

use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{Broker, Options};
use anymq_runtime::{FaultDisk, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::wire::messages::sasl::{SaslAuthenticateRequest, SaslHandshakeRequest};
use crate::wire::{ApiKey, Reader, Request, Response, Writer};

/// No test waits longer for a frame.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker on a disk in memory, and what its connections need.
pub(super) struct House {
    pub(super) broker: Broker,
    pub(super) config: Arc<Config>,
    pub(super) stopping: CancellationToken,
    tasks: TaskTracker,
}

impl House {
    /// A broker that commits by itself.
    pub(super) fn new() -> Self {
        Self::with(true, Config::default())
    }

    pub(super) fn with(commits: bool, config: Config) -> Self {
        let log = anymq_log::Config {
            threads: commits,
            seed: Some(1),
            segment_bytes: 1 << 20,
            ..anymq_log::Config::default()
        };
        let options = Options {
            config: anymq_broker::Config::default(),
            log,
            disk: Arc::new(FaultDisk::new()),
            clock: Arc::new(SystemClock),
            seed: Some(7),
            default_user: Some(("guest".into(), "guest".into(), "/".into())),
            threads: false,
        };
        let broker = Broker::open(options).unwrap();
        House {
            broker,
            config: Arc::new(config),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Waits until every connection's task has ended.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("the connections end in time");
    }

    /// A connected socket, nothing sent.
    pub(super) fn connect(&self) -> Client {
        self.connect_from("127.0.0.1:4000")
    }

    /// The same from another address.
    pub(super) fn connect_from(&self, peer: &str) -> Client {
        let (near, far) = tokio::io::duplex(1 << 16);
        let peer = peer.parse().unwrap();
        let (broker, config, stopping) = (self.broker.clone(), self.config.clone(), self.stopping.clone());
        self.tasks.spawn(crate::serve_stream(far, peer, broker, config, stopping));
        Client { stream: near, correlation_id: 0, name: "tests" }
    }
}

/// A response, to be decoded where it is looked at.
pub(super) struct Answer {
    api: ApiKey,
    version: i16,
    pub(super) correlation_id: i32,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn read(&self) -> Response<'_> {
        Response::decode(self.api, self.version, Reader::new(&self.body)).unwrap()
    }
}

/// The client's end of the pipe.
pub(super) struct Client {
    pub(super) stream: DuplexStream,
    correlation_id: i32,
    /// What it calls itself.
    pub(super) name: &'static str,
}

impl Client {
    /// Sends a request; its correlation id.
    pub(super) async fn send<'r>(&mut self, version: i16, request: impl Into<Request<'r>>) -> i32 {
        let request = request.into();
        self.correlation_id += 1;
        let mut out = Writer::request(request.api(), version, self.correlation_id, Some(self.name));
        request.write(&mut out, version);
        self.stream.write_all(&out.finish().to_vec()).await.unwrap();
        self.correlation_id
    }

    /// The next frame's content; `None` if the connection was closed.
    pub(super) async fn frame(&mut self) -> Option<Vec<u8>> {
        let read = async {
            let size = self.stream.read_i32().await.ok()?;
            let mut frame = vec![0; usize::try_from(size).unwrap()];
            self.stream.read_exact(&mut frame).await.unwrap();
            Some(frame)
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an answer in time")
    }

    /// The next response, which is to a request of that api and version.
    pub(super) async fn receive(&mut self, api: ApiKey, version: i16) -> Answer {
        let mut frame = self.frame().await.expect("an answer");
        let correlation_id = i32::from_be_bytes(frame[..4].try_into().unwrap());
        let header = 4 + usize::from(api.response_header_is_flexible(version));
        frame.drain(..header);
        Answer { api, version, correlation_id, body: frame }
    }

    /// Sends a request and waits for its response.
    pub(super) async fn ask<'r>(&mut self, version: i16, request: impl Into<Request<'r>>) -> Answer {
        let request = request.into();
        let api = request.api();
        let sent = self.send(version, request).await;
        let answer = self.receive(api, version).await;
        assert_eq!(answer.correlation_id, sent);
        answer
    }

    /// Agrees on PLAIN and logs in; what the server says to it.
    pub(super) async fn log_in(&mut self, user: &str, password: &str) -> Answer {
        self.ask(1, SaslHandshakeRequest { mechanism: "PLAIN" }).await;
        let token = format!("\0{user}\0{password}");
        self.ask(2, SaslAuthenticateRequest { auth_bytes: token.as_bytes() }).await
    }

    /// Waits for the server to close the connection without another word.
    pub(super) async fn closed(&mut self) {
        assert_eq!(self.frame().await, None, "nothing more is said");
    }
}
