//! What a handler gets to see: one channel, the hall, and where replies go.

use std::collections::VecDeque;
use std::sync::Arc;

use anymq_broker::{Delivery, Event, Fetched, HolderAbout, HolderId, Outcome, Session as Hall};
use anymq_types::{Millis, Position};

use crate::channel::content::{Assembly, Content, Published};
use crate::channel::unacked::Run;
use crate::channel::{Channel, State};
use crate::config::Config;
use crate::convert::{self, Publisher};
use crate::errors::{AmqpError, Result};
use crate::wire::methods::basic;
use crate::wire::{ContentHeader, Encode};

/// What was agreed on while the connection was opened.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Largest frame either side sends, in bytes; 0: no limit.
    pub(crate) frame_max: u32,
    /// Most channels; 0: no limit.
    pub(crate) channel_max: u16,
    /// The client wants `connection.blocked`.
    pub(crate) wants_blocked: bool,
    /// The client wants `basic.cancel` from the server.
    pub(crate) wants_cancel: bool,
}

/// One channel and its surroundings, for the time of one method.
pub(crate) struct Cx<'a> {
    pub(crate) hall: &'a Hall,
    pub(crate) config: &'a Config,
    pub(crate) link: &'a Link,
    pub(super) events: &'a mut VecDeque<Event>,
    pub(super) unwritten: &'a mut usize,
    pub(super) tokens: &'a mut u64,
    pub(super) assembling: &'a mut usize,
    pub(super) now: Millis,
    pub(crate) number: u16,
    pub(crate) channel: &'a mut Channel,
    pub(super) out: &'a mut Vec<u8>,
}

impl Cx<'_> {
    /// Replies, behind what the channel holds back.
    pub(crate) fn reply(&mut self, method: &impl Encode) {
        method.encode(self.number, self.channel.gate.sink(self.out));
    }

    /// Replies unless the client does not want to hear, once `commit` is on disk.
    pub(crate) fn reply_when(&mut self, commit: Option<Position>, nowait: bool, method: &impl Encode) {
        if nowait {
            return;
        }
        if let Some(position) = commit {
            self.channel.gate.hold_for_commit(position);
        }
        self.reply(method);
    }

    /// The scope of this channel's leases.
    pub(crate) fn holder(&self) -> Result<HolderId> {
        self.channel.holder.ok_or_else(|| AmqpError::channel_error("expected 'channel.open'"))
    }

    /// Lets operators see how the channel is set now.
    pub(crate) fn describe(&self) {
        if let Some(holder) = self.channel.holder {
            let about = HolderAbout {
                number: self.number,
                prefetch: self.channel.prefetch.into(),
                confirms: self.channel.confirms.is_some(),
                transactional: self.channel.tx.is_some(),
            };
            self.hall.describe_holder(holder, about);
        }
    }

    /// A number by which the hall refers to something of this channel. Never used twice on one connection.
    pub(crate) fn token(&mut self) -> u64 {
        *self.tokens += 1;
        u64::from(self.number) << 48 | *self.tokens & ((1 << 48) - 1)
    }

    /// The queue an empty name means: the one declared last on this channel.
    pub(crate) fn queue_name<'n>(&'n self, name: &'n str) -> Result<&'n str> {
        match (name, self.channel.last_queue.as_str()) {
            ("", "") => {
                Err(AmqpError::new(crate::wire::ReplyCode::NOT_FOUND, "no previously declared queue"))
            }
            ("", last) => Ok(last),
            (name, _) => Ok(name),
        }
    }

    /// The queue and routing key of a binding, names left out filled in.
    pub(crate) fn queue_and_key<'n>(&'n self, queue: &'n str, key: &'n str) -> Result<(&'n str, &'n str)> {
        let name = self.queue_name(queue)?;
        if name.starts_with(convert::REPLY_TO) {
            let text = "cannot bind or unbind to a volatile (direct reply-to) queue";
            return Err(AmqpError::new(crate::wire::ReplyCode::ACCESS_REFUSED, text));
        }
        Ok((name, if queue.is_empty() && key.is_empty() { name } else { key }))
    }

    /// Settles deliveries: now, with what else this read settles, or when the transaction commits.
    pub(crate) fn settle(&mut self, tag: u64, multiple: bool, outcome: Outcome) -> Result<()> {
        let channel = &mut *self.channel;
        let found = if let Some(tx) = &mut channel.tx {
            let mut leases = Vec::new();
            let taken = &mut tx.taken;
            let found = channel.unacked.take_runs(tag, multiple, |run| {
                taken.push(run);
                leases.extend(run.settled());
            });
            tx.work.settle.push((outcome, leases));
            found
        } else {
            if channel.settlements.outcome.is_some_and(|before| before != outcome) {
                self.hand_over_channel()?;
            }
            let channel = &mut *self.channel;
            channel.settlements.outcome = Some(outcome);
            channel.unacked.take(tag, multiple, &mut channel.settlements.leases)
        };
        if found { Ok(()) } else { Err(AmqpError::precondition(format!("unknown delivery tag {tag}"))) }
    }

    /// Hands over the settlements of this read.
    pub(crate) fn hand_over_settlements(&mut self) -> Result<()> {
        let Some(outcome) = self.channel.settlements.outcome.take() else { return Ok(()) };
        let holder = self.holder()?;
        // Nobody is told that an acknowledgement is durable: the position is of no interest.
        let _ = self.hall.settle(holder, outcome, &self.channel.settlements.leases);
        self.channel.settlements.leases.clear();
        Ok(())
    }

    /// Ends the channel: its consumers and leases go back to the hall, its state is forgotten.
    pub(crate) fn leave(&mut self, state: State) {
        if let Some(reply) = self.channel.reply.take() {
            self.hall.close_reply_address(&reply.suffix);
        }
        if let Some(holder) = self.channel.holder.take() {
            self.hall.close_holder(holder);
        }
        self.forget_content();
        self.channel.forget(state);
    }

    /// Writes a run of deliveries.
    pub(crate) fn deliver(&mut self, delivery: &Delivery) {
        let bytes = delivery.records.len();
        let channel = &mut *self.channel;
        let Some(consumer) = channel.consumers.get(&delivery.token) else {
            // The channel was closed, and perhaps opened again, since the hall handed this over.
            self.hall.outbox().written(bytes);
            return;
        };
        let first = channel.next_tag;
        channel.next_tag += u64::from(delivery.count);
        let sink = channel.gate.sink(self.out);
        convert::encode_deliveries(delivery, &consumer.tag, self.number, first, self.link.frame_max, sink);
        *self.unwritten += bytes;
        if !delivery.auto_ack {
            channel.unacked.push(run(first, delivery));
        }
    }

    /// Writes the deliveries to one consumer that the hall has handed over already.
    pub(crate) fn deliver_rest(&mut self, token: u64) {
        let mut new = Vec::new();
        self.hall.outbox().drain(&mut new);
        self.events.extend(new);
        for event in std::mem::take(self.events) {
            match event {
                Event::Delivery(delivery) if delivery.token == token => self.deliver(&delivery),
                other => self.events.push_back(other),
            }
        }
    }

    /// Answers `basic.get`, at once or when the message has been read.
    pub(crate) fn answer_get(&mut self, fetched: Fetched, token: u64) {
        match fetched {
            Fetched::Later => self.channel.gate.hold_for_fetch(token),
            Fetched::Empty => self.reply(&basic::GetEmpty::default()),
            Fetched::Message(delivery, left) => {
                let tag = self.take_fetched(&delivery);
                let sink = self.channel.gate.sink(self.out);
                convert::encode_fetched(&delivery, self.number, tag, left, self.link.frame_max, sink);
            }
        }
    }

    /// The answer to a `basic.get` that had to wait for the disk.
    pub(crate) fn fetched(&mut self, token: u64, message: Option<(Delivery, u64)>) {
        let (number, frame_max) = (self.number, self.link.frame_max);
        match message {
            None => {
                self.channel.gate.answer(token, |out| basic::GetEmpty::default().encode(number, out));
            }
            Some((delivery, left)) => {
                let tag = self.channel.next_tag;
                let write =
                    |out: &mut Vec<u8>| convert::encode_fetched(&delivery, number, tag, left, frame_max, out);
                if self.channel.gate.answer(token, write) {
                    *self.unwritten += delivery.records.len();
                    self.take_fetched(&delivery);
                } else {
                    self.hall.outbox().written(delivery.records.len());
                }
            }
        }
    }

    /// Notes a fetched message; its delivery tag.
    fn take_fetched(&mut self, delivery: &Delivery) -> u64 {
        let tag = self.channel.next_tag;
        self.channel.next_tag += 1;
        if !delivery.auto_ack {
            self.channel.unacked.push(run(tag, delivery));
        }
        tag
    }

    /// The hall has ended a consumer: its queue is gone.
    pub(crate) fn cancelled(&mut self, token: u64) {
        let Some(consumer) = self.channel.consumers.remove(&token) else { return };
        self.channel.tags.remove(&consumer.tag);
        if self.link.wants_cancel {
            self.reply(&basic::Cancel { consumer_tag: &consumer.tag, nowait: true });
        }
    }

    /// What the head of a published message depends on.
    pub(crate) fn publisher(&self) -> Publisher<'_> {
        Publisher {
            user: self.hall.user(),
            impersonator: self.hall.may_impersonate(),
            now: self.now,
            message_bytes_max: self.hall.bounds().message_bytes_max,
            reply_address: self.channel.reply.as_ref().map(|reply| reply.address.as_str()),
        }
    }

    /// Content on a channel that is closing is passed over; on one not open it is an error.
    pub(super) fn is_content_ignored(&self) -> Result<bool> {
        match self.channel.state {
            State::Closing | State::Closed => Ok(true),
            State::Starting | State::Open if self.channel.content.is_none() => {
                Err(AmqpError::unexpected_frame("expected method frame, got non method frame instead"))
            }
            State::Starting | State::Open => Ok(false),
        }
    }

    /// Begins a message.
    pub(crate) fn begin_content(&mut self, publish: &basic::Publish<'_>) {
        self.channel.content = Some(Box::new(Content::Method(Published::new(publish))));
    }

    /// Takes a content header; whether the message is complete with it.
    pub(super) fn content_header(&mut self, header: &ContentHeader<'_>) -> Result<bool> {
        let Some(content) = self.channel.content.take() else { return Ok(false) };
        let Content::Method(published) = &*content else { return Err(content.unexpected()) };
        let mut record = Vec::new();
        let head = convert::encode_head(published.envelope(), header, &self.publisher(), &mut record)
            .map_err(|error| error.at(basic::Publish::CLASS_ID, basic::Publish::METHOD_ID))?;
        let assembly = Assembly::new(record, head, published.mandatory);
        let missing = assembly.missing();
        *self.assembling += missing;
        let max = 2 * self.publisher().message_bytes_max;
        let is_too_much = *self.assembling > max;
        self.channel.content = Some(Box::new(Content::Body(assembly)));
        if is_too_much {
            let text = format!("more than {max} bytes of unfinished messages on one connection");
            return Err(AmqpError::new(crate::wire::ReplyCode::RESOURCE_ERROR, text));
        }
        Ok(missing == 0)
    }

    /// Takes a piece of a body; whether the message is complete with it.
    pub(super) fn content_body(&mut self, piece: &[u8]) -> Result<bool> {
        match self.channel.content.as_deref_mut() {
            Some(Content::Body(assembly)) => {
                let complete = assembly.add(piece)?;
                *self.assembling -= piece.len();
                Ok(complete)
            }
            Some(content @ Content::Method(_)) => Err(content.unexpected()),
            None => Ok(false),
        }
    }

    /// Drops a message of which parts are missing.
    fn forget_content(&mut self) {
        if let Some(Content::Body(assembly)) = self.channel.content.take().as_deref() {
            *self.assembling -= assembly.missing();
        }
    }

    /// A consumer tag for a client that gave none: unique on this connection.
    pub(crate) fn make_tag(&self, token: u64) -> Arc<str> {
        let (connection, now) = (self.hall.id().0, self.now.0);
        crate::names::generate("amq.ctag-", [connection << 32 ^ now, token])
    }
}

fn run(tag: u64, delivery: &Delivery) -> Run {
    Run { tag, offset: delivery.first.0, queue: delivery.queue, count: delivery.count }
}
