//! `check`: reads everything in a data directory and names what does not verify. Changes nothing.

use std::fmt;

use anymq_runtime::Disk;
use anymq_types::Position;

use crate::error::OpenError;
use crate::frame::OWN;
use crate::group::{self, GROUP_HEADER, GroupHeader};
use crate::inspect::{self, Part, Stretch};
use crate::scan::Scanner;
use crate::segment::{self, Class, Header, SEGMENT_HEADER};
use crate::survey::Survey;

/// Something that does not verify, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// Where in the log, if it is in a segment.
    pub at: Option<Position>,
    /// Bytes concerned.
    pub bytes: u64,
    /// What it is.
    pub what: What,
}

/// What a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The file that says whose directory this is.
    Identity(String),
    /// A segment's header, in both copies, or a segment of another directory.
    Segment(String),
    /// One of the two copies of a segment's header, or the unused rest of its page.
    HeaderCopy,
    /// A group's header; its frames are judged one by one.
    GroupHeader,
    /// A frame, of this kind as far as it can be believed.
    Frame(u8),
    /// A filler that an earlier repair put in place of something.
    Filler,
    /// The journal's last bytes: being written when the machine stopped, or remains of a recycled file.
    Tail,
    /// A journal segment is not there.
    Missing(u32),
    /// The journal ends before the position of the newest snapshot.
    Short,
    /// A snapshot.
    Snapshot(String),
    /// The disk cannot read it.
    Unreadable(String),
}

impl Finding {
    /// Whether it is damage; what is not is only worth knowing.
    pub fn is_damage(&self) -> bool {
        !matches!(self.what, What::Tail | What::Filler)
    }

    /// What it means for the data.
    pub fn consequence(&self) -> &'static str {
        match self.what {
            What::Identity(_) => "the broker refuses to start; repair takes the identity from the segments",
            What::Segment(_) => "nothing in this file can be read; repair moves it to quarantine",
            What::HeaderCopy => "none: the other copy is good; repair writes both again",
            What::GroupHeader => {
                "the broker refuses to start; repair writes the header again, its good frames stay"
            }
            What::Frame(_) => {
                "this frame is lost, its neighbours are not; in the journal the broker refuses to start"
            }
            What::Filler => "what stood here was lost before; nothing to do",
            What::Tail => "none: it was never acknowledged; the next start cuts it",
            What::Missing(_) => "the broker refuses to start; what the file held is lost",
            What::Short => "the broker refuses to start; what was committed behind this position is lost",
            What::Snapshot(_) => {
                "none if another snapshot verifies: the start takes that one and replays more"
            }
            What::Unreadable(_) => "what it holds cannot be judged; copy the directory to another disk first",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(at) = self.at {
            write!(f, " segment {} offset {}", at.segment(), at.offset())?;
        }
        match &self.what {
            What::Identity(e) | What::Segment(e) | What::Snapshot(e) | What::Unreadable(e) => {
                write!(f, ": {e}")
            }
            What::HeaderCopy => write!(f, ": a copy of the segment header does not verify"),
            What::GroupHeader => write!(f, ": a group header does not verify"),
            What::Frame(kind) => write!(f, ": a frame of kind {kind} ({} bytes) does not verify", self.bytes),
            What::Filler => write!(f, ": {} bytes were replaced by an earlier repair", self.bytes),
            What::Tail => write!(f, ": {} bytes behind the journal's end", self.bytes),
            What::Missing(segment) => write!(f, ": journal segment {segment} is missing"),
            What::Short => {
                write!(f, ": the journal ends {} bytes before the newest snapshot's position", self.bytes)
            }
        }
    }
}

/// What `check` has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Segment files.
    pub segments: u64,
    /// Snapshots that verify.
    pub snapshots: u64,
    /// Groups that verify.
    pub groups: u64,
    /// Frames that verify.
    pub frames: u64,
    /// Bytes of those groups.
    pub bytes: u64,
    /// Findings that are damage.
    pub damage: u64,
}

/// Reads everything and reports what does not verify. Fails only where nothing can be said at all.
pub fn check(disk: &dyn Disk, report: &mut dyn FnMut(Finding)) -> Result<Summary, OpenError> {
    let mut check = Check { disk, report, summary: Summary::default() };
    let survey = Survey::new(disk)?;
    if let Some(e) = &survey.meta {
        check.found(crate::meta::FILE, None, 0, What::Identity(e.to_string()));
    }
    for (path, e) in &survey.bad_segments {
        check.summary.segments += 1;
        check.found(path, None, 0, What::Segment(e.to_string()));
    }
    for (path, e) in &survey.bad_snapshots {
        check.found(path, None, 0, What::Snapshot(e.to_string()));
    }
    check.summary.snapshots = survey.snapshots.len() as u64;
    for gap in survey.gaps() {
        check.found(&segment::path(gap.segment, Class::Journal), None, 0, What::Missing(gap.segment));
    }
    for header in survey.journal.iter().chain(&survey.archives) {
        let path = segment::path(header.id, header.class);
        check.summary.segments += 1;
        if let Err(e) = check.segment(&path, header, survey.end_of(header.id)) {
            check.found(&path, None, 0, What::Unreadable(e.to_string()));
        }
    }
    if let (Some(newest), Ok(Some((header, at, _)))) = (survey.snapshots.first(), survey.tail(disk))
        && at < newest.through
        && header.id == newest.through.segment()
    {
        let path = segment::path(header.id, header.class);
        check.found(&path, Some(at), newest.through.0 - at.0, What::Short);
    }
    Ok(check.summary)
}

struct Check<'a> {
    disk: &'a dyn Disk,
    report: &'a mut dyn FnMut(Finding),
    summary: Summary,
}

impl Check<'_> {
    fn found(&mut self, file: &str, at: Option<Position>, bytes: u64, what: What) {
        let finding = Finding { file: file.to_owned(), at, bytes, what };
        self.summary.damage += u64::from(finding.is_damage());
        (self.report)(finding);
    }

    fn segment(&mut self, path: &str, header: &Header, end: Option<Position>) -> std::io::Result<()> {
        let mut scan = Scanner::new(self.disk.open(path)?)?;
        if scan.peek(0, SEGMENT_HEADER as usize)? != Some(&*header.encode()) {
            self.found(path, Some(Position::new(header.id, 0)), 0, What::HeaderCopy);
        }
        let start = Position::new(header.id, SEGMENT_HEADER);
        let salt = header.salt;
        inspect::walk(&mut scan, salt, start, end, &mut |scan, stretch| {
            match stretch {
                Stretch::Group(group) => self.group(scan, path, &group, salt)?,
                Stretch::Bad { from, to, header } => {
                    self.bad(scan, path, (from, to), header.is_some(), salt)?
                }
                Stretch::End { at, rest, .. } if rest > 0 => self.found(path, Some(at), rest, What::Tail),
                Stretch::End { .. } => {}
            }
            Ok(())
        })
    }

    fn group(
        &mut self,
        scan: &mut Scanner,
        path: &str,
        header: &GroupHeader,
        salt: u32,
    ) -> std::io::Result<()> {
        self.summary.groups += 1;
        self.summary.bytes += GROUP_HEADER as u64 + u64::from(header.bytes);
        let start = header.position.plus(GROUP_HEADER as u32);
        let parts = scan.group(header)?.map_or_else(Vec::new, |bytes| inspect::salvage(bytes, salt));
        for Part { from, to, kind, .. } in parts {
            if kind == OWN {
                self.found(path, Some(start.plus(from as u32)), (to - from) as u64, What::Filler);
            } else {
                self.summary.frames += 1;
            }
        }
        Ok(())
    }

    fn bad(
        &mut self,
        scan: &mut Scanner,
        path: &str,
        (from, to): (Position, Position),
        header: bool,
        salt: u32,
    ) -> std::io::Result<()> {
        if !header {
            self.found(path, Some(from), GROUP_HEADER as u64, What::GroupHeader);
        }
        let parts = stretch_parts(scan, from, to, salt)?;
        let start = from.plus(GROUP_HEADER as u32);
        let whole = header && parts.iter().all(|part| part.good);
        for part in parts {
            if part.good && part.kind != OWN {
                self.summary.frames += 1;
            } else {
                let bytes = (part.to - part.from) as u64;
                self.found(path, Some(start.plus(part.from as u32)), bytes, What::Frame(part.kind));
            }
        }
        if whole {
            // Each frame verifies, but they are not those the group was written with.
            self.found(path, Some(from), to.0 - from.0, What::GroupHeader);
        }
        Ok(())
    }
}

/// What of a bad stretch verifies, by offsets behind its group header. Where the file is cut short, nothing.
pub(crate) fn stretch_parts(
    scan: &mut Scanner,
    from: Position,
    to: Position,
    salt: u32,
) -> std::io::Result<Vec<Part>> {
    let start = u64::from(from.offset()) + GROUP_HEADER as u64;
    let len = u64::from(to.offset()).saturating_sub(start);
    let there = len.min(scan.size().saturating_sub(start)) as usize;
    let mut parts = scan.peek(start, there)?.map_or_else(Vec::new, |bytes| inspect::salvage(bytes, salt));
    let len = len as usize;
    if there < len {
        match parts.last_mut().filter(|part| !part.good || len - there < crate::frame::FRAME_HEADER) {
            Some(last) => (last.to, last.good) = (len, false),
            None => parts.push(Part { from: there, to: len, good: false, kind: group::FILLER }),
        }
    }
    Ok(parts)
}
