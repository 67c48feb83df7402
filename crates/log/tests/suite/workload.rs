//! A scripted workload that knows what must survive.
//!
//! Every frame carries its number. Snapshots hold the numbers they cover, so that whatever a recovery restores and
//! replays must be 0, 1, 2 … without a gap, at least as far as was committed, and never ending inside one writer.

use std::sync::Arc;

use anymq_log::{Archive, Class, Config, Health, Log, OpenError};
use anymq_runtime::{FaultDisk, Rng};
use anymq_types::Position;

use crate::rig::{Memory, config, open};

/// Kind of a plain frame.
const PLAIN: u8 = 1;
/// Kind of a frame that says where something was archived.
const MOVED: u8 = 2;

/// What was written, by frame number.
#[derive(Clone, Default)]
pub(crate) struct Written {
    /// Position and body of each frame.
    frames: Vec<(Position, u8, Vec<u8>)>,
    /// Number of frames when each writer was dropped, and where the log ended then.
    writers: Vec<(usize, Position)>,
    /// Frames known to be committed.
    acked: usize,
    /// Archived: frame number, position, body.
    moved: Vec<(usize, Position, Vec<u8>)>,
}

fn body(number: usize, rng: &mut Rng) -> Vec<u8> {
    let mut body = (number as u32).to_le_bytes().to_vec();
    // Now and then larger than a segment.
    let len = if rng.chance(2) { 20_000 } else { rng.below(1_500) };
    body.resize(4 + len as usize, number as u8);
    body
}

fn number(body: &[u8]) -> usize {
    u32::from_le_bytes(body[..4].try_into().unwrap()) as usize
}

pub(crate) struct Workload {
    pub(crate) written: Written,
    rng: Rng,
    archive: Option<Archive>,
}

impl Workload {
    pub(crate) fn new(seed: u64) -> Self {
        Self::after(Written::default(), seed)
    }

    /// Goes on from what a recovery has left.
    pub(crate) fn after(written: Written, seed: u64) -> Self {
        Workload { written, rng: Rng::new(seed), archive: None }
    }

    /// Does `steps` steps, or as many as succeed. What is acknowledged is noted before anything else can fail.
    pub(crate) fn run(&mut self, log: &Log, steps: u64) {
        for _ in 0..steps {
            let ok = match self.rng.below(100) {
                0..55 => {
                    self.write(log);
                    true
                }
                55..85 => self.commit(log),
                85..92 => self.snapshot(log),
                92..96 => self.archive(log),
                _ => {
                    log.run_reads_now();
                    true
                }
            };
            if !ok || log.health() != Health::Ok {
                return;
            }
        }
        self.commit(log);
    }

    fn push(&mut self, at: Position, kind: u8, body: Vec<u8>) {
        self.written.frames.push((at, kind, body));
    }

    pub(crate) fn write(&mut self, log: &Log) {
        let mut writer = log.writer();
        for _ in 0..=self.rng.below(3) {
            let body = body(self.written.frames.len(), &mut self.rng);
            let at = writer.frame(PLAIN, 3, |out| out.extend_from_slice(&body));
            self.push(at, PLAIN, body);
        }
        self.written.writers.push((self.written.frames.len(), writer.end()));
    }

    pub(crate) fn commit(&mut self, log: &Log) -> bool {
        let health = log.commit_now();
        let committed = log.committed();
        let acked = self.written.writers.iter().rev().find(|(_, end)| *end <= committed);
        self.written.acked = self.written.acked.max(acked.map_or(0, |(frames, _)| *frames));
        health == Health::Ok
    }

    fn snapshot(&mut self, log: &Log) -> bool {
        let through = log.writer().end();
        let covers = self.written.frames.len();
        let mut snapshot = log.snapshot(through);
        let numbers: Vec<u8> = (0..covers as u32).flat_map(u32::to_le_bytes).collect();
        for chunk in numbers.chunks(200) {
            if snapshot.chunk(chunk).is_err() {
                return false;
            }
        }
        if snapshot.finish().is_err() {
            return false;
        }
        self.written.acked = self.written.acked.max(covers);
        for segment in log.segments() {
            if segment.class == Class::Journal && segment.sealed {
                log.free(segment.id);
            }
        }
        true
    }

    fn archive(&mut self, log: &Log) -> bool {
        let body = body(self.written.frames.len(), &mut self.rng);
        let archive = match &mut self.archive {
            Some(archive) => archive,
            None => self.archive.insert(log.archive(Class::Mixed).unwrap()),
        };
        let Ok(moved_to) = archive.append(9, 1, &body) else { return false };
        if archive.sync().is_err() {
            return false;
        }
        let number = self.written.frames.len();
        let pointer = [(number as u32).to_le_bytes().to_vec(), moved_to.0.to_le_bytes().to_vec()].concat();
        let mut writer = log.writer();
        let at = writer.frame(MOVED, 3, |out| out.extend_from_slice(&pointer));
        self.written.writers.push((number + 1, writer.end()));
        drop(writer);
        self.push(at, MOVED, pointer);
        self.written.moved.push((number, moved_to, body));
        true
    }
}

impl Written {
    /// Opens the log on `disk` and checks what it has; what is left of `self` there.
    pub(crate) fn recover(&self, disk: &FaultDisk, config: Config) -> Result<(Log, Written), OpenError> {
        let (log, memory) = open(disk, config)?;
        let left = self.check(&memory);
        for (_, at, body) in &left.moved {
            let span =
                log.read(*at, 12 + body.len() as u32).expect("an archived frame that the journal points at");
            let frame = log.frames(*at, &span).next().expect("one frame").expect("it verifies");
            assert_eq!((frame.kind, frame.body), (9, &body[..]));
        }
        Ok((log, left))
    }

    fn check(&self, memory: &Memory) -> Written {
        let restored = memory.chunks.concat().chunks(4).map(number).collect::<Vec<_>>();
        assert!(restored.iter().copied().eq(0..restored.len()), "the snapshot is whole");
        for (index, seen) in memory.frames.iter().enumerate() {
            let (at, kind, body) = &self.frames[restored.len() + index];
            assert_eq!((seen.at, seen.kind, &seen.body), (*at, *kind, body), "in order, nothing left out");
        }
        let has = restored.len() + memory.frames.len();
        assert!(has >= self.acked, "{} were acknowledged, {has} are there", self.acked);
        let writers = self.writers.iter().filter(|(frames, _)| *frames <= has).count();
        let whole = writers.checked_sub(1).map_or(0, |last| self.writers[last].0);
        assert_eq!(whole, has, "a writer's frames are all there, or none");
        Written {
            frames: self.frames[..has].to_vec(),
            writers: self.writers[..writers].to_vec(),
            acked: has,
            moved: self.moved.iter().filter(|(number, ..)| *number < has).cloned().collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }
}

/// A workload run on a fresh disk that stops at operation `crash_at`, if that is given.
pub(crate) fn run(seed: u64, steps: u64, crash_at: Option<u64>) -> (FaultDisk, Written) {
    run_with(seed, steps, crash_at, Arc::new(|_| {}))
}

pub(crate) fn run_with(
    seed: u64,
    steps: u64,
    crash_at: Option<u64>,
    on_fatal: anymq_log::OnFatal,
) -> (FaultDisk, Written) {
    let disk = FaultDisk::new();
    if let Some(op) = crash_at {
        disk.crash_at(op);
    }
    let mut workload = Workload::new(seed);
    if let Ok((log, _)) = open(&disk, Config { on_fatal, ..config() }) {
        workload.run(&log, steps);
    }
    (disk, workload.written)
}
