//! The disk as storage code sees it: files of one data directory, and which operations make what durable.
//!
//! Paths are relative to the data directory, `/`-separated, without `..`. What is durable after a crash:
//! the bytes and length of a file up to its last `sync_data` or `sync_all`; the names in a directory up to its last
//! `sync_dir`. Nothing else is promised, in particular not that writes reach the disk in order.

use std::io;
use std::sync::Arc;

/// One data directory.
pub trait Disk: Send + Sync + 'static {
    /// Creates a file for reading and writing; an error of kind `AlreadyExists` if the name is taken.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, in the same or another directory; replaces what had that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file's name; its bytes go when nobody has it open any more.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Names of the files (not directories) in `dir`, sorted; `""` is the data directory itself.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Creates a directory below the data directory; nothing happens if it exists.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Bytes that can still be written.
    fn free_space(&self) -> io::Result<u64>;
}

/// An open file.
pub trait DiskFile: Send + Sync + 'static {
    /// Reads at `offset`; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, and makes the file longer if need be. After an error any part may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Cuts the file or extends it with a hole of zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes sure that the first `bytes` can be written without running out of space; extends the file with zeros.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Makes bytes and length durable.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes bytes, length and the rest of the file's metadata durable.
    fn sync_all(&self) -> io::Result<()>;

    /// Whether reading `bytes` bytes at `offset` will, as far as can be told at little cost, not wait for the device.
    fn is_cached(&self, _offset: u64, _bytes: usize) -> bool {
        false
    }

    /// Reads exactly `bytes` bytes into memory of their own; `UnexpectedEof` if there are not so many.
    fn read_vec_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buf = vec![0; bytes];
        self.read_exact_at(offset, &mut buf).map(|()| buf)
    }

    /// Reads exactly `buf.len()` bytes; `UnexpectedEof` if there are not so many.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if self.read_at(offset, buf)? == buf.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
