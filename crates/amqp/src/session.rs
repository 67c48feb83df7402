//! An open connection as a state machine: bytes and events in, bytes out. No I/O, no clock of its own.
//!
//! A socket read is decoded whole. Publishes are collected into a chunk of records per channel and settlements into a
//! list; both are handed to the hall when the read is done, or before anything else is asked of it. What must wait for
//! the disk waits in its channel; the other channels go on.

mod channels;
mod cx;
mod flush;
mod publish;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anymq_broker::{Delivery, Event, HolderId, Session as Hall, Token};
use anymq_types::Millis;

pub(crate) use self::cx::{Cx, Link};
use crate::channel::Channel;
use crate::config::Config;
use crate::errors::{AmqpError, Result};
use crate::wire::methods::{basic, connection};
use crate::wire::{Encode, Frame, Method, MethodRef, Payload, Snippet, WholePublish, parse_frame};

/// Output of one connection beyond which no more deliveries are encoded, in bytes.
pub(crate) const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// Output held back on one channel beyond which the connection takes no more input, in bytes.
const HELD_BYTES_MAX: usize = 1 << 20;

/// What the connection must do because of what it read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Go on.
    Continue,
    /// The client closed the connection.
    Close,
    /// Verify this token, then call [`Session::renewed`].
    Renew(Vec<u8>),
}

/// An open connection.
pub(crate) struct Session {
    hall: Hall,
    config: Arc<Config>,
    link: Link,
    channels: HashMap<u16, Box<Channel>>,
    /// Channels with messages or settlements to hand over.
    dirty: Vec<u16>,
    /// Channels that wait for the disk.
    waiting: Vec<u16>,
    /// What the hall has told and is not told on.
    events: VecDeque<Event>,
    /// Bytes of records encoded and not yet reported as written.
    unwritten: usize,
    /// Channel numbers and this make tokens.
    tokens: u64,
    /// Bytes of messages of which parts are still to come.
    assembling: usize,
    now: Millis,
    /// Told the client that it is blocked.
    blocked: bool,
    /// What was read last was not taken in to its end: its first publish waits for the alarm's end.
    held: bool,
    /// The client has published: alarms concern it.
    publishes: bool,
}

impl Session {
    /// A session over an open hall session.
    pub(crate) fn new(hall: Hall, config: Arc<Config>, link: Link) -> Self {
        Session {
            hall,
            config,
            link,
            channels: HashMap::new(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            events: VecDeque::new(),
            unwritten: 0,
            tokens: 0,
            assembling: 0,
            now: Millis(0),
            blocked: false,
            held: false,
            publishes: false,
        }
    }

    /// The hall's side.
    pub(crate) fn hall(&self) -> &Hall {
        &self.hall
    }

    /// Takes in whole frames from byte `at` of `buf`, which it moves on; what to do next.
    ///
    /// # Errors
    /// Whatever closes the connection.
    pub(crate) fn input(&mut self, buf: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<Next> {
        self.now = self.hall.bounds().now;
        let result = self.frames(buf, at, out);
        // What was read before an error that closes the connection counts.
        let handed_over = self.hand_over(out);
        self.release(out);
        result.and_then(|next| handed_over.map(|()| next))
    }

    fn frames(&mut self, buf: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<Next> {
        let mut next = Next::Continue;
        while next == Next::Continue {
            let rest = &buf[*at..];
            let whole = WholePublish::parse(rest, self.link.frame_max);
            if whole.is_some() && self.holds_back(out) {
                break;
            }
            if let Some((publish, len)) = whole
                && self.publish_at_once(&publish, out)?
            {
                *at += len;
                continue;
            }
            let Some((frame, len)) = parse_frame(rest, self.link.frame_max)? else { break };
            if is_publish(&frame.payload) && self.holds_back(out) {
                break;
            }
            *at += len;
            next = self.frame(&frame, out)?;
        }
        Ok(next)
    }

    /// A publish comes next: whether it has to wait. The first one makes the connection a publisher's, which an alarm holds back.
    fn holds_back(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.publishes {
            self.publishes = true;
            self.block(out);
            self.held = self.blocked;
        }
        self.held
    }

    /// Whether input that was held back may be taken in now; asked once.
    pub(crate) fn resumes(&mut self) -> bool {
        self.held && self.takes_input() && std::mem::take(&mut self.held)
    }

    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<Next> {
        if frame.channel == 0 {
            return match &frame.payload {
                Payload::Heartbeat => Ok(Next::Continue),
                Payload::Method(method) => self.connection_method(method, out),
                Payload::Header(_) | Payload::Body(_) => Err(unexpected(&frame.payload)),
            };
        }
        if matches!(frame.payload, Payload::Heartbeat) {
            return Err(unexpected(&frame.payload));
        }
        let number = frame.channel;
        self.ensure_channel(number)?;
        let result = match &frame.payload {
            Payload::Method(method) => self.channel_method(number, method, out),
            Payload::Header(header) => self.content_header(number, header, out),
            Payload::Body(body) => self.content_body(number, body, out),
            Payload::Heartbeat => Ok(()),
        };
        self.after_channel(number, result, out)?;
        Ok(Next::Continue)
    }

    fn connection_method(&mut self, method: &MethodRef<'_>, out: &mut Vec<u8>) -> Result<Next> {
        self.hand_over(out)?;
        match method.decode()? {
            Method::ConnectionClose(_) => Ok(Next::Close),
            Method::ConnectionUpdateSecret(update) if self.hall.has_token() => {
                Ok(Next::Renew(update.new_secret.to_vec()))
            }
            Method::ConnectionUpdateSecret(_) => {
                // Logins by password and certificate do not expire: there is nothing to renew and nothing to prove.
                connection::UpdateSecretOk {}.encode(0, out);
                Ok(Next::Continue)
            }
            other => Err(AmqpError::channel_error("unexpected method in connection state running")
                .at((other.key() >> 16) as u16, other.key() as u16)),
        }
    }

    /// The token of a new secret was verified, or not.
    ///
    /// # Errors
    /// If it was refused.
    pub(crate) fn renewed(
        &mut self,
        verified: anymq_broker::Result<Arc<Token>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        verified.and_then(|token| self.hall.renew(token)).map_err(|_| {
            AmqpError::not_allowed("New secret was refused by one of the backends")
                .at(connection::UpdateSecret::CLASS_ID, connection::UpdateSecret::METHOD_ID)
        })?;
        connection::UpdateSecretOk {}.encode(0, out);
        Ok(())
    }

    /// Everything a handler needs of channel `number`.
    fn cx<'a>(&'a mut self, number: u16, out: &'a mut Vec<u8>) -> Option<Cx<'a>> {
        let channel = self.channels.get_mut(&number)?;
        Some(Cx {
            hall: &self.hall,
            config: &self.config,
            link: &self.link,
            events: &mut self.events,
            unwritten: &mut self.unwritten,
            tokens: &mut self.tokens,
            assembling: &mut self.assembling,
            now: self.now,
            number,
            channel,
            out,
        })
    }

    /// Takes the hall's events and writes them, as far as there is room for output.
    ///
    /// # Errors
    /// If somebody closed this connection.
    pub(crate) fn events(&mut self, new: &mut Vec<Event>, out: &mut Vec<u8>) -> Result<()> {
        self.events.extend(new.drain(..));
        self.release(out);
        self.block(out);
        while out.len() < OUTPUT_BYTES_MAX
            && self.unwritten < 4 * OUTPUT_BYTES_MAX
            && let Some(event) = self.events.pop_front()
        {
            match event {
                Event::Delivery(delivery) => match self.cx(channel_of(delivery.token), out) {
                    Some(mut cx) => cx.deliver(&delivery),
                    None => self.drop_delivery(&delivery),
                },
                Event::Fetched { token, message } => match (self.cx(channel_of(token), out), message) {
                    (Some(mut cx), message) => cx.fetched(token, message),
                    (None, Some((delivery, _))) => self.drop_delivery(&delivery),
                    (None, None) => {}
                },
                Event::Cancelled { token } => {
                    if let Some(mut cx) = self.cx(channel_of(token), out) {
                        cx.cancelled(token);
                    }
                }
                Event::TimedOut { holder, timeout_ms } => self.timed_out(holder, timeout_ms, out)?,
                // Answers to what this door does not ask.
                Event::Loaded(_) | Event::Group { .. } => {}
                Event::Close { reason } => {
                    return Err(AmqpError::new(crate::wire::ReplyCode::CONNECTION_FORCED, reason));
                }
            }
        }
        self.release(out);
        Ok(())
    }

    /// The hall has closed a channel's holder: nobody acknowledged in time. The channel is closed, unless it is already.
    fn timed_out(&mut self, holder: HolderId, timeout_ms: u64, out: &mut Vec<u8>) -> Result<()> {
        let found = self.channels.iter().find(|(_, channel)| channel.holder == Some(holder));
        let Some(number) = found.map(|(number, _)| *number) else { return Ok(()) };
        let error = AmqpError::precondition(format!(
            "delivery acknowledgement on channel {number} timed out. Timeout value used: {timeout_ms} ms. This timeout value can be configured, see consumers doc guide to learn more"
        ));
        self.after_channel(number, Err(error), out)
    }

    /// There are events that could be written now.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn drop_delivery(&self, delivery: &Delivery) {
        self.hall.outbox().written(delivery.records.len());
    }

    /// All output has left: the hall may hand over as much again.
    pub(crate) fn written(&mut self) {
        let held: usize =
            self.waiting.iter().filter_map(|n| self.channels.get(n)).map(|c| c.gate.len()).sum();
        // What is held back is still here, even if the socket is empty.
        if held < OUTPUT_BYTES_MAX && self.unwritten > 0 {
            self.hall.outbox().written(std::mem::take(&mut self.unwritten));
        }
    }

    /// Whether the socket may be read: not while publishers are held back, the journal is behind, or too much output
    /// waits for the disk.
    pub(crate) fn takes_input(&mut self) -> bool {
        let held = |n: &u16| self.channels.get(n).is_some_and(|channel| channel.gate.len() > HELD_BYTES_MAX);
        let behind = self.publishes && self.hall.congested();
        !(self.blocked || behind || self.waiting.iter().any(held))
    }

    /// Tells a publisher that it is blocked, or no longer.
    fn block(&mut self, out: &mut Vec<u8>) {
        if !self.publishes {
            return;
        }
        let alarms = self.hall.alarms();
        if alarms.any() != self.blocked {
            self.blocked = alarms.any();
            match (self.link.wants_blocked, self.blocked) {
                (true, true) => connection::Blocked { reason: &alarms.reason() }.encode(0, out),
                (true, false) => connection::Unblocked {}.encode(0, out),
                (false, _) => {}
            }
        }
    }
}

fn is_publish(payload: &Payload<'_>) -> bool {
    matches!(payload, Payload::Method(method) if method.key() == basic::Publish::KEY)
}

/// The channel of a token made by [`Cx::token`].
fn channel_of(token: u64) -> u16 {
    (token >> 48) as u16
}

/// A frame of a kind that has no place on its channel; told as RabbitMQ tells it.
fn unexpected(payload: &Payload<'_>) -> AmqpError {
    AmqpError::unexpected_frame(match payload {
        Payload::Body(body) => format!("type 3, {}", Snippet::of(body)),
        Payload::Header(header) => {
            format!("type 2, a content header of {} bytes of properties", header.props.len())
        }
        Payload::Method(_) => "type 1, a method".to_owned(),
        Payload::Heartbeat => format!("type 8, {}", Snippet::of(&[])),
    })
}
