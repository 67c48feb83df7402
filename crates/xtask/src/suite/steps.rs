//! The steps of the suite and what each needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::command::{cargo, tool};
use super::{Args, Count, readme};
use crate::{licences, tidy};

type Run = Box<dyn Fn() -> Result<Count>>;

/// One step of the suite.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: String,
    /// Steps that must not have failed before.
    pub(super) needs: &'static [&'static str],
    pub(super) run: Run,
}

/// The steps that can run here, in order, and those that cannot with the reason.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) absent: Vec<(&'static str, String)>,
}

impl Plan {
    pub(super) fn new(root: &Path, args: &Args) -> Result<Plan> {
        let mut plan = Plan { steps: Vec::new(), absent: Vec::new() };
        let profile = if args.release { "release" } else { "debug" };
        let binary = target_dir(root)?.join(profile).join("anymq");
        plan.source_steps(root);
        plan.binary_steps(root, &binary, args);
        plan.fuzz_step(root, args)?;
        plan.licence_step(root, args);
        Ok(plan)
    }

    fn add(
        &mut self,
        name: &'static str,
        about: impl Into<String>,
        run: impl Fn() -> Result<Count> + 'static,
    ) {
        self.add_after(&[], name, about, run);
    }

    fn add_after(
        &mut self,
        needs: &'static [&'static str],
        name: &'static str,
        about: impl Into<String>,
        run: impl Fn() -> Result<Count> + 'static,
    ) {
        self.steps.push(Step { name, about: about.into(), needs, run: Box::new(run) });
    }

    fn source_steps(&mut self, root: &Path) {
        let at = root.to_path_buf();
        self.add("fmt", "cargo fmt --check", move || {
            Ok(Count::of(cargo(&at, &["fmt", "--all", "--check"]).ok()?))
        });
        let at = root.to_path_buf();
        self.add("clippy", "cargo clippy, warnings are errors", move || {
            let args = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            Ok(Count::of(cargo(&at, &args).ok()?))
        });
        let at = root.to_path_buf();
        self.add("tidy", "layers, names, lengths, words", move || Ok(Count::of(tidy::run(&at, false)?)));
        let at = root.to_path_buf();
        let nextest = cargo(root, &["nextest", "--version"]).answers();
        self.add("tests", "unit and crate tests", move || run_tests(&at, nextest));
    }

    fn binary_steps(&mut self, root: &Path, binary: &Path, args: &Args) {
        let (at, release) = (root.to_path_buf(), args.release);
        self.add("build", if release { "the release binary" } else { "the binary" }, move || {
            let mut build = vec!["build", "--package", "anymq"];
            build.extend(release.then_some("--release"));
            Ok(Count::of(cargo(&at, &build).ok()?))
        });
        if root.join("tests/interop/run.sh").is_file() {
            let (at, program) = (root.to_path_buf(), binary.to_path_buf());
            self.add_after(&["build"], "interop", "unmodified clients against the binary", move || {
                tool(&at, "bash", &["tests/interop/run.sh"]).arg(&program).count()
            });
            let (at, program) = (root.to_path_buf(), binary.to_path_buf());
            self.add_after(&["build"], "readme", "the README's programs, as printed", move || {
                readme::run(&at, &program)
            });
        } else {
            self.absent.push(("interop", "no tests/interop/run.sh".to_owned()));
        }
        if has_subcommand(root, "sim") {
            let (at, binary, seeds) = (root.to_path_buf(), binary.to_path_buf(), args.seeds.to_string());
            self.add_after(&["build"], "sim", format!("simulator, {seeds} seeds"), move || {
                tool(&at, &binary, &["sim", "--seeds", &seeds]).count()
            });
        } else {
            self.absent.push(("sim", "the binary has no subcommand sim".to_owned()));
        }
    }

    fn fuzz_step(&mut self, root: &Path, args: &Args) -> Result<()> {
        let targets = fuzz_targets(root)?;
        let nightly = tool(root, "cargo", &["+nightly", "--version"]).answers();
        let cargo_fuzz = tool(root, "cargo", &["fuzz", "--version"]).answers();
        if targets.is_empty() {
            self.absent.push(("fuzz", "no fuzz targets".to_owned()));
        } else if !nightly || !(cargo_fuzz || args.with_tools) {
            self.absent.push(("fuzz", "needs a nightly toolchain and cargo-fuzz".to_owned()));
        } else {
            let (at, seconds) = (root.to_path_buf(), args.fuzz_seconds);
            let about = format!("{} targets, {seconds} s each", targets.len());
            self.add("fuzz", about, move || {
                if !cargo_fuzz && !cargo(&at, &["install", "--locked", "cargo-fuzz"]).ok()? {
                    return Ok(Count::FAILED);
                }
                fuzz(&at, &targets, seconds)
            });
        }
        Ok(())
    }

    fn licence_step(&mut self, root: &Path, args: &Args) {
        let at = root.to_path_buf();
        let with_tools = args.with_tools;
        self.add("deny", "licences, bans and sources of dependencies", move || {
            if with_tools && !cargo(&at, &["deny", "--version"]).answers() {
                cargo(&at, &["install", "--locked", "cargo-deny"]).ok()?;
            }
            if cargo(&at, &["deny", "--version"]).answers() {
                return Ok(Count::of(cargo(&at, &["deny", "check", "bans", "licenses", "sources"]).ok()?));
            }
            Ok(Count::of(licences::run(&at)?))
        });
    }
}

fn run_tests(root: &Path, nextest: bool) -> Result<Count> {
    // Tests that start a server take the binary of the same build directory.
    if !cargo(root, &["build", "--package", "anymq"]).ok()? {
        return Ok(Count::FAILED);
    }
    if nextest {
        return cargo(root, &["nextest", "run", "--workspace"]).count();
    }
    cargo(root, &["test", "--workspace", "--no-fail-fast"]).count()
}

fn fuzz(root: &Path, targets: &[String], seconds: u64) -> Result<Count> {
    let mut count = Count::default();
    let limit = format!("-max_total_time={seconds}");
    for target in targets {
        let ok = tool(root, "cargo", &["+nightly", "fuzz", "run", target, "--", &limit]).ok()?;
        count.passed += u64::from(ok);
        count.failed += u64::from(!ok);
    }
    Ok(count)
}

/// Where cargo puts what it builds for this workspace.
fn target_dir(root: &Path) -> Result<PathBuf> {
    let metadata = cargo(root, &["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let dir = metadata["target_directory"].as_str().context("cargo metadata names the target directory")?;
    Ok(PathBuf::from(dir))
}

/// Whether the binary has a file for this subcommand.
fn has_subcommand(root: &Path, name: &str) -> bool {
    ["crates/server/src", "crates/server/src/commands"]
        .iter()
        .any(|dir| root.join(dir).join(format!("{name}.rs")).is_file())
}

/// Names of the fuzz targets, from fuzz/Cargo.toml.
fn fuzz_targets(root: &Path) -> Result<Vec<String>> {
    let path = root.join("fuzz/Cargo.toml");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let manifest: toml::Table = fs::read_to_string(&path)?.parse().context("parse fuzz/Cargo.toml")?;
    let bins = manifest.get("bin").and_then(|bins| bins.as_array()).cloned().unwrap_or_default();
    Ok(bins.iter().filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned())).collect())
}
