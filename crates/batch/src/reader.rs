//! The records of one batch, one at a time, decompressed as they are asked for.

use std::io::Read;

use crate::codec::{Codec, Decoder, decode_fault};
use crate::fault::{Fault, Part};
use crate::header::{BatchHeader, HEADER_BYTES};
use crate::record::Record;
use crate::varint::{INT_BYTES_MAX, take_int};

/// Least bytes to ask a decompressor for.
const WINDOW_BYTES_MIN: usize = 4 << 10;
/// Most bytes to hold of a decompressed stream, unless one record is larger.
const WINDOW_BYTES_MAX: usize = 64 << 10;

/// Reads the records of a batch.
///
/// Uncompressed records are slices of the batch, and nothing is allocated. Of a compressed batch, a window of 64 KiB
/// is held besides the decompressor's own memory, or the largest record, if that is more.
#[derive(Debug)]
pub struct Records<'a> {
    header: BatchHeader,
    source: Source<'a>,
    /// Records read so far.
    read: u32,
    failed: bool,
}

#[derive(Debug)]
enum Source<'a> {
    Plain { rest: &'a [u8], len: usize },
    Packed(Box<Window<'a>>),
}

impl<'a> Records<'a> {
    /// Reads `batch`, which may decompress to `bytes_max` bytes. The CRC is not looked at: [`crate::validate`] does.
    ///
    /// # Errors
    /// [`Fault`] if the header is wrong, the batch is not whole, or is not the only one in `batch`.
    pub fn new(batch: &'a [u8], bytes_max: usize) -> Result<Records<'a>, Fault> {
        let header = BatchHeader::parse(batch)?;
        header.check_size(batch)?;
        let codec = header.attributes.codec()?;
        let bytes = &batch[HEADER_BYTES..];
        let source = if codec == Codec::None || header.count == 0 {
            header.check_count()?;
            Source::Plain { rest: bytes, len: bytes.len() }
        } else {
            Source::Packed(Box::new(Window::new(codec, bytes, bytes_max)?))
        };
        if header.count < 0 {
            return Err(Fault::Count { count: header.count, last_offset_delta: header.last_offset_delta });
        }
        Ok(Records { header, source, read: 0, failed: false })
    }

    /// The batch's header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Bytes that were decompressed so far; of an uncompressed batch, those that were read.
    pub fn bytes_read(&self) -> usize {
        match &self.source {
            Source::Plain { rest, len } => len - rest.len(),
            Source::Packed(window) => window.produced,
        }
    }

    /// The next record, or `None` after the last. After an error there is none.
    ///
    /// # Errors
    /// [`Fault`] if the bytes are no record, do not decompress, or are more or fewer than the header says.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Fault> {
        if self.failed || self.read as i64 >= i64::from(self.header.count) {
            return Ok(None);
        }
        // Until the record is known to be one.
        self.failed = true;
        let index = self.read;
        let last = index as i64 + 1 == i64::from(self.header.count);
        let body: &[u8] = match &mut self.source {
            Source::Plain { rest, .. } => {
                let body = take_plain(rest, index, self.header.count)?;
                if last && !rest.is_empty() {
                    return Err(Fault::TooMany(self.header.count));
                }
                body
            }
            Source::Packed(window) => window.take(index, &self.header, last)?,
        };
        let record = Record::parse(body, &self.header, index)?;
        self.read += 1;
        self.failed = false;
        Ok(Some(record))
    }

    /// Calls `each` with every record that is left.
    ///
    /// # Errors
    /// As [`Records::next_record`].
    pub fn for_each(&mut self, mut each: impl FnMut(&Record<'_>)) -> Result<(), Fault> {
        while let Some(record) = self.next_record()? {
            each(&record);
        }
        Ok(())
    }
}

fn take_plain<'a>(rest: &mut &'a [u8], index: u32, count: i32) -> Result<&'a [u8], Fault> {
    if rest.is_empty() {
        return Err(Fault::TooFew { read: index, count });
    }
    let len = take_int(rest).ok_or(Fault::RecordCut { index, part: Part::Length })?;
    let (body, after) = usize::try_from(len)
        .ok()
        .and_then(|len| rest.split_at_checked(len))
        .ok_or(Fault::Malformed { index, part: Part::Length, number: len.into() })?;
    *rest = after;
    Ok(body)
}

/// A stretch of the decompressed stream.
#[derive(Debug)]
struct Window<'a> {
    codec: Codec,
    decoder: Decoder<'a>,
    buffer: Vec<u8>,
    /// What of the buffer is decompressed and not yet taken.
    start: usize,
    end: usize,
    /// Bytes decompressed so far, and the most that may be.
    produced: usize,
    bytes_max: usize,
    at_end: bool,
}

impl<'a> Window<'a> {
    fn new(codec: Codec, packed: &'a [u8], bytes_max: usize) -> Result<Window<'a>, Fault> {
        let decoder = Decoder::new(codec, packed, bytes_max).map_err(|error| decode_fault(codec, &error))?;
        let len = packed.len().saturating_mul(4).clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX);
        Ok(Window {
            codec,
            decoder,
            buffer: vec![0; len],
            start: 0,
            end: 0,
            produced: 0,
            bytes_max,
            at_end: false,
        })
    }

    /// Takes the body of record `index`; after the last there must be nothing.
    fn take(&mut self, index: u32, header: &BatchHeader, last: bool) -> Result<&[u8], Fault> {
        let have = self.fill(INT_BYTES_MAX)?;
        if have == 0 {
            return Err(Fault::TooFew { read: index, count: header.count });
        }
        let mut rest = &self.buffer[self.start..self.end];
        let len = take_int(&mut rest).ok_or(Fault::RecordCut { index, part: Part::Length })?;
        self.start = self.end - rest.len();
        let Ok(len) = usize::try_from(len) else {
            return Err(Fault::Malformed { index, part: Part::Length, number: len.into() });
        };
        // What was decompressed and not taken counts for the record.
        if len.saturating_sub(self.end - self.start) > self.bytes_max - self.produced {
            return Err(Fault::Bomb(self.bytes_max));
        }
        if self.fill(len)? < len {
            return Err(Fault::Malformed { index, part: Part::Length, number: len as i64 });
        }
        // Looks one byte further, so that the stream's end, and what checks it, is seen.
        if last && self.fill(len + 1)? > len {
            return Err(Fault::TooMany(header.count));
        }
        let body = self.start..self.start + len;
        self.start += len;
        Ok(&self.buffer[body])
    }

    /// Decompresses until `want` bytes are there or the stream ends; returns how many are.
    fn fill(&mut self, want: usize) -> Result<usize, Fault> {
        while self.end - self.start < want && !self.at_end {
            if self.end == self.buffer.len() {
                self.make_room(want);
            }
            let read = self.decoder.read(&mut self.buffer[self.end..]);
            let read = match read {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| decode_fault(self.codec, &error))?,
            };
            self.at_end = read == 0;
            self.end += read;
            self.produced += read;
            if self.produced > self.bytes_max {
                return Err(Fault::Bomb(self.bytes_max));
            }
        }
        Ok(self.end - self.start)
    }

    /// Moves what is not yet taken to the front. If that makes no room, grows: to twice the size at most, so that
    /// memory follows the bytes there are and not the bytes that are claimed.
    fn make_room(&mut self, want: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let len = self.buffer.len();
        if self.end == len {
            let larger = want.clamp(len + 1, len * 2);
            self.buffer.reserve_exact(larger - len);
            self.buffer.resize(larger, 0);
        }
    }
}
