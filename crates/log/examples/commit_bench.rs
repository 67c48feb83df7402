//! How fast the journal commits: `cargo run --release -p anymq-log --example commit_bench [DIRECTORY]`.
//!
//! Prints, for a number of producers, frames per second and the time from writing a frame to its commit, each producer
//! waiting for its own; then what writing a frame into the pending group costs, without waiting.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anymq_log::{CommitWaker, Config, Frame, Log, Replay, ReplayError};
use anymq_runtime::{Clock, RealDisk, Rng, SystemClock};
use anymq_types::Position;

struct Nothing;

impl Replay for Nothing {
    fn restore(&mut self, _: &[u8]) -> Result<(), ReplayError> {
        Ok(())
    }

    fn replay(&mut self, _: Frame<'_>) -> Result<(), ReplayError> {
        Ok(())
    }
}

struct Wake(SyncSender<()>);

impl CommitWaker for Wake {
    fn committed(&self, _: Position) {
        // The producer may have stopped already.
        let _ = self.0.send(());
    }
}

const RUN: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let name = format!("anymq-commit-bench-{:x}", Rng::from_entropy().next_u64());
    let root = std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join(name), PathBuf::from);
    let log = Log::open(Arc::new(RealDisk::take(&root)?), Config::default(), &mut Nothing)?;
    println!("directory {}, 1 KiB frames", root.display());
    for producers in [1, 16, 256] {
        closed_loop(&log, producers);
    }
    for bytes in [16, 100, 1_024, 65_536] {
        hot_path(&log, bytes)?;
    }
    let stats = log.stats();
    println!(
        "{} commits, {:.0} bytes each, fsync {:.0} µs on average",
        stats.commits,
        stats.bytes as f64 / stats.commits as f64,
        stats.sync_micros as f64 / stats.commits as f64
    );
    log.close()?;
    drop(log);
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

fn closed_loop(log: &Log, producers: usize) {
    let threads: Vec<_> = (0..producers)
        .map(|_| {
            let log = log.clone();
            std::thread::spawn(move || produce(&log))
        })
        .collect();
    let mut latencies: Vec<Duration> = Vec::new();
    for thread in threads {
        latencies.extend(thread.join().unwrap_or_default());
    }
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    let rate = latencies.len() as f64 / RUN.as_secs_f64();
    println!("{producers:>4} producers: {rate:>9.0} frames/s, p50 {:?}, p99 {:?}", at(0.5), at(0.99));
}

fn produce(log: &Log) -> Vec<Duration> {
    let body = [7; 1_024];
    let (send, receive) = sync_channel(1);
    let waker: Arc<dyn CommitWaker> = Arc::new(Wake(send));
    let mut latencies = Vec::new();
    let started = SystemClock.monotonic();
    while SystemClock.monotonic() - started < RUN {
        let written = SystemClock.monotonic();
        let end = {
            let mut writer = log.writer();
            writer.frame(1, 0, |out| out.extend_from_slice(&body));
            writer.end()
        };
        log.when_committed(end, Arc::clone(&waker));
        if receive.recv().is_err() {
            break;
        }
        latencies.push(SystemClock.monotonic() - written);
    }
    latencies
}

fn hot_path(log: &Log, bytes: usize) -> Result<(), Box<dyn Error>> {
    let body = vec![7; bytes];
    let frames = ((48 << 20) / (bytes + 12)).min(400_000);
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let started = SystemClock.monotonic();
        for _ in 0..frames {
            log.writer().frame(1, 0, |out| out.extend_from_slice(&body));
        }
        best = best.min(SystemClock.monotonic() - started);
        log.wait_committed(log.end())?;
    }
    println!("{bytes:>6} B frames: {:.0} ns each to write", best.as_nanos() as f64 / frames as f64);
    Ok(())
}
