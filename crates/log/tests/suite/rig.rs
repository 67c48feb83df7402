//! What the tests of the log share: a replay that remembers, and a configuration with small segments.

use std::sync::Arc;

use anymq_log::{Config, Frame, Log, OpenError, Replay, ReplayError};
use anymq_runtime::{Disk, FaultDisk};
use anymq_types::Position;

/// A frame as it was replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Position,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) shard: u16,
    pub(crate) body: Vec<u8>,
}

/// Remembers what it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) frames: Vec<Seen>,
}

impl Replay for Memory {
    fn restore(&mut self, chunk: &[u8]) -> Result<(), ReplayError> {
        assert!(self.frames.is_empty(), "chunks come before frames");
        self.chunks.push(chunk.to_vec());
        Ok(())
    }

    fn replay(&mut self, frame: Frame<'_>) -> Result<(), ReplayError> {
        let Frame { at, kind, flags, shard, body } = frame;
        assert!(self.frames.last().is_none_or(|last| last.at < at), "frames come in order");
        self.frames.push(Seen { at, kind, flags, shard, body: body.to_vec() });
        Ok(())
    }
}

/// Small segments, no threads, no abort: what fails is seen in `health`.
pub(crate) fn config() -> Config {
    Config {
        segment_bytes: 16 << 10,
        threads: false,
        seed: Some(1),
        on_fatal: Arc::new(|_| {}),
        ..Config::default()
    }
}

/// Opens a log on a shared disk.
pub(crate) fn open(disk: &FaultDisk, config: Config) -> Result<(Log, Memory), OpenError> {
    let mut memory = Memory::default();
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(disk, config, &mut memory).map(|log| (log, memory))
}

/// Writes one frame as a group of its own, uncommitted.
pub(crate) fn put(log: &Log, body: &[u8]) -> Position {
    log.writer().frame(1, 7, |out| out.extend_from_slice(body))
}
