//! One connection's task: the socket, the timer and the hall's outbox around the state machines.
//!
//! The task owns no buffers while idle. It reads into a buffer of its thread and keeps only the part of a request that has
//! no end yet; responses are written from where they were made.

mod input;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anymq_broker::Event;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::handshake::{Handshake, Outcome, Step};
use crate::output::Output;
use crate::sasl::Verification;
use crate::session::{Next, Session};

/// How long a client may take to close its socket after we said all we have to say.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Rounds of reading and writing before other tasks of the thread get their turn.
const ROUNDS_MAX: u32 = 16;

/// Parts of the idle timeout after which is looked whether anything came.
const IDLE_TICKS_MAX: u32 = 4;

/// How far a connection is.
enum Stage {
    Handshake(Box<Handshake>),
    /// The login is being verified.
    Verifying(Box<Handshake>, Verification),
    Open(Box<Session>),
    /// Nothing more to say: the rest of the input is passed over until the client closes its side.
    Lingering,
    Done,
}

/// A connection's task.
pub(crate) struct Connection<S, F> {
    stream: S,
    stage: Stage,
    out: Output,
    /// Input whose end has not come, or that is not taken yet.
    partial: BytesMut,
    events: Vec<Event>,
    timer: Pin<Box<Sleep>>,
    /// A part of the idle timeout, and when it is over.
    tick: Duration,
    tick_at: Instant,
    idle_ticks: u32,
    has_shut_down: bool,
    stopping: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Called when the login has succeeded.
    on_login: Option<F>,
}

impl<S: AsyncRead + AsyncWrite + Unpin, F: FnOnce()> Connection<S, F> {
    /// A connection that has until `deadline` to log in.
    pub(crate) fn new(
        stream: S,
        handshake: Handshake,
        deadline: Sleep,
        stopping: &CancellationToken,
        on_login: F,
    ) -> Self {
        Connection {
            stream,
            out: Output::default(),
            partial: BytesMut::new(),
            events: Vec::new(),
            tick: handshake.idle_timeout() / IDLE_TICKS_MAX,
            tick_at: deadline.deadline(),
            timer: Box::pin(deadline),
            stage: Stage::Handshake(Box::new(handshake)),
            idle_ticks: 0,
            has_shut_down: false,
            stopping: Some(Box::pin(stopping.clone().cancelled_owned())),
            on_login: Some(on_login),
        }
    }

    fn poll_rounds(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            let mut progress = self.poll_stopping(cx);
            progress |= self.poll_timer(cx);
            progress |= self.poll_verification(cx);
            progress |= self.poll_events(cx);
            progress |= self.poll_input(cx);
            match self.poll_output(cx) {
                Poll::Ready(Ok(more)) => progress |= more,
                Poll::Ready(Err(_)) => self.stage = Stage::Done,
                Poll::Pending => {}
            }
            if matches!(self.stage, Stage::Done) {
                return Poll::Ready(());
            }
            if !progress {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Shutdown of the server: what is written is still acknowledged, everything else ends.
    fn poll_stopping(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stopping) = &mut self.stopping else { return false };
        if stopping.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.stopping = None;
        match &mut self.stage {
            Stage::Open(session) => {
                session.stop();
                let next = session.flush(&mut self.out);
                self.take_next(next);
            }
            Stage::Handshake(_) | Stage::Verifying(..) => self.linger(),
            Stage::Lingering | Stage::Done => {}
        }
        true
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let due = match &self.stage {
            Stage::Open(session) => session.due().map_or(self.tick_at, |due| due.min(self.tick_at)),
            _ => self.tick_at,
        };
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        if let Stage::Open(session) = &mut self.stage {
            let next = session.elapsed(due, &mut self.out);
            self.take_next(next);
        }
        if due == self.tick_at {
            self.ticked();
        }
        true
    }

    /// A part of the idle timeout is over, or the time that a stage may take.
    fn ticked(&mut self) {
        match &self.stage {
            Stage::Open(session) => {
                if session.owes_answers() || !self.out.is_empty() {
                    self.idle_ticks = 0;
                }
            }
            Stage::Handshake(handshake) if handshake.may_idle() => {}
            _ => return self.stage = Stage::Done,
        }
        self.idle_ticks += 1;
        if self.idle_ticks > IDLE_TICKS_MAX {
            tracing::debug!("closed for being idle");
            self.stage = Stage::Done;
        }
        self.tick_in(self.tick);
    }

    fn tick_in(&mut self, tick: Duration) {
        self.timer.set(tokio::time::sleep(tick));
        self.tick_at = self.timer.deadline();
    }

    fn poll_verification(&mut self, cx: &mut Context<'_>) -> bool {
        if let Stage::Open(session) = &mut self.stage {
            let Some(next) = session.poll_renewal(cx, &mut self.out) else { return false };
            self.take_next(next);
            return true;
        }
        let Stage::Verifying(_, verification) = &mut self.stage else { return false };
        let Poll::Ready(verified) = verification.as_mut().poll(cx) else { return false };
        let Stage::Verifying(mut handshake, _) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return false;
        };
        match handshake.verified(verified, &mut self.out) {
            Outcome::Open(session) => {
                self.stage = Stage::Open(session);
                self.idle_ticks = 0;
                self.tick_in(self.tick);
                if let Some(on_login) = self.on_login.take() {
                    on_login();
                }
                self.resume();
            }
            Outcome::Again => {
                self.stage = Stage::Handshake(handshake);
                self.resume();
            }
            Outcome::Refused => self.linger(),
        }
        true
    }

    fn poll_events(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Open(session) = &mut self.stage else { return false };
        if self.out.is_full() || session.hall().outbox().poll(cx, &mut self.events).is_pending() {
            return false;
        }
        let next = session.events(&mut self.events, &mut self.out);
        self.take_next(next);
        true
    }

    /// Writes what there is. Ready with whether there may be more to do for it.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<bool>> {
        // With the output gone there is room again for what was not even looked at: another round.
        let wrote = std::task::ready!(self.out.poll_write(cx, &mut self.stream))?;
        if matches!(self.stage, Stage::Lingering) && !self.has_shut_down {
            std::task::ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.has_shut_down = true;
            return Poll::Ready(Ok(true));
        }
        Poll::Ready(Ok(wrote))
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
            }
            Step::Refuse => self.linger(),
        }
        true
    }

    fn take_next(&mut self, next: Next) {
        match next {
            Next::Continue => {}
            Next::Close => self.linger(),
        }
    }

    /// Says no more once the output is out, and waits for the client to close its side.
    fn linger(&mut self) {
        self.stage = Stage::Lingering;
        self.tick_in(LEAVE_TIMEOUT);
    }
}

// What a connection costs before it has logged in: this, the handshake's state and the socket's.
const _: () = assert!(size_of::<Connection<anymq_net::Stream, fn()>>() <= 512);

/// Ends when the socket is closed.
impl<S: AsyncRead + AsyncWrite + Unpin, F: FnOnce() + Unpin> Future for Connection<S, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_rounds(cx)
    }
}

#[cfg(test)]
mod tests;
