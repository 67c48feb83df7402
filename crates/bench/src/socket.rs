//! A non-blocking socket with one buffer each way.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Room for what was read, at first.
const INBOX_BYTES: usize = 256 << 10;
/// Longest wait for an answer outside the load: the server may have to wait for its disk.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What became of reading or writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// Done, and there may be more at once.
    Again,
    /// The socket has no more, or takes no more, for now.
    Blocked,
}

/// One connection's socket under load.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
}

impl Socket {
    /// Connects, and blocks until it is taken under load.
    pub(crate) fn connect(host: &str, port: u16) -> Result<TcpStream> {
        let stream = TcpStream::connect((host, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Takes over a socket; `early` is what was read from it and not looked at yet.
    pub(crate) fn new(stream: TcpStream, early: &[u8]) -> Result<Socket> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        stream.set_nonblocking(true).context("make the socket non-blocking")?;
        let mut bytes = vec![0; INBOX_BYTES.max(early.len())];
        bytes[..early.len()].copy_from_slice(early);
        let inbox = Inbox { bytes, start: 0, end: early.len() };
        Ok(Socket { stream, inbox, outbox: Outbox::default() })
    }

    /// Makes it block again, for the end of the run.
    pub(crate) fn block(&self) -> Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        Ok(())
    }

    /// Reads once into the free room of the inbox.
    pub(crate) fn fill(&mut self) -> Result<Io> {
        self.inbox.fill(&self.stream)
    }

    /// Writes what the socket takes. `Again` if nothing is left.
    pub(crate) fn flush(&mut self) -> Result<Io> {
        self.outbox.flush(&self.stream)
    }
}

/// What was read and not parsed yet.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(crate) fn unparsed(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes `bytes` off the front.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.end);
    }

    /// Makes room for `bytes` of which the first are here.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        if bytes > self.bytes.len() {
            self.bytes.resize(bytes.next_multiple_of(INBOX_BYTES), 0);
        }
    }

    fn fill(&mut self, mut stream: &TcpStream) -> Result<Io> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = &mut self.bytes[self.end..];
        let asked = room.len();
        loop {
            match stream.read(room) {
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
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// To append to.
    pub(crate) bytes: Vec<u8>,
    /// Bytes of it that are written.
    written: usize,
}

impl Outbox {
    /// Bytes not written yet.
    pub(crate) fn unsent(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn flush(&mut self, mut stream: &TcpStream) -> Result<Io> {
        while self.written < self.bytes.len() {
            match stream.write(&self.bytes[self.written..]) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Io::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("write to the server"),
            }
        }
        self.bytes.clear();
        self.written = 0;
        Ok(Io::Again)
    }
}
