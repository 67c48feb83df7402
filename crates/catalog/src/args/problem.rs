//! What is wrong with an argument, in RabbitMQ's words.

use std::fmt;

use anymq_types::value::Value;

/// What is wrong with a value. `Display` is the Erlang term RabbitMQ prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// `{value_negative,-1}`
    ValueNegative(i64),
    /// `{value_zero,0}`
    ValueZero,
    /// `{value_too_large,315360000001}`
    ValueTooLarge(i64),
    /// `{max_value_exceeded,256}`
    MaxValueExceeded(i64),
    /// `"expected integer, got longstr"`
    ExpectedInteger(&'static str),
    /// `{unacceptable_type,longstr}`
    UnacceptableType(&'static str),
    /// `routing_key_but_no_dlx_defined`
    RoutingKeyButNoDlx,
    /// `invalid_overflow` and the like.
    Atom(&'static str),
    /// `"unsupported queue type 'zzz'"`; the text without its quotes.
    Text(String),
    /// `{invalid_stream_offset_arg,{longstr,<<"zzz">>}}`
    StreamOffset(&'static str, String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::ValueNegative(n) => write!(f, "{{value_negative,{n}}}"),
            Problem::ValueZero => f.write_str("{value_zero,0}"),
            Problem::ValueTooLarge(n) => write!(f, "{{value_too_large,{n}}}"),
            Problem::MaxValueExceeded(n) => write!(f, "{{max_value_exceeded,{n}}}"),
            Problem::ExpectedInteger(type_name) => write!(f, "\"expected integer, got {type_name}\""),
            Problem::UnacceptableType(type_name) => write!(f, "{{unacceptable_type,{type_name}}}"),
            Problem::RoutingKeyButNoDlx => f.write_str("routing_key_but_no_dlx_defined"),
            Problem::Atom(atom) => f.write_str(atom),
            Problem::Text(text) => write!(f, "\"{text}\""),
            Problem::StreamOffset(type_name, value) => {
                write!(f, "{{invalid_stream_offset_arg,{{{type_name},<<\"{value}\">>}}}}")
            }
        }
    }
}

/// An argument that is refused: `invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid arg '{key}' for {resource}: {problem}")]
pub struct ArgError {
    /// The argument's name.
    pub key: &'static str,
    /// `queue 'q' in vhost '/'`
    pub resource: String,
    /// What is wrong.
    pub problem: Problem,
}

/// RabbitMQ's name for the type of a value.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::I8(_) => "byte",
        Value::U8(_) => "unsignedbyte",
        Value::I16(_) | Value::I16Spec(_) => "short",
        Value::U16(_) => "unsignedshort",
        Value::I32(_) => "signedint",
        Value::U32(_) => "unsignedint",
        Value::I64(_) | Value::I64Spec(_) => "long",
        Value::Float(_) => "float",
        Value::Double(_) => "double",
        Value::Decimal(_) => "decimal",
        Value::Str(_) => "longstr",
        Value::Bytes(_) => "binary",
        Value::Timestamp(_) => "timestamp",
        Value::Array(_) => "array",
        Value::Table(_) => "table",
        Value::Void => "void",
    }
}

/// A value as Erlang's `~p` prints it; containers by their type only.
pub(crate) fn term(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Str(text) | Value::Bytes(text) => {
            format!("<<\"{}\">>", String::from_utf8_lossy(text.as_bytes()))
        }
        Value::Float(n) => format!("{:?}", n.get()),
        Value::Double(n) => format!("{:?}", n.get()),
        Value::Timestamp(n) => n.to_string(),
        Value::Void => "undefined".to_owned(),
        other => other.as_int().map_or_else(|| type_name(other).to_owned(), |n| n.to_string()),
    }
}

/// `queue 'q' in vhost '/'`
pub(crate) fn resource(kind: &str, name: &str, vhost: &str) -> String {
    format!("{kind} '{name}' in vhost '{vhost}'")
}
