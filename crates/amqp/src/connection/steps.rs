//! From one stage of a connection to the next.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, LEAVE_TIMEOUT, Stage};
use crate::errors::AmqpError;
use crate::handshake::Step;
use crate::session::Next;
use crate::wire::methods::connection;
use crate::wire::{Encode, Payload, ReplyCode, parse_frame};

impl<S: AsyncRead + AsyncWrite + Unpin, F: FnOnce()> Connection<S, F> {
    /// Takes in frames from `buf`; how many bytes they were.
    pub(super) fn input(&mut self, buf: &[u8]) -> usize {
        let mut at = 0;
        while self.step(buf, &mut at) {}
        at
    }

    /// Takes one step with `buf` from byte `at` on; whether there may be another.
    fn step(&mut self, buf: &[u8], at: &mut usize) -> bool {
        match &mut self.stage {
            Stage::Handshake(handshake) => match handshake.input(&buf[*at..], &mut self.out) {
                Ok((len, step)) => {
                    *at += len;
                    len > 0 && self.take_step(step)
                }
                Err(error) => self.fail_at(error, buf, at),
            },
            Stage::Open(session) => match session.input(buf, at, &mut self.out) {
                Ok(Next::Continue) => false,
                Ok(next) => self.take_next(next),
                Err(error) => self.fail_at(error, buf, at),
            },
            Stage::Verifying(..) | Stage::Renewing(..) => false,
            Stage::Leaving => match parse_frame(&buf[*at..], 0) {
                Ok(None) => false,
                Ok(Some((frame, len))) => {
                    *at += len;
                    self.left(&frame.payload)
                }
                Err(error) => self.fail_at(error.into(), buf, at),
            },
            Stage::Lingering | Stage::Done => {
                *at = buf.len();
                false
            }
        }
    }

    fn take_step(&mut self, step: Step) -> bool {
        match step {
            Step::Continue => return true,
            Step::Verify(login) => {
                let Stage::Handshake(handshake) = std::mem::replace(&mut self.stage, Stage::Done) else {
                    return false;
                };
                let (broker, peer) = handshake.parties();
                self.stage = Stage::Verifying(handshake, Box::pin(login.verify(broker, peer)));
                return true;
            }
            Step::Open(session) => {
                let heartbeat = match &self.stage {
                    Stage::Handshake(handshake) => handshake.heartbeat(),
                    _ => 0,
                };
                self.tick = (heartbeat > 0).then(|| Duration::from_millis(u64::from(heartbeat) * 500));
                self.timer = self.tick.map(|tick| Box::pin(tokio::time::sleep(tick)));
                self.stage = Stage::Open(session);
                return true;
            }
            Step::Close => connection::CloseOk {}.encode(0, &mut self.out),
            Step::Refuse => {}
        }
        self.linger();
        true
    }

    fn take_next(&mut self, next: Next) -> bool {
        match next {
            Next::Continue => {}
            Next::Renew(secret) => return self.renew(secret),
            Next::Close => {
                // The hall's session ends before the answer: what was exclusive is gone when the client hears it.
                self.linger();
                connection::CloseOk {}.encode(0, &mut self.out);
            }
        }
        true
    }

    /// Has a new secret verified on a thread that may block.
    fn renew(&mut self, secret: Vec<u8>) -> bool {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let Stage::Open(session) = stage else {
            self.stage = stage;
            return true;
        };
        let (broker, id) = (session.hall().broker().clone(), session.hall().id());
        let verification = tokio::task::spawn_blocking(move || broker.verify_secret(&secret, id));
        let renewal = async move {
            let failed = |_| Err(anymq_broker::Error::unavailable("the secret could not be verified"));
            verification.await.unwrap_or_else(failed)
        };
        self.stage = Stage::Renewing(session, Box::pin(renewal));
        true
    }

    /// A frame after we sent `connection.close`.
    fn left(&mut self, payload: &Payload<'_>) -> bool {
        if let Payload::Method(method) = payload {
            match method.key() {
                connection::CloseOk::KEY => self.linger(),
                // Both closed at the same time.
                connection::Close::KEY => connection::CloseOk {}.encode(0, &mut self.out),
                _ => {}
            }
        }
        true
    }

    fn fail_at(&mut self, error: AmqpError, buf: &[u8], at: &mut usize) -> bool {
        if error.out_of_step {
            *at = buf.len();
        }
        self.fail(error);
        true
    }

    /// Sends `connection.close`; ends the hall's session.
    pub(super) fn fail(&mut self, error: AmqpError) {
        tracing::info!(code = error.code.0, error = %error.text, "connection error");
        let is_silent = match &self.stage {
            Stage::Handshake(handshake) => {
                error.code == ReplyCode::ACCESS_REFUSED && !handshake.wants_failure_close()
            }
            Stage::Leaving | Stage::Lingering | Stage::Done => true,
            _ => false,
        };
        if is_silent || error.out_of_step {
            self.linger();
        } else {
            self.stage = Stage::Leaving;
            self.timer = Some(Box::pin(tokio::time::sleep(LEAVE_TIMEOUT)));
        }
        if !is_silent {
            let (class_id, method_id) = error.method;
            let reply_text = error.reply_text();
            connection::Close { reply_code: error.code.0, reply_text: &reply_text, class_id, method_id }
                .encode(0, &mut self.out);
        }
    }

    /// Says no more once the output is out, and waits for the client to close its side.
    pub(super) fn linger(&mut self) {
        self.stage = Stage::Lingering;
        self.timer = Some(Box::pin(tokio::time::sleep(LEAVE_TIMEOUT)));
    }
}
