//! The frame: the unit the broker writes and reads.
//!
//! ```text
//!  0      4       8      9       10      12
//!  +------+-------+------+-------+-------+-------------+
//!  | len  | crc   | kind | flags | shard | body        |
//!  | u32  | u32   | u8   | u8    | u16   | len bytes   |
//!  +------+-------+------+-------+-------+-------------+
//! ```
//!
//! Integers are little-endian. `crc` is the CRC-32C of kind, flags, shard and body, combined with the segment's salt,
//! so that a stale frame of a recycled file never reads as a live one. Kind 0 is the log's own (see [`crate::group`]).

use anymq_types::Position;

use crate::error::{BadFrame, FrameFault};

/// Bytes before a frame's body.
pub const FRAME_HEADER: usize = 12;

/// The kind of the log's own frames: group headers, seals and fillers.
pub(crate) const OWN: u8 = 0;

/// A frame seen in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where its header starts.
    pub at: Position,
    /// What the body is; the broker's to choose, never 0.
    pub kind: u8,
    /// The broker's to use.
    pub flags: u8,
    /// Whose it is; the broker's to use.
    pub shard: u16,
    /// Body.
    pub body: &'a [u8],
}

/// Checksum of `covered`, which is a frame from its kind on.
pub(crate) fn checksum(salt: u32, covered: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(covered) ^ salt
}

/// Fills in the header of a frame whose body already stands behind it in `frame`.
pub(crate) fn seal_header(frame: &mut [u8], salt: u32, kind: u8, flags: u8, shard: u16) {
    let len = u32::try_from(frame.len() - FRAME_HEADER).expect("a frame body fits u32");
    frame[8] = kind;
    frame[9] = flags;
    frame[10..12].copy_from_slice(&shard.to_le_bytes());
    let crc = checksum(salt, &frame[8..]);
    frame[..4].copy_from_slice(&len.to_le_bytes());
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// Whole length of the frame at the start of `bytes`, header included; `None` if its header is cut short.
pub(crate) fn frame_len(bytes: &[u8]) -> Option<usize> {
    let len = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    (bytes.len() >= FRAME_HEADER).then_some(FRAME_HEADER + len)
}

/// The frame at the start of `bytes`, its checksum verified; and its whole length.
pub(crate) fn parse(at: Position, bytes: &[u8], salt: u32) -> Result<(Frame<'_>, usize), FrameFault> {
    let len = frame_len(bytes).ok_or(FrameFault::Length)?;
    let frame = bytes.get(..len).ok_or(FrameFault::Length)?;
    let stored = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]);
    if checksum(salt, &frame[8..]) != stored {
        return Err(FrameFault::Checksum);
    }
    let shard = u16::from_le_bytes([frame[10], frame[11]]);
    Ok((Frame { at, kind: frame[8], flags: frame[9], shard, body: &frame[FRAME_HEADER..] }, len))
}

/// The frames of a span, as [`crate::Log::frames`] gives them.
///
/// The log's own frames are skipped. A frame that does not verify is an error that names it; iteration goes on at the
/// next that does.
#[derive(Clone, Debug)]
pub struct FrameIter<'a> {
    at: Position,
    rest: &'a [u8],
    salt: u32,
}

impl<'a> FrameIter<'a> {
    pub(crate) fn new(at: Position, span: &'a [u8], salt: u32) -> Self {
        FrameIter { at, rest: span, salt }
    }
}

/// Where iteration goes on behind a frame that does not verify: at the end it claims, unless its length is what is damaged.
fn behind_bad(bytes: &[u8], salt: u32) -> usize {
    let verifies = |at: usize| parse(Position(0), &bytes[at..], salt).is_ok();
    let claimed = frame_len(bytes).filter(|&len| len <= bytes.len());
    match claimed {
        Some(len) if len == bytes.len() || verifies(len) => len,
        _ => (1..bytes.len()).find(|&at| verifies(at)).or(claimed).unwrap_or(bytes.len()),
    }
}

impl<'a> Iterator for FrameIter<'a> {
    type Item = Result<Frame<'a>, BadFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (at, bytes) = (self.at, self.rest);
            let parsed = parse(at, bytes, self.salt);
            let step = match &parsed {
                Ok((_, len)) => *len,
                Err(_) => behind_bad(bytes, self.salt),
            };
            self.rest = &bytes[step..];
            // A span is at most u32 long: its positions came from one segment.
            self.at = at.plus(step as u32);
            match parsed {
                Ok((frame, _)) if frame.kind == OWN => {}
                Ok((frame, _)) => return Some(Ok(frame)),
                Err(fault) => {
                    return Some(Err(BadFrame { at, kind: bytes.get(8).copied().unwrap_or(0), fault }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, body: &[u8], salt: u32) -> Vec<u8> {
        let mut bytes = vec![0; FRAME_HEADER];
        bytes.extend_from_slice(body);
        seal_header(&mut bytes, salt, kind, 3, 0x0102);
        bytes
    }

    #[test]
    fn layout_is_as_documented() {
        let bytes = frame(7, b"hi", 0);
        assert_eq!(bytes[..4], [2, 0, 0, 0]);
        assert_eq!(bytes[8..], [7, 3, 2, 1, b'h', b'i']);
        assert_eq!(bytes[4..8], crc_fast::crc32_iscsi(&bytes[8..]).to_le_bytes());
    }

    #[test]
    fn checksum_is_crc32c() {
        assert_eq!(checksum(0, b"123456789"), 0xE306_9283);
        assert_eq!(checksum(1, b"123456789"), 0xE306_9282);
    }

    #[test]
    fn a_frame_of_another_salt_does_not_verify() {
        let bytes = frame(7, b"hi", 5);
        assert!(parse(Position(0), &bytes, 5).is_ok());
        assert_eq!(parse(Position(0), &bytes, 6).unwrap_err(), FrameFault::Checksum);
    }

    #[test]
    fn iteration_skips_own_frames_and_passes_bad_ones() {
        let mut span = frame(OWN, &[0; 20], 9);
        let first = span.len() as u32;
        span.extend(frame(1, b"one", 9));
        let second = span.len();
        span.extend(frame(2, b"two", 9));
        span.extend(frame(3, b"three", 9));
        span[second + FRAME_HEADER] ^= 1;
        let at = Position::new(4, 4_096);
        let items: Vec<_> = FrameIter::new(at, &span, 9).collect();
        assert_eq!(items.len(), 3);
        let one = items[0].as_ref().unwrap();
        assert_eq!((one.at, one.kind, one.body), (at.plus(first), 1, &b"one"[..]));
        let bad = items[1].as_ref().unwrap_err();
        assert_eq!((bad.at.offset(), bad.kind, bad.fault), (4_096 + second as u32, 2, FrameFault::Checksum));
        assert_eq!(items[2].as_ref().unwrap().body, b"three");
    }

    #[test]
    fn a_damaged_length_does_not_hide_what_follows() {
        // One that reaches beyond the span, one that is too short, one that ends within another frame.
        for (byte, value) in [(1, 0xFF), (0, 1), (0, 5)] {
            let mut span = frame(1, b"one", 9);
            span[byte] = value;
            span.extend(frame(2, b"two", 9));
            let second = span.len() as u32;
            span.extend(frame(3, b"three", 9));
            let items: Vec<_> = FrameIter::new(Position(0), &span, 9).collect();
            assert_eq!(items.len(), 3);
            assert_eq!(items[0].as_ref().unwrap_err().at, Position(0));
            assert_eq!(items[1].as_ref().unwrap().body, b"two");
            assert_eq!(items[2].as_ref().unwrap().at, Position(0).plus(second));
        }
        let cut = FrameIter::new(Position(0), &[1, 0, 0], 9).next().unwrap();
        assert_eq!(cut.unwrap_err().fault, FrameFault::Length);
    }
}
