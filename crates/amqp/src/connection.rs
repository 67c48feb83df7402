//! One connection's task: the socket, the timer and the hall's outbox around the state machines.
//!
//! The task owns no buffers while idle. It reads into a buffer of its thread and keeps only the part of a frame that has
//! no end yet; it encodes into a buffer of its thread and keeps only what the socket did not take.

mod input;
mod steps;

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anymq_broker::{Event, Principal, Token};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::errors::AmqpError;
use crate::handshake::Handshake;
use crate::session::{OUTPUT_BYTES_MAX, Session};
use crate::wire::{ReplyCode, encode_heartbeat};

/// How long a client may take to answer `connection.close`, or to close its socket.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Rounds of reading and writing before other tasks of the thread get their turn.
const ROUNDS_MAX: u32 = 16;

/// A thread's output buffer is not kept beyond this capacity, in bytes.
const KEPT_OUTPUT_MAX: usize = 1 << 20;

/// Idle half intervals after which a peer counts as gone: two heartbeat intervals.
const IDLE_TICKS_MAX: u8 = 4;

thread_local! {
    /// The output buffer of whichever connection this thread is serving.
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

type Verification = Pin<Box<dyn Future<Output = anymq_broker::Result<Principal>> + Send>>;
type Renewal = Pin<Box<dyn Future<Output = anymq_broker::Result<Arc<Token>>> + Send>>;

/// How far a connection is.
enum Stage {
    Handshake(Box<Handshake>),
    /// The login is being verified.
    Verifying(Box<Handshake>, Verification),
    Open(Box<Session>),
    /// A new secret is being verified; nothing else moves meanwhile.
    Renewing(Box<Session>, Renewal),
    /// We sent `connection.close`: everything but the answer is passed over.
    Leaving,
    /// Nothing more to say: the rest of the input is passed over until the client closes its side.
    Lingering,
    Done,
}

/// A connection's task.
pub(crate) struct Connection<S, F> {
    stream: S,
    stage: Stage,
    /// Output, of which the first `sent` bytes have left.
    out: Vec<u8>,
    sent: usize,
    /// Input whose end has not come.
    partial: Vec<u8>,
    events: Vec<Event>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Half the heartbeat interval, once open; none if there is no heartbeat.
    tick: Option<Duration>,
    idle_ticks: u8,
    has_written: bool,
    has_shut_down: bool,
    stopping: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Called when the login has succeeded.
    on_login: Option<F>,
}

impl<S: AsyncRead + AsyncWrite + Unpin, F: FnOnce()> Connection<S, F> {
    /// A connection that has until `deadline` to open.
    pub(crate) fn new(
        stream: S,
        handshake: Handshake,
        deadline: Sleep,
        stopping: &CancellationToken,
        on_login: F,
    ) -> Self {
        Connection {
            stream,
            stage: Stage::Handshake(Box::new(handshake)),
            out: Vec::new(),
            sent: 0,
            partial: Vec::new(),
            events: Vec::new(),
            timer: Some(Box::pin(deadline)),
            tick: None,
            idle_ticks: 0,
            has_written: false,
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
            progress |= self.poll_renewal(cx);
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

    /// Shutdown of the server: clients are told, and get a moment to answer.
    fn poll_stopping(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stopping) = &mut self.stopping else { return false };
        if stopping.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.stopping = None;
        match self.stage {
            Stage::Open(_) | Stage::Renewing(..) => {
                let text = "broker forced connection closure with reason 'shutdown'";
                self.fail(AmqpError::new(ReplyCode::CONNECTION_FORCED, text));
            }
            Stage::Handshake(_) | Stage::Verifying(..) => self.linger(),
            Stage::Leaving | Stage::Lingering | Stage::Done => {}
        }
        true
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let is_open = matches!(self.stage, Stage::Open(_) | Stage::Renewing(..));
        let Some(timer) = &mut self.timer else { return false };
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        let Some(tick) = self.tick.filter(|_| is_open) else {
            self.stage = Stage::Done;
            return true;
        };
        timer.set(tokio::time::sleep(tick));
        if !std::mem::take(&mut self.has_written) && self.out.is_empty() {
            encode_heartbeat(&mut self.out);
        }
        self.idle_ticks += 1;
        if !self.takes_input() {
            // What is not read cannot be missed.
            self.idle_ticks = 0;
        } else if self.idle_ticks > IDLE_TICKS_MAX {
            tracing::info!("missed heartbeats from client");
            self.stage = Stage::Done;
        }
        true
    }

    fn poll_verification(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Verifying(_, verification) = &mut self.stage else { return false };
        let Poll::Ready(verified) = verification.as_mut().poll(cx) else { return false };
        let Stage::Verifying(mut handshake, _) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return false;
        };
        let done = handshake.logged_in(verified, &mut self.out);
        self.stage = Stage::Handshake(handshake);
        match done {
            Ok(()) => {
                if let Some(on_login) = self.on_login.take() {
                    on_login();
                }
                self.resume();
            }
            Err(error) => self.fail(error),
        }
        true
    }

    fn poll_renewal(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Renewing(_, renewal) = &mut self.stage else { return false };
        let Poll::Ready(verified) = renewal.as_mut().poll(cx) else { return false };
        let Stage::Renewing(mut session, _) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return false;
        };
        let done = session.renewed(verified, &mut self.out);
        self.stage = Stage::Open(session);
        match done {
            Ok(()) => self.resume(),
            Err(error) => self.fail(error),
        }
        true
    }

    fn poll_events(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Open(session) = &mut self.stage else { return false };
        if self.out.len() - self.sent >= OUTPUT_BYTES_MAX {
            return false;
        }
        if session.hall().outbox().poll(cx, &mut self.events).is_pending() {
            return false;
        }
        if let Err(error) = session.events(&mut self.events, &mut self.out) {
            self.fail(error);
        }
        true
    }

    /// Writes what there is. Ready with whether events wait that could not be written before.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<bool>> {
        // With the output gone there is room again for events that were not even looked at: another round.
        let wrote = self.sent < self.out.len();
        while self.sent < self.out.len() {
            let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, &self.out[self.sent..])?
            else {
                self.compact();
                return Poll::Pending;
            };
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
            self.has_written = true;
        }
        self.out.clear();
        self.sent = 0;
        match &mut self.stage {
            Stage::Open(session) => {
                session.written();
                let mut more = wrote;
                if session.has_events() {
                    if let Err(error) = session.events(&mut self.events, &mut self.out) {
                        self.fail(error);
                    }
                    more = wrote || !self.out.is_empty();
                }
                Poll::Ready(Ok(more))
            }
            Stage::Lingering if !self.has_shut_down => {
                std::task::ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                self.has_shut_down = true;
                Poll::Ready(Ok(true))
            }
            _ => Poll::Ready(Ok(false)),
        }
    }

    /// Drops output that has left, once it is most of the buffer.
    fn compact(&mut self) {
        if self.sent > self.out.len() / 2 {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    fn takes_input(&mut self) -> bool {
        match &mut self.stage {
            Stage::Open(session) => {
                self.out.len() - self.sent < 4 * OUTPUT_BYTES_MAX && session.takes_input()
            }
            Stage::Verifying(..) | Stage::Renewing(..) | Stage::Done => false,
            Stage::Handshake(_) | Stage::Leaving | Stage::Lingering => true,
        }
    }
}

// What a connection costs before it has logged in: this, the handshake's state and the socket's.
const _: () = assert!(size_of::<Connection<anymq_net::Stream, fn()>>() <= 512);

/// Ends when the socket is closed.
impl<S: AsyncRead + AsyncWrite + Unpin, F: FnOnce() + Unpin> Future for Connection<S, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.out.capacity() == 0 {
            self.out = OUTPUT.take();
        }
        let poll = self.poll_rounds(cx);
        if self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            if out.capacity() <= KEPT_OUTPUT_MAX {
                OUTPUT.set(out);
            }
        }
        poll
    }
}

#[cfg(test)]
mod tests;
