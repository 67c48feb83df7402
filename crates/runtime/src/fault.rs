//! A disk in memory that fails on command, and knows what a crash would leave of it.
//!
//! It keeps, beside what programs see, what is durable: the state at each file's last fsync and each directory's last
//! sync. [`FaultDisk::after_crash`] makes a new disk of that, with as much of the rest as [`Loss`] says. Every
//! operation that changes something has a number, so that a test can run a workload once, count, and then run it again
//! for each number with [`FaultDisk::crash_at`].

mod state;

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile};
use state::{Change, NameChange, State};

/// The unit that reaches the disk whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// What a crash does to what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing is lost: the process died, the machine did not.
    Nothing,
    /// Everything is lost that was not synced, names included.
    Unsynced,
    /// Each sector and each directory keeps some of its unsynced history, drawn from this seed: writes are torn,
    /// dropped and reordered.
    Random(u64),
}

/// One operation that changed something, or was meant to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// What it was.
    pub kind: OpKind,
    /// File or directory; the name it had when it was opened.
    pub path: String,
    /// Byte offset of a write, else 0.
    pub offset: u64,
    /// Bytes written, or the length set or allocated, else 0.
    pub bytes: u64,
}

/// The kinds of operations that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// A file came to be.
    Create,
    /// A directory came to be.
    CreateDir,
    /// A file got another name.
    Rename,
    /// A file lost its name.
    Remove,
    /// Names of a directory were made durable.
    SyncDir,
    /// Bytes were written.
    Write,
    /// A length was set.
    SetLen,
    /// Room was reserved.
    Allocate,
    /// A file was made durable.
    Sync,
}

/// The disk. Clones share one state.
#[derive(Clone)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

impl Default for FaultDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::of(State::default())
    }

    fn of(state: State) -> Self {
        FaultDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Operations so far that changed something.
    pub fn ops(&self) -> u64 {
        self.state.lock().trace.len() as u64
    }

    /// Those operations, in order.
    pub fn trace(&self) -> Vec<Op> {
        self.state.lock().trace.clone()
    }

    /// The machine stops in the middle of operation number `op` (the first is 0): it may or may not have happened, and
    /// this and every later call fails.
    pub fn crash_at(&self, op: u64) {
        self.state.lock().crash_at = Some(op);
    }

    /// The process died, the machine did not: everything works again, and what was not synced is there, but still not
    /// durable. Faults that were ordered and have not happened are called off.
    pub fn restart_process(&self) {
        let mut state = self.state.lock();
        state.crashed = false;
        state.crash_at = None;
        state.fail_sync_at = None;
    }

    /// Whether the crash has happened.
    pub fn crashed(&self) -> bool {
        self.state.lock().crashed
    }

    /// File sync number `sync` (the first is 0) returns EIO. As with Linux, what it should have made durable is then
    /// marked clean: no later sync will write it either.
    pub fn fail_sync_at(&self, sync: u64) {
        self.state.lock().fail_sync_at = Some(sync);
    }

    /// File syncs so far.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Bytes all files together may have; an operation that would need more returns `StorageFull`.
    pub fn set_quota(&self, bytes: u64) {
        self.state.lock().quota = bytes;
    }

    /// Bytes all files together have.
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    /// Turns one bit of a file over, durably, without counting as an operation.
    ///
    /// # Panics
    /// If there is no such file or byte.
    pub fn flip(&self, path: &str, byte: u64, bit: u8) {
        let mut state = self.state.lock();
        let inode = *state.live_names.get(path).expect("a file to flip a bit of");
        let inode = state.inodes.get_mut(&inode).expect("a name has an inode");
        let at = usize::try_from(byte).expect("offset fits memory");
        inode.live[at] ^= 1 << (bit & 7);
        if let Some(durable) = inode.durable.get_mut(at) {
            *durable ^= 1 << (bit & 7);
        }
    }

    /// Cuts or extends a file, durably, without counting as an operation.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn cut(&self, path: &str, bytes: u64) {
        let mut state = self.state.lock();
        let inode = *state.live_names.get(path).expect("a file to cut");
        let inode = state.inodes.get_mut(&inode).expect("a name has an inode");
        let bytes = usize::try_from(bytes).expect("length fits memory");
        inode.live.resize(bytes, 0);
        inode.durable.resize(bytes, 0);
    }

    /// Whole content of a file as programs see it.
    pub fn bytes_of(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let inode = state.live_names.get(path)?;
        Some(state.inodes[inode].live.clone())
    }

    /// The disk as the next start finds it; without faults, everything on it durable.
    pub fn after_crash(&self, loss: Loss) -> FaultDisk {
        Self::of(self.state.lock().after_crash(loss))
    }
}

impl Disk for FaultDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.state.lock().create(path)?;
        Ok(Arc::new(FaultFile { state: Arc::clone(&self.state), inode, path: path.into() }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state.lock();
        state.alive()?;
        let inode = *state.live_names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(FaultFile { state: Arc::clone(&self.state), inode, path: path.into() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        if !state.live_names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let crash = state.count(Op { kind: OpKind::Rename, path: to.into(), offset: 0, bytes: 0 });
        state.change_names(NameChange::Rename(from.into(), to.into()));
        crash
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        if !state.live_names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let crash = state.count(Op { kind: OpKind::Remove, path: path.into(), offset: 0, bytes: 0 });
        state.change_names(NameChange::Remove(path.into()));
        crash
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.state.lock().list(dir)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        if state.live_dirs.contains(dir) {
            return Ok(());
        }
        let crash = state.count(Op { kind: OpKind::CreateDir, path: dir.into(), offset: 0, bytes: 0 });
        state.change_names(NameChange::Dir(dir.into()));
        crash
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        state.count(Op { kind: OpKind::SyncDir, path: dir.into(), offset: 0, bytes: 0 })?;
        state.sync_dir(dir);
        Ok(())
    }

    fn free_space(&self) -> io::Result<u64> {
        let state = self.state.lock();
        state.alive()?;
        Ok(state.quota.saturating_sub(state.used()))
    }
}

struct FaultFile {
    state: Arc<Mutex<State>>,
    inode: u64,
    path: String,
}

impl FaultFile {
    fn change(&self, kind: OpKind, offset: u64, bytes: u64, change: Change) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        let crash = state.count(Op { kind, path: self.path.clone(), offset, bytes });
        let grown = state.change(self.inode, change);
        crash.and(grown)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.alive()?;
        state.count(Op { kind: OpKind::Sync, path: self.path.clone(), offset: 0, bytes: 0 })?;
        state.sync(self.inode)
    }
}

impl DiskFile for FaultFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.state.lock();
        state.alive()?;
        let live = &state.inodes[&self.inode].live;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
        let bytes = buf.len().min(live.len() - from);
        buf[..bytes].copy_from_slice(&live[from..from + bytes]);
        Ok(bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let change = Change::Write { offset: offset as usize, bytes: bytes.to_vec() };
        self.change(OpKind::Write, offset, bytes.len() as u64, change)
    }

    fn size(&self) -> io::Result<u64> {
        let state = self.state.lock();
        state.alive()?;
        Ok(state.inodes[&self.inode].live.len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.change(OpKind::SetLen, 0, bytes, Change::Len(bytes as usize))
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let bytes = bytes.max(self.size()?);
        self.change(OpKind::Allocate, 0, bytes, Change::Len(bytes as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}

#[cfg(test)]
mod tests;
