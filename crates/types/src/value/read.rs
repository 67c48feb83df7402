//! Tables read in place.

use super::{Decimal, Double, Float, Table, Value, ValueError};
use crate::limits::{HEADER_DEPTH_MAX, HEADER_VALUES_MAX};

/// A value in place; tables and arrays are not walked until asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueRef<'a> {
    /// `t`
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`
    I16(i16),
    /// `U`: the specification's tag for the same 16-bit integer.
    I16Spec(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`
    I64(i64),
    /// `L`: read as signed too, as RabbitMQ does.
    I64Spec(i64),
    /// `f`
    Float(Float),
    /// `d`
    Double(Double),
    /// `D`
    Decimal(Decimal),
    /// `S`: text by convention, bytes by right.
    Str(&'a [u8]),
    /// `x`
    Bytes(&'a [u8]),
    /// `T`: seconds since the Unix epoch.
    Timestamp(u64),
    /// `A`
    Array(ArrayRef<'a>),
    /// `F`
    Table(TableRef<'a>),
    /// `V`
    Void,
}

impl<'a> ValueRef<'a> {
    /// The integer, whatever its width; RabbitMQ treats all integer tags as one class.
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            ValueRef::I8(n) => Some(n.into()),
            ValueRef::U8(n) => Some(n.into()),
            ValueRef::I16(n) | ValueRef::I16Spec(n) => Some(n.into()),
            ValueRef::U16(n) => Some(n.into()),
            ValueRef::I32(n) => Some(n.into()),
            ValueRef::U32(n) => Some(n.into()),
            ValueRef::I64(n) | ValueRef::I64Spec(n) => Some(n),
            _ => None,
        }
    }

    /// The bytes of a long string (`S`).
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        if let ValueRef::Str(bytes) = *self { Some(bytes) } else { None }
    }

    /// The text of a long string (`S`), if it is UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let ValueRef::Bool(value) = *self { Some(value) } else { None }
    }

    /// The array.
    pub fn as_array(&self) -> Option<ArrayRef<'a>> {
        if let ValueRef::Array(array) = *self { Some(array) } else { None }
    }

    /// The table.
    pub fn as_table(&self) -> Option<TableRef<'a>> {
        if let ValueRef::Table(table) = *self { Some(table) } else { None }
    }

    /// RabbitMQ's word for the type, as its error texts print it.
    pub fn type_name(&self) -> &'static str {
        match self {
            ValueRef::Bool(_) => "bool",
            ValueRef::I8(_) => "byte",
            ValueRef::U8(_) => "unsignedbyte",
            ValueRef::I16(_) | ValueRef::I16Spec(_) => "short",
            ValueRef::U16(_) => "unsignedshort",
            ValueRef::I32(_) => "signedint",
            ValueRef::U32(_) => "unsignedint",
            ValueRef::I64(_) | ValueRef::I64Spec(_) => "long",
            ValueRef::Float(_) => "float",
            ValueRef::Double(_) => "double",
            ValueRef::Decimal(_) => "decimal",
            ValueRef::Str(_) => "longstr",
            ValueRef::Bytes(_) => "binary",
            ValueRef::Timestamp(_) => "timestamp",
            ValueRef::Array(_) => "array",
            ValueRef::Table(_) => "table",
            ValueRef::Void => "void",
        }
    }

    /// An owned copy.
    pub fn to_value(&self) -> Value {
        self.to_value_within(HEADER_DEPTH_MAX)
    }

    /// Deeper than `depth` levels becomes void: never so for validated tables, and it bounds the stack for others.
    pub(super) fn to_value_within(self, depth: usize) -> Value {
        match self {
            ValueRef::Bool(v) => Value::Bool(v),
            ValueRef::I8(v) => Value::I8(v),
            ValueRef::U8(v) => Value::U8(v),
            ValueRef::I16(v) => Value::I16(v),
            ValueRef::I16Spec(v) => Value::I16Spec(v),
            ValueRef::U16(v) => Value::U16(v),
            ValueRef::I32(v) => Value::I32(v),
            ValueRef::U32(v) => Value::U32(v),
            ValueRef::I64(v) => Value::I64(v),
            ValueRef::I64Spec(v) => Value::I64Spec(v),
            ValueRef::Float(v) => Value::Float(v),
            ValueRef::Double(v) => Value::Double(v),
            ValueRef::Decimal(v) => Value::Decimal(v),
            ValueRef::Str(v) => Value::Str(v.into()),
            ValueRef::Bytes(v) => Value::Bytes(v.into()),
            ValueRef::Timestamp(v) => Value::Timestamp(v),
            ValueRef::Array(_) | ValueRef::Table(_) if depth == 0 => Value::Void,
            ValueRef::Array(v) => {
                let mut values = Vec::with_capacity(v.iter().count());
                values.extend(v.iter().map(|v| v.to_value_within(depth - 1)));
                Value::Array(values)
            }
            ValueRef::Table(v) => Value::Table(v.to_table_within(depth - 1)),
            ValueRef::Void => Value::Void,
        }
    }
}

/// The bytes of a table, without the length before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TableRef<'a>(&'a [u8]);

impl<'a> TableRef<'a> {
    /// The table whose content is exactly `bytes`, every entry checked. Linear in `bytes`, no allocation.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ValueError> {
        check_table(bytes, 1, &mut { HEADER_VALUES_MAX })?;
        Ok(TableRef(bytes))
    }

    /// The table whose content is `bytes`, unchecked: for bytes that were checked when they came in. If they are
    /// damaged, walking ends early.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        TableRef(bytes)
    }

    /// The content as it is encoded, without the length.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Has no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in the order they were written; names may repeat.
    pub fn iter(&self) -> TableIter<'a> {
        TableIter { rest: self.0 }
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        self.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
    }

    /// An owned copy.
    pub fn to_table(&self) -> Table {
        self.to_table_within(HEADER_DEPTH_MAX)
    }

    fn to_table_within(self, depth: usize) -> Table {
        // Counted first: a vector that grows holds its entries twice.
        let mut entries = Vec::with_capacity(self.iter().count());
        entries.extend(self.iter().map(|(name, value)| (name.into(), value.to_value_within(depth))));
        Table(entries)
    }
}

impl<'a> IntoIterator for TableRef<'a> {
    type Item = (&'a [u8], ValueRef<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

/// Walks a table; ends early at the first entry that does not parse.
#[derive(Clone, Debug)]
pub struct TableIter<'a> {
    rest: &'a [u8],
}

impl<'a> TableIter<'a> {
    /// The next entry as it is encoded, name and tag included, beside its name.
    pub fn next_raw(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let start = self.rest;
        let (name, _) = self.next()?;
        Some((name, &start[..start.len() - self.rest.len()]))
    }
}

impl<'a> Iterator for TableIter<'a> {
    type Item = (&'a [u8], ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest;
        let name = short(&mut rest).ok()?;
        let value = value(&mut rest).ok()?;
        self.rest = rest;
        Some((name, value))
    }
}

/// The bytes of an array, without the length before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ArrayRef<'a>(&'a [u8]);

impl<'a> ArrayRef<'a> {
    /// The content as it is encoded, without the length.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The values in order.
    pub fn iter(&self) -> ArrayIter<'a> {
        ArrayIter { rest: self.0 }
    }
}

impl<'a> IntoIterator for ArrayRef<'a> {
    type Item = ValueRef<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// Walks an array; ends early at the first value that does not parse.
#[derive(Clone, Debug)]
pub struct ArrayIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        let mut rest = self.rest;
        let value = value(&mut rest).ok()?;
        self.rest = rest;
        Some(value)
    }
}

fn check_table(mut rest: &[u8], depth: usize, left: &mut usize) -> Result<(), ValueError> {
    if depth > HEADER_DEPTH_MAX {
        return Err(ValueError::TooDeep);
    }
    while !rest.is_empty() {
        short(&mut rest)?;
        check_value(value(&mut rest)?, depth, left)?;
    }
    Ok(())
}

fn check_array(mut rest: &[u8], depth: usize, left: &mut usize) -> Result<(), ValueError> {
    if depth > HEADER_DEPTH_MAX {
        return Err(ValueError::TooDeep);
    }
    while !rest.is_empty() {
        check_value(value(&mut rest)?, depth, left)?;
    }
    Ok(())
}

/// Counts a value down from `left`, and looks into it.
fn check_value(value: ValueRef<'_>, depth: usize, left: &mut usize) -> Result<(), ValueError> {
    *left = left.checked_sub(1).ok_or(ValueError::TooMany)?;
    match value {
        ValueRef::Table(table) => check_table(table.0, depth + 1, left),
        ValueRef::Array(array) => check_array(array.0, depth + 1, left),
        _ => Ok(()),
    }
}

fn value<'a>(rest: &mut &'a [u8]) -> Result<ValueRef<'a>, ValueError> {
    let [tag] = fixed::<1>(rest)?;
    Ok(match tag {
        b'S' => ValueRef::Str(long(rest)?),
        b't' => ValueRef::Bool(fixed::<1>(rest)?[0] != 0),
        b'b' => ValueRef::I8(i8::from_be_bytes(fixed(rest)?)),
        b'B' => ValueRef::U8(u8::from_be_bytes(fixed(rest)?)),
        b's' => ValueRef::I16(i16::from_be_bytes(fixed(rest)?)),
        b'U' => ValueRef::I16Spec(i16::from_be_bytes(fixed(rest)?)),
        b'u' => ValueRef::U16(u16::from_be_bytes(fixed(rest)?)),
        b'I' => ValueRef::I32(i32::from_be_bytes(fixed(rest)?)),
        b'i' => ValueRef::U32(u32::from_be_bytes(fixed(rest)?)),
        b'l' => ValueRef::I64(i64::from_be_bytes(fixed(rest)?)),
        b'L' => ValueRef::I64Spec(i64::from_be_bytes(fixed(rest)?)),
        b'f' => ValueRef::Float(Float(u32::from_be_bytes(fixed(rest)?))),
        b'd' => ValueRef::Double(Double(u64::from_be_bytes(fixed(rest)?))),
        b'D' => {
            let [scale] = fixed::<1>(rest)?;
            ValueRef::Decimal(Decimal { scale, value: u32::from_be_bytes(fixed(rest)?) })
        }
        b'x' => ValueRef::Bytes(long(rest)?),
        b'T' => ValueRef::Timestamp(u64::from_be_bytes(fixed(rest)?)),
        b'A' => ValueRef::Array(ArrayRef(long(rest)?)),
        b'F' => ValueRef::Table(TableRef(long(rest)?)),
        b'V' => ValueRef::Void,
        other => return Err(ValueError::UnknownTag(other)),
    })
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ValueError> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(ValueError::Truncated)?;
    *rest = after;
    Ok(*taken)
}

fn short<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ValueError> {
    let [n] = fixed::<1>(rest)?;
    take(rest, n.into())
}

fn long<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ValueError> {
    let n = u32::from_be_bytes(fixed(rest)?);
    take(rest, n as usize)
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], ValueError> {
    let (taken, after) = rest.split_at_checked(n).ok_or(ValueError::Truncated)?;
    *rest = after;
    Ok(taken)
}
