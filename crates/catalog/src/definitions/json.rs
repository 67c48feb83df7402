//! JSON values from a stranger: bounded in number and depth while they are read, and to and from arguments.

use std::cell::Cell;
use std::fmt;

use anymq_types::limits::HEADER_DEPTH_MAX;
use anymq_types::value::{Double, Table, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::VALUES_MAX;

/// A JSON value of at most [`VALUES_MAX`] values, nested no deeper than headers may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounded(pub(super) Json);

impl<'de> serde::Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let left = Cell::new(VALUES_MAX);
        Seed { left: &left, depth: HEADER_DEPTH_MAX }.deserialize(deserializer).map(Bounded)
    }
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    left: &'b Cell<u32>,
    depth: usize,
}

impl<'b> Seed<'b> {
    fn deeper<E: Error>(self) -> Result<Seed<'b>, E> {
        let depth = self.depth.checked_sub(1);
        let depth =
            depth.ok_or_else(|| E::custom(format!("nested deeper than {HEADER_DEPTH_MAX} levels")))?;
        Ok(Seed { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| D::Error::custom(format!("more than {VALUES_MAX} values")))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            out.push(item);
        }
        Ok(Json::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut out = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            out.insert(key, entries.next_value_seed(seed)?);
        }
        Ok(Json::Object(out))
    }
}

/// Arguments from an object. An empty list is an empty object, as some exporters write it.
pub fn to_table(json: &Json) -> Option<Table> {
    match json {
        Json::Object(map) => Some(map.iter().map(|(name, value)| (name.as_str(), to_value(value))).collect()),
        Json::Array(list) if list.is_empty() => Some(Table::new()),
        Json::Null => Some(Table::new()),
        _ => None,
    }
}

fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Void,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(n) => Value::I64(n),
            None => Value::Double(Double::from(n.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(list) => Value::Array(list.iter().map(to_value).collect()),
        Json::Object(_) => Value::Table(to_table(json).unwrap_or_default()),
    }
}

/// Arguments as an object; bytes that are not UTF-8 are shown with replacement characters.
pub fn from_table(table: &Table) -> Json {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Json::Object(table.iter().map(|(name, value)| (text(name), from_value(value))).collect())
}

fn from_value(value: &Value) -> Json {
    match value {
        Value::Bool(b) => (*b).into(),
        Value::Str(text) | Value::Bytes(text) => String::from_utf8_lossy(text.as_bytes()).into(),
        Value::Float(n) => f64::from(n.get()).into(),
        Value::Double(n) => n.get().into(),
        Value::Decimal(n) => (f64::from(n.value) / 10f64.powi(i32::from(n.scale))).into(),
        Value::Timestamp(seconds) => (*seconds).into(),
        Value::Array(list) => list.iter().map(from_value).collect(),
        Value::Table(table) => from_table(table),
        other => other.as_int().map_or(Json::Null, Json::from),
    }
}
