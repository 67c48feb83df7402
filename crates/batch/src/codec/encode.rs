//! Compressing a run of records.

use std::io::{self, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::{Compression, snappy};
use crate::fault::Fault;

/// Appends `plain`, compressed, to `out`.
pub(crate) fn compress(how: Compression, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let done = match how {
        Compression::None => out.write_all(plain),
        Compression::Gzip(level) => gzip(level, plain, out),
        Compression::Snappy => framed_snappy(plain, out),
        Compression::Lz4 => lz4(plain, out),
        Compression::Zstd(level) => zstd(level, plain, out),
    };
    done.map_err(|error| Fault::Compress { codec: how.codec(), reason: error.to_string() })
}

fn gzip(level: u32, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level.clamp(1, 9)));
    encoder.write_all(plain)?;
    encoder.finish().map(drop)
}

/// As the Java client does: readers that want xerial's framing find it, others find blocks.
fn framed_snappy(plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    const VERSION: i32 = 1;
    out.extend_from_slice(&snappy::MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    let mut block = vec![0; snap::raw::max_compress_len(snappy::BLOCK_BYTES.min(plain.len()))];
    for piece in plain.chunks(snappy::BLOCK_BYTES) {
        let len = encoder.compress(piece, &mut block)?;
        out.extend_from_slice(&(len as i32).to_be_bytes());
        out.extend_from_slice(&block[..len]);
    }
    Ok(())
}

/// The Java client reads frames with independent blocks only.
fn lz4(plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder.write_all(plain)?;
    encoder.finish().map(drop).map_err(io::Error::from)
}

fn zstd(level: i32, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let start = out.len();
    // Knowing the size, the frame says it, and readers take no more memory than that.
    let bound = zstd::zstd_safe::compress_bound(plain.len());
    out.resize(start + bound, 0);
    let mut encoder = zstd::bulk::Compressor::new(level)?;
    let len = encoder.compress_to_buffer(plain, &mut out[start..])?;
    out.truncate(start + len);
    Ok(())
}
