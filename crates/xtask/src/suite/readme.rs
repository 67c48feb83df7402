//! The programs of the README, run as printed against the binary.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use anymq_testkit::{Options, wait_for};

use super::Count;

const LIMIT: Duration = Duration::from_secs(30);
/// The addresses the programs have in them, and how the server is told the port.
const AMQP: (&str, u16, &str) = ("localhost:5672", 5672, "ANYMQ_AMQP__PORT");
const KAFKA: (&str, u16, &str) = ("localhost:9092", 9092, "ANYMQ_KAFKA__PORT");

/// A program of the README: the language its fence names, and the text.
#[derive(Debug, PartialEq)]
struct Program<'a> {
    language: &'a str,
    text: &'a str,
}

/// Runs them all. The clients are those the interop tests install.
pub(super) fn run(root: &Path, binary: &Path) -> Result<Count> {
    let readme = fs::read_to_string(root.join("README.md")).context("read README.md")?;
    let programs = programs(&readme);
    ensure!(!programs.is_empty(), "README.md has no program in it");

    // The usual ports where they are free, so that not a letter is changed.
    let mut options = Options::default().binary(binary);
    for (_, port, name) in [AMQP, KAFKA] {
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            options = options.env(name, port.to_string());
        }
    }
    let server = options.start().context("start the binary")?;

    let mut count = Count::default();
    for program in programs {
        let text = program.text.replace(AMQP.0, &address(server.amqp(), AMQP));
        let text = text.replace(KAFKA.0, &address(server.kafka(), KAFKA));
        let outcome = run_program(root, program.language, &text);
        match &outcome {
            Ok(output) => println!("{}: {}", program.language, output.trim()),
            Err(error) => println!("{}: {error:#}", program.language),
        }
        let ok = outcome.is_ok_and(|output| output.contains("received hello"));
        count.passed += u64::from(ok);
        count.failed += u64::from(!ok);
    }
    Ok(count)
}

/// Fenced blocks in languages that are run.
fn programs(page: &str) -> Vec<Program<'_>> {
    let mut programs = Vec::new();
    // Every other piece is inside a fence.
    for block in page.split("```").skip(1).step_by(2) {
        let Some((language, text)) = block.split_once('\n') else { continue };
        if ["js", "python"].contains(&language) {
            programs.push(Program { language, text });
        }
    }
    programs
}

/// The usual address if that is the server's, so that the text stays as it is printed.
fn address(served: SocketAddr, (usual, port, _): (&str, u16, &str)) -> String {
    if served.port() == port { usual.to_owned() } else { served.to_string() }
}

fn run_program(root: &Path, language: &str, text: &str) -> Result<String> {
    // The clients as the interop tests have installed them.
    let clients = root.join("tests/interop");
    let mut command = if language == "js" {
        let modules = ["node", "kafka"].map(|folder| clients.join(folder).join("node_modules"));
        ensure!(
            modules.iter().all(|folder| folder.is_dir()),
            "the clients are not installed: run the step interop first"
        );
        let mut node = Command::new("node");
        node.arg("-e").arg(text).env("NODE_PATH", std::env::join_paths(modules)?);
        node
    } else {
        let folder = if text.contains("confluent_kafka") { "kafka" } else { "python" };
        let python = clients.join(folder).join(".venv/bin/python");
        ensure!(python.is_file(), "the clients are not installed: run the step interop first");
        let mut python = Command::new(python);
        python.arg("-c").arg(text);
        python
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("run {language}"))?;
    // A line or two fit the pipe, so that waiting before reading cannot block the program.
    let waited = wait_for("the program", LIMIT, || child.try_wait().transpose());
    if waited.is_err() {
        child.kill().context("kill the program")?;
    }
    let output = child.wait_with_output()?;
    let status = waited??;
    ensure!(status.success(), "ended with {status}");
    String::from_utf8(output.stdout).context("the program's output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_the_blocks_of_known_languages() {
        let page = "# A\n```sh\ncargo run\n```\ntext\n```js\nlet a;\n```\n```python\nimport pika\n```\n";
        let expected = [
            Program { language: "js", text: "let a;\n" },
            Program { language: "python", text: "import pika\n" },
        ];
        assert_eq!(programs(page), expected);
    }

    #[test]
    fn the_readme_has_a_program_for_each_client_at_the_usual_port() {
        let readme = fs::read_to_string(crate::repo::root().join("README.md")).expect("it is there");
        let programs = programs(&readme);
        assert_eq!(
            programs.iter().map(|program| program.language).collect::<Vec<_>>(),
            ["js", "js", "python"]
        );
        assert!(programs.iter().all(|p| p.text.contains(AMQP.0) != p.text.contains(KAFKA.0)));
        assert!(readme.contains("cargo run --release -- dev") && readme.contains("cargo xtask test"));
    }
}
