//! Method arguments: how each domain of the specification is read and written.

use anymq_types::value::TableRef;

use super::WireError;

/// Why an argument could not be read.
pub(crate) enum ArgError {
    Cut,
    Text,
    Table(anymq_types::value::ValueError),
}

impl ArgError {
    pub(crate) fn of(self, class_id: u16, method_id: u16) -> WireError {
        match self {
            ArgError::Cut => WireError::BadArguments { class_id, method_id },
            ArgError::Text => WireError::BadText,
            ArgError::Table(error) => WireError::BadTable(error),
        }
    }
}

/// One argument domain. `&str` is a short string, `&[u8]` a long string, `TableRef` a field table.
pub(crate) trait Arg<'a>: Sized {
    fn read(rest: &mut &'a [u8]) -> Result<Self, ArgError>;
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! integer {
    ($($int:ty),*) => {$(
        impl<'a> Arg<'a> for $int {
            #[inline]
            fn read(rest: &mut &'a [u8]) -> Result<Self, ArgError> {
                let (bytes, after) = rest.split_first_chunk().ok_or(ArgError::Cut)?;
                *rest = after;
                Ok(<$int>::from_be_bytes(*bytes))
            }

            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}

integer!(u8, u16, u32, u64);

impl<'a> Arg<'a> for &'a str {
    #[inline]
    fn read(rest: &mut &'a [u8]) -> Result<Self, ArgError> {
        let (&len, after) = rest.split_first().ok_or(ArgError::Cut)?;
        let (text, after) = after.split_at_checked(len.into()).ok_or(ArgError::Cut)?;
        *rest = after;
        std::str::from_utf8(text).map_err(|_| ArgError::Text)
    }

    /// # Panics
    /// Beyond 255 bytes: who names things checks their length first.
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.len()).expect("a short string is at most 255 bytes"));
        out.extend_from_slice(self.as_bytes());
    }
}

impl<'a> Arg<'a> for &'a [u8] {
    fn read(rest: &mut &'a [u8]) -> Result<Self, ArgError> {
        let len = u32::read(rest)?;
        let (bytes, after) = rest.split_at_checked(len as usize).ok_or(ArgError::Cut)?;
        *rest = after;
        Ok(bytes)
    }

    /// # Panics
    /// Beyond 4 GiB, which no frame holds.
    fn write(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).expect("a long string fits u32").write(out);
        out.extend_from_slice(self);
    }
}

impl<'a> Arg<'a> for TableRef<'a> {
    fn read(rest: &mut &'a [u8]) -> Result<Self, ArgError> {
        TableRef::parse(<&[u8]>::read(rest)?).map_err(ArgError::Table)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_bytes().write(out);
    }
}

/// Bits that share an octet, the first in the lowest place; no octet for none.
#[inline]
pub(crate) fn read_bits<const N: usize>(rest: &mut &[u8]) -> Result<[bool; N], ArgError> {
    const { assert!(N <= 8) };
    let octet = if N == 0 { 0 } else { u8::read(rest)? };
    Ok(std::array::from_fn(|place| octet >> place & 1 != 0))
}

/// The opposite of [`read_bits`].
#[inline]
pub(crate) fn write_bits<const N: usize>(bits: [bool; N], out: &mut Vec<u8>) {
    if N > 0 {
        out.push(bits.iter().rev().fold(0, |octet, bit| octet << 1 | u8::from(*bit)));
    }
}
