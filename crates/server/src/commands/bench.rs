//! `anymq bench …`

use anymq_api::{Problem, codes};
use clap::Subcommand;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Rates, latencies, processor time and memory of an AMQP 0-9-1 server.
    Amqp(Box<anymq_bench::AmqpBench>),
}

impl Bench {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let Bench::Amqp(bench) = self;
        anymq_bench::run(&bench).map_err(|e| Problem::new(&codes::BENCH_FAILED, format!("{e:#}")))
    }
}
