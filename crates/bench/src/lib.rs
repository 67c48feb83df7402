//! Load generator for any AMQP 0-9-1 or Kafka server: `anymq bench amqp URL …`, `anymq bench kafka URL …`.
//!
//! Stands on the wire codecs of the doors, on `batch` and on nothing else of the broker: a server is known by its URL, and
//! by its process id where its CPU and memory are to be measured. Start with `load` (what every load says) and `run`
//! (one measurement, and what a protocol brings to it), then `worker` (the event loop) and one of the protocols: `amqp`
//! and `kafka` have the same files, `load` (what is asked of the server), `control` (setting up), `producer`, `consumer`.
//!
//! Invariants: the latency of a message counts from when it was *due*, so a stalled server cannot hide by slowing the
//! generator down; all times are of one clock in one process; nothing is allocated per message, and system calls are
//! made per batch.

mod address;
pub mod amqp;
mod args;
mod cases;
mod clock;
pub mod kafka;
mod live;
mod load;
mod process;
mod progress;
mod report;
mod result;
mod run;
mod schedule;
mod socket;
mod versus;
mod worker;

pub use amqp::AmqpBench;
pub use args::Runs;
pub use kafka::KafkaBench;
