//! Scopes that grant: `configure:<vhost>/<name>`, `write:…`, `read:…`, each with an optional third part for routing keys.
//!
//! A part is text in which `*` stands for any text and `%2F` for the character with that number, so that a slash or a
//! star can be named; `+` is a space, as in a query string. A scope that cannot be read grants nothing.

use std::collections::BTreeMap;

use crate::permissions::Action;

/// Text with stars. Matching takes time linear in the subject for each part between stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard {
    /// What stands before, between and after the stars: at least one part.
    parts: Vec<Box<[u8]>>,
}

impl Wildcard {
    /// Reads a pattern; `None` if a percent sign is not followed by two hexadecimal digits.
    pub fn parse(text: &str) -> Option<Wildcard> {
        let parts = text.split('*').map(unescape).collect::<Option<_>>()?;
        Some(Wildcard { parts })
    }

    /// Whether the whole subject matches.
    pub fn matches(&self, subject: impl AsRef<[u8]>) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return false };
        let Some(mut subject) = subject.as_ref().strip_prefix(&**first) else { return false };
        let Some((last, middle)) = rest.split_last() else { return subject.is_empty() };
        for part in middle.iter().filter(|part| !part.is_empty()) {
            let Some(at) = subject.windows(part.len()).position(|window| *window == **part) else {
                return false;
            };
            subject = &subject[at + part.len()..];
        }
        subject.ends_with(last)
    }
}

/// Percent-decoding, as of a query string.
fn unescape(text: &str) -> Option<Box<[u8]>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |bytes: &mut std::str::Bytes<'_>| (bytes.next()? as char).to_digit(16);
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => (digit(&mut bytes)? * 16 + digit(&mut bytes)?) as u8,
            b'+' => b' ',
            other => other,
        });
    }
    Some(out.into())
}

/// The inverse of [`unescape`], for text that is to stand for itself.
fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// One scope that grants something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it allows.
    pub action: Action,
    /// In which vhosts.
    pub vhost: Wildcard,
    /// On which queues and exchanges.
    pub name: Wildcard,
    /// With which routing keys on topic exchanges; without it, none.
    pub key: Option<Wildcard>,
}

impl Grant {
    /// Reads a scope without its prefix; `None` if it is of another kind or cannot be read.
    pub fn parse(scope: &str) -> Option<Grant> {
        let (action, resource) = scope.split_once(':')?;
        let action = match action {
            "configure" => Action::Configure,
            "write" => Action::Write,
            "read" => Action::Read,
            _ => return None,
        };
        let mut parts = resource.split('/');
        let (vhost, name, key) = (parts.next()?, parts.next()?, parts.next());
        if parts.next().is_some() {
            return None;
        }
        let key = match key {
            Some(key) => Some(Wildcard::parse(key)?),
            None => None,
        };
        Some(Grant { action, vhost: Wildcard::parse(vhost)?, name: Wildcard::parse(name)?, key })
    }
}

/// What a token allows in one vhost.
#[derive(Debug)]
pub(crate) struct ScopeAccess {
    grants: Vec<(Action, Wildcard)>,
    topics: Vec<(Action, Wildcard, Wildcard)>,
}

impl ScopeAccess {
    /// Compiles the scopes that apply to `vhost`. `variables` are the token's claims: in scopes that are asked about
    /// routing keys `{name}` stands for a claim and `{vhost}` for the vhost, taken literally.
    pub(crate) fn new(scopes: &[Box<str>], variables: &BTreeMap<Box<str>, Box<str>>, vhost: &str) -> Self {
        let in_vhost = |grant: &Grant| grant.vhost.matches(vhost);
        let plain = scopes.iter().filter_map(|scope| Grant::parse(scope)).filter(in_vhost);
        let expanded = scopes.iter().filter_map(|scope| Grant::parse(&expand(scope, variables, vhost)?));
        ScopeAccess {
            grants: plain.map(|grant| (grant.action, grant.name)).collect(),
            topics: expanded
                .filter(in_vhost)
                .filter_map(|grant| Some((grant.action, grant.name, grant.key?)))
                .collect(),
        }
    }

    pub(crate) fn allows(&self, action: Action, name: &[u8]) -> bool {
        self.grants.iter().any(|(granted, pattern)| *granted == action && pattern.matches(name))
    }

    pub(crate) fn allows_topic(&self, action: Action, exchange: &str, key: &[u8]) -> bool {
        let mut topics = self.topics.iter();
        topics.any(|(granted, name, keys)| *granted == action && name.matches(exchange) && keys.matches(key))
    }
}

/// Puts values for `{name}`; a name without a value stands for itself. `None` if a brace is not closed.
fn expand(scope: &str, variables: &BTreeMap<Box<str>, Box<str>>, vhost: &str) -> Option<String> {
    let mut out = String::with_capacity(scope.len());
    let mut rest = scope;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        match (name, variables.get(name)) {
            ("vhost", _) => out.push_str(&escape(vhost)),
            (_, Some(value)) => out.push_str(&escape(value)),
            (_, None) => out.push_str(name),
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_escapes() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("*", &["", "a", "/", "a*b"], &[]),
            ("a*", &["a", "ab"], &["", "ba"]),
            ("*a", &["a", "ba", "aba"], &["", "ab"]),
            ("a*a", &["aa", "aba"], &["a", "ab"]),
            ("*ab", &["ab", "abab"], &["aba"]),
            ("x-*-b*c", &["x--bc", "x-a-byc", "x-b-b-cc"], &["x-b", "x-a-by", "x-bc"]),
            ("a**b", &["ab", "axb"], &["a"]),
            ("%2F", &["/"], &["%2F", ""]),
            ("%2f%2A*", &["/*", "/*x"], &["/x"]),
            ("a+b", &["a b"], &["a+b"]),
            ("%C3%A9", &["é"], &["e"]),
        ];
        for (pattern, matching, others) in cases {
            let wildcard = Wildcard::parse(pattern).unwrap();
            for subject in *matching {
                assert!(wildcard.matches(subject), "{pattern} must match {subject}");
            }
            for subject in *others {
                assert!(!wildcard.matches(subject), "{pattern} must not match {subject}");
            }
        }
        for broken in ["%", "a%2", "%zz", "*%", "%+1", "%é"] {
            assert_eq!(Wildcard::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn scopes_have_two_or_three_parts() {
        for scope in ["configure:*/*", "write:a/b/c", "read:/"] {
            assert!(Grant::parse(scope).is_some(), "{scope}");
        }
        for scope in ["", "read", "read:*", "read:a/b/c/d", "tag:administrator", "Read:*/*", "read:*/%"] {
            assert_eq!(Grant::parse(scope), None, "{scope}");
        }
    }

    fn access(scopes: &[&str], vhost: &str) -> ScopeAccess {
        let scopes: Vec<Box<str>> = scopes.iter().map(|s| (*s).into()).collect();
        let variables = [("sub", "a*/b"), ("vhost", "forged")];
        let variables = variables.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        ScopeAccess::new(&scopes, &variables, vhost)
    }

    #[test]
    fn a_scope_grants_in_its_vhosts_only() {
        let scopes = ["read:prod*/orders-*", "write:%2F/*"];
        let prod = access(&scopes, "prod-1");
        assert!(prod.allows(Action::Read, b"orders-1"));
        assert!(!prod.allows(Action::Configure, b"orders-1"));
        assert!(!prod.allows(Action::Write, b"orders-1"));
        let slash = access(&scopes, "/");
        assert!(slash.allows(Action::Write, b"amq.default"));
        assert!(!slash.allows(Action::Read, b"orders-1"));
    }

    #[test]
    fn topics_need_a_third_part_and_variables_are_literals() {
        let check = |scope: &str, vhost: &str, key: &str| {
            access(&[scope], vhost).allows_topic(Action::Write, "amq.topic", key.as_bytes())
        };
        assert!(!check("write:*/*", "/", "k"));
        assert!(check("write:*/*/k*", "/", "k.1"));
        assert!(!check("write:*/other/*", "/", "k"));
        assert!(!check("read:*/*/*", "/", "k"));
        assert!(check("write:*/*/{sub}.*", "/", "a*/b.x"));
        assert!(!check("write:*/*/{sub}.*", "/", "ax/b.x"));
        assert!(check("write:{vhost}/*/{vhost}", "/", "/"));
        assert!(check("write:*/*/{missing}", "/", "missing"));
        assert!(!check("write:*/*/{open", "/", "{open"));
        // Elsewhere braces are text.
        assert!(!access(&["write:{vhost}/*"], "/").allows(Action::Write, b"q"));
    }

    /// Stars by trying every split: slow and plainly right.
    fn by_hand(pattern: &[u8], subject: &[u8]) -> bool {
        match (pattern, subject) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=subject.len()).any(|at| by_hand(rest, &subject[at..])),
            ([a, pattern @ ..], [b, subject @ ..]) => a == b && by_hand(pattern, subject),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matches_as_the_naive_way_does(pattern in "[ab*]{0,8}", subject in "[ab]{0,10}") {
            let expected = by_hand(pattern.as_bytes(), subject.as_bytes());
            prop_assert_eq!(Wildcard::parse(&pattern).unwrap().matches(&subject), expected);
        }

        #[test]
        fn an_escaped_text_matches_itself_only(text in ".{0,20}", other in ".{0,20}") {
            let wildcard = Wildcard::parse(&escape(&text)).unwrap();
            prop_assert!(wildcard.matches(&text));
            prop_assert_eq!(wildcard.matches(&other), text == other);
        }
    }
}
