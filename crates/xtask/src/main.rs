//! Chores of this repository: `cargo xtask tidy`, `cargo xtask test`, `cargo xtask docs`.
//!
//! Stands on no crate of the product (`testkit` knows only the binary), so that the rules can be checked while the product does not compile.
//! Start with [`tidy`], the house rules as code, then [`suite`], the one test command.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod licences;
mod ratchet;
mod repo;
mod suite;
mod tidy;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of this repository")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the house rules: layers, names, lengths, words
    Tidy {
        /// Lower or drop entries of crates/xtask/ratchet.toml that have become too generous (never raises one)
        #[arg(long)]
        bless: bool,
    },
    /// Run the whole test suite, or only the steps named
    Test(suite::Args),
    /// Write the generated pages of docs/ again
    Docs,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let root = repo::root();
    let ok = match args.chore {
        Chore::Tidy { bless } => tidy::run(&root, bless)?,
        Chore::Test(args) => suite::run(&root, &args)?,
        Chore::Docs => suite::write_docs(&root)?,
    };
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
