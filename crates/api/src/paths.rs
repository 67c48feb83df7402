//! Paths of the admin API, built the same by client and tests. Names are percent-encoded.

use std::fmt::Write as _;

/// Every path begins with it.
pub const PREFIX: &str = "/api/v1";

/// `/api/v1/PART/PART…`, each part percent-encoded.
pub fn path(parts: &[&str]) -> String {
    let mut out = PREFIX.to_owned();
    for part in parts {
        out.push('/');
        push_encoded(part, &mut out);
    }
    out
}

/// `path?name=value&…` with the pairs that have a value.
pub fn query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let mut out = path.to_owned();
    let mut mark = '?';
    for (name, value) in pairs {
        if let Some(value) = value {
            out.push(mark);
            out.push_str(name);
            out.push('=');
            push_encoded(value, &mut out);
            mark = '&';
        }
    }
    out
}

fn push_encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(path(&["queues", "/", "../a b?c#ü"]), "/api/v1/queues/%2F/..%2Fa%20b%3Fc%23%C3%BC");
        let pairs = [("vhost", Some("/".to_owned())), ("name", None), ("limit", Some("5".to_owned()))];
        assert_eq!(query("/x", &pairs), "/x?vhost=%2F&limit=5");
    }
}
