//! The command line's nouns and verbs. Speaks the admin API and nothing else, so it works as well from another machine.
//!
//! [`Noun`] is the clap enum that the binary flattens into its own commands; [`run`] carries one out. Each noun has a
//! file in [`nouns`]. Output goes through [`Printer`]: a table for people, JSON for programs.
//!
//! Invariants: nothing is deleted without showing how much and asking (or `--yes`); text from the broker never reaches
//! a terminal with control characters in it; passwords are read from files or standard input, never from arguments.

mod arguments;
mod client;
mod confirm;
pub mod definitions;
pub mod health;
pub mod nouns;
mod output;
mod target;
pub mod top;

use std::io::{BufRead, Write};

use anymq_api::Problem;
use clap::Subcommand;

pub use client::Client;
pub use confirm::Consent;
pub use output::{Format, Printer};
pub use target::Target;

/// Result of a command.
pub type Result<T> = std::result::Result<T, Problem>;

/// Commands that ask a running broker.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Queues: list, show, create, purge, remove.
    #[command(subcommand)]
    Queue(nouns::queue::Verb),
    /// Exchanges: list, show, create, remove.
    #[command(subcommand)]
    Exchange(nouns::exchange::Verb),
    /// Bindings: list, create, remove.
    #[command(subcommand)]
    Binding(nouns::binding::Verb),
    /// Vhosts: list, create, remove.
    #[command(subcommand)]
    Vhost(nouns::vhost::Verb),
    /// Users: list, create, change, remove.
    #[command(subcommand)]
    User(nouns::user::Verb),
    /// What users may do in a vhost: list, set, remove.
    #[command(subcommand)]
    Permission(nouns::permission::Verb),
    /// Policies: settings for every queue or exchange whose name matches.
    #[command(subcommand)]
    Policy(nouns::policy::Verb),
    /// Client connections: list, show, close.
    #[command(subcommand)]
    Connection(nouns::connection::Verb),
    /// Channels of connections: list.
    #[command(subcommand)]
    Channel(nouns::channel::Verb),
    /// Consumers: list.
    #[command(subcommand)]
    Consumer(nouns::consumer::Verb),
    /// Whether the broker serves; exit code 5 if it does not.
    Health(health::Args),
    /// Rates and the busiest queues, refreshed.
    Top(top::Args),
    /// Take users, vhosts, queues, exchanges, bindings and policies from a RabbitMQ definitions.json.
    Import(definitions::ImportArgs),
    /// Write everything that is defined as a RabbitMQ definitions.json.
    Export(definitions::ExportArgs),
}

/// What a command works with; all of it is passed in, so that tests can watch.
pub struct Cx<'a> {
    /// The broker.
    pub client: Client,
    /// Where results go.
    pub out: Printer<'a>,
    /// Where answers to questions come from.
    pub input: &'a mut dyn BufRead,
    /// Where questions and progress go.
    pub asides: &'a mut dyn Write,
    /// A person is watching: questions may be asked, screens redrawn.
    pub interactive: bool,
}

/// Carries out one command.
pub fn run(noun: Noun, cx: &mut Cx<'_>) -> Result<()> {
    match noun {
        Noun::Queue(verb) => verb.run(cx),
        Noun::Exchange(verb) => verb.run(cx),
        Noun::Binding(verb) => verb.run(cx),
        Noun::Vhost(verb) => verb.run(cx),
        Noun::User(verb) => verb.run(cx),
        Noun::Permission(verb) => verb.run(cx),
        Noun::Policy(verb) => verb.run(cx),
        Noun::Connection(verb) => verb.run(cx),
        Noun::Channel(verb) => verb.run(cx),
        Noun::Consumer(verb) => verb.run(cx),
        Noun::Health(args) => args.run(cx),
        Noun::Top(args) => args.run(cx),
        Noun::Import(args) => args.run(cx),
        Noun::Export(args) => args.run(cx),
    }
}
