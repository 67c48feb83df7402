//! Journal segments are given back: at once where nothing in them is live, after copying the survivors out where little is.
//!
//! Below the history budget segments are kept, so that what was consumed can be read again. Beyond it, the oldest go first: one that holds
//! nothing live is freed, one that is less than half live has its survivors copied to a mixed segment (work queues) or to the stream's own
//! (streams), one that is more than half live stays where it is. The copy is made outside the core's lock; a `MOVED` record repoints the index.

use anymq_log::{Class, SegmentStat};
use anymq_types::{Position, QueueId};

use super::Core;
use super::fx::Fx;
use super::load::Part;
use crate::journal::{APPEND, Append, BATCH, Batches, MOVED, Moved, Piece};
use crate::queue::Queue;
use crate::queue::encoding::Encoding;
use crate::queue::extent::Extent;
use crate::queue::segments::SegmentUse;
use crate::queue::settings::Kind;

/// Extents looked at in one hold of the lock.
const BATCH_EXTENTS: usize = 256;

/// What reclaim decided about the segments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Nothing live: free them.
    pub(crate) free: Vec<u32>,
    /// Little live: copy the survivors out.
    pub(crate) copy: Option<u32>,
}

/// An extent whose survivors are to be copied.
#[derive(Clone, Debug)]
pub(crate) struct Survivor {
    pub(crate) queue: QueueId,
    pub(crate) class: Class,
    pub(crate) base: u64,
    pub(crate) end: u64,
    pub(crate) at: Position,
    pub(crate) span: u32,
    /// Unsettled runs at the time of looking.
    pub(crate) live: Vec<(u64, u64)>,
}

impl Core {
    /// Decides what can go, oldest first, so that the sealed segments fit the history budget; there is none while the disk is low.
    pub(crate) fn plan_reclaim(&self, segments: &[SegmentStat]) -> Plan {
        let mut sealed: Vec<&SegmentStat> = segments.iter().filter(|s| s.sealed && !s.freed).collect();
        sealed.sort_by_key(|s| s.id);
        let mut total: u64 = sealed.iter().map(|s| s.bytes).sum();
        let budget = if self.alarms.disk { 0 } else { self.config.history_bytes.0 };
        let mut plan = Plan::default();
        for segment in sealed {
            if total <= budget {
                break;
            }
            let live = self.segments.live(segment.id);
            if live == 0 {
                plan.free.push(segment.id);
                total -= segment.bytes;
            } else if live * 2 < segment.bytes && plan.copy.is_none() {
                plan.copy = Some(segment.id);
                total -= segment.bytes;
            }
        }
        plan
    }

    /// Forgets the history that lies in segments about to be freed.
    pub(crate) fn forget_history(&mut self, freed: &[u32]) {
        for queue in self.queues.values_mut() {
            queue.stream.remove_history(|e| freed.contains(&e.at.segment()));
        }
    }

    /// Extents with survivors in a segment, a batch at a time.
    pub(crate) fn survivors_in(&self, segment: u32) -> Vec<Survivor> {
        let mut found = Vec::new();
        for queue in self.queues.values() {
            let class = if queue.kind == Kind::Stream { Class::Stream(queue.id.0) } else { Class::Mixed };
            for extent in
                queue.stream.extents().filter(|e| e.stored && e.live > 0 && e.at.segment() == segment)
            {
                found.push(Survivor {
                    queue: queue.id,
                    class,
                    base: extent.base,
                    end: extent.end(),
                    at: extent.at,
                    span: extent.span,
                    live: queue.unsettled_in(extent.base, extent.end()),
                });
                if found.len() >= BATCH_EXTENTS {
                    return found;
                }
            }
        }
        found
    }

    /// Survivors have been copied and synced: repoints the index and has the journal say so.
    pub(crate) fn moved(&mut self, fx: &mut Fx<'_>, moved: &Moved) {
        let lasting = self.queues.get(&moved.queue).is_some_and(|q| q.is_lasting(moved.start));
        if self
            .with_queue(moved.queue, |queue, segments| queue.move_extents(moved, segments))
            .unwrap_or(false)
            && lasting
        {
            fx.frame(MOVED, |out| moved.write(out));
        }
    }
}

impl Queue {
    /// Runs of unsettled offsets in `start..end`.
    pub(crate) fn unsettled_in(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let mut at = start.max(self.head);
        while at < end {
            if let Some(settled_to) = self.settled.range_at(at) {
                at = settled_to;
                continue;
            }
            let stop = self.settled.next_from(at).map_or(end, |(s, _)| s.min(end));
            runs.push((at, stop));
            at = stop;
        }
        runs
    }

    /// Replaces what is at `start..end` by pieces elsewhere. False if it is no longer what it was.
    pub(crate) fn move_extents(&mut self, moved: &Moved, segments: &mut SegmentUse) -> bool {
        let Some(number) = self.stream.find(moved.start) else { return false };
        let Some(first) = self.stream.extent(number) else { return false };
        let (volatile, encoding) = (first.volatile, first.encoding);
        // One extent when it was moved may be several when that is replayed: the newest of them says how old it is, as it did then.
        let there = (number..).map_while(|n| self.stream.extent(n)).take_while(|e| e.base < moved.end);
        let time_s = there.map(|e| e.time_s).max().unwrap_or(0);
        let mut pieces: Vec<Extent> = Vec::with_capacity(moved.pieces.len());
        for piece in &moved.pieces {
            let end = piece.base + piece.count as u64;
            let live: u64 = self.unsettled_in(piece.base, end).iter().map(|(s, e)| e - s).sum();
            let (span, at) = (piece.span, piece.at);
            pieces.push(Extent {
                base: piece.base,
                at,
                count: piece.count,
                live: live as u32,
                span,
                own: span,
                time_s,
                stored: true,
                volatile,
                synced: true,
                encoding,
                data: None,
            });
        }
        for piece in pieces.iter().filter(|p| p.live > 0) {
            segments.retain(piece.at.segment(), piece.own);
        }
        let placed: Vec<_> = pieces.iter().map(|p| (p.live, p.at.segment(), p.own)).collect();
        let dropped = self.stream.replace(moved.start, moved.end, pieces);
        if dropped.is_empty() {
            for (_, segment, own) in placed.into_iter().filter(|p| p.0 > 0) {
                segments.release(segment, own);
            }
            return false;
        }
        for extent in dropped {
            if let Some(data) = extent.data {
                self.resident -= data.len() as u64;
            }
            if extent.live > 0 {
                segments.release(extent.at.segment(), extent.own);
            }
        }
        true
    }
}

/// Survivors as a frame to copy.
pub(crate) struct Copy {
    pub(crate) base: u64,
    pub(crate) count: u32,
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

/// The surviving runs of an extent as frames to copy. Of batches none is split: a stream's messages are kept or go as a whole.
pub(crate) fn pieces_of(survivor: &Survivor, parts: &[Part]) -> Vec<Copy> {
    let mut copies = Vec::new();
    for &(start, end) in &survivor.live {
        for part in parts {
            let part_end = part.base + u64::from(part.count);
            let (from, to) = (start.max(part.base), end.min(part_end));
            if from >= to {
                continue;
            }
            let mut body = Vec::new();
            if part.encoding == Encoding::Batches {
                Batches { queue: survivor.queue, base: part.base, bytes: &part.bytes }.write(&mut body);
                copies.push(Copy { base: part.base, count: part.count, kind: BATCH, body });
                continue;
            }
            let byte = |offset: u64| {
                part.encoding.find(&part.bytes, offset - part.base).map(|(byte, _)| byte as usize)
            };
            let (begin, stop) = (byte(from).unwrap_or(0), byte(to).unwrap_or(part.bytes.len()));
            let count = (to - from) as u32;
            Append::write([(survivor.queue, from)].into_iter(), count, &part.bytes[begin..stop], &mut body);
            copies.push(Copy { base: from, count, kind: APPEND, body });
        }
    }
    copies
}

/// The journal record of a move.
pub(crate) fn moved_record(survivor: &Survivor, pieces: Vec<Piece>) -> Moved {
    Moved { queue: survivor.queue, start: survivor.base, end: survivor.end, pieces }
}
