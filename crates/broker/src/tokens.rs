//! Logins with tokens: what `anymq_auth::oauth2` verifies becomes a session's rights.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anymq_auth::oauth2::{Token, TokenError, TokenVerifier, Unsecured};
use anymq_auth::{Access, Refusal, Turn};
use anymq_catalog::Vhost;
use anymq_types::{ConnectionId, Millis};

use crate::api::Principal;
use crate::broker::Broker;
use crate::core::Core;
use crate::core::access::{SessionAccess, Standing};
use crate::error::{Error, Result};
use crate::session::Session;

/// How long a login waits for the key set to be fetched.
const FETCH_PATIENCE: Duration = Duration::from_secs(5);

/// When the rights of a token end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiry {
    /// As the token says, in seconds since 1970.
    at_s: u64,
    /// The same in the broker's time, which does not jump.
    deadline: Millis,
}

impl Expiry {
    fn of(token: &Token, wall: Millis, now: Millis) -> Option<Expiry> {
        let at_s = token.expires_s()?;
        let left_ms = at_s.saturating_mul(1000).saturating_sub(wall.0);
        Some(Expiry { at_s, deadline: Millis(now.0.saturating_add(left_ms)) })
    }

    pub(crate) fn is_over(&self, now: Millis) -> bool {
        now >= self.deadline
    }

    /// What a refusal adds to its sentence, as RabbitMQ's plugin words it.
    pub(crate) fn text(&self, now: Millis) -> String {
        let late_s = now.0.saturating_sub(self.deadline.0) / 1000;
        format!(
            ", backend rabbit_auth_backend_oauth2 returned an error: \"Provided JWT token has expired at timestamp {} (validated at {})\"",
            self.at_s,
            self.at_s.saturating_add(late_s)
        )
    }
}

impl Broker {
    /// Takes tokens from now on. A broker is given one verifier; a second one is not looked at.
    pub fn accept_tokens(&self, verifier: Arc<TokenVerifier>) {
        self.inner.tokens.get_or_init(|| verifier);
    }

    /// Whether clients may log in with tokens, which are longer than passwords.
    pub fn accepts_tokens(&self) -> bool {
        self.inner.tokens.get().is_some()
    }

    /// Verifies a token, its end excepted; `None` if it is none, or none are taken. Blocks while the key it names is
    /// fetched.
    pub(crate) fn verify_token(&self, secret: &[u8]) -> Option<std::result::Result<Token, TokenError>> {
        let verifier = self.inner.tokens.get().filter(|verifier| verifier.is_token(secret))?;
        let verify = || verifier.verify_unexpired(secret, self.inner.wall_now().0 / 1000);
        Some(match (verify(), verifier.refresh()) {
            (Err(TokenError::UnknownKey(_)), Some(refresh)) if refresh.ask(self.now(), FETCH_PATIENCE) => {
                verify()
            }
            (outcome, _) => outcome,
        })
    }

    /// When a login with a token may be looked at, as [`Broker::login_turn`].
    pub fn token_turn(&self, peer: SocketAddr) -> Turn {
        match self.inner.config.login_backoff {
            true => self.inner.backoff.turn(peer.ip(), self.now()),
            false => Turn::Now,
        }
    }

    /// Checks a token that somebody logs in with. Blocks while the key it names is fetched.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`], whatever the reason.
    pub fn authenticate_token(&self, token: &[u8], peer: SocketAddr) -> Result<Principal> {
        self.admit_token(self.verify_token(token).unwrap_or(Err(TokenError::Malformed)), peer)
    }

    /// Takes a token that nobody signed at its word: it names a user of the catalogue. From this machine only. How long it is
    /// good for, in milliseconds.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`], whatever the reason.
    pub fn authenticate_unsecured(&self, token: &[u8], peer: SocketAddr) -> Result<(Principal, u64)> {
        let wall = self.inner.wall_now();
        let error = match Unsecured::read(token, wall.0 / 1000) {
            Ok(token) if peer.ip().to_canonical().is_loopback() => {
                let left = token.expires_s.saturating_mul(1000).saturating_sub(wall.0);
                return Ok((self.authenticate_external(&token.user, peer)?, left));
            }
            Ok(_) => TokenError::Algorithm("none".to_owned()),
            Err(error) => error,
        };
        self.inner.backoff.failed(peer.ip(), self.now());
        self.refused("", peer, &error);
        Err(Error::forbidden("login was refused"))
    }

    /// How long a principal's token is still good, in milliseconds; `None`: it has none, or one that does not end.
    pub fn expires_in(&self, principal: &Principal) -> Option<u64> {
        let at_s = principal.token.as_ref()?.expires_s()?;
        Some(at_s.saturating_mul(1000).saturating_sub(self.inner.wall_now().0))
    }

    /// Lets in whoever a token is for.
    pub(crate) fn admit_token(
        &self,
        token: std::result::Result<Token, TokenError>,
        peer: SocketAddr,
    ) -> Result<Principal> {
        let now_s = self.inner.wall_now().0 / 1000;
        let token = token.and_then(|token| token.check_expiry(now_s).map(|()| token));
        match token {
            Ok(token) if self.inner.auth.admits_from(token.user(), peer.ip()) => {
                self.inner.backoff.succeeded(peer.ip());
                return Ok(Principal::of_token(Arc::new(token), peer));
            }
            Ok(token) => self.refused(token.user(), peer, &Refusal::LoopbackOnly),
            Err(error) => self.refused("", peer, &error),
        }
        self.inner.backoff.failed(peer.ip(), self.now());
        Err(Error::forbidden("login was refused"))
    }

    /// What a principal may do in a vhost: the catalogue says, or its token.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`] if it may not even connect.
    pub(crate) fn access_of(
        &self,
        core: &Core,
        principal: &Principal,
        vhost: &Vhost,
    ) -> Result<SessionAccess> {
        let refused = || format!("access to vhost '{}' refused for user '{}'", vhost.name, principal.user);
        let Some(token) = &principal.token else {
            let rights = core.rights_of(&principal.user, principal.peer.ip(), (vhost.id, &vhost.name));
            return rights.ok_or_else(|| Error::not_allowed(refused()));
        };
        let now = self.now();
        if let Some(expiry) = Expiry::of(token, self.inner.wall_now(), now).filter(|e| e.is_over(now)) {
            return Err(Error::not_allowed(refused() + &expiry.text(now)));
        }
        let granted = token.opens(&vhost.name).then(|| token.access(&vhost.name));
        let access = self.token_access(core, token, granted, vhost, principal.peer.ip());
        access.ok_or_else(|| Error::not_allowed(refused()))
    }

    /// Verifies the secret a client renews its login with. Blocks while the key it names is fetched.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`], whatever the reason.
    pub fn verify_secret(&self, secret: &[u8], of: ConnectionId) -> Result<Arc<Token>> {
        let token = self.verify_token(secret).unwrap_or(Err(TokenError::Malformed));
        token.map(Arc::new).map_err(|error| {
            tracing::warn!(connection = %of, why = %error, "new secret refused");
            Error::forbidden("the new secret was refused")
        })
    }

    /// What a token grants in a vhost with the rules that name its user, and when it ends.
    fn token_access(
        &self,
        core: &Core,
        token: &Token,
        granted: Option<Access>,
        vhost: &Vhost,
        host: IpAddr,
    ) -> Option<SessionAccess> {
        let expiry = Expiry::of(token, self.inner.wall_now(), self.now());
        let (tags, acls) = (token.tags().clone(), core.catalog.acls(vhost.id));
        let standing = Standing { user: token.user(), vhost: &vhost.name, host, tags, acls };
        Some(SessionAccess::new(granted, standing)?.until(expiry))
    }
}

impl Session {
    /// Whether it began with a token, so that there is something to renew.
    pub fn has_token(&self) -> bool {
        let core = self.broker().inner.core.lock();
        core.sessions.get(&self.id()).is_some_and(|state| state.info.principal.token.is_some())
    }

    /// Puts a new token in the place of the one this session began with. What it began before stays: consumers, leases.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`] if it is another user's.
    pub fn renew(&self, token: Arc<Token>) -> Result<()> {
        if token.user() != self.user() {
            tracing::warn!(connection = %self.id(), user = self.user(), why = %TokenError::AnotherUser, "new secret refused");
            return Err(Error::forbidden("the new secret was refused"));
        }
        let broker = self.broker();
        let mut core = broker.inner.core.lock();
        let access = core.sessions.get(&self.id()).and_then(|state| {
            let vhost = core.catalog.vhost_by_id(state.vhost)?;
            let host = state.info.principal.peer.ip();
            // The vhost is not asked about again: a token without rights there leaves the session, and takes its rights.
            broker.token_access(&core, &token, Some(token.access(&vhost.name)), vhost, host)
        });
        let access = access.ok_or_else(|| Error::forbidden("the new secret was refused"))?;
        let Some(state) = core.sessions.get_mut(&self.id()) else {
            return Err(Error::unavailable("the connection is closing"));
        };
        state.access = access;
        state.info.principal.token = Some(token);
        Ok(())
    }
}
