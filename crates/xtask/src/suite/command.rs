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

/// Cases in a summary line of cargo (`test result: ok. 3 passed; 0 failed; …`), of pytest (`1 failed, 3 passed in 2s`,
/// with or without a frame of `=`), of node's test runner (`# pass 3`, `# fail 0`), or plain: `3 passed, 0 failed`.
fn cases(line: &str) -> Option<Count> {
    let line = line.trim_matches(['=', ' ']);
    if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
        let (word, number) = rest.split_once(' ')?;
        let number = number.parse().ok()?;
        return match word {
            "pass" => Some(Count { passed: number, failed: 0 }),
            "fail" => Some(Count { passed: 0, failed: number }),
            _ => None,
        };
    }
    let summary = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "));
    let summary = summary.map_or(line, |(_, rest)| rest);
    let mut words = summary.split([' ', ',', ';']).filter(|word| !word.is_empty());
    let (mut count, mut seen) = (Count::default(), false);
    // Pairs of a number and what it counts, up to anything else.
    while let (Some(number), Some(what)) = (words.next(), words.next()) {
        let Ok(number) = number.parse::<u64>() else { break };
        match what {
            "passed" => count.passed += number,
            "failed" | "error" | "errors" => count.failed += number,
            "skipped" | "deselected" | "xfailed" | "ignored" => continue,
            _ => break,
        }
        seen = true;
    }
    seen.then_some(count)
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
        check("12 passed in 3.4s", Some((12, 0)));
        check("==== 1 failed, 12 passed, 2 skipped in 3.40s ====", Some((12, 1)));
        check("2 skipped, 1 error in 3.40s", Some((0, 1)));
        check("# pass 18", Some((18, 0)));
        check("ℹ fail 2", Some((0, 2)));
        check("# tests 20", None);
        check("step x: 4 passed, 0 failed", None);
        check("running 3 tests", None);
        check("3 messages lost", None);
        check("", None);
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
