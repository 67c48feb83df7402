//! One file for each subcommand; those that ask a running broker are in the crate `cli`.

pub mod bench;
pub mod check;
pub mod completion;
pub mod config;
pub mod dev;
pub mod errors;
pub mod guarantees;
pub mod noun;
pub mod repair;
pub mod serve;
pub mod sim;

use std::io::Write;

use anymq_api::{Problem, codes};

/// Prints to standard output; a reader that has seen enough is no failure.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Problem::new(&codes::INTERNAL, format!("cannot write the output: {e}")))
        }
        _ => Ok(()),
    }
}
