//! What nobody waits for goes with what somebody waits for, or soon by itself.

use anymq_log::{Config, LINGER, Log};
use anymq_runtime::{Clock, FaultDisk, SystemClock};

use crate::rig::{config, open, put};

fn threaded(disk: &FaultDisk) -> Log {
    open(disk, Config { threads: true, ..config() }).unwrap().0
}

fn put_lingering(log: &Log, body: &[u8]) {
    let mut writer = log.writer();
    writer.frame(1, 0, |out| out.extend_from_slice(body));
    writer.linger();
}

#[test]
fn it_is_on_disk_soon_without_being_asked_for() {
    let log = threaded(&FaultDisk::new());
    for round in 0..3 {
        let began = SystemClock.monotonic();
        put_lingering(&log, b"settled");
        let end = log.end();
        while log.committed() < end {
            assert!(SystemClock.monotonic() < began + LINGER * 1_000, "round {round}: it stays in memory");
            std::thread::yield_now();
        }
    }
    assert_eq!(log.stats().commits, 3);
}

#[test]
fn it_shares_the_group_of_what_is_waited_for() {
    let log = threaded(&FaultDisk::new());
    put(&log, b"first");
    log.wait_committed(log.end()).unwrap();
    let before = log.stats().commits;
    let mut shared = 0;
    for _ in 0..50 {
        // Between the two the thread may have slept for longer than anything lingers.
        let commits = log.stats().commits;
        put_lingering(&log, b"settled");
        put(&log, b"published");
        log.wait_committed(log.end()).unwrap();
        shared += u64::from(log.stats().commits == commits + 1);
    }
    assert!(shared > 25, "{shared} of 50 in one group, {} commits", log.stats().commits - before);
}

#[test]
fn whoever_waits_for_it_need_not_wait_long() {
    let log = threaded(&FaultDisk::new());
    let began = SystemClock.monotonic();
    for _ in 0..200 {
        put_lingering(&log, b"settled");
        log.wait_committed(log.end()).unwrap();
    }
    assert!(SystemClock.monotonic() - began < LINGER * 100, "each waited until it would have gone by itself");
}

#[test]
fn closing_takes_it_along() {
    let disk = FaultDisk::new();
    let log = threaded(&disk);
    put_lingering(&log, b"settled");
    log.close().unwrap();
    drop(log);
    assert_eq!(open(&disk, config()).unwrap().1.frames.len(), 1);
}
