//! Messages on their way in: the fast path for those that are whole in one read, and the end of the slow one.

use anymq_broker::PublishBatch;

use super::{Cx, Session};
use crate::channel::content::Content;
use crate::channel::{Mandatory, State};
use crate::convert::{self, Envelope, Head};
use crate::errors::{AmqpError, Result};
use crate::wire::methods::basic;
use crate::wire::{ReplyCode, WholePublish};

/// A channel's messages are handed over at this size, in bytes, even if the socket read has more.
const BATCH_BYTES_MAX: usize = 256 << 10;

impl Session {
    /// Takes a message that is whole: no copy but the one into the chunk. Whether it did; if not, its frames are to be
    /// taken one by one.
    pub(super) fn publish_at_once(&mut self, publish: &WholePublish<'_>, out: &mut Vec<u8>) -> Result<bool> {
        let number = publish.channel;
        let Some(mut cx) = self.cx(number, out) else { return Ok(false) };
        if cx.channel.state != State::Open || cx.channel.content.is_some() {
            return Ok(false);
        }
        let envelope = Envelope { exchange: publish.exchange, routing_key: publish.routing_key };
        let result = cx
            .add_message(publish.mandatory, |cx, chunk| {
                let head = convert::encode_head(envelope, &publish.header, &cx.publisher(), chunk)?;
                chunk.extend_from_slice(publish.body);
                Ok(head)
            })
            .map_err(|error| error.at(basic::Publish::CLASS_ID, basic::Publish::METHOD_ID));
        self.after_publish(number, result, out)?;
        Ok(true)
    }

    /// The last piece of a message has come.
    pub(super) fn message_complete(&mut self, number: u16, out: &mut Vec<u8>) -> Result<()> {
        let Some(mut cx) = self.cx(number, out) else { return Ok(()) };
        let Some(content) = cx.channel.content.take() else { return Ok(()) };
        let Content::Body(assembly) = *content else { return Err(content.unexpected()) };
        let result = cx.add_message(assembly.mandatory, |_, chunk| {
            if chunk.is_empty() {
                *chunk = assembly.record;
            } else {
                chunk.extend_from_slice(&assembly.record);
            }
            Ok(assembly.head)
        });
        self.after_publish(number, result, out)
    }

    fn after_publish(&mut self, number: u16, result: Result<()>, out: &mut Vec<u8>) -> Result<()> {
        if result.is_err() {
            // What was read before goes first, as its confirms would.
            self.hand_over(out)?;
            return self.after_channel(number, result, out);
        }
        let Some(channel) = self.channels.get_mut(&number) else { return Ok(()) };
        let is_full = channel.batch.messages.chunk.len() >= BATCH_BYTES_MAX;
        if !channel.is_dirty && !channel.batch.messages.is_empty() {
            channel.is_dirty = true;
            self.dirty.push(number);
        }
        if is_full { self.hand_over(out) } else { Ok(()) }
    }
}

impl Cx<'_> {
    /// Adds a message, whose record `write` appends, to this read's messages or to the transaction.
    fn add_message(
        &mut self,
        mandatory: bool,
        write: impl FnOnce(&Self, &mut Vec<u8>) -> Result<Head>,
    ) -> Result<()> {
        let (mut messages, mut copies) = match &mut self.channel.tx {
            Some(tx) => (std::mem::take(&mut tx.work.publish), std::mem::take(&mut tx.mandatory)),
            None => (
                std::mem::take(&mut self.channel.batch.messages),
                std::mem::take(&mut self.channel.batch.mandatory),
            ),
        };
        let result = append(&mut messages, &mut copies, mandatory, |chunk| write(self, chunk));
        let is_first = messages.items.len() == 1;
        let channel = &mut *self.channel;
        if let Some(tx) = &mut channel.tx {
            let (size, max) = (messages.chunk.len(), self.config.transaction_bytes_max);
            (tx.work.publish, tx.mandatory) = (messages, copies);
            if size > max.as_usize() {
                let text =
                    format!("transaction of {size} bytes is larger than configured max size {}", max.get());
                return Err(AmqpError::new(ReplyCode::PRECONDITION_FAILED, text));
            }
            result?;
            // What cannot be published is told at once, not at the commit.
            let last = tx.work.publish.items.len() - 1;
            return self.hall.check_publish(&tx.work.publish, last).map_err(AmqpError::from);
        }
        (channel.batch.messages, channel.batch.mandatory) = (messages, copies);
        result?;
        if let Some(confirms) = &mut channel.confirms {
            let seq = confirms.assign();
            channel.batch.messages.confirms = true;
            if is_first {
                channel.batch.first_seq = seq;
            }
        }
        Ok(())
    }
}

fn append(
    messages: &mut PublishBatch,
    copies: &mut Mandatory,
    mandatory: bool,
    write: impl FnOnce(&mut Vec<u8>) -> Result<Head>,
) -> Result<()> {
    let start = messages.chunk.len();
    let head = write(&mut messages.chunk)?;
    messages.push(start, head.extra_keys);
    if mandatory && let Some(item) = messages.items.last_mut() {
        item.mandatory = true;
        copies.keep(messages.items.len() - 1, &messages.chunk[start..]);
    }
    Ok(())
}
