//! Tests of the log through its public API, on the faulty disk.

mod common;
mod crash;
mod journal;
mod workload;
