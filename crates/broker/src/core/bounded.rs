//! Queues that do not take everything: bounded ones, those that delay, those that deduplicate.

use anymq_types::props::PropsRef;
use anymq_types::record::{Record, RecordHead};
use anymq_types::{Millis, QueueId};
use bytes::Bytes;

use super::Core;
use super::deadletter::Reason;
use super::fx::Fx;
use crate::queue::pick::{Pick, Run};
use crate::queue::settings::{Kind, Overflow};

impl Core {
    /// Whether any target refuses or drops messages when it is full: those are taken one at a time.
    pub(crate) fn any_bounded(&self, targets: &[QueueId]) -> bool {
        targets.iter().filter_map(|id| self.queues.get(id)).any(|q| {
            q.kind != Kind::Stream
                && (q.settings.max_length.is_some()
                    || q.settings.max_length_bytes.is_some()
                    || q.settings.dedup_ms.is_some()
                    || q.settings.delay_ms.is_some())
        })
    }

    /// Publishes one message to targets of which some have a bound. False if one of them refused it.
    pub(crate) fn publish_bounded(
        &mut self,
        fx: &mut Fx<'_>,
        bytes: &Bytes,
        record: &Record<'_>,
        targets: &[QueueId],
    ) -> bool {
        let mut accepted: Vec<QueueId> = Vec::new();
        let mut refused = false;
        for &id in targets {
            if self.is_duplicate(fx, id, record) {
                continue;
            }
            match self.refuses(fx, id, record) {
                None => accepted.push(id),
                Some(overflow) => {
                    refused = true;
                    self.stats.rejected += 1;
                    if overflow == Overflow::RejectPublishDlx {
                        let run = Run {
                            first: 0,
                            count: 1,
                            records: bytes.clone(),
                            redelivered: false,
                            attempts: 0,
                        };
                        self.dead_letter(fx, id, &run, Reason::MaxLength);
                    }
                }
            }
        }
        let delay = |core: &Core, id: &QueueId| {
            core.queues.get(id).and_then(|q| q.settings.delay_ms).filter(|&ms| ms > 0 && record.due.is_none())
        };
        let (delayed, now): (Vec<QueueId>, Vec<QueueId>) =
            accepted.iter().partition(|id| delay(self, id).is_some());
        self.append(fx, &now, bytes.clone(), 1, record.persistent);
        for id in &delayed {
            let ms = delay(self, id).unwrap_or(0);
            let head = RecordHead { due: Some(Millis(fx.now.0.saturating_add(ms))), ..record.head() };
            let mut chunk = Vec::with_capacity(head.record_len(record.body.len()));
            head.write(record.body.len(), &mut chunk);
            chunk.extend_from_slice(record.body);
            self.append(fx, std::slice::from_ref(id), Bytes::from(chunk), 1, record.persistent);
        }
        for &id in accepted.iter() {
            self.enforce_length(fx, id);
        }
        !refused
    }

    /// The overflow policy under which a queue refuses a message now.
    fn refuses(&mut self, fx: &mut Fx<'_>, id: QueueId, record: &Record<'_>) -> Option<Overflow> {
        let over = |core: &Core| {
            let q = core.queues.get(&id)?;
            let s = &q.settings;
            let full = s.max_length.is_some_and(|max| q.ready + 1 > max)
                || s.max_length_bytes.is_some_and(|max| q.bounded_bytes() + record.body.len() as u64 > max);
            (full && s.overflow != Overflow::DropHead).then_some(s.overflow)
        };
        over(self)?;
        if self.queues.get(&id).is_some_and(|q| q.consumers.any_ready()) {
            self.pump(fx, id);
            if self.queues.get(&id).is_some_and(|q| q.ready == 0 && q.consumers.any_ready()) {
                return None; // Somebody takes it at once: it never counts as ready.
            }
        }
        over(self)
    }

    /// Drops or dead-letters from the head until a bounded queue is within its bound.
    pub(crate) fn enforce_length(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let bounded = |core: &Core| {
            core.queues.get(&id).is_some_and(|q| {
                q.settings.overflow == Overflow::DropHead
                    && q.kind != Kind::Stream
                    && (q.settings.max_length.is_some_and(|max| q.ready > max)
                        || q.settings.max_length_bytes.is_some_and(|max| q.bounded_bytes() > max))
            })
        };
        if !bounded(self) {
            return;
        }
        self.pump(fx, id);
        while bounded(self) {
            let picked = self.with_queue(id, |q, _| q.pick(1, fx.now));
            match picked {
                Some(Pick::Run(run)) => self.kill(fx, id, &run, Reason::MaxLength),
                Some(Pick::Expired(run)) => self.kill(fx, id, &run, Reason::Expired),
                Some(Pick::Load(number)) => {
                    self.request_load(fx, id, number); // Goes on when the head is in memory.
                    break;
                }
                Some(Pick::Nothing) | None => break,
            }
        }
    }

    /// Whether a queue with a deduplication window has stored this message's key already.
    fn is_duplicate(&mut self, fx: &Fx<'_>, id: QueueId, record: &Record<'_>) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        let next = queue.stream.next;
        let Some(dedup) = queue.views.as_mut().and_then(|v| v.dedup.as_mut()) else { return false };
        let Some(key) = dedup_key(record) else { return false };
        let duplicate = dedup.check(key, next, fx.now.0).is_some();
        self.stats.duplicates += u64::from(duplicate);
        duplicate
    }
}

/// The key under which a message is stored once within a window: the header `x-deduplication-header`, or `x-idempotency-key`.
pub(crate) fn dedup_key(record: &Record<'_>) -> Option<u128> {
    let props = PropsRef::parse(record.props).ok()?;
    let headers = props.headers()?;
    let value = headers.get("x-deduplication-header").or_else(|| headers.get("x-idempotency-key"))?;
    let bytes = value.as_bytes()?;
    Some(crate::routing::hash_128(bytes))
}
