//! `repair`: makes a damaged data directory open again. Keeps what verifies where it is, copies what it changes to the
//! quarantine directory first, deletes nothing.
//!
//! Positions must not move, because snapshots and the broker's index point at them. So a bad frame becomes a *filler*
//! of the same length, a bad group header is written anew around the frames that verify, and a journal segment that is
//! missing comes back filled with fillers.

use std::fmt;
use std::sync::Arc;

use anymq_runtime::{Disk, DiskFile};
use anymq_types::Position;

use crate::check::stretch_parts;
use crate::error::OpenError;
use crate::frame::{self, FRAME_HEADER, OWN};
use crate::group::{FILLER, GROUP_HEADER, GroupCrc, GroupHeader};
use crate::inspect::{self, Part, Stretch};
use crate::meta;
use crate::recovery::{self, QUARANTINE};
use crate::scan::Scanner;
use crate::segment::{self, Class, Header, SEGMENT_HEADER};
use crate::survey::{Gap, Survey, walked_end};

/// Something that `repair` changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The file.
    pub file: String,
    /// Where in the log, if it is in a segment.
    pub at: Option<Position>,
    /// Bytes that do not count any more.
    pub bytes: u64,
    /// Where they were copied or moved to, if there were any.
    pub quarantine: Option<String>,
    /// What was done.
    pub what: &'static str,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(at) = self.at {
            write!(f, " segment {} offset {}", at.segment(), at.offset())?;
        }
        write!(f, ": {} ({} bytes given up", self.what, self.bytes)?;
        match &self.quarantine {
            Some(path) => write!(f, ", kept in {path})"),
            None => write!(f, ")"),
        }
    }
}

/// Repairs the directory and reports each change; returns how many there were.
pub fn repair(disk: &dyn Disk, report: &mut dyn FnMut(Repaired)) -> Result<u64, OpenError> {
    let mut repair = Repair { disk, report, changes: 0 };
    let mut survey = Survey::new(disk)?;
    if survey.meta.is_some() {
        repair.identity(&survey)?;
    }
    for (path, _) in std::mem::take(&mut survey.bad_segments) {
        repair.put_away(&path, "it does not verify, or does not belong here")?;
    }
    for (path, _) in std::mem::take(&mut survey.bad_snapshots) {
        repair.put_away(&path, "the snapshot does not verify")?;
    }
    for header in survey.journal.iter().chain(&survey.archives) {
        repair.segment(header, survey.end_of(header.id))?;
    }
    // Bringing one back can show that the one before is missing too.
    for _ in 0..2 {
        for gap in survey.gaps() {
            repair.bring_back(&survey, gap)?;
        }
        survey = Survey::new(disk)?;
    }
    repair.reach_snapshot(&survey)?;
    Ok(repair.changes)
}

struct Repair<'a> {
    disk: &'a dyn Disk,
    report: &'a mut dyn FnMut(Repaired),
    changes: u64,
}

impl Repair<'_> {
    fn did(
        &mut self,
        file: &str,
        at: Option<Position>,
        bytes: u64,
        quarantine: Option<String>,
        what: &'static str,
    ) {
        self.changes += 1;
        (self.report)(Repaired { file: file.to_owned(), at, bytes, quarantine, what });
    }

    fn identity(&mut self, survey: &Survey) -> Result<(), OpenError> {
        let Some(identity) = survey.identity else {
            let what = "it does not verify, and no segment tells whose directory this is";
            return Err(OpenError::Damaged { file: meta::FILE.to_owned(), what });
        };
        if self.disk.list("").map_err(OpenError::io(""))?.iter().any(|name| name == meta::FILE) {
            self.put_away(meta::FILE, "it does not verify")?;
        }
        meta::store(self.disk, identity)?;
        self.did(meta::FILE, None, 0, None, "written anew, with the identity most segments have");
        Ok(())
    }

    fn put_away(&mut self, path: &str, what: &'static str) -> Result<(), OpenError> {
        let bytes = self.disk.open(path).and_then(|file| file.size()).map_err(OpenError::io(path))?;
        let kept =
            recovery::quarantine(self.disk, path, path.rsplit_once('/').map_or(path, |(_, name)| name))?;
        self.did(path, None, bytes, Some(kept), what);
        Ok(())
    }

    fn segment(&mut self, header: &Header, end: Option<Position>) -> Result<(), OpenError> {
        let path = segment::path(header.id, header.class);
        let io = || OpenError::io(&*path);
        let file = self.disk.open(&path).map_err(io())?;
        let mut scan = Scanner::new(Arc::clone(&file)).map_err(io())?;
        let page = scan.peek(0, SEGMENT_HEADER as usize).map_err(io())?.map(<[u8]>::to_vec);
        if page.as_deref() != Some(&*header.encode()) {
            let kept = self.keep(header.id, 0, page.as_deref().unwrap_or_default())?;
            file.write_at(0, &header.encode()).map_err(io())?;
            self.did(&path, Some(Position::new(header.id, 0)), 0, Some(kept), "header written anew");
        }
        let mut bad = Vec::new();
        let start = Position::new(header.id, SEGMENT_HEADER);
        let walked = inspect::walk(&mut scan, header.salt, start, end, &mut |scan, stretch| {
            if let Stretch::Bad { from, to, .. } = stretch {
                bad.push((from, to, stretch_parts(scan, from, to, header.salt)?));
            }
            Ok(())
        });
        walked.map_err(io())?;
        for (from, to, parts) in bad {
            self.rebuild(&path, &file, header.salt, (from, to), &parts)?;
        }
        file.sync_all().map_err(io())
    }

    /// Makes a bad stretch one group that verifies: its good frames, and fillers.
    fn rebuild(
        &mut self,
        path: &str,
        file: &Arc<dyn DiskFile>,
        salt: u32,
        (from, to): (Position, Position),
        parts: &[Part],
    ) -> Result<(), OpenError> {
        let len = (to.0 - from.0) as usize;
        if len < GROUP_HEADER || parts.iter().any(|part| part.to - part.from < FRAME_HEADER) {
            let what = "something too short to be replaced does not verify";
            return Err(OpenError::Corrupt { at: from, file: path.to_owned(), what });
        }
        let mut group = vec![0; len];
        let there = file.read_at(u64::from(from.offset()), &mut group).map_err(OpenError::io(path))?;
        let kept = self.keep(from.segment(), from.offset(), &group[..there])?;
        let lost: usize = parts.iter().filter(|part| !part.good).map(|part| part.to - part.from).sum();
        fill(&mut group, from, salt, parts);
        file.write_at(u64::from(from.offset()), &group).map_err(OpenError::io(path))?;
        self.did(path, Some(from), lost as u64, Some(kept), "group written anew from the frames that verify");
        Ok(())
    }

    /// Copies bytes to the quarantine directory; the path.
    fn keep(&mut self, segment: u32, offset: u32, bytes: &[u8]) -> Result<String, OpenError> {
        let kept = (|| {
            self.disk.create_dir(QUARANTINE)?;
            let taken = self.disk.list(QUARANTINE)?;
            let mut copy = 0u32;
            let name = loop {
                let name = format!("{segment:08x}-{offset:08x}.{copy}");
                if !taken.contains(&name) {
                    break name;
                }
                copy += 1;
            };
            let path = format!("{QUARANTINE}/{name}");
            let file = self.disk.create(&path)?;
            file.write_at(0, bytes)?;
            file.sync_all()?;
            self.disk.sync_dir(QUARANTINE)?;
            self.disk.sync_dir("")?;
            Ok(path)
        })();
        kept.map_err(OpenError::io(QUARANTINE))
    }

    /// Writes a missing journal segment: nothing but fillers, cut where snapshots start replaying.
    fn bring_back(&mut self, survey: &Survey, gap: Gap) -> Result<(), OpenError> {
        let path = segment::path(gap.segment, Class::Journal);
        let before = survey.journal.iter().rev().find(|header| header.id < gap.segment);
        let previous = before.map(|header| walked_end(self.disk, header)).transpose()?.map(|(end, _)| end);
        let identity = survey.identity.unwrap_or_default();
        // Its salt need not be random: it holds nothing that a stale frame could be mistaken for.
        let salt = gap.segment ^ 0x5EED_5A17;
        let header = Header {
            class: Class::Journal,
            identity,
            id: gap.segment,
            salt,
            previous: previous.unwrap_or(Position(0)),
        };
        let start = Position::new(gap.segment, SEGMENT_HEADER);
        let mut cuts: Vec<Position> = survey.snapshots.iter().map(|snapshot| snapshot.from).collect();
        cuts.extend([start, gap.end]);
        cuts.retain(|cut| (start..=gap.end).contains(cut));
        cuts.sort_unstable();
        cuts.dedup();
        let written = (|| {
            let unfinished = format!("{path}.new");
            let file = self.disk.create(&unfinished)?;
            file.write_at(0, &header.encode())?;
            for pair in cuts.windows(2) {
                write_filler(&file, pair[0], pair[1], salt)?;
            }
            file.sync_all()?;
            self.disk.rename(&unfinished, &path)?;
            self.disk.sync_dir(segment::DIR)
        })();
        written.map_err(OpenError::io(&*path))?;
        let lost = gap.end.0.saturating_sub(start.0);
        self.did(&path, Some(start), lost, None, "the missing segment stands in as lost");
        Ok(())
    }

    /// Extends a journal that ends before the newest snapshot's position up to there.
    fn reach_snapshot(&mut self, survey: &Survey) -> Result<(), OpenError> {
        let Some(newest) = survey.snapshots.first() else { return Ok(()) };
        let Some((header, at, rest)) = survey.tail(self.disk)? else { return Ok(()) };
        if at >= newest.through || header.id != newest.through.segment() {
            return Ok(());
        }
        let path = segment::path(header.id, header.class);
        let io = || OpenError::io(&*path);
        let file = self.disk.open(&path).map_err(io())?;
        let mut behind = vec![0; rest as usize];
        let there = file.read_at(u64::from(at.offset()), &mut behind).map_err(io())?;
        let kept = self.keep(header.id, at.offset(), &behind[..there])?;
        // Replay starts at a group's start, and there must be one where the snapshot says.
        let mut cuts = vec![at, newest.through.max(at.plus((GROUP_HEADER + FRAME_HEADER) as u32))];
        if newest.from > at {
            cuts.insert(1, newest.from);
        }
        cuts.dedup();
        for pair in cuts.windows(2) {
            write_filler(&file, pair[0], pair[1], header.salt).map_err(io())?;
        }
        file.sync_all().map_err(io())?;
        let lost = newest.through.0 - at.0;
        self.did(&path, Some(at), lost, Some(kept), "the journal ended before the snapshot; filled up to it");
        Ok(())
    }
}

/// Turns `group`, which starts at `from`, into one that verifies: good parts stay, the others become fillers.
fn fill(group: &mut [u8], from: Position, salt: u32, parts: &[Part]) {
    let mut crc = GroupCrc::new();
    for part in parts {
        let bytes = &mut group[GROUP_HEADER + part.from..GROUP_HEADER + part.to];
        if !part.good {
            bytes.fill(0);
            frame::seal_header(bytes, salt, OWN, FILLER, 0);
        }
        crc.add(bytes);
    }
    let header = GroupHeader {
        position: from,
        bytes: (group.len() - GROUP_HEADER) as u32,
        frames: parts.len() as u32,
        crc: crc.value(salt),
        seal: false,
    };
    header.write(group, salt);
}

/// Writes one group that is nothing but a filler.
fn write_filler(file: &Arc<dyn DiskFile>, from: Position, to: Position, salt: u32) -> std::io::Result<()> {
    let len = ((to.0 - from.0) as usize).max(GROUP_HEADER);
    let mut group = vec![0; len];
    let body = Part { from: 0, to: len - GROUP_HEADER, good: false, kind: OWN };
    let parts = if body.to >= FRAME_HEADER { vec![body] } else { Vec::new() };
    fill(&mut group, from, salt, &parts);
    file.write_at(u64::from(from.offset()), &group)
}
