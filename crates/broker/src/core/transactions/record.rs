//! One transactional id, and its bytes in the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_types::{Millis, QueueId, VhostId};

use crate::Committed;
use crate::journal::{Reader, put_varint};
use crate::transactions::{ProducerEpoch, TxnFault, TxnState};

/// One transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Txn {
    /// Who used it last; nobody after a restart.
    pub(super) user: Arc<str>,
    pub(super) producer: ProducerEpoch,
    /// The end of the last transaction gave the producer a new epoch: a repeated end names the one before.
    pub(super) bumped: bool,
    pub(super) state: TxnState,
    pub(super) timeout_ms: u32,
    /// Of the present transaction, or of the end of the last.
    pub(super) since: Millis,
    pub(super) partitions: BTreeSet<QueueId>,
    /// What it will commit, by group.
    pub(super) offsets: BTreeMap<(VhostId, Box<str>), BTreeMap<QueueId, Committed>>,
}

impl Txn {
    /// Whether `next` is the same transaction, with more in it.
    pub(super) fn goes_on_as(&self, next: &Txn) -> bool {
        let ongoing = self.state == TxnState::Ongoing && next.state == TxnState::Ongoing;
        ongoing && (self.since, self.producer) == (next.since, next.producer)
    }

    /// Since when it has not been in use.
    pub(super) fn idle(&self) -> Option<Millis> {
        (self.state != TxnState::Ongoing).then_some(self.since)
    }

    pub(super) fn deadline(&self) -> Millis {
        Millis(self.since.0.saturating_add(u64::from(self.timeout_ms)))
    }

    /// Whether `who` speaks for the transactional id.
    pub(super) fn check(&self, who: ProducerEpoch) -> Result<(), TxnFault> {
        match (who.id == self.producer.id, who.epoch == self.producer.epoch) {
            (false, _) => Err(TxnFault::NotThisProducer),
            (true, false) => Err(TxnFault::Fenced),
            (true, true) => Ok(()),
        }
    }

    /// Whether `who` repeats the end of the last transaction, after which it got a new epoch.
    pub(super) fn is_repeated_end(&self, who: ProducerEpoch, state: TxnState) -> bool {
        self.bumped
            && self.state == state
            && who.id == self.producer.id
            && who.epoch == self.producer.epoch - 1
    }

    pub(super) fn write(&self, id: &str, out: &mut Vec<u8>) {
        put_text(id, out);
        let state = match self.state {
            TxnState::Empty => 0,
            TxnState::Ongoing => 1,
            TxnState::Committed => 2,
            TxnState::Aborted => 3,
        };
        let (producer, epoch) = (self.producer.id.cast_unsigned(), self.producer.epoch.max(0) as u64);
        let fixed =
            [producer, epoch, u64::from(self.bumped), state, u64::from(self.timeout_ms), self.since.0];
        fixed.into_iter().for_each(|value| put_varint(out, value));
        put_varint(out, self.partitions.len() as u64);
        self.partitions.iter().for_each(|partition| put_varint(out, partition.0));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Option<(Arc<str>, Txn)> {
        let id: Arc<str> = text(r)?.into();
        let producer =
            ProducerEpoch { id: r.varint()?.cast_signed(), epoch: i16::try_from(r.varint()?).ok()? };
        let bumped = r.varint()? == 1;
        let state = match r.varint()? {
            0 => TxnState::Empty,
            1 => TxnState::Ongoing,
            2 => TxnState::Committed,
            3 => TxnState::Aborted,
            _ => return None,
        };
        let (timeout_ms, since) = (u32::try_from(r.varint()?).ok()?, Millis(r.varint()?));
        let mut partitions = BTreeSet::new();
        for _ in 0..r.varint()? {
            partitions.insert(QueueId(r.varint()?));
        }
        let user = Arc::default();
        Some((
            id,
            Txn { user, producer, bumped, state, timeout_ms, since, partitions, offsets: BTreeMap::new() },
        ))
    }
}

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn text<'a>(r: &mut Reader<'a>) -> Option<&'a str> {
    let len = usize::try_from(r.varint()?).ok()?;
    let (head, rest) = r.rest.split_at_checked(len)?;
    r.rest = rest;
    std::str::from_utf8(head).ok()
}
