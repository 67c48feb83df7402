//! From the first byte to a session: who connects.
//!
//! ```text
//!  Start ──SaslHandshake──▶ Token ──SaslAuthenticate…──▶ Verifying ──▶ an open session
//!    └──────────any other request: without a login──────────▲
//! ```
//!
//! `ApiVersions` is answered at any time. A client that does not log in is let in as the configured user, if that user may
//! come from where it comes from; its request is then taken by the session. Until then a connection holds no more than
//! [`Handshake::input_max`] of input.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{Broker, Connect, Principal};
use anymq_types::value::{Table, Value};

use crate::config::Config;
use crate::handlers::{api_versions, sasl_authenticate, sasl_handshake};
use crate::output::Output;
use crate::peer::{Entry, Peer};
use crate::sasl::{Exchange, Login, Mechanism, Refused, Taken, Verified};
use crate::session::{Head, Session};
use crate::wire::{ApiKey, IntoResponse, Request, RequestHeader, Segments, WireError, split_frame};

/// Largest frame before the login, in bytes.
const INPUT_BYTES_MAX: usize = 8 << 10;
/// The same once a mechanism is agreed on, where access tokens are taken: those that name many groups are longer.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// The user that everybody knows the password of.
const GUEST: &str = "guest";

/// What the connection must do after a step.
pub(crate) enum Step {
    /// Give me more.
    Continue,
    /// Verify this, then call [`Handshake::verified`].
    Verify(Login),
    /// Write what is there and close the socket.
    Refuse,
}

/// What became of a login.
pub(crate) enum Outcome {
    Open(Box<Session>),
    /// The mechanism wants another token.
    Again,
    Refused,
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

impl Way {
    /// Says what the mechanism says, and how long the login is good if it was one.
    fn answer(self, token: &[u8], lifetime: Option<Duration>, out: &mut Output) {
        match self {
            Way::Anonymous => {}
            Way::Bare => out.push(Segments::bare_token(token)),
            Way::Request(head) => out.push(sasl_authenticate::answer(head, token, lifetime)),
        }
    }

    /// Says that it failed, where there is a way to; whether it did.
    fn refuse(self, reason: &str, out: &mut Output) -> bool {
        let Way::Request(head) = self else { return false };
        out.push(sasl_authenticate::refusal(head, reason));
        true
    }
}

enum Stage {
    Start,
    /// A mechanism is agreed on; whether its tokens come bare.
    Token {
        bare: bool,
        exchange: Exchange,
    },
    /// Without an exchange: the client does not log in.
    Verifying(Way, Option<Exchange>),
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

    /// Most bytes of input that are held.
    pub(crate) fn input_max(&self) -> usize {
        let takes_tokens = self.config.unsecured_tokens || self.broker.accepts_tokens();
        if takes_tokens && matches!(self.stage, Stage::Token { .. }) {
            TOKEN_BYTES_MAX
        } else {
            INPUT_BYTES_MAX
        }
    }

    /// Whether the client may stay without a request as long as one that has logged in: many open a connection, ask
    /// for the versions, and say nothing until they have something to do.
    pub(crate) fn may_idle(&self) -> bool {
        self.knows_versions
            && matches!(self.stage, Stage::Start)
            && self.peer.entry != Entry::Login
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
        let Some((frame, len)) = split_frame(buf, self.input_max())? else { return Ok((0, Step::Continue)) };
        let step = match self.stage {
            Stage::Token { bare: true, .. } => self.token(frame, Way::Bare, out),
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
        match (&self.stage, request) {
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
                let offered = Mechanism::offered(&self.config, &self.broker, &self.peer);
                let chosen = offered.iter().find(|mechanism| mechanism.name() == request.mechanism);
                out.push(head.encode(&sasl_handshake::answer(&offered, chosen.is_some())));
                let Some(&mechanism) = chosen else { return Ok(Step::Refuse) };
                self.stage = Stage::Token { bare: head.version == 0, exchange: Exchange::new(mechanism) };
                Ok(Step::Continue)
            }
            (Stage::Token { bare: false, .. }, Request::SaslAuthenticate(request)) => {
                Ok(self.token(request.auth_bytes, Way::Request(head), out))
            }
            // Not a second time.
            (_, Request::SaslHandshake(_)) => {
                out.push(head.encode(&sasl_handshake::too_late()));
                Ok(Step::Refuse)
            }
            (_, request) => {
                tracing::info!(peer = %self.peer.address, api = request.api().name(), "unexpected before the login is complete");
                Ok(Step::Refuse)
            }
        }
    }

    fn token(&mut self, token: &[u8], way: Way, out: &mut Output) -> Step {
        let Stage::Token { bare, mut exchange } = std::mem::replace(&mut self.stage, Stage::Start) else {
            return Step::Refuse;
        };
        match exchange.token(&self.broker, token) {
            Taken::Answer(answer) => {
                way.answer(&answer, None, out);
                self.stage = Stage::Token { bare, exchange };
                Step::Continue
            }
            Taken::Verify(login) => {
                self.stage = Stage::Verifying(way, Some(exchange));
                Step::Verify(login)
            }
            Taken::Refuse(reason) => {
                way.refuse(&reason, out);
                Step::Refuse
            }
        }
    }

    fn anonymous(&mut self) -> Step {
        self.stage = Stage::Verifying(Way::Anonymous, None);
        let user = match self.peer.entry {
            Entry::Login => "",
            Entry::Plain | Entry::Tls => self.config.anonymous_user.as_str(),
        };
        if let Some(user) = self.peer.certificate_user.clone().filter(|_| self.peer.entry == Entry::Tls) {
            return Step::Verify(Login::Name { user });
        }
        match user {
            "" => {
                tracing::info!(peer = %self.peer.address, "client did not log in");
                Step::Refuse
            }
            GUEST => Step::Verify(Login::Password { user: GUEST.into(), password: GUEST.into() }),
            user => Step::Verify(Login::Name { user: user.to_owned() }),
        }
    }

    /// The login was verified, or not.
    pub(crate) fn verified(&mut self, result: Result<Verified, Refused>, out: &mut Output) -> Outcome {
        let Stage::Verifying(way, exchange) = std::mem::replace(&mut self.stage, Stage::Start) else {
            return Outcome::Refused;
        };
        let opened = result.and_then(|verified| {
            let lifetime = self.config.session_lifetime(verified.lifetime);
            let session = self.open(verified.principal).map_err(|error| Refused::Says(error.text))?;
            Ok((session, verified.answer, lifetime))
        });
        match (opened, exchange) {
            (Ok((mut session, answer, lifetime)), exchange) => {
                way.answer(&answer, lifetime, out);
                if let Some(exchange) = exchange {
                    session.logged_in(exchange.mechanism(), lifetime);
                }
                Outcome::Open(session)
            }
            (Err(refused), Some(mut exchange)) => match exchange.refused(refused) {
                Taken::Refuse(reason) => self.refuse(way, &reason, out),
                Taken::Answer(answer) => {
                    way.answer(&answer, None, out);
                    self.stage = Stage::Token { bare: matches!(way, Way::Bare), exchange };
                    Outcome::Again
                }
                Taken::Verify(_) => Outcome::Refused,
            },
            (Err(Refused::Says(reason)), None) => self.refuse(way, &reason, out),
            (Err(Refused::Login), None) => self.refuse(way, "login was refused", out),
        }
    }

    fn refuse(&self, way: Way, reason: &str, out: &mut Output) -> Outcome {
        if !way.refuse(reason, out) {
            tracing::info!(peer = %self.peer.address, reason, "client was not let in");
        }
        Outcome::Refused
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
            tls: self.peer.entry != Entry::Plain,
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
