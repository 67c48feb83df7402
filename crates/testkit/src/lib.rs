//! Shared test tooling: server process, scratch directories, waiting with a deadline.
