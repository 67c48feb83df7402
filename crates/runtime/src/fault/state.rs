//! What the fault disk remembers: bytes and names as seen, as durable, and what lies between.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use super::{Loss, Op, OpKind, SECTOR};
use crate::rng::Rng;

/// A change of a file that no sync has covered yet.
#[derive(Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Len(usize),
}

/// A change of names that no directory sync has covered yet.
#[derive(Clone)]
pub(super) enum NameChange {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
    Dir(String),
}

impl NameChange {
    fn dir(&self) -> &str {
        match self {
            NameChange::Create(path, _) | NameChange::Remove(path) | NameChange::Dir(path) => parent(path),
            NameChange::Rename(_, to) => parent(to),
        }
    }
}

#[derive(Default)]
pub(super) struct Inode {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    unsynced: Vec<Change>,
}

pub(super) struct State {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) live_names: BTreeMap<String, u64>,
    pub(super) live_dirs: BTreeSet<String>,
    durable_names: BTreeMap<String, u64>,
    durable_dirs: BTreeSet<String>,
    unsynced: Vec<NameChange>,
    next_inode: u64,
    pub(super) trace: Vec<Op>,
    pub(super) crash_at: Option<u64>,
    pub(super) crashed: bool,
    pub(super) fail_sync_at: Option<u64>,
    pub(super) syncs: u64,
    pub(super) quota: u64,
}

impl Default for State {
    fn default() -> Self {
        let root = BTreeSet::from([String::new()]);
        State {
            inodes: BTreeMap::new(),
            live_names: BTreeMap::new(),
            live_dirs: root.clone(),
            durable_names: BTreeMap::new(),
            durable_dirs: root,
            unsynced: Vec::new(),
            next_inode: 0,
            trace: Vec::new(),
            crash_at: None,
            crashed: false,
            fail_sync_at: None,
            syncs: 0,
            quota: u64::MAX,
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn crash() -> io::Error {
    io::Error::other("the machine has crashed")
}

impl State {
    pub(super) fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(crash()) } else { Ok(()) }
    }

    /// Numbers an operation; the error of a crash if this is the one.
    pub(super) fn count(&mut self, op: Op) -> io::Result<()> {
        let number = self.trace.len() as u64;
        self.trace.push(op);
        if self.crash_at == Some(number) {
            self.crashed = true;
            return Err(crash());
        }
        Ok(())
    }

    pub(super) fn used(&self) -> u64 {
        self.live_names.values().map(|inode| self.inodes[inode].live.len() as u64).sum()
    }

    pub(super) fn create(&mut self, path: &str) -> io::Result<u64> {
        self.alive()?;
        if self.live_names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !self.live_dirs.contains(parent(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let crash = self.count(Op { kind: OpKind::Create, path: path.into(), offset: 0, bytes: 0 });
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(inode, Inode::default());
        self.change_names(NameChange::Create(path.into(), inode));
        crash.map(|()| inode)
    }

    pub(super) fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.alive()?;
        if !self.live_dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = self.live_names.keys().filter(|path| parent(path) == dir);
        Ok(inside
            .map(|path| path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name).to_owned())
            .collect())
    }

    pub(super) fn change_names(&mut self, change: NameChange) {
        apply_name(&mut self.live_names, &mut self.live_dirs, &change);
        self.unsynced.push(change);
    }

    pub(super) fn sync_dir(&mut self, dir: &str) {
        let (now, later) = std::mem::take(&mut self.unsynced).into_iter().partition(|c| c.dir() == dir);
        self.unsynced = later;
        let now: Vec<NameChange> = now;
        for change in &now {
            apply_name(&mut self.durable_names, &mut self.durable_dirs, change);
        }
    }

    pub(super) fn change(&mut self, inode: u64, change: Change) -> io::Result<()> {
        let used = self.used();
        let quota = self.quota;
        let inode = self.inodes.get_mut(&inode).expect("an open file has an inode");
        let before = inode.live.len();
        let after = match &change {
            Change::Write { offset, bytes } => before.max(offset + bytes.len()),
            Change::Len(bytes) => *bytes,
        };
        if after > before && used + (after - before) as u64 > quota {
            return Err(io::ErrorKind::StorageFull.into());
        }
        apply(&mut inode.live, &change);
        inode.unsynced.push(change);
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: u64) -> io::Result<()> {
        let number = self.syncs;
        self.syncs += 1;
        let inode = self.inodes.get_mut(&inode).expect("an open file has an inode");
        let changes = std::mem::take(&mut inode.unsynced);
        if self.fail_sync_at == Some(number) {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
        }
        for change in &changes {
            apply(&mut inode.durable, change);
        }
        Ok(())
    }

    pub(super) fn after_crash(&self, loss: Loss) -> State {
        let (names, dirs) = match loss {
            Loss::Nothing => (self.live_names.clone(), self.live_dirs.clone()),
            Loss::Unsynced => (self.durable_names.clone(), self.durable_dirs.clone()),
            Loss::Random(seed) => self.some_names(&mut Rng::new(seed)),
        };
        let mut state = State { next_inode: self.next_inode, ..State::default() };
        for (path, id) in names {
            if !dirs.contains(parent(&path)) {
                continue;
            }
            let inode = &self.inodes[&id];
            let bytes = match loss {
                Loss::Nothing => inode.live.clone(),
                Loss::Unsynced => inode.durable.clone(),
                Loss::Random(seed) => {
                    inode.some_bytes(&mut Rng::new(seed ^ (id + 1).wrapping_mul(0x9E37_79B9)))
                }
            };
            let survivor = Inode { live: bytes.clone(), durable: bytes, unsynced: Vec::new() };
            state.inodes.insert(id, survivor);
            state.live_names.insert(path.clone(), id);
            state.durable_names.insert(path, id);
        }
        state.live_dirs.clone_from(&dirs);
        state.durable_dirs = dirs;
        state
    }

    /// Of each directory's unsynced changes, a prefix.
    fn some_names(&self, rng: &mut Rng) -> (BTreeMap<String, u64>, BTreeSet<String>) {
        let mut per_dir: BTreeMap<&str, u64> = BTreeMap::new();
        for change in &self.unsynced {
            *per_dir.entry(change.dir()).or_default() += 1;
        }
        for keep in per_dir.values_mut() {
            *keep = rng.below(*keep + 1);
        }
        let (mut names, mut dirs) = (self.durable_names.clone(), self.durable_dirs.clone());
        for change in &self.unsynced {
            let keep = per_dir.get_mut(change.dir()).expect("counted above");
            if *keep > 0 {
                *keep -= 1;
                apply_name(&mut names, &mut dirs, change);
            }
        }
        (names, dirs)
    }
}

impl Inode {
    /// The durable bytes with some of each sector's unsynced history.
    fn some_bytes(&self, rng: &mut Rng) -> Vec<u8> {
        let changes = self.unsynced.len() as u64;
        // Often all or nothing of a file survives; else every sector is on its own.
        let common = match rng.below(4) {
            0 => Some(changes),
            1 => Some(0),
            _ => None,
        };
        let draw = |rng: &mut Rng| common.unwrap_or_else(|| rng.below(changes + 1)) as usize;
        let lengths = draw(rng);
        let mut keeps: HashMap<usize, usize> = HashMap::new();
        let mut bytes = self.durable.clone();
        let mut len = bytes.len();
        for (index, change) in self.unsynced.iter().enumerate() {
            match change {
                Change::Len(to) if index < lengths => {
                    bytes.truncate(*to);
                    len = *to;
                }
                Change::Len(_) => {}
                Change::Write { offset, bytes: written } => {
                    if index < lengths {
                        len = len.max(offset + written.len());
                    }
                    for (at, piece) in sectors(*offset, written) {
                        let keep = *keeps.entry(at / SECTOR).or_insert_with(|| draw(rng));
                        if index < keep {
                            put(&mut bytes, at, piece);
                        }
                    }
                }
            }
        }
        bytes.resize(len, 0);
        bytes
    }
}

/// A write cut at sector borders: where each piece goes, and its bytes.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = offset;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, left) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
        let place = at;
        at += piece.len();
        rest = left;
        Some((place, piece))
    })
}

fn put(into: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    into[offset..end].copy_from_slice(bytes);
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes: written } => put(bytes, *offset, written),
        Change::Len(len) => bytes.resize(*len, 0),
    }
}

fn apply_name(names: &mut BTreeMap<String, u64>, dirs: &mut BTreeSet<String>, change: &NameChange) {
    match change {
        NameChange::Create(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
        NameChange::Dir(path) => {
            dirs.insert(path.clone());
        }
    }
}
