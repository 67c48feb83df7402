//! Settings and components of a log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anymq_runtime::{Clock, SystemClock};

/// Called once when a write or an fsync has failed and nothing more will be committed; the argument says what failed.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Settings of a log.
#[derive(Clone)]
pub struct Config {
    /// A journal segment is left for the next once it has this many bytes.
    pub segment_bytes: u32,
    /// Freed journal segments are overwritten instead of deleted: steadier commits, no return of disk space.
    pub recycle: bool,
    /// Most freed segments kept for that.
    pub spares_max: usize,
    /// With more uncommitted bytes than this the log is congested: doors stop reading.
    pub uncommitted_bytes_max: u64,
    /// Threads that read for [`crate::Log::read_async`] and reclaim segments.
    pub readers: usize,
    /// Most reads waiting for those threads.
    pub reads_max: usize,
    /// Most segment files open for reading.
    pub files_max: usize,
    /// Start threads. Without, [`crate::Log::commit_now`] and [`crate::Log::run_reads_now`] do the work when called.
    pub threads: bool,
    /// Pause before a full disk is tried again.
    pub retry: Duration,
    /// Seed of segment salts and of a new directory's identity; the system's entropy if `None`.
    pub seed: Option<u64>,
    /// For measuring.
    pub clock: Arc<dyn Clock>,
    /// What to do when nothing can be committed any more; the default aborts the process.
    pub on_fatal: OnFatal,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            segment_bytes: 64 << 20,
            recycle: true,
            spares_max: 4,
            uncommitted_bytes_max: 64 << 20,
            readers: 2,
            reads_max: 65_536,
            files_max: 64,
            threads: true,
            retry: Duration::from_millis(100),
            seed: None,
            clock: Arc::new(SystemClock),
            on_fatal: Arc::new(|reason| {
                tracing::error!(
                    reason,
                    "the journal has failed; stopping, so that recovery decides what is on disk"
                );
                std::process::abort();
            }),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("segment_bytes", &self.segment_bytes)
            .field("recycle", &self.recycle)
            .field("spares_max", &self.spares_max)
            .field("uncommitted_bytes_max", &self.uncommitted_bytes_max)
            .field("readers", &self.readers)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Smallest segment: a header and room for one group of some size.
const SEGMENT_BYTES_MIN: u32 = 8 << 10;
/// Largest segment: leaves offsets room for one oversized group.
const SEGMENT_BYTES_MAX: u32 = 1 << 30;

impl Config {
    /// Names the first setting that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Err(format!("segment_bytes: {} is not in 8KiB..=1GiB", self.segment_bytes));
        }
        for (name, value) in
            [("readers", self.readers), ("reads_max", self.reads_max), ("files_max", self.files_max)]
        {
            if value == 0 {
                return Err(format!("{name}: must be at least 1"));
            }
        }
        Ok(())
    }
}
