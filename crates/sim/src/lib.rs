//! Seeded simulation of the core and the journal.
//!
//! One thread, a simulated clock, a disk that fails: publishers, consumers and operators act at random on a few queues while the
//! machine crashes (at random, or once at each operation of the disk in turn), and an oracle of plain lists says what may and what must be there afterwards. The same seed gives the same trace.
//!
//! Checked: no confirmed message is lost; no settlement that was on disk is undone; nothing appears that was not published, or twice;
//! what is in a queue comes in the order it was published; a dead-lettered message is in one place, never in two, never in none.
//! Of topics, with batches, single records, transactions, compaction and retention: an offset that was readable keeps its record, and
//! is there until retention or a newer record of its key lets it go; a reader of committed records sees whole transactions and nothing
//! of aborted ones; a batch sent again is stored once; each record is once in the queue that the topic's exchange feeds.

mod machine;
mod oracle;
mod topics;
mod world;

pub use oracle::Violation;
pub use world::{Crashes, Report, run, run_every_op};
