//! The binary `anymq`: arguments, configuration, start, wait, drain. The only crate that knows all others.
//!
//! Start with [`args`] (what can be asked) and [`start`] (how a broker comes up and goes down). [`config`] merges flags,
//! environment, file and defaults; each subcommand has a file in [`commands`].
//!
//! Invariants: ports are bound before the journal is read, so a mistake shows at once; nothing is served before
//! recovery is complete, except health; the process ends only after clients had their leave and the journal is closed.

pub mod args;
mod banner;
pub mod commands;
pub mod config;
mod holder;
mod logging;
mod memory;
mod notify;
mod ready;
mod recovery;
mod signals;
pub mod start;
mod tokens;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anymq_api::Problem;
use clap::Parser;

/// Runs the process: arguments in, exit code out.
pub fn main() -> ExitCode {
    let args = args::Args::parse();
    match args.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(&problem);
            ExitCode::from(problem.class().exit_code())
        }
    }
}

fn complain(problem: &Problem) {
    let mut stderr = std::io::stderr().lock();
    let red = stderr.is_terminal() && colours();
    let (on, off) = if red { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    // Nobody is left to tell if this fails.
    let _ = writeln!(stderr, "{on}{problem}{off}");
}

/// Whether terminals may be coloured (<https://no-color.org>).
fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
