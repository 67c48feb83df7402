//! Snappy as Kafka has it: xerial's framing of the Java library, or one raw block as other clients write it.
//!
//! ```text
//! 82 'S' 'N' 'A' 'P' 'P' 'Y' 00 · version i32 = 1 · compatible i32 = 1 · (length i32 · raw block)*
//! ```
//! The header may come again between blocks, when streams were put together. A raw block begins with its own
//! decompressed length. Sources: snappy-java `SnappyCodec`, `SnappyInputStream`; the snappy format description.

use std::io::{self, Read};

/// First bytes of a framed stream.
pub(super) const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Bytes of the header: magic, version, compatible version.
const HEADER_BYTES: usize = 16;
/// Decompressed bytes of one block, as the Java client writes them.
pub(super) const BLOCK_BYTES: usize = 32 << 10;
/// A copy of three bytes makes 64 at most: no block grows by more.
const GROWTH_MAX: usize = 22;

/// A block that would grow beyond what the reader allows.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
pub(super) struct TooLarge(pub(super) usize);

/// Decompresses block by block.
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    /// What of the block was read.
    taken: usize,
    /// Bytes that blocks may still decompress to, and what they could at first.
    left: usize,
    bytes_max: usize,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(packed: &'a [u8], bytes_max: usize) -> Self {
        let framed = packed.len() >= HEADER_BYTES && packed.starts_with(&MAGIC);
        let rest = if framed { &packed[HEADER_BYTES..] } else { packed };
        Decoder { rest, framed, block: Vec::new(), taken: 0, left: bytes_max, bytes_max }
    }

    /// Decompresses the next block; false if there is none.
    fn next_block(&mut self) -> io::Result<bool> {
        while self.framed && self.rest.len() >= HEADER_BYTES && self.rest.starts_with(&MAGIC) {
            self.rest = &self.rest[HEADER_BYTES..];
        }
        if self.rest.is_empty() {
            return Ok(false);
        }
        let packed = if self.framed {
            let (len, after) = self.rest.split_first_chunk().ok_or_else(cut)?;
            let len = usize::try_from(i32::from_be_bytes(*len)).map_err(invalid)?;
            let (packed, after) = after.split_at_checked(len).ok_or_else(cut)?;
            self.rest = after;
            packed
        } else {
            std::mem::take(&mut self.rest)
        };
        let len = snap::raw::decompress_len(packed).map_err(invalid)?;
        if len > packed.len().saturating_mul(GROWTH_MAX) {
            return Err(invalid(format!("a block of {} bytes cannot decompress to {len}", packed.len())));
        }
        // One byte more than allowed is enough for the reader to see that there are too many.
        if len > self.left.saturating_add(1) {
            return Err(io::Error::other(TooLarge(self.bytes_max)));
        }
        self.left = self.left.saturating_sub(len);
        self.block.resize(len, 0);
        let written = snap::raw::Decoder::new().decompress(packed, &mut self.block).map_err(invalid)?;
        self.block.truncate(written);
        self.taken = 0;
        Ok(true)
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let mut from = &self.block[self.taken..];
        let read = from.read(out)?;
        self.taken += read;
        Ok(read)
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "cut short")
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
