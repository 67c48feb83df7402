//! Looking at messages without taking them: what operators read, whichever protocol wrote it.
//!
//! Everything here reads the disk where it has to: call it where blocking is allowed.

use anymq_batch::{BatchHeader, DECOMPRESSED_BYTES_MAX, first_since};
use anymq_log::ReadError;
use anymq_types::record::Records;
use anymq_types::{Millis, QueueId};
use bytes::Bytes;

use super::Session;
use crate::core::partitions::runs_in;
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::each_message;
use crate::topics::{Cold, Encoding, Found, OffsetFound, OffsetOf, Read, Run};

/// Most bytes of stored messages read at once.
const READ_BYTES_MAX: usize = 1 << 20;
/// How often messages are read again because they have moved on disk meanwhile.
const READS_MAX: u32 = 4;

/// Where to look, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The partition.
    pub partition: QueueId,
    /// The name of its topic: the routing key of messages that have none.
    pub topic: &'a str,
    /// From this offset on; if it is gone, from the first that is kept.
    pub offset: u64,
    /// Most messages.
    pub count: usize,
    /// Most bytes of messages; the first is given however large it is.
    pub bytes: usize,
}

/// What is there to be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// First offset that is kept.
    pub first: u64,
    /// One past the last offset that is seen: below open transactions.
    pub end: u64,
    /// Where to go on.
    pub next: u64,
    /// Messages that were not taken back, each with its offset, as a record of `anymq_types::record`.
    pub messages: Vec<(u64, Bytes)>,
    bytes: usize,
}

impl Seen {
    fn is_full(&self, look: &Look<'_>) -> bool {
        self.messages.len() >= look.count || self.bytes >= look.bytes
    }

    fn push(&mut self, offset: u64, record: Bytes) {
        self.bytes += record.len();
        self.messages.push((offset, record));
    }
}

impl Session {
    /// The partitions of a topic, or the one of a queue of any name.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn partitions_of(&self, name: &str) -> Result<Vec<QueueId>> {
        let found = self.with(|core, _| {
            let vhost = core.sessions.get(&self.id)?.vhost;
            let topic = core.catalog.topic(vhost, name).map(|topic| topic.partitions.to_vec());
            topic.or_else(|| core.catalog.queue(vhost, name).map(|queue| vec![queue.id]))
        });
        found
            .0
            .ok_or_else(|| Error::not_found(format!("no topic or queue '{name}' in vhost '{}'", self.vhost)))
    }

    /// Messages of a partition, below open transactions, without those that were taken back. Where there are none yet, the outbox
    /// wakes when there may be.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Forbidden`]; [`ErrorKind::Invalid`] if the offset is after the next one;
    /// [`ErrorKind::Corrupt`] if stored messages cannot be read.
    pub fn look(&self, look: &Look<'_>) -> Result<Seen> {
        let mut seen = Seen { next: look.offset, ..Seen::default() };
        let mut vain = 0;
        while !seen.is_full(look) {
            let max_bytes = (look.bytes - seen.bytes).min(READ_BYTES_MAX) as u32;
            let read = Read {
                partition: look.partition,
                offset: seen.next,
                max_bytes,
                at_least_one: true,
                stable_only: true,
            };
            let Some(out) = self.read(&[read], Some(1)).pop() else { break };
            (seen.first, seen.end) = (out.start, out.last_stable);
            let runs = match out.found {
                Found::Runs(runs) => runs,
                Found::Cold(cold) => match self.load_now(&cold, &mut vain)? {
                    Some(runs) => runs,
                    None => continue,
                },
                Found::OutOfRange if seen.next < out.start => {
                    seen.next = out.start;
                    continue;
                }
                Found::OutOfRange => {
                    let what = format!("offset {} is after the next one, {}", seen.next, out.last_stable);
                    return Err(Error::invalid(what));
                }
                Found::NoPartition => return Err(Error::not_found("no such partition")),
                Found::Forbidden => return Err(Error::forbidden(self.refused(look.topic))),
            };
            let before = seen.next;
            for run in &runs {
                self.look_into(run, look, &mut seen)?;
            }
            if seen.next == before {
                break;
            }
        }
        Ok(seen)
    }

    /// The first offset of a partition whose message was published so late.
    ///
    /// # Errors
    /// As [`Session::look`].
    pub fn first_since(&self, partition: QueueId, at: Millis) -> Result<Option<u64>> {
        let (mut from, mut vain) = (0, 0);
        loop {
            let runs = match self.offset_of(partition, OffsetOf::Since { at, from })? {
                OffsetFound::In(run) => vec![run],
                OffsetFound::Cold(cold) => match self.load_now(&cold, &mut vain)? {
                    Some(runs) => runs,
                    None => continue,
                },
                OffsetFound::Offset(offset) => return Ok(Some(offset)),
                OffsetFound::Nothing => return Ok(None),
            };
            for run in &runs {
                if let Some(found) = since_in(run, at, from)? {
                    return Ok(Some(found));
                }
                // The next chunk is behind this one, whatever it says.
                from = run.end.max(from + 1);
            }
        }
    }

    fn refused(&self, topic: &str) -> String {
        format!("access to topic '{topic}' in vhost '{}' refused for user '{}'", self.vhost, self.user)
    }

    /// Messages from disk; `None` if they are no longer where they were.
    fn load_now(&self, cold: &Cold, vain: &mut u32) -> Result<Option<Vec<Run>>> {
        let log = &self.broker.inner.log;
        let span = log.read(cold.first.at, cold.first.bytes);
        if let Some(runs) = runs_in(log, cold, &span) {
            *vain = 0;
            return Ok(Some(runs));
        }
        *vain += 1;
        match span {
            Err(ReadError::Closed) => Err(Error::unavailable("the broker is stopping")),
            _ if *vain < READS_MAX => Ok(None),
            Err(why) => Err(Error::new(ErrorKind::Corrupt, why.to_string())),
            Ok(_) => Err(Error::new(
                ErrorKind::Corrupt,
                format!("stored messages at {} do not verify", cold.first.at),
            )),
        }
    }

    /// Takes what is asked for out of a run.
    fn look_into(&self, run: &Run, look: &Look<'_>, seen: &mut Seen) -> Result<()> {
        match run.encoding {
            Encoding::Canonical => {
                for (offset, record) in (run.base..).zip(Records::new(&run.bytes)) {
                    if seen.is_full(look) {
                        return Ok(());
                    }
                    if offset >= seen.next {
                        seen.push(offset, run.bytes.slice_ref(record.bytes));
                        seen.next = offset + 1;
                    }
                }
            }
            Encoding::Batches => {
                for batch in batches(&run.bytes) {
                    if seen.is_full(look) {
                        return Ok(());
                    }
                    self.look_into_batch(batch?, look, seen)?;
                }
            }
        }
        if !seen.is_full(look) {
            seen.next = seen.next.max(run.end);
        }
        Ok(())
    }

    fn look_into_batch(
        &self,
        (header, batch): (BatchHeader, &[u8]),
        look: &Look<'_>,
        seen: &mut Seen,
    ) -> Result<()> {
        let end = header.last_offset().cast_unsigned() + 1;
        if header.attributes.is_transactional() && self.was_taken_back(look.partition, &header) {
            seen.next = seen.next.max(end);
            return Ok(());
        }
        let now = self.broker.now();
        each_message(batch, look.topic, now, |offset, write| {
            if seen.is_full(look) {
                return false;
            }
            if offset >= seen.next {
                let mut record = Vec::new();
                write(&mut record);
                seen.push(offset, record.into());
                seen.next = offset + 1;
            }
            true
        })
        .map_err(|fault| Error::new(ErrorKind::Corrupt, fault.to_string()))?;
        if !seen.is_full(look) {
            seen.next = seen.next.max(end);
        }
        Ok(())
    }

    fn was_taken_back(&self, partition: QueueId, header: &BatchHeader) -> bool {
        let base = header.base_offset.cast_unsigned();
        let aborted = self.with(|core, _| {
            let partition = core.partitions.get(&partition);
            partition.is_some_and(|p| p.transactions.is_aborted(header.producer_id, base))
        });
        aborted.0
    }
}

/// The batches of a run, one after the other.
fn batches(mut rest: &[u8]) -> impl Iterator<Item = Result<(BatchHeader, &[u8])>> {
    let corrupt = |why: String| Error::new(ErrorKind::Corrupt, why);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let whole = BatchHeader::parse(rest).map_err(|fault| corrupt(fault.to_string())).and_then(|header| {
            let (batch, after) =
                rest.split_at_checked(header.size()).ok_or_else(|| corrupt("a batch is cut short".into()))?;
            rest = after;
            Ok((header, batch))
        });
        if whole.is_err() {
            rest = &[];
        }
        Some(whole)
    })
}

/// The first offset of a run from `from` on whose message was published so late.
fn since_in(run: &Run, at: Millis, from: u64) -> Result<Option<u64>> {
    match run.encoding {
        Encoding::Canonical => {
            let mut messages = (run.base..).zip(Records::new(&run.bytes));
            Ok(messages
                .find(|(offset, record)| *offset >= from && record.timestamp >= at)
                .map(|(offset, _)| offset))
        }
        Encoding::Batches => {
            for batch in batches(&run.bytes) {
                let (_, batch) = batch?;
                let found =
                    first_since(batch, at.0.cast_signed(), from.cast_signed(), DECOMPRESSED_BYTES_MAX)
                        .map_err(|fault| Error::new(ErrorKind::Corrupt, fault.to_string()))?;
                if let Some(found) = found {
                    return Ok(Some(found.offset.cast_unsigned()));
                }
            }
            Ok(None)
        }
    }
}
