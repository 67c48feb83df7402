//! Names of topics: which there can be, and which clients would confuse.

/// A name names files, metrics and more elsewhere, so that it is no longer.
const NAME_BYTES_MAX: usize = 249;

/// What is wrong with a topic's name, in Kafka's words.
pub(crate) fn fault(name: &str) -> Option<String> {
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_BYTES_MAX => {
            let shown: String = name.chars().take(NAME_BYTES_MAX + 1).collect();
            format!("the length of '{shown}' is longer than the max allowed length {NAME_BYTES_MAX}")
        }
        _ if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) => return None,
        _ => format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ),
    };
    Some(format!("Topic name is invalid: {reason}"))
}

/// What two names have in common that differ in '.' and '_' only: metrics of Kafka's clients cannot tell them apart.
/// `None` if a name has neither.
pub(crate) fn unified(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_in_kafkas_words() {
        let long = "x".repeat(250);
        for (name, says) in [
            ("", "the empty string is not allowed".to_owned()),
            (".", "'.' is not allowed".to_owned()),
            ("..", "'..' is not allowed".to_owned()),
            (&long, format!("the length of '{long}' is longer than the max allowed length 249")),
            (
                "a b",
                "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
                    .to_owned(),
            ),
        ] {
            assert_eq!(fault(name), Some(format!("Topic name is invalid: {says}")));
        }
        for good in ["a", "...", "A.b_c-9", &long[1..]] {
            assert_eq!(fault(good), None, "{good}");
        }
        let huge = "y".repeat(30_000);
        assert!(fault(&huge).unwrap().len() < 400, "what a client sent is not sent back without a bound");
    }

    #[test]
    fn names_that_are_alike() {
        assert_eq!(unified("a.b"), unified("a_b"));
        assert_ne!(unified("a.b"), unified("a-b"));
        assert_eq!(unified("ab"), None);
    }
}
