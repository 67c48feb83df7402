//! Logging in: who may have its password looked at, and whether it is right.

use std::net::SocketAddr;

use anymq_auth::scram::{ClientFirst, RANDOM_BYTES, ScramExchange, ScramMechanism};
use anymq_auth::{Attempt, Refusal, Turn};
use anymq_runtime::Rng;

use crate::api::Principal;
use crate::broker::Broker;
use crate::error::{Error, Result};

impl Broker {
    /// When a login may be looked at: at once, unless its address has failed too often. Who has proved the very same
    /// password lately never waits. Ask once per attempt, before [`Broker::authenticate`].
    pub fn login_turn(&self, user: &str, password: &[u8], peer: SocketAddr) -> Turn {
        if !self.inner.config.login_backoff {
            return Turn::Now;
        }
        let stored = self.catalog(|c| c.user(user).cloned());
        let attempt = Attempt { user, password, peer: peer.ip(), now: self.now() };
        match self.inner.auth.admit(attempt, stored.as_ref().map(|u| &u.password)) {
            Ok(true) => Turn::Now,
            Ok(false) | Err(_) => self.inner.backoff.turn(peer.ip(), self.now()),
        }
    }

    /// Checks a user's password, or the token in its place. Slow on purpose the first time: call it where blocking is
    /// allowed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`], whatever the reason.
    pub fn authenticate(&self, user: &str, password: &[u8], peer: SocketAddr) -> Result<Principal> {
        if let Some(token) = self.verify_token(password) {
            return self.admit_token(token, peer);
        }
        let stored = self.inner.core.lock().catalog.user(user).cloned();
        let attempt = Attempt { user, password, peer: peer.ip(), now: self.now() };
        match self.inner.auth.verify(attempt, stored.as_ref().map(|u| &u.password)) {
            Ok(()) => {
                self.inner.backoff.succeeded(peer.ip());
                Ok(Principal::of_user(user, peer))
            }
            Err(refusal) => {
                self.inner.backoff.failed(peer.ip(), self.now());
                self.refused(user, peer, &refusal);
                Err(Error::forbidden("login was refused"))
            }
        }
    }

    /// Admits a user whose certificate was verified.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`] if there is no such user, or it may come from this machine only.
    pub fn authenticate_external(&self, user: &str, peer: SocketAddr) -> Result<Principal> {
        let known = self.catalog(|c| c.user(user).is_some());
        let refusal = match known {
            true if self.inner.auth.admits_from(user, peer.ip()) => {
                return Ok(Principal::of_user(user, peer));
            }
            true => Refusal::LoopbackOnly,
            false => Refusal::BadCredentials,
        };
        self.refused(user, peer, &refusal);
        Err(Error::forbidden("login was refused"))
    }

    /// Answers the first message of a login by challenge and response; `None` if it is none. Says nothing of whether there is
    /// such a user.
    pub fn begin_scram(&self, mechanism: ScramMechanism, first: &ClientFirst<'_>) -> Option<ScramExchange> {
        let (stored, secret, iterations) = self.catalog(|c| {
            let stored = c.user(first.user()).and_then(|user| user.scram.get(mechanism).cloned());
            (stored, c.scram_secret().cloned(), c.scram_iterations(mechanism))
        });
        let stranger = (&secret?, iterations);
        Some(ScramExchange::begin(mechanism, first, stored.as_ref(), stranger, random_bytes()))
    }

    /// When the last message of such a login may be answered, as [`Broker::login_turn`].
    pub fn scram_turn(&self, exchange: &ScramExchange, last: &[u8], peer: SocketAddr) -> Turn {
        let is_known = self.inner.auth.is_remembered(exchange, self.now());
        if !self.inner.config.login_backoff || is_known && exchange.finish(last).is_some() {
            return Turn::Now;
        }
        self.inner.backoff.turn(peer.ip(), self.now())
    }

    /// Takes the last message of a login by challenge and response; the answer to it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`], whatever the reason.
    pub fn finish_scram(
        &self,
        exchange: &ScramExchange,
        last: &[u8],
        peer: SocketAddr,
    ) -> Result<(Principal, String)> {
        let user = exchange.user();
        let refusal = match exchange.finish(last) {
            Some(answer) if self.inner.auth.admits_from(user, peer.ip()) => {
                self.inner.backoff.succeeded(peer.ip());
                self.inner.auth.remember(exchange, self.now());
                return Ok((Principal::of_user(user, peer), answer));
            }
            Some(_) => Refusal::LoopbackOnly,
            None => Refusal::BadCredentials,
        };
        self.inner.backoff.failed(peer.ip(), self.now());
        self.refused(user, peer, &refusal);
        Err(Error::forbidden("login was refused"))
    }

    /// A client has sent what is no login: it counts as one that failed.
    pub fn unreadable_login(&self, peer: SocketAddr) {
        self.inner.backoff.failed(peer.ip(), self.now());
        self.refused("", peer, &Refusal::BadCredentials);
    }

    pub(crate) fn refused(&self, user: &str, peer: SocketAddr, why: &dyn std::fmt::Display) {
        tracing::warn!(user, %peer, why = %why, "login refused");
        self.inner.core.lock().stats.auth_failures += 1;
    }
}

/// Random bytes for a salt or nonce.
pub(crate) fn random_bytes() -> [u8; RANDOM_BYTES] {
    let mut bytes = [0; RANDOM_BYTES];
    Rng::from_entropy().fill(&mut bytes);
    bytes
}
