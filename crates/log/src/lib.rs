//! The cellar: one journal per data directory, and everything about bytes being durable. Knows no queue.
//!
//! Stands on `runtime` (disk, clock, randomness) and `types`. Start with [`Log`]: `writer()` puts frames into the
//! pending group, the committer writes and syncs it, `when_committed` tells. `frame` and `group` have the layout,
//! `segment` the files, `recovery` what opening does, `reclaim` how space comes back.
//!
//! * **Invariant:** `committed` covers a group only after its fsync has returned without error.
//! * **Invariant:** all frames of one [`Writer`] are recovered, or none.
//! * **Invariant:** what does not verify is named and never served; nothing that was committed is cut silently.

pub mod config;
pub mod error;
pub mod frame;
pub mod segment;
pub mod snapshot;
pub mod stats;

mod archive;
mod check;
mod committer;
mod group;
mod inspect;
mod log;
mod meta;
mod read;
mod reclaim;
mod recovery;
mod repair;
mod scan;
mod survey;
mod waiters;
mod writer;

pub use archive::Archive;
pub use check::{Finding, Summary, What, check};
pub use committer::LINGER;
pub use config::{Config, OnFatal};
pub use error::{BadFrame, CommitError, FrameFault, OpenError, ReadError, ReplayError, WriteError};
pub use frame::{FRAME_HEADER, Frame, FrameIter};
pub use log::{Health, Log};
pub use recovery::{Recovered, Replay};
pub use repair::{Repaired, repair};
pub use segment::{Class, SegmentStat};
pub use snapshot::{SNAPSHOT_CHUNK_MAX, SnapshotWriter};
pub use stats::Stats;
pub use waiters::CommitWaker;
pub use writer::Writer;
