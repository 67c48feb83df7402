//! The mark of a broker that stopped in order.
//!
//! Deliveries are not journaled, so after a crash nobody knows what consumers have seen, and every message counts as seen. A broker that
//! stops leaves a snapshot that says what was seen, and then this file beside it: the journal's end, u64 LE. The next one takes it away
//! before it serves anybody; so the file is there only if nothing was delivered since.

use std::io;

use anymq_log::OpenError;
use anymq_runtime::Disk;
use anymq_types::Position;

const FILE: &str = "stopped";

/// Leaves the mark for a journal that ends at `end`.
pub(crate) fn put(disk: &dyn Disk, end: Position) -> io::Result<()> {
    let file = match disk.create(FILE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(FILE)?,
        file => file?,
    };
    file.write_at(0, &end.0.to_le_bytes())?;
    file.sync_all()?;
    disk.sync_dir("")
}

/// Takes the mark away; whether there was one for a journal that ends at `end`.
///
/// # Errors
/// If it may still be there.
pub(crate) fn take(disk: &dyn Disk, end: Position) -> Result<bool, OpenError> {
    remove(disk, end).map_err(|source| OpenError::Io { file: FILE.to_owned(), source })
}

fn remove(disk: &dyn Disk, end: Position) -> io::Result<bool> {
    let file = match disk.open(FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    let mut found = [0; 8];
    let there = file.read_at(0, &mut found)?;
    disk.remove(FILE)?;
    disk.sync_dir("")?;
    Ok(there == found.len() && found == end.0.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use anymq_runtime::{FaultDisk, Loss};

    use super::*;

    #[test]
    fn a_mark_is_good_once_and_for_one_end() {
        let (disk, end) = (FaultDisk::new(), Position::new(3, 4_096));
        assert!(!take(&disk, end).unwrap());
        for (put_at, good) in [(end, true), (end.plus(1), false)] {
            put(&disk, put_at).unwrap();
            put(&disk, put_at).unwrap();
            let disk = disk.after_crash(Loss::Unsynced);
            assert_eq!(take(&disk, end).unwrap(), good);
            assert!(!take(&disk.after_crash(Loss::Unsynced), end).unwrap(), "it is gone for good");
        }
    }

    #[test]
    fn a_mark_that_was_cut_is_none() {
        let (disk, end) = (FaultDisk::new(), Position::new(0, 7));
        put(&disk, end).unwrap();
        disk.cut(FILE, 3);
        assert!(!take(&disk, end).unwrap());
    }
}
