//! Schemas as text: how deep they go, and their canonical forms.

use serde_json::Value;

/// Deepest nesting of a schema that is JSON; the parser's own bound is just above.
pub(crate) const JSON_DEPTH_MAX: usize = 120;
/// Deepest nesting of a schema in Protobuf's language.
pub(crate) const PROTO_DEPTH_MAX: usize = 64;

/// Reads JSON of bounded depth.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse_json(text: &str) -> Result<Value, String> {
    if depth(text, b"{[", b"}]") > JSON_DEPTH_MAX {
        return Err(format!("it is nested deeper than {JSON_DEPTH_MAX} levels"));
    }
    serde_json::from_str(text).map_err(|e| e.to_string())
}

/// How deep brackets are nested, outside of quoted text. Comments may hold brackets: they count, so the depth is never too small.
pub(crate) fn depth(text: &str, open: &[u8], close: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut quoted = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => drop(bytes.next()),
            _ if quoted => {}
            byte if open.contains(&byte) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            byte if close.contains(&byte) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Valid JSON without blanks between its tokens, in the order in which it was written.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        let is_blank = !quoted && matches!(c, ' ' | '\t' | '\r' | '\n');
        if !is_blank {
            out.push(c);
        }
        if quoted && !escaped && c == '\\' {
            escaped = true;
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = false;
    }
    out
}

/// JSON without blanks, its keys in order: the same for all that differ in nothing else.
pub(crate) fn sorted(value: &Value) -> String {
    let mut out = String::new();
    write_sorted(value, &mut out);
    out
}

fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compacted_and_sorted() {
        for (text, compacted, in_order) in [
            (r#" { "b" : [ 1 , 2 ],"a":"x y" } "#, r#"{"b":[1,2],"a":"x y"}"#, r#"{"a":"x y","b":[1,2]}"#),
            ("\"a\\\" \\\\\" ", r#""a\" \\""#, r#""a\" \\""#),
            ("[]", "[]", "[]"),
        ] {
            assert_eq!(compact(text), compacted);
            assert_eq!(sorted(&parse_json(text).unwrap()), in_order);
        }
    }

    #[test]
    fn depth_is_bounded_before_anything_is_parsed() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(parse_json(&deep(JSON_DEPTH_MAX)).is_ok());
        assert!(parse_json(&deep(JSON_DEPTH_MAX + 1)).unwrap_err().contains("nested deeper"));
        assert_eq!(depth(r#"{"a":"{{{","b":[{}]}"#, b"{[", b"}]"), 3);
        assert_eq!(depth(&"[".repeat(1 << 20), b"[", b"]"), 1 << 20);
    }
}
