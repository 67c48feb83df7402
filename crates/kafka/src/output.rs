//! What waits to be written to the socket: pieces of responses, written together.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use crate::wire::Segments;

/// Bytes waiting for the socket above which no more requests are taken.
pub(crate) const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Most pieces of one write.
const SLICES_MAX: usize = 64;

/// Pieces that have not left.
#[derive(Debug, Default)]
pub(crate) struct Output {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl Output {
    /// Whether all has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether so much waits that nothing should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= OUTPUT_BYTES_MAX
    }

    /// Appends a response.
    pub(crate) fn push(&mut self, response: Segments) {
        self.bytes += response.len();
        self.parts.extend(response);
    }

    /// Writes what the socket takes. Ready when all has left; whether anything was written.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<bool>> {
        let wrote = !self.is_empty();
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.parts.len().min(SLICES_MAX);
            for (slice, part) in slices.iter_mut().zip(&self.parts) {
                *slice = IoSlice::new(part);
            }
            let written =
                std::task::ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        if self.parts.capacity() > SLICES_MAX {
            self.parts = VecDeque::new();
        }
        // What is behind encryption may still wait in its buffer.
        std::task::ready!(Pin::new(stream).poll_flush(cx))?;
        Poll::Ready(Ok(wrote))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(part) = self.parts.front_mut() {
            if written < part.len() {
                part.advance(written);
                return;
            }
            written -= part.len();
            self.parts.pop_front();
        }
    }
}
