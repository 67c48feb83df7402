//! Cut and flipped files: found, named, isolated, repaired.

use anymq_log::{Config, Finding, Log, OpenError, Repaired, Summary, What, check, repair};
use anymq_runtime::{FaultDisk, Loss, Rng};

use crate::rig::{Memory, config, open, put};

/// A log with several segments and two snapshots, closed.
pub(crate) fn built(frames: u32) -> (FaultDisk, Memory) {
    built_with(frames, config())
}

fn built_with(frames: u32, config: Config) -> (FaultDisk, Memory) {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config.clone()).unwrap();
    let mut rng = Rng::new(2);
    for n in 0..frames {
        let mut body = vec![n as u8; rng.below(900) as usize];
        rng.fill(&mut body);
        put(&log, &[&n.to_le_bytes()[..], &body].concat());
        if n % 3 == 0 {
            log.commit_now();
        }
        if n == frames / 3 || n == frames / 2 {
            let mut snapshot = log.snapshot(log.end());
            for chunk in 0..=n {
                snapshot.chunk(&chunk.to_le_bytes()).unwrap();
            }
            snapshot.finish().unwrap();
        }
    }
    log.close().unwrap();
    let disk = disk.after_crash(Loss::Unsynced);
    let (_, memory) = open(&disk.after_crash(Loss::Nothing), config).unwrap();
    (disk, memory)
}

fn journal(disk: &FaultDisk) -> Vec<String> {
    let names = anymq_runtime::Disk::list(disk, "segments").unwrap();
    names.into_iter().filter(|n| n.ends_with(".journal")).map(|n| format!("segments/{n}")).collect()
}

fn snapshots(disk: &FaultDisk) -> Vec<String> {
    let names = anymq_runtime::Disk::list(disk, "snapshots").unwrap();
    names.into_iter().map(|n| format!("snapshots/{n}")).collect()
}

pub(crate) fn check_all(disk: &FaultDisk) -> (Summary, Vec<Finding>) {
    let mut findings = Vec::new();
    let summary = check(disk, &mut |finding| findings.push(finding)).unwrap();
    (summary, findings)
}

pub(crate) fn repair_all(disk: &FaultDisk) -> Vec<Repaired> {
    let mut done = Vec::new();
    let changes = repair(disk, &mut |repaired| done.push(repaired)).unwrap();
    assert_eq!(changes, done.len() as u64);
    done
}

/// Bytes of a segment that hold something: up to and including its seal.
fn used(log: &Log, path: &str) -> u64 {
    let id = u32::from_str_radix(&path[9..17], 16).unwrap();
    log.segments().iter().find(|s| s.id == id).unwrap().bytes + 32
}

#[test]
fn two_thousand_cuts_of_the_tail_leave_a_clean_prefix() {
    let config = || Config { segment_bytes: 64 << 10, ..config() };
    let (disk, whole) = built_with(120, config());
    let last = journal(&disk).pop().unwrap();
    let (log, _) = open(&disk.after_crash(Loss::Nothing), config()).unwrap();
    let end = used(&log, &last);
    // What is before the newest snapshot's position was committed long ago: a cut there is corruption.
    let floor = u64::from(log.recovered().snapshot.unwrap().offset());
    let mut lengths = std::collections::BTreeSet::new();
    for cut in 0..2_000 {
        // Every byte of the last part, then all over the segment.
        let at = if cut < 1_000 { end - cut } else { floor + (end - floor) * (cut - 1_000) / 1_000 };
        let disk = disk.after_crash(Loss::Nothing);
        disk.cut(&last, at);
        let (log, seen) = open(&disk, config()).unwrap();
        assert_eq!(seen.chunks, whole.chunks);
        assert_eq!(seen.frames, whole.frames[..seen.frames.len()], "cut at {at}");
        lengths.insert(seen.frames.len());
        // And the journal goes on from there.
        let after = put(&log, b"after the cut");
        log.close().unwrap();
        let (_, again) = open(&disk.after_crash(Loss::Unsynced), config()).unwrap();
        assert_eq!(again.frames.len(), seen.frames.len() + 1);
        assert_eq!(again.frames.last().unwrap().at, after);
    }
    assert!(lengths.len() > 10, "cuts fall into different groups");
    assert!(lengths.contains(&whole.frames.len()), "a cut behind the last group loses nothing");
}

#[test]
fn a_cut_inside_an_older_segment_is_corruption() {
    let (disk, whole) = built(200);
    let (log, _) = open(&disk.after_crash(Loss::Nothing), config()).unwrap();
    let needed = whole.frames[0].at.segment();
    let files = journal(&disk);
    let path = files.iter().find(|p| u32::from_str_radix(&p[9..17], 16).unwrap() > needed).unwrap();
    assert_ne!(path, files.last().unwrap());
    let end = used(&log, path) - 32;
    for at in (4_096..end).step_by(97) {
        let disk = disk.after_crash(Loss::Nothing);
        disk.cut(path, at);
        let refused = open(&disk, config()).err();
        assert!(
            matches!(&refused, Some(OpenError::Corrupt { file, .. }) if file == path),
            "cut at {at}: {refused:?}"
        );
    }
}

#[test]
fn five_hundred_bit_flips_are_all_detected() {
    let (disk, whole) = built(150);
    let (log, _) = open(&disk.after_crash(Loss::Nothing), config()).unwrap();
    let files: Vec<(String, u64)> = journal(&disk)
        .into_iter()
        .map(|path| (path.clone(), used(&log, &path)))
        .chain(
            snapshots(&disk)
                .into_iter()
                .map(|path| (path.clone(), disk.bytes_of(&path).unwrap().len() as u64)),
        )
        .chain([("anymq.meta".to_owned(), 32)])
        .collect();
    assert_eq!(check_all(&disk).1, []);
    let total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let mut rng = Rng::new(11);
    for flip in 0..500 {
        // Small files get their share: half of the flips choose the file first.
        let (path, byte) = if flip % 2 == 0 {
            let (path, bytes) = &files[rng.below(files.len() as u64) as usize];
            (path, rng.below(*bytes))
        } else {
            let mut at = rng.below(total);
            let file = files.iter().find(|(_, bytes)| {
                at < *bytes || {
                    at -= bytes;
                    false
                }
            });
            (&file.unwrap().0, at)
        };
        let bit = rng.below(8) as u8;
        let disk = disk.after_crash(Loss::Nothing);
        disk.flip(path, byte, bit);
        let what = format!("{path} byte {byte} bit {bit}");
        let (_, findings) = check_all(&disk);
        assert!(findings.iter().any(|f| f.file == *path), "check misses {what}: {findings:?}");
        // Opening refuses, or has everything.
        if let Ok((log, seen)) = open(&disk, config()) {
            let base = seen.chunks.len();
            assert_eq!(base + seen.frames.len(), whole.chunks.len() + whole.frames.len(), "{what}");
            for (number, frame) in (base as u32..).zip(&seen.frames) {
                assert_eq!(frame.body[..4], number.to_le_bytes(), "{what}");
            }
            drop(log);
        }
    }
}

#[test]
fn a_flip_in_a_frame_is_not_served_and_its_neighbours_are() {
    let (disk, _) = built(60);
    let (log, memory) = open(&disk, config()).unwrap();
    let segment = memory.frames[memory.frames.len() / 2].at.segment();
    let frames: Vec<_> = memory.frames.iter().filter(|f| f.at.segment() == segment).collect();
    let first = frames[0].at;
    assert!(frames.len() > 3);
    let last = frames.last().unwrap();
    let bytes = (last.at.0 - first.0) as u32 + 12 + last.body.len() as u32;
    let path = format!("segments/{:08x}.journal", first.segment());
    disk.flip(&path, u64::from(frames[1].at.offset()) + 12, 0);
    let span = log.read(first, bytes).unwrap();
    let read: Vec<_> = log.frames(first, &span).collect();
    assert_eq!(read.len(), frames.len());
    for (index, (read, written)) in read.iter().zip(&frames).enumerate() {
        match read {
            Ok(frame) => assert_eq!((frame.at, frame.body), (written.at, &written.body[..])),
            Err(bad) => assert_eq!((index, bad.at, bad.kind), (1, frames[1].at, 1)),
        }
    }
    assert_eq!(read.iter().filter(|r| r.is_err()).count(), 1);
}

#[test]
fn a_damaged_snapshot_is_put_away_and_the_older_one_serves() {
    let (disk, whole) = built(90);
    let newest = snapshots(&disk).pop().unwrap();
    disk.flip(&newest, 100, 1);
    let (log, seen) = open(&disk, config()).unwrap();
    assert_eq!(log.recovered().snapshots_damaged, [newest.strip_prefix("snapshots/").unwrap()]);
    assert!(seen.chunks.len() < whole.chunks.len());
    assert_eq!(seen.chunks.len() + seen.frames.len(), whole.chunks.len() + whole.frames.len());
    assert_eq!(anymq_runtime::Disk::list(&disk, "quarantine").unwrap().len(), 1);
}

#[test]
fn without_any_snapshot_the_journal_replays_from_its_beginning_or_opening_refuses() {
    let (disk, whole) = built(90);
    for path in snapshots(&disk) {
        disk.flip(&path, 100, 1);
    }
    let gone = disk.after_crash(Loss::Nothing);
    let (_, seen) = open(&disk, config()).unwrap();
    assert_eq!(seen.frames.len(), whole.chunks.len() + whole.frames.len());
    let first = journal(&gone).remove(0);
    anymq_runtime::Disk::remove(&gone, &first).unwrap();
    assert!(matches!(open(&gone, config()), Err(OpenError::NoSnapshot { first: 2 })));
}

#[test]
fn check_names_what_it_finds() {
    let (disk, _) = built(150);
    let (log, _) = open(&disk.after_crash(Loss::Nothing), config()).unwrap();
    let (summary, findings) = check_all(&disk);
    assert_eq!((summary.damage, findings.len(), summary.snapshots, summary.frames), (0, 0, 2, 150));
    assert_eq!(summary.segments as usize, journal(&disk).len());

    let frame = log.segments()[0];
    let path = journal(&disk).remove(0);
    assert_eq!(frame.id, 1);
    disk.flip(&path, 2_050, 0);
    disk.flip(&path, 4_096, 0);
    disk.flip(&path, 4_096 + 32 + 12 + 2, 0);
    let (summary, findings) = check_all(&disk);
    let what: Vec<_> = findings.iter().map(|f| f.what.clone()).collect();
    assert_eq!(what, [What::HeaderCopy, What::GroupHeader, What::Frame(1)]);
    assert_eq!(findings[2].at.unwrap().offset(), 4_096 + 32);
    assert_eq!((summary.damage, summary.frames), (3, 149));
    assert!(findings.iter().all(|f| !f.consequence().is_empty() && f.to_string().starts_with(&path)));
}

#[test]
fn repair_keeps_every_frame_that_verifies_and_the_log_opens() {
    let (disk, whole) = built(150);
    let (log, _) = open(&disk.after_crash(Loss::Nothing), config()).unwrap();
    let mut rng = Rng::new(5);
    let files: Vec<(String, u64)> = journal(&disk).into_iter().map(|p| (p.clone(), used(&log, &p))).collect();
    let total = whole.chunks.len() + whole.frames.len();
    for round in 0..60 {
        let disk = disk.after_crash(Loss::Nothing);
        let flips = 1 + rng.below(3);
        for _ in 0..flips {
            let (path, bytes) = &files[rng.below(files.len() as u64) as usize];
            disk.flip(path, 4_096 + rng.below(bytes - 4_096 - 32), rng.below(8) as u8);
        }
        let frames = check_all(&disk).0.frames;
        assert!(frames >= 150 - flips, "round {round}");
        repair_all(&disk);
        assert_eq!(repair_all(&disk), [], "a second repair has nothing to do");
        let (summary, findings) = check_all(&disk);
        assert_eq!(summary.frames, frames, "round {round}: {findings:?}");
        assert_eq!(summary.damage, 0, "round {round}: {findings:?}");
        let (_, seen) = open(&disk.after_crash(Loss::Unsynced), config()).unwrap();
        let has = seen.chunks.len() + seen.frames.len();
        assert!(has >= total - flips as usize && has <= total, "round {round}: {has} of {total}");
        for frame in &seen.frames {
            assert!(whole.frames.contains(frame), "at its old position, with its old body");
        }
    }
}

/// What a case does to a disk.
type Harm = Box<dyn Fn(&FaultDisk)>;

#[test]
fn repair_replaces_what_is_missing() {
    let (built, whole) = built(150);
    let (log, _) = open(&built.after_crash(Loss::Nothing), config()).unwrap();
    let files = journal(&built);
    assert!(files.len() > 4);
    let cases: Vec<(&str, Harm)> = vec![
        ("a segment in the middle", {
            let path = files[files.len() - 2].clone();
            Box::new(move |disk| anymq_runtime::Disk::remove(disk, &path).unwrap())
        }),
        ("the last segment", {
            let path = files[files.len() - 1].clone();
            Box::new(move |disk| anymq_runtime::Disk::remove(disk, &path).unwrap())
        }),
        ("a segment's header, both copies", {
            let path = files[files.len() - 2].clone();
            Box::new(move |disk| {
                disk.flip(&path, 3, 1);
                disk.flip(&path, 2_051, 1);
            })
        }),
        ("the segment the snapshot starts in, and the one before", {
            let at = whole.frames[0].at.segment();
            Box::new(move |disk| {
                for id in [at - 1, at] {
                    anymq_runtime::Disk::remove(disk, &format!("segments/{id:08x}.journal")).unwrap();
                }
            })
        }),
        ("everything from shortly before the snapshot's position", {
            let (through, files) = (log.recovered().snapshot.unwrap(), files.clone());
            assert!(through.offset() > 4_300, "there is something to cut");
            Box::new(move |disk| {
                let last = format!("segments/{:08x}.journal", through.segment());
                for path in files.iter().filter(|path| **path > last) {
                    anymq_runtime::Disk::remove(disk, path).unwrap();
                }
                disk.cut(&last, 4_200);
            })
        }),
        ("both snapshots and the beginning", {
            let (first, snapshots) = (files[0].clone(), snapshots(&built));
            Box::new(move |disk| {
                anymq_runtime::Disk::remove(disk, &first).unwrap();
                snapshots.iter().for_each(|path| disk.flip(path, 70, 2));
            })
        }),
        ("the identity", Box::new(|disk| disk.flip("anymq.meta", 14, 1))),
    ];
    for (what, harm) in cases {
        let disk = built.after_crash(Loss::Nothing);
        harm(&disk);
        let disk = disk.after_crash(Loss::Nothing);
        let harmless = what == "the last segment";
        assert!(harmless || open(&disk.after_crash(Loss::Nothing), config()).is_err(), "{what}");
        assert!(harmless || check_all(&disk).0.damage > 0, "{what}");
        let done = repair_all(&disk);
        assert!(harmless || !done.is_empty(), "{what}");
        assert!(done.iter().all(|d| d.to_string().starts_with(&d.file)));
        let (log, seen) =
            open(&disk.after_crash(Loss::Unsynced), config()).unwrap_or_else(|e| panic!("{what}: {e}"));
        for frame in seen.frames.iter().filter(|f| f.at >= whole.frames[0].at) {
            assert!(whole.frames.contains(frame), "{what}");
        }
        put(&log, b"goes on");
        log.close().unwrap();
        assert_eq!(check_all(&disk.after_crash(Loss::Nothing)).0.damage, 0, "{what}");
    }
}
