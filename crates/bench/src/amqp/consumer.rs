//! A connection that consumes: times each message by the due time in its body, and acknowledges.

use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result, bail};
use anymq_amqp::wire::methods::basic;
use anymq_amqp::wire::{Encode, Frame, Payload};

use super::connection::{Connection, aside};
use super::control::CHANNEL;
use super::load::Load;
use crate::clock::Nanos;
use crate::live::Live;
use crate::result::Tally;
use crate::socket::Io;
use crate::worker::Member;

/// Acks waiting for the socket before nothing more is read.
const UNSENT_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
enum Acks {
    None,
    Each,
    /// One for all messages of a read.
    Multiple,
}

/// Consuming side of a run.
#[derive(Debug)]
pub(crate) struct Consumer {
    connection: Connection,
    acks: Acks,
    /// Times in the bodies are of this run, not of an earlier one that filled the queue.
    timed: bool,
    incoming: Incoming,
    /// Highest tag seen.
    tag: u64,
}

/// The message whose frames are arriving.
#[derive(Debug, Default)]
struct Incoming {
    tag: u64,
    /// Bytes of body to come.
    rest: u64,
    /// The due time, once the first piece of the body is here.
    due: Option<Nanos>,
}

impl Consumer {
    pub(crate) fn new(connection: Connection, load: &Load) -> Consumer {
        let acks = match (load.auto_ack, load.ack_multiple) {
            (true, _) => Acks::None,
            (false, true) => Acks::Multiple,
            (false, false) => Acks::Each,
        };
        let timed = load.producers > 0;
        Consumer { connection, acks, timed, incoming: Incoming::default(), tag: 0 }
    }

    fn take(&mut self, live: &Live, tally: &mut Tally) -> Result<()> {
        let now = live.clock.now();
        let (incoming, acks, timed) = (&mut self.incoming, self.acks, self.timed);
        let (mut count, mut last) = (0, self.tag);
        self.connection.frames(|frame, out| {
            let Some(due) = incoming.piece(&frame)? else { return Ok(()) };
            count += 1;
            last = incoming.tag;
            tally.latency(now.saturating_sub(due), timed && live.is_measured(due));
            if let Acks::Each = acks {
                basic::Ack { delivery_tag: last, multiple: false }.encode(CHANNEL, out);
            }
            Ok(())
        })?;
        self.tag = last;
        if let (Acks::Multiple, true) = (acks, count > 0) {
            basic::Ack { delivery_tag: last, multiple: true }
                .encode(CHANNEL, &mut self.connection.socket.outbox.bytes);
        }
        tally.delivered += if live.is_measured(now) { count } else { 0 };
        live.delivered.fetch_add(count, Relaxed);
        Ok(())
    }
}

impl Member for Consumer {
    fn stream(&self) -> &TcpStream {
        &self.connection.socket.stream
    }

    fn turn(&mut self, readable: &mut bool, live: &Live, tally: &mut Tally) -> Result<Io> {
        // A server may stop taking acks until its deliveries are read, so reading goes on, but acks do not pile up.
        self.connection.socket.flush()?;
        if self.connection.socket.outbox.unsent() > UNSENT_BYTES_MAX {
            return Ok(Io::Blocked);
        }
        if *readable {
            *readable = self.connection.socket.fill()? == Io::Again;
            self.take(live, tally)?;
            self.connection.socket.flush()?;
        }
        Ok(if *readable { Io::Again } else { Io::Blocked })
    }

    fn close(self) -> Result<()> {
        self.connection.close()
    }
}

impl Incoming {
    /// Takes one frame; the due time if it was the message's last.
    #[inline]
    fn piece(&mut self, frame: &Frame<'_>) -> Result<Option<Nanos>> {
        match frame.payload {
            Payload::Method(method) if method.key() == basic::Deliver::KEY => {
                // Only the tag is wanted, which stands after the consumer tag; the names need no decoding.
                let args = method.args;
                let tag =
                    args.split_first().and_then(|(len, rest)| rest.get(usize::from(*len)..)?.first_chunk());
                self.tag = u64::from_be_bytes(*tag.context("the server sent a delivery without a tag")?);
                Ok(None)
            }
            Payload::Header(header) => {
                self.rest = header.body_size;
                self.due = None;
                if self.rest == 0 {
                    bail!("a message without a body: the queue is used by somebody else");
                }
                Ok(None)
            }
            Payload::Body(body) => {
                if self.due.is_none() {
                    let time = body
                        .first_chunk()
                        .context("a message without a time: the queue is used by somebody else")?;
                    self.due = Some(u64::from_be_bytes(*time));
                }
                self.rest = self.rest.saturating_sub(body.len() as u64);
                Ok(if self.rest == 0 { self.due } else { None })
            }
            Payload::Method(method) => aside(&method).map(|()| None),
            Payload::Heartbeat => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use anymq_amqp::wire::{Deliver, parse_frame};

    use super::*;

    /// Due times that come out of these bytes.
    fn times(bytes: &[u8]) -> Vec<(u64, Nanos)> {
        let (mut incoming, mut rest, mut times) = (Incoming::default(), bytes, Vec::new());
        while let Some((frame, taken)) = parse_frame(rest, 0).expect("valid frames") {
            if let Some(due) = incoming.piece(&frame).expect("a message") {
                times.push((incoming.tag, due));
            }
            rest = &rest[taken..];
        }
        times
    }

    fn deliver(delivery_tag: u64, body: &[u8], frame_max: u32, out: &mut Vec<u8>) {
        let (consumer_tag, exchange, routing_key, props) = (&b"ctag"[..], &b""[..], &b"q"[..], &[0, 0][..]);
        Deliver {
            channel: CHANNEL,
            consumer_tag,
            delivery_tag,
            redelivered: false,
            exchange,
            routing_key,
            props,
            body,
        }
        .encode(frame_max, out);
    }

    #[test]
    fn a_message_is_complete_with_its_last_piece() {
        let mut bytes = Vec::new();
        deliver(1, &7_u64.to_be_bytes(), 4096, &mut bytes);
        let mut large = 9_u64.to_be_bytes().to_vec();
        large.resize(10_000, b'x');
        deliver(2, &large, 4096, &mut bytes);
        assert_eq!(times(&bytes), [(1, 7), (2, 9)]);
    }
}
