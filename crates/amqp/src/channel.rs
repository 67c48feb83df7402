//! What a connection remembers of one channel.

pub(crate) mod confirms;
pub(crate) mod content;
pub(crate) mod gate;
pub(crate) mod unacked;

use std::collections::HashMap;
use std::sync::Arc;

use anymq_broker::{HolderId, Outcome, PublishBatch, Settled, Transaction};
use anymq_types::{ConsumerId, Position};

use self::confirms::Confirms;
use self::content::Content;
use self::gate::Gate;
use self::unacked::{Run, Unacked};

/// How far a channel's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A frame came, `channel.open` did not.
    Starting,
    Open,
    /// We sent `channel.close`: everything is ignored until the client answers.
    Closing,
    /// Over; kept until its last output is out.
    Closed,
}

/// A subscription of this channel.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) tag: Arc<str>,
    /// The hall's id; none for the reply consumer.
    pub(crate) id: Option<ConsumerId>,
}

/// The channel's reply consumer (direct reply-to).
#[derive(Debug)]
pub(crate) struct ReplyConsumer {
    /// Opaque end of its address.
    pub(crate) suffix: String,
    /// The whole address, as it stands in `reply-to`.
    pub(crate) address: String,
}

/// Messages read from the socket and not handed to the hall yet.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) messages: PublishBatch,
    /// Sequence number of the first, if the channel confirms.
    pub(crate) first_seq: u64,
    pub(crate) mandatory: Mandatory,
}

/// Copies of mandatory messages, in case they come back.
#[derive(Debug, Default)]
pub(crate) struct Mandatory {
    /// Records back to back.
    pub(crate) records: Vec<u8>,
    /// Which message of the batch begins where in `records`; rising.
    pub(crate) index: Vec<(u32, u32)>,
}

impl Mandatory {
    /// Keeps a copy of message number `message` of the batch.
    pub(crate) fn keep(&mut self, message: usize, record: &[u8]) {
        // A batch is handed over long before either outgrows 32 bits.
        self.index.push((message as u32, self.records.len() as u32));
        self.records.extend_from_slice(record);
    }

    /// The copy of message number `message`, and what follows it.
    pub(crate) fn find(&self, message: u32) -> Option<&[u8]> {
        let at = self.index.binary_search_by_key(&message, |(message, _)| *message).ok()?;
        self.records.get(self.index[at].1 as usize..)
    }
}

/// A transaction not committed yet.
#[derive(Debug, Default)]
pub(crate) struct Tx {
    pub(crate) work: Transaction,
    pub(crate) mandatory: Mandatory,
    /// Deliveries settled in it, to be given back on rollback.
    pub(crate) taken: Vec<Run>,
}

/// Settlements read from the socket and not handed to the hall yet: all of one outcome.
#[derive(Debug, Default)]
pub(crate) struct Settlements {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) leases: Vec<Settled>,
}

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) state: State,
    /// Its leases' scope in the hall, once open.
    pub(crate) holder: Option<HolderId>,
    pub(crate) gate: Gate,
    pub(crate) confirms: Option<Box<Confirms>>,
    pub(crate) tx: Option<Box<Tx>>,
    pub(crate) unacked: Unacked,
    /// The next delivery's tag.
    pub(crate) next_tag: u64,
    pub(crate) consumers: HashMap<u64, Consumer>,
    pub(crate) tags: HashMap<Arc<str>, u64>,
    pub(crate) reply: Option<Box<ReplyConsumer>>,
    /// Prefetch count of consumers still to come.
    pub(crate) prefetch: u16,
    /// The queue declared last: what an empty queue name means.
    pub(crate) last_queue: String,
    /// A message of which parts are still to come.
    pub(crate) content: Option<Box<Content>>,
    pub(crate) batch: Batch,
    pub(crate) settlements: Settlements,
    /// It is in the session's list of channels with something to hand over.
    pub(crate) is_dirty: bool,
    /// It is in the session's list of channels that wait for the disk.
    pub(crate) is_waiting: bool,
}

impl Channel {
    /// A channel on which nothing has happened.
    pub(crate) fn new() -> Self {
        Channel {
            state: State::Starting,
            holder: None,
            gate: Gate::default(),
            confirms: None,
            tx: None,
            unacked: Unacked::default(),
            next_tag: 1,
            consumers: HashMap::new(),
            tags: HashMap::new(),
            reply: None,
            prefetch: 0,
            last_queue: String::new(),
            content: None,
            batch: Batch::default(),
            settlements: Settlements::default(),
            is_dirty: false,
            is_waiting: false,
        }
    }

    /// Forgets everything that a closed channel does not have, output held back excepted.
    pub(crate) fn forget(&mut self, state: State) {
        let gate = std::mem::take(&mut self.gate);
        let (is_dirty, is_waiting) = (self.is_dirty, self.is_waiting);
        *self = Channel { state, gate, is_dirty, is_waiting, ..Channel::new() };
    }

    /// Takes out a consumer by its tag.
    pub(crate) fn remove_consumer(&mut self, tag: &str) -> Option<(u64, Consumer)> {
        let token = self.tags.remove(tag)?;
        self.consumers.remove(&token).map(|consumer| (token, consumer))
    }

    /// Something waits for the disk, or for a message being read.
    pub(crate) fn waits(&self) -> bool {
        !self.gate.is_open() || self.confirms.as_ref().is_some_and(|confirms| confirms.is_waiting())
    }

    /// Lets out what may go out now that `committed` is on disk.
    pub(crate) fn release(&mut self, committed: Position, number: u16, out: &mut Vec<u8>) {
        self.gate.release(committed, out);
        if let Some(confirms) = &mut self.confirms {
            confirms.release(committed, number, self.gate.sink(out));
        }
    }
}
