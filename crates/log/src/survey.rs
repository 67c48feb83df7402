//! What is in a data directory that may be damaged: every file of ours, as far as it can be read.

use std::sync::Arc;

use anymq_runtime::Disk;
use anymq_types::Position;

use crate::error::OpenError;
use crate::inspect::{self, Stretch};
use crate::meta;
use crate::recovery::{check_header, read_header};
use crate::scan::Scanner;
use crate::segment::{self, Class, Header, Name, SEGMENT_HEADER};
use crate::snapshot::{self, SnapshotHeader};

/// A data directory as found.
pub(crate) struct Survey {
    /// Identity, from its file or, without that, from what most segments say.
    pub(crate) identity: Option<u128>,
    /// What is wrong with the identity's file.
    pub(crate) meta: Option<OpenError>,
    /// Journal segments whose header verifies, by id.
    pub(crate) journal: Vec<Header>,
    /// Other segments whose header verifies.
    pub(crate) archives: Vec<Header>,
    /// Segments whose header does not, or that do not belong here.
    pub(crate) bad_segments: Vec<(String, OpenError)>,
    /// Snapshots that verify, newest first.
    pub(crate) snapshots: Vec<SnapshotHeader>,
    /// Snapshots that do not.
    pub(crate) bad_snapshots: Vec<(String, OpenError)>,
}

/// A journal segment that should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Its id.
    pub(crate) segment: u32,
    /// Where it ended.
    pub(crate) end: Position,
}

impl Survey {
    pub(crate) fn new(disk: &dyn Disk) -> Result<Survey, OpenError> {
        let (identity, mut meta) = match meta::load(disk) {
            Ok(identity) => (identity, None),
            Err(e @ OpenError::Damaged { .. }) => (None, Some(e)),
            Err(e) => return Err(e),
        };
        let headers = headers(disk)?;
        if identity.is_none() && meta.is_none() && !headers.is_empty() {
            meta = Some(OpenError::Damaged {
                file: meta::FILE.to_owned(),
                what: "it is missing, but there are data",
            });
        }
        let identity =
            identity.or_else(|| most_common(headers.iter().filter_map(|(_, _, h)| h.as_ref().ok())));
        let mut survey = Survey {
            identity,
            meta,
            journal: Vec::new(),
            archives: Vec::new(),
            bad_segments: Vec::new(),
            snapshots: Vec::new(),
            bad_snapshots: Vec::new(),
        };
        for (path, id, header) in headers {
            let checked = header.and_then(|header| {
                check_header(&header, id, identity.unwrap_or(header.identity), &path).map(|()| header)
            });
            match checked {
                Ok(header) if header.class == Class::Journal => survey.journal.push(header),
                Ok(header) => survey.archives.push(header),
                Err(e) => survey.bad_segments.push((path, e)),
            }
        }
        survey.journal.sort_unstable_by_key(|header| header.id);
        survey.read_snapshots(disk)?;
        Ok(survey)
    }

    fn read_snapshots(&mut self, disk: &dyn Disk) -> Result<(), OpenError> {
        for name in list(disk, snapshot::DIR)?.into_iter().rev() {
            let Some(seq) = snapshot::parse_name(&name) else { continue };
            let path = format!("{}/{name}", snapshot::DIR);
            match snapshot::read(disk, &path, |_, _| Ok(())) {
                Ok(header) if self.identity.is_some_and(|identity| identity != header.identity) => {
                    let (found, expected) = (header.identity, self.identity.unwrap_or_default());
                    self.bad_snapshots
                        .push((path.clone(), OpenError::Foreign { file: path, found, expected }));
                }
                Ok(header) if header.seq == seq => self.snapshots.push(header),
                Ok(_) => {
                    let what = "its name and its header differ";
                    self.bad_snapshots.push((path.clone(), OpenError::Damaged { file: path, what }));
                }
                Err(e) => self.bad_snapshots.push((path, e)),
            }
        }
        Ok(())
    }

    /// Where a journal segment ends, if the next one tells.
    pub(crate) fn end_of(&self, id: u32) -> Option<Position> {
        self.journal.iter().map(|next| next.previous).find(|end| end.segment() == id)
    }

    /// Journal segments that opening will ask for and that are not there.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        let mut want = |segment: u32, end: Position| {
            let there =
                self.journal.iter().any(|h| h.id == segment) || gaps.iter().any(|g| g.segment == segment);
            if segment != 0 && !there {
                gaps.push(Gap { segment, end });
            }
        };
        let from = self.snapshots.first().map_or(0, |s| s.from.segment());
        if let Some(snapshot) = self.snapshots.first() {
            want(from, self.end_of(from).unwrap_or(snapshot.through.max(snapshot.from)));
        }
        for header in self.journal.iter().filter(|h| h.id > from) {
            want(header.previous.segment(), header.previous);
        }
        gaps
    }

    /// Where the last journal segment ends, and how much that is not zero is behind.
    pub(crate) fn tail(&self, disk: &dyn Disk) -> Result<Option<(Header, Position, u64)>, OpenError> {
        let Some(header) = self.journal.last() else { return Ok(None) };
        let (at, rest) = walked_end(disk, header)?;
        Ok(Some((*header, at, rest)))
    }
}

/// Where a segment ends by what it holds, and how much that is not zero is behind.
pub(crate) fn walked_end(disk: &dyn Disk, header: &Header) -> Result<(Position, u64), OpenError> {
    let path = segment::path(header.id, header.class);
    let file = disk.open(&path).map_err(OpenError::io(&*path))?;
    let mut scan = Scanner::new(Arc::clone(&file)).map_err(OpenError::io(&*path))?;
    let start = Position::new(header.id, SEGMENT_HEADER);
    let mut end = (start, 0);
    let walked = inspect::walk(&mut scan, header.salt, start, None, &mut |_, stretch| {
        if let Stretch::End { at, rest, .. } = stretch {
            end = (at, rest);
        }
        Ok(())
    });
    walked.map_err(OpenError::io(path))?;
    Ok(end)
}

type Headers = Vec<(String, u32, Result<Header, OpenError>)>;

fn headers(disk: &dyn Disk) -> Result<Headers, OpenError> {
    let mut headers = Vec::new();
    for name in list(disk, segment::DIR)? {
        if let Some(Name::Segment(id)) = segment::parse_name(&name) {
            let path = format!("{}/{name}", segment::DIR);
            let header = match read_header(disk, &path) {
                Err(e @ OpenError::NewerFormat { .. }) => return Err(e),
                read => read.map(|(header, _)| header),
            };
            headers.push((path, id, header));
        }
    }
    Ok(headers)
}

/// Names in a directory; none if it does not exist.
fn list(disk: &dyn Disk, dir: &str) -> Result<Vec<String>, OpenError> {
    match disk.list(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(OpenError::io(dir)),
    }
}

fn most_common<'a>(headers: impl Iterator<Item = &'a Header>) -> Option<u128> {
    let mut counts = std::collections::BTreeMap::<u128, u32>::new();
    for header in headers {
        *counts.entry(header.identity).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(identity, _)| identity)
}
