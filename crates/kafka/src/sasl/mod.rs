//! Logins: mechanisms, the tokens that go back and forth, and what is verified in the end.
//!
//! ```text
//!   Exchange::new(mechanism) -> token -> Taken::Answer ... token -> Taken::Verify -> Login::verify -> Verified
//! ```

mod login;
mod oauthbearer;
mod plain;

use std::borrow::Cow;

use anymq_broker::Broker;
use anymq_broker::scram::{ClientFirst, ScramExchange, ScramMechanism};

pub(crate) use self::login::{Login, Refused, Verification, Verified};
use crate::config::Config;
use crate::peer::Peer;

/// Longest token that is looked at, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 64 << 10;

/// What is said to who wants to act for somebody else.
const ANOTHER: &str =
    "Authentication failed: Client requested an authorization id that is different from username";

/// User and password in a token of PLAIN.
pub fn plain_token(token: &[u8]) -> Option<(&[u8], &[u8])> {
    plain::parse(token).map(|login| (login.user, login.password))
}

/// Whom to act for, if anybody is named, and the token in a message of OAUTHBEARER.
pub fn bearer_token(message: &[u8]) -> Option<(Option<Cow<'_, str>>, &str)> {
    oauthbearer::parse(message).map(|initial| (initial.identity, initial.token))
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    Scram(ScramMechanism),
    /// Whether tokens that nobody signed are taken.
    OauthBearer {
        unsecured: bool,
    },
}

impl Mechanism {
    /// Those that are offered to a client.
    pub(crate) fn offered(config: &Config, broker: &Broker, peer: &Peer) -> Vec<Mechanism> {
        let mut all = Vec::new();
        if config.plain {
            all.push(Mechanism::Plain);
        }
        if config.scram {
            all.extend(ScramMechanism::ALL.map(Mechanism::Scram));
        }
        let unsecured = config.unsecured_tokens && peer.address.ip().to_canonical().is_loopback();
        if unsecured || broker.accepts_tokens() {
            all.push(Mechanism::OauthBearer { unsecured });
        }
        all
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Scram(mechanism) => mechanism.name(),
            Mechanism::OauthBearer { .. } => "OAUTHBEARER",
        }
    }
}

/// What follows from a token.
pub(crate) enum Taken {
    /// This is said, and another token is to come.
    Answer(Vec<u8>),
    /// This is verified.
    Verify(Login),
    /// This is said, and nothing more.
    Refuse(String),
}

/// One login, from the choice of the mechanism on.
pub(crate) struct Exchange {
    mechanism: Mechanism,
    stage: Stage,
}

enum Stage {
    First,
    /// The first message was answered.
    Challenged(Box<ScramExchange>),
    /// The token was refused; the client has to say that it knows.
    Told,
}

impl Exchange {
    pub(crate) fn new(mechanism: Mechanism) -> Self {
        Exchange { mechanism, stage: Stage::First }
    }

    pub(crate) fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes the next token.
    pub(crate) fn token(&mut self, broker: &Broker, token: &[u8]) -> Taken {
        let token = if token.len() > TOKEN_BYTES_MAX { &[] } else { token };
        match (std::mem::replace(&mut self.stage, Stage::First), self.mechanism) {
            (Stage::Told, _) if token == oauthbearer::GOT_IT => {
                Taken::Refuse(oauthbearer::INVALID_TOKEN.to_owned())
            }
            (Stage::Told, _) => Taken::Refuse(self.invalid()),
            (Stage::Challenged(exchange), _) => {
                Taken::Verify(Login::Scram { exchange, last: token.to_vec() })
            }
            (Stage::First, Mechanism::Plain) => plain(token),
            (Stage::First, Mechanism::Scram(mechanism)) => self.scram(broker, mechanism, token),
            (Stage::First, Mechanism::OauthBearer { unsecured }) => self.bearer(token, unsecured),
        }
    }

    /// The login was refused: what is said to that, and whether another token is to come.
    pub(crate) fn refused(&mut self, refused: Refused) -> Taken {
        match (refused, self.mechanism) {
            (Refused::Says(says), _) => Taken::Refuse(says),
            (Refused::Login, Mechanism::Plain) => {
                Taken::Refuse("Authentication failed: Invalid username or password".to_owned())
            }
            (Refused::Login, Mechanism::Scram(_)) => Taken::Refuse(self.invalid()),
            (Refused::Login, Mechanism::OauthBearer { .. }) => {
                self.stage = Stage::Told;
                Taken::Answer(oauthbearer::INVALID_TOKEN.into())
            }
        }
    }

    fn scram(&mut self, broker: &Broker, mechanism: ScramMechanism, token: &[u8]) -> Taken {
        let Some(first) = ClientFirst::parse(token) else {
            return Taken::Verify(Login::Unreadable(self.invalid()));
        };
        if first.acts_for_another() {
            return Taken::Verify(Login::Unreadable(ANOTHER.to_owned()));
        }
        let Some(exchange) = broker.begin_scram(mechanism, &first) else {
            return Taken::Verify(Login::Unreadable(self.invalid()));
        };
        let answer = exchange.server_first().as_bytes().to_vec();
        self.stage = Stage::Challenged(Box::new(exchange));
        Taken::Answer(answer)
    }

    fn bearer(&self, token: &[u8], unsecured: bool) -> Taken {
        Taken::Verify(match oauthbearer::parse(token) {
            Some(initial) => Login::Token {
                token: initial.token.as_bytes().to_vec(),
                identity: initial.identity.map(Into::into),
                unsecured,
            },
            None => Login::Unreadable(self.invalid()),
        })
    }

    /// What is said without a reason.
    fn invalid(&self) -> String {
        let name = self.mechanism.name();
        format!(
            "Authentication failed during authentication due to invalid credentials with SASL mechanism {name}"
        )
    }
}

fn plain(token: &[u8]) -> Taken {
    let (user, password) = match plain::parse(token) {
        // A name that is not UTF-8 is nobody's; it takes the same way, and the same time, as a wrong one.
        Some(login) => (String::from_utf8_lossy(login.user).into_owned(), login.password.to_vec()),
        // So does what is no login at all.
        None => (String::new(), Vec::new()),
    };
    Taken::Verify(Login::Password { user, password })
}
