//! Tests of the wire: golden bytes by hand, an independent implementation as oracle, mutations.

#![allow(clippy::unwrap_used, reason = "in a test a failure is a panic")]

mod golden;
mod mutations;
mod oracle;
mod primitives;
pub(crate) mod sample;
