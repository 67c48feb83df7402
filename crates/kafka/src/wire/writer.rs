//! Where messages are written: bytes of our own, and slices of batches between them.

use std::io::IoSlice;

use bytes::Bytes;

use super::apis::ApiKey;
use super::message::{Field, Version};

/// Shorter slices are copied: another `iovec` costs more than that.
const SPLICE_BYTES_MIN: usize = 1024;
/// Longest string in a version that is not flexible, in bytes.
const STRING_BYTES_MAX: usize = i16::MAX as usize;
/// Bytes of a frame's size.
const SIZE_BYTES: usize = 4;

/// One frame being written.
#[derive(Debug, Default)]
pub struct Writer {
    own: Vec<u8>,
    /// Slices, and where in `own` they belong.
    spliced: Vec<(usize, Bytes)>,
    spliced_bytes: usize,
}

impl Writer {
    /// A bare one, for a body alone.
    pub fn new() -> Self {
        Writer::default()
    }

    /// A response's frame, its header written. `version` is that of the body, which is to follow.
    pub fn response(api: ApiKey, version: i16, correlation_id: i32) -> Self {
        let mut out = Writer { own: Vec::with_capacity(128), ..Writer::default() };
        out.put(&[0; SIZE_BYTES]);
        out.put(&correlation_id.to_be_bytes());
        if api.response_header_is_flexible(version) {
            out.put(&[0]);
        }
        out
    }

    /// A request's frame, its header written: the client's side.
    pub fn request(api: ApiKey, version: i16, correlation_id: i32, client_id: Option<&str>) -> Self {
        let plain = Version { number: 0, flexible: false };
        let mut out = Writer::default();
        out.put(&[0; SIZE_BYTES]);
        out.put(&api.code().to_be_bytes());
        out.put(&version.to_be_bytes());
        out.put(&correlation_id.to_be_bytes());
        out.put_string(client_id, plain);
        if api.version(version).flexible {
            out.put(&[0]);
        }
        out
    }

    /// Bytes written so far, slices counted.
    pub fn len(&self) -> usize {
        self.own.len() + self.spliced_bytes
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends a frame: its size is known now.
    ///
    /// # Panics
    /// If it was begun as a bare body, or is beyond 2 GiB: answers have bounds below that.
    pub fn finish(mut self) -> Segments {
        let size = i32::try_from(self.len() - SIZE_BYTES).expect("a response is below 2 GiB");
        self.own[..SIZE_BYTES].copy_from_slice(&size.to_be_bytes());
        self.into_segments()
    }

    /// Ends a bare body.
    pub fn into_segments(self) -> Segments {
        let len = self.len();
        let own = Bytes::from(self.own);
        let mut parts = Vec::with_capacity(2 * self.spliced.len() + 1);
        let mut from = 0;
        for (at, slice) in self.spliced {
            if at > from {
                parts.push(own.slice(from..at));
            }
            parts.push(slice);
            from = at;
        }
        if own.len() > from {
            parts.push(own.slice(from..));
        }
        Segments { parts, len }
    }

    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.own.extend_from_slice(bytes);
    }

    /// Appends a slice without copying it, unless it is short.
    pub(super) fn splice(&mut self, slice: &Bytes) {
        if slice.len() < SPLICE_BYTES_MIN {
            return self.put(slice);
        }
        self.spliced_bytes += slice.len();
        self.spliced.push((self.own.len(), slice.clone()));
    }

    pub(super) fn put_varint(&mut self, value: u32) {
        let (bytes, len) = varint(value);
        self.put(&bytes[..len]);
    }

    /// A string, or null.
    ///
    /// One that is too long for the version is cut: a name that came by a flexible version must not break an answer in
    /// another.
    pub(super) fn put_string(&mut self, text: Option<&str>, version: Version) {
        match (text, version.flexible) {
            (None, true) => self.put(&[0]),
            (None, false) => self.put(&(-1i16).to_be_bytes()),
            (Some(text), true) => {
                self.put_len(text.len(), version);
                self.put(text.as_bytes());
            }
            (Some(text), false) => {
                let text = &text[..text.floor_char_boundary(STRING_BYTES_MAX)];
                self.put(&(text.len() as i16).to_be_bytes());
                self.put(text.as_bytes());
            }
        }
    }

    /// Bytes, or null.
    pub(super) fn put_bytes(&mut self, bytes: Option<&[u8]>, version: Version) {
        match bytes {
            Some(bytes) => {
                self.put_len(bytes.len(), version);
                self.put(bytes);
            }
            None => self.put_count(None, version),
        }
    }

    /// The number of elements of an array, or null.
    pub(super) fn put_count(&mut self, count: Option<usize>, version: Version) {
        match count {
            Some(count) => self.put_len(count, version),
            None if version.flexible => self.put(&[0]),
            None => self.put(&(-1i32).to_be_bytes()),
        }
    }

    /// The length of what follows.
    ///
    /// # Panics
    /// Beyond 2 GiB, which no answer holds.
    pub(super) fn put_len(&mut self, len: usize, version: Version) {
        let len = i32::try_from(len).expect("a response is below 2 GiB");
        if version.flexible {
            self.put_varint(len as u32 + 1);
        } else {
            self.put(&len.to_be_bytes());
        }
    }

    /// Begins the tagged fields of a struct.
    pub(super) fn tags(&mut self) -> Tags {
        self.own.push(0);
        Tags { at: self.own.len() - 1 }
    }
}

/// The tagged fields of a struct being written: how many is known at the end.
pub(super) struct Tags {
    at: usize,
}

impl Tags {
    /// Appends one.
    pub(super) fn put<'a>(&mut self, out: &mut Writer, tag: u32, value: &impl Field<'a>, version: Version) {
        // No struct has 128 of them, so that the count is one byte.
        out.own[self.at] += 1;
        out.put_varint(tag);
        let start = out.own.len();
        value.write(out, version);
        debug_assert!(out.spliced.last().is_none_or(|(at, _)| *at <= start), "no batches in tagged fields");
        let (bytes, len) = varint((out.own.len() - start) as u32);
        out.own.splice(start..start, bytes[..len].iter().copied());
    }
}

/// An unsigned varint and the bytes it takes.
fn varint(mut value: u32) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut len = 0;
    loop {
        bytes[len] = (value & 0x7f) as u8;
        value >>= 7;
        len += 1;
        if value == 0 {
            return (bytes, len);
        }
        bytes[len - 1] |= 0x80;
    }
}

/// A frame that is written: what to hand to `writev`.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    parts: Vec<Bytes>,
    len: usize,
}

impl Segments {
    /// A frame that holds a token of a login and nothing else: the answer to one that came so.
    pub fn bare_token(token: &[u8]) -> Self {
        let mut out = Writer::default();
        out.put(&[0; SIZE_BYTES]);
        out.put(token);
        out.finish()
    }

    /// Bytes of all parts.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parts, in order, none of them empty.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    pub(super) fn parts_mut(&mut self) -> &mut [Bytes] {
        &mut self.parts
    }

    /// The parts for a vectored write.
    pub fn io_slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        self.parts.iter().map(|part| IoSlice::new(part))
    }

    /// All of it in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

impl IntoIterator for Segments {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.parts.into_iter()
    }
}
