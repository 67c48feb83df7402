//! Walking a segment that may be damaged: what of it verifies, and where the rest starts and ends.

use std::io;

use anymq_types::Position;

use crate::frame::{self, FRAME_HEADER, OWN};
use crate::group::{self, GROUP_HEADER, GroupHeader};
use crate::scan::Scanner;

/// A stretch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// A group that verifies.
    Group(GroupHeader),
    /// Not a group that verifies, but something valid stands behind it.
    Bad {
        /// First byte.
        from: Position,
        /// Byte behind it.
        to: Position,
        /// Its group header, if that does verify.
        header: Option<GroupHeader>,
    },
    /// The end.
    End {
        /// Where.
        at: Position,
        /// A seal stands there, or the next segment says that this is the end.
        known: bool,
        /// Bytes behind it that are not zero: a torn group, or remains of a recycled file.
        rest: u64,
    },
}

/// Calls `each` for every stretch of a segment from `at` on; `end` is where it ends, if the next segment tells.
pub(crate) fn walk(
    scan: &mut Scanner,
    salt: u32,
    mut at: Position,
    end: Option<Position>,
    each: &mut dyn FnMut(&mut Scanner, Stretch) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        if end.is_some_and(|end| at >= end) {
            return each(scan, Stretch::End { at, known: true, rest: 0 });
        }
        let header = scan.header(at, salt)?;
        if let Some(header) = header
            && !header.seal
            && verifies(scan, &header, salt)?
        {
            each(scan, Stretch::Group(header))?;
            at = behind(&header);
            continue;
        }
        let sealed = header.is_some_and(|header| header.seal);
        let search = if sealed { at.plus(GROUP_HEADER as u32) } else { at.plus(1) };
        let later = scan.find_header(search, salt)?.map(|header| header.position);
        let Some(to) = [later, end].into_iter().flatten().min() else {
            let rest =
                if sealed { 0 } else { scan.used_end(u64::from(at.offset()))? - u64::from(at.offset()) };
            return each(scan, Stretch::End { at, known: sealed, rest });
        };
        let header = header.filter(|header| !header.seal && behind(header) <= to);
        let to = header.map_or(to, |header| behind(&header));
        each(scan, Stretch::Bad { from: at, to, header })?;
        at = to;
    }
}

fn behind(header: &GroupHeader) -> Position {
    Position(header.position.0 + GROUP_HEADER as u64 + u64::from(header.bytes))
}

fn verifies(scan: &mut Scanner, header: &GroupHeader, salt: u32) -> io::Result<bool> {
    let Some(bytes) = scan.group(header)? else { return Ok(false) };
    group::verify(header, bytes, salt, &mut |_| Ok(()))
}

/// A part of a bad stretch, by offsets into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// A frame that verifies.
    pub(crate) good: bool,
    /// Kind of the frame, as far as it can be believed.
    pub(crate) kind: u8,
}

/// Checksummed bytes after which a search for the next frame is given up: a wrong length can make each try expensive.
const WORK_MAX: u64 = 4 << 30;

/// Finds the frames that verify in `bytes`, a bad stretch without its group header.
pub(crate) fn salvage(bytes: &[u8], salt: u32) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut work = 0;
    let mut at = 0;
    while at < bytes.len() {
        if let Some(len) = frame_at(bytes, at, salt, &mut work) {
            parts.push(Part { from: at, to: at + len, good: true, kind: bytes[at + 8] });
            at += len;
            continue;
        }
        let to = next_frame(bytes, at, salt, &mut work);
        parts.push(Part { from: at, to, good: false, kind: bytes.get(at + 8).copied().unwrap_or(0) });
        at = to;
    }
    // A gap too small for a filler takes the frame behind it along; no frame that was ever written leaves one.
    let mut index = 0;
    while index + 1 < parts.len() {
        if !parts[index].good && parts[index].to - parts[index].from < FRAME_HEADER {
            parts[index].to = parts.remove(index + 1).to;
        } else {
            index += 1;
        }
    }
    if let [.., before, last] = &mut *parts
        && !last.good
        && last.to - last.from < FRAME_HEADER
    {
        (before.to, before.good) = (last.to, false);
        parts.pop();
    }
    parts
}

/// Where the next frame that verifies starts, behind one at `at` that does not; the end if there is none.
fn next_frame(bytes: &[u8], at: usize, salt: u32, work: &mut u64) -> usize {
    // The length that the bad one claims is not believed: it may be what is bad.
    for next in at + 1..bytes.len().saturating_sub(FRAME_HEADER - 1) {
        if *work >= WORK_MAX {
            break;
        }
        if frame_at(bytes, next, salt, work).is_some() {
            return next;
        }
    }
    bytes.len()
}

/// Length of the frame at `at`, if one verifies there.
fn frame_at(bytes: &[u8], at: usize, salt: u32, work: &mut u64) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let len = frame::frame_len(rest).filter(|&len| len <= rest.len())?;
    *work += len as u64;
    let (frame, len) = frame::parse(Position(0), rest, salt).ok()?;
    (frame.kind != OWN || frame.flags == group::FILLER).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bodies: &[&[u8]], salt: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, body) in bodies.iter().enumerate() {
            let at = out.len();
            out.extend_from_slice(&[0; FRAME_HEADER]);
            out.extend_from_slice(body);
            frame::seal_header(&mut out[at..], salt, index as u8 + 1, 0, 0);
        }
        out
    }

    fn goods(parts: &[Part]) -> Vec<u8> {
        parts.iter().filter(|p| p.good).map(|p| p.kind).collect()
    }

    #[test]
    fn only_the_damaged_frame_is_lost() {
        let whole = frames(&[b"one", b"two two", b"", b"four"], 9);
        assert_eq!(goods(&salvage(&whole, 9)), [1, 2, 3, 4]);
        for byte in 0..whole.len() {
            let mut bad = whole.clone();
            bad[byte] ^= 0x10;
            let parts = salvage(&bad, 9);
            assert_eq!(goods(&parts).len(), 3, "byte {byte}: {parts:?}");
            assert_eq!(parts.iter().map(|p| p.to - p.from).sum::<usize>(), whole.len());
        }
    }

    #[test]
    fn garbage_is_one_part() {
        let mut garbage = vec![0; 10_000];
        anymq_runtime::Rng::new(4).fill(&mut garbage);
        let parts = salvage(&garbage, 1);
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].from, parts[0].to, parts[0].good), (0, 10_000, false));
    }
}
