//! One suite of promises, run through every door.
//!
//! A *promise* is a sentence about messages that a user may rely on, whichever protocol they speak: a function over a [`Door`].
//! [`every_promise!`] makes one test of each for a way to open a door. [`Hall`] is the plainest door, the broker's own session API on
//! a disk that fails and a clock that stands still; doors with a wire implement the same trait. What only the hall can be asked, because
//! it needs hands on the disk, is in `tests/`.
//!
//! **Invariant:** a promise names no protocol, waits for no time of day, and fails when it is broken.

mod door;
mod hall;
pub mod promises;

pub use door::{
    Answer, Client, Counts, Death, Door, End, Given, Interruption, Kind, Lease, Message, Overflow, QueueSpec,
};
pub use hall::{Hall, HallOptions};
