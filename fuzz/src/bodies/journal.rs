//! Segments and snapshots as files (`log`): check, recovery and repair of a data directory that holds anything.
//!
//! An input is a script that builds the files, so that checksums are right where the script wants them to be and the
//! code behind them is reached. What is wrong with the files is then the script's doing, too: bytes turned over, files
//! cut, headers that lie.
//!
//! ```text
//!  op u8 % 16 · n u8 · then, for ops that take bytes, n bytes
//! ```

use anymq_log::{Config, Frame, Log, OpenError, Replay, ReplayError, check, repair};
use anymq_runtime::{Disk, FaultDisk, Loss};

/// Besides four times the input: the disk in memory keeps every file three times (as seen, as durable, as written) and
/// a segment has at least 8 KiB; recovery reads through a window and zeroes tails with a buffer of 1 MiB each. Four
/// disks are alive at once.
pub(super) const BASE: usize = 8 << 20;

const IDENTITY: u128 = 7;
const SALT: u32 = 0x5EED;
/// Offset of the first group.
const PAGE: usize = 4_096;
/// Longest file that a script may make, in bytes: a script's length, but for headers.
const FILE_MAX: usize = 256 << 10;

/// Builds a data directory from a script and does to it what a start, a check and a repair do.
pub fn journal(data: &[u8]) {
    let (disk, is_consistent) = Script::run(data);
    let ops = disk.ops();
    let mut damage = false;
    let checked = check(&disk, &mut |finding| {
        damage |= finding.is_damage();
        assert!(!finding.to_string().is_empty() && !finding.consequence().is_empty());
    });
    assert_eq!(disk.ops(), ops, "a check changes nothing");
    let started = disk.after_crash(Loss::Nothing);
    match open(&started) {
        Ok((log, frames)) => goes_on(&started, &log, &frames),
        Err(OpenError::NewerFormat { .. } | OpenError::Foreign { .. }) => {}
        Err(error) => {
            assert!(damage || checked.is_err() || !is_consistent, "the check found nothing, but: {error}");
            let repaired = disk.after_crash(Loss::Nothing);
            if repair(&repaired, &mut |_| {}).is_err() {
                return;
            }
            let opened = open(&repaired);
            assert!(opened.is_ok() || !is_consistent, "does not open after a repair: {:?}", opened.err());
        }
    }
}

/// What was recovered is there again after the next start, and what is written now behind it.
fn goes_on(disk: &FaultDisk, log: &Log, frames: &[Vec<u8>]) {
    log.writer().frame(200, 0, |body| body.extend_from_slice(b"written after recovery"));
    log.commit_now();
    log.close().expect("nothing is wrong with the disk");
    let (_, again) = open(disk).expect("what was closed opens");
    let mut expected = frames.to_vec();
    expected.push(shown(200, b"written after recovery"));
    // A snapshot covers frames before its position; those after it are all replayed, both times.
    assert_eq!(again, expected);
}

fn shown(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], body].concat()
}

/// Remembers what it is given.
#[derive(Default)]
struct Seen(Vec<Vec<u8>>);

impl Replay for Seen {
    fn restore(&mut self, chunk: &[u8]) -> Result<(), ReplayError> {
        self.0.push(shown(0, chunk));
        Ok(())
    }

    fn replay(&mut self, frame: Frame<'_>) -> Result<(), ReplayError> {
        self.0.push(shown(frame.kind, frame.body));
        Ok(())
    }
}

/// Settings of a log without threads and with the smallest segments.
fn config() -> Config {
    Config { threads: false, seed: Some(3), segment_bytes: 8 << 10, ..Config::default() }
}

fn open(disk: &FaultDisk) -> Result<(Log, Vec<Vec<u8>>), OpenError> {
    let mut seen = Seen::default();
    let log = Log::open(std::sync::Arc::new(disk.clone()), config(), &mut seen)?;
    Ok((log, seen.0))
}

fn crc(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// A frame with its checksums.
fn frame(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(12 + body.len());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&[kind, flags, 0, 0]);
    bytes.extend_from_slice(body);
    let sum = (crc(&bytes[8..]) ^ SALT).to_le_bytes();
    bytes[4..8].copy_from_slice(&sum);
    bytes
}

/// The first page of a segment.
fn page(id: u32, class: u32, previous: u64) -> Vec<u8> {
    let mut copy = Vec::with_capacity(60);
    copy.extend_from_slice(b"ANYMQSEG");
    copy.extend_from_slice(&1u32.to_le_bytes());
    copy.extend_from_slice(&class.to_le_bytes());
    copy.extend_from_slice(&0u64.to_le_bytes());
    copy.extend_from_slice(&IDENTITY.to_le_bytes());
    copy.extend_from_slice(&id.to_le_bytes());
    copy.extend_from_slice(&SALT.to_le_bytes());
    copy.extend_from_slice(&previous.to_le_bytes());
    let sum = crc(&copy);
    copy.extend_from_slice(&sum.to_le_bytes());
    let mut page = vec![0; PAGE];
    page[..60].copy_from_slice(&copy);
    page[2_048..2_108].copy_from_slice(&copy);
    page
}

/// A directory as it grows under a script.
struct Script {
    disk: FaultDisk,
    /// Segment being built: its id, and its file so far.
    id: u32,
    file: Vec<u8>,
    /// Frames of the group being built.
    group: Vec<u8>,
    heads: Vec<u8>,
    frames: u32,
    chunks: Vec<Vec<u8>>,
    snapshots: u64,
    left: usize,
    /// Where the last group ended, in the file.
    groups_end: usize,
    is_consistent: bool,
}

impl Script {
    /// The directory, and whether groups and segments stand one behind the other, each where the one before ended. No
    /// damage makes it otherwise: their headers say where they stand, and have checksums.
    fn run(mut data: &[u8]) -> (FaultDisk, bool) {
        let disk = FaultDisk::new();
        for dir in ["segments", "snapshots"] {
            disk.create_dir(dir).expect("a new disk");
        }
        let mut meta = [&b"ANYMQDIR"[..], &1u32.to_le_bytes(), &IDENTITY.to_le_bytes()].concat();
        let sum = crc(&meta).to_le_bytes();
        meta.extend_from_slice(&sum);
        put(&disk, "anymq.meta", &meta);
        let mut script = Script {
            disk,
            id: 1,
            file: page(1, 1, 0),
            group: Vec::new(),
            heads: Vec::new(),
            frames: 0,
            chunks: Vec::new(),
            snapshots: 0,
            left: FILE_MAX,
            groups_end: PAGE,
            is_consistent: true,
        };
        while let [op, n, rest @ ..] = data {
            let takes = if op % 16 < 6 { usize::from(*n).min(rest.len()) } else { 0 };
            let (bytes, rest) = rest.split_at(takes);
            data = rest;
            script.step(op % 16, *n, bytes);
        }
        script.finish()
    }

    fn step(&mut self, op: u8, n: u8, bytes: &[u8]) {
        match op {
            0..=2 => self.frame(op + 1, bytes),
            3 => self.raw(bytes),
            4 => self.chunks.push(bytes.to_vec()),
            5 => self.frame(bytes.first().copied().unwrap_or(0), bytes.get(1..).unwrap_or_default()),
            6 => self.end_group(0),
            7 => self.end_group(i64::from(n as i8)),
            8 => self.seal(),
            9 => self.next_segment(0, usize::from(n)),
            10 => self.next_segment(i64::from(n as i8), 0),
            11 => self.flip(n),
            12 => self.snapshot(self.end(), false),
            13 => self.snapshot(self.end().wrapping_add_signed(i64::from(n as i8)), n & 1 != 0),
            14 => self.file.truncate(self.file.len().saturating_sub(usize::from(n)).max(PAGE)),
            _ => self.raw(&vec![0; usize::from(n)]),
        }
    }

    fn end(&self) -> u64 {
        u64::from(self.id) << 32 | self.file.len() as u64
    }

    fn frame(&mut self, kind: u8, body: &[u8]) {
        let bytes = frame(kind, if kind == 0 { 2 } else { 0 }, body);
        self.heads.extend_from_slice(&bytes[..12]);
        self.group.extend_from_slice(&bytes);
        self.frames += 1;
    }

    /// Writes the group; `lie` is added to its length.
    fn end_group(&mut self, lie: i64) {
        self.is_consistent &= lie == 0 && self.groups_end == self.file.len();
        let bytes = (self.group.len() as u32).wrapping_add_signed(lie as i32);
        self.own(0, bytes, self.frames, crc(&self.heads) ^ SALT);
        let group = std::mem::take(&mut self.group);
        self.raw(&group);
        self.groups_end = self.file.len();
        self.heads.clear();
        self.frames = 0;
    }

    fn seal(&mut self) {
        self.own(1, 0, 0, 0);
    }

    fn own(&mut self, flags: u8, bytes: u32, frames: u32, sum: u32) {
        let mut body = self.end().to_le_bytes().to_vec();
        for word in [bytes, frames, sum] {
            body.extend_from_slice(&word.to_le_bytes());
        }
        let header = frame(0, flags, &body);
        self.raw(&header);
    }

    fn raw(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(self.left);
        self.left -= fits;
        self.file.extend_from_slice(&bytes[..fits]);
    }

    /// Turns a bit over somewhere in the file.
    fn flip(&mut self, n: u8) {
        let back = usize::from(n) * 3 + 1;
        if let Some(at) = self.file.len().checked_sub(back) {
            self.file[at] ^= 1 << (n & 7);
        }
    }

    /// Goes on in another segment, whose header says that this one ended where it did, or `lie` bytes off. Then the file
    /// loses its last `cut` bytes.
    fn next_segment(&mut self, lie: i64, cut: usize) {
        if self.id >= 8 || self.left < PAGE {
            return;
        }
        self.left -= PAGE;
        let end = self.end().wrapping_add_signed(lie);
        self.is_consistent &= lie == 0 && self.groups_end == self.file.len();
        self.file.truncate(self.file.len().saturating_sub(cut).max(PAGE));
        self.store();
        self.id += 1;
        self.groups_end = PAGE;
        self.file = page(self.id, if lie == 100 { 2 } else { 1 }, end);
    }

    fn store(&mut self) {
        let suffix = if self.file.get(12) == Some(&2) { "mixed" } else { "journal" };
        put(&self.disk, &format!("segments/{:08x}.{suffix}", self.id), &self.file);
    }

    /// A snapshot of the chunks so far through a position.
    fn snapshot(&mut self, through: u64, torn: bool) {
        if self.snapshots >= 4 {
            return;
        }
        self.snapshots += 1;
        let from = (through >> 32) << 32 | PAGE as u64;
        let mut file = [&b"ANYMQSNP"[..], &1u32.to_le_bytes(), &[0; 4], &IDENTITY.to_le_bytes()].concat();
        for word in [self.snapshots, through, from] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&(self.id + 1).to_le_bytes());
        let sum = crc(&file).to_le_bytes();
        file.extend_from_slice(&sum);
        let mut covered = Vec::new();
        for chunk in &self.chunks {
            let head = [(chunk.len() as u32).to_le_bytes(), crc(chunk).to_le_bytes()].concat();
            covered.extend_from_slice(&head);
            file.extend_from_slice(&head);
            file.extend_from_slice(chunk);
        }
        let bytes: usize = self.chunks.iter().map(Vec::len).sum();
        let counts = [(self.chunks.len() as u64).to_le_bytes(), (bytes as u64).to_le_bytes()].concat();
        covered.extend_from_slice(&counts);
        file.extend_from_slice(&u32::MAX.to_le_bytes());
        file.extend_from_slice(&crc(&covered).to_le_bytes());
        file.extend_from_slice(&counts);
        if torn {
            file.truncate(file.len() - 1);
        }
        put(&self.disk, &format!("snapshots/{:016x}.snapshot", self.snapshots), &file);
    }

    fn finish(mut self) -> (FaultDisk, bool) {
        self.store();
        for dir in ["", "segments", "snapshots"] {
            self.disk.sync_dir(dir).expect("the disk works");
        }
        (self.disk, self.is_consistent)
    }
}

fn put(disk: &FaultDisk, path: &str, bytes: &[u8]) {
    let file = disk.create(path).expect("a name that is free");
    file.write_at(0, bytes).expect("the disk works");
    file.sync_all().expect("the disk works");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let frames = b"\x00\x03one\x01\x03two\x06\x00\x02\x05three\x06\x00";
    let with = |more: &[u8]| [&frames[..], more].concat();
    vec![
        frames.to_vec(),
        with(b"\x08\x00"),
        with(b"\x09\x00\x00\x04next\x06\x00\x08\x00"),
        with(b"\x0b\x02"),
        with(b"\x0b\x09\x00\x01x\x06\x00"),
        with(b"\x0e\x07"),
        with(b"\x04\x05chunk\x04\x00\x0c\x00\x00\x05after\x06\x00"),
        with(b"\x04\x05chunk\x0c\x00\x0d\x01\x0d\x04"),
        with(b"\x07\x05\x00\x01x\x06\x00"),
        with(b"\x0a\x64\x00\x01x\x06\x00"),
        with(b"\x0a\x05\x00\x01x\x06\x00"),
        with(b"\x0a\x64\x0a\xd8\x00\x01x\x06\x00"),
        with(b"\x0a\xf9\x00\x01x\x06\x00"),
        with(b"\x09\x05\x00\x01x\x06\x00"),
        with(b"\x05\x03\x00hi\x06\x00\x0f\xff\x03\x04junk"),
        Vec::new(),
    ]
}
