//! TLS over TCP that holds no buffer while idle.
//!
//! The buffered connection of rustls keeps 4 KiB for input as long as it lives: half of what a connection may cost
//! before login, and 40 MB for 10 000 idle ones. This stream drives the unbuffered interface of rustls instead, with
//! buffers of the thread: a connection itself keeps the beginning of a record whose end has not come, what was
//! decrypted and did not fit the reader's buffer, and what the socket has not taken yet. All three are empty, and
//! without memory, whenever both sides have said all they had.
//!
//! Bounds per connection: `partial` a record (16 KiB and its overhead; 64 KiB while a handshake message comes in
//! pieces, which is rustls' own limit), `plain` what one read decrypts (a record, or what the reader asked for),
//! `outgoing` one write of [`WRITE_BYTES_MAX`].

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most bytes of one write that are encrypted before the socket has taken them.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// Slices shorter than this are gathered into one record.
const GATHERED_BYTES_MAX: usize = 4 << 10;

/// Most plaintext of one record (RFC 8446, section 5.1).
const RECORD_BYTES_MAX: usize = 16 << 10;

/// What a record may be longer than its plaintext (RFC 5246, section 6.2.3, the larger of both versions).
const RECORD_OVERHEAD_MAX: usize = 5 + 2048;

/// Longest input that rustls may want to see as a whole: a handshake message in pieces, and the record behind it.
const INPUT_BYTES_MAX: usize = (64 << 10) + RECORD_BYTES_MAX + RECORD_OVERHEAD_MAX;

/// Most bytes of one read beyond what is kept.
const READ_BYTES_MAX: usize = 128 << 10;

/// Least bytes of one read: a short record with its reader's buffer nearly full is still one read.
const READ_BYTES_MIN: usize = 4 << 10;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        input: vec![0; INPUT_BYTES_MAX + READ_BYTES_MAX],
        output: Vec::new(),
    });
    static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Buffers of the thread: ciphertext in, ciphertext out.
struct Scratch {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Scratch {
    /// Both buffers; that of output empty, whatever the connection before did with it.
    fn begin(&mut self) -> (&mut [u8], &mut Vec<u8>) {
        self.output.clear();
        (&mut self.input, &mut self.output)
    }
}

/// A TLS connection of a client, handshake done.
pub struct TlsStream {
    tcp: TcpStream,
    tls: UnbufferedServerConnection,
    /// The beginning of a record; everything before it has been processed.
    partial: Vec<u8>,
    /// Decrypted, not yet read, from `taken` on.
    plain: Vec<u8>,
    taken: usize,
    /// Encrypted, not yet taken by the socket, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// The client has said that nothing more will come.
    ended: bool,
    /// We have said so.
    closed: bool,
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

/// What is to be done once rustls can send.
#[derive(Clone, Copy)]
enum Send<'a> {
    Nothing,
    Data(&'a [u8]),
    CloseNotify,
}

impl TlsStream {
    /// Does the handshake. An error has told the client by an alert, if the socket took it.
    pub(crate) async fn accept(config: Arc<ServerConfig>, tcp: TcpStream) -> io::Result<TlsStream> {
        let tls = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        let (partial, plain, outgoing) = (Vec::new(), Vec::new(), Vec::new());
        let mut stream =
            TlsStream { tcp, tls, partial, plain, taken: 0, outgoing, sent: 0, ended: false, closed: false };
        while stream.tls.is_handshaking() {
            std::future::poll_fn(|cx| stream.poll_receive(cx, &mut ReadBuf::new(&mut []))).await?;
            std::future::poll_fn(|cx| stream.poll_send(cx)).await?;
        }
        Ok(stream)
    }

    /// The socket underneath.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// What the handshake settled.
    pub fn session(&self) -> &CommonState {
        &self.tls
    }

    /// Memory of this connection's own buffers; the TLS state itself is about 3 KiB more.
    pub fn held_bytes(&self) -> usize {
        self.partial.capacity() + self.plain.capacity() + self.outgoing.capacity()
    }

    /// Reads once from the socket and lets rustls work through it. Plaintext goes to `buf`, and to `plain` what does
    /// not fit; an answer of rustls itself (a key update) is sent.
    fn poll_receive(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let kept = self.partial.len();
            let wanted = (buf.remaining() + RECORD_OVERHEAD_MAX).clamp(READ_BYTES_MIN, READ_BYTES_MAX);
            let mut read = ReadBuf::new(&mut scratch.input[kept..kept + wanted]);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut read))?;
            let end = kept + read.filled().len();
            if end == kept {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let (input, output) = scratch.begin();
            input[..kept].copy_from_slice(&self.partial);
            let processed = self.process(&mut input[..end], output, Send::Nothing, buf);
            let sent = self.send(cx, output);
            let used = processed?;
            sent?;
            if end - used > INPUT_BYTES_MAX {
                return Poll::Ready(Err(invalid("a handshake message is too long")));
            }
            if used == end {
                self.partial = Vec::new();
            } else {
                self.partial.clear();
                self.partial.extend_from_slice(&input[used..end]);
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Lets rustls work through `input` until it needs more: plaintext goes to `buf` and `plain`, what is to be sent
    /// is appended to `output`. How many bytes of the input are done with.
    fn process(
        &mut self,
        input: &mut [u8],
        output: &mut Vec<u8>,
        mut send: Send<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> io::Result<usize> {
        let mut used = 0;
        loop {
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(&mut input[used..]);
            let mut done = false;
            match state {
                Ok(ConnectionState::ReadTraffic(mut records)) => {
                    while let Some(record) = records.next_record() {
                        let payload = record.map_err(invalid)?.payload;
                        let (now, later) = payload.split_at(payload.len().min(buf.remaining()));
                        buf.put_slice(now);
                        self.plain.extend_from_slice(later);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(output, |out| data.encode(out))?,
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.ended = true,
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    match std::mem::replace(&mut send, Send::Nothing) {
                        Send::Nothing => done = true,
                        Send::Data(data) => encrypt(output, data.len(), |out| traffic.encrypt(data, out))?,
                        Send::CloseNotify => encrypt(output, 0, |out| traffic.queue_close_notify(out))?,
                    }
                }
                Ok(ConnectionState::BlockedHandshake) => done = true,
                Ok(ConnectionState::Closed) => {
                    self.ended = true;
                    if let Send::Data(_) = send {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                    done = true;
                }
                // Early data is not enabled, and there is no other state.
                Ok(_) => return Err(invalid("early data was not offered")),
                Err(error) => {
                    self.alert(&mut input[used + discard..], output);
                    return Err(invalid(error));
                }
            }
            used += discard;
            if done {
                return Ok(used);
            }
        }
    }

    /// Takes the alert that rustls has for the client after an error.
    fn alert(&mut self, rest: &mut [u8], output: &mut Vec<u8>) {
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = self.tls.process_tls_records(rest).state {
            // The error that the alert is about is told by the caller.
            let _ = encode(output, |out| data.encode(out));
        }
    }

    /// Gives `output` to the socket, behind what waits already, and keeps what it does not take.
    fn send(&mut self, cx: &mut Context<'_>, output: &[u8]) -> io::Result<()> {
        let mut given = 0;
        if let Poll::Ready(sent) = self.poll_send(cx) {
            sent?;
            while given < output.len() {
                match Pin::new(&mut self.tcp).poll_write(cx, &output[given..]) {
                    Poll::Pending => break,
                    Poll::Ready(bytes) => given += some(bytes?)?,
                }
            }
        }
        self.outgoing.extend_from_slice(&output[given..]);
        Ok(())
    }

    /// Gives what waits to the socket.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let bytes = ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.outgoing[self.sent..]))?;
            self.sent += some(bytes)?;
        }
        (self.outgoing, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Encrypts and gives to the socket.
    fn queue(&mut self, cx: &mut Context<'_>, what: Send<'_>) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            let (_, output) = scratch.begin();
            let mut partial = std::mem::take(&mut self.partial);
            let processed = self.process(&mut partial, output, what, &mut ReadBuf::new(&mut []));
            self.partial = partial;
            let sent = self.send(cx, output);
            self.partial.drain(..processed?);
            sent
        })
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buf.filled().len();
        if let Poll::Ready(sent) = self.poll_send(cx) {
            sent?;
        }
        while buf.remaining() > 0 && buf.filled().len() == filled {
            if self.taken < self.plain.len() {
                let rest = &self.plain[self.taken..];
                let now = rest.len().min(buf.remaining());
                buf.put_slice(&rest[..now]);
                self.taken += now;
            } else if self.ended {
                break;
            } else {
                (self.plain, self.taken) = (Vec::new(), 0);
                ready!(self.poll_receive(cx, buf))?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let now = &buf[..buf.len().min(WRITE_BYTES_MAX)];
        if !now.is_empty() {
            self.queue(cx, Send::Data(now))?;
        }
        Poll::Ready(Ok(now.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut slices = bufs.iter().filter(|slice| !slice.is_empty());
        let Some(first) = slices.next() else { return Poll::Ready(Ok(0)) };
        let Some(second) = slices.next() else { return self.poll_write(cx, first) };
        if first.len() >= GATHERED_BYTES_MAX {
            return self.poll_write(cx, first);
        }
        GATHERED.with_borrow_mut(|gathered| {
            gathered.clear();
            for slice in [first, second].into_iter().chain(slices) {
                let room = RECORD_BYTES_MAX - gathered.len();
                gathered.extend_from_slice(&slice[..slice.len().min(room)]);
            }
            self.poll_write(cx, gathered)
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            self.closed = true;
            self.queue(cx, Send::CloseNotify)?;
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// Appends what `write` makes, which says by its error how much room it needs.
fn encode(
    output: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> io::Result<()> {
    let start = output.len();
    let written = match write(&mut []) {
        Err(EncodeError::InsufficientSize(size)) => {
            output.resize(start + size.required_size, 0);
            write(&mut output[start..])
        }
        other => other,
    };
    output.truncate(start + written.map_err(io::Error::other)?);
    Ok(())
}

/// Appends what `write` makes of `len` bytes.
fn encrypt(
    output: &mut Vec<u8>,
    len: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> io::Result<()> {
    let start = output.len();
    output.resize(start + len + (len / RECORD_BYTES_MAX + 1) * 64, 0);
    let written = match write(&mut output[start..]) {
        Err(EncryptError::InsufficientSize(size)) => {
            output.resize(start + size.required_size, 0);
            write(&mut output[start..])
        }
        other => other,
    };
    output.truncate(start + written.map_err(io::Error::other)?);
    Ok(())
}

fn some(bytes: usize) -> io::Result<usize> {
    if bytes == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes) }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + std::marker::Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
