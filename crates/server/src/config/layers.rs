//! Settings from several places, the later one wins: defaults, file, environment, flags. Each key remembers its place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anymq_api::{Problem, codes};
use toml::{Table, Value};

use super::schema::{self, Kind, Schema};

/// Largest configuration or secret file, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A flag of the command.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Env(name) => write!(f, "${name}"),
            Origin::Flag(name) => write!(f, "{name}"),
        }
    }
}

/// All layers merged.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The merged tree.
    pub tree: Table,
    /// Where each leaf that somebody set comes from, by dotted key.
    pub origins: BTreeMap<String, Origin>,
    schema: Schema,
}

impl Layers {
    /// Only defaults.
    pub(super) fn new(defaults: Table, schema: Schema) -> Self {
        Layers { tree: defaults, origins: BTreeMap::new(), schema }
    }

    /// The origin of a key.
    pub fn origin(&self, key: &str) -> Origin {
        let mut key = key;
        loop {
            if let Some(origin) = self.origins.get(key) {
                return origin.clone();
            }
            match key.rsplit_once('.') {
                Some((table, _)) => key = table,
                None => return Origin::Default,
            }
        }
    }

    /// Adds a TOML file.
    pub fn file(&mut self, path: &Path) -> Result<(), Problem> {
        let text = read(path).map_err(|reason| {
            Problem::new(&codes::CONFIG_UNREADABLE, format!("cannot read {}: {reason}", path.display()))
        })?;
        let tree: Table = text.parse().map_err(|e: toml::de::Error| {
            let line =
                e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let what = format!("{} line {line}: {}", path.display(), e.message());
            Problem::new(&codes::CONFIG_SYNTAX, what)
        })?;
        for (name, value) in tree {
            self.merge(&name, value, &Origin::File(path.to_owned()))?;
        }
        Ok(())
    }

    /// Adds the environment: `ANYMQ_AMQP__PORT` is `amqp.port`, and a name that ends in `_FILE` names a file with the
    /// value. RabbitMQ's three variables for the first user count too, below our own.
    pub fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<(), Problem> {
        let mut ours = BTreeMap::new();
        let mut rabbit = BTreeMap::new();
        for (name, value) in variables {
            if name.starts_with("ANYMQ_") && name.contains("__") {
                ours.insert(name, value);
            } else if name.starts_with("RABBITMQ_DEFAULT_") {
                rabbit.insert(name, value);
            }
        }
        for (variable, key) in super::RABBITMQ_VARIABLES {
            let from_file = format!("{variable}_FILE");
            if rabbit.contains_key(*variable) && rabbit.contains_key(&from_file) {
                return Err(twice(variable));
            }
            if let Some(value) = rabbit.get(*variable) {
                self.set(key, value, Origin::Env((*variable).to_owned()))?;
            } else if let Some(path) = rabbit.get(&from_file) {
                let value = secret(&from_file, Path::new(path))?;
                self.set(key, &value, Origin::Env(from_file))?;
            }
        }
        for (name, value) in &ours {
            let key = name["ANYMQ_".len()..].to_lowercase().replace("__", ".");
            let origin = Origin::Env(name.clone());
            match key.strip_suffix("_file") {
                Some(key) if !self.schema.contains_key(&format!("{key}_file")) => {
                    if ours.contains_key(&name[..name.len() - "_FILE".len()]) {
                        return Err(twice(&name[..name.len() - "_FILE".len()]));
                    }
                    let value = secret(name, Path::new(value))?;
                    self.set(key, &value, origin)?;
                }
                _ => self.set(&key, value, origin)?,
            }
        }
        Ok(())
    }

    /// Sets one leaf from text, which is read as the key's kind asks.
    pub fn set(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), Problem> {
        let kind = *self.schema.get(key).ok_or_else(|| self.unknown(key, &origin))?;
        let value = coerce(kind, text).map_err(|reason| bad_value(key, &origin, &reason))?;
        self.merge(key, value, &origin)
    }

    /// Puts a value at a dotted key; tables are merged, everything else is replaced.
    fn merge(&mut self, key: &str, value: Value, origin: &Origin) -> Result<(), Problem> {
        let kind = *self.schema.get(key).ok_or_else(|| self.unknown(key, origin))?;
        match (kind, value) {
            (Kind::Table, Value::Table(table)) => {
                for (name, value) in table {
                    self.merge(&format!("{key}.{name}"), value, origin)?;
                }
                Ok(())
            }
            (Kind::Table, _) => Err(bad_value(key, origin, &format!("it is a table, write it as [{key}]"))),
            (_, value) => {
                let mut names: Vec<&str> = key.split('.').collect();
                let leaf = names.pop().unwrap_or_default();
                let mut table = &mut self.tree;
                for name in names {
                    let entry = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
                    let Value::Table(next) = entry else {
                        return Err(bad_value(key, origin, "the level above is not a table"));
                    };
                    table = next;
                }
                table.insert(leaf.to_owned(), value);
                self.origins.insert(key.to_owned(), origin.clone());
                Ok(())
            }
        }
    }

    fn unknown(&self, key: &str, origin: &Origin) -> Problem {
        let problem = Problem::new(&codes::CONFIG_UNKNOWN_KEY, format!("unknown key {key} ({origin})"));
        // First among the neighbours, then anywhere: a key may stand in the wrong table.
        let (table, leaf) = key.rsplit_once('.').unwrap_or(("", key));
        let beside = self.schema.keys().filter_map(|known| {
            let (of, name) = known.rsplit_once('.').unwrap_or(("", known));
            (of == table).then_some(name)
        });
        let hint = match schema::nearest(leaf, beside) {
            Some(name) if table.is_empty() => Some(name.to_owned()),
            Some(name) => Some(format!("{table}.{name}")),
            None => {
                let elsewhere = self.schema.keys().find(|k| k.rsplit('.').next() == Some(leaf)).cloned();
                elsewhere
                    .or_else(|| schema::nearest(key, self.schema.keys().map(String::as_str)).map(Into::into))
            }
        };
        match hint {
            Some(hint) => problem.fix(format!("did you mean {hint}? anymq config reference lists every key")),
            None => problem,
        }
    }
}

/// A value that cannot stay, with its key and its place.
pub(super) fn bad_value(key: &str, origin: &Origin, reason: &str) -> Problem {
    Problem::new(&codes::CONFIG_BAD_VALUE, format!("{key} ({origin}) {reason}"))
}

fn twice(variable: &str) -> Problem {
    Problem::new(&codes::CONFIG_TWICE, format!("both {variable} and {variable}_FILE are set"))
}

fn coerce(kind: Kind, text: &str) -> Result<Value, String> {
    let number = text.parse::<i64>().map(Value::Integer);
    match kind {
        Kind::Bool => match text {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" => Ok(Value::Boolean(false)),
            _ => Err(format!("is {text:?}, must be true or false")),
        },
        Kind::Integer => number.map_err(|_| format!("is {text:?}, must be a whole number")),
        Kind::Any => Ok(number.unwrap_or_else(|_| Value::String(text.to_owned()))),
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        Kind::Table | Kind::Map => Err("is a table, set the keys in it".into()),
    }
}

/// The first line of a secret's file.
fn secret(variable: &str, path: &Path) -> Result<String, Problem> {
    let refuse = |reason: &str| {
        Problem::new(
            &codes::SECRET_UNREADABLE,
            format!("{variable}: cannot use {}: {reason}", path.display()),
        )
    };
    let text = read(path).map_err(|reason| refuse(&reason))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(refuse("its first line is empty")),
    }
}

fn read(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let len = file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if len as u64 > FILE_MAX { Err(format!("it is larger than {FILE_MAX} bytes")) } else { Ok(text) }
}
