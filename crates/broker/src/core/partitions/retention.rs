//! What of a topic is old or too much.
//!
//! The newest messages of a partition are *open*: up to `segment.bytes` of them, and none older than `segment.ms`. What is open stays
//! as it is: it is neither dropped for its size or age nor compacted. (In Kafka they are the active segment; there a segment goes as a
//! whole, here a chunk.)

use anymq_catalog::topic_config::TopicSettings;
use anymq_types::{Millis, Position, QueueId};

use super::super::Core;
use super::super::fx::Fx;
use crate::queue::Queue;
use crate::queue::extent::Extent;
use crate::wheel::{Entry, What};

/// How often at most a partition is looked at.
const EVERY_MS: u64 = 10_000;

impl Core {
    /// Drops what a partition need not keep; at most every [`EVERY_MS`].
    pub(crate) fn retain_topic(&mut self, fx: &mut Fx<'_>, id: QueueId, topic: &TopicSettings) {
        let limits = (topic.retention_ms, topic.retention_bytes);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if !topic.cleanup.delete || limits == (None, None) || queue.stream.is_empty() {
            return;
        }
        let partition = self.partitions.entry(id).or_default();
        if queue.head_timer > fx.now {
            // Too much has come since it was looked at, and perhaps nothing comes any more to have it looked at again.
            let over = topic.retention_bytes.is_some_and(|max| queue.stream.own > max);
            if over && !partition.look_due {
                partition.look_due = true;
                fx.timers.push(Entry { at: queue.head_timer, queue: id, what: What::Look });
            }
            return;
        }
        partition.look_due = false;
        queue.head_timer = Millis(fx.now.0 + EVERY_MS);
        let committed = fx.committed();
        let high = self.high_watermark(id, committed);
        let stable = self.partitions.get(&id).map_or(high, |p| p.transactions.last_stable(high));
        let stable = stable.min(self.forwarded_to(id));
        let Some(queue) = self.queues.get(&id) else { return };
        let keep_from = queue.retained_from(topic, fx.now, stable);
        if keep_from > queue.log_start() {
            self.trim(fx, id, keep_from);
        }
        self.watch_oldest(fx, id, topic);
    }

    /// Has a partition looked at when its oldest messages are old enough to go.
    fn watch_oldest(&mut self, fx: &mut Fx<'_>, id: QueueId, topic: &TopicSettings) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let (Some(age), Some(oldest)) = (topic.retention_ms, queue.stream.extents().next()) else { return };
        let due = time_of(oldest).saturating_add(age);
        let at = Millis(due.max(fx.now.0 + EVERY_MS));
        queue.head_timer = at.min(Millis(fx.now.0 + EVERY_MS));
        fx.timers.push(Entry { at, queue: id, what: What::Look });
    }
}

impl Queue {
    /// The first offset that has to be kept.
    fn retained_from(&self, topic: &TopicSettings, now: Millis, stable: u64) -> u64 {
        let mut bytes = self.stream.own;
        let mut keep_from = self.log_start();
        for extent in self.stream.extents() {
            let own = u64::from(extent.own);
            let over = topic.retention_bytes.is_some_and(|max| bytes.saturating_sub(own) >= max);
            let old = topic.retention_ms.is_some_and(|age| time_of(extent).saturating_add(age) < now.0);
            let open = is_open(extent, bytes - own, topic, now);
            if !over && !old || open || extent.end() > stable {
                break;
            }
            bytes -= own;
            keep_from = extent.end();
        }
        keep_from
    }

    /// One past the last offset that is not open, below `stable` and on disk.
    pub(crate) fn closed_to(
        &self,
        topic: &TopicSettings,
        now: Millis,
        stable: u64,
        committed: Position,
    ) -> u64 {
        let mut bytes = self.stream.own;
        let mut closed = self.log_start();
        let last = self.stream.extents().len().saturating_sub(1);
        // The last chunk says where the partition ends, and is never touched.
        for extent in self.stream.extents().take(last) {
            bytes -= u64::from(extent.own);
            let lagging = time_of(extent).saturating_add(topic.min_compaction_lag_ms) > now.0;
            let synced = extent.synced || extent.at.0 + u64::from(extent.span) <= committed.0;
            if is_open(extent, bytes, topic, now) || lagging || extent.end() > stable || !synced {
                break;
            }
            closed = extent.end();
        }
        closed
    }
}

/// The latest time at which a message of a chunk was published.
fn time_of(extent: &Extent) -> u64 {
    u64::from(extent.time_s) * 1_000 + 999
}

/// Whether a chunk belongs to a partition's newest messages, with so many bytes after it.
fn is_open(extent: &Extent, bytes_after: u64, topic: &TopicSettings, now: Millis) -> bool {
    bytes_after < topic.segment_bytes
        && time_of(extent).saturating_add(topic.segment_ms.min(age_of(topic))) > now.0
}

/// A segment that is wholly older than what is kept is closed for that alone.
fn age_of(topic: &TopicSettings) -> u64 {
    match topic.cleanup.delete {
        true => topic.retention_ms.unwrap_or(u64::MAX),
        false => u64::MAX,
    }
}
