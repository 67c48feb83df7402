//! Running a tool: its output passes through, and the cases it counts are added up.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Count;

/// A command in the repository's root.
pub(super) struct Tool(Command);

/// `cargo` as this process was started with, or the one on the PATH.
pub(super) fn cargo(root: &Path, args: &[&str]) -> Tool {
    tool(root, env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

pub(super) fn tool(root: &Path, program: impl AsRef<OsStr>, args: &[&str]) -> Tool {
    let mut command = Command::new(program);
    command.args(args).current_dir(root).stdin(Stdio::null());
    Tool(command)
}

impl Tool {
    pub(super) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Tool {
        self.0.env(key, value);
        self
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Tool {
        self.0.arg(arg);
        self
    }

    /// Runs it; whether it ended well.
    pub(super) fn ok(mut self) -> Result<bool> {
        let status = self.0.status().with_context(|| self.name())?;
        Ok(status.success())
    }

    /// Runs it silently; whether it is there and ended well.
    pub(super) fn answers(mut self) -> bool {
        self.0.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Runs it silently and gives what it printed.
    pub(super) fn output(mut self) -> Result<String> {
        let output = self.0.stderr(Stdio::inherit()).output().with_context(|| self.name())?;
        anyhow::ensure!(output.status.success(), "{} ended with {}", self.name(), output.status);
        String::from_utf8(output.stdout).with_context(|| self.name())
    }

    /// Runs it, lets its lines through and adds up the cases in them.
    ///
    /// A tool that ends badly has at least one failure; one that counts nothing counts as one case itself.
    pub(super) fn count(mut self) -> Result<Count> {
        let mut child = self.0.stdout(Stdio::piped()).spawn().with_context(|| self.name())?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut count = Count::default();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            println!("{line}");
            if let Some(seen) = cases(&line) {
                count.passed += seen.passed;
                count.failed += seen.failed;
            }
        }
        let ok = child.wait()?.success();
        if !ok {
            count.failed = count.failed.max(1);
        } else if count.passed + count.failed == 0 {
            count = Count::PASSED;
        }
        Ok(count)
    }

    fn name(&self) -> String {
        format!("run {}", self.0.get_program().to_string_lossy())
    }
}

/// Cases in a summary line: cargo's `test result: ok. 3 passed; 0 failed; …`, or `3 passed, 0 failed`.
fn cases(line: &str) -> Option<Count> {
    let summary =
        line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")).map(|(_, rest)| rest);
    let summary = summary.unwrap_or(line);
    let number_before = |word: &str| {
        let (before, _) = summary.split_once(word)?;
        before.rsplit([' ', ',', ';']).next()?.parse::<u64>().ok()
    };
    let starts_with_number = summary.starts_with(|c: char| c.is_ascii_digit());
    if !starts_with_number {
        return None;
    }
    Some(Count { passed: number_before(" passed")?, failed: number_before(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_are_counted() {
        let check = |line: &str, expected: Option<(u64, u64)>| {
            assert_eq!(cases(line).map(|count| (count.passed, count.failed)), expected, "{line}");
        };
        check("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s", Some((3, 0)));
        check("test result: FAILED. 3 passed; 2 failed; 0 ignored", Some((3, 2)));
        check("319 passed, 0 failed", Some((319, 0)));
        check("step x: 4 passed, 0 failed", None);
        check("running 3 tests", None);
        check("12 passed in 3.4s", None);
    }

    #[test]
    fn a_tool_that_fails_counts_at_least_one_failure() {
        let run = |script: &str| {
            let count = tool(Path::new("."), "sh", &["-c", script]).count().expect("sh runs");
            (count.passed, count.failed)
        };
        assert_eq!(run("echo 2 passed, 0 failed; echo 3 passed, 1 failed"), (5, 1));
        assert_eq!(run("echo 2 passed, 0 failed; exit 1"), (2, 1));
        assert_eq!(run("true"), (1, 0));
        assert_eq!(run("false"), (0, 1));
    }
}
