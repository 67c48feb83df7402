//! Fuzzing of every decoder: what a stranger's socket, file or disk may hold.
//!
//! `bodies` has one function per target, ordinary code without libFuzzer: the test `crates/amqp/tests/fuzz_bodies`
//! runs the same functions over mutated seeds, so that they are exercised without a nightly toolchain too. Here they
//! run under an allocator that counts: no input may make a decoder hold more than its bound.
//!
//! Start with `cargo run --example seeds`, which writes the seeds where cargo-fuzz looks for them, and go on with
//! `cargo +nightly fuzz run TARGET -- -max_total_time=600`.

pub mod bodies;

use std::sync::atomic::{AtomicUsize, Ordering};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Largest peak so far, in bytes.
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Runs a target's body on one input.
///
/// # Panics
/// If the body does, or if it held more memory at once than the target may.
pub fn run(name: &str, data: &[u8]) {
    let target = bodies::ALL.iter().find(|target| target.name == name).expect("a target of that name");
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    (target.body)(data);
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    if PEAK.fetch_max(peak, Ordering::Relaxed) < peak {
        eprintln!("peak allocation {peak} bytes for {} bytes of input", data.len());
    }
    let bound = target.peak_max(data.len());
    assert!(peak <= bound, "{name} held {peak} bytes for {} bytes of input, more than {bound}", data.len());
}
