//! A disk that fails while the log is running: fail-stop, or wait for room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anymq_log::{Class, CommitError, CommitWaker, Config, Health, WriteError};
use anymq_runtime::{Clock, FaultDisk, Loss, SystemClock};
use anymq_types::Position;

use crate::rig::{config, open, put};
use crate::workload::{Workload, run};

/// Counts calls.
#[derive(Default)]
struct Count(AtomicU32);

impl CommitWaker for Count {
    fn committed(&self, _: Position) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn after_a_failed_fsync_nothing_is_acknowledged_ever_again() {
    let syncs = run(1, 60, None).0.syncs();
    assert!(syncs > 20);
    let mut stopped = 0;
    for sync in 0..syncs {
        let disk = FaultDisk::new();
        disk.fail_sync_at(sync);
        let fatal = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&fatal);
        let on_fatal = Arc::new(move |_: &str| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let Ok((log, _)) = open(&disk, Config { on_fatal, ..config() }) else { continue };
        let mut workload = Workload::new(1);
        workload.run(&log, 60);
        if log.health() == Health::Ok {
            // A snapshot's own fsync: the snapshot is given up, the journal goes on.
            assert_eq!(fatal.load(Ordering::SeqCst), 0);
        } else {
            stopped += 1;
            assert!(matches!(log.health(), Health::Failed(_)));
            assert_eq!(fatal.load(Ordering::SeqCst), 1, "called once");
            let (before, waker) = (log.committed(), Arc::new(Count::default()));
            put(&log, b"too late");
            log.when_committed(log.end(), Arc::clone(&waker) as Arc<dyn CommitWaker>);
            assert!(matches!(log.commit_now(), Health::Failed(_)));
            assert!(matches!(log.wait_committed(log.end()), Err(CommitError::Failed(_))));
            assert!(matches!(log.close(), Err(CommitError::Failed(_))));
            assert_eq!(log.committed(), before);
            assert_eq!(waker.0.load(Ordering::SeqCst), 0);
            assert!(log.congested(), "nothing more is taken in");
        }
        // What was acknowledged before is there, whatever the disk kept of the rest.
        for loss in [Loss::Unsynced, Loss::Nothing, Loss::Random(sync)] {
            workload.written.recover(&disk.after_crash(loss), config()).unwrap();
        }
    }
    assert!(stopped > 10, "{stopped} of {syncs} stopped the log");
}

#[test]
fn a_full_disk_acknowledges_nothing_and_goes_on_when_there_is_room() {
    let whole = run(2, 80, None).0.used();
    let mut full = 0;
    for part in 1..20 {
        let disk = FaultDisk::new();
        disk.set_quota(whole * part / 20);
        let Ok((log, _)) = open(&disk, config()) else { continue };
        let mut workload = Workload::new(2);
        workload.run(&log, 80);
        if let Health::Full { .. } = log.health() {
            full += 1;
            let committed = log.committed();
            let waker = Arc::new(Count::default());
            let at = put(&log, b"waits for room");
            log.when_committed(log.end(), Arc::clone(&waker) as Arc<dyn CommitWaker>);
            assert!(matches!(log.commit_now(), Health::Full { .. }));
            assert!(matches!(log.wait_committed(log.end()), Err(CommitError::Full)));
            assert_eq!((log.committed(), waker.0.load(Ordering::SeqCst)), (committed, 0));
            // What waits can be read.
            let span = log.read(at, 12 + 14).unwrap();
            assert_eq!(log.frames(at, &span).next().unwrap().unwrap().body, b"waits for room");
            workload.written.recover(&disk.after_crash(Loss::Unsynced), config()).map(drop).unwrap_or_else(
                |e| {
                    // A new start needs a little room too, or says what it could not write.
                    assert!(matches!(e, anymq_log::OpenError::Io { .. }), "{e}");
                },
            );
            disk.set_quota(u64::MAX);
            assert_eq!(log.commit_now(), Health::Ok);
            assert_eq!((log.committed(), waker.0.load(Ordering::SeqCst)), (log.end(), 1));
        }
        disk.set_quota(u64::MAX);
        log.close().unwrap();
        let (_, memory) = open(&disk.after_crash(Loss::Unsynced), config()).unwrap();
        let has = memory.chunks.concat().len() / 4 + memory.frames.len();
        assert!(has >= workload.written.len());
    }
    assert!(full > 5, "{full} quotas filled the disk");
}

#[test]
fn with_threads_a_full_disk_is_tried_again_by_itself() {
    let disk = FaultDisk::new();
    let settings = Config { threads: true, retry: Duration::from_millis(2), ..config() };
    let (log, _) = open(&disk, settings).unwrap();
    put(&log, b"first");
    log.wait_committed(log.end()).unwrap();
    disk.set_quota(disk.used());
    while log.health() == Health::Ok {
        put(&log, &[7; 3_000]);
        let deadline = SystemClock.monotonic() + Duration::from_secs(20);
        while log.health() == Health::Ok && log.committed() < log.end() {
            assert!(SystemClock.monotonic() < deadline, "neither committed nor full");
            std::thread::yield_now();
        }
    }
    assert!(log.committed() < log.end());
    disk.set_quota(u64::MAX);
    log.wait_committed(log.end()).unwrap();
    assert_eq!(log.health(), Health::Ok);
    assert_eq!(log.stats().full, 1);
    log.close().unwrap();
}

#[test]
fn snapshots_and_archives_say_that_the_disk_is_full_and_can_be_tried_again() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    put(&log, b"x");
    log.commit_now();
    let mut archive = log.archive(Class::Mixed).unwrap();
    archive.append(1, 0, b"archived").unwrap();
    disk.set_quota(disk.used());
    let snapshot = log.snapshot(log.end());
    assert!(matches!(snapshot.finish(), Err(WriteError::Full)));
    assert!(matches!(archive.sync(), Err(WriteError::Full)));
    let mut other = log.archive(Class::Stream(3)).unwrap();
    assert!(matches!(other.append(1, 0, b"no room"), Err(WriteError::Full)));
    assert!(disk.trace().len() > 4 && log.health() == Health::Ok);
    disk.set_quota(u64::MAX);
    archive.sync().unwrap();
    let at = other.append(1, 0, b"room").unwrap();
    other.sync().unwrap();
    let span = log.read(at, 16).unwrap();
    assert_eq!(log.frames(at, &span).next().unwrap().unwrap().body, b"room");
    log.snapshot(log.end()).finish().unwrap();
    let names = anymq_runtime::Disk::list(&disk, "snapshots").unwrap();
    assert_eq!(names.len(), 1, "an unfinished snapshot leaves nothing: {names:?}");
}
