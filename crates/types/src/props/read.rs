//! Properties read in place.

use super::{PropsError, flag};
use crate::limits::PROPS_BYTES_MAX;
use crate::value::TableRef;

/// What lies at the place a flag announces.
#[derive(Clone, Copy)]
enum Shape {
    Short,
    Table,
    U8,
    U64,
}

/// Shape of the property with index `n` (bit `15 - n`).
const SHAPES: [Shape; 14] = {
    use Shape::{Short, Table, U8, U64};
    [Short, Short, Table, U8, U8, Short, Short, Short, Short, U64, Short, Short, Short, Short]
};

const HEADERS: usize = 2;

/// Calls `found(index, start, end)` for each property present, `start..end` being its bytes without the length.
#[inline]
fn walk(bytes: &[u8], mut found: impl FnMut(usize, usize, usize)) -> Result<u16, PropsError> {
    if bytes.len() > PROPS_BYTES_MAX {
        return Err(PropsError::TooLong);
    }
    let flags = flags_of(bytes)?;
    let mut left = flags;
    let mut at = 2;
    while left != 0 {
        let index = left.leading_zeros() as usize;
        left &= !(1 << (15 - index));
        let (start, len) = match SHAPES[index] {
            Shape::Short => (at + 1, usize::from(*bytes.get(at).ok_or(PropsError::Truncated)?)),
            Shape::U8 => (at, 1),
            Shape::U64 => (at, 8),
            Shape::Table => (at + 4, u32_at(bytes, at).ok_or(PropsError::Truncated)? as usize),
        };
        let end = start + len;
        if end > bytes.len() {
            return Err(PropsError::Truncated);
        }
        found(index, start, end);
        at = end;
    }
    if at == bytes.len() { Ok(flags) } else { Err(PropsError::Trailing(bytes.len() - at)) }
}

fn flags_of(bytes: &[u8]) -> Result<u16, PropsError> {
    let flags = bytes.first_chunk().map(|b| u16::from_be_bytes(*b)).ok_or(PropsError::Truncated)?;
    if flags & flag::RESERVED != 0 { Err(PropsError::UnknownFlags(flags)) } else { Ok(flags) }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// What the publishing path wants to know of a block, found in one pass without storing places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peek {
    /// The presence bits; test them with [`Peek::has`].
    pub flags: u16,
    /// `delivery-mode`; 0 if absent.
    pub delivery_mode: u8,
    /// `priority`, if present.
    pub priority: Option<u8>,
}

impl Peek {
    /// Walks the block; everything is checked but the inside of the headers.
    ///
    /// # Errors
    /// As [`PropsRef::parse`], [`PropsError::Headers`] excepted.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Peek, PropsError> {
        let mut peek = Peek::default();
        peek.flags = walk(bytes, |index, start, _| match index {
            3 => peek.delivery_mode = bytes[start],
            4 => peek.priority = Some(bytes[start]),
            _ => {}
        })?;
        Ok(peek)
    }

    /// Is any property of `flags` (see [`flag`]) present?
    pub fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// Asks to survive a restart (`delivery-mode` 2).
    pub fn persistent(&self) -> bool {
        self.delivery_mode == 2
    }
}

/// A property block in place.
#[derive(Clone, Copy, Debug)]
pub struct PropsRef<'a> {
    bytes: &'a [u8],
    flags: u16,
    /// Start and end of each property's bytes.
    at: [(u32, u32); 14],
}

impl<'a> PropsRef<'a> {
    /// The block that is exactly `bytes`; everything is checked, headers too.
    ///
    /// # Errors
    /// Cut short, trailing bytes, unknown flags, a bad header table, or longer than [`PROPS_BYTES_MAX`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PropsError> {
        let props = Self::trusted(bytes)?;
        if let Some(headers) = props.headers() {
            TableRef::parse(headers.as_bytes())?;
        }
        Ok(props)
    }

    /// As [`PropsRef::parse`], but the inside of the headers is taken as checked when the block came in.
    ///
    /// # Errors
    /// Cut short, trailing bytes, unknown flags, or longer than [`PROPS_BYTES_MAX`].
    pub fn trusted(bytes: &'a [u8]) -> Result<Self, PropsError> {
        let mut at = [(0, 0); 14];
        // The bound on the block's length keeps both in u32.
        let flags = walk(bytes, |index, start, end| at[index] = (start as u32, end as u32))?;
        Ok(PropsRef { bytes, flags, at })
    }

    /// The whole block.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The presence bits (see [`flag`]).
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// Bytes of the property with index `index`, its length excluded.
    pub(super) fn field(&self, index: usize) -> Option<&'a [u8]> {
        let (start, end) = self.at[index];
        (self.flags & (1 << (15 - index)) != 0).then(|| &self.bytes[start as usize..end as usize])
    }

    /// Bytes of the property with index `index` as encoded, its length included.
    pub(super) fn field_encoded(&self, index: usize) -> Option<&'a [u8]> {
        let (start, end) = self.at[index];
        let prefix = match SHAPES[index] {
            Shape::Short => 1,
            Shape::Table => 4,
            Shape::U8 | Shape::U64 => 0,
        };
        self.field(index).map(|_| &self.bytes[start as usize - prefix..end as usize])
    }

    /// MIME type of the body.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.field(0)
    }

    /// Encoding of the body.
    pub fn content_encoding(&self) -> Option<&'a [u8]> {
        self.field(1)
    }

    /// Typed headers.
    pub fn headers(&self) -> Option<TableRef<'a>> {
        self.field(HEADERS).map(TableRef::trusted)
    }

    /// 2 is persistent.
    pub fn delivery_mode(&self) -> Option<u8> {
        self.field(3).map(|b| b[0])
    }

    /// 0..=255.
    pub fn priority(&self) -> Option<u8> {
        self.field(4).map(|b| b[0])
    }

    /// Ties a reply to its request.
    pub fn correlation_id(&self) -> Option<&'a [u8]> {
        self.field(5)
    }

    /// Where to reply.
    pub fn reply_to(&self) -> Option<&'a [u8]> {
        self.field(6)
    }

    /// Time to live in milliseconds, as decimal text.
    pub fn expiration(&self) -> Option<&'a [u8]> {
        self.field(7)
    }

    /// The application's id of the message.
    pub fn message_id(&self) -> Option<&'a [u8]> {
        self.field(8)
    }

    /// Seconds since the Unix epoch by convention; whatever the publisher wrote.
    pub fn timestamp(&self) -> Option<u64> {
        self.field(9).and_then(|b| b.first_chunk()).map(|b| u64::from_be_bytes(*b))
    }

    /// The application's type of the message.
    pub fn type_(&self) -> Option<&'a [u8]> {
        self.field(10)
    }

    /// The publisher's user.
    pub fn user_id(&self) -> Option<&'a [u8]> {
        self.field(11)
    }

    /// The publishing application.
    pub fn app_id(&self) -> Option<&'a [u8]> {
        self.field(12)
    }

    /// Deprecated, carried along.
    pub fn cluster_id(&self) -> Option<&'a [u8]> {
        self.field(13)
    }
}
