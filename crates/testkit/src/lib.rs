//! Test tooling: a broker process on free ports in a scratch directory, and waiting with a deadline.
//!
//! Stands on no crate of the product: it knows the binary only by its arguments, its environment and the ready file.
//! Start with [`Server`]. Invariants: no test leaves a process behind ([`Server`] kills on drop), and nothing here
//! waits without a deadline.

mod error;
mod server;
mod wait;

pub use error::Error;
pub use server::{Options, Server};
pub use wait::{POLL, wait_for};
