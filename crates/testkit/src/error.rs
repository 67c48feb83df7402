//! What can go wrong between a test and the process it runs.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// A failure of the tooling; the test should end with it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `ANYMQ_BIN` nor the build directory has the binary.
    #[error("no anymq binary: set ANYMQ_BIN or run cargo build (looked for {0})")]
    NoBinary(PathBuf),
    /// The process could not be started or spoken to.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The process ended before it was ready.
    #[error("the server ended with {status} before it was ready; its log:\n{log}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to stdout and stderr.
        log: String,
    },
    /// A condition did not come true in time.
    #[error("{what} took longer than {limit:?}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// The ready file is not the JSON it should be.
    #[error("ready file: {0}")]
    Ready(#[from] serde_json::Error),
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { what, source }
    }
}
