//! Reading the socket into a buffer of the thread.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Stage};
use crate::handshake::INPUT_BYTES_MAX;
use crate::wire::FRAME_OVERHEAD;

/// Most bytes of one read.
const SCRATCH_BYTES: usize = 256 << 10;

/// A frame's beginning up to this size is copied before the next read; a longer one is completed where it is.
const COPIED_BYTES_MAX: usize = 16 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

impl<S: AsyncRead + AsyncWrite + Unpin, F: FnOnce()> Connection<S, F> {
    /// Reads once, if input is taken now, and takes in what came. Whether anything did.
    pub(super) fn poll_input(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.takes_input() {
            return false;
        }
        if let Stage::Open(session) = &mut self.stage
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
            let kept = self.partial.len();
            let end = if matches!(self.stage, Stage::Handshake(_)) {
                kept + INPUT_BYTES_MAX
            } else {
                scratch.len()
            };
            scratch[..kept].copy_from_slice(&self.partial);
            let mut buf = ReadBuf::new(&mut scratch[kept..end]);
            std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            let read = buf.filled().len();
            if read > 0 {
                self.partial.clear();
                let filled = &scratch[..kept + read];
                let taken = self.input(filled);
                self.keep(&filled[taken..]);
            }
            Poll::Ready(Ok(read))
        })
    }

    /// Reads the rest of a long frame to where its beginning is.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let kept = self.partial.len();
        let end = frame_len(&self.partial).max(kept + 1);
        self.partial.resize(end, 0);
        let mut buf = ReadBuf::new(&mut self.partial[kept..]);
        let poll = Pin::new(&mut self.stream).poll_read(cx, &mut buf);
        let read = buf.filled().len();
        self.partial.truncate(kept + read);
        std::task::ready!(poll)?;
        if kept + read == end {
            self.resume();
        }
        Poll::Ready(Ok(read))
    }

    /// Takes in what is kept: after a pause, or because it is complete now.
    pub(super) fn resume(&mut self) {
        let kept = std::mem::take(&mut self.partial);
        let taken = self.input(&kept);
        if taken == 0 {
            self.partial = kept;
        } else {
            self.keep(&kept[taken..]);
        }
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(rest);
        }
    }
}

/// Length of the frame that `buf` begins with; its size was checked when it was first looked at.
fn frame_len(buf: &[u8]) -> usize {
    match buf {
        [_, _, _, a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]) as usize + FRAME_OVERHEAD,
        _ => 0,
    }
}
