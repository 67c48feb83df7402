//! Values of AMQP headers as the bytes of Kafka headers.

use std::borrow::Cow;
use std::fmt::Write as _;

use anymq_types::value::ValueRef;

/// The bytes of a value; `None` for one that is nothing.
pub(super) fn text(value: ValueRef<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        ValueRef::Void => None,
        ValueRef::Str(bytes) | ValueRef::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        other => {
            let mut out = String::new();
            json(other, &mut out);
            Some(Cow::Owned(out.into_bytes()))
        }
    }
}

/// Appends a value as JSON. Values were checked for depth when they came in.
fn json(value: ValueRef<'_>, out: &mut String) {
    match value {
        ValueRef::Void => out.push_str("null"),
        ValueRef::Bool(yes) => out.push_str(if yes { "true" } else { "false" }),
        ValueRef::Str(bytes) | ValueRef::Bytes(bytes) => quoted(bytes, out),
        ValueRef::Float(number) => float(number.get().into(), out),
        ValueRef::Double(number) => float(number.get(), out),
        ValueRef::Timestamp(seconds) => put(out, seconds),
        ValueRef::Decimal(number) => decimal(number.value, number.scale, out),
        ValueRef::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                json(value, out);
            }
            out.push(']');
        }
        ValueRef::Table(entries) => {
            out.push('{');
            for (at, (name, value)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                quoted(name, out);
                out.push(':');
                json(value, out);
            }
            out.push('}');
        }
        other => put(out, other.as_int().unwrap_or_default()),
    }
}

fn put(out: &mut String, what: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(out, "{what}");
}

/// A number; what JSON has no number for is text.
fn float(number: f64, out: &mut String) {
    if number.is_finite() { put(out, number) } else { quoted(number.to_string().as_bytes(), out) }
}

/// `value` with the point moved `scale` places to the left.
fn decimal(value: u32, scale: u8, out: &mut String) {
    let digits = value.to_string();
    let scale = usize::from(scale);
    let digits = format!("{}{digits}", "0".repeat((scale + 1).saturating_sub(digits.len())));
    let (whole, part) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    put(out, format_args!("{whole}{point}{part}"));
}

fn quoted(bytes: &[u8], out: &mut String) {
    out.push('"');
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => put(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use anymq_types::value::{Table, TableRef, Value};

    use super::*;

    fn shown(value: impl Into<Value>) -> Option<String> {
        let mut table = Table::new();
        table.insert("v", value);
        let mut bytes = Vec::new();
        table.encode_content(&mut bytes).unwrap();
        let value = TableRef::parse(&bytes).unwrap().get("v").unwrap();
        text(value).map(|bytes| String::from_utf8(bytes.into_owned()).unwrap())
    }

    #[test]
    fn values_have_a_text() {
        let inner: Table = [("a", Value::I32(-1)), ("b \"\n", Value::Void)].into_iter().collect();
        let cases: [(Value, Option<&str>); 9] = [
            ("text".into(), Some("text")),
            (Value::Void, None),
            (true.into(), Some("true")),
            (Value::I64(i64::MIN), Some("-9223372036854775808")),
            (Value::Double(0.5f64.into()), Some("0.5")),
            (Value::Double(f64::NAN.into()), Some("\"NaN\"")),
            (Value::Timestamp(7), Some("7")),
            (Value::Table(inner), Some(r#"{"a":-1,"b \"\u000a":null}"#)),
            (Value::Array(vec![Value::I32(1), "x".into()]), Some(r#"[1,"x"]"#)),
        ];
        for (value, expected) in cases {
            assert_eq!(shown(value.clone()).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn decimals_have_their_point() {
        for (value, scale, expected) in
            [(12345, 2, "123.45"), (5, 3, "0.005"), (7, 0, "7"), (0, 1, "0.0"), (1, 255, "")]
        {
            let mut out = String::new();
            decimal(value, scale, &mut out);
            if scale == 255 {
                assert_eq!(out.len(), 257);
            } else {
                assert_eq!(out, expected);
            }
        }
    }
}
