//! How far opening is.

use anymq_log::{Frame, Replay, ReplayError};

use crate::core::Core;

/// The listener hears of every so many bytes.
const STEP_BYTES: u64 = 1 << 20;

/// How much of the journal has been read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub done: u64,
    /// Bytes to be read, as far as the files tell; the last file may end earlier.
    pub total: u64,
}

impl Progress {
    /// 0 to 100.
    pub fn percent(self) -> u8 {
        match self.total {
            0 => 100,
            total => (self.done.min(total) * 100 / total) as u8,
        }
    }
}

/// The core while it is rebuilt, and who wants to know how far that is.
pub(crate) struct Watched<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) progress: Progress,
    pub(crate) tell: &'a mut dyn FnMut(Progress),
}

impl Replay for Watched<'_> {
    fn restore(&mut self, chunk: &[u8]) -> Result<(), ReplayError> {
        self.core.restore(chunk)
    }

    fn begin(&mut self, bytes: u64) {
        self.progress.total = bytes;
        (self.tell)(self.progress);
    }

    fn replay(&mut self, frame: Frame<'_>) -> Result<(), ReplayError> {
        let before = self.progress.done;
        self.progress.done += (anymq_log::FRAME_HEADER + frame.body.len()) as u64;
        if before / STEP_BYTES != self.progress.done / STEP_BYTES {
            (self.tell)(self.progress);
        }
        self.core.replay(frame)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anymq_catalog::{Change, GlobalParameter};
    use anymq_runtime::{FaultDisk, ManualClock};
    use anymq_types::Millis;

    use super::*;
    use crate::broker::{Broker, Options};

    fn open(disk: &FaultDisk) -> (Broker, Vec<Progress>) {
        let clock = Arc::new(ManualClock::new(Millis(1)));
        let log = anymq_log::Config {
            threads: false,
            seed: Some(1),
            clock: clock.clone(),
            segment_bytes: 4 << 20,
            ..anymq_log::Config::default()
        };
        let options = Options {
            config: crate::Config::default(),
            log,
            disk: Arc::new(disk.clone()),
            clock,
            seed: Some(1),
            default_user: None,
            threads: false,
        };
        let mut told = Vec::new();
        let broker = Broker::open_watched(options, &mut |progress| told.push(progress)).unwrap();
        (broker, told)
    }

    #[test]
    fn every_mib_of_a_long_journal_is_told() {
        let disk = FaultDisk::new();
        let (broker, told) = open(&disk);
        assert!(told.iter().all(|p| p.done == 0), "{told:?}");
        for n in 0..10 {
            let value = "x".repeat(1 << 20).into();
            let name = format!("p{n}").into();
            broker.change(Change::GlobalParameterPut(GlobalParameter { name, value })).unwrap();
            broker.log().commit_now();
        }
        drop(broker);
        let (_, told) = open(&disk);
        assert_eq!(told[0].done, 0);
        assert_eq!(told.len(), 11, "{told:?}");
        assert!(told.is_sorted_by_key(|p| p.done) && told.iter().all(|p| p.done <= p.total), "{told:?}");
        assert!(told[0].total >= 10 << 20 && told[0].total <= 16 << 20, "{told:?}");
        assert!(told.last().unwrap().percent() > 60);
    }
}
