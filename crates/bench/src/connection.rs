//! A connection under load: a non-blocking socket with one buffer each way.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use anymq_amqp::wire::{Encode, Frame, Method, MethodRef, Payload, methods, parse_frame};

/// Room for what was read; at least two frames of the largest size asked for.
const INBOX_BYTES: usize = 256 << 10;
/// Frame size asked for.
pub(crate) const FRAME_MAX: u32 = 128 << 10;

/// Longest wait for an answer outside the load: a declare may wait for the server's disk.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What became of reading or writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// Done, and there may be more at once.
    Again,
    /// The socket has no more, or takes no more, for now.
    Blocked,
}

/// One socket after its set-up.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// The bytes of `inbox` not parsed yet.
    start: usize,
    end: usize,
    outbox: Vec<u8>,
    /// Bytes of `outbox` that are written.
    written: usize,
    pub(crate) frame_max: u32,
}

impl Connection {
    /// Takes over a socket; `early` is what was read from it and not looked at yet.
    pub(crate) fn new(stream: TcpStream, early: &[u8], frame_max: u32) -> Result<Connection> {
        stream.set_nonblocking(true).context("make the socket non-blocking")?;
        let mut inbox = vec![0; INBOX_BYTES.max(early.len())];
        inbox[..early.len()].copy_from_slice(early);
        Ok(Connection {
            stream,
            inbox,
            start: 0,
            end: early.len(),
            outbox: Vec::new(),
            written: 0,
            frame_max,
        })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads once into the free room of the inbox.
    pub(crate) fn fill(&mut self) -> Result<Io> {
        if self.start > 0 {
            self.inbox.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = &mut self.inbox[self.end..];
        let asked = room.len();
        loop {
            match self.stream.read(room) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => {
                    self.end += read;
                    // A short read says that the socket is empty.
                    return Ok(if read == asked { Io::Again } else { Io::Blocked });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Io::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("read from the server"),
            }
        }
    }

    /// Gives every whole frame of the inbox to `on_frame`, and the outbox to answer into.
    #[inline]
    pub(crate) fn frames(
        &mut self,
        mut on_frame: impl FnMut(Frame<'_>, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut rest = &self.inbox[self.start..self.end];
        let parsed = loop {
            match parse_frame(rest, self.frame_max) {
                Ok(Some((frame, bytes))) => {
                    rest = &rest[bytes..];
                    if let Err(error) = on_frame(frame, &mut self.outbox) {
                        break Err(error);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(anyhow!("the server sent a bad frame: {error}")),
            }
        };
        self.start = self.end - rest.len();
        parsed
    }

    /// The buffer to append frames to; [`flush`](Self::flush) sends it.
    pub(crate) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// Bytes not written yet.
    pub(crate) fn unsent(&self) -> usize {
        self.outbox.len() - self.written
    }

    /// Writes what the socket takes. `Again` if nothing is left.
    pub(crate) fn flush(&mut self) -> Result<Io> {
        while self.written < self.outbox.len() {
            match self.stream.write(&self.outbox[self.written..]) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Io::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("write to the server"),
            }
        }
        self.outbox.clear();
        self.written = 0;
        Ok(Io::Again)
    }
}

impl Connection {
    /// Ends the connection: sends what is left and `connection.close`, and waits until the server has read it all.
    pub(crate) fn close(mut self) -> Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        let close = methods::connection::Close { reply_code: 200, reply_text: "done", ..Default::default() };
        close.encode(0, &mut self.outbox);
        self.flush().context("close the connection")?;
        let mut closed = false;
        while !closed {
            let held = self.end - self.start;
            self.fill().context("close the connection")?;
            ensure!(self.end > held, "the server does not answer connection.close");
            self.frames(|frame, _| {
                let key = methods::connection::CloseOk::KEY;
                closed |= matches!(frame.payload, Payload::Method(method) if method.key() == key);
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// What the server says beside what a role expects: an error if it closes something.
pub(crate) fn aside(method: &MethodRef<'_>) -> Result<()> {
    let method = method.decode().map_err(|error| anyhow!("the server sent a bad method: {error}"))?;
    match method {
        Method::ConnectionClose(methods::connection::Close { reply_code, reply_text, .. }) => {
            bail!("the server closed the connection: {reply_code} {reply_text}")
        }
        Method::ChannelClose(methods::channel::Close { reply_code, reply_text, .. }) => {
            bail!("the server closed the channel: {reply_code} {reply_text}")
        }
        Method::BasicCancel(_) => bail!("the server cancelled the consumer"),
        // Being blocked shows in the rate; everything else asks for nothing.
        _ => Ok(()),
    }
}
