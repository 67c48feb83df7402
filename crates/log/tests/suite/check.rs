//! What belongs to whom, and what checks well.

use anymq_log::{Class, Config, OpenError, What};
use anymq_runtime::{FaultDisk, Loss};

use crate::damage::{built, check_all, repair_all};
use crate::rig::{config, open, put};
use crate::workload::run;

#[test]
fn directories_of_others_and_of_the_future_are_refused() {
    let (mine, _) = built(60);
    let other = FaultDisk::new();
    let (log, _) = open(&other, Config { seed: Some(99), ..config() }).unwrap();
    put(&log, b"x");
    log.close().unwrap();
    let copy = |from: &FaultDisk, path: &str, to: &FaultDisk| {
        let file = anymq_runtime::Disk::open(to, path).unwrap();
        file.write_at(0, &from.bytes_of(path).unwrap()).unwrap();
    };
    let path = "segments/00000001.journal";
    let mixed = mine.after_crash(Loss::Nothing);
    copy(&other, path, &mixed);
    assert!(matches!(open(&mixed, config()), Err(OpenError::Foreign { file, .. }) if file == path));
    assert!(check_all(&mixed).1.iter().any(|f| f.file == path && matches!(f.what, What::Segment(_))));

    let headless = mine.after_crash(Loss::Nothing);
    anymq_runtime::Disk::remove(&headless, "anymq.meta").unwrap();
    assert!(
        matches!(open(&headless, config()), Err(OpenError::Damaged { file, .. }) if file == "anymq.meta")
    );
    assert_eq!(repair_all(&headless).len(), 1);
    let (log, _) = open(&headless, config()).unwrap();
    assert_eq!(log.identity(), open(&mine, config()).unwrap().0.identity());
}

#[test]
fn archives_are_checked_and_repaired_too() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    let mut archive = log.archive(Class::Stream(77)).unwrap();
    let at: Vec<_> = (0..20u8).map(|n| archive.append(4, 0, &[n; 100]).unwrap()).collect();
    archive.sync().unwrap();
    drop(archive);
    log.close().unwrap();
    let path = format!("segments/{:08x}.stream", at[3].segment());
    disk.flip(&path, u64::from(at[3].offset()) + 50, 4);
    let (_, findings) = check_all(&disk);
    // Nothing stands behind the group, so it may as well be torn: what of it verifies is not told apart.
    assert_eq!((findings.len(), findings[0].file.as_str()), (1, &*path));
    let (log, _) = open(&disk, config()).unwrap();
    let span = log.read(at[0], (at[19].0 - at[0].0) as u32 + 112).unwrap();
    let read: Vec<_> = log.frames(at[0], &span).collect();
    assert_eq!((read.len(), read.iter().filter(|r| r.is_err()).count()), (20, 1));
    assert_eq!(read[3].unwrap_err().at, at[3]);
}

#[test]
fn a_workload_that_ends_well_checks_well() {
    for seed in 0..5 {
        let (disk, _) = run(seed, 120, None);
        let (summary, findings) = check_all(&disk.after_crash(Loss::Nothing));
        assert_eq!(summary.damage, 0, "{findings:?}");
        let tears = findings.iter().filter(|f| f.what == What::Tail).count();
        assert!(tears <= 1, "only an archive that was not ended may have no known end: {findings:?}");
    }
}
