//! Segments: the files that hold groups, their headers and names, and the table of those there are.
//!
//! ```text
//!  0       8         12      16       24         40    44     48         56    60
//!  +-------+---------+-------+--------+----------+-----+------+----------+-----+
//!  | magic | version | class | stream | identity | id  | salt | previous | crc |
//!  |       | u32     | u32   | u64    | u128     | u32 | u32  | u64      | u32 |
//!  +-------+---------+-------+--------+----------+-----+------+----------+-----+
//! ```
//!
//! The header stands at byte 0 and again at byte 2048 of the first page; either will do. `previous` is where the
//! journal segment before this one ended (0 for the first): it tells a journal that ends early from one that was cut.
//! The first group starts at byte 4096.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use anymq_runtime::Disk;
use anymq_types::Position;
use parking_lot::RwLock;

use crate::error::OpenError;

/// Directory of all segments.
pub(crate) const DIR: &str = "segments";
/// Offset of a segment's first group, in bytes.
pub const SEGMENT_HEADER: u32 = 4_096;
/// Format version written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"ANYMQSEG";
const LEN: usize = 60;
const CRC_AT: usize = 56;
const COPIES: [usize; 2] = [0, 2_048];

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Groups in the order they were committed.
    Journal,
    /// Survivors of many queues, copied out of the journal.
    Mixed,
    /// Survivors of one stream, by its id.
    Stream(u64),
}

impl Class {
    fn suffix(self) -> &'static str {
        match self {
            Class::Journal => "journal",
            Class::Mixed => "mixed",
            Class::Stream(_) => "stream",
        }
    }
}

/// A segment as the broker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentStat {
    /// Its id: the upper half of the positions in it.
    pub id: u32,
    /// What it is for.
    pub class: Class,
    /// Bytes used, header included.
    pub bytes: u64,
    /// Nothing will be added to it.
    pub sealed: bool,
    /// The broker has freed it; it goes when the snapshots allow.
    pub freed: bool,
}

/// The first page of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) class: Class,
    pub(crate) identity: u128,
    pub(crate) id: u32,
    pub(crate) salt: u32,
    pub(crate) previous: Position,
}

impl Header {
    /// The whole first page.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (class, stream) = match self.class {
            Class::Journal => (1u32, 0),
            Class::Mixed => (2, 0),
            Class::Stream(id) => (3, id),
        };
        let mut copy = [0; LEN];
        copy[..8].copy_from_slice(MAGIC);
        copy[8..12].copy_from_slice(&VERSION.to_le_bytes());
        copy[12..16].copy_from_slice(&class.to_le_bytes());
        copy[16..24].copy_from_slice(&stream.to_le_bytes());
        copy[24..40].copy_from_slice(&self.identity.to_le_bytes());
        copy[40..44].copy_from_slice(&self.id.to_le_bytes());
        copy[44..48].copy_from_slice(&self.salt.to_le_bytes());
        copy[48..56].copy_from_slice(&self.previous.0.to_le_bytes());
        let crc = crc_fast::crc32_iscsi(&copy[..CRC_AT]);
        copy[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        let mut page = vec![0; SEGMENT_HEADER as usize];
        for at in COPIES {
            page[at..at + LEN].copy_from_slice(&copy);
        }
        page
    }

    /// The header in `page`, the first [`SEGMENT_HEADER`] bytes of `file`: the first copy that verifies.
    pub(crate) fn decode(page: &[u8], file: &str) -> Result<Header, OpenError> {
        let copies = COPIES.iter().filter_map(|&at| page.get(at..at + LEN));
        let good = |copy: &&[u8]| {
            &copy[..8] == MAGIC && crc_fast::crc32_iscsi(&copy[..CRC_AT]) == u32_at(copy, CRC_AT)
        };
        let damaged = |what| OpenError::Damaged { file: file.to_owned(), what };
        let copy = copies.into_iter().find(good).ok_or_else(|| damaged("its header does not verify"))?;
        if u32_at(copy, 8) > VERSION {
            return Err(OpenError::NewerFormat {
                file: file.to_owned(),
                found: u32_at(copy, 8),
                known: VERSION,
            });
        }
        let class = match u32_at(copy, 12) {
            1 => Class::Journal,
            2 => Class::Mixed,
            3 => Class::Stream(u64_at(copy, 16)),
            _ => return Err(damaged("its class is unknown")),
        };
        Ok(Header {
            class,
            identity: u128::from(u64_at(copy, 24)) | u128::from(u64_at(copy, 32)) << 64,
            id: u32_at(copy, 40),
            salt: u32_at(copy, 44),
            previous: Position(u64_at(copy, 48)),
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// Path of a segment.
pub(crate) fn path(id: u32, class: Class) -> String {
    format!("{DIR}/{id:08x}.{}", class.suffix())
}

/// Path of a spare: a file that will become a journal segment.
pub(crate) fn spare_path(number: u32) -> String {
    format!("{DIR}/{number:08x}.spare")
}

/// What a name in the segment directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A segment by its id.
    Segment(u32),
    /// A spare by its number.
    Spare(u32),
}

/// Reads a file name of the segment directory; `None` if it is not one of ours.
pub(crate) fn parse_name(name: &str) -> Option<Name> {
    let (stem, suffix) = name.split_once('.')?;
    let number = u32::from_str_radix(stem, 16).ok().filter(|n| format!("{n:08x}") == stem)?;
    match suffix {
        "journal" | "mixed" | "stream" => Some(Name::Segment(number)),
        "spare" => Some(Name::Spare(number)),
        _ => None,
    }
}

/// What the log knows of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) class: Class,
    pub(crate) salt: u32,
    pub(crate) bytes: u64,
    pub(crate) sealed: bool,
    pub(crate) freed: Option<Freed>,
}

/// When the broker freed a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freed {
    /// End of what was written by then.
    pub(crate) end: Position,
}

/// All segments, by id.
pub(crate) struct Segments {
    table: RwLock<BTreeMap<u32, Segment>>,
    next: AtomicU32,
}

impl Segments {
    pub(crate) fn new(table: BTreeMap<u32, Segment>, next: u32) -> Self {
        Segments { table: RwLock::new(table), next: AtomicU32::new(next) }
    }

    /// An id no segment ever had.
    ///
    /// # Panics
    /// After 4 billion segments (256 PiB of journal).
    pub(crate) fn next_id(&self) -> u32 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(id != u32::MAX, "segment ids are used up");
        id
    }

    pub(crate) fn upcoming(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn insert(&self, id: u32, segment: Segment) {
        self.table.write().insert(id, segment);
    }

    pub(crate) fn get(&self, id: u32) -> Option<Segment> {
        self.table.read().get(&id).copied()
    }

    pub(crate) fn update(&self, id: u32, change: impl FnOnce(&mut Segment)) -> bool {
        self.table.write().get_mut(&id).map(change).is_some()
    }

    pub(crate) fn remove(&self, id: u32) -> Option<Segment> {
        self.table.write().remove(&id)
    }

    pub(crate) fn freed(&self) -> Vec<(u32, Segment, Freed)> {
        self.table.read().iter().filter_map(|(&id, s)| Some((id, *s, s.freed?))).collect()
    }

    pub(crate) fn stats(&self) -> Vec<SegmentStat> {
        let stat = |(&id, s): (&u32, &Segment)| SegmentStat {
            id,
            class: s.class,
            bytes: s.bytes,
            sealed: s.sealed,
            freed: s.freed.is_some(),
        };
        self.table.read().iter().map(stat).collect()
    }
}

/// Bytes from `from` on in these segments. The next segment says where one ends; the last one's file may be longer.
pub(crate) fn length(disk: &dyn Disk, journal: &[Header], from: Position) -> u64 {
    let ends = journal.iter().skip(1).map(|next| u64::from(next.previous.offset()));
    let last = journal.last().and_then(|last| disk.open(&path(last.id, Class::Journal)).ok());
    let last = last.and_then(|file| file.size().ok()).unwrap_or(0);
    let all: u64 = ends.chain([last]).sum();
    all.saturating_sub(u64::from(from.offset()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_encoding() {
        for class in [Class::Journal, Class::Mixed, Class::Stream(u64::MAX - 1)] {
            let header =
                Header { class, identity: 7 << 70, id: 9, salt: 11, previous: Position::new(8, 4_200) };
            assert_eq!(Header::decode(&header.encode(), "f").unwrap(), header);
        }
    }

    #[test]
    fn either_copy_will_do_and_every_bit_of_it_is_covered() {
        let header = Header { class: Class::Stream(5), identity: 1, id: 2, salt: 3, previous: Position(4) };
        let page = header.encode();
        for byte in 0..LEN {
            for bit in 0..8 {
                let mut bad = page.clone();
                bad[byte] ^= 1 << bit;
                assert_eq!(Header::decode(&bad, "f").unwrap(), header, "{byte}.{bit}");
                bad[COPIES[1] + byte] ^= 1 << bit;
                assert!(matches!(Header::decode(&bad, "f"), Err(OpenError::Damaged { .. })), "{byte}.{bit}");
            }
        }
        assert!(matches!(Header::decode(&page[..50], "f"), Err(OpenError::Damaged { .. })));
        assert!(matches!(Header::decode(&[], "f"), Err(OpenError::Damaged { .. })));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let header = Header { class: Class::Mixed, identity: 1, id: 2, salt: 3, previous: Position(4) };
        let mut page = header.encode();
        page[8] = 2;
        let crc = crc_fast::crc32_iscsi(&page[..CRC_AT]);
        page[CRC_AT..LEN].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(Header::decode(&page, "f"), Err(OpenError::NewerFormat { found: 2, known: 1, .. })));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = |path: String| parse_name(path.strip_prefix("segments/").unwrap());
        assert_eq!(name(path(10, Class::Journal)), Some(Name::Segment(10)));
        assert_eq!(name(path(10, Class::Stream(3))), Some(Name::Segment(10)));
        assert_eq!(name(spare_path(u32::MAX)), Some(Name::Spare(u32::MAX)));
        for other in
            ["", "x.journal", "0000000A.journal", "1.journal", "00000001.tmp", "00000001", "+0000001.mixed"]
        {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }
}
