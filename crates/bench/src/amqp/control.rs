//! A blocking AMQP client for setting up and clearing away: log in, declare, bind, consume.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, anyhow, bail};
use anymq_amqp::wire::methods::{basic, channel, confirm, connection, exchange, queue};
use anymq_amqp::wire::{Encode, Frame, Method, PROTOCOL_HEADER, Payload, parse_frame};
use anymq_types::value::{Table, TableRef, Value};

use super::connection::{Connection, FRAME_MAX, aside};
use super::target::Target;
use crate::socket::Socket;

/// The one channel each connection uses.
pub(crate) const CHANNEL: u16 = 1;

/// A connection with one open channel.
#[derive(Debug)]
pub(crate) struct Control {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    frame_max: u32,
}

impl Control {
    /// Connects, logs in, opens the vhost and a channel.
    pub(crate) fn open(target: &Target) -> Result<Control> {
        let stream =
            Socket::connect(&target.host, target.port).with_context(|| format!("connect to {target}"))?;
        let mut control = Control { stream, inbox: Vec::new(), outbox: Vec::new(), frame_max: 0 };
        control.log_in(target).with_context(|| format!("log in to {target}"))?;
        Ok(control)
    }

    fn log_in(&mut self, target: &Target) -> Result<()> {
        self.outbox.extend_from_slice(&PROTOCOL_HEADER);
        self.call(connection::Start::KEY)?;

        let mut properties = Vec::new();
        client_properties().encode_content(&mut properties)?;
        let response = format!("\0{}\0{}", target.user, target.password);
        let start_ok = connection::StartOk {
            client_properties: TableRef::parse(&properties)?,
            mechanism: "PLAIN",
            response: response.as_bytes(),
            locale: "en_US",
        };
        start_ok.encode(0, &mut self.outbox);
        let offered = self.exchange(connection::Tune::KEY, |method| match method {
            Method::ConnectionTune(tune) => Ok(tune.frame_max),
            other => bail!("unexpected {}", other.name()),
        })?;

        self.frame_max = if offered == 0 { FRAME_MAX } else { offered.min(FRAME_MAX) };
        // No heartbeats: the load itself is the sign of life, and its end is awaited.
        connection::TuneOk { channel_max: 16, frame_max: self.frame_max, heartbeat: 0 }
            .encode(0, &mut self.outbox);
        connection::Open { virtual_host: &target.vhost, ..Default::default() }.encode(0, &mut self.outbox);
        self.call(connection::OpenOk::KEY)?;
        channel::Open::default().encode(CHANNEL, &mut self.outbox);
        self.call(channel::OpenOk::KEY)
    }

    pub(crate) fn declare_queue(&mut self, name: &str, durable: bool, kind: &str) -> Result<()> {
        let mut arguments = Vec::new();
        let mut table = Table::new();
        table.insert("x-queue-type", kind);
        table.encode_content(&mut arguments)?;
        let arguments = TableRef::parse(&arguments)?;
        queue::Declare { queue: name, durable, arguments, ..Default::default() }
            .encode(CHANNEL, &mut self.outbox);
        self.call(queue::DeclareOk::KEY).with_context(|| format!("declare queue {name}"))
    }

    pub(crate) fn declare_fanout(&mut self, name: &str, durable: bool) -> Result<()> {
        exchange::Declare { exchange: name, kind: "fanout", durable, ..Default::default() }
            .encode(CHANNEL, &mut self.outbox);
        self.call(exchange::DeclareOk::KEY).with_context(|| format!("declare exchange {name}"))
    }

    pub(crate) fn bind(&mut self, queue: &str, exchange: &str) -> Result<()> {
        queue::Bind { queue, exchange, ..Default::default() }.encode(CHANNEL, &mut self.outbox);
        self.call(queue::BindOk::KEY).with_context(|| format!("bind queue {queue}"))
    }

    pub(crate) fn confirm(&mut self) -> Result<()> {
        confirm::Select::default().encode(CHANNEL, &mut self.outbox);
        self.call(confirm::SelectOk::KEY).context("ask for confirms")
    }

    pub(crate) fn qos(&mut self, prefetch_count: u16) -> Result<()> {
        basic::Qos { prefetch_count, ..Default::default() }.encode(CHANNEL, &mut self.outbox);
        self.call(basic::QosOk::KEY).context("set the prefetch")
    }

    /// Starts a consumer. Deliveries may follow the answer at once; they go on into the [`Connection`].
    pub(crate) fn consume(&mut self, queue: &str, no_ack: bool) -> Result<()> {
        basic::Consume { queue, no_ack, ..Default::default() }.encode(CHANNEL, &mut self.outbox);
        self.call(basic::ConsumeOk::KEY).with_context(|| format!("consume from {queue}"))
    }

    pub(crate) fn delete_queue(&mut self, queue: &str) -> Result<()> {
        queue::Delete { queue, ..Default::default() }.encode(CHANNEL, &mut self.outbox);
        self.call(queue::DeleteOk::KEY).with_context(|| format!("delete queue {queue}"))
    }

    pub(crate) fn delete_exchange(&mut self, exchange: &str) -> Result<()> {
        exchange::Delete { exchange, ..Default::default() }.encode(CHANNEL, &mut self.outbox);
        self.call(exchange::DeleteOk::KEY).with_context(|| format!("delete exchange {exchange}"))
    }

    pub(crate) fn close(mut self) -> Result<()> {
        connection::Close { reply_code: 200, reply_text: "done", ..Default::default() }
            .encode(0, &mut self.outbox);
        self.call(connection::CloseOk::KEY).context("close the connection")
    }

    /// Hands the socket over to be put under load.
    pub(crate) fn into_connection(self) -> Result<Connection> {
        Ok(Connection { socket: Socket::new(self.stream, &self.inbox)?, frame_max: self.frame_max })
    }

    fn call(&mut self, answer: u32) -> Result<()> {
        self.exchange(answer, |_| Ok(()))
    }

    /// Sends the outbox and waits for the method `answer`.
    fn exchange<T>(&mut self, answer: u32, take: impl Fn(Method<'_>) -> Result<T>) -> Result<T> {
        self.stream.write_all(&self.outbox).context("write to the server")?;
        self.outbox.clear();
        loop {
            let frame = parse_frame(&self.inbox, self.frame_max)
                .map_err(|error| anyhow!("the server sent a bad frame: {error}"))?;
            let Some((frame, bytes)) = frame else {
                self.read_more()?;
                continue;
            };
            let outcome = on_frame(&frame, answer, &take)?;
            self.inbox.drain(..bytes);
            if let Some(value) = outcome {
                return Ok(value);
            }
        }
    }

    fn read_more(&mut self) -> Result<()> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece).context("read from the server")? {
            0 => bail!("the server closed the connection"),
            read => self.inbox.extend_from_slice(&piece[..read]),
        }
        Ok(())
    }
}

fn on_frame<T>(frame: &Frame<'_>, answer: u32, take: impl Fn(Method<'_>) -> Result<T>) -> Result<Option<T>> {
    match frame.payload {
        Payload::Method(method) if method.key() == answer => {
            let method = method.decode().map_err(|error| anyhow!("the server sent a bad answer: {error}"))?;
            take(method).map(Some)
        }
        Payload::Method(method) => aside(&method).map(|()| None),
        Payload::Heartbeat => Ok(None),
        Payload::Header(_) | Payload::Body(_) => bail!("the server sent a message during the set-up"),
    }
}

/// What servers want to know: without `authentication_failure_close` a refused login is a closed socket.
fn client_properties() -> Table {
    let mut capabilities = Table::new();
    for name in ["authentication_failure_close", "publisher_confirms", "basic.nack", "consumer_cancel_notify"]
    {
        capabilities.insert(name, true);
    }
    let mut properties = Table::new();
    properties.insert("product", "anymq bench");
    properties.insert("version", env!("CARGO_PKG_VERSION"));
    properties.insert("capabilities", Value::Table(capabilities));
    properties
}
