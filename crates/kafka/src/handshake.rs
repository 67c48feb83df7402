//! From the first byte to a session: who connects.
//!
//! ```text
//!  Start ──SaslHandshake──▶ Token ──SaslAuthenticate──▶ Verifying ──▶ an open session
//!    └──────────any other request: without a login─────────▲
//! ```
//!
//! `ApiVersions` is answered at any time. A client that does not log in is let in as the configured user, if that user may
//! come from where it comes from; its request is then taken by the session. Until then a connection holds no more than
//! [`INPUT_BYTES_MAX`] of input.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{Broker, Connect, Principal, Turn};
use anymq_types::value::{Table, Value};

use crate::config::Config;
use crate::handlers::{api_versions, sasl_handshake};
use crate::output::Output;
use crate::peer::Peer;
use crate::sasl;
use crate::session::{Head, Session};
use crate::wire::messages::sasl::SaslAuthenticateResponse;
use crate::wire::{
    ApiKey, ErrorCode, IntoResponse, Request, RequestHeader, Segments, WireError, split_frame,
};

/// Largest frame before the login, in bytes.
pub(crate) const INPUT_BYTES_MAX: usize = 64 << 10;

/// The user that everybody knows the password of.
const GUEST: &str = "guest";

/// What a client wants to be let in for; compared away from the connection's task, because it is slow on purpose.
pub(crate) enum Login {
    Password {
        user: String,
        password: Vec<u8>,
    },
    /// Named by a certificate or by the settings.
    Name {
        user: String,
    },
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
        let verified = tokio::task::spawn_blocking(move || match &self {
            Login::Password { user, password } => broker.authenticate(user, password, peer),
            Login::Name { user } => broker.authenticate_external(user, peer),
        });
        let failed = |_| Err(anymq_broker::Error::unavailable("the login could not be verified"));
        verified.await.unwrap_or_else(failed)
    }
}

/// What the connection must do after a step.
pub(crate) enum Step {
    /// Give me more.
    Continue,
    /// Verify this, then call [`Handshake::verified`].
    Verify(Login),
    /// Write what is there and close the socket.
    Refuse,
}

/// How a login came, and so how it is answered.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Not at all.
    Anonymous,
    /// `SaslAuthenticate`.
    Request(Head),
    /// A bare token, after `SaslHandshake` 0.
    Bare,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Start,
    /// A mechanism is agreed on; whether its tokens come bare.
    Token {
        bare: bool,
    },
    Verifying(Way),
}

/// A connection that has not logged in yet.
pub(crate) struct Handshake {
    stage: Stage,
    broker: Broker,
    config: Arc<Config>,
    peer: Peer,
    /// Has asked for the versions: a client that is at home with this protocol, and may take its time.
    knows_versions: bool,
    client_name: String,
    software: Option<(String, String)>,
}

impl Handshake {
    pub(crate) fn new(broker: Broker, config: Arc<Config>, peer: Peer) -> Self {
        Handshake {
            stage: Stage::Start,
            broker,
            config,
            peer,
            knows_versions: false,
            client_name: String::new(),
            software: None,
        }
    }

    /// The broker and the peer, to verify a login with.
    pub(crate) fn parties(&self) -> (Broker, SocketAddr) {
        (self.broker.clone(), self.peer.address)
    }

    /// How long a connection may be idle once it is open.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.config.idle_timeout
    }

    /// Whether the client may stay without a request as long as one that has logged in: many open a connection, ask
    /// for the versions, and say nothing until they have something to do.
    pub(crate) fn may_idle(&self) -> bool {
        self.knows_versions
            && matches!(self.stage, Stage::Start)
            && !self.config.anonymous_user.is_empty()
            && self.peer.address.ip().is_loopback()
    }

    /// Takes the next step with the start of `buf`: how many bytes it took, and what follows.
    ///
    /// # Errors
    /// Whatever closes the connection.
    pub(crate) fn input(&mut self, buf: &[u8], out: &mut Output) -> Result<(usize, Step), WireError> {
        if let Stage::Start = self.stage
            && let Some(code) = api_code(buf, self.config.request_bytes_max.as_usize())?
            && !is_before_login(code)
        {
            return Ok((0, self.anonymous()));
        }
        let Some((frame, len)) = split_frame(buf, INPUT_BYTES_MAX)? else { return Ok((0, Step::Continue)) };
        let step = match self.stage {
            Stage::Token { bare: true } => self.token(frame, Way::Bare),
            _ => self.request(frame, out)?,
        };
        Ok((len, step))
    }

    fn request(&mut self, frame: &[u8], out: &mut Output) -> Result<Step, WireError> {
        let (header, body) = RequestHeader::parse(frame)?;
        let head = Head::of(&header);
        self.client_name = header.client_id.unwrap_or_default().to_owned();
        if header.is_from_the_future() {
            out.push(api_versions::refuse_version(header.correlation_id));
            return Ok(Step::Continue);
        }
        let request = Request::decode(header.api, header.version, body)?;
        match (self.stage, request) {
            (_, Request::ApiVersions(request)) => {
                let (response, valid) = api_versions::answer(head.version, &request);
                out.push(head.encode(&response));
                if valid && head.version >= 3 {
                    let software = (request.client_software_name, request.client_software_version);
                    self.software = Some((software.0.to_owned(), software.1.to_owned()));
                }
                self.knows_versions = true;
                Ok(Step::Continue)
            }
            (Stage::Start, Request::SaslHandshake(request)) => {
                let response = sasl_handshake::answer(request.mechanism, &self.config);
                out.push(head.encode(&response));
                if !response.error_code.is_none() {
                    return Ok(Step::Refuse);
                }
                self.stage = Stage::Token { bare: head.version == 0 };
                Ok(Step::Continue)
            }
            (Stage::Token { bare: false }, Request::SaslAuthenticate(request)) => {
                Ok(self.token(request.auth_bytes, Way::Request(head)))
            }
            (_, request) => {
                tracing::info!(peer = %self.peer.address, api = request.api().name(), "unexpected before the login is complete");
                Ok(Step::Refuse)
            }
        }
    }

    fn token(&mut self, token: &[u8], way: Way) -> Step {
        self.stage = Stage::Verifying(way);
        let (user, password) = match sasl::plain(token) {
            // A name that is not UTF-8 is nobody's; it takes the same way, and the same time, as a wrong one.
            Some(login) => (String::from_utf8_lossy(login.user).into_owned(), login.password.to_vec()),
            // So does what is no login at all.
            None => (String::new(), Vec::new()),
        };
        Step::Verify(Login::Password { user, password })
    }

    fn anonymous(&mut self) -> Step {
        self.stage = Stage::Verifying(Way::Anonymous);
        if let Some(user) = self.peer.certificate_user.clone() {
            return Step::Verify(Login::Name { user });
        }
        match self.config.anonymous_user.as_str() {
            "" => {
                tracing::info!(peer = %self.peer.address, "client did not log in");
                Step::Refuse
            }
            GUEST => Step::Verify(Login::Password { user: GUEST.into(), password: GUEST.into() }),
            user => Step::Verify(Login::Name { user: user.to_owned() }),
        }
    }

    /// The login was verified, or not: the session, if it was.
    pub(crate) fn verified(
        &mut self,
        result: anymq_broker::Result<Principal>,
        out: &mut Output,
    ) -> Option<Box<Session>> {
        let Stage::Verifying(way) = self.stage else { return None };
        let opened = match result {
            Ok(principal) => self.open(principal).map_err(|error| error.text),
            // Says nothing of why.
            Err(_) => Err("Authentication failed: Invalid username or password".to_owned()),
        };
        match (way, &opened) {
            (Way::Anonymous, Ok(_)) => {}
            (Way::Bare, Ok(_)) => out.push(Segments::bare_token(&[])),
            (Way::Bare | Way::Anonymous, Err(reason)) => {
                tracing::info!(peer = %self.peer.address, reason, "client was not let in");
            }
            (Way::Request(head), Ok(_)) => out.push(head.encode(&SaslAuthenticateResponse::default())),
            (Way::Request(head), Err(reason)) => out.push(head.encode(&SaslAuthenticateResponse {
                error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
                error_message: Some(reason.as_str().into()),
                ..Default::default()
            })),
        }
        opened.ok()
    }

    fn open(&mut self, principal: Principal) -> anymq_broker::Result<Box<Session>> {
        let properties = match self.software.take() {
            Some((name, version)) => {
                [("product", Value::from(name.as_str())), ("version", Value::from(version.as_str()))]
                    .into_iter()
                    .collect()
            }
            None => Table::new(),
        };
        let name = std::mem::take(&mut self.client_name);
        let hall = self.broker.connect(Connect {
            principal,
            vhost: self.config.vhost.clone(),
            protocol: "kafka",
            local: self.peer.local,
            client_name: name[..name.floor_char_boundary(255)].to_owned(),
            client_properties: properties,
            tls: self.peer.tls,
        })?;
        tracing::info!(connection = %hall.id(), peer = %self.peer.address, user = hall.user(), vhost = hall.vhost(), "connection opened");
        Ok(Box::new(Session::new(hall, self.config.clone(), self.peer.clone())))
    }
}

/// The api that the frame at the start of `buf` asks, once its bytes are there.
fn api_code(buf: &[u8], max: usize) -> Result<Option<i16>, WireError> {
    split_frame(buf, max)?;
    Ok(match buf {
        [_, _, _, _, high, low, ..] => Some(i16::from_be_bytes([*high, *low])),
        _ => None,
    })
}

fn is_before_login(code: i16) -> bool {
    use ApiKey::{ApiVersions, SaslAuthenticate, SaslHandshake};
    [ApiVersions, SaslHandshake, SaslAuthenticate].iter().any(|api| api.code() == code)
}

impl Head {
    /// The whole frame of a response.
    pub(crate) fn encode<'r, R: IntoResponse<'r>>(&self, response: &R) -> Segments {
        response.encode(self.version, self.correlation_id)
    }
}
