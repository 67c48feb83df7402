//! Names of files and folders, and the first line of each crate.

use crate::repo::Source;

/// Names that say nothing about what is inside.
const GRAB_BAGS: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let path = &source.path;
        let stems = path.split('/').map(|part| part.split('.').next().unwrap_or_default());
        if let Some(stem) = stems.into_iter().find(|stem| GRAB_BAGS.contains(stem)) {
            complaints.push(format!("{path}: \"{stem}\" names no concept; call it after what is in it"));
        }
        let is_root = path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
        if path.starts_with("crates/") && is_root && !source.text.starts_with("//! ") {
            complaints
                .push(format!("{path}: begins with `//!`: what for, what it stands on, where to start"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn grab_bags_and_silent_roots_are_named() {
        let file = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let complaints = check(&[
            file("crates/log/src/lib.rs", "//! The journal.\n"),
            file("crates/log/src/segment.rs", "use x;\n"),
            file("crates/log/src/utils/mod.rs", ""),
            file("crates/net/src/lib.rs", "pub mod accept;\n"),
            file("tests/interop/common.py", ""),
        ]);
        expect![[r#"
            crates/log/src/utils/mod.rs: "utils" names no concept; call it after what is in it
            crates/net/src/lib.rs: begins with `//!`: what for, what it stands on, where to start
            tests/interop/common.py: "common" names no concept; call it after what is in it"#]]
        .assert_eq(&complaints.join("\n"));
    }
}
