//! Typed headers: values, arrays and tables in RabbitMQ's dialect of AMQP 0-9-1 field tables (section 4.2.5.5, errata).
//!
//! Two views of one encoding. [`TableRef`], [`ArrayRef`] and [`ValueRef`] read it in place, without allocating;
//! [`Table`] and [`Value`] own it and can be changed. Each type tag is kept as it came, so that a table survives a
//! round trip bit for bit (a `t` octet other than 0 and 1 becomes 1).
//!
//! ```text
//!  table   (u8 n, n bytes of name, value)*         without the u32 length that stands before it on the wire
//!  value   tag u8, then by tag, big-endian:
//!          t bool  b i8  B u8  s/U i16  u u16  I i32  i u32  l/L i64  f f32  d f64  T u64 (seconds)
//!          D u8 scale, u32 value   S/x u32 n, n bytes   A u32 n, n bytes of values   F u32 n, a table of n bytes   V nothing
//! ```
//!
//! Bounds: nesting ≤ [`HEADER_DEPTH_MAX`](crate::limits::HEADER_DEPTH_MAX), values ≤ [`HEADER_VALUES_MAX`](crate::limits::HEADER_VALUES_MAX); lengths are checked against what is there before anything is taken.

mod owned;
mod read;

pub use owned::{Table, Text, Value};
pub(crate) use owned::{encode_entry, with_len};
pub use read::{ArrayIter, ArrayRef, TableIter, TableRef, ValueRef};

use serde::{Deserialize, Serialize};

/// Why bytes are not a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A length points past the end.
    #[error("field table is cut short")]
    Truncated,
    /// A type tag nobody defined.
    #[error("unknown field type {0:#04x}")]
    UnknownTag(u8),
    /// Tables within tables beyond the bound.
    #[error("field table is nested deeper than {max} levels", max = crate::limits::HEADER_DEPTH_MAX)]
    TooDeep,
    /// More values than the bound, those within tables and arrays counted.
    #[error("field table has more than {max} values", max = crate::limits::HEADER_VALUES_MAX)]
    TooMany,
    /// A name longer than 255 bytes or a table longer than `u32::MAX` cannot be written.
    #[error("field table has a name or a value too long to encode")]
    TooLong,
}

/// A decimal: `value / 10^scale`, as it stood on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decimal {
    /// Digits after the point.
    pub scale: u8,
    /// All digits.
    pub value: u32,
}

/// A 32-bit float by its IEEE 754 bits, so that it compares, hashes and round-trips exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Float(pub u32);

impl Float {
    /// The number.
    pub fn get(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl From<f32> for Float {
    fn from(value: f32) -> Self {
        Float(value.to_bits())
    }
}

/// A 64-bit float by its IEEE 754 bits, so that it compares, hashes and round-trips exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Double(pub u64);

impl Double {
    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Double {
    fn from(value: f64) -> Self {
        Double(value.to_bits())
    }
}

#[cfg(test)]
mod tests;
