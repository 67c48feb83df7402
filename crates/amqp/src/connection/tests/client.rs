//! A client made of the codec, and a broker to talk to.

use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{Broker, Options};
use anymq_runtime::{FaultDisk, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::wire::methods::{basic, channel, connection, queue};
use crate::wire::{
    ContentHeader, Encode, Frame, Method, PROTOCOL_HEADER, Payload, encode_content, parse_frame,
};

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

    /// A broker that commits only when told ([`anymq_log::Log::commit_now`]).
    pub(super) fn uncommitted() -> Self {
        Self::with(false, Config::default())
    }

    pub(super) fn with(commits: bool, config: Config) -> Self {
        Self::over(commits, config, anymq_broker::Config::default())
    }

    /// A broker with settings of its own; messages are 1 MiB at most.
    pub(super) fn over(commits: bool, config: Config, broker: anymq_broker::Config) -> Self {
        let log = anymq_log::Config {
            threads: commits,
            seed: Some(1),
            segment_bytes: 1 << 20,
            ..anymq_log::Config::default()
        };
        let options = Options {
            config: anymq_broker::Config { message_size_max: anymq_types::ByteSize::mib(1), ..broker },
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

    /// A connected socket, nothing sent.
    pub(super) fn socket(&self) -> Client {
        self.socket_from("127.0.0.1:4000")
    }

    /// The same from another address.
    pub(super) fn socket_from(&self, peer: &str) -> Client {
        let (near, far) = tokio::io::duplex(1 << 16);
        let peer = peer.parse().unwrap();
        let (broker, config, stopping) = (self.broker.clone(), self.config.clone(), self.stopping.clone());
        self.tasks.spawn(crate::serve_stream(far, peer, broker, config, stopping));
        Client { stream: near, input: Vec::new(), out: Vec::new() }
    }

    /// An open connection.
    pub(super) async fn connect(&self) -> Client {
        let mut client = self.socket();
        client.open(client_properties(), "/").await;
        client
    }

    /// An open connection with channel 1 open.
    pub(super) async fn channel(&self) -> Client {
        let mut client = self.connect().await;
        client.open_channel(1).await;
        client
    }
}

/// What most clients say of themselves: a table's content.
pub(super) fn client_properties() -> Vec<u8> {
    let capabilities =
        ["authentication_failure_close", "basic.nack", "connection.blocked", "consumer_cancel_notify"];
    let capabilities: anymq_types::value::Table = capabilities.map(|name| (name, true)).into_iter().collect();
    let table: anymq_types::value::Table =
        [("capabilities", anymq_types::value::Value::Table(capabilities))].into_iter().collect();
    let mut bytes = Vec::new();
    table.encode_content(&mut bytes).unwrap();
    bytes
}

/// A frame that owns what it holds, printed in a form that tests can compare.
pub(super) fn show(frame: &Frame<'_>) -> String {
    let text = match &frame.payload {
        Payload::Method(method) => format!("{:?}", method.decode().unwrap()),
        Payload::Header(ContentHeader { body_size, .. }) => format!("header {body_size}"),
        Payload::Body(body) => format!("body {}", String::from_utf8_lossy(body)),
        Payload::Heartbeat => "heartbeat".to_owned(),
    };
    format!("{} {text}", frame.channel)
}

pub(super) struct Client {
    stream: DuplexStream,
    input: Vec<u8>,
    out: Vec<u8>,
}

impl Client {
    /// Puts a method into the output.
    pub(super) fn put(&mut self, channel: u16, method: &impl Encode) -> &mut Self {
        method.encode(channel, &mut self.out);
        self
    }

    /// Puts bytes into the output.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// Puts a message into the output.
    pub(super) fn put_message(
        &mut self,
        channel: u16,
        publish: &basic::Publish<'_>,
        props: &[u8],
        body: &[u8],
    ) -> &mut Self {
        publish.encode(channel, &mut self.out);
        encode_content(channel, props, body, 131_072, &mut self.out);
        self
    }

    /// Puts a transient message for a queue into the output.
    pub(super) fn put_text(&mut self, routing_key: &str, body: &str) -> &mut Self {
        let publish = basic::Publish { routing_key, ..Default::default() };
        self.put_message(1, &publish, b"\0\0", body.as_bytes())
    }

    /// Sends the output in one write.
    pub(super) async fn send(&mut self) {
        let out = std::mem::take(&mut self.out);
        self.stream.write_all(&out).await.unwrap();
    }

    /// Sends the output byte by byte.
    pub(super) async fn trickle(&mut self) {
        for byte in std::mem::take(&mut self.out) {
            self.stream.write_all(&[byte]).await.unwrap();
        }
    }

    /// Sends the output while what the server sends is read, for more than the stream holds.
    pub(super) async fn pump(&mut self) {
        let out = std::mem::take(&mut self.out);
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let mut buf = vec![0; 1 << 16];
        let write = async { writer.write_all(&out).await.unwrap() };
        tokio::pin!(write);
        loop {
            tokio::select! {
                () = &mut write => return,
                read = reader.read(&mut buf) => self.input.extend_from_slice(&buf[..read.unwrap()]),
            }
        }
    }

    /// The next frame, as [`show`] prints it; `"end"` once the server has closed.
    pub(super) async fn next(&mut self) -> String {
        self.take(show).await.unwrap_or_else(|| "end".to_owned())
    }

    /// The next frame, looked at by `look`.
    pub(super) async fn take<T>(&mut self, look: impl FnOnce(&Frame<'_>) -> T) -> Option<T> {
        loop {
            if let Some((frame, len)) = parse_frame(&self.input, 0).unwrap() {
                let value = look(&frame);
                self.input.drain(..len);
                return Some(value);
            }
            let mut buf = [0; 4096];
            let read =
                tokio::time::timeout(PATIENCE, self.stream.read(&mut buf)).await.expect("a frame in time");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.input.extend_from_slice(&buf[..n]),
            }
        }
    }

    /// The next bytes as they are; empty at the end.
    pub(super) async fn raw(&mut self) -> Vec<u8> {
        let mut buf = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buf)).await.expect("bytes in time");
        buf[..read.unwrap()].to_vec()
    }

    /// The next frames.
    pub(super) async fn frames(&mut self, count: usize) -> Vec<String> {
        let mut frames = Vec::new();
        for _ in 0..count {
            frames.push(self.next().await);
        }
        frames
    }

    /// Asserts that the next frame begins with `start`.
    pub(super) async fn expect(&mut self, start: &str) {
        let frame = self.next().await;
        assert!(frame.starts_with(start), "expected {start}, got {frame}");
    }

    /// Asserts that nothing was sent before the answer to a harmless question on another channel.
    pub(super) async fn expect_quiet(&mut self) {
        self.put(900, &channel::Open::default()).put(900, &channel::Close::default()).send().await;
        self.expect("900 ChannelOpenOk").await;
        self.expect("900 ChannelCloseOk").await;
    }

    /// Sends `method` on channel 1 and gives the answer.
    pub(super) async fn ask(&mut self, method: &impl Encode) -> String {
        self.put(1, method).send().await;
        self.next().await
    }

    /// Sends `method` on channel 1 and gives code and text of the error.
    pub(super) async fn fail(&mut self, method: &impl Encode) -> (u16, String) {
        self.put(1, method).send().await;
        self.error().await
    }

    /// Code and text of the `close` that comes next, on a channel or the connection.
    pub(super) async fn error(&mut self) -> (u16, String) {
        let look = |frame: &Frame<'_>| match &frame.payload {
            Payload::Method(method) => match method.decode().unwrap() {
                Method::ChannelClose(close) => (close.reply_code, close.reply_text.to_owned()),
                Method::ConnectionClose(close) => (close.reply_code, close.reply_text.to_owned()),
                other => panic!("expected close, got {other:?}"),
            },
            _ => panic!("expected close, got {}", show(frame)),
        };
        self.take(look).await.expect("an error before the end")
    }

    pub(super) async fn start(&mut self, properties: &[u8], mechanism: &str, response: &[u8]) {
        let client_properties = anymq_types::value::TableRef::parse(properties).unwrap();
        let ok = connection::StartOk { client_properties, mechanism, response, locale: "en_US" };
        self.put(0, &ok).send().await;
    }

    /// Opens the connection as a client does, step by step.
    pub(super) async fn open(&mut self, properties: Vec<u8>, virtual_host: &str) {
        self.ask_to_open(properties, virtual_host).await;
        self.expect("0 ConnectionOpenOk").await;
    }

    /// The same up to the answer.
    pub(super) async fn ask_to_open(&mut self, properties: Vec<u8>, virtual_host: &str) {
        self.put_bytes(&PROTOCOL_HEADER).send().await;
        self.expect("0 ConnectionStart").await;
        self.start(&properties, "PLAIN", b"\0guest\0guest").await;
        self.expect("0 ConnectionTune").await;
        self.put(0, &connection::TuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 0 });
        self.put(0, &connection::Open { virtual_host, ..Default::default() }).send().await;
    }

    pub(super) async fn open_channel(&mut self, number: u16) {
        self.put(number, &channel::Open::default()).send().await;
        self.expect(&format!("{number} ChannelOpenOk")).await;
    }

    /// Opens the channel again that an error has closed.
    pub(super) async fn reopen(&mut self) {
        self.put(1, &channel::CloseOk {}).send().await;
        self.open_channel(1).await;
    }

    /// Declares a queue on channel 1 and waits for it.
    pub(super) async fn declare(&mut self, queue: &str) {
        let declare = queue::Declare { queue, ..Default::default() };
        self.put(1, &declare).send().await;
        self.expect("1 QueueDeclareOk").await;
    }
}
