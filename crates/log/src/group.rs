//! The group: what one commit writes. Its header is a frame of kind 0 before the group's frames.
//!
//! ```text
//!  +--------------------+--------------+-----------+------------+-----------+---------+---------+
//!  | frame header (12)  | position u64 | bytes u32 | frames u32 | group crc | frame 1 | frame 2 …
//!  +--------------------+--------------+-----------+------------+-----------+---------+---------+
//! ```
//!
//! `position` is the header's own, so that a header copied elsewhere does not verify; `bytes` and `frames` count what
//! follows. The group crc is the CRC-32C over the 12-byte headers of those frames, one after another: each frame's own
//! checksum covers its body, so the two together cover every byte, while writing passes over each byte once.
//!
//! The header's flags say which of the log's own frames it is: a group, a *seal* (zero bytes; the journal ended here and
//! nothing was being written), or a *filler* (any bytes; repair put it where something did not verify).

use anymq_types::Position;
use crc_fast::{CrcAlgorithm, Digest};

use crate::frame::{self, FRAME_HEADER, Frame, OWN};

/// Bytes of a group header.
pub(crate) const GROUP_HEADER: usize = FRAME_HEADER + BODY;
const BODY: usize = 20;

/// Flags of a group header that starts a group.
pub(crate) const GROUP: u8 = 0;
/// Flags of a seal.
pub(crate) const SEAL: u8 = 1;
/// Flags of a filler frame.
pub(crate) const FILLER: u8 = 2;

/// A group header, or a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) position: Position,
    pub(crate) bytes: u32,
    pub(crate) frames: u32,
    pub(crate) crc: u32,
    pub(crate) seal: bool,
}

impl GroupHeader {
    /// The seal for a journal that ends at `position`.
    pub(crate) fn seal(position: Position) -> Self {
        GroupHeader { position, bytes: 0, frames: 0, crc: 0, seal: true }
    }

    /// Writes the header over the first [`GROUP_HEADER`] bytes of `out`.
    pub(crate) fn write(&self, out: &mut [u8], salt: u32) {
        let header = &mut out[..GROUP_HEADER];
        header[12..20].copy_from_slice(&self.position.0.to_le_bytes());
        header[20..24].copy_from_slice(&self.bytes.to_le_bytes());
        header[24..28].copy_from_slice(&self.frames.to_le_bytes());
        header[28..32].copy_from_slice(&self.crc.to_le_bytes());
        frame::seal_header(header, salt, OWN, if self.seal { SEAL } else { GROUP }, 0);
    }

    /// The header at the start of `bytes`, if it verifies and is meant for `position`.
    pub(crate) fn parse(position: Position, bytes: &[u8], salt: u32) -> Option<GroupHeader> {
        let bytes = bytes.get(..GROUP_HEADER)?;
        if bytes[..4] != (BODY as u32).to_le_bytes() || bytes[12..20] != position.0.to_le_bytes() {
            return None;
        }
        let (frame, _) = frame::parse(position, bytes, salt).ok()?;
        if frame.kind != OWN || frame.flags > SEAL {
            return None;
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Some(GroupHeader {
            position,
            bytes: word(20),
            frames: word(24),
            crc: word(28),
            seal: frame.flags == SEAL,
        })
    }
}

/// The group crc as it grows, frame by frame.
#[derive(Clone, Copy)]
pub(crate) struct GroupCrc(Digest);

impl GroupCrc {
    pub(crate) fn new() -> Self {
        GroupCrc(Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    /// Adds the header of the next frame.
    pub(crate) fn add(&mut self, header: &[u8]) {
        self.0.update(&header[..FRAME_HEADER]);
    }

    pub(crate) fn value(&self, salt: u32) -> u32 {
        self.0.finalize() as u32 ^ salt
    }
}

/// Walks the frames of a group whose header is `header`; `bytes` are the group's, header excluded. True if all of it
/// verifies, and only then is `each` called, once per frame that is not the log's own.
pub(crate) fn verify<'a, E>(
    header: &GroupHeader,
    bytes: &'a [u8],
    salt: u32,
    each: &mut dyn FnMut(Frame<'a>) -> Result<(), E>,
) -> Result<bool, E> {
    let start = header.position.plus(GROUP_HEADER as u32);
    let mut crc = GroupCrc::new();
    let (mut at, mut frames) = (0, 0u32);
    while at < bytes.len() {
        let Ok((_, len)) = frame::parse(start, &bytes[at..], salt) else { return Ok(false) };
        crc.add(&bytes[at..]);
        at += len;
        frames += 1;
    }
    if frames != header.frames || crc.value(salt) != header.crc {
        return Ok(false);
    }
    at = 0;
    while at < bytes.len() {
        let len = frame::frame_len(&bytes[at..]).expect("walked above");
        let head = &bytes[at..at + FRAME_HEADER];
        if head[8] != OWN {
            each(Frame {
                at: start.plus(at as u32),
                kind: head[8],
                flags: head[9],
                shard: u16::from_le_bytes([head[10], head[11]]),
                body: &bytes[at + FRAME_HEADER..at + len],
            })?;
        }
        at += len;
    }
    Ok(true)
}
