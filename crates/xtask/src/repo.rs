//! The repository as a list of text files, and its crates as manifests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Directories that hold nothing we wrote.
const SKIPPED_DIRS: &[&str] = &[
    "target",
    "node_modules",
    "anymq-data",
    "__pycache__",
    ".git",
    ".venv",
    ".pytest_cache",
    "corpus",
    "artifacts",
];

/// Extensions (and whole names) of the files the rules read.
const TEXT: &[&str] = &[
    "rs",
    "md",
    "toml",
    "sh",
    "py",
    "js",
    "mjs",
    "json",
    "yml",
    "yaml",
    "service",
    "run",
    "Dockerfile",
    "Makefile",
    "txt",
    "cfg",
    "ini",
];

/// One text file of the repository.
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The folder name under `crates/`, if the file is in one.
    pub(crate) fn krate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the whole file is test, benchmark or example code.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs"
            || name.ends_with("_tests.rs")
            || ["/tests/", "/benches/", "/examples/"].iter().any(|dir| self.path.contains(dir))
            || self.path.starts_with("tests/")
    }
}

/// Root of the workspace, from the place this crate was built in.
pub(crate) fn root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    crates.ancestors().nth(2).unwrap_or(crates).to_path_buf()
}

/// All text files below `root`, ordered by path.
pub(crate) fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(root, root, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, dir: &Path, found: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !SKIPPED_DIRS.contains(&name.as_str()) {
                walk(root, &entry.path(), found)?;
            }
        } else if kind.is_file() && TEXT.contains(&name.rsplit('.').next().unwrap_or_default()) {
            // A file may vanish between listing and reading (an editor's swap file); others must be readable.
            let Ok(bytes) = fs::read(entry.path()) else { continue };
            let path = entry.path().strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            found.push(Source { path, text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    Ok(())
}

/// The manifests of `crates/*`, by folder name.
pub(crate) fn manifests(root: &Path) -> Result<BTreeMap<String, toml::Table>> {
    let mut manifests = BTreeMap::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let entry = entry?;
        let path = entry.path().join("Cargo.toml");
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let table = text.parse::<toml::Table>().with_context(|| format!("parse {}", path.display()))?;
        manifests.insert(entry.file_name().to_string_lossy().into_owned(), table);
    }
    Ok(manifests)
}
