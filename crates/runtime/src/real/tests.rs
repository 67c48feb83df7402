//! The real disk against a temporary directory.

use super::*;

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        let name = format!("anymq-disk-{}-{:x}", std::process::id(), crate::Rng::from_entropy().next_u64());
        Dir(std::env::temp_dir().join(name))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // Best effort: a left-over directory in the system's temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_second_taker_is_refused_until_the_first_lets_go() {
    let dir = Dir::new();
    let first = RealDisk::take(&dir.0).unwrap();
    assert!(matches!(RealDisk::take(&dir.0), Err(TakeError::InUse(path)) if path == dir.0));
    drop(first);
    RealDisk::take(&dir.0).unwrap();
}

#[test]
fn paths_cannot_leave_the_directory() {
    let dir = Dir::new();
    let disk = RealDisk::take(&dir.0).unwrap();
    for path in ["../x", "/etc/passwd", "a/../../b", "./x"] {
        assert_eq!(disk.create(path).err().map(|e| e.kind()), Some(io::ErrorKind::InvalidInput), "{path}");
    }
}

#[test]
fn files_behave_as_the_trait_says() {
    let dir = Dir::new();
    let disk = RealDisk::take(&dir.0).unwrap();
    disk.create_dir("d").unwrap();
    disk.create_dir("d").unwrap();
    let file = disk.create("d/a").unwrap();
    assert_eq!(disk.create("d/a").err().map(|e| e.kind()), Some(io::ErrorKind::AlreadyExists));
    file.allocate(8_192).unwrap();
    file.write_at(8_190, b"abcd").unwrap();
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    assert_eq!(file.size().unwrap(), 8_194);
    file.allocate(100).unwrap();
    assert_eq!(file.size().unwrap(), 8_194, "allocating never cuts");
    let mut buf = [9; 8];
    assert_eq!(file.read_at(8_188, &mut buf).unwrap(), 6);
    assert_eq!(&buf[..6], b"\0\0abcd");
    assert_eq!(file.read_exact_at(8_190, &mut [0; 5]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(file.read_vec_at(8_189, 4).unwrap(), b"\0abc");
    assert_eq!(file.read_vec_at(0, 0).unwrap(), b"");
    assert_eq!(file.read_vec_at(8_190, 5).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(file.is_cached(0, 8_194) && file.is_cached(8_194, 0), "it was just written");
    assert!(!file.is_cached(0, 8_195), "there is no such byte");
    file.set_len(1).unwrap();
    disk.rename("d/a", "d/b").unwrap();
    disk.sync_dir("d").unwrap();
    assert_eq!(disk.list("d").unwrap(), ["b"]);
    assert_eq!(disk.open("d/b").unwrap().size().unwrap(), 1);
    assert_eq!(disk.open("d/a").err().map(|e| e.kind()), Some(io::ErrorKind::NotFound));
    disk.remove("d/b").unwrap();
    assert!(disk.list("d").unwrap().is_empty());
    assert_eq!(disk.list("").unwrap(), ["lock"]);
    assert!(disk.free_space().unwrap() > 0);
}
