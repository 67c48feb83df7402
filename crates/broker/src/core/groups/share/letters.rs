//! Dead letters of share groups: records that a group has given up go to the topic that it names. (KIP-1191.)
//!
//! A record that is to have a letter is *dying* until its letter is written: letter and end are in one journal group, so that there is one
//! letter for each, whatever happens in between. A record that is only on disk is read first.

use std::sync::Arc;

use anymq_batch::{
    BatchBuilder, BatchHeader, Compression, DECOMPRESSED_BYTES_MAX, Fault, Head, Header, Records,
};
use anymq_catalog::Topic;
use anymq_types::props::{Properties, PropsRef};
use anymq_types::record::{Record, RecordHead};
use anymq_types::value::{Table, Value};
use anymq_types::{QueueId, VhostId};
use bytes::{Bytes, BytesMut};

use super::super::Core;
use super::super::topics::Found as FoundTopic;
use crate::core::fx::Fx;
use crate::core::partitions::put_topic;
use crate::groups::offsets_api::TopicRef;
use crate::groups::settings::Resolved;
use crate::groups::share::durable::Where;
use crate::groups::share::spans::Death;
use crate::journal::SHARE;
use crate::queue::encoding::Encoding;
use crate::topics::{Found, Run};

/// Bytes of records looked at in one go.
const READ_BYTES: u32 = 64 << 10;
/// Letters written by one operation, and bytes, before others' get their turn.
const LETTERS_AT_ONCE_MAX: u64 = 1_000;
const LETTERS_BYTES_MAX: u64 = 8 << 20;

/// What a letter says besides the record: where it was, and why it is one.
struct Letter<'a> {
    topic: &'a str,
    partition: u32,
    group: &'a str,
    count: u16,
    why: Death,
    /// Key, value and headers are copied.
    copies: bool,
}

impl Letter<'_> {
    fn headers(&self, offset: u64) -> [(&'static str, String); 6] {
        let why = match self.why {
            Death::Rejected => "Offset rejected by client.",
            Death::TooOften => "Offset delivery count exceeded the threshold.",
        };
        [
            ("__dlq.errors.topic", self.topic.into()),
            ("__dlq.errors.partition", self.partition.to_string()),
            ("__dlq.errors.offset", offset.to_string()),
            ("__dlq.errors.group", self.group.into()),
            ("__dlq.errors.delivery.count", self.count.to_string()),
            ("__dlq.errors.message", why.into()),
        ]
    }
}

impl Core {
    /// Goes on with letters that waited for a partition's records.
    pub(in crate::core) fn bury_shared(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        if self.share_letters.is_empty() {
            return;
        }
        for (vhost, group) in self.share_letters.remove(&id).unwrap_or_default() {
            self.write_letters(fx, &Where { vhost, group: &group, partition: id });
        }
    }

    /// Writes letters for what is dying in a partition, as far as its records are in memory.
    pub(super) fn write_letters(&mut self, fx: &mut Fx<'_>, at: &Where<'_>) {
        let settings = self.group_settings(at.vhost, at.group);
        let mut left = LETTERS_AT_ONCE_MAX;
        loop {
            let share = self.groups.get(at.vhost, at.group).and_then(|group| group.as_share());
            let dying = share.and_then(|share| share.partition(at.partition)).and_then(|place| place.dying());
            let Some((first, end, count, why)) = dying else { return };
            let end = end.min(first + left);
            if left == 0 || fx.bytes > LETTERS_BYTES_MAX {
                return self.wait_for_letters(fx, at, None);
            }
            let Some(queue) = self.queues.get(&at.partition) else { return };
            let from = first.max(queue.log_start());
            let end = match queue.find_runs(from, queue.stream.next, READ_BYTES, true) {
                Found::Cold(_) => {
                    let number = queue.stream.number_of(first);
                    return self.wait_for_letters(fx, at, Some(number));
                }
                Found::Runs(runs) if !runs.is_empty() => {
                    let upto = runs.last().map_or(end, |run| run.end).min(end);
                    self.write_some(fx, at, &settings, &runs, (first, upto, count, why));
                    upto
                }
                // It is not stored any more.
                Found::Runs(_) | Found::OutOfRange | Found::NoPartition | Found::Forbidden => end,
            };
            left = left.saturating_sub(end - first);
            self.with_place(fx, at, SHARE, |place, changes| place.buried(first, end, changes));
        }
    }

    /// Goes on when the records are in memory, or, if they are, when others had their turn.
    fn wait_for_letters(&mut self, fx: &mut Fx<'_>, at: &Where<'_>, load: Option<u64>) {
        let waiting = self.share_letters.entry(at.partition).or_default();
        let key = (at.vhost, Arc::from(at.group));
        if !waiting.contains(&key) {
            waiting.push(key);
        }
        match load {
            Some(number) => self.request_load(fx, at.partition, number),
            None => fx.timers.push(crate::wheel::Entry {
                at: anymq_types::Millis(fx.now.0 + 1),
                queue: at.partition,
                what: crate::wheel::What::Look,
            }),
        }
    }

    fn write_some(
        &mut self,
        fx: &mut Fx<'_>,
        at: &Where<'_>,
        settings: &Resolved,
        runs: &[Run],
        (first, end, count, why): (u64, u64, u16, Death),
    ) {
        let Some((topic, number)) = self.partition_name(at.partition) else { return };
        // Without a topic, since a moment ago, there is no letter.
        let Some(dead_topic) = &settings.dead_topic else { return };
        let Some(target) = self.letter_box(fx, at.vhost, dead_topic, number) else {
            tracing::warn!(
                group = at.group, topic = %dead_topic, records = end - first,
                "there is no dead-letter topic, and it cannot be made: records that were given up are not kept"
            );
            return;
        };
        let copies = settings.dead_copy;
        let letter = Letter { topic: &topic, partition: number, group: at.group, count, why, copies };
        for run in runs {
            match run.encoding {
                Encoding::Batches => self.write_batch_letters(fx, target, &letter, run, first, end),
                Encoding::Canonical => self.write_message_letters(fx, target, &letter, run, first, end),
            }
        }
    }

    /// The partition for dead letters of partition `number`, of a topic that is made if there is none.
    fn letter_box(
        &mut self,
        fx: &mut Fx<'_>,
        vhost: VhostId,
        topic: &Arc<str>,
        number: u32,
    ) -> Option<QueueId> {
        let place = |found: FoundTopic<'_>| {
            let count = u32::try_from(found.partitions.len()).ok().filter(|&count| count > 0)?;
            found.partition((number % count).try_into().ok()?)
        };
        if let Some(found) = self.find_topic(vhost, TopicRef::Name(topic)) {
            return place(found);
        }
        let partitions = vec![self.catalog.next_ids().queue];
        let made = Topic { vhost, name: topic.clone(), partitions, config: Default::default() };
        if let Err(error) = self.change_all(fx, put_topic(&made, 0)) {
            tracing::warn!(%topic, error = %error.text, "a dead-letter topic could not be made");
            return None;
        }
        self.find_topic(vhost, TopicRef::Name(topic)).and_then(place)
    }

    fn write_batch_letters(
        &mut self,
        fx: &mut Fx<'_>,
        target: QueueId,
        letter: &Letter<'_>,
        run: &Run,
        first: u64,
        end: u64,
    ) {
        let mut byte = 0;
        for (bytes, _) in Encoding::Batches.units(&run.bytes) {
            let batch = &run.bytes[byte..byte + bytes];
            byte += bytes;
            match letters_of(batch, letter, first, end) {
                Ok(Some(letters)) => match BatchHeader::parse(&letters) {
                    Ok(header) => {
                        let stored = self.store_unchecked(fx, target, &header, BytesMut::from(&letters[..]));
                        if stored.is_none() {
                            tracing::warn!(group = letter.group, "dead letters could not be stored");
                        }
                    }
                    Err(fault) => tracing::error!(%fault, "dead letters could not be made"),
                },
                Ok(None) => {}
                Err(fault) => tracing::warn!(group = letter.group, %fault, "dead letters could not be made"),
            }
        }
    }

    fn write_message_letters(
        &mut self,
        fx: &mut Fx<'_>,
        target: QueueId,
        letter: &Letter<'_>,
        run: &Run,
        first: u64,
        end: u64,
    ) {
        let (mut byte, mut offset) = (0, run.base);
        let (mut chunk, mut count) = (Vec::new(), 0);
        for (bytes, _) in Encoding::Canonical.units(&run.bytes) {
            if (first..end).contains(&offset)
                && let Some(record) = Record::parse(&run.bytes[byte..byte + bytes])
            {
                count += u32::from(append_letter(&record, letter, offset, &mut chunk));
            }
            byte += bytes;
            offset += 1;
        }
        if count > 0 {
            self.append(fx, &[target], Bytes::from(chunk), count, true);
            self.enforce_length(fx, target);
        }
    }
}

/// Letters for those records of a batch that are within `first..end`, as a batch; [`None`] if there are none.
fn letters_of(batch: &[u8], letter: &Letter<'_>, first: u64, end: u64) -> Result<Option<Vec<u8>>, Fault> {
    let mut records = Records::new(batch, DECOMPRESSED_BYTES_MAX)?;
    if records.header().attributes.is_control() {
        return Ok(None);
    }
    let mut letters = BatchBuilder::new(Head::default(), Compression::None);
    while let Some(record) = records.next_record()? {
        let offset = record.offset.cast_unsigned();
        if !(first..end).contains(&offset) {
            continue;
        }
        let said = letter.headers(offset);
        let said =
            said.iter().map(|(name, value)| Header { key: name.as_bytes(), value: Some(value.as_bytes()) });
        let own = record.headers.filter(|_| letter.copies);
        let headers: Vec<Header<'_>> = own.chain(said).collect();
        let (key, value) = if letter.copies { (record.key, record.value) } else { (None, None) };
        letters.push(record.timestamp, key, value, &headers)?;
    }
    if letters.is_empty() { Ok(None) } else { letters.finish().map(Some) }
}

/// Appends the letter for a message; whether it could be made.
fn append_letter(record: &Record<'_>, letter: &Letter<'_>, offset: u64, chunk: &mut Vec<u8>) -> bool {
    let copied = PropsRef::parse(record.props).ok().filter(|_| letter.copies).map(Properties::from);
    let mut props = copied.unwrap_or_default();
    let headers = props.headers.get_or_insert_with(Table::new);
    for (name, value) in letter.headers(offset) {
        headers.insert(name, Value::from(value.as_str()));
    }
    if !letter.copies {
        headers.insert("x-tombstone", Value::Bool(true));
    }
    // Its time is over already, as far as the group is concerned.
    props.expiration = None;
    let mut block = Vec::with_capacity(record.props.len() + 256);
    if props.encode(&mut block).is_err() {
        tracing::warn!(group = letter.group, offset, "a dead letter's headers are too large; it is dropped");
        return false;
    }
    let body = if letter.copies { record.body } else { &[] };
    let head = RecordHead { expires: None, due: None, dead: true, props: &block, ..record.head() };
    chunk.reserve(head.record_len(body.len()));
    head.write(body.len(), chunk);
    chunk.extend_from_slice(body);
    true
}
