//! Load generator for any AMQP 0-9-1 server: `anymq bench amqp URL …`.
//!
//! Stands on the wire codec of `amqp` and on nothing else of the broker: a server is known by its URL, and by its process
//! id where its CPU and memory are to be measured. Start with [`load::Load`] (what is asked of the server), then `run`
//! (one measurement), `worker` (the event loop), `producer` and `consumer`.
//!
//! Invariants: the latency of a message counts from when it was *due*, so a stalled server cannot hide by slowing the
//! generator down; all times are of one clock in one process; nothing is allocated per message, and system calls are
//! made per batch.

mod args;
mod cases;
mod clock;
mod connection;
mod consumer;
mod control;
mod live;
mod load;
mod process;
mod producer;
mod progress;
mod report;
mod result;
mod run;
mod target;
mod versus;
mod worker;

pub use args::AmqpBench;
pub use load::{Load, QueueType};

use anyhow::Result;

/// Runs the benchmark that `args` describes and prints what was measured to stdout, progress to stderr.
///
/// # Errors
/// A bad description, a server that cannot be reached or that refuses something.
pub fn run(args: &AmqpBench) -> Result<()> {
    args::run(args)
}
