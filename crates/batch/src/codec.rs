//! The four compressions, and none.
//!
//! gzip by `flate2` on `zlib-rs`, snappy by `snap`, lz4 by `lz4_flex`: all three in Rust. zstd by the binding to the
//! reference library, because the encoders in Rust reach its fastest level only, and compaction writes for long.

mod encode;
mod lz4;
mod snappy;

use std::fmt;
use std::io::{self, Read};

pub(crate) use encode::compress;

use crate::fault::Fault;

/// How the records of a batch are compressed (protocol guide, "Record Batch": attributes 0–2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks in the framing of xerial's library, or one raw block.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// RFC 8878.
    Zstd,
}

impl Codec {
    /// All of them, by id.
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    /// The codec with that id in the attributes, if there is one.
    pub fn from_id(id: u8) -> Option<Codec> {
        Codec::ALL.get(usize::from(id)).copied()
    }

    /// Its id in the attributes.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A codec and how hard it tries. Snappy and lz4 have no levels here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Level 1 to 9.
    Gzip(u32),
    /// Snappy.
    Snappy,
    /// LZ4, fast.
    Lz4,
    /// Level −131072 to 22.
    Zstd(i32),
}

impl Compression {
    /// The codec.
    pub fn codec(self) -> Codec {
        match self {
            Compression::None => Codec::None,
            Compression::Gzip(_) => Codec::Gzip,
            Compression::Snappy => Codec::Snappy,
            Compression::Lz4 => Codec::Lz4,
            Compression::Zstd(_) => Codec::Zstd,
        }
    }
}

impl From<Codec> for Compression {
    /// At the level that Kafka takes by default.
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::None => Compression::None,
            Codec::Gzip => Compression::Gzip(6),
            Codec::Snappy => Compression::Snappy,
            Codec::Lz4 => Compression::Lz4,
            Codec::Zstd => Compression::Zstd(3),
        }
    }
}

/// Largest window of a zstd frame, as a power of two: 128 MiB, what level 22 writes and the reference reads. Memory
/// is used only as far as the frame really fills it.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Decompresses one stream.
pub(crate) enum Decoder<'a> {
    Plain(&'a [u8]),
    Gzip(Box<flate2::bufread::MultiGzDecoder<&'a [u8]>>),
    Snappy(snappy::Decoder<'a>),
    Lz4(Box<lz4::Decoder<'a>>),
    Zstd(zstd::Decoder<'static, &'a [u8]>),
}

impl<'a> Decoder<'a> {
    /// `bytes_max` bounds what is allocated for one block of snappy, the only codec whose blocks have no bound.
    pub(crate) fn new(codec: Codec, packed: &'a [u8], bytes_max: usize) -> io::Result<Self> {
        Ok(match codec {
            Codec::None => Decoder::Plain(packed),
            Codec::Gzip => Decoder::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(packed))),
            Codec::Snappy => Decoder::Snappy(snappy::Decoder::new(packed, bytes_max)),
            Codec::Lz4 => Decoder::Lz4(Box::new(lz4::Decoder::new(packed)?)),
            Codec::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Decoder::Zstd(decoder)
            }
        })
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::Plain(rest) => rest.read(out),
            Decoder::Gzip(decoder) => decoder.read(out),
            Decoder::Snappy(decoder) => decoder.read(out),
            Decoder::Lz4(decoder) => decoder.read(out),
            Decoder::Zstd(decoder) => decoder.read(out),
        }
    }
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codec = match self {
            Decoder::Plain(_) => Codec::None,
            Decoder::Gzip(_) => Codec::Gzip,
            Decoder::Snappy(_) => Codec::Snappy,
            Decoder::Lz4(_) => Codec::Lz4,
            Decoder::Zstd(_) => Codec::Zstd,
        };
        f.debug_tuple("Decoder").field(&codec).finish()
    }
}

/// What a decompressor's error says about the batch.
pub(crate) fn decode_fault(codec: Codec, error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<snappy::TooLarge>()) {
        Some(snappy::TooLarge(max)) => Fault::Bomb(*max),
        None => Fault::Decompress { codec, reason: error.to_string() },
    }
}
