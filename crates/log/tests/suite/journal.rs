//! The journal as the broker uses it: write, commit, read, close, open again.

use crate::rig::{config, open, put};
use anymq_log::{Class, Health};
use anymq_runtime::{FaultDisk, Loss};

#[test]
fn what_is_committed_is_replayed_in_order() {
    let disk = FaultDisk::new();
    let (log, before) = open(&disk, config()).unwrap();
    assert!(before.frames.is_empty() && before.chunks.is_empty());
    let bodies: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; usize::from(n) * 40]).collect();
    let mut at = Vec::new();
    for body in &bodies {
        at.push(put(&log, body));
        if body.len() % 3 == 0 {
            assert_eq!(log.commit_now(), Health::Ok);
        }
    }
    log.close().unwrap();

    let (log, seen) = open(&disk.after_crash(Loss::Unsynced), config()).unwrap();
    assert_eq!(seen.frames.iter().map(|f| f.body.clone()).collect::<Vec<_>>(), bodies);
    assert_eq!(seen.frames.iter().map(|f| f.at).collect::<Vec<_>>(), at);
    assert!(seen.frames.iter().all(|f| (f.kind, f.flags, f.shard) == (1, 0, 7)));
    assert!(log.recovered().clean);
    assert_eq!(log.recovered().end, log.committed());
    let segments = log.segments();
    assert!(segments.len() > 1 && segments.iter().all(|s| s.class == Class::Journal));
    assert_eq!(segments.iter().filter(|s| !s.sealed).count(), 1);
}
