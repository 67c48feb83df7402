//! `anymq bench …`

use anymq_api::{Problem, codes};
use clap::Subcommand;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Rates, latencies, processor time and memory of an AMQP 0-9-1 server.
    Amqp(Box<anymq_bench::AmqpBench>),
    /// Rates, latencies, processor time and memory of a Kafka server.
    Kafka(Box<anymq_bench::KafkaBench>),
}

impl Bench {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let outcome = match self {
            Bench::Amqp(bench) => bench.run(),
            Bench::Kafka(bench) => bench.run(),
        };
        outcome.map_err(|e| Problem::new(&codes::BENCH_FAILED, format!("{e:#}")))
    }
}
