//! Tests of the log through its public API, on the faulty disk.

#![allow(clippy::unwrap_used, reason = "in a test a failure is a panic")]

mod check;
mod crash;
mod damage;
mod faults;
mod journal;
mod lingering;
mod reads;
mod rig;
mod space;
mod workload;
