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
pub mod tail;
mod target;
pub mod top;
mod when;

use std::io::{BufRead, Write};

use anymq_api::Problem;
use clap::{Args, Subcommand};

pub use client::Client;
pub use confirm::Consent;
pub use output::{Format, Printer};
pub use target::Target;

/// Result of a command.
pub type Result<T> = std::result::Result<T, Problem>;

/// A noun, its verb, and the broker that is asked.
#[derive(Debug, Args)]
pub struct On<V: Subcommand> {
    #[command(subcommand)]
    verb: V,
    #[command(flatten)]
    target: Target,
}

/// A command without verbs, and the broker that is asked.
#[derive(Debug, Args)]
pub struct With<A: Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    target: Target,
}

/// Commands that ask a running broker.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Queues: list, show, create, purge, remove.
    Queue(On<nouns::queue::Verb>),
    /// Topics: list, show, create, delete.
    Topic(On<nouns::topic::Verb>),
    /// Consumer groups: list, show, lag, set offsets anew, delete.
    Group(On<nouns::group::Verb>),
    /// Transactions of Kafka producers: list, show, abort.
    Txn(On<nouns::txn::Verb>),
    /// Exchanges: list, show, create, remove.
    Exchange(On<nouns::exchange::Verb>),
    /// Bindings: list, create, remove.
    Binding(On<nouns::binding::Verb>),
    /// Vhosts: list, create, remove.
    Vhost(On<nouns::vhost::Verb>),
    /// Users: list, create, change, remove.
    User(On<nouns::user::Verb>),
    /// What users may do in a vhost: list, set, remove.
    Permission(On<nouns::permission::Verb>),
    /// Policies: settings for every queue or exchange whose name matches.
    Policy(On<nouns::policy::Verb>),
    /// Client connections: list, show, close.
    Connection(On<nouns::connection::Verb>),
    /// Open channels by connection.
    Channel(On<nouns::channel::Verb>),
    /// Consumers: list.
    Consumer(On<nouns::consumer::Verb>),
    /// Whether the broker serves; exit code 5 if it does not.
    Health(With<health::Args>),
    /// Rates and the busiest queues, refreshed.
    Top(With<top::Args>),
    /// Messages of a topic, queue or stream, without taking them.
    Tail(With<tail::Args>),
    /// Take users, vhosts, queues, exchanges, bindings and policies from a RabbitMQ definitions.json.
    Import(With<definitions::ImportArgs>),
    /// Write everything that is defined as a RabbitMQ definitions.json.
    Export(With<definitions::ExportArgs>),
}

impl Noun {
    /// Which broker is asked, and how results are printed.
    pub fn target(&self) -> &Target {
        match self {
            Noun::Queue(on) => &on.target,
            Noun::Topic(on) => &on.target,
            Noun::Group(on) => &on.target,
            Noun::Txn(on) => &on.target,
            Noun::Exchange(on) => &on.target,
            Noun::Binding(on) => &on.target,
            Noun::Vhost(on) => &on.target,
            Noun::User(on) => &on.target,
            Noun::Permission(on) => &on.target,
            Noun::Policy(on) => &on.target,
            Noun::Connection(on) => &on.target,
            Noun::Channel(on) => &on.target,
            Noun::Consumer(on) => &on.target,
            Noun::Health(with) => &with.target,
            Noun::Top(with) => &with.target,
            Noun::Tail(with) => &with.target,
            Noun::Import(with) => &with.target,
            Noun::Export(with) => &with.target,
        }
    }
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
        Noun::Queue(on) => on.verb.run(cx),
        Noun::Topic(on) => on.verb.run(cx),
        Noun::Group(on) => on.verb.run(cx),
        Noun::Txn(on) => on.verb.run(cx),
        Noun::Exchange(on) => on.verb.run(cx),
        Noun::Binding(on) => on.verb.run(cx),
        Noun::Vhost(on) => on.verb.run(cx),
        Noun::User(on) => on.verb.run(cx),
        Noun::Permission(on) => on.verb.run(cx),
        Noun::Policy(on) => on.verb.run(cx),
        Noun::Connection(on) => on.verb.run(cx),
        Noun::Channel(on) => on.verb.run(cx),
        Noun::Consumer(on) => on.verb.run(cx),
        Noun::Health(with) => with.args.run(cx),
        Noun::Top(with) => with.args.run(cx),
        Noun::Tail(with) => with.args.run(cx),
        Noun::Import(with) => with.args.run(cx),
        Noun::Export(with) => with.args.run(cx),
    }
}
