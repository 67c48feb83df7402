//! Name patterns: RabbitMQ's regular expressions, matched in linear time.
//!
//! RabbitMQ hands a permission to PCRE, unanchored, and replaces the empty pattern by `^$`. The two syntaxes differ in
//! little that people use; [`translate`] covers it: a brace that begins no repetition is a literal, as is an opening
//! bracket inside a class. Look-around and back-references have no linear-time match and are refused.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use crate::error::PatternError;

/// Longest pattern accepted, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;
/// Compiled size of one pattern, in bytes; `(a{1000}){1000}` is refused by it.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Memory one pattern's lazy automaton may take, in bytes.
const AUTOMATON_BYTES_MAX: usize = 256 << 10;
const NEST_MAX: u32 = 64;

/// A compiled pattern. Matching takes time linear in the name, whatever the pattern.
#[derive(Clone)]
pub struct Pattern(Kind);

#[derive(Clone)]
enum Kind {
    /// `.*` and its like: every name.
    All,
    /// The empty pattern: the empty name only.
    Empty,
    Regex(Regex),
}

impl Pattern {
    /// Compiles a permission: the empty pattern matches the empty name only.
    pub fn permission(pattern: &str) -> Result<Self, PatternError> {
        Self::with_variables(pattern, &[])
    }

    /// Compiles a permission in which `{name}` stands for a value, taken literally: no character of the value is
    /// special. A brace expression of another name is literal text.
    pub fn with_variables(pattern: &str, variables: &[(&str, &str)]) -> Result<Self, PatternError> {
        match pattern {
            "" => Ok(Pattern(Kind::Empty)),
            _ => Self::compile(pattern, variables),
        }
    }

    /// Checks a topic permission before its user is known. The variables are literals, whatever their values; so it
    /// compiles with all values if with these.
    pub fn topic(pattern: &str) -> Result<Self, PatternError> {
        Self::with_variables(pattern, &[("username", "u"), ("vhost", "v"), ("client_id", "c")])
    }

    /// Compiles a policy's pattern: the empty one matches every name.
    pub fn policy(pattern: &str) -> Result<Self, PatternError> {
        Self::compile(pattern, &[])
    }

    /// Whether the name contains a match.
    pub fn matches(&self, name: impl AsRef<[u8]>) -> bool {
        match &self.0 {
            Kind::All => true,
            Kind::Empty => name.as_ref().is_empty(),
            Kind::Regex(regex) => regex.is_match(name.as_ref()),
        }
    }

    /// True if every name matches or none but the empty one does: then there is nothing worth caching.
    pub fn is_trivial(&self) -> bool {
        !matches!(self.0, Kind::Regex(_))
    }

    fn compile(pattern: &str, variables: &[(&str, &str)]) -> Result<Self, PatternError> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong(pattern.len()));
        }
        if matches!(pattern, "" | ".*" | "^.*" | ".*$") {
            return Ok(Pattern(Kind::All));
        }
        let translated = translate(pattern, variables);
        // PCRE without its Unicode option sees bytes and ASCII classes. A class with characters beyond ASCII needs
        // Unicode mode here; there the two agree on text that is UTF-8.
        build(&translated, false)
            .or_else(|_| build(&translated, true))
            .map(|regex| Pattern(Kind::Regex(regex)))
            .map_err(|error| PatternError::Invalid { pattern: pattern.to_owned(), reason: one_line(&error) })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::All => f.write_str("Pattern(.*)"),
            Kind::Empty => f.write_str("Pattern()"),
            Kind::Regex(regex) => write!(f, "Pattern({})", regex.as_str()),
        }
    }
}

fn build(pattern: &str, unicode: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(unicode)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(AUTOMATON_BYTES_MAX)
        .nest_limit(NEST_MAX)
        .build()
}

fn one_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!("compiles to more than {limit} bytes"),
        // The parser draws the pattern with a caret under it; its last line says what is wrong.
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

/// PCRE's reading of braces and brackets, in this crate's syntax, with variables put in as literals.
fn translate(pattern: &str, variables: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '\\' => {
                taken = escape_len(rest);
                out.push_str(&rest[..taken]);
            }
            '{' => {
                if let Some((len, value)) = variable(rest, variables) {
                    taken = len;
                    out.push_str(&regex::escape(value));
                } else if !in_class && is_repetition(rest) {
                    out.push('{');
                } else {
                    out.push_str("\\{");
                }
            }
            '[' if in_class && rest[1..].starts_with(':') => out.push('['),
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                taken = class_open_len(rest);
                out.push('[');
                out.push_str(&rest[1..taken].replace(']', "\\]"));
            }
            // `[:alpha:]` closes itself, not the class around it.
            ']' if in_class && out.ends_with(':') && posix_open(&out) => out.push(']'),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Set operators of this crate's syntax; plain characters in PCRE.
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        rest = &rest[taken..];
    }
    out
}

/// Bytes of the escape at the start: `\.`, `\x{41}`, `\p{Lu}`.
fn escape_len(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    let Some((at, kind)) = chars.next() else { return text.len() };
    let after = at + kind.len_utf8();
    if matches!(kind, 'p' | 'P' | 'x')
        && text[after..].starts_with('{')
        && let Some(end) = text[after..].find('}')
    {
        return after + end + 1;
    }
    after
}

/// Bytes of `[`, `[^`, `[]` or `[^]`: a bracket first in a class is a member of it.
fn class_open_len(text: &str) -> usize {
    let mut len = 1;
    if text[len..].starts_with('^') {
        len += 1;
    }
    if text[len..].starts_with(']') {
        len += 1;
    }
    len
}

fn posix_open(out: &str) -> bool {
    out.rfind("[:")
        .is_some_and(|at| out[at + 2..out.len() - 1].bytes().all(|b| b.is_ascii_lowercase() || b == b'^'))
}

fn variable<'v>(text: &str, variables: &[(&str, &'v str)]) -> Option<(usize, &'v str)> {
    let end = text.find('}')?;
    let name = &text[1..end];
    variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (end + 1, *value))
}

/// Whether the text begins with `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(text: &str) -> bool {
    let Some(end) = text.find('}') else { return false };
    let (min, max) = match text[1..end].split_once(',') {
        Some((min, max)) => (min, Some(max)),
        None => (&text[1..end], None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    !min.is_empty() && digits(min) && max.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_rabbitmq_does() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            (".*", "", true),
            (".*", "anything\nat all", true),
            ("foo", "my foo queue", true),
            ("^foo$", "foo", true),
            ("^foo$", "foobar", false),
            ("^$", "a", false),
            (r"^(amq\.gen.*|amq\.default)$", "amq.gen-x", true),
            (r"^(amq\.gen.*|amq\.default)$", "amqXdefault", false),
            ("^a{2}$", "aa", true),
            ("^a{2,}$", "aaa", true),
            ("^{tenant}-", "{tenant}-q", true),
            ("^a{,3}$", "a{,3}", true),
            ("^[[a]$", "[", true),
            ("^[]a]$", "]", true),
            ("^[^]a]$", "b", true),
            ("^[[:alpha:]x]+$", "abc", true),
            ("^[[:alpha:]x]+$", "a1", false),
            ("^[a&&b]+$", "a&b", true),
            (r"^\x{41}\p{Lu}$", "AB", true),
            ("^é+$", "éé", true),
            ("^[é]$", "é", true),
            ("^}$", "}", true),
        ] {
            let compiled = Pattern::permission(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert_eq!(compiled.matches(name), expected, "{pattern:?} on {name:?}");
        }
    }

    #[test]
    fn an_empty_policy_pattern_matches_all() {
        assert!(Pattern::policy("").unwrap().matches("any"));
        assert!(!Pattern::permission("").unwrap().matches("any"));
    }

    #[test]
    fn variables_are_literals() {
        for (pattern, value, name, expected) in [
            ("^{username}-", "a.b", "a.b-q", true),
            ("^{username}-", "a.b", "aXb-q", false),
            ("^{username}$", ".*", "victim", false),
            ("^{username}$", "x|.*", "victim", false),
            ("^{username}$", "(", "(", true),
            ("^[{username}]$", "^a]", "a", true),
            ("^[{username}]$", "^a]", "b", false),
            ("^{username}$", "{vhost}", "{vhost}", true),
            ("^{username}$", "\\", "\\", true),
        ] {
            let compiled = Pattern::with_variables(pattern, &[("username", value)]).unwrap();
            assert_eq!(compiled.matches(name), expected, "{pattern:?} with {value:?} on {name:?}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_matched_in_linear_time_or_bounded_space() {
        let long = "a".repeat(PATTERN_BYTES_MAX + 1);
        let nested = format!("{}a{}", "(".repeat(200), ")".repeat(200));
        for bad in ["(", "[", "*a", r"(a)\1", "a(?=b)", "(a{1000}){1000}", &long, &nested] {
            assert!(Pattern::permission(bad).is_err(), "{bad:.40}");
        }
    }

    #[test]
    fn names_that_are_not_text_are_matched_as_bytes() {
        assert!(Pattern::permission("^a.b$").unwrap().matches(b"a\xffb".as_slice()));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pattern in ".{0,40}", value in ".{0,10}", name in ".{0,20}") {
            if let Ok(compiled) = Pattern::with_variables(&pattern, &[("username", &value)]) {
                compiled.matches(&name);
            }
        }

        #[test]
        fn a_variable_matches_itself_and_nothing_else(value in ".{1,12}", other in ".{1,12}") {
            let compiled = Pattern::with_variables("^{username}$", &[("username", &value)]).unwrap();
            proptest::prop_assert!(compiled.matches(&value));
            proptest::prop_assert_eq!(compiled.matches(&other), other == value);
        }
    }
}
