//! Licences, bans and sources of all dependencies, by the rules of deny.toml.
//!
//! cargo-deny does the same and more, but takes minutes to build; where it is not installed this stands in,
//! reading the same file, so that there is one list.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    #[serde(default)]
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None for the workspace's own.
    source: Option<String>,
}

/// Prints what breaks the rules; true if nothing does.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let deny = fs::read_to_string(root.join("deny.toml")).context("read deny.toml")?;
    let deny: Deny = toml::from_str(&deny).context("parse deny.toml")?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .context("run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;

    let complaints = check(&deny, &metadata);
    complaints.iter().for_each(|complaint| println!("deny: {complaint}"));
    println!("deny: {} packages, {} complaints", metadata.packages.len(), complaints.len());
    Ok(complaints.is_empty())
}

fn check(deny: &Deny, metadata: &Metadata) -> Vec<String> {
    let mut complaints = Vec::new();
    for Package { name, version, license, source } in &metadata.packages {
        let Some(source) = source else { continue };
        let package = format!("{name} {version}");
        let registry = source.strip_prefix("registry+").unwrap_or(source);
        if !deny.sources.allow_registry.iter().any(|allowed| allowed == registry) {
            complaints.push(format!("{package}: comes from {source}"));
        }
        match license {
            None => complaints.push(format!("{package}: states no licence")),
            Some(license) if !allowed(license, &deny.licenses.allow) => {
                complaints.push(format!("{package}: licence {license} is not allowed"));
            }
            Some(_) => {}
        }
        if let Some(banned) = deny.bans.deny.iter().find(|banned| banned.name == *name) {
            complaints.push(format!("{package}: banned: {}", banned.reason));
        }
    }
    complaints
}

/// Whether an SPDX expression can be met with the allowed licences. The old `A/B` means `A OR B`.
fn allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    any_of(&mut rest, allow) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allow: &BTreeSet<String>) -> bool {
    let mut met = all_of(rest, allow);
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        met |= all_of(rest, allow);
    }
    met
}

fn all_of(rest: &mut &[&str], allow: &BTreeSet<String>) -> bool {
    let mut met = one(rest, allow);
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        met &= one(rest, allow);
    }
    met
}

fn one(rest: &mut &[&str], allow: &BTreeSet<String>) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let met = any_of(rest, allow);
            let closed = rest.first() == Some(&")");
            *rest = rest.get(1..).unwrap_or_default();
            met && closed
        }
        [licence, "WITH", exception, tail @ ..] => {
            *rest = tail;
            allow.contains(&format!("{licence} WITH {exception}")) || allow.contains(*licence)
        }
        [licence, tail @ ..] => {
            *rest = tail;
            allow.contains(*licence)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn expressions() {
        let allow = ["MIT", "Apache-2.0", "ISC"].map(str::to_owned).into();
        for (expression, met) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("Apache-2.0 AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("(MIT OR GPL-3.0) AND ISC", true),
            ("(MIT AND GPL-3.0) OR ISC", true),
            ("GPL-3.0 OR (MIT AND BSL-1.1)", false),
            ("(MIT", false),
            ("", false),
            ("MIT MIT", false),
        ] {
            assert_eq!(allowed(expression, &allow), met, "{expression}");
        }
    }

    #[test]
    fn licences_bans_and_sources() {
        let deny: Deny = toml::from_str(
            "licenses.allow = ['MIT']\nsources.allow-registry = ['https://r']\nbans.deny = [{ crate = 'b', reason = 'old' }]",
        )
        .expect("valid rules");
        let metadata: Metadata = serde_json::from_str(
            r#"{"packages": [
                {"name": "ours", "version": "1", "license": null, "source": null},
                {"name": "a", "version": "1", "license": "MIT", "source": "registry+https://r"},
                {"name": "b", "version": "1", "license": "MIT", "source": "registry+https://r"},
                {"name": "c", "version": "1", "license": null, "source": "git+https://g"},
                {"name": "d", "version": "1", "license": "GPL-3.0", "source": "registry+https://r"}]}"#,
        )
        .expect("valid metadata");
        expect![[r#"
            b 1: banned: old
            c 1: comes from git+https://g
            c 1: states no licence
            d 1: licence GPL-3.0 is not allowed"#]]
        .assert_eq(&check(&deny, &metadata).join("\n"));
    }
}
