//! A setting and how its values are read.

use super::TopicSettings;
use super::error::{ConfigError, Fault, shown};

/// Longest value: a list of the replicas of 10 000 partitions is shorter.
pub const VALUE_BYTES_MAX: usize = 128 << 10;

/// A setting of topics.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its value if nothing is set.
    pub default: &'static str,
    /// What values it may have.
    pub shape: Shape,
    /// The broker's setting that gives the default of all topics, if there is one.
    pub broker_name: Option<&'static str>,
    /// A setting of the broker in another unit, and its value, that holds as long as the one above is not set: that one has no
    /// default then.
    pub broker_fallback: Option<(&'static str, &'static str)>,
    /// What becomes of it.
    pub standing: Standing,
    /// What it means.
    pub doc: &'static str,
}

/// What values a setting may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// 32 bits.
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// −1 or 1 to 9.
    GzipLevel,
    /// 64 bits.
    Long {
        /// The smallest.
        min: i64,
    },
    /// 0 to 1.
    Ratio,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Any of these, separated by commas.
    AnyOf(&'static [&'static str]),
    /// `*`, or `partition:broker`, separated by commas.
    Replicas,
}

/// How clients call the type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Kafka's")]
pub enum Type {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

/// What becomes of a setting.
#[derive(Debug)]
pub enum Standing {
    /// It is done.
    Done(Set),
    /// Whatever it is set to, it holds or there is nothing it could act on; the reason.
    Moot(&'static str),
    /// Only the default is done; why another value is refused.
    Fixed(&'static str),
}

/// Where the value of a setting goes.
#[derive(Debug)]
#[allow(missing_docs, reason = "each takes the value that its name says")]
pub enum Set {
    Flag(fn(&mut TopicSettings, bool)),
    Number(fn(&mut TopicSettings, i64)),
    Ratio(fn(&mut TopicSettings, f64)),
    Word(fn(&mut TopicSettings, &str)),
    Words(fn(&mut TopicSettings, &[&str])),
}

/// A value that fits its setting.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Flag(bool),
    Number(i64),
    Ratio(f64),
    Word(&'a str),
    Words(Vec<&'a str>),
}

impl Key {
    /// How clients call its type.
    pub fn kind(&self) -> Type {
        match self.shape {
            Shape::Boolean => Type::Boolean,
            Shape::Int { .. } | Shape::GzipLevel => Type::Int,
            Shape::Long { .. } => Type::Long,
            Shape::Ratio => Type::Double,
            Shape::OneOf(_) => Type::String,
            Shape::AnyOf(_) | Shape::Replicas => Type::List,
        }
    }

    /// Whether it is a list, to which values can be appended.
    pub fn is_list(&self) -> bool {
        self.kind() == Type::List
    }

    /// Whether it can be set to this.
    pub fn validate(&self, text: &str) -> Result<(), ConfigError> {
        self.apply(&mut TopicSettings::default(), text)
    }

    /// Puts a value where it belongs.
    pub(super) fn apply(&self, settings: &mut TopicSettings, text: &str) -> Result<(), ConfigError> {
        let refuse = |fault| ConfigError::Value { name: self.name, value: shown(text), fault };
        if text.len() > VALUE_BYTES_MAX {
            return Err(refuse(Fault::TooLong(VALUE_BYTES_MAX)));
        }
        let value = self.shape.read(text.trim()).map_err(refuse)?;
        match (&self.standing, value) {
            (Standing::Done(Set::Flag(set)), Value::Flag(flag)) => set(settings, flag),
            (Standing::Done(Set::Number(set)), Value::Number(number)) => set(settings, number),
            (Standing::Done(Set::Ratio(set)), Value::Ratio(ratio)) => set(settings, ratio),
            (Standing::Done(Set::Word(set)), Value::Word(word)) => set(settings, word),
            (Standing::Done(Set::Words(set)), Value::Words(words)) => set(settings, &words),
            (Standing::Done(set), value) => {
                unreachable!("{} gives {value:?}, {set:?} takes another", self.name)
            }
            (Standing::Moot(_), _) => {}
            (Standing::Fixed(why), value) => {
                if self.shape.read(self.default) != Ok(value) {
                    return Err(refuse(Fault::NotDone(why)));
                }
            }
        }
        Ok(())
    }
}

impl Shape {
    /// Reads a value, trimmed, as Java's parsers do.
    fn read<'a>(&self, text: &'a str) -> Result<Value<'a>, Fault> {
        match *self {
            Shape::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Flag(true)),
            Shape::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Flag(false)),
            Shape::Boolean => Err(Fault::NotBoolean),
            Shape::Int { min, max } => {
                let number: i32 = text.parse().map_err(|_| Fault::NotANumber("INT"))?;
                within(i64::from(number), min, max)
            }
            Shape::GzipLevel => match text.parse::<i32>().map_err(|_| Fault::NotANumber("INT"))? {
                level @ (-1 | 1..=9) => Ok(Value::Number(i64::from(level))),
                _ => Err(Fault::NotAGzipLevel),
            },
            Shape::Long { min } => {
                within(text.parse().map_err(|_| Fault::NotANumber("LONG"))?, min, i64::MAX)
            }
            Shape::Ratio => ratio(text),
            Shape::OneOf(words) => one_of(text, words).map(Value::Word),
            Shape::AnyOf(words) => {
                list(text).map(|word| one_of(word, words)).collect::<Result<_, _>>().map(Value::Words)
            }
            Shape::Replicas if text == "*" || list(text).all(is_replica) => {
                Ok(Value::Words(list(text).collect()))
            }
            Shape::Replicas => Err(Fault::NotReplicas),
        }
    }
}

fn within(number: i64, min: i64, max: i64) -> Result<Value<'static>, Fault> {
    match number {
        number if number < min => Err(Fault::AtLeast(min)),
        number if number > max => Err(Fault::AtMost(max)),
        number => Ok(Value::Number(number)),
    }
}

/// Java takes NaN, too; nothing could be done with it.
fn ratio(text: &str) -> Result<Value<'static>, Fault> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio < 0.0 => Err(Fault::AtLeast(0)),
        Ok(ratio) if ratio > 1.0 => Err(Fault::AtMost(1)),
        Ok(ratio) if !ratio.is_nan() => Ok(Value::Ratio(ratio)),
        _ => Err(Fault::NotANumber("DOUBLE")),
    }
}

fn one_of<'a>(word: &'a str, words: &'static [&'static str]) -> Result<&'a str, Fault> {
    if words.contains(&word) { Ok(word) } else { Err(Fault::NotOneOf(words)) }
}

fn is_replica(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(partition, broker)| partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok())
}

/// The items of a list; an empty text has none.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(move |_| !text.is_empty())
}
