//! A message that comes in pieces: method, header, body frames, in as many socket reads as it takes.

use anymq_types::record::record_len;

use crate::convert::{Envelope, Head};
use crate::errors::{AmqpError, Result};
use crate::wire::methods::basic;

/// Room made for a body before it has arrived, in bytes: a client that announces much and sends little costs little.
const RESERVE_MAX: usize = 64 << 10;

const NO_BODY: &str = "expected content body, got non content body frame instead";

/// What a channel has of a message so far.
#[derive(Debug)]
pub(crate) enum Content {
    /// The method; the header comes next.
    Method(Published),
    /// The head, and part of the body.
    Body(Assembly),
}

/// A `basic.publish` whose header has not come.
#[derive(Debug)]
pub(crate) struct Published {
    exchange: Box<str>,
    routing_key: Box<str>,
    pub(crate) mandatory: bool,
}

impl Published {
    pub(crate) fn new(publish: &basic::Publish<'_>) -> Self {
        Published {
            exchange: publish.exchange.into(),
            routing_key: publish.routing_key.into(),
            mandatory: publish.mandatory,
        }
    }

    pub(crate) fn envelope(&self) -> Envelope<'_> {
        Envelope { exchange: self.exchange.as_bytes(), routing_key: self.routing_key.as_bytes() }
    }
}

/// A record whose body is not all there.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// The record so far.
    pub(crate) record: Vec<u8>,
    pub(crate) head: Head,
    pub(crate) mandatory: bool,
}

impl Assembly {
    /// A record of which `record` is the head.
    pub(crate) fn new(mut record: Vec<u8>, head: Head, mandatory: bool) -> Self {
        // Writing the head reserves the body too.
        record.shrink_to(record.len() + RESERVE_MAX);
        Assembly { record, head, mandatory }
    }

    /// Bytes of body still to come.
    pub(crate) fn missing(&self) -> usize {
        record_len(&self.record).unwrap_or(0).saturating_sub(self.record.len())
    }

    /// Adds a body frame's bytes; whether the message is complete now.
    pub(crate) fn add(&mut self, piece: &[u8]) -> Result<bool> {
        let missing = self.missing();
        if piece.len() > missing {
            // The body was complete before this frame's end: what follows is no body to RabbitMQ.
            return Err(
                AmqpError::unexpected_frame(NO_BODY).at(basic::Publish::CLASS_ID, basic::Publish::METHOD_ID)
            );
        }
        self.record.extend_from_slice(piece);
        Ok(piece.len() == missing)
    }
}

impl Content {
    /// The error for a frame that is not the next piece of this message.
    pub(crate) fn unexpected(&self) -> AmqpError {
        let text = match self {
            Content::Method(_) => {
                "expected content header for class 60, got non content header frame instead"
            }
            Content::Body(_) => NO_BODY,
        };
        AmqpError::unexpected_frame(text).at(basic::Publish::CLASS_ID, basic::Publish::METHOD_ID)
    }
}
