//! Snapshots: the broker's state after all frames before a position, so that recovery need not read the whole journal.
//!
//! ```text
//!  header (64 bytes): magic · version u32 · 0 u32 · identity u128 · seq u64 · through u64 · from u64 · next u32 · crc
//!  chunk:             len u32 · crc u32 · bytes            (at most 16 MiB each)
//!  trailer:           0xFFFF_FFFF u32 · crc u32 · chunks u64 · bytes u64     (and the end of the file)
//! ```
//!
//! `from` is where the group that holds `through` starts: replay reads from there and skips what is before `through`.
//! `next` is the next free segment id. The trailer's crc covers the chunks' headers and the trailer, the chunks' crcs
//! their bytes. A snapshot has its name only when it is complete, durable and everything before `through` committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anymq_runtime::{Disk, DiskFile};
use anymq_types::Position;
use crc_fast::{CrcAlgorithm, Digest};

use crate::error::{OpenError, WriteError};
use crate::log::Inner;
use crate::scan::Scanner;
use crate::segment::VERSION;

/// Directory of all snapshots.
pub(crate) const DIR: &str = "snapshots";
/// Largest chunk, in bytes.
pub const SNAPSHOT_CHUNK_MAX: usize = 16 << 20;
/// Snapshots kept.
pub(crate) const KEPT: usize = 2;

const MAGIC: &[u8; 8] = b"ANYMQSNP";
const HEADER: usize = 64;
const CHUNK_HEADER: usize = 8;
const TRAILER: usize = 24;
const TRAILER_MARK: u32 = u32::MAX;
/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 20;

/// A snapshot that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) seq: u64,
    pub(crate) through: Position,
}

/// What a snapshot's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotHeader {
    pub(crate) identity: u128,
    pub(crate) seq: u64,
    pub(crate) through: Position,
    pub(crate) from: Position,
    pub(crate) next_segment: u32,
}

impl SnapshotHeader {
    fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..32].copy_from_slice(&self.identity.to_le_bytes());
        out[32..40].copy_from_slice(&self.seq.to_le_bytes());
        out[40..48].copy_from_slice(&self.through.0.to_le_bytes());
        out[48..56].copy_from_slice(&self.from.0.to_le_bytes());
        out[56..60].copy_from_slice(&self.next_segment.to_le_bytes());
        let crc = crc_fast::crc32_iscsi(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], file: &str) -> Result<Self, OpenError> {
        let damaged = || OpenError::Damaged { file: file.to_owned(), what: "its header does not verify" };
        let bytes: &[u8; HEADER] = bytes.get(..HEADER).and_then(|b| b.try_into().ok()).ok_or_else(damaged)?;
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if &bytes[..8] != MAGIC || crc_fast::crc32_iscsi(&bytes[..60]) != u32_at(60) {
            return Err(damaged());
        }
        if u32_at(8) > VERSION {
            return Err(OpenError::NewerFormat { file: file.to_owned(), found: u32_at(8), known: VERSION });
        }
        Ok(SnapshotHeader {
            identity: u128::from(u64_at(16)) | u128::from(u64_at(24)) << 64,
            seq: u64_at(32),
            through: Position(u64_at(40)),
            from: Position(u64_at(48)),
            next_segment: u32_at(56),
        })
    }
}

/// Path of a finished snapshot.
pub(crate) fn path(seq: u64) -> String {
    format!("{DIR}/{seq:016x}.snapshot")
}

/// Sequence number in a snapshot's file name.
pub(crate) fn parse_name(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".snapshot")?;
    u64::from_str_radix(stem, 16).ok().filter(|seq| format!("{seq:016x}") == stem)
}

/// Reads a whole snapshot and gives each chunk to `each`; an error of kind `Damaged` says what does not verify.
pub(crate) fn read(
    disk: &dyn Disk,
    file: &str,
    mut each: impl FnMut(&SnapshotHeader, &[u8]) -> Result<(), OpenError>,
) -> Result<SnapshotHeader, OpenError> {
    let damaged = |what| OpenError::Damaged { file: file.to_owned(), what };
    let io = || OpenError::io(file);
    let mut scan = Scanner::new(disk.open(file).map_err(io())?).map_err(io())?;
    let header = SnapshotHeader::decode(scan.peek(0, HEADER).map_err(io())?.unwrap_or_default(), file)?;
    let (mut at, mut chunks, mut total) = (HEADER as u64, 0u64, 0u64);
    let mut crc = Digest::new(CrcAlgorithm::Crc32Iscsi);
    loop {
        let head = scan.peek(at, CHUNK_HEADER).map_err(io())?.ok_or_else(|| damaged("it ends early"))?;
        let head: [u8; CHUNK_HEADER] = head.try_into().expect("as long as asked for");
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let stored = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if len == TRAILER_MARK {
            let bytes =
                scan.peek(at, TRAILER).map_err(io())?.ok_or_else(|| damaged("its trailer is cut short"))?;
            let counts = [chunks.to_le_bytes(), total.to_le_bytes()].concat();
            crc.update(&counts);
            if bytes[8..] != counts || crc.finalize() as u32 != stored || scan.size() != at + TRAILER as u64 {
                return Err(damaged("its trailer does not verify"));
            }
            return Ok(header);
        }
        if len as usize > SNAPSHOT_CHUNK_MAX {
            return Err(damaged("a chunk does not verify"));
        }
        at += CHUNK_HEADER as u64;
        let body = scan.peek(at, len as usize).map_err(io())?.ok_or_else(|| damaged("it ends early"))?;
        if crc_fast::crc32_iscsi(body) != stored {
            return Err(damaged("a chunk does not verify"));
        }
        crc.update(&head);
        each(&header, body)?;
        at += u64::from(len);
        chunks += 1;
        total += u64::from(len);
    }
}

/// Writes one snapshot. Dropped unfinished, it leaves nothing.
pub struct SnapshotWriter {
    log: Arc<Inner>,
    header: SnapshotHeader,
    unfinished: String,
    file: Option<Arc<dyn DiskFile>>,
    buffer: Vec<u8>,
    written: u64,
    chunks: u64,
    bytes: u64,
    crc: Digest,
}

impl SnapshotWriter {
    pub(crate) fn new(log: Arc<Inner>, through: Position) -> Self {
        let seq = log.snapshot_seq.fetch_add(1, Ordering::Relaxed);
        let header = SnapshotHeader {
            identity: log.identity,
            seq,
            through,
            from: group_of(&log, through),
            next_segment: log.segments.upcoming(),
        };
        let buffer = header.encode().to_vec();
        let crc = Digest::new(CrcAlgorithm::Crc32Iscsi);
        let unfinished = format!("{}.new", path(seq));
        SnapshotWriter { log, header, unfinished, file: None, buffer, written: 0, chunks: 0, bytes: 0, crc }
    }

    /// Adds a chunk of at most [`SNAPSHOT_CHUNK_MAX`] bytes; recovery gives back the same chunks in the same order.
    pub fn chunk(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if bytes.len() > SNAPSHOT_CHUNK_MAX {
            return Err(WriteError::TooLarge { bytes: bytes.len(), max: SNAPSHOT_CHUNK_MAX });
        }
        let len = u32::try_from(bytes.len()).expect("at most 16 MiB");
        let mut head = [0; CHUNK_HEADER];
        head[..4].copy_from_slice(&len.to_le_bytes());
        head[4..].copy_from_slice(&crc_fast::crc32_iscsi(bytes).to_le_bytes());
        self.crc.update(&head);
        self.buffer.extend_from_slice(&head);
        self.buffer.extend_from_slice(bytes);
        self.chunks += 1;
        self.bytes += bytes.len() as u64;
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Completes the snapshot: durable, and everything before its position committed. Keeps two, and lets go of the
    /// segments that nothing needs any more. Waits for the disk.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let counts = [self.chunks.to_le_bytes(), self.bytes.to_le_bytes()].concat();
        self.crc.update(&counts);
        self.buffer.extend_from_slice(&TRAILER_MARK.to_le_bytes());
        self.buffer.extend_from_slice(&(self.crc.finalize() as u32).to_le_bytes());
        self.buffer.extend_from_slice(&counts);
        self.flush()?;
        let file = self.file.as_ref().expect("flushed above");
        file.sync_all().map_err(WriteError::io(&self.unfinished))?;
        self.log.wait_committed(self.header.through)?;
        let mut kept = self.log.snapshots.lock();
        // One that was started later is finished already: this one is of no use.
        if kept.last().is_some_and(|newest| newest.seq > self.header.seq) {
            return Ok(());
        }
        let name = path(self.header.seq);
        self.log.disk.rename(&self.unfinished, &name).map_err(WriteError::io(&name))?;
        self.file = None;
        self.log.disk.sync_dir(DIR).map_err(WriteError::io(DIR))?;
        kept.push(Kept { seq: self.header.seq, through: self.header.through });
        while kept.len() > KEPT {
            let old = kept.remove(0);
            if let Err(e) = self.log.disk.remove(&path(old.seq)) {
                tracing::warn!(snapshot = old.seq, error = %e, "cannot remove an old snapshot");
            }
        }
        drop(kept);
        self.log.counters.snapshots.fetch_add(1, Ordering::Relaxed);
        self.log.counters.snapshot_bytes.fetch_add(self.bytes, Ordering::Relaxed);
        self.log.reclaim();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let file = match &self.file {
            Some(file) => file,
            None => {
                let created =
                    self.log.disk.create(&self.unfinished).map_err(WriteError::io(&self.unfinished))?;
                self.file.insert(created)
            }
        };
        file.write_at(self.written, &self.buffer).map_err(WriteError::io(&self.unfinished))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Best effort: opening removes unfinished files too.
            let _ = self.log.disk.remove(&self.unfinished);
        }
    }
}

/// Start of the group that `through` lies in or ends; the start of its segment if that is not known any more.
fn group_of(log: &Inner, through: Position) -> Position {
    let pending = log.pending.lock();
    let flight = pending.flight.as_ref().map(|flight| flight.start);
    let begun = (!pending.bytes.is_empty()).then_some(pending.start);
    let known = [begun, Some(pending.tail), flight];
    let near = known.into_iter().flatten().filter(|p| *p <= through && p.segment() == through.segment());
    near.max().unwrap_or(Position::new(through.segment(), crate::segment::SEGMENT_HEADER))
}
