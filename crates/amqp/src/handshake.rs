//! From the protocol header to `connection.open`: who connects, to what, within which limits.
//!
//! ```text
//!  AwaitHeader ──▶ AwaitStartOk ──▶ Authenticating ──▶ AwaitTuneOk ──▶ AwaitOpen ──▶ an open session
//! ```
//!
//! Each step takes one frame; a client may send the next before it is asked. Until the login has succeeded a connection
//! holds no more than [`INPUT_BYTES_MAX`] of input, or [`TOKEN_FRAME_BYTES_MAX`] where tokens are taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{Broker, Connect, Principal, TOKEN_BYTES_MAX, Turn};
use anymq_types::value::{Table, TableRef, Value};

use crate::config::Config;
use crate::errors::{AmqpError, Result, clip};
use crate::sasl::{self, Mechanism};
use crate::session::{Link, Session};
use crate::wire::methods::connection;
use crate::wire::{Encode, FRAME_MIN_SIZE, Method, PROTOCOL_HEADER, Payload, ReplyCode, parse_frame};

/// Most bytes a client may send ahead before it is logged in: one frame of the smallest size every peer takes.
pub(crate) const INPUT_BYTES_MAX: usize = FRAME_MIN_SIZE as usize;

/// Largest frame before the login where tokens are taken, which are longer than passwords; the rest is for what the
/// client says of itself.
const TOKEN_FRAME_BYTES_MAX: u32 = TOKEN_BYTES_MAX as u32 + FRAME_MIN_SIZE;

/// What is known of a connection from its socket.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) tls: bool,
    /// The user a client certificate names.
    pub(crate) certificate_user: Option<String>,
}

/// What a client wants to be let in for; compared away from the connection's task, because it is slow on purpose.
pub(crate) enum Login {
    Password { user: String, password: Vec<u8> },
    Certificate { user: String },
}

impl Login {
    /// Waits until the login may be looked at, then has it verified on a thread that may block.
    pub(crate) async fn verify(self, broker: Broker, peer: SocketAddr) -> anymq_broker::Result<Principal> {
        if let Login::Password { user, password } = &self {
            match broker.login_turn(user, password, peer) {
                Turn::Now => {}
                Turn::After(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                Turn::Never => return Err(anymq_broker::Error::forbidden("login was refused")),
            }
        }
        let verified = tokio::task::spawn_blocking(move || self.ask(&broker, peer)).await;
        verified.unwrap_or_else(|_| Err(anymq_broker::Error::unavailable("the login could not be verified")))
    }

    fn ask(&self, broker: &Broker, peer: SocketAddr) -> anymq_broker::Result<Principal> {
        match self {
            Login::Password { user, password } => broker.authenticate(user, password, peer),
            Login::Certificate { user } => broker.authenticate_external(user, peer),
        }
    }
}

/// What the connection must do after a step.
pub(crate) enum Step {
    /// Give me more.
    Continue,
    /// Verify this, then call [`Handshake::logged_in`].
    Verify(Login),
    /// The handshake is over.
    Open(Box<Session>),
    /// Write what is there and close the socket.
    Refuse,
    /// The client closed.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    AwaitHeader,
    AwaitStartOk,
    Authenticating,
    AwaitTuneOk,
    AwaitOpen,
}

/// A connection that is not open yet.
pub(crate) struct Handshake {
    stage: Stage,
    broker: Broker,
    config: Arc<Config>,
    peer: Peer,
    mechanism: Mechanism,
    client_properties: Table,
    capabilities: Table,
    principal: Option<Principal>,
    tuned: connection::TuneOk,
}

impl Handshake {
    pub(crate) fn new(broker: Broker, config: Arc<Config>, peer: Peer) -> Self {
        Handshake {
            stage: Stage::AwaitHeader,
            broker,
            config,
            peer,
            mechanism: Mechanism::Plain,
            client_properties: Table::new(),
            capabilities: Table::new(),
            principal: None,
            tuned: connection::TuneOk::default(),
        }
    }

    /// The broker and the peer, to verify a login with.
    pub(crate) fn parties(&self) -> (Broker, SocketAddr) {
        (self.broker.clone(), self.peer.address)
    }

    /// The agreed heartbeat interval, in seconds; 0 for none.
    pub(crate) fn heartbeat(&self) -> u16 {
        self.tuned.heartbeat
    }

    /// Takes the next step with the start of `buf`: how many bytes it took, and what follows.
    ///
    /// # Errors
    /// Whatever closes the connection.
    pub(crate) fn input(&mut self, buf: &[u8], out: &mut Vec<u8>) -> Result<(usize, Step)> {
        if self.stage == Stage::AwaitHeader {
            return self.header(buf, out);
        }
        let frame_max = match self.stage {
            Stage::AwaitOpen => self.tuned.frame_max,
            _ if self.broker.accepts_tokens() => TOKEN_FRAME_BYTES_MAX,
            _ => FRAME_MIN_SIZE,
        };
        let Some((frame, len)) = parse_frame(buf, frame_max)? else { return Ok((0, Step::Continue)) };
        let method = match (frame.channel, &frame.payload) {
            (0, Payload::Heartbeat) => return Ok((len, Step::Continue)),
            (0, Payload::Method(method)) => method,
            _ => {
                return Err(AmqpError::unexpected_frame(
                    "only methods on channel 0 can come before connection.open",
                ));
            }
        };
        let step = self
            .method(method.decode()?, out)
            .map_err(|error| error.at(method.class_id, method.method_id))?;
        Ok((len, step))
    }

    fn header(&mut self, buf: &[u8], out: &mut Vec<u8>) -> Result<(usize, Step)> {
        let known = buf.len().min(PROTOCOL_HEADER.len());
        if buf.len() < PROTOCOL_HEADER.len() && buf == &PROTOCOL_HEADER[..known] {
            return Ok((0, Step::Continue));
        }
        // 0-9 announces itself as 1.1.0.9; it is near enough to be served as 0-9-1.
        if !buf.starts_with(&PROTOCOL_HEADER) && !buf.starts_with(b"AMQP\x01\x01\x00\x09") {
            if buf.len() < PROTOCOL_HEADER.len() && buf.starts_with(&b"AMQP"[..known.min(4)]) {
                return Ok((0, Step::Continue));
            }
            out.extend_from_slice(&PROTOCOL_HEADER);
            return Ok((buf.len(), Step::Refuse));
        }
        self.stage = Stage::AwaitStartOk;
        self.start(out);
        Ok((PROTOCOL_HEADER.len(), Step::Continue))
    }

    fn start(&self, out: &mut Vec<u8>) {
        let mut properties = Vec::new();
        server_properties(&self.config)
            .encode_content(&mut properties)
            .expect("names are constants and values were checked when the configuration was read");
        connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: TableRef::trusted(&properties),
            mechanisms: self.offered().map(Mechanism::name).collect::<Vec<_>>().join(" ").as_bytes(),
            locales: b"en_US",
        }
        .encode(0, out);
    }

    fn offered(&self) -> impl Iterator<Item = Mechanism> {
        let offers = [
            (Mechanism::Plain, self.config.plain),
            (Mechanism::AmqPlain, self.config.amqplain),
            (Mechanism::External, self.config.external && self.peer.tls),
        ];
        offers.into_iter().filter(|(_, offered)| *offered).map(|(mechanism, _)| mechanism)
    }

    fn method(&mut self, method: Method<'_>, out: &mut Vec<u8>) -> Result<Step> {
        match (self.stage, method) {
            (Stage::AwaitStartOk, Method::ConnectionStartOk(ok)) => self.start_ok(&ok),
            (Stage::AwaitTuneOk, Method::ConnectionTuneOk(ok)) => self.tune_ok(ok),
            (Stage::AwaitOpen, Method::ConnectionOpen(open)) => self.open(&open, out),
            (_, Method::ConnectionClose(_)) => Ok(Step::Close),
            (stage, _) => Err(AmqpError::channel_error(format!(
                "unexpected method in connection state {}",
                match stage {
                    Stage::AwaitHeader | Stage::AwaitStartOk => "starting",
                    Stage::Authenticating => "securing",
                    Stage::AwaitTuneOk => "tuning",
                    Stage::AwaitOpen => "opening",
                }
            ))),
        }
    }

    fn start_ok(&mut self, ok: &connection::StartOk<'_>) -> Result<Step> {
        let unknown = || {
            let text = format!("unknown authentication mechanism '{}'", ok.mechanism);
            AmqpError::new(ReplyCode::COMMAND_INVALID, text)
        };
        self.mechanism = Mechanism::parse(ok.mechanism).ok_or_else(unknown)?;
        if !self.offered().any(|offered| offered == self.mechanism) {
            let text = format!("invalid authentication mechanism '{}'", ok.mechanism);
            return Err(AmqpError::new(ReplyCode::COMMAND_INVALID, text));
        }
        self.client_properties = ok.client_properties.to_table();
        if let Some(Value::Table(capabilities)) = self.client_properties.get("capabilities") {
            self.capabilities = capabilities.clone();
        }
        let login = self.login(ok.response)?;
        self.stage = Stage::Authenticating;
        Ok(Step::Verify(login))
    }

    fn login(&self, response: &[u8]) -> Result<Login> {
        let syntax = |text: &str| AmqpError::new(ReplyCode::SYNTAX_ERROR, text);
        let credentials = match self.mechanism {
            Mechanism::Plain => sasl::plain(response).ok_or_else(|| syntax("PLAIN response invalid"))?,
            Mechanism::AmqPlain => sasl::amqplain(response).map_err(syntax)?,
            Mechanism::External => {
                let user = self.peer.certificate_user.clone().ok_or_else(|| self.refused())?;
                return Ok(Login::Certificate { user });
            }
        };
        // A name that is not UTF-8 is nobody's; it takes the same way, and the same time, as a wrong one.
        let user = String::from_utf8_lossy(credentials.user).into_owned();
        Ok(Login::Password { user, password: credentials.password.to_vec() })
    }

    /// The error of a login that failed: says nothing of why.
    fn refused(&self) -> AmqpError {
        AmqpError::new(
            ReplyCode::ACCESS_REFUSED,
            format!(
                "Login was refused using authentication mechanism {}. For details see the broker logfile.",
                self.mechanism.name()
            ),
        )
    }

    /// Whether a client whose login failed wants to be told before the socket closes.
    pub(crate) fn wants_failure_close(&self) -> bool {
        self.has_capability("authentication_failure_close")
    }

    /// The login was verified, or not.
    ///
    /// # Errors
    /// If it was refused.
    pub(crate) fn logged_in(
        &mut self,
        result: anymq_broker::Result<Principal>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let principal = result.map_err(|_| self.refused())?;
        self.principal = Some(principal);
        self.stage = Stage::AwaitTuneOk;
        connection::Tune {
            channel_max: self.config.channel_max,
            frame_max: self.config.frame_max,
            heartbeat: u16::try_from(self.config.heartbeat.as_secs()).unwrap_or(u16::MAX),
        }
        .encode(0, out);
        Ok(())
    }

    fn tune_ok(&mut self, ok: connection::TuneOk) -> Result<Step> {
        check_limit("frame_max", ok.frame_max, FRAME_MIN_SIZE, self.config.frame_max)?;
        check_limit("channel_max", ok.channel_max.into(), 1, self.config.channel_max.into())?;
        self.tuned = ok;
        self.stage = Stage::AwaitOpen;
        Ok(Step::Continue)
    }

    fn open(&mut self, open: &connection::Open<'_>, out: &mut Vec<u8>) -> Result<Step> {
        let Some(principal) = self.principal.clone() else {
            return Err(AmqpError::channel_error("unexpected method in connection state securing"));
        };
        let name = self.client_properties.get("connection_name").and_then(Value::as_str).unwrap_or_default();
        let hall = self.broker.connect(Connect {
            principal,
            vhost: open.virtual_host.to_owned(),
            protocol: "amqp",
            local: self.peer.local,
            client_name: clip(name, 255).to_owned(),
            client_properties: std::mem::take(&mut self.client_properties),
            tls: self.peer.tls,
        })?;
        connection::OpenOk::default().encode(0, out);
        let link = Link {
            frame_max: self.tuned.frame_max,
            channel_max: self.tuned.channel_max,
            wants_blocked: self.has_capability("connection.blocked"),
            wants_cancel: self.has_capability("consumer_cancel_notify"),
        };
        tracing::info!(connection = %hall.id(), peer = %self.peer.address, user = hall.user(), vhost = hall.vhost(), "connection opened");
        Ok(Step::Open(Box::new(Session::new(hall, self.config.clone(), link))))
    }

    fn has_capability(&self, name: &str) -> bool {
        self.capabilities.get(name) == Some(&Value::Bool(true))
    }
}

/// Checks a limit the client takes against the one it was offered; 0 is no limit.
fn check_limit(name: &str, value: u32, min: u32, max: u32) -> Result<()> {
    let (than, bound, allowed) = if value != 0 && value < min {
        ("lower", "minimum", min)
    } else if max != 0 && (value == 0 || value > max) {
        ("higher", "maximum", max)
    } else {
        return Ok(());
    };
    let detail = if name == "channel_max" && value == 0 { " (no limit)" } else { "" };
    Err(AmqpError::not_allowed(format!(
        "negotiated {name} = {value}{detail} is {than} than the {bound} allowed value ({allowed})"
    ))
    .at(connection::Tune::CLASS_ID, connection::Tune::METHOD_ID))
}

/// What clients are told of the server. Some of them change their behaviour by product, version and capabilities.
fn server_properties(config: &Config) -> Table {
    const CAPABILITIES: [&str; 9] = [
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ];
    let capabilities: Table = CAPABILITIES.map(|name| (name, true)).into_iter().collect();
    [
        ("capabilities", Value::Table(capabilities)),
        ("cluster_name", config.cluster_name.as_str().into()),
        ("copyright", "AnyMQ contributors".into()),
        (
            "information",
            "Licensed under the Apache License 2.0. AnyMQ speaks RabbitMQ's dialect of AMQP 0-9-1.".into(),
        ),
        ("platform", concat!("AnyMQ ", env!("CARGO_PKG_VERSION")).into()),
        ("product", config.product.as_str().into()),
        ("version", config.version.as_str().into()),
    ]
    .into_iter()
    .collect()
}
