//! Topics and partitions, for doors that write batches and read by offset.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use anymq_types::QueueId;

use super::Session;
use crate::api::{Done, Event};
use crate::core::partitions::runs_in;
use crate::error::Result;
use crate::topics::{
    Cold, CreateTopic, Loaded, OffsetFound, OffsetOf, ProducerStatus, Read, ReadOut, Span, TopicId,
    TopicInfo, Write, WroteAll,
};

/// Most bytes of what the operating system has in memory that one call reads at once: other connections of the thread wait meanwhile.
const CACHED_BYTES_MAX: u64 = 8 << 20;

impl Session {
    /// Names of all topics that the user may see, in order.
    pub fn topic_names(&self) -> Vec<Arc<str>> {
        self.with(|core, _| core.topic_names(self.id)).0
    }

    /// Another number after every change of topics, queues, users or permissions: as long as it stays, so does what
    /// [`Session::topic`] says.
    pub fn catalog_changes(&self) -> u64 {
        self.broker.inner.catalog_changes.load(Acquire)
    }

    /// A topic by its name.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`], [`crate::ErrorKind::Forbidden`].
    pub fn topic(&self, name: &str) -> Result<TopicInfo> {
        self.with(|core, _| core.topic(self.id, name)).0
    }

    /// A topic by its identity.
    ///
    /// # Errors
    /// As [`Session::topic`].
    pub fn topic_by_id(&self, id: TopicId) -> Result<TopicInfo> {
        self.with(|core, _| core.topic_by_id(self.id, id)).0
    }

    /// The topic and number of each partition; `None` where there is none any more.
    pub fn partition_names(&self, partitions: &[QueueId]) -> Vec<Option<(Arc<str>, u32)>> {
        self.with(|core, _| partitions.iter().map(|&id| core.partition_name(id)).collect()).0
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] if there is one, or a queue, of that name; [`crate::ErrorKind::Invalid`] for its name, the
    /// number of partitions or a setting; [`crate::ErrorKind::Exhausted`], [`crate::ErrorKind::Forbidden`].
    pub fn create_topic(&self, t: &CreateTopic<'_>) -> Result<Done<TopicInfo>> {
        self.durable(|core, fx| core.create_topic(fx, self.id, t))
    }

    /// Deletes a topic with everything in it.
    ///
    /// # Errors
    /// As [`Session::topic`].
    pub fn delete_topic(&self, name: &str) -> Result<Done<()>> {
        self.durable(|core, fx| core.delete_topic(fx, self.id, name))
    }

    /// Has a topic have `total` partitions.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if that is not more than it has, or too many; as [`Session::topic`].
    pub fn add_partitions(&self, name: &str, total: u32, validate_only: bool) -> Result<Done<TopicInfo>> {
        self.durable(|core, fx| core.add_partitions(fx, self.id, name, total, validate_only))
    }

    /// Gives a topic another configuration, all of it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a setting; [`crate::ErrorKind::NotAllowed`] if the topic is a queue; as [`Session::topic`].
    pub fn configure_topic(
        &self,
        name: &str,
        config: BTreeMap<Arc<str>, Arc<str>>,
        validate_only: bool,
    ) -> Result<Done<()>> {
        self.alter_topic(name, validate_only, |_| Ok(config))
    }

    /// Gives a topic the configuration that `alter` makes of the one it has; nobody changes it in between.
    ///
    /// # Errors
    /// Those of `alter`; as [`Session::configure_topic`].
    pub fn alter_topic(
        &self,
        name: &str,
        validate_only: bool,
        alter: impl FnOnce(&BTreeMap<Arc<str>, Arc<str>>) -> Result<BTreeMap<Arc<str>, Arc<str>>>,
    ) -> Result<Done<()>> {
        self.durable(|core, fx| core.alter_topic(fx, self.id, name, validate_only, alter))
    }

    /// Stores batches, each by itself, in one journal group.
    pub fn write(&self, writes: Vec<Write>) -> WroteAll {
        let mut refused = self.judge_writes(&writes).into_iter();
        let ((results, end), _) = self.with(|core, fx| {
            let mut write = |write| match refused.next().flatten() {
                Some(fault) => Err(fault),
                None => core.write(fx, self.id, write),
            };
            let results: Vec<_> = writes.into_iter().map(&mut write).collect();
            (results, fx.end())
        });
        // What was stored before may still be on its way to the disk.
        let again = results.iter().any(|r| r.as_ref().is_ok_and(|wrote| wrote.duplicate));
        let end = end.or_else(|| again.then(|| self.broker.inner.log.end()));
        WroteAll { results, commit: self.pending(end) }
    }

    /// Producers that have written to a partition and are remembered, by id.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`], [`crate::ErrorKind::Forbidden`].
    pub fn producers(&self, partition: QueueId) -> Result<Vec<ProducerStatus>> {
        self.with(|core, _| core.producers(self.id, partition)).0
    }

    /// Reads partitions, in order. If all that is found is in memory and less than `wake_below` bytes, the outbox is woken when
    /// more is committed to any of them.
    pub fn read(&self, reads: &[Read], wake_below: Option<u64>) -> Vec<ReadOut> {
        let committed = self.committed();
        let (found, pending) = self.with(|core, _| core.read(self.id, committed, reads, wake_below)).0;
        if pending {
            self.notify_at(self.broker.inner.log.end());
        }
        found
    }

    /// Reads what is on disk; an [`Event::Loaded`] answers each. What the operating system has in memory is read at once, up to a
    /// bound: there is nothing to wait for, and the bytes stay in the cache of the processor that will send them.
    pub fn load(&self, token: u64, cold: &[Cold]) {
        let mut left = CACHED_BYTES_MAX;
        for (index, cold) in cold.iter().cloned().enumerate() {
            let log = &self.broker.inner.log;
            let bytes = cold.spans().map(|span| u64::from(span.bytes)).sum::<u64>();
            let is_cached = bytes <= left && cold.spans().all(|span| log.is_cached(span.at, span.bytes));
            let Span { at, bytes: first_bytes, .. } = cold.first;
            let (inner, outbox) = (self.broker.inner.clone(), self.outbox.clone());
            let done = move |span| {
                let runs = runs_in(&inner.log, &cold, &span);
                let damaged = match &span {
                    Ok(span) if runs.is_none() => Some(span.clone()),
                    // Says nothing about what is stored.
                    Ok(_) | Err(anymq_log::ReadError::Closed | anymq_log::ReadError::Busy) => None,
                    Err(_) => Some(bytes::Bytes::new()),
                };
                if let Some(span) = damaged {
                    inner.with(|core, fx| core.check_cold(fx, &inner.log, &cold, &span));
                }
                outbox.push(Event::Loaded(Loaded { token, index, runs }));
                outbox.wake();
            };
            if is_cached {
                left -= bytes;
                done(log.read(at, first_bytes));
            } else {
                log.read_async(at, first_bytes, Box::new(done));
            }
        }
    }

    /// An offset of a partition.
    ///
    /// # Errors
    /// As [`Session::topic`].
    pub fn offset_of(&self, partition: QueueId, of: OffsetOf) -> Result<OffsetFound> {
        let committed = self.committed();
        self.with(|core, _| core.offset_of(self.id, committed, partition, of)).0
    }

    /// Lets everything before an offset of a partition go, or all of it; the first offset that is kept.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if the offset is after the high watermark; [`crate::ErrorKind::NotAllowed`] if the partition
    /// is a queue; as [`Session::topic`].
    pub fn delete_records(&self, partition: QueueId, before: Option<u64>) -> Result<Done<u64>> {
        let committed = self.committed();
        self.durable(|core, fx| core.delete_records(fx, self.id, committed, partition, before))
    }

    /// A producer id that was never given out before.
    pub fn new_producer(&self) -> Done<i64> {
        let ((id, end), _) = self.with(|core, fx| (core.new_producer(fx), fx.end()));
        Done { value: id, commit: self.pending(end) }
    }
}
