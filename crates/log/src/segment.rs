//! Segments: the files that hold groups, their headers and names, and the table of those there are.
//!
//! ```text
//!  0       8         12      13     24        40    44     48           56     60      4096
//!  +-------+---------+-------+------+---------+-----+------+------------+------+-------+---------+
//!  | magic | version | class | ...  | identity| id  | salt | previous   | crc  | zeros | groups …
//!  |       | u32     | u8    | u64  | u128    | u32 | u32  | u64        | u32  |       |
//!  +-------+---------+-------+------+---------+-----+------+------------+------+-------+---------+
//! ```
//!
//! `previous` is where the journal segment before this one ended (0 for the first): it tells a journal that ends early
//! from one that was cut. The crc covers the whole header page, itself excluded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

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
const CRC_AT: usize = 56;

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
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut page = vec![0; SEGMENT_HEADER as usize];
        let (class, stream) = match self.class {
            Class::Journal => (1, 0),
            Class::Mixed => (2, 0),
            Class::Stream(id) => (3, id),
        };
        page[..8].copy_from_slice(MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        page[12] = class;
        page[16..24].copy_from_slice(&stream.to_le_bytes());
        page[24..40].copy_from_slice(&self.identity.to_le_bytes());
        page[40..44].copy_from_slice(&self.id.to_le_bytes());
        page[44..48].copy_from_slice(&self.salt.to_le_bytes());
        page[48..56].copy_from_slice(&self.previous.0.to_le_bytes());
        let crc = page_crc(&page);
        page[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        page
    }

    /// The header in `page`, the first [`SEGMENT_HEADER`] bytes of `file`.
    pub(crate) fn decode(page: &[u8], file: &str) -> Result<Header, OpenError> {
        let damaged = |what| OpenError::Damaged { file: file.to_owned(), what };
        if page.len() < SEGMENT_HEADER as usize {
            return Err(damaged("its header is cut short"));
        }
        let page = &page[..SEGMENT_HEADER as usize];
        let u32_at = |at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if &page[..8] != MAGIC || u32_at(CRC_AT) != page_crc(page) {
            return Err(damaged("its header does not verify"));
        }
        if u32_at(8) > VERSION {
            return Err(OpenError::NewerFormat { file: file.to_owned(), found: u32_at(8), known: VERSION });
        }
        let class = match page[12] {
            1 => Class::Journal,
            2 => Class::Mixed,
            3 => Class::Stream(u64_at(16)),
            _ => return Err(damaged("its class is unknown")),
        };
        Ok(Header {
            class,
            identity: u128::from(u64_at(24)) | u128::from(u64_at(32)) << 64,
            id: u32_at(40),
            salt: u32_at(44),
            previous: Position(u64_at(48)),
        })
    }
}

fn page_crc(page: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&page[..CRC_AT]);
    digest.update(&page[CRC_AT + 4..]);
    digest.finalize() as u32
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
    fn every_bit_of_a_header_is_covered() {
        let header = Header { class: Class::Mixed, identity: 1, id: 2, salt: 3, previous: Position(4) };
        let page = header.encode();
        for byte in (0..64).chain([100, 4_095]) {
            for bit in 0..8 {
                let mut bad = page.clone();
                bad[byte] ^= 1 << bit;
                assert!(matches!(Header::decode(&bad, "f"), Err(OpenError::Damaged { .. })), "{byte}.{bit}");
            }
        }
        assert!(matches!(Header::decode(&page[..4_095], "f"), Err(OpenError::Damaged { .. })));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut page =
            Header { class: Class::Mixed, identity: 1, id: 2, salt: 3, previous: Position(4) }.encode();
        page[8] = 2;
        let crc = page_crc(&page);
        page[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
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
