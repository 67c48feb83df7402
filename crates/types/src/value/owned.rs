//! Tables that own what they hold.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Decimal, Double, Float, TableRef, ValueError};

/// Bytes that are text by convention: a name or a long string. Serialised as a string if it is UTF-8, else as a list
/// of numbers.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.as_bytes().to_vec())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(text.into_bytes())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Text(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Text(bytes)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_seq(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Bytes(Vec<u8>),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Text(text) => text.into(),
            Form::Bytes(bytes) => bytes.into(),
        })
    }
}

/// A value that owns what it holds; the variants are those of [`super::ValueRef`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// `t`
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`
    I16(i16),
    /// `U`
    I16Spec(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`
    I64(i64),
    /// `L`
    I64Spec(i64),
    /// `f`
    Float(Float),
    /// `d`
    Double(Double),
    /// `D`
    Decimal(Decimal),
    /// `S`
    Str(Text),
    /// `x`
    Bytes(Text),
    /// `T`: seconds since the Unix epoch.
    Timestamp(u64),
    /// `A`
    Array(Vec<Value>),
    /// `F`
    Table(Table),
    /// `V`
    Void,
}

impl Value {
    /// The integer, whatever its width.
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Value::I8(n) => Some(n.into()),
            Value::U8(n) => Some(n.into()),
            Value::I16(n) | Value::I16Spec(n) => Some(n.into()),
            Value::U16(n) => Some(n.into()),
            Value::I32(n) => Some(n.into()),
            Value::U32(n) => Some(n.into()),
            Value::I64(n) | Value::I64Spec(n) => Some(n),
            _ => None,
        }
    }

    /// The text of a long string, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str(text) = self { text.as_str() } else { None }
    }

    /// Appends tag and value.
    ///
    /// # Errors
    /// [`ValueError::TooLong`] for a name beyond 255 bytes or a length beyond `u32`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Value::Bool(v) => tagged(out, b't', &[u8::from(*v)]),
            Value::I8(v) => tagged(out, b'b', &v.to_be_bytes()),
            Value::U8(v) => tagged(out, b'B', &[*v]),
            Value::I16(v) => tagged(out, b's', &v.to_be_bytes()),
            Value::I16Spec(v) => tagged(out, b'U', &v.to_be_bytes()),
            Value::U16(v) => tagged(out, b'u', &v.to_be_bytes()),
            Value::I32(v) => tagged(out, b'I', &v.to_be_bytes()),
            Value::U32(v) => tagged(out, b'i', &v.to_be_bytes()),
            Value::I64(v) => tagged(out, b'l', &v.to_be_bytes()),
            Value::I64Spec(v) => tagged(out, b'L', &v.to_be_bytes()),
            Value::Float(v) => tagged(out, b'f', &v.0.to_be_bytes()),
            Value::Double(v) => tagged(out, b'd', &v.0.to_be_bytes()),
            Value::Decimal(v) => {
                tagged(out, b'D', &[v.scale]);
                out.extend_from_slice(&v.value.to_be_bytes());
            }
            Value::Str(v) => return put_long(out, b'S', &v.0),
            Value::Bytes(v) => return put_long(out, b'x', &v.0),
            Value::Timestamp(v) => tagged(out, b'T', &v.to_be_bytes()),
            Value::Array(v) => {
                return with_len(out, Some(b'A'), |out| v.iter().try_for_each(|item| item.encode(out)));
            }
            Value::Table(v) => return with_len(out, Some(b'F'), |out| v.encode_content(out)),
            Value::Void => out.push(b'V'),
        }
        Ok(())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Value::I32(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::I64(value)
    }
}

/// An ordered table; names may repeat, the first one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Table(pub Vec<(Text, Value)>);

impl Table {
    /// An empty table.
    pub fn new() -> Self {
        Table::default()
    }

    /// Has no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Value)> {
        self.0.iter().map(|(name, value)| (name.as_bytes(), value))
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Replaces the first value of that name, or appends.
    pub fn insert(&mut self, name: &str, value: impl Into<Value>) {
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some(entry) => entry.1 = value.into(),
            None => self.0.push((name.into(), value.into())),
        }
    }

    /// Takes out all values of that name and gives back the first.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(key, _)| *key == name)?;
        let (_, value) = self.0.remove(at);
        self.0.retain(|(key, _)| *key != name);
        Some(value)
    }

    /// Appends the u32 length and the content: a table as it stands on the wire.
    ///
    /// # Errors
    /// [`ValueError::TooLong`] for a name beyond 255 bytes or a length beyond `u32`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        with_len(out, None, |out| self.encode_content(out))
    }

    /// Appends the content without the length: what [`TableRef::parse`] takes.
    ///
    /// # Errors
    /// [`ValueError::TooLong`] for a name beyond 255 bytes or a length beyond `u32`.
    pub fn encode_content(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        for (name, value) in &self.0 {
            encode_entry(name.as_bytes(), value, out)?;
        }
        Ok(())
    }
}

impl<K: Into<Text>, V: Into<Value>> FromIterator<(K, V)> for Table {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Table(entries.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl From<TableRef<'_>> for Table {
    fn from(table: TableRef<'_>) -> Self {
        table.to_table()
    }
}

/// Appends one entry: name, tag, value.
pub(crate) fn encode_entry(name: &[u8], value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.push(u8::try_from(name.len()).map_err(|_| ValueError::TooLong)?);
    out.extend_from_slice(name);
    value.encode(out)
}

fn tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn put_long(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) -> Result<(), ValueError> {
    tagged(out, tag, &u32::try_from(bytes.len()).map_err(|_| ValueError::TooLong)?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Writes a tag if any, room for a u32 length, what `content` writes, and then the length.
pub(crate) fn with_len(
    out: &mut Vec<u8>,
    tag: Option<u8>,
    content: impl FnOnce(&mut Vec<u8>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    out.extend(tag);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out)?;
    let len = u32::try_from(out.len() - at - 4).map_err(|_| ValueError::TooLong)?;
    out[at..at + 4].copy_from_slice(&len.to_be_bytes());
    Ok(())
}
