//! Logins: mechanisms, the tokens that go back and forth, and what is verified in the end.
//!
//! ```text
//!   Exchange::new(mechanism) -> token -> Taken::Answer ... token -> Taken::Verify -> Login::verify -> Verified
//! ```

mod login;
mod plain;

use anymq_broker::Broker;
use anymq_broker::scram::{ClientFirst, ScramExchange, ScramMechanism};

pub(crate) use self::login::{Login, Verified};
use crate::config::Config;

/// Longest token that is looked at, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 64 << 10;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    Scram(ScramMechanism),
}

impl Mechanism {
    /// Those that are offered.
    pub(crate) fn offered(config: &Config) -> Vec<Mechanism> {
        let mut all = Vec::new();
        if config.plain {
            all.push(Mechanism::Plain);
        }
        if config.scram {
            all.extend(ScramMechanism::ALL.map(Mechanism::Scram));
        }
        all
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Scram(mechanism) => mechanism.name(),
        }
    }
}

/// What follows from a token.
pub(crate) enum Taken {
    /// This is said, and another token is to come.
    Answer(Vec<u8>),
    /// This is verified; what is said if it is refused.
    Verify(Login, String),
}

/// One login, from the choice of the mechanism on.
pub(crate) struct Exchange {
    mechanism: Mechanism,
    /// The first token was answered.
    scram: Option<Box<ScramExchange>>,
}

impl Exchange {
    pub(crate) fn new(mechanism: Mechanism) -> Self {
        Exchange { mechanism, scram: None }
    }

    /// Takes the next token.
    pub(crate) fn token(&mut self, broker: &Broker, token: &[u8]) -> Taken {
        let token = if token.len() > TOKEN_BYTES_MAX { &[] } else { token };
        match self.mechanism {
            Mechanism::Plain => plain(token),
            Mechanism::Scram(mechanism) => self.scram(broker, mechanism, token),
        }
    }

    fn scram(&mut self, broker: &Broker, mechanism: ScramMechanism, token: &[u8]) -> Taken {
        let invalid = || {
            let name = mechanism.name();
            format!(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism {name}"
            )
        };
        let fail = |says| Taken::Verify(Login::Scram { exchange: None, last: Vec::new() }, says);
        if let Some(exchange) = self.scram.take() {
            return Taken::Verify(Login::Scram { exchange: Some(exchange), last: token.to_vec() }, invalid());
        }
        let Some(first) = ClientFirst::parse(token) else { return fail(invalid()) };
        if first.acts_for_another() {
            return fail(
                "Authentication failed: Client requested an authorization id that is different from username"
                    .to_owned(),
            );
        }
        let Some(exchange) = broker.begin_scram(mechanism, &first) else { return fail(invalid()) };
        let answer = exchange.server_first().as_bytes().to_vec();
        self.scram = Some(Box::new(exchange));
        Taken::Answer(answer)
    }
}

fn plain(token: &[u8]) -> Taken {
    let (user, password) = match plain::parse(token) {
        // A name that is not UTF-8 is nobody's; it takes the same way, and the same time, as a wrong one.
        Some(login) => (String::from_utf8_lossy(login.user).into_owned(), login.password.to_vec()),
        // So does what is no login at all.
        None => (String::new(), Vec::new()),
    };
    let says = "Authentication failed: Invalid username or password".to_owned();
    Taken::Verify(Login::Password { user, password }, says)
}
