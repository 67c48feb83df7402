//! Message bytes in memory stay within a budget.

use anymq_types::QueueId;

use super::Core;
use super::fx::Fx;
use crate::journal::{Append, SPILL};
use crate::queue::settings::Kind;

/// What a queue keeps in memory at its cursor, however short memory is.
const WINDOW_BYTES: u64 = 256 << 10;
/// What a stream keeps in memory at its end for the readers there.
const STREAM_TAIL_BYTES: u64 = 1 << 20;

impl Core {
    /// Takes a queue's newest chunks out of memory while the budget is exceeded: those the journal has are dropped, the others
    /// written to it first.
    pub(crate) fn enforce_budget(&mut self, fx: &mut Fx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get(&id) else { return };
        if queue.kind == Kind::Stream {
            return self.trim_stream_tail(id);
        }
        if self.resident <= self.config.memory_budget.0 || queue.resident <= WINDOW_BYTES {
            return;
        }
        let mut number = queue.stream.end_number();
        while self.resident > self.config.memory_budget.0 {
            let Some(queue) = self.queues.get(&id) else { return };
            if number <= queue.stream.first_number() || queue.resident <= WINDOW_BYTES {
                return;
            }
            number -= 1;
            let Some(extent) = queue.stream.extent(number) else { continue };
            match (&extent.data, extent.stored) {
                (None, _) if extent.live > 0 => return, // Everything before it is out already, but for the window.
                (None, _) => {}
                (Some(_), true) => {
                    self.with_queue(id, |q, _| q.evict(number));
                }
                (Some(_), false) => self.spill(fx, id, number),
            }
        }
    }

    /// Moves a chunk that is only in memory to the journal; recovery will ignore it.
    fn spill(&mut self, fx: &mut Fx<'_>, id: QueueId, number: u64) {
        let Some(extent) = self.queues.get(&id).and_then(|q| q.stream.extent(number)) else { return };
        let Some(data) = extent.data.clone() else { return };
        let (base, count) = (extent.base, extent.count);
        let (at, span) = fx.frame(SPILL, |out| Append::write([(id, base)].into_iter(), count, &data, out));
        self.with_queue(id, |queue, segments| {
            segments.retain(at.segment(), span);
            if let Some(extent) = queue.stream.extent_mut(number) {
                (extent.at, extent.span, extent.own, extent.stored) = (at, span, span, true);
            }
            queue.evict(number);
        });
        self.stats.spilled += count as u64;
    }

    /// Takes a stream's chunks out of memory, those first that came first, until what is left is its tail.
    fn trim_stream_tail(&mut self, id: QueueId) {
        while let Some(queue) =
            self.queues.get_mut(&id).filter(|q| q.durable && q.resident > STREAM_TAIL_BYTES)
        {
            let Some(base) = queue.views_mut().in_memory.pop_front() else { return };
            if let Some(number) = queue.stream.find(base) {
                self.with_queue(id, |q, _| q.evict(number));
            }
        }
    }
}
