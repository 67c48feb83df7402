//! A crash at every operation that changes the disk, and what the next start finds.

use anymq_log::OpenError;
use anymq_runtime::{FaultDisk, Loss};

use crate::rig::{config, open};
use crate::workload::{Workload, Written, run};

fn recover(written: &Written, disk: &FaultDisk, what: &str) -> Written {
    match written.recover(disk, config()) {
        Ok((_, left)) => left,
        Err(e) => panic!("{what}: {e}"),
    }
}

#[test]
fn acknowledged_frames_survive_a_crash_at_every_operation() {
    for seed in 0..3 {
        let (whole, all) = run(seed, 120, None);
        let ops = whole.ops();
        assert!(ops > 150 && all.len() > 100, "the workload does something: {ops} operations");
        for op in 0..ops {
            let (disk, written) = run(seed, 120, Some(op));
            assert!(disk.crashed());
            let losses = [Loss::Nothing, Loss::Unsynced].into_iter();
            for loss in losses.chain((0..4).map(|n| Loss::Random(op * 4 + n))) {
                recover(&written, &disk.after_crash(loss), &format!("seed {seed}, operation {op}, {loss:?}"));
            }
        }
    }
}

#[test]
fn a_log_goes_on_after_a_crash_and_survives_the_next() {
    let ops = run(7, 80, None).0.ops();
    for op in 0..ops {
        let (mut disk, mut written) = run(7, 80, Some(op));
        for round in 0..4 {
            disk = disk.after_crash(Loss::Random(op * 10 + round));
            let (log, left) = match written.recover(&disk, config()) {
                Ok(recovered) => recovered,
                Err(e) => panic!("operation {op}, round {round}: {e}"),
            };
            disk.crash_at(disk.ops() + 5 + (op * 7 + round) % 40);
            let mut workload = Workload::after(left, op * 100 + round);
            workload.run(&log, 60);
            written = workload.written;
        }
    }
}

#[test]
fn a_crash_while_recovering_changes_nothing() {
    for op in (0..run(3, 60, None).0.ops()).step_by(3) {
        let (disk, written) = run(3, 60, Some(op));
        let crashed = disk.after_crash(Loss::Random(op));
        for at in 0.. {
            let disk = crashed.after_crash(Loss::Nothing);
            disk.crash_at(at);
            let opened = open(&disk, config());
            if !disk.crashed() {
                break;
            }
            assert!(
                opened.is_ok() || matches!(opened, Err(OpenError::Io { .. })),
                "operation {op} then {at}"
            );
            drop(opened);
            recover(&written, &disk.after_crash(Loss::Random(at)), &format!("operation {op} then {at}"));
        }
    }
}

#[test]
fn what_recovery_showed_is_durable() {
    // The process dies between write and fsync, so that a group is in memory only. A start that shows it must make it
    // durable: what it is told to be committed is acted upon.
    let ops = run(5, 60, None).0.ops();
    let mut shown = 0;
    for op in 0..ops {
        let (disk, written) = run(5, 60, Some(op));
        disk.restart_process();
        shown += reopened_and_lost(&disk, &written);
    }
    assert!(shown > 20);
}

#[test]
fn what_a_failed_fsync_left_in_memory_is_written_again() {
    // The kernel believes the bytes clean; only writing them again gets them to the disk.
    let syncs = run(5, 60, None).0.syncs();
    let mut shown = 0;
    for sync in 0..syncs {
        let disk = FaultDisk::new();
        disk.fail_sync_at(sync);
        let mut workload = Workload::new(5);
        if let Ok((log, _)) = open(&disk, config()) {
            workload.run(&log, 60);
        }
        disk.restart_process();
        shown += reopened_and_lost(&disk, &workload.written);
    }
    assert!(shown > 20);
}

/// Starts again on the same machine, cuts its power, at once or after some more work, and starts again: 1 if there was
/// anything, and it is still there.
fn reopened_and_lost(disk: &FaultDisk, written: &Written) -> usize {
    let (log, left) = written.recover(disk, config()).unwrap();
    let (_, again) = left.recover(&disk.after_crash(Loss::Unsynced), config()).unwrap();
    assert_eq!(again.len(), left.len());
    let shown = usize::from(left.len() > 0);
    let mut workload = Workload::after(left, 1);
    workload.write(&log);
    assert!(workload.commit(&log));
    workload.written.recover(&disk.after_crash(Loss::Unsynced), config()).unwrap();
    shown
}
