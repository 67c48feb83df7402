//! The protocol's primitive types: how each is read in place and written.

use std::borrow::Cow;

use super::errors::{ErrorCode, WireError};
use super::message::{Field, Nullable, Version};
use super::writer::Writer;

/// A string of a response: borrowed from the request it answers, or the answerer's own.
pub type Text<'a> = Cow<'a, str>;
/// Bytes of a response.
pub type Blob<'a> = Cow<'a, [u8]>;

/// What is left of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// All of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`WireError::Cut`] if there are fewer.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(WireError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(WireError::Cut)?;
        self.rest = rest;
        Ok(*chunk)
    }

    /// An unsigned varint: seven bits a byte, the lowest first, at most five bytes.
    ///
    /// # Errors
    /// Cut short, longer than five bytes, or more than 32 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u32, WireError> {
        let mut value = 0u32;
        for place in 0..5 {
            let [byte] = self.chunk()?;
            if place == 4 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::Varint)
    }

    /// A length or count, which `Plain` encodes where varints are not used; `None` for null.
    #[inline]
    fn len<Plain: Field<'a> + Into<i64>>(&mut self, version: Version) -> Result<Option<usize>, WireError> {
        if version.flexible {
            return Ok(self.varint()?.checked_sub(1).map(|len| len as usize));
        }
        // Null is -1; Kafka takes any negative number for it.
        Ok(usize::try_from(Plain::read(self, version)?.into()).ok())
    }

    fn string(&mut self, version: Version) -> Result<Option<&'a str>, WireError> {
        let Some(len) = self.len::<i16>(version)? else { return Ok(None) };
        std::str::from_utf8(self.take(len)?).map(Some).map_err(|_| WireError::Text)
    }

    fn bytes(&mut self, version: Version) -> Result<Option<&'a [u8]>, WireError> {
        let Some(len) = self.len::<i32>(version)? else { return Ok(None) };
        self.take(len).map(Some)
    }

    /// Elements of an array that follow; `None` for null. Every element takes a byte at least, so a count beyond
    /// what is left is a lie.
    pub(super) fn count(&mut self, version: Version) -> Result<Option<usize>, WireError> {
        let count = self.len::<i32>(version)?;
        match count {
            Some(count) if count > self.rest.len() => Err(WireError::Count { count, left: self.rest.len() }),
            count => Ok(count),
        }
    }

    /// Tagged fields that follow. Each takes two bytes at least.
    pub(super) fn tag_count(&mut self) -> Result<usize, WireError> {
        let count = self.varint()? as usize;
        if count > self.rest.len() / 2 {
            return Err(WireError::Count { count, left: self.rest.len() });
        }
        Ok(count)
    }

    /// The next tagged field: its tag, and its value to read or to leave.
    pub(super) fn tagged(&mut self) -> Result<(u32, Reader<'a>), WireError> {
        let tag = self.varint()?;
        let len = self.varint()? as usize;
        Ok((tag, Reader::new(self.take(len)?)))
    }

    /// Leaves out all tagged fields.
    ///
    /// # Errors
    /// Cut short.
    pub fn skip_tags(&mut self) -> Result<(), WireError> {
        for _ in 0..self.tag_count()? {
            self.tagged()?;
        }
        Ok(())
    }
}

macro_rules! numbers {
    ($($Number:ty),*) => {$(
        impl<'a> Field<'a> for $Number {
            const FIXED: usize = size_of::<$Number>();

            #[inline]
            fn read(input: &mut Reader<'a>, _: Version) -> Result<Self, WireError> {
                input.chunk().map(<$Number>::from_be_bytes)
            }

            #[inline]
            fn write(&self, out: &mut Writer, _: Version) {
                out.put(&self.to_be_bytes());
            }
        }
    )*};
}

numbers!(i8, i16, u16, i32, i64, f64);

impl<'a> Field<'a> for bool {
    const FIXED: usize = 1;

    #[inline]
    fn read(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
        i8::read(input, version).map(|byte| byte != 0)
    }

    #[inline]
    fn write(&self, out: &mut Writer, version: Version) {
        i8::from(*self).write(out, version);
    }
}

impl<'a> Field<'a> for ErrorCode {
    const FIXED: usize = 2;

    #[inline]
    fn read(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
        i16::read(input, version).map(ErrorCode)
    }

    #[inline]
    fn write(&self, out: &mut Writer, version: Version) {
        self.0.write(out, version);
    }
}

/// An id of 128 bits; all zeros means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// No id.
    pub const NONE: Uuid = Uuid([0; 16]);
}

impl<'a> Field<'a> for Uuid {
    const FIXED: usize = 16;

    #[inline]
    fn read(input: &mut Reader<'a>, _: Version) -> Result<Self, WireError> {
        input.chunk().map(Uuid)
    }

    #[inline]
    fn write(&self, out: &mut Writer, _: Version) {
        out.put(&self.0);
    }
}

/// `Field` and `Nullable` for a type that is a string or bytes.
macro_rules! slices {
    ($Type:ty, $read:ident, $write:ident) => {
        impl<'a> Field<'a> for $Type {
            #[inline]
            fn read(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
                input.$read(version)?.map(Into::into).ok_or(WireError::Null)
            }

            #[inline]
            fn write(&self, out: &mut Writer, version: Version) {
                out.$write(Some(&**self), version);
            }
        }

        impl<'a> Nullable<'a> for $Type {
            #[inline]
            fn read_nullable(input: &mut Reader<'a>, version: Version) -> Result<Option<Self>, WireError> {
                Ok(input.$read(version)?.map(Into::into))
            }

            #[inline]
            fn write_nullable(value: Option<&Self>, out: &mut Writer, version: Version) {
                out.$write(value.map(|value| &**value), version);
            }
        }
    };
}

slices!(&'a str, string, put_string);
slices!(Text<'a>, string, put_string);
slices!(&'a [u8], bytes, put_bytes);
slices!(Blob<'a>, bytes, put_bytes);
