//! One record of a batch, read in place.
//!
//! ```text
//! length varint · attributes i8 (unused) · timestamp delta varlong · offset delta varint ·
//! key length varint, key · value length varint, value · headers varint, (key length, key, value length, value)*
//! ```
//! A length below 0 is "null". Source: the Kafka protocol guide, "Record"; KIP-98, KIP-82 (headers).

use crate::NO_TIMESTAMP;
use crate::fault::{Fault, Part};
use crate::header::BatchHeader;
use crate::varint::{int_bytes, long_bytes, put_int, put_long, take_int, take_long};

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Offset, counted from the batch's base offset.
    pub offset_delta: i32,
    /// Timestamp as it is written, in ms from the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset.
    pub offset: i64,
    /// Timestamp as a consumer sees it, in ms since the epoch: the producer's, or the batch's if the broker set it.
    /// −1 if there is none.
    pub timestamp: i64,
    /// Key, if there is one.
    pub key: Option<&'a [u8]>,
    /// Value; a record with a key and without a value is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: Headers<'a>,
}

/// One header of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// Key: UTF-8 if the producer did right; not checked.
    pub key: &'a [u8],
    /// Value, if there is one.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, one after another. They were checked when the record was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.count = self.count.checked_sub(1)?;
        let key = take_bytes(&mut self.bytes).ok()??;
        let value = take_bytes(&mut self.bytes).ok()?;
        Some(Header { key, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count as usize, Some(self.count as usize))
    }
}

impl ExactSizeIterator for Headers<'_> {}

impl<'a> Record<'a> {
    /// Reads the record that `body` is, without the length before it. `index` is for the error's text.
    pub(crate) fn parse(body: &'a [u8], batch: &BatchHeader, index: u32) -> Result<Record<'a>, Fault> {
        let cut = |part| Fault::RecordCut { index, part };
        let mut rest = body;
        let (_attributes, after) = rest.split_first().ok_or(cut(Part::Attributes))?;
        rest = after;
        let timestamp_delta = take_long(&mut rest).ok_or(cut(Part::Timestamp))?;
        let offset_delta = take_int(&mut rest).ok_or(cut(Part::Offset))?;
        let key = take_bytes(&mut rest).map_err(|Short| cut(Part::Key))?;
        let value = take_bytes(&mut rest).map_err(|Short| cut(Part::Value))?;
        let headers = Headers::take(&mut rest, index)?;
        if !rest.is_empty() {
            return Err(Fault::Malformed { index, part: Part::Length, number: body.len() as i64 });
        }
        let own = batch.base_timestamp.wrapping_add(timestamp_delta);
        Ok(Record {
            offset_delta,
            timestamp_delta,
            offset: batch.base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp: batch.log_append_time().unwrap_or(own),
            key,
            value,
            headers,
        })
    }
}

impl<'a> Headers<'a> {
    fn take(rest: &mut &'a [u8], index: u32) -> Result<Headers<'a>, Fault> {
        let cut = |part| Fault::RecordCut { index, part };
        let count = take_int(rest).ok_or(cut(Part::HeaderCount))?;
        // Each takes two bytes at least.
        let claimed = u32::try_from(count).ok().filter(|count| *count as usize <= rest.len() / 2);
        let Some(count) = claimed else {
            return Err(Fault::Malformed { index, part: Part::HeaderCount, number: count.into() });
        };
        let all = *rest;
        for _ in 0..count {
            let key = take_bytes(rest).map_err(|Short| cut(Part::HeaderKey))?;
            if key.is_none() {
                return Err(Fault::Malformed { index, part: Part::HeaderKey, number: -1 });
            }
            take_bytes(rest).map_err(|Short| cut(Part::HeaderValue))?;
        }
        Ok(Headers { count, bytes: &all[..all.len() - rest.len()] })
    }
}

/// Fewer bytes than a length says, or no length.
struct Short;

/// Takes a length and as many bytes; a length below 0 is none.
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Short> {
    let len = take_int(rest).ok_or(Short)?;
    let Ok(len) = usize::try_from(len) else { return Ok(None) };
    let (bytes, after) = rest.split_at_checked(len).ok_or(Short)?;
    *rest = after;
    Ok(Some(bytes))
}

/// What a record is written from.
pub(crate) struct Parts<'a> {
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i32,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: PartHeaders<'a>,
}

/// Headers to write: a list, or as they were read.
pub(crate) enum PartHeaders<'a> {
    List(&'a [Header<'a>]),
    Read(Headers<'a>),
}

impl Parts<'_> {
    /// Bytes of the record without the length before it.
    pub(crate) fn body_bytes(&self) -> usize {
        let headers = match self.headers {
            PartHeaders::List(list) => {
                let bytes =
                    list.iter().map(|header| slice_bytes(Some(header.key)) + slice_bytes(header.value));
                len_bytes(list.len()) + bytes.sum::<usize>()
            }
            PartHeaders::Read(read) => len_bytes(read.count as usize) + read.bytes.len(),
        };
        1 + long_bytes(self.timestamp_delta)
            + int_bytes(self.offset_delta)
            + slice_bytes(self.key)
            + slice_bytes(self.value)
            + headers
    }

    /// Appends the record, `body_bytes` long after its length. The caller has checked that this fits an `int`.
    pub(crate) fn put(&self, body_bytes: usize, out: &mut Vec<u8>) {
        put_len(out, body_bytes);
        out.push(0);
        put_long(out, self.timestamp_delta);
        put_int(out, self.offset_delta);
        put_slice(out, self.key);
        put_slice(out, self.value);
        match self.headers {
            PartHeaders::List(list) => {
                put_len(out, list.len());
                for header in list {
                    put_slice(out, Some(header.key));
                    put_slice(out, header.value);
                }
            }
            PartHeaders::Read(read) => {
                put_len(out, read.count as usize);
                out.extend_from_slice(read.bytes);
            }
        }
    }
}

/// Bytes of a length as a varint. Lengths beyond `int` are refused by the sum before they are written.
fn len_bytes(len: usize) -> usize {
    int_bytes(len as i32)
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    put_int(out, len as i32);
}

fn slice_bytes(slice: Option<&[u8]>) -> usize {
    slice.map_or(1, |slice| len_bytes(slice.len()) + slice.len())
}

fn put_slice(out: &mut Vec<u8>, slice: Option<&[u8]>) {
    match slice {
        Some(slice) => {
            put_len(out, slice.len());
            out.extend_from_slice(slice);
        }
        None => put_int(out, -1),
    }
}

/// The later of two timestamps, as a header has it: −1 is none and nothing is earlier.
pub(crate) fn later(one: i64, other: i64) -> i64 {
    one.max(other).max(NO_TIMESTAMP)
}
