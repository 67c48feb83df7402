//! The ratchet: lengths that are over the limit today, listed, and only ever allowed to shrink.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

const FILE: &str = "crates/xtask/ratchet.toml";
const HEADER: &str = "\
# Files and functions over the limit (see STYLE.md). An entry may only shrink or go; nothing is added.
# `cargo xtask tidy --bless` lowers entries that have become too generous.

";

/// Listed offenders: what is measured (a path, or `path::function`) and its length in lines.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ratchet {
    #[serde(default)]
    files: BTreeMap<String, usize>,
    #[serde(default)]
    functions: BTreeMap<String, usize>,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    File,
    Function,
}

/// One length over the limit.
pub(crate) struct Offence {
    pub(crate) measure: Measure,
    pub(crate) key: String,
    pub(crate) lines: usize,
    pub(crate) limit: usize,
}

impl Ratchet {
    pub(crate) fn load(root: &Path) -> Result<Ratchet> {
        let path = path(root);
        if !path.exists() {
            return Ok(Ratchet::default());
        }
        toml::from_str(&fs::read_to_string(&path)?).with_context(|| format!("parse {}", path.display()))
    }

    pub(crate) fn save(&self, root: &Path) -> Result<()> {
        let body = toml::to_string(self)?;
        fs::write(path(root), format!("{HEADER}{body}")).context("write the ratchet")
    }

    /// Complaints: an unlisted offence, a grown one, a listing that is too generous or about nothing.
    pub(crate) fn judge(&self, offences: &[Offence]) -> Vec<String> {
        let mut complaints = Vec::new();
        for offence in offences {
            let Offence { key, lines, limit, .. } = offence;
            match self.list(offence.measure).get(key) {
                None => complaints.push(format!("{key}: {lines} lines, the limit is {limit}")),
                Some(listed) if lines > listed => {
                    complaints
                        .push(format!("{key}: grew to {lines} lines, the ratchet holds it at {listed}"));
                }
                Some(_) => {}
            }
        }
        for measure in [Measure::File, Measure::Function] {
            for (key, listed) in self.list(measure) {
                let now = offences.iter().find(|o| o.measure == measure && o.key == *key).map(|o| o.lines);
                if now.is_none_or(|now| now < *listed) {
                    let now = now.map_or("within the limit".to_owned(), |now| format!("{now} lines"));
                    complaints.push(format!(
                        "{FILE}: {key} is {now} but listed with {listed}: run `cargo xtask tidy --bless`"
                    ));
                }
            }
        }
        complaints
    }

    /// Lowers and drops listings to what is measured now. Adds and raises nothing.
    pub(crate) fn tighten(&mut self, offences: &[Offence]) {
        for measure in [Measure::File, Measure::Function] {
            let list = match measure {
                Measure::File => &mut self.files,
                Measure::Function => &mut self.functions,
            };
            list.retain(|key, listed| {
                let Some(now) = offences.iter().find(|o| o.measure == measure && o.key == *key) else {
                    return false;
                };
                *listed = now.lines.min(*listed);
                true
            });
        }
    }

    fn list(&self, measure: Measure) -> &BTreeMap<String, usize> {
        match measure {
            Measure::File => &self.files,
            Measure::Function => &self.functions,
        }
    }
}

fn path(root: &Path) -> PathBuf {
    root.join(FILE)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn offence(key: &str, lines: usize) -> Offence {
        Offence { measure: Measure::File, key: key.to_owned(), lines, limit: 400 }
    }

    fn ratchet() -> Ratchet {
        toml::from_str("[files]\n'a.rs' = 500\n'b.rs' = 500\n'c.rs' = 500\n").expect("valid")
    }

    #[test]
    fn offenders_may_only_shrink() {
        let offences = [offence("a.rs", 500), offence("b.rs", 501), offence("d.rs", 401)];
        expect![[r#"
            b.rs: grew to 501 lines, the ratchet holds it at 500
            d.rs: 401 lines, the limit is 400
            crates/xtask/ratchet.toml: c.rs is within the limit but listed with 500: run `cargo xtask tidy --bless`"#]]
        .assert_eq(&ratchet().judge(&offences).join("\n"));
    }

    #[test]
    fn blessing_lowers_and_drops_but_never_raises_or_adds() {
        let mut ratchet = ratchet();
        ratchet.tighten(&[offence("a.rs", 450), offence("b.rs", 501), offence("d.rs", 401)]);
        expect![[r#"
            [files]
            "a.rs" = 450
            "b.rs" = 500

            [functions]
        "#]]
        .assert_eq(&toml::to_string(&ratchet).expect("plain tables"));
    }
}
