//! Housekeeping: alarms, snapshots, reclaim. One thread, none of it on a message's path.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anymq_log::{Health, SegmentStat};
use anymq_types::Position;

use crate::admin::ResourceLimits;
use crate::api::Alarms;
use crate::broker::Inner;
use crate::core::load::part_of;
use crate::core::reclaim::{Survivor, moved_record, pieces_of};
use crate::journal::Piece;

impl Inner {
    pub(crate) fn housekeep(self: &Arc<Self>) {
        self.watch_resources();
        self.snapshot_if_due();
        self.reclaim(&self.log.segments());
    }

    /// Takes a snapshot if the journal has grown by enough since the last, or if that makes room on a full disk.
    pub(crate) fn snapshot_if_due(self: &Arc<Self>) {
        let segments = self.log.segments();
        let due = self.journal_bytes_since(&segments) >= self.config.snapshot_every.0;
        if (due || self.snapshot_makes_room(&segments))
            && let Err(error) = self.take_snapshot()
        {
            tracing::error!(error, "snapshot failed; the journal is kept until one succeeds");
        }
    }

    /// Raises and clears alarms, and tells every connection when they change.
    fn watch_resources(self: &Arc<Self>) {
        let full = !matches!(self.log.health(), Health::Ok);
        let free = self.free_bytes().unwrap_or(u64::MAX);
        let mark = memory_mark(self.config.memory_high_watermark.0);
        let alarms =
            Alarms { memory: resident_bytes() > mark, disk: full || free < self.config.disk_free_limit.0 };
        let changed = {
            let core = self.core.lock();
            core.alarms != alarms
        };
        if !changed {
            return;
        }
        if alarms.any() {
            tracing::warn!(reason = alarms.reason(), free_bytes = free, "publishers are held back");
        } else {
            tracing::info!("publishers go on");
        }
        self.alarms.store(u8::from(alarms.memory) | u8::from(alarms.disk) << 1, Ordering::Release);
        self.with(|core, fx| {
            core.alarms = alarms;
            fx.signals.extend(core.sessions.values().map(|s| s.outbox.clone()));
        });
    }

    /// Resources as the alarms see them.
    pub(crate) fn resource_limits(&self) -> ResourceLimits {
        ResourceLimits {
            memory: resident_bytes(),
            memory_limit: memory_mark(self.config.memory_high_watermark.0),
            disk_free: self.free_bytes().unwrap_or(0),
            disk_free_limit: self.config.disk_free_limit.0,
        }
    }

    /// Whether the disk is low and segments wait to be let go until the older of the two kept snapshots is past them. A journal
    /// that is stuck cannot say how far it is, so then there is no snapshot.
    fn snapshot_makes_room(&self, segments: &[SegmentStat]) -> bool {
        let before = Position(self.snapshot_before.load(Ordering::Relaxed)).segment();
        let waits = |s: &SegmentStat| s.freed && s.class == anymq_log::Class::Journal && s.id >= before;
        self.core.lock().alarms.disk && matches!(self.log.health(), Health::Ok) && segments.iter().any(waits)
    }

    /// Bytes that can still be written: what the disk has, and what the journal keeps for itself.
    fn free_bytes(&self) -> Option<u64> {
        Some(self.disk.free_space().ok()?.saturating_add(self.log.spare_bytes()))
    }

    /// Journal bytes written since the last snapshot, roughly: whole segments and the part of the present one.
    fn journal_bytes_since(&self, segments: &[SegmentStat]) -> u64 {
        let last = Position(self.snapshot_at.load(Ordering::Relaxed));
        segments
            .iter()
            .filter(|s| s.class == anymq_log::Class::Journal && s.id >= last.segment())
            .map(
                |s| {
                    if s.id == last.segment() {
                        s.bytes.saturating_sub(last.offset() as u64)
                    } else {
                        s.bytes
                    }
                },
            )
            .sum()
    }

    /// Writes the durable state beside the journal. The core is held only while it is copied.
    pub(crate) fn take_snapshot(self: &Arc<Self>) -> Result<(), String> {
        let (chunks, through) = {
            let core = self.core.lock();
            let chunks = core.snapshot();
            // No frame can be written while the core is held: the state is what the journal says up to here.
            let through = self.log.writer().end();
            (chunks, through)
        };
        let mut writer = self.log.snapshot(through);
        for chunk in &chunks {
            writer.chunk(chunk).map_err(|e| e.to_string())?;
        }
        writer.finish().map_err(|e| e.to_string())?;
        let before = self.snapshot_at.swap(through.0, Ordering::Relaxed);
        self.snapshot_before.store(before, Ordering::Relaxed);
        Ok(())
    }

    /// Gives segments back, oldest first, while the journal is larger than its history budget.
    fn reclaim(self: &Arc<Self>, segments: &[SegmentStat]) {
        let plan = self.core.lock().plan_reclaim(segments);
        if !plan.free.is_empty() {
            self.core.lock().forget_history(&plan.free);
            plan.free.iter().for_each(|&segment| self.log.free(segment));
        }
        if let Some(segment) = plan.copy
            && let Err(error) = self.copy_survivors(segment)
        {
            tracing::error!(segment, error, "survivors could not be copied; the segment stays");
        }
    }

    fn copy_survivors(self: &Arc<Self>, segment: u32) -> Result<(), String> {
        loop {
            let _moving = self.moving.lock();
            let batch = self.core.lock().survivors_in(segment);
            if batch.is_empty() {
                return Ok(()); // Nothing live any more: the next round frees it.
            }
            let before = batch.len();
            let mut classes: Vec<_> = batch.iter().map(|s| s.class).collect();
            classes.sort_unstable();
            classes.dedup();
            let mut moved = 0;
            for class in classes {
                let mine: Vec<&Survivor> = batch.iter().filter(|s| s.class == class).collect();
                moved += self.copy_class(class, &mine)?;
            }
            if moved == 0 {
                return Err(format!("none of {before} chunks could be moved"));
            }
        }
    }

    fn copy_class(
        self: &Arc<Self>,
        class: anymq_log::Class,
        survivors: &[&Survivor],
    ) -> Result<usize, String> {
        let mut archive = self.log.archive(class).map_err(|e| e.to_string())?;
        let (mut moves, mut isolated) = (Vec::new(), 0);
        for survivor in survivors {
            let span = self.log.read(survivor.at, survivor.span).map_err(|e| e.to_string())?;
            let parts: Vec<_> = self
                .log
                .frames(survivor.at, &span)
                .filter_map(|f| part_of(&f.ok()?, survivor.queue, &span))
                .collect();
            let copied = pieces_of(survivor, &parts);
            let copies: u64 = copied.iter().map(|c| u64::from(c.count)).sum();
            if copies < survivor.live.iter().map(|(from, to)| to - from).sum() {
                self.with(|core, fx| core.isolate_survivor(fx, &self.log, survivor, &span));
                isolated += 1;
                continue; // What verifies is found again, by itself.
            }
            let mut pieces = Vec::new();
            for copy in copied {
                let at = archive.append(copy.kind, 0, &copy.body).map_err(|e| e.to_string())?;
                let span = (anymq_log::FRAME_HEADER + copy.body.len()) as u32;
                pieces.push(Piece { base: copy.base, count: copy.count, at, span });
            }
            moves.push(moved_record(survivor, pieces));
        }
        archive.sync().map_err(|e| e.to_string())?;
        let count = moves.len() + isolated;
        self.with(|core, fx| moves.iter().for_each(|m| core.moved(fx, m)));
        Ok(count)
    }
}

/// Resident memory of this process, in bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// The memory mark: as configured, or 60 % of what the machine or the container has.
fn memory_mark(configured: u64) -> u64 {
    if configured > 0 {
        return configured;
    }
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or(u64::MAX / 10, |kib| kib * 1024);
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|s| s.trim().parse().ok())
        .unwrap_or(u64::MAX);
    total.min(limit) / 10 * 6
}
