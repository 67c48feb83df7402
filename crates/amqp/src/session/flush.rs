//! Handing over to the hall what one socket read contained, and letting out what waits for the disk.

use anymq_broker::{Outcome, Published};
use anymq_types::record::Record;

use super::{Cx, Session};
use crate::channel::{Batch, Mandatory};
use crate::convert;
use crate::errors::{AmqpError, Result};
use crate::wire::methods::basic;

impl Session {
    /// Hands over all messages and settlements that were read.
    ///
    /// # Errors
    /// Whatever closes the connection; a soft error closes its channel.
    pub(super) fn hand_over(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let mut first = 0;
        while let Some(&number) = self.dirty.get(first) {
            first += 1;
            let Some(mut cx) = self.cx(number, out) else { continue };
            cx.channel.is_dirty = false;
            let result = cx.hand_over_channel();
            self.after_channel(number, result, out)?;
        }
        self.dirty.clear();
        Ok(())
    }

    /// Lets out what no longer has to wait.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        if self.waiting.is_empty() {
            return;
        }
        let committed = self.hall.committed();
        for number in std::mem::take(&mut self.waiting) {
            let Some(channel) = self.channels.get_mut(&number) else { continue };
            channel.release(committed, number, out);
            channel.is_waiting = channel.waits();
            if channel.is_waiting {
                self.waiting.push(number);
            }
            self.remove_if_over(number);
        }
    }
}

impl Cx<'_> {
    /// Hands over what was read on this channel: messages, then settlements, in one call and one journal group. In whichever
    /// order they were sent, none of them is on disk without those before it.
    pub(super) fn hand_over_channel(&mut self) -> Result<()> {
        if self.channel.batch.messages.is_empty() {
            return self.hand_over_settlements();
        }
        let published = match self.channel.settlements.outcome.take() {
            None => self.hall.publish(&mut self.channel.batch.messages),
            Some(outcome) => {
                let holder = self.holder()?;
                let channel = &mut *self.channel;
                let (messages, leases) = (&mut channel.batch.messages, &mut channel.settlements.leases);
                let published = self.hall.publish_and_settle(messages, holder, outcome, leases);
                leases.clear();
                published
            }
        };
        let Batch { first_seq, mandatory, .. } = std::mem::take(&mut self.channel.batch);
        self.return_unroutable(&published, &mandatory);
        if let Some(confirms) = &mut self.channel.confirms {
            confirms.settle_batch(first_seq, &published);
        }
        match published.error {
            Some(error) => {
                Err(AmqpError::from(error).at(basic::Publish::CLASS_ID, basic::Publish::METHOD_ID))
            }
            None => Ok(()),
        }
    }

    /// Sends mandatory messages back that reached no queue.
    pub(crate) fn return_unroutable(&mut self, published: &Published, mandatory: &Mandatory) {
        for message in &published.unroutable {
            if let Some(record) = mandatory.find(*message).and_then(Record::parse) {
                let sink = self.channel.gate.sink(self.out);
                convert::encode_return(&record, self.number, self.link.frame_max, sink);
            }
        }
    }

    /// Gives back everything that is not settled, to be delivered again.
    pub(crate) fn requeue_unacked(&mut self) -> Result<()> {
        self.hand_over_settlements()?;
        let holder = self.holder()?;
        let mut leases = Vec::new();
        self.channel.unacked.take_all(&mut leases);
        let _ = self.hall.settle(holder, Outcome::Requeue, &leases);
        Ok(())
    }
}
