//! The real disk: a directory of the operating system, locked against a second process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::fs::FallocateFlags;
use rustix::io::{Errno, ReadWriteFlags};

use crate::disk::{Disk, DiskFile};

/// Bytes of a file that the system reads ahead together, so that looking at one of them tells of all.
const READ_AHEAD: usize = 128 << 10;

/// Name of the lock file in the data directory.
const LOCK: &str = "lock";

/// A data directory on the operating system's file system. Locked until the last clone of the `Arc` goes.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    _lock: File,
}

/// A data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Another process has it.
    #[error("data directory {0} is in use by another process")]
    InUse(PathBuf),
    /// The operating system refused.
    #[error("cannot open data directory {0}: {1}")]
    Io(PathBuf, #[source] io::Error),
}

impl RealDisk {
    /// Takes `root` for this process; creates it, readable by its owner only, if it does not exist.
    pub fn take(root: impl Into<PathBuf>) -> Result<RealDisk, TakeError> {
        let root = root.into();
        let io = |e| TakeError::Io(root.clone(), e);
        create_private_dir(&root).map_err(io)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(root.join(LOCK))
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(RealDisk { root, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(TakeError::InUse(root)),
            Err(TryLockError::Error(e)) => Err(TakeError::Io(root, e)),
        }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, path: &str) -> io::Result<PathBuf> {
        let relative = Path::new(path);
        if relative.components().all(|c| matches!(c, Component::Normal(_))) {
            Ok(self.root.join(relative))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("not a path inside the data directory: {path}"),
            ))
        }
    }
}

fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Disk for RealDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.create_new(true).read(true).write(true).mode(0o600);
        Ok(Arc::new(RealFile(options.open(self.path(path)?)?)))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(true).open(self.path(path)?)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from)?, self.path(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(dir)?)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        create_private_dir(&self.path(dir)?)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.path(dir)?)?.sync_all()
    }

    fn free_space(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match self.0.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    /// Without clearing the memory first, which costs half as much as reading from the page cache does.
    fn read_vec_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buf = Vec::with_capacity(bytes);
        while buf.len() < bytes {
            let at = offset + buf.len() as u64;
            match rustix::io::pread(&self.0, spare_capacity(&mut buf), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        // The allocator may have given more room than was asked for.
        buf.truncate(bytes);
        Ok(buf)
    }

    fn is_cached(&self, offset: u64, bytes: usize) -> bool {
        let is_cached = |at: usize| {
            let mut byte = [0];
            let byte = &mut [io::IoSliceMut::new(&mut byte)];
            rustix::io::preadv2(&self.0, byte, offset + at as u64, ReadWriteFlags::NOWAIT) == Ok(1)
        };
        let Some(last) = bytes.checked_sub(1) else { return true };
        (0..last).step_by(READ_AHEAD).chain([last]).all(is_cached)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let reserve = || rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes);
        match rustix::io::retry_on_intr(reserve) {
            Ok(()) => Ok(()),
            // A file system without preallocation still gets the length; space may then run out at a write.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                if self.size()? < bytes {
                    self.0.set_len(bytes)?;
                }
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[cfg(test)]
mod tests;
