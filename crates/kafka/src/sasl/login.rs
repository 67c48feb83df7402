//! What is verified away from the connection's task, because it is slow on purpose.

use std::net::SocketAddr;
use std::time::Duration;

use anymq_broker::scram::ScramExchange;
use anymq_broker::{Broker, Principal, Turn};

/// What a client wants to be let in for.
pub(crate) enum Login {
    Password {
        user: String,
        password: Vec<u8>,
    },
    /// The last message of a challenge and response; no exchange if the client has sent no proper first one.
    Scram {
        exchange: Option<Box<ScramExchange>>,
        last: Vec<u8>,
    },
    /// Named by a certificate or by the settings.
    Name {
        user: String,
    },
}

/// A login that was right.
pub(crate) struct Verified {
    pub(crate) principal: Principal,
    /// What the mechanism says to that.
    pub(crate) answer: Vec<u8>,
}

impl Login {
    /// Waits until the login may be looked at, then has it verified on a thread that may block.
    pub(crate) async fn verify(self, broker: Broker, peer: SocketAddr) -> anymq_broker::Result<Verified> {
        let turn = match &self {
            Login::Password { user, password } => broker.login_turn(user, password, peer),
            Login::Scram { exchange, last } => broker.scram_turn(exchange.as_deref(), last, peer),
            Login::Name { .. } => Turn::Now,
        };
        match turn {
            Turn::Now => {}
            Turn::After(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Turn::Never => return Err(anymq_broker::Error::forbidden("login was refused")),
        }
        let silent = |principal| Verified { principal, answer: Vec::new() };
        let verified = tokio::task::spawn_blocking(move || match &self {
            Login::Password { user, password } => broker.authenticate(user, password, peer).map(silent),
            Login::Scram { exchange, last } => {
                let (principal, answer) = broker.finish_scram(exchange.as_deref(), last, peer)?;
                Ok(Verified { principal, answer: answer.into() })
            }
            Login::Name { user } => broker.authenticate_external(user, peer).map(silent),
        });
        let failed = |_| Err(anymq_broker::Error::unavailable("the login could not be verified"));
        verified.await.unwrap_or_else(failed)
    }
}
