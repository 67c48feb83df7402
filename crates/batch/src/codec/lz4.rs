//! LZ4 as Kafka has it: one frame of independent blocks.
//!
//! What else the frame format knows is refused, although it could be read here: linked blocks, legacy and skippable
//! frames, frames without an end mark. The Java client fails on them, and would do so again and again.
//! Source: LZ4 frame format 1.6, Kafka's `Lz4BlockInputStream`.

use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Flags: blocks do not refer to earlier ones; a checksum follows the end mark.
const INDEPENDENT: u8 = 0x20;
const CONTENT_CHECKSUM: u8 = 0x04;
/// A block of no bytes.
const END_MARK: [u8; 4] = [0; 4];

/// Decompresses the frame.
pub(crate) struct Decoder<'a> {
    packed: &'a [u8],
    checksum_bytes: usize,
    frame: FrameDecoder<&'a [u8]>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(packed: &'a [u8]) -> io::Result<Self> {
        let Some((magic, [flags, ..])) = packed.split_first_chunk() else { return Err(invalid("cut short")) };
        if *magic != MAGIC {
            return Err(invalid("no lz4 frame"));
        }
        if flags & INDEPENDENT == 0 {
            return Err(invalid("blocks depend on each other"));
        }
        let checksum_bytes = if flags & CONTENT_CHECKSUM == 0 { 0 } else { 4 };
        Ok(Decoder { packed, checksum_bytes, frame: FrameDecoder::new(packed) })
    }

    /// Whether what was read of the frame ends as a frame does.
    fn has_end(&self) -> bool {
        let read = self.packed.len() - self.frame.get_ref().len();
        self.packed[..read.saturating_sub(self.checksum_bytes)].ends_with(&END_MARK)
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.frame.read(out)?;
        if read == 0 && !out.is_empty() && !self.has_end() {
            return Err(invalid("no end mark"));
        }
        Ok(read)
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
