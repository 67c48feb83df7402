//! Reading the socket into a buffer of the thread.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::{Connection, Stage};
use crate::wire::WireError;

/// Most bytes of one read.
const SCRATCH_BYTES: usize = 256 << 10;

/// A request's beginning up to this size is copied before the next read; a longer one is completed where it is.
const COPIED_BYTES_MAX: usize = 16 << 10;

thread_local! {
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(SCRATCH_BYTES));
}

impl<S: AsyncRead + AsyncWrite + Unpin, F: FnOnce()> Connection<S, F> {
    fn takes_input(&self) -> bool {
        match &self.stage {
            // Behind a request that wants to be alone one read is taken, to see whether the client is still there.
            Stage::Open(session) => {
                !self.out.is_full()
                    && (session.takes_input() || session.is_alone() && self.partial.is_empty())
            }
            Stage::Handshake(handshake) => self.partial.len() <= handshake.input_max(),
            Stage::Verifying(..) | Stage::Done => false,
            Stage::Lingering => true,
        }
    }

    /// Reads once, if input is taken now, and takes in what came. Whether anything did.
    pub(super) fn poll_input(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.takes_input() {
            return false;
        }
        if let Stage::Open(session) = &mut self.stage
            && session.takes_input()
            && session.resumes()
        {
            self.resume();
            return true;
        }
        let read =
            if self.partial.len() > COPIED_BYTES_MAX { self.poll_rest(cx) } else { self.poll_scratch(cx) };
        match read {
            Poll::Pending => false,
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                self.idle_ticks = 0;
                true
            }
            // The client closed its side, or the connection broke.
            Poll::Ready(_) => {
                self.stage = Stage::Done;
                true
            }
        }
    }

    /// Reads behind a copy of what is kept, and keeps what has no end yet.
    fn poll_scratch(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.extend_from_slice(&self.partial);
            let read = std::task::ready!(poll_read_buf(Pin::new(&mut self.stream), cx, scratch))?;
            if read > 0 {
                self.partial.clear();
                let taken = self.input(scratch);
                self.keep(&scratch[taken..]);
            }
            Poll::Ready(Ok(read))
        })
    }

    /// Reads more of a long request to where its beginning is. The buffer grows as bytes arrive, not as they are announced.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let end = frame_len(&self.partial);
        if self.partial.len() == self.partial.capacity() {
            let more = end.saturating_sub(self.partial.len()).clamp(1, self.partial.len().max(SCRATCH_BYTES));
            self.partial.reserve(more);
        }
        let read = std::task::ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.partial))?;
        if self.partial.len() >= end {
            self.resume();
        }
        Poll::Ready(Ok(read))
    }

    /// Takes in what is kept: after a pause, or because it is complete now.
    pub(super) fn resume(&mut self) {
        let mut kept = std::mem::take(&mut self.partial);
        let taken = self.input(&kept);
        if taken == 0 {
            self.partial = kept;
        } else {
            self.keep(&kept.split_off(taken));
        }
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.partial = BytesMut::new();
        } else {
            self.partial.extend_from_slice(rest);
        }
    }

    /// Takes in requests from `buf`; how many bytes they were.
    fn input(&mut self, buf: &[u8]) -> usize {
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
                    let goes_on = len > 0 || !matches!(step, crate::handshake::Step::Continue);
                    goes_on && self.take_step(step)
                }
                Err(error) => self.fail(error),
            },
            Stage::Open(session) => match session.input(buf, at, &mut self.out) {
                Ok(next) => {
                    self.take_next(next);
                    !matches!(self.stage, Stage::Open(_))
                }
                Err(error) => self.fail(error),
            },
            Stage::Verifying(..) => false,
            Stage::Lingering | Stage::Done => {
                *at = buf.len();
                false
            }
        }
    }

    /// Bytes that are no request: there is no answer to them, and the next request cannot be found.
    fn fail(&mut self, error: WireError) -> bool {
        tracing::info!(%error, "connection closed for what the client sent");
        self.linger();
        true
    }
}

/// Length of the frame that `buf` begins with; its size was checked when it was first looked at.
fn frame_len(buf: &[u8]) -> usize {
    match buf {
        [a, b, c, d, ..] => i32::from_be_bytes([*a, *b, *c, *d]).max(0) as usize + 4,
        _ => 0,
    }
}
