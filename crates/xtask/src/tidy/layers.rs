//! Who may stand on whom. The layers are read from the code map of ARCHITECTURE.md §2, so that the drawing
//! and the rule cannot part.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::repo;

/// External crates that a layer must do without, and why.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("types", "tokio", "types is plain data"),
    ("batch", "tokio", "an encoding is plain bytes"),
    ("log", "tokio", "disk work runs on the log's own threads"),
    ("auth", "tokio", "auth is synchronous"),
    ("catalog", "tokio", "the catalogue is a state machine"),
    ("broker", "tokio", "the core is synchronous and simulated"),
    ("broker", "axum", "the hall speaks no protocol"),
    ("amqp", "amq-protocol", "the codec is our own; the crate is an oracle of tests only"),
    ("kafka", "kafka-protocol", "the codec is our own; the crate is an oracle of tests only"),
];

/// Folder name → row in the code map, counted from the top.
struct Layers(BTreeMap<String, usize>);

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).context("read ARCHITECTURE.md")?;
    let layers = Layers::parse(&map)?;
    Ok(layers.check(&repo::manifests(root)?))
}

impl Layers {
    /// Reads the fenced block under "## 2. Code map": a row is names parted by two spaces, then a gap of three
    /// or more, then prose.
    fn parse(page: &str) -> Result<Layers> {
        let block = page
            .split("## 2. Code map")
            .nth(1)
            .and_then(|rest| rest.split("```").nth(1))
            .context("ARCHITECTURE.md has no code map under '## 2. Code map'")?;
        let mut rows = BTreeMap::new();
        for (row, line) in block.lines().filter(|line| !line.trim().is_empty()).enumerate() {
            let names = line.split("   ").next().unwrap_or_default();
            for name in names.split_whitespace() {
                ensure!(rows.insert(name.to_owned(), row).is_none(), "code map: {name} is drawn twice");
            }
        }
        Ok(Layers(rows))
    }

    fn check(&self, manifests: &BTreeMap<String, toml::Table>) -> Vec<String> {
        let mut complaints = Vec::new();
        for name in self.0.keys().filter(|name| !manifests.contains_key(*name)) {
            complaints.push(format!("ARCHITECTURE.md: draws {name}, which is no crate"));
        }
        for (name, manifest) in manifests {
            let at = format!("crates/{name}/Cargo.toml");
            let Some(row) = self.0.get(name) else {
                complaints.push(format!("{at}: {name} is not drawn in the code map of ARCHITECTURE.md"));
                continue;
            };
            for dependency in keys(manifest, "dependencies") {
                if let Some((_, _, why)) = FORBIDDEN.iter().find(|(c, d, _)| c == name && *d == dependency) {
                    complaints.push(format!("{at}: must not depend on {dependency}: {why}"));
                }
                let Some(lower) = self.layer_of(&dependency) else { continue };
                if lower <= *row {
                    complaints
                        .push(format!("{at}: depends on {dependency}, which is not drawn below {name}"));
                }
            }
            // Tests may also use the testkit, and nothing else from above or beside.
            for dependency in keys(manifest, "dev-dependencies") {
                let Some(lower) = self.layer_of(&dependency) else { continue };
                if lower <= *row && dependency != "anymq-testkit" {
                    complaints.push(format!("{at}: tests depend on {dependency}, which is not below {name}"));
                }
            }
        }
        complaints
    }

    fn layer_of(&self, package: &str) -> Option<usize> {
        let folder = if package == "anymq" { "server" } else { package.strip_prefix("anymq-")? };
        self.0.get(folder).copied()
    }
}

fn keys(manifest: &toml::Table, section: &str) -> Vec<String> {
    let table = manifest.get(section).and_then(|value| value.as_table());
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const MAP: &str = "## 2. Code map (x)\n```\ntestkit       chores\nserver        the binary\namqp  kafka   the doors\n\
                       broker        the hall\ntypes         data\n```\n";

    fn check(crates: &[(&str, &str)], expected: Expect) {
        let manifests = crates.iter().map(|(name, text)| ((*name).to_owned(), text.parse().expect("toml")));
        let complaints = Layers::parse(MAP).expect("a map").check(&manifests.collect());
        let complaints: Vec<_> =
            complaints.iter().filter(|c| !c.starts_with("ARCHITECTURE")).cloned().collect();
        expected.assert_eq(&complaints.join("\n"));
    }

    #[test]
    fn arrows_run_down_only() {
        check(
            &[
                ("server", "[dependencies]\nanymq-amqp = 1\nanymq-types = 1\nserde = 1\n"),
                ("amqp", "[dependencies]\nanymq-broker = 1\n[dev-dependencies]\nanymq-testkit = 1\n"),
            ],
            expect![""],
        );
        check(
            &[("broker", "[dependencies]\nanymq-amqp = 1\n")],
            expect!["crates/broker/Cargo.toml: depends on anymq-amqp, which is not drawn below broker"],
        );
        check(
            &[("types", "[dev-dependencies]\nanymq = 1\n")],
            expect!["crates/types/Cargo.toml: tests depend on anymq, which is not below types"],
        );
    }

    #[test]
    fn doors_name_no_door() {
        check(
            &[("kafka", "[dependencies]\nanymq-amqp = 1\n")],
            expect!["crates/kafka/Cargo.toml: depends on anymq-amqp, which is not drawn below kafka"],
        );
    }

    #[test]
    fn an_undrawn_crate_and_a_forbidden_one_are_named() {
        check(
            &[("extra", ""), ("broker", "[dependencies]\ntokio = 1\n")],
            expect![[r#"
                crates/broker/Cargo.toml: must not depend on tokio: the core is synchronous and simulated
                crates/extra/Cargo.toml: extra is not drawn in the code map of ARCHITECTURE.md"#]],
        );
    }
}
