//! Opening: the newest snapshot that verifies, then the journal from there, until it ends.
//!
//! The journal ends at a seal, or where a group does not verify and nothing behind it does: a torn tail, which is
//! zeroed. If anything behind it does verify it was written later, so what precedes was on disk once and is corrupt:
//! opening refuses. Between segments the next one's header says where this one ended, so there is nothing to guess.

use std::collections::BTreeMap;
use std::sync::Arc;

use anymq_runtime::{Disk, DiskFile, Rng};
use anymq_types::Position;

use crate::committer::Committer;
use crate::config::Config;
use crate::error::{OpenError, ReplayError};
use crate::frame::Frame;
use crate::group::{self, GROUP_HEADER};
use crate::log::Start;
use crate::meta;
use crate::reclaim::Spares;
use crate::scan::Scanner;
use crate::segment::{self, Class, Header, Name, SEGMENT_HEADER, Segment, Segments};
use crate::snapshot::{self, KEPT, Kept, SnapshotHeader};

/// What recovery drives: the broker's state.
pub trait Replay {
    /// One call per chunk of the snapshot, in order, before anything is replayed.
    fn restore(&mut self, chunk: &[u8]) -> Result<(), ReplayError>;

    /// Called before the first frame: so many bytes of journal follow, at most.
    fn begin(&mut self, _bytes: u64) {}

    /// One call per frame after the snapshot, in order.
    fn replay(&mut self, frame: Frame<'_>) -> Result<(), ReplayError>;
}

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Position of the snapshot that was restored.
    pub snapshot: Option<Position>,
    /// Files of newer snapshots that did not verify; they are in the quarantine directory.
    pub snapshots_damaged: Vec<String>,
    /// Groups read from the journal.
    pub groups: u64,
    /// Frames replayed.
    pub frames: u64,
    /// Where the journal goes on.
    pub end: Position,
    /// The log was closed, or idle, when it was left.
    pub clean: bool,
    /// Bytes behind the end that were zeroed: a group that was being written, or remains of a recycled file.
    pub cut_bytes: u64,
}

/// Directory for what did not verify.
pub(crate) const QUARANTINE: &str = "quarantine";

/// Segment files of a data directory.
pub(crate) struct Found {
    pub(crate) journal: Vec<Header>,
    pub(crate) archives: Vec<(Header, u64)>,
    pub(crate) spares: Vec<String>,
    pub(crate) next_spare: u32,
}

pub(crate) fn recover(disk: &dyn Disk, config: &Config, replay: &mut dyn Replay) -> Result<Start, OpenError> {
    let mut rng = config.seed.map_or_else(Rng::from_entropy, Rng::new);
    let identity = meta::load_or_create(disk, &mut rng)?;
    let found = find_segments(disk, identity)?;
    let mut recovered = Recovered::default();
    let (snapshot, kept, snapshot_seq) = choose_snapshot(disk, identity, &found.journal, &mut recovered)?;
    if let Some(header) = &snapshot {
        recovered.snapshot = Some(header.through);
        let restored = snapshot::read(disk, &snapshot::path(header.seq), |header, chunk| {
            replay.restore(chunk).map_err(|source| OpenError::Replay { at: header.through, source })
        });
        restored?;
    }
    let (from, through) = snapshot.map_or((Position(0), Position(0)), |s| (s.from, s.through));
    let tail = replay_journal(disk, &found.journal, from, through, replay, &mut recovered)?;
    let table = table(disk, &found, tail.at)?;
    let next = table.keys().next_back().map_or(1, |id| id + 1).max(snapshot.map_or(1, |s| s.next_segment));
    // With a fixed seed each opening still draws other salts than the one before.
    let rng = Rng::new(rng.next_u64() ^ tail.at.0.rotate_left(17) ^ snapshot_seq);
    let allocated = tail.make_room(config);
    Ok(Start {
        identity,
        tail: tail.at,
        pending: crate::writer::Pending::new(tail.at, tail.salt, rng),
        committer: Committer::new(tail.file, tail.at, tail.salt, allocated),
        segments: Segments::new(table, next),
        spares: Spares::new(found.spares, found.next_spare),
        snapshots: kept,
        snapshot_seq,
        recovered,
    })
}

/// Reads the header of every segment; removes what was never finished.
fn find_segments(disk: &dyn Disk, identity: u128) -> Result<Found, OpenError> {
    let mut found = Found { journal: Vec::new(), archives: Vec::new(), spares: Vec::new(), next_spare: 1 };
    for name in disk.list(segment::DIR).map_err(OpenError::io(segment::DIR))? {
        let path = format!("{}/{name}", segment::DIR);
        match segment::parse_name(&name) {
            Some(Name::Spare(number)) => {
                found.next_spare = found.next_spare.max(number.saturating_add(1));
                found.spares.push(path);
            }
            Some(Name::Segment(id)) => {
                let (header, bytes) = read_header(disk, &path)?;
                check_header(&header, id, identity, &path)?;
                match header.class {
                    Class::Journal => found.journal.push(header),
                    Class::Mixed | Class::Stream(_) => found.archives.push((header, bytes)),
                }
            }
            None if name.ends_with(".new") => disk.remove(&path).map_err(OpenError::io(path))?,
            None => tracing::warn!(file = path, "a file that is not ours; left alone"),
        }
    }
    found.journal.sort_unstable_by_key(|header| header.id);
    // A name that a crash left in memory only must not go later, when what it names counts as committed.
    disk.sync_dir(segment::DIR).map_err(OpenError::io(segment::DIR))?;
    Ok(found)
}

/// Header of a segment file, and the file's length.
pub(crate) fn read_header(disk: &dyn Disk, path: &str) -> Result<(Header, u64), OpenError> {
    let file = disk.open(path).map_err(OpenError::io(path))?;
    let mut page = vec![0; SEGMENT_HEADER as usize];
    let len = file.read_at(0, &mut page).map_err(OpenError::io(path))?;
    let header = Header::decode(&page[..len], path)?;
    Ok((header, file.size().map_err(OpenError::io(path))?))
}

pub(crate) fn check_header(header: &Header, id: u32, identity: u128, path: &str) -> Result<(), OpenError> {
    if header.identity != identity {
        let (found, expected) = (header.identity, identity);
        return Err(OpenError::Foreign { file: path.to_owned(), found, expected });
    }
    if header.id != id || segment::path(id, header.class) != path {
        return Err(OpenError::Damaged { file: path.to_owned(), what: "its name and its header differ" });
    }
    Ok(())
}

type Chosen = (Option<SnapshotHeader>, Vec<Kept>, u64);

/// The newest snapshot that verifies; all that are kept, oldest first; the next sequence number.
fn choose_snapshot(
    disk: &dyn Disk,
    identity: u128,
    journal: &[Header],
    recovered: &mut Recovered,
) -> Result<Chosen, OpenError> {
    let io = || OpenError::io(snapshot::DIR);
    let (mut good, mut bad, mut next_seq) = (Vec::new(), Vec::new(), 1);
    for name in disk.list(snapshot::DIR).map_err(io())?.into_iter().rev() {
        let path = format!("{}/{name}", snapshot::DIR);
        let Some(seq) = snapshot::parse_name(&name) else {
            if name.ends_with(".new") {
                disk.remove(&path).map_err(OpenError::io(path))?;
            }
            continue;
        };
        next_seq = next_seq.max(seq.saturating_add(1));
        match snapshot::read(disk, &path, |_, _| Ok(())) {
            Ok(header) if header.identity != identity => {
                return Err(OpenError::Foreign { file: path, found: header.identity, expected: identity });
            }
            Ok(header) if header.seq == seq => good.push(header),
            Ok(_) | Err(OpenError::Damaged { .. }) => bad.push(name),
            Err(e) => return Err(e),
        }
    }
    let reaches_back = journal.first().is_none_or(|first| first.previous == Position(0));
    if good.is_empty() && !reaches_back {
        return Err(OpenError::NoSnapshot { first: journal[0].id });
    }
    for name in bad {
        tracing::warn!(snapshot = name, "a snapshot does not verify; using an older one");
        quarantine(disk, &format!("{}/{name}", snapshot::DIR), &name)?;
        recovered.snapshots_damaged.push(name);
    }
    // A crash may have left one more than are kept.
    for surplus in good.iter().skip(KEPT) {
        disk.remove(&snapshot::path(surplus.seq)).map_err(io())?;
    }
    good.truncate(KEPT);
    let kept = good.iter().rev().map(|s| Kept { seq: s.seq, through: s.through }).collect();
    Ok((good.first().copied(), kept, next_seq))
}

/// Moves a file out of the way, never over another; its new path.
pub(crate) fn quarantine(disk: &dyn Disk, path: &str, name: &str) -> Result<String, OpenError> {
    let io = || OpenError::io(QUARANTINE);
    disk.create_dir(QUARANTINE).map_err(io())?;
    let taken = disk.list(QUARANTINE).map_err(io())?;
    let free = (0..).map(|n: u32| if n == 0 { name.to_owned() } else { format!("{name}.{n}") });
    let name = free.into_iter().find(|name| !taken.contains(name)).expect("some number is free");
    let kept = format!("{QUARANTINE}/{name}");
    disk.rename(path, &kept).map_err(io())?;
    for dir in ["", QUARANTINE, path.rsplit_once('/').map_or("", |(dir, _)| dir)] {
        disk.sync_dir(dir).map_err(io())?;
    }
    Ok(kept)
}

/// Where the journal goes on.
struct Tail {
    at: Position,
    salt: u32,
    file: Option<Arc<dyn DiskFile>>,
}

impl Tail {
    /// Reserves what the segment may still take; bytes of the file.
    fn make_room(&self, config: &Config) -> u64 {
        let Some(file) = &self.file else { return 0 };
        // Without room now, the committer tries again with every group.
        let _ = file.allocate(u64::from(config.segment_bytes));
        file.size().unwrap_or(0)
    }
}

fn replay_journal(
    disk: &dyn Disk,
    journal: &[Header],
    from: Position,
    through: Position,
    replay: &mut dyn Replay,
    recovered: &mut Recovered,
) -> Result<Tail, OpenError> {
    let first = if from.segment() == 0 { journal.first().map(|h| h.id) } else { Some(from.segment()) };
    let mut tail = Tail { at: Position(0), salt: 0, file: None };
    let Some(first) = first else { return Ok(tail) };
    let start = journal.partition_point(|h| h.id < first);
    if journal.get(start).is_none_or(|h| h.id != first) {
        return Err(OpenError::MissingSegment { segment: first });
    }
    if from.segment() == 0 && journal[start].previous != Position(0) {
        return Err(OpenError::MissingSegment { segment: journal[start].previous.segment() });
    }
    replay.begin(segment::length(disk, &journal[start..], from));
    for (index, header) in journal.iter().enumerate().skip(start) {
        let next = journal.get(index + 1);
        if let Some(next) = next.filter(|next| next.previous.segment() != header.id) {
            return Err(OpenError::MissingSegment { segment: next.previous.segment() });
        }
        let at = if header.id == from.segment() { from } else { Position::new(header.id, SEGMENT_HEADER) };
        let path = segment::path(header.id, Class::Journal);
        let file = disk.open(&path).map_err(OpenError::io(&*path))?;
        let scan = Scanner::new(Arc::clone(&file)).map_err(OpenError::io(&*path))?;
        let end = next.map(|next| next.previous);
        let mut walk = Walk {
            scan,
            salt: header.salt,
            path: &path,
            through,
            last: None,
            replay: &mut *replay,
            recovered,
        };
        let at = walk.segment(at, end)?;
        tail = Tail { at, salt: header.salt, file: Some(file) };
    }
    if tail.at < through {
        let file = segment::path(tail.at.segment(), Class::Journal);
        return Err(OpenError::Corrupt { at: tail.at, file, what: "it ends before the snapshot's position" });
    }
    recovered.end = tail.at;
    Ok(tail)
}

/// Replays one segment.
struct Walk<'a> {
    scan: Scanner,
    salt: u32,
    path: &'a str,
    through: Position,
    /// The last group that was read.
    last: Option<group::GroupHeader>,
    replay: &'a mut dyn Replay,
    recovered: &'a mut Recovered,
}

impl Walk<'_> {
    fn corrupt(&self, at: Position, what: &'static str) -> OpenError {
        OpenError::Corrupt { at, file: self.path.to_owned(), what }
    }

    /// Replays from `at`; where the segment ends. `end` is known from the next segment, if there is one.
    fn segment(&mut self, mut at: Position, end: Option<Position>) -> Result<Position, OpenError> {
        if u64::from(at.offset()) > self.scan.size() {
            return Err(self.corrupt(at, "the file is shorter than it was when the snapshot was taken"));
        }
        let io = OpenError::io(self.path);
        loop {
            if end == Some(at) {
                return Ok(at);
            }
            let header = match self.scan.header(at, self.salt) {
                Ok(header) => header,
                Err(e) => return Err(io(e)),
            };
            match header {
                Some(header) if header.seal && end.is_none() => {
                    self.recovered.clean = true;
                    return Ok(at);
                }
                Some(header) if !header.seal && self.group(&header)? => {
                    at = at.plus(GROUP_HEADER as u32 + header.bytes);
                }
                _ => break,
            }
        }
        if end.is_some() {
            return Err(self.corrupt(at, "a group does not verify, and a later segment exists"));
        }
        let later = self.scan.find_header(at.plus(1), self.salt).map_err(OpenError::io(self.path))?;
        if later.is_some() {
            return Err(self.corrupt(at, "a group does not verify, and a later one does"));
        }
        self.cut(at)?;
        Ok(at)
    }

    /// Replays a group; false if it does not verify.
    fn group(&mut self, header: &group::GroupHeader) -> Result<bool, OpenError> {
        let Some(bytes) = self.scan.group(header).map_err(OpenError::io(self.path))? else {
            return Ok(false);
        };
        let (through, replay, recovered) = (self.through, &mut *self.replay, &mut *self.recovered);
        let verified = group::verify(header, bytes, self.salt, &mut |frame| {
            if frame.at < through {
                return Ok(());
            }
            recovered.frames += 1;
            replay.replay(frame).map_err(|source| OpenError::Replay { at: frame.at, source })
        })?;
        if verified {
            self.recovered.groups += 1;
            self.last = Some(*header);
        }
        Ok(verified)
    }

    /// Makes what was read durable, and zeroes what stands behind, so that nothing of it is ever taken for live.
    fn cut(&mut self, at: Position) -> Result<(), OpenError> {
        let from = u64::from(at.offset());
        let cut = (|| {
            // Only the last group may not have been synced. If its fsync failed, the kernel has it marked clean: read
            // from memory, not on disk. Written again it will be.
            if let Some(last) = &self.last {
                let start = u64::from(last.position.offset());
                let file = Arc::clone(self.scan.file());
                if let Some(bytes) = self.scan.peek(start, (from - start) as usize)? {
                    file.write_at(start, bytes)?;
                }
            }
            let end = self.scan.used_end(from)?;
            let zeros = vec![0; 1 << 20];
            let mut done = from;
            while done < end {
                let len = (end - done).min(zeros.len() as u64);
                self.scan.file().write_at(done, &zeros[..len as usize])?;
                done += len;
            }
            self.scan.file().sync_data()?;
            Ok(end - from)
        })();
        self.recovered.cut_bytes = cut.map_err(OpenError::io(self.path))?;
        Ok(())
    }
}

/// The table of segments as recovery leaves it.
fn table(disk: &dyn Disk, found: &Found, tail: Position) -> Result<BTreeMap<u32, Segment>, OpenError> {
    let mut table = BTreeMap::new();
    for (header, bytes) in &found.archives {
        let (class, salt, bytes) = (header.class, header.salt, *bytes);
        table.insert(header.id, Segment { class, salt, bytes, sealed: true, freed: None });
    }
    for (index, header) in found.journal.iter().enumerate() {
        let next = found.journal.get(index + 1).map(|next| next.previous);
        let bytes = match next {
            None => u64::from(tail.offset()),
            Some(end) if end.segment() == header.id => u64::from(end.offset()),
            // Its successor is gone: what is behind its end does not verify, so the file's length will do.
            Some(_) => read_header(disk, &segment::path(header.id, Class::Journal))?.1,
        };
        let (class, salt, sealed) = (Class::Journal, header.salt, next.is_some());
        table.insert(header.id, Segment { class, salt, bytes, sealed, freed: None });
    }
    Ok(table)
}
