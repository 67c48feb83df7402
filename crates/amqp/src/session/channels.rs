//! Channels of a session: they begin with any frame on a number not in use, take methods and content, and end.

use super::Session;
use crate::channel::{Channel, State};
use crate::errors::{AmqpError, Result};
use crate::handlers;
use crate::wire::methods::{basic, channel};
use crate::wire::{ContentHeader, MethodRef};

impl Session {
    /// A frame on a number not in use makes a channel, if there may be one more.
    pub(super) fn ensure_channel(&mut self, number: u16) -> Result<()> {
        if self.channels.contains_key(&number) {
            return Ok(());
        }
        let (count, max) = (self.channels.len(), self.link.channel_max);
        if max != 0 && count >= usize::from(max) {
            return Err(AmqpError::not_allowed(format!(
                "number of channels opened ({count}) has reached the negotiated channel_max ({max})"
            )));
        }
        self.channels.insert(number, Box::new(Channel::new()));
        Ok(())
    }

    /// Closes a channel that failed with a soft error, and takes one that is over out of the map.
    pub(super) fn after_channel(&mut self, number: u16, result: Result<()>, out: &mut Vec<u8>) -> Result<()> {
        if let Err(error) = result {
            // What was read before the fault counts; if it is at fault too, it was first.
            let before = self.cx(number, out).map_or(Ok(()), |mut cx| cx.hand_over_channel());
            self.fail_channel(number, before.err().unwrap_or(error), out)?;
        }
        let Some(channel) = self.channels.get_mut(&number) else { return Ok(()) };
        if channel.waits() && !channel.is_waiting {
            channel.is_waiting = true;
            self.waiting.push(number);
        }
        self.remove_if_over(number);
        Ok(())
    }

    pub(super) fn remove_if_over(&mut self, number: u16) {
        let over = |channel: &Channel| channel.state == State::Closed && channel.gate.is_open();
        if self.channels.get(&number).is_some_and(|channel| over(channel)) {
            self.channels.remove(&number);
            // Fewer are never too many.
            let _ = self.tell_channels();
        }
    }

    /// Lets the hall know how many channels there are; it may find them too many.
    fn tell_channels(&self) -> Result<()> {
        self.hall
            .set_channels(u32::try_from(self.channels.len()).unwrap_or(u32::MAX))
            .map_err(AmqpError::from)
    }

    /// Sends `channel.close`; hard errors go on to the connection.
    fn fail_channel(&mut self, number: u16, error: AmqpError, out: &mut Vec<u8>) -> Result<()> {
        if !error.code.is_soft() {
            return Err(error);
        }
        let Some(mut cx) = self.cx(number, out) else { return Ok(()) };
        if matches!(cx.channel.state, State::Closing | State::Closed) {
            return Ok(());
        }
        tracing::info!(connection = %cx.hall.id(), channel = number, code = error.code.0, error = %error.text, "channel error");
        cx.leave(State::Closing);
        let (class_id, method_id) = error.method;
        let reply_text = error.reply_text();
        cx.reply(&channel::Close { reply_code: error.code.0, reply_text: &reply_text, class_id, method_id });
        Ok(())
    }

    pub(super) fn channel_method(
        &mut self,
        number: u16,
        raw: &MethodRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let is_settlement = matches!(raw.key(), basic::Ack::KEY | basic::Nack::KEY | basic::Reject::KEY);
        if !is_settlement && raw.key() != basic::Publish::KEY {
            self.hand_over(out)?;
        }
        let Some(mut cx) = self.cx(number, out) else { return Ok(()) };
        let at_fault = |error: AmqpError| error.at(raw.class_id, raw.method_id);
        match cx.channel.state {
            State::Closing | State::Closed => {
                match raw.key() {
                    channel::CloseOk::KEY => cx.channel.forget(State::Closed),
                    channel::Close::KEY => cx.reply(&channel::CloseOk {}),
                    _ => {}
                }
                return Ok(());
            }
            State::Starting if raw.key() != channel::Open::KEY => {
                return Err(at_fault(AmqpError::channel_error("expected 'channel.open'")));
            }
            State::Starting | State::Open => {}
        }
        if let Some(content) = &cx.channel.content {
            return Err(content.unexpected());
        }
        let method = raw.decode()?;
        handlers::dispatch(&mut cx, method).map_err(at_fault)?;
        if !cx.channel.is_dirty && cx.channel.settlements.outcome.is_some() {
            cx.channel.is_dirty = true;
            self.dirty.push(number);
        }
        if raw.key() == channel::Open::KEY {
            self.tell_channels()?;
        }
        Ok(())
    }

    pub(super) fn content_header(
        &mut self,
        number: u16,
        header: &ContentHeader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(mut cx) = self.cx(number, out) else { return Ok(()) };
        if cx.is_content_ignored()? {
            return Ok(());
        }
        let complete = cx.content_header(header)?;
        if complete { self.message_complete(number, out) } else { Ok(()) }
    }

    pub(super) fn content_body(&mut self, number: u16, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let Some(mut cx) = self.cx(number, out) else { return Ok(()) };
        if cx.is_content_ignored()? {
            return Ok(());
        }
        let complete = cx.content_body(body)?;
        if complete { self.message_complete(number, out) } else { Ok(()) }
    }
}
