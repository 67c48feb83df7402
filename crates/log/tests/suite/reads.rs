//! Reading: from memory, from files, across both, by several threads.

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use anymq_log::{CommitWaker, Config, ReadError};
use anymq_runtime::{FaultDisk, Loss};
use anymq_types::Position;

use crate::rig::{config, open, put};

#[test]
fn a_span_is_the_same_before_during_and_after_its_commit() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, Config { segment_bytes: 1 << 20, ..config() }).unwrap();
    let mut at = Vec::new();
    for n in 0..30u8 {
        at.push(put(&log, &[n; 300]));
        if n == 9 || n == 19 {
            log.commit_now();
        }
    }
    let bodies = |from: usize, to: usize| -> Vec<u8> {
        let bytes = (at[to].0 - at[from].0) as u32 + 312;
        let span = log.read(at[from], bytes).unwrap();
        log.frames(at[from], &span).map(|frame| frame.unwrap().body[0]).collect()
    };
    for (from, to) in [(0, 9), (0, 19), (5, 25), (15, 29), (20, 29), (0, 29), (29, 29)] {
        let expected: Vec<u8> = (from as u8..=to as u8).collect();
        assert_eq!(bodies(from, to), expected, "{from}..={to}");
    }
    log.commit_now();
    assert_eq!(bodies(0, 29).len(), 30);
    // A full disk leaves a group in flight.
    disk.set_quota(0);
    let last = put(&log, &vec![77; 2 << 20]);
    log.commit_now();
    put(&log, &[78; 10]);
    let span = log.read(last, 12 + (2 << 20)).unwrap();
    assert_eq!(log.frames(last, &span).next().unwrap().unwrap().body[0], 77);
    assert_eq!(bodies(0, 29).len(), 30);
}

#[test]
fn spans_outside_what_was_written_are_errors() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    assert!(matches!(log.read(Position::new(1, 4_096), 1), Err(ReadError::NoSegment(1))));
    let at = put(&log, b"12345678");
    for _ in 0..2 {
        assert!(log.read(at, 20).is_ok());
        assert!(matches!(log.read(at, 21), Err(ReadError::OutOfRange { .. })));
        assert!(matches!(log.read(at, u32::MAX), Err(ReadError::OutOfRange { .. })));
        assert!(matches!(log.read(Position::new(1, 0), 10), Err(ReadError::OutOfRange { .. })));
        assert!(matches!(log.read(Position::new(9, 4_096), 1), Err(ReadError::NoSegment(9))));
        log.commit_now();
    }
}

#[test]
fn reads_are_handed_over_and_bounded() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, Config { reads_max: 3, ..config() }).unwrap();
    let at = put(&log, b"here");
    let (send, receive) = mpsc::sync_channel(64);
    for _ in 0..5 {
        let send = send.clone();
        log.read_async(at, 16, Box::new(move |read| send.send(read.map(|span| span.len())).unwrap()));
    }
    assert_eq!(log.stats().reads_waiting, 3);
    log.run_reads_now();
    let (ok, busy): (Vec<_>, Vec<_>) = receive.try_iter().partition(Result::is_ok);
    assert_eq!((ok.len(), busy.len()), (3, 2));
    assert!(busy.iter().all(|read| matches!(read, Err(ReadError::Busy))));
    log.close().unwrap();
    log.read_async(at, 16, Box::new(move |read| send.send(read.map(|span| span.len())).unwrap()));
    assert!(matches!(receive.try_recv().unwrap(), Err(ReadError::Closed)));
}

#[test]
fn few_files_are_enough_for_many_segments() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, Config { files_max: 2, ..config() }).unwrap();
    let at: Vec<_> = (0..40u8)
        .map(|n| {
            let at = put(&log, &[n; 5_000]);
            log.commit_now();
            at
        })
        .collect();
    for round in 0..3 {
        for (n, &at) in at.iter().enumerate().skip(round) {
            let span = log.read(at, 5_012).unwrap();
            assert_eq!(log.frames(at, &span).next().unwrap().unwrap().body[0], n as u8);
        }
    }
    assert_eq!(log.stats().reads, 40 + 39 + 38);
}

struct Send(mpsc::SyncSender<Position>);

impl CommitWaker for Send {
    fn committed(&self, up_to: Position) {
        self.0.send(up_to).unwrap();
    }
}

#[test]
fn many_writers_are_committed_each_in_its_own_order() {
    const WRITERS: u32 = 8;
    const EACH: u32 = 400;
    let disk = FaultDisk::new();
    let settings = Config { threads: true, segment_bytes: 64 << 10, ..config() };
    let (log, _) = open(&disk, settings.clone()).unwrap();
    let start = Arc::new(Barrier::new(WRITERS as usize));
    let threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (log, start) = (log.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                let (send, receive) = mpsc::sync_channel(64);
                for n in 0..EACH {
                    let mut group = log.writer();
                    for part in 0..2u32 {
                        let body = [writer.to_le_bytes(), n.to_le_bytes(), part.to_le_bytes()].concat();
                        group.frame(1, 0, |out| out.extend_from_slice(&body));
                    }
                    let end = group.end();
                    drop(group);
                    if n % 10 == 0 {
                        log.when_committed(end, Arc::new(Send(send.clone())));
                        let up_to = receive.recv_timeout(Duration::from_secs(30)).unwrap();
                        assert!(up_to >= end && log.committed() >= end);
                    }
                }
                log.wait_committed(log.end()).unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(log.stats().commits < u64::from(WRITERS * EACH), "commits are shared");
    assert_eq!(log.stats().uncommitted_bytes, 0);
    log.close().unwrap();

    let (_, seen) = open(&disk.after_crash(Loss::Unsynced), settings).unwrap();
    assert_eq!(seen.frames.len(), (WRITERS * EACH * 2) as usize);
    let mut next = [0u32; WRITERS as usize];
    for pair in seen.frames.chunks(2) {
        let word =
            |frame: usize, at: usize| u32::from_le_bytes(pair[frame].body[at..at + 4].try_into().unwrap());
        let writer = word(0, 0);
        assert_eq!((word(0, 4), word(0, 8)), (next[writer as usize], 0));
        assert_eq!((word(1, 0), word(1, 4), word(1, 8)), (writer, next[writer as usize], 1));
        next[writer as usize] += 1;
    }
}

#[test]
fn a_waker_is_called_once_and_at_once_if_it_is_late() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    let (send, receive) = mpsc::sync_channel(64);
    put(&log, b"a");
    let end = log.end();
    log.when_committed(end, Arc::new(Send(send.clone())));
    assert!(receive.try_recv().is_err());
    log.commit_now();
    assert_eq!(receive.try_iter().collect::<Vec<_>>(), [end]);
    put(&log, b"b");
    log.commit_now();
    assert!(receive.try_recv().is_err(), "once");
    log.when_committed(end, Arc::new(Send(send)));
    assert_eq!(receive.try_iter().collect::<Vec<_>>(), [log.committed()]);
}

#[test]
fn congestion_ends_with_the_commit() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, Config { uncommitted_bytes_max: 10_000, ..config() }).unwrap();
    put(&log, &[0; 6_000]);
    assert!(!log.congested());
    put(&log, &[0; 6_000]);
    assert!(log.congested());
    log.commit_now();
    assert!(!log.congested());
}

#[test]
fn a_body_that_panics_leaves_no_trace() {
    let disk = FaultDisk::new();
    let (log, _) = open(&disk, config()).unwrap();
    put(&log, b"before");
    let other = log.clone();
    let panicked = std::thread::spawn(move || {
        other.writer().frame(1, 0, |out| {
            out.extend_from_slice(b"half a fra");
            panic!("in the middle of a frame (expected in this test)");
        })
    });
    assert!(panicked.join().is_err());
    put(&log, b"after");
    log.close().unwrap();
    let (_, seen) = open(&disk.after_crash(Loss::Unsynced), config()).unwrap();
    assert_eq!(seen.frames.iter().map(|f| &f.body[..]).collect::<Vec<_>>(), [&b"before"[..], b"after"]);
}
