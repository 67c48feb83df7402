//! Space comes back: freed segments are recycled or deleted, when no snapshot needs them, and never resurface.

use anymq_log::{Class, Config, Log, SegmentStat};
use anymq_runtime::{Disk, FaultDisk, Loss};

use crate::rig::{config, open, put};

fn snapshot(log: &Log) {
    log.snapshot(log.end()).finish().unwrap();
}

fn free_sealed(log: &Log) {
    log.segments().iter().filter(|s| s.sealed).for_each(|s| log.free(s.id));
}

fn fill(log: &Log, segments: u32) {
    for _ in 0..segments * 5 {
        put(log, &[0xAB; 4_000]);
        log.commit_now();
    }
}

fn ids(log: &Log) -> Vec<u32> {
    log.segments().iter().map(|s| s.id).collect()
}

#[test]
fn a_segment_goes_only_when_the_older_snapshot_is_past_it() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    fill(&log, 3);
    let before = ids(&log);
    assert!(before.len() >= 3);
    free_sealed(&log);
    log.run_reads_now();
    assert_eq!(ids(&log), before, "no snapshot");
    snapshot(&log);
    assert_eq!(ids(&log), before, "one snapshot");
    let active = *before.last().unwrap();
    snapshot(&log);
    assert_eq!(ids(&log), [active], "the older of two snapshots is past all sealed ones");
    log.free(active);
    snapshot(&log);
    snapshot(&log);
    assert_eq!(ids(&log), [active], "the one being written is never free");
    assert_eq!(log.stats().snapshots, 4);
    assert_eq!(disk.list("snapshots").unwrap().len(), 2);
}

#[test]
fn freeing_waits_for_what_freed_it_to_be_committed() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    fill(&log, 2);
    snapshot(&log);
    snapshot(&log);
    let first = ids(&log)[0];
    put(&log, b"the settle that makes it free");
    log.free(first);
    log.run_reads_now();
    assert_eq!(ids(&log)[0], first, "not committed yet");
    log.commit_now();
    log.run_reads_now();
    assert_ne!(ids(&log)[0], first);
}

#[test]
fn recycled_files_are_used_again_and_nothing_stale_resurfaces() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    let mut kept = Vec::new();
    for round in 0..12u8 {
        fill(&log, 2);
        free_sealed(&log);
        snapshot(&log);
        let at = put(&log, &[round; 50]);
        log.commit_now();
        kept.push((at, round));
        // A crash right here: only what was written since the snapshot is replayed, whatever the file held before.
        for loss in [Loss::Unsynced, Loss::Nothing, Loss::Random(u64::from(round))] {
            let (_, seen) = open(&disk.after_crash(loss), config()).unwrap();
            assert_eq!(seen.frames.len(), 1, "round {round}");
            assert_eq!((seen.frames[0].at, seen.frames[0].body[0]), (at, round));
        }
        // And when the log is cut inside what a recycled file held.
        let crashed = disk.after_crash(Loss::Nothing);
        let path = format!("segments/{:08x}.journal", at.segment());
        crashed.flip(&path, u64::from(at.offset()) + 20, 1);
        crashed.flip(&path, u64::from(at.offset()) + 12 + 50 + 4, 1);
        let (_, seen) = open(&crashed, config()).unwrap();
        assert_eq!(seen.frames.len(), 0);
    }
    let stats = log.stats();
    assert!(stats.segments_recycled > 5, "{stats:?}");
    assert!(disk.list("segments").unwrap().len() < 12, "space is bounded");
}

#[test]
fn without_recycling_files_are_deleted() {
    let disk = FaultDisk::new();
    let settings = Config { recycle: false, ..config() };
    let (log, _) = open(&disk, settings).unwrap();
    for _ in 0..6 {
        fill(&log, 2);
        free_sealed(&log);
        snapshot(&log);
    }
    let stats = log.stats();
    assert!(stats.segments_deleted > 5 && stats.segments_recycled == 0, "{stats:?}");
    assert!(disk.used() < 8 * (16 << 10), "{} bytes", disk.used());
}

#[test]
fn an_oversized_group_makes_one_longer_segment_that_is_cut_when_recycled() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    let body: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    let at = put(&log, &body);
    let second = log.writer().frame(2, 0, |out| out.extend_from_slice(b"same group"));
    log.commit_now();
    assert_eq!(second.segment(), at.segment(), "a group never spans segments");
    let next = put(&log, b"next");
    assert_ne!(next.segment(), at.segment());
    log.commit_now();
    let (_, seen) = open(&disk.after_crash(Loss::Unsynced), config()).unwrap();
    assert_eq!((seen.frames.len(), &seen.frames[0].body), (3, &body));
    log.free(at.segment());
    snapshot(&log);
    snapshot(&log);
    let spares: Vec<_> =
        disk.list("segments").unwrap().into_iter().filter(|n| n.ends_with("spare")).collect();
    assert!(!spares.is_empty());
    for spare in spares {
        assert_eq!(disk.bytes_of(&format!("segments/{spare}")).unwrap().len(), 16 << 10);
    }
}

#[test]
fn archives_roll_outlive_restarts_and_go_after_two_younger_snapshots() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    assert!(log.archive(Class::Journal).is_err());
    let mut archive = log.archive(Class::Stream(42)).unwrap();
    let mut at = Vec::new();
    for n in 0..40u8 {
        at.push(archive.append(5, n.into(), &[n; 1_000]).unwrap());
        if n % 4 == 0 {
            archive.sync().unwrap();
        }
    }
    archive.sync().unwrap();
    drop(archive);
    let archives = |log: &Log| -> Vec<SegmentStat> {
        log.segments().into_iter().filter(|s| s.class == Class::Stream(42)).collect()
    };
    assert!(archives(&log).len() >= 2 && archives(&log).iter().all(|s| s.sealed));
    log.close().unwrap();

    let disk = disk.after_crash(Loss::Unsynced);
    let (log, _) = open(&disk, config()).unwrap();
    for (n, &at) in at.iter().enumerate() {
        let span = log.read(at, 1_012).unwrap();
        let frame = log.frames(at, &span).next().unwrap().unwrap();
        assert_eq!((frame.kind, frame.shard, frame.body), (5, n as u16, &[n as u8; 1_000][..]));
    }
    snapshot(&log);
    snapshot(&log);
    put(&log, b"a frame that points elsewhere");
    archives(&log).iter().for_each(|s| log.free(s.id));
    snapshot(&log);
    assert!(!archives(&log).is_empty(), "the older snapshot may still point at it");
    snapshot(&log);
    assert!(archives(&log).is_empty());
    assert!(matches!(log.read(at[0], 10), Err(anymq_log::ReadError::NoSegment(_))));
    let mut archive = log.archive(Class::Stream(42)).unwrap();
    let later = archive.append(5, 0, b"later").unwrap();
    assert!(later > at[39], "ids are never reused");
}
