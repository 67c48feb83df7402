//! Words that do not belong into the repository, and lock files that name other hosts than the public ones.

use crate::repo::Source;

/// Where a word is looked for.
#[derive(Clone, Copy, PartialEq)]
enum In {
    Rust,
    Everything,
}

/// Word, where, and what to do about it. This file is exempt from its own list.
const BANNED: &[(&str, In, &str)] = &[
    ("todo!(", In::Rust, "finish it"),
    ("unimplemented!(", In::Rust, "finish it"),
    ("dbg!(", In::Rust, "use tracing"),
    ("FIXME", In::Everything, "fix it, or write an issue"),
    ("/work/", In::Everything, "a path of somebody's machine"),
    ("/home/", In::Everything, "a path of somebody's machine"),
    ("/root/", In::Everything, "a path of somebody's machine"),
    ("<<<<<<< ", In::Everything, "resolve the conflict"),
    (">>>>>>> ", In::Everything, "resolve the conflict"),
];

const OWN_PATH: &str = "crates/xtask/src/tidy/words.rs";
const NPM_HOST: &str = "https://registry.npmjs.org/";

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.path != OWN_PATH) {
        if source.path.ends_with("package-lock.json") {
            complaints.extend(foreign_hosts(source));
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            for (word, place, advice) in BANNED {
                if (*place == In::Everything || source.is_rust()) && line.contains(word) {
                    complaints.push(format!("{}:{}: \"{word}\": {advice}", source.path, number + 1));
                }
            }
        }
    }
    complaints
}

/// Entries of an npm lock file that were resolved anywhere but on the public registry.
fn foreign_hosts(lock: &Source) -> Vec<String> {
    let entry = |line: &str| {
        let (_, value) = line.split_once("\"resolved\":")?;
        Some(value.trim().trim_matches([',', '"']).to_owned())
    };
    let resolved =
        lock.text.lines().enumerate().filter_map(|(number, line)| Some((number + 1, entry(line)?)));
    resolved
        .filter(|(_, url)| !url.starts_with(NPM_HOST))
        .map(|(number, _)| format!("{}:{number}: resolved from another host than {NPM_HOST}", lock.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn banned_words_and_foreign_hosts_are_named_by_line() {
        let file = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let complaints = check(&[
            file("crates/log/src/a.rs", "fn a() {\n    todo!()\n}\n"),
            file("docs/a.md", "todo!() is a macro; see /work/here\n"),
            file(
                "tests/package-lock.json",
                "\"resolved\": \"https://registry.npmjs.org/a/-/a-1.tgz\",\n\"resolved\": \"https://mirror.invalid/a.tgz\",\n",
            ),
        ]);
        expect![[r#"
            crates/log/src/a.rs:2: "todo!(": finish it
            docs/a.md:1: "/work/": a path of somebody's machine
            tests/package-lock.json:2: resolved from another host than https://registry.npmjs.org/"#]]
        .assert_eq(&complaints.join("\n"));
    }
}
