//! The broker's journal records: their kinds, their bytes, nothing else knows either.
//!
//! Kinds are persisted and never change their meaning. Integers inside bodies are LEB128 varints unless said.

use anymq_types::{Position, QueueId};

/// Messages for one or more queues: `targets, (queue, base offset)*, count, records`.
pub(crate) const APPEND: u8 = 1;
/// The same, for messages that live only in memory and were moved out of it: recovery ignores it.
pub(crate) const SPILL: u8 = 2;
/// Offsets settled: `queue, body bytes, ranges, (start − end of the one before, length)*`.
pub(crate) const SETTLE: u8 = 3;
/// A change of the catalogue, as JSON.
pub(crate) const CATALOG: u8 = 4;
/// Delivery attempts: `queue, entries, (offset, attempts)*`.
pub(crate) const ATTEMPTS: u8 = 5;
/// `queue, delivered, reserved`: everything below `delivered` may have been seen by a consumer; offsets below `reserved` may have been used.
pub(crate) const MARK: u8 = 6;
/// Messages copied to another segment: `queue, first offset, end offset, pieces, (base, count, position u64 LE, bytes)*`; what the pieces
/// leave out was settled.
pub(crate) const MOVED: u8 = 7;
/// A stream's first kept offset: `queue, offset`.
pub(crate) const TRIM: u8 = 8;
/// Record batches of a partition: `queue, base offset, batches`.
pub(crate) const BATCH: u8 = 9;
/// A change to a consumer group, as `groups::durable` has it.
pub(crate) const OFFSETS: u8 = 10;
/// Producer ids below may have been given out: `next`.
pub(crate) const PRODUCER_IDS: u8 = 11;
/// A change to a share group's place in a partition, as `groups::share::durable` has it.
pub(crate) const SHARE: u8 = 15;
/// The same, of records that were delivered or came back: nobody waits for it.
pub(crate) const SHARE_TAKEN: u8 = 16;
/// Offsets that a transaction will commit: `transactional id, as in OFFSETS`.
pub(crate) const TXN_OFFSETS: u8 = 14;
/// A partition was compacted: `queue, offset`, everything before it.
pub(crate) const COMPACTED: u8 = 13;
/// Records of a partition went through its topic's exchanges: `queue, offset`, everything before it.
pub(crate) const FORWARDED: u8 = 17;
/// A transactional id: `id, producer, epoch, bumped, state, timeout ms, since ms, partitions*`.
pub(crate) const TXN: u8 = 12;

/// Appends `value` as LEB128.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Reader { rest: body }
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            let bits = (byte & 0x7f) as u64;
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*bytes))
    }
}

/// An `APPEND` or `SPILL` body, seen in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Append<'a> {
    targets: &'a [u8],
    target_count: u64,
    pub(crate) count: u32,
    pub(crate) records: &'a [u8],
}

impl<'a> Append<'a> {
    pub(crate) fn write(
        targets: impl ExactSizeIterator<Item = (QueueId, u64)>,
        count: u32,
        records: &[u8],
        out: &mut Vec<u8>,
    ) {
        out.reserve(records.len() + 16 + 12 * targets.len());
        put_varint(out, targets.len() as u64);
        for (queue, base) in targets {
            put_varint(out, queue.0);
            put_varint(out, base);
        }
        put_varint(out, count as u64);
        out.extend_from_slice(records);
    }

    pub(crate) fn parse(body: &'a [u8]) -> Option<Append<'a>> {
        let mut reader = Reader::new(body);
        let target_count = reader.varint()?;
        let targets = reader.rest;
        for _ in 0..target_count {
            reader.varint()?;
            reader.varint()?;
        }
        let count = u32::try_from(reader.varint()?).ok()?;
        Some(Append { targets, target_count, count, records: reader.rest })
    }

    /// The queues and the offset of the first record in each.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (QueueId, u64)> + use<'a> {
        let mut reader = Reader::new(self.targets);
        (0..self.target_count).map_while(move |_| Some((QueueId(reader.varint()?), reader.varint()?)))
    }

    /// The offset of the first record in `queue`, if it is a target.
    pub(crate) fn base_in(&self, queue: QueueId) -> Option<u64> {
        self.targets().find(|&(q, _)| q == queue).map(|(_, base)| base)
    }
}

/// A `BATCH` body, seen in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches<'a> {
    pub(crate) queue: QueueId,
    pub(crate) base: u64,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Batches<'a> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.bytes.len() + 20);
        put_varint(out, self.queue.0);
        put_varint(out, self.base);
        out.extend_from_slice(self.bytes);
    }

    pub(crate) fn parse(body: &'a [u8]) -> Option<Batches<'a>> {
        let mut reader = Reader::new(body);
        Some(Batches { queue: QueueId(reader.varint()?), base: reader.varint()?, bytes: reader.rest })
    }
}

/// A `MOVED` body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) queue: QueueId,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) pieces: Vec<Piece>,
}

/// Consecutive messages in their new place: one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) base: u64,
    pub(crate) count: u32,
    pub(crate) at: Position,
    pub(crate) span: u32,
}

impl Moved {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for value in [self.queue.0, self.start, self.end, self.pieces.len() as u64] {
            put_varint(out, value);
        }
        for piece in &self.pieces {
            put_varint(out, piece.base);
            put_varint(out, piece.count as u64);
            out.extend_from_slice(&piece.at.0.to_le_bytes());
            put_varint(out, piece.span as u64);
        }
    }

    pub(crate) fn parse(body: &[u8]) -> Option<Moved> {
        let mut r = Reader::new(body);
        let (queue, start, end) = (QueueId(r.varint()?), r.varint()?, r.varint()?);
        let count = usize::try_from(r.varint()?).ok()?;
        let mut pieces = Vec::with_capacity(count.min(r.rest.len() / 11 + 1));
        let mut from = start;
        for _ in 0..count {
            let (base, count) = (r.varint()?, u32::try_from(r.varint()?).ok()?);
            let (at, span) = (Position(r.u64()?), u32::try_from(r.varint()?).ok()?);
            // One behind the other, within what was moved.
            if base < from || base.checked_add(count.into())? > end {
                return None;
            }
            from = base + u64::from(count);
            pieces.push(Piece { base, count, at, span });
        }
        Some(Moved { queue, start, end, pieces })
    }
}

/// Writes a `SETTLE` body from sorted, disjoint ranges.
pub(crate) fn write_settle(queue: QueueId, bytes: u64, ranges: &[(u64, u64)], out: &mut Vec<u8>) {
    put_varint(out, queue.0);
    put_varint(out, bytes);
    write_ranges(ranges.iter().copied(), ranges.len(), out);
}

pub(crate) fn write_ranges(ranges: impl Iterator<Item = (u64, u64)>, len: usize, out: &mut Vec<u8>) {
    put_varint(out, len as u64);
    let mut last = 0;
    for (start, end) in ranges {
        put_varint(out, start - last);
        put_varint(out, end - start);
        last = end;
    }
}

/// Reads what [`write_ranges`] wrote; the number of ranges is bounded by the bytes that are there.
pub(crate) fn read_ranges(reader: &mut Reader<'_>) -> Option<Vec<(u64, u64)>> {
    let count = usize::try_from(reader.varint()?).ok()?;
    let mut ranges = Vec::with_capacity(count.min(reader.rest.len() / 2 + 1));
    let mut last = 0u64;
    for _ in 0..count {
        let start = last.checked_add(reader.varint()?)?;
        let end = start.checked_add(reader.varint()?)?;
        ranges.push((start, end));
        last = end;
    }
    Some(ranges)
}

/// Reads pairs: `count, (a, b)*`.
pub(crate) fn read_pairs(reader: &mut Reader<'_>) -> Option<Vec<(u64, u64)>> {
    let count = usize::try_from(reader.varint()?).ok()?;
    let mut pairs = Vec::with_capacity(count.min(reader.rest.len() / 2 + 1));
    for _ in 0..count {
        pairs.push((reader.varint()?, reader.varint()?));
    }
    Some(pairs)
}

/// Writes what [`read_pairs`] reads.
pub(crate) fn write_pairs(pairs: &[(u64, u64)], out: &mut Vec<u8>) {
    put_varint(out, pairs.len() as u64);
    for &(a, b) in pairs {
        put_varint(out, a);
        put_varint(out, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_and_overlong_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, u32::MAX as u64, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Some(value));
            assert!(reader.rest.is_empty());
            assert_eq!(Reader::new(&out[..out.len() - 1]).varint(), None);
        }
        assert_eq!(Reader::new(&[0xff; 11]).varint(), None);
    }

    #[test]
    fn append_and_settle_round_trip() {
        let mut out = Vec::new();
        let targets = [(QueueId(7), 1_000), (QueueId(900), 3)];
        Append::write(targets.iter().copied(), 2, b"records", &mut out);
        let append = Append::parse(&out).expect("parses");
        assert_eq!(append.targets().collect::<Vec<_>>(), targets);
        assert_eq!((append.count, append.records), (2, &b"records"[..]));
        assert_eq!((append.base_in(QueueId(900)), append.base_in(QueueId(8))), (Some(3), None));

        let ranges = vec![(5, 9), (12, 13), (400, 1_000_000)];
        let mut out = Vec::new();
        write_settle(QueueId(7), 99, &ranges, &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!((reader.varint(), reader.varint()), (Some(7), Some(99)));
        assert_eq!(read_ranges(&mut reader), Some(ranges));
    }

    #[test]
    fn moved_round_trips() {
        let piece = |base| Piece { base, count: 3, at: Position::new(9, 4_096), span: 77 };
        let moved = Moved { queue: QueueId(5), start: 100, end: 300, pieces: vec![piece(100), piece(250)] };
        let mut out = Vec::new();
        moved.write(&mut out);
        assert_eq!(Moved::parse(&out), Some(moved));
        assert_eq!(Moved::parse(&out[..out.len() - 1]), None);
    }

    #[test]
    fn a_count_that_lies_allocates_nothing_to_speak_of() {
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX / 2);
        assert_eq!(read_ranges(&mut Reader::new(&out)), None);
        assert_eq!(read_pairs(&mut Reader::new(&out)), None);
    }
}
