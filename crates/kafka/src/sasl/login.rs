//! What is verified away from the connection's task, because it is slow on purpose.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use anymq_broker::scram::ScramExchange;
use anymq_broker::{Broker, Principal, Turn};

/// What a client wants to be let in for.
pub(crate) enum Login {
    Password {
        user: String,
        password: Vec<u8>,
    },
    /// The last message of a challenge and response.
    Scram {
        exchange: Box<ScramExchange>,
        last: Vec<u8>,
    },
    /// A token, whom its bearer wants to act for, and whether it may be one that nobody signed.
    Token {
        token: Vec<u8>,
        identity: Option<String>,
        unsecured: bool,
    },
    /// What the mechanism cannot read: it waits in line as any that is wrong. What is said to it.
    Unreadable(String),
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
    /// How long what was shown is good.
    pub(crate) lifetime: Option<Duration>,
}

/// A login that was not.
pub(crate) enum Refused {
    /// Nobody says why.
    Login,
    /// This is said.
    Says(String),
}

/// A login that is being verified.
pub(crate) type Verification = Pin<Box<dyn Future<Output = Result<Verified, Refused>> + Send>>;

impl Login {
    /// Waits until the login may be looked at, then has it verified on a thread that may block.
    pub(crate) async fn verify(self, broker: Broker, peer: SocketAddr) -> Result<Verified, Refused> {
        let turn = match &self {
            Login::Password { user, password } => broker.login_turn(user, password, peer),
            Login::Scram { exchange, last } => broker.scram_turn(exchange, last, peer),
            Login::Token { .. } | Login::Unreadable(_) => broker.token_turn(peer),
            Login::Name { .. } => Turn::Now,
        };
        match turn {
            Turn::Now => {}
            Turn::After(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Turn::Never => return Err(Refused::Login),
        }
        let verified = tokio::task::spawn_blocking(move || self.check(&broker, peer)).await;
        verified.unwrap_or(Err(Refused::Login))
    }

    fn check(self, broker: &Broker, peer: SocketAddr) -> Result<Verified, Refused> {
        let silent = |principal| Verified { principal, answer: Vec::new(), lifetime: None };
        let verified = match self {
            Login::Password { user, password } => broker.authenticate(&user, &password, peer).map(silent),
            Login::Scram { exchange, last } => broker
                .finish_scram(&exchange, &last, peer)
                .map(|(principal, answer)| Verified { answer: answer.into(), ..silent(principal) }),
            Login::Token { token, identity, unsecured } => {
                return check_token(broker, &token, identity.as_deref(), unsecured, peer);
            }
            Login::Unreadable(says) => {
                broker.unreadable_login(peer);
                return Err(Refused::Says(says));
            }
            Login::Name { user } => broker.authenticate_external(&user, peer).map(silent),
        };
        verified.map_err(|_| Refused::Login)
    }
}

fn check_token(
    broker: &Broker,
    token: &[u8],
    identity: Option<&str>,
    unsecured: bool,
    peer: SocketAddr,
) -> Result<Verified, Refused> {
    // A token without a signature ends with a dot.
    let checked = if unsecured && token.ends_with(b".") {
        broker.authenticate_unsecured(token, peer).map(|(principal, left)| (principal, Some(left)))
    } else {
        broker.authenticate_token(token, peer).map(|principal| {
            let left = broker.expires_in(&principal);
            (principal, left)
        })
    };
    let (principal, left) = checked.map_err(|_| Refused::Login)?;
    if let Some(identity) = identity.filter(|identity| *identity != principal.user) {
        let says = format!(
            "Authentication failed: Client requested an authorization id ({identity}) that is different from the token's principal name ({})",
            principal.user
        );
        return Err(Refused::Says(says));
    }
    Ok(Verified { principal, answer: Vec::new(), lifetime: left.map(Duration::from_millis) })
}
