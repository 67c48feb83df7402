//! Which keys a configuration struct takes, and of what kind, asked of its own `Deserialize`.
//!
//! A [`Probe`] is a deserializer that has no data: it notes what the struct asks for and stops. So hints, the coercion of
//! environment variables and the reference page follow the structs and nothing is listed twice.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};

/// Deepest nesting of tables that is looked into.
const DEPTH_MAX: usize = 8;

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// true or false.
    Bool,
    /// A whole number.
    Integer,
    /// Text, or text with a meaning such as `"30s"`.
    Text,
    /// A number or text, such as a size.
    Any,
    /// A list.
    List,
    /// A table with keys of its own.
    Table,
    /// A table with any keys.
    Map,
}

/// Every key of a struct, dotted, tables included.
pub(crate) type Schema = BTreeMap<String, Kind>;

/// The keys of `T`, each with `prefix` before it.
pub(crate) fn of<T: DeserializeOwned>(prefix: &str) -> Schema {
    let mut schema = Schema::new();
    walk::<T>(prefix, &mut Vec::new(), &mut schema);
    schema
}

/// The first level of `T`'s keys.
pub(crate) fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    match probe::<T>(&[]) {
        Note::Struct(fields) => fields,
        _ => &[],
    }
}

fn walk<T: DeserializeOwned>(prefix: &str, path: &mut Vec<&'static str>, schema: &mut Schema) {
    let Note::Struct(fields) = probe::<T>(path) else { return };
    for field in fields {
        path.push(field);
        let key = format!("{prefix}.{}", path.join("."));
        match probe::<T>(path) {
            Note::Struct(_) if path.len() < DEPTH_MAX => {
                schema.insert(key, Kind::Table);
                walk::<T>(prefix, path, schema);
            }
            Note::Struct(_) => {
                schema.insert(key, Kind::Map);
            }
            Note::Leaf(kind) => {
                schema.insert(key, kind);
            }
            Note::Nothing => {}
        }
        path.pop();
    }
}

fn probe<T: DeserializeOwned>(path: &[&'static str]) -> Note {
    match T::deserialize(Probe { path }) {
        Err(Stop(note)) => note,
        Ok(_) => Note::Nothing,
    }
}

/// What was asked for at the end of the path.
#[derive(Clone, Copy, Debug)]
enum Note {
    Nothing,
    Struct(&'static [&'static str]),
    Leaf(Kind),
}

/// How a probe ends: always as an error.
#[derive(Debug)]
struct Stop(Note);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "probed: {:?}", self.0)
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Stop(Note::Nothing)
    }
}

struct Probe<'p> {
    path: &'p [&'static str],
}

macro_rules! leaf {
    ($($method:ident => $kind:ident),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> { Err(Stop(Note::Leaf(Kind::$kind))) })*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    leaf! {
        deserialize_any => Any, deserialize_bool => Bool,
        deserialize_i8 => Integer, deserialize_i16 => Integer, deserialize_i32 => Integer, deserialize_i64 => Integer,
        deserialize_u8 => Integer, deserialize_u16 => Integer, deserialize_u32 => Integer, deserialize_u64 => Integer,
        deserialize_f32 => Any, deserialize_f64 => Any,
        deserialize_char => Text, deserialize_str => Text, deserialize_string => Text, deserialize_identifier => Text,
        deserialize_bytes => Text, deserialize_byte_buf => Text,
        deserialize_unit => Any, deserialize_ignored_any => Any,
        deserialize_seq => List, deserialize_map => Map,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Stop> {
        Err(Stop(Note::Leaf(Kind::Any)))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Stop> {
        Err(Stop(Note::Leaf(Kind::List)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, Stop> {
        Err(Stop(Note::Leaf(Kind::List)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        Err(Stop(Note::Leaf(Kind::Text)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.path.split_first() {
            None => Err(Stop(Note::Struct(fields))),
            Some((field, path)) => visitor.visit_map(OneField { field, path }),
        }
    }
}

/// A map with one key, whose value is probed further.
struct OneField<'p> {
    field: &'static str,
    path: &'p [&'static str],
}

impl<'de> MapAccess<'de> for OneField<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let name: StrDeserializer<'_, Stop> = StrDeserializer::new(self.field);
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(Probe { path: self.path })
    }
}

/// The known name nearest to a mistyped one, if any is near.
pub(crate) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(wrong.len()) / 4)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions and replacements that turn one into the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anymq_types::ByteSize;
    use serde::Deserialize;

    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[allow(dead_code, reason = "only its shape matters")]
    struct Outer {
        on: bool,
        port: u16,
        name: String,
        size: ByteSize,
        #[serde(with = "anymq_types::units::duration")]
        pause: Duration,
        list: Vec<String>,
        inner: Option<Inner>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its shape matters")]
    struct Inner {
        file: std::path::PathBuf,
        deep: Option<bool>,
    }

    #[test]
    fn structs_tell_their_keys() {
        let schema = of::<Outer>("x");
        let expected = [
            ("x.inner", Kind::Table),
            ("x.inner.deep", Kind::Bool),
            ("x.inner.file", Kind::Text),
            ("x.list", Kind::List),
            ("x.name", Kind::Text),
            ("x.on", Kind::Bool),
            ("x.port", Kind::Integer),
        ];
        for (key, kind) in expected {
            assert_eq!(schema.get(key), Some(&kind), "{key} in {schema:?}");
        }
        assert!(matches!(schema["x.pause"], Kind::Text | Kind::Any), "{schema:?}");
        assert_eq!(schema["x.size"], Kind::Any);
        assert_eq!(schema.len(), 9);
    }

    #[test]
    fn hints_are_near_or_absent() {
        let known = ["port", "tls_port", "addresses", "max_connections"];
        let cases = [
            ("prot", Some("port")),
            ("tlsport", Some("tls_port")),
            ("adresses", Some("addresses")),
            ("maxconnections", Some("max_connections")),
            ("colour", None),
        ];
        for (wrong, expected) in cases {
            assert_eq!(nearest(wrong, known.iter().copied()), expected, "{wrong}");
        }
    }
}
