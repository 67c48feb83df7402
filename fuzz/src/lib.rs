//! Fuzzing of every decoder: what a stranger's socket, file or disk may hold.
//!
//! `bodies` has one function per target, ordinary code without libFuzzer: the tests `fuzz_bodies` of the doors run the
//! same functions over mutated seeds, so that they are exercised without a nightly toolchain too. Here they
//! run under an allocator that counts: no input may make a decoder hold more than its bound.
//!
//! Start with `cargo run --example seeds`, which writes the seeds where cargo-fuzz looks for them, and go on with
//! `cargo +nightly fuzz run TARGET -- -max_total_time=600`.

pub mod bodies;
// Not in `bodies`: a door's tests take that folder in, and no door's tests know another door.
#[path = "bodies/kafka.rs"]
pub mod kafka;
// Nor a door's tests what is below the hall.
#[path = "bodies/batch.rs"]
pub mod batch;

// A door, too.
#[path = "bodies/registry.rs"]
pub mod registry;

use std::sync::atomic::{AtomicUsize, Ordering};

use bodies::Target;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Largest peak so far, in bytes.
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The targets of the Kafka door.
const KAFKA: &[Target] = &[
    Target { name: "kafka_frames", body: kafka::frames, seeds: kafka::frame_seeds, base: 1 << 20 },
    Target { name: "kafka_sasl", body: kafka::logins, seeds: kafka::login_seeds, base: 1 << 20 },
    Target { name: "kafka_requests", body: kafka::requests, seeds: kafka::request_seeds, base: 1 << 20 },
];

/// The storage encoding that the Kafka door's clients write.
const BATCH: Target =
    Target { name: "kafka_batches", body: batch::batches, seeds: batch::seeds, base: batch::BASE };

/// Schemas, and payloads by them.
const SCHEMAS: Target =
    Target { name: "schemas", body: registry::schemas, seeds: registry::seeds, base: registry::BASE };

/// All targets.
pub fn targets() -> impl Iterator<Item = &'static Target> {
    bodies::ALL.iter().chain(KAFKA).chain([&BATCH, &SCHEMAS])
}

/// Runs a target's body on one input.
///
/// # Panics
/// If the body does, or if it held more memory at once than the target may.
pub fn run(name: &str, data: &[u8]) {
    let target = targets().find(|target| target.name == name).expect("a target of that name");
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
