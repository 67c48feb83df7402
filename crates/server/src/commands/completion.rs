//! `anymq completion SHELL`

use anymq_api::Problem;
use clap::CommandFactory;
use clap_complete::Shell;

use super::print;
use crate::args::Args;

/// Options of `completion`.
#[derive(Debug, clap::Args)]
pub struct Completion {
    /// The shell.
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Args::command(), "anymq", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
