//! Logging in again on an open connection, before the login ends (KIP-368).
//!
//! ```text
//!  ends ──SaslHandshake──▶ Exchange ──SaslAuthenticate…──▶ verifying ──▶ ends later
//!    └─────any other request, once it is over─────▶ closed
//! ```
//!
//! Only a login that ends can be renewed, by the same mechanism and as the same user; anything in between closes the
//! connection, as Kafka's does. That it is over is seen when the next request comes: a client that has nothing to ask keeps
//! its connection and renews the login when it has. What it is sent meanwhile it had asked for before.

use std::task::{Context, Poll};

use tokio::time::Instant;

use super::{Head, Next, Output, Session, Slot, after};
use crate::handlers::{sasl_authenticate, sasl_handshake};
use crate::sasl::{Exchange, Mechanism, Refused, Taken, Verification, Verified};
use crate::wire::Request;

/// How far the renewal of a login is.
#[derive(Default)]
pub(super) struct Renewal {
    /// How the client has logged in, and when that ends; `None`: it does not.
    login: Option<(Mechanism, Instant)>,
    exchange: Option<Exchange>,
    verification: Option<Verification>,
}

impl Renewal {
    pub(super) fn logged_in(&mut self, mechanism: Mechanism, ends: Option<Instant>) {
        self.login = ends.map(|ends| (mechanism, ends));
    }

    pub(super) fn is_verifying(&self) -> bool {
        self.verification.is_some()
    }

    fn is_over(&self) -> bool {
        self.login.is_some_and(|(_, ends)| after(std::time::Duration::ZERO) >= ends)
    }
}

impl Session {
    /// Takes a request if it belongs to a renewal, or if the login is over: what becomes of it.
    pub(super) fn renew(&mut self, head: Head, request: &Request<'_>) -> Option<Vec<Slot>> {
        match (request, &mut self.login.exchange, self.login.login) {
            (Request::SaslHandshake(request), None, Some((mechanism, _))) => {
                if request.mechanism != mechanism.name() {
                    return Some(vec![Slot::Close]);
                }
                self.login.exchange = Some(Exchange::new(mechanism));
                let offered = Mechanism::offered(&self.config, self.hall.broker(), &self.peer);
                Some(vec![Slot::Ready(head.encode(&sasl_handshake::answer(&offered, true)))])
            }
            (Request::SaslAuthenticate(request), Some(exchange), _) => {
                let broker = self.hall.broker().clone();
                Some(match exchange.token(&broker, request.auth_bytes) {
                    Taken::Verify(login) => {
                        self.login.verification = Some(Box::pin(login.verify(broker, self.peer.address)));
                        vec![Slot::Renewal(head)]
                    }
                    taken => said(head, taken),
                })
            }
            (_, Some(_), _) => Some(vec![Slot::Close]),
            (_, None, _) => self.login.is_over().then(|| vec![Slot::Close]),
        }
    }

    /// Goes on with a verification, if there is one and it has ended.
    pub(crate) fn poll_renewal(&mut self, cx: &mut Context<'_>, out: &mut Output) -> Option<Next> {
        let verification = self.login.verification.as_mut()?;
        let Poll::Ready(result) = verification.as_mut().poll(cx) else { return None };
        self.login.verification = None;
        let place = self.slots.iter().position(|slot| matches!(slot, Slot::Renewal(_)));
        if let Some(place) = place
            && let Some(Slot::Renewal(head)) = self.slots.remove(place)
        {
            // Nothing is taken behind it: it is the last.
            let slots = self.renewed(head, result);
            self.slots.extend(slots);
        }
        Some(self.flush(out))
    }

    fn renewed(&mut self, head: Head, result: Result<Verified, Refused>) -> Vec<Slot> {
        let result = result.and_then(|verified| self.is_same(verified));
        let Some(mut exchange) = self.login.exchange.take() else { return vec![Slot::Close] };
        match result {
            Ok(verified) => {
                let lifetime = self.config.session_lifetime(verified.lifetime);
                self.logged_in(exchange.mechanism(), lifetime);
                vec![Slot::Ready(sasl_authenticate::answer(head, &verified.answer, lifetime))]
            }
            Err(refused) => {
                let slots = said(head, exchange.refused(refused));
                self.login.exchange = Some(exchange);
                slots
            }
        }
    }

    /// Puts the new login in the place of the old one, if it is the same user's.
    fn is_same(&self, verified: Verified) -> Result<Verified, Refused> {
        let (old, new) = (self.hall.user(), &verified.principal.user);
        if old != new {
            let says =
                format!("Cannot change principals during re-authentication from User.{old}: User.{new}");
            return Err(Refused::Says(says));
        }
        if let Some(token) = &verified.principal.token {
            self.hall.renew(token.clone()).map_err(|_| Refused::Login)?;
            // What its rights let it see may be other topics now.
            self.seen.take();
        }
        Ok(verified)
    }
}

/// What the mechanism says to a token; the connection is closed if there is to be none after it.
fn said(head: Head, taken: Taken) -> Vec<Slot> {
    match taken {
        Taken::Answer(answer) => vec![Slot::Ready(sasl_authenticate::answer(head, &answer, None))],
        Taken::Refuse(reason) => {
            vec![Slot::Ready(sasl_authenticate::refusal(head, &reason)), Slot::Close]
        }
        Taken::Verify(_) => vec![Slot::Close],
    }
}
