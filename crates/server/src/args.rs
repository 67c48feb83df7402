//! What can be asked of the binary.

use anymq_api::Problem;
use clap::{Parser, Subcommand};

use crate::commands;

/// One durable broker for RabbitMQ clients.
#[derive(Debug, Parser)]
#[command(name = "anymq", version, about, max_term_width = 110, disable_help_subcommand = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a broker on this machine, with nothing to set up first.
    Dev(commands::dev::Dev),
    /// Run a broker in production.
    Serve(commands::serve::Serve),
    /// Check, show or explain the configuration.
    #[command(subcommand)]
    Config(commands::config::Config),
    /// Verify every byte of a data directory whose broker is stopped.
    Check(commands::check::Check),
    /// Simulate the core and its journal on a failing disk.
    Sim(commands::sim::Sim),
    /// Make a damaged data directory usable; what does not verify goes to quarantine.
    Repair(commands::repair::Repair),
    /// Measure an AMQP 0-9-1 server, this one or any other.
    #[command(subcommand)]
    Bench(commands::bench::Bench),
    /// Print a completion script for a shell.
    Completion(commands::completion::Completion),
    /// What is promised, and when.
    Guarantees(commands::guarantees::Guarantees),
    /// Explain an error code, or list them all.
    Errors(commands::errors::Errors),
    /// Commands that ask a running broker.
    #[command(flatten)]
    Noun(anymq_cli::Noun),
}

impl Command {
    /// Carries it out.
    pub fn run(self) -> Result<(), Problem> {
        match self {
            Command::Dev(dev) => dev.run(),
            Command::Serve(serve) => serve.run(),
            Command::Config(config) => config.run(),
            Command::Check(check) => check.run(),
            Command::Sim(sim) => sim.run(),
            Command::Repair(repair) => repair.run(),
            Command::Bench(bench) => bench.run(),
            Command::Completion(completion) => completion.run(),
            Command::Guarantees(guarantees) => guarantees.run(),
            Command::Errors(errors) => errors.run(),
            Command::Noun(noun) => commands::noun::run(noun),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_that_a_command_does_not_use_are_refused() {
        for line in ["anymq dev --url http://x", "anymq serve --output json", "anymq errors --user x"] {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        for line in
            ["anymq queue ls --url http://x", "anymq queue --url http://x ls", "anymq serve --config f.toml"]
        {
            assert!(Args::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
