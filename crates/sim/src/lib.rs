//! Seeded simulation of the core and the journal.
//!
//! One thread, a simulated clock, a disk that fails: publishers, consumers and operators act at random on a few queues while the
//! machine crashes (at random, or once at each operation of the disk in turn), and an oracle of plain lists says what may and what must be there afterwards. The same seed gives the same trace.
//!
//! Checked: no confirmed message is lost; no settlement that was on disk is undone; nothing appears that was not published, or twice;
//! what is in a queue comes in the order it was published; a dead-lettered message is in one place, never in two, never in none.

mod machine;
mod oracle;
mod world;

pub use oracle::Violation;
pub use world::{Crashes, Report, run, run_every_op};
