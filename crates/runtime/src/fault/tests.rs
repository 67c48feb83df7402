//! The fault disk loses what it may lose, and nothing else.

use super::*;

fn with_file() -> (FaultDisk, Arc<dyn DiskFile>) {
    let disk = FaultDisk::new();
    let file = disk.create("a").unwrap();
    (disk, file)
}

fn names(disk: &FaultDisk) -> Vec<String> {
    disk.list("").unwrap()
}

#[test]
fn only_synced_bytes_and_names_survive() {
    let (disk, file) = with_file();
    file.write_at(0, b"kept").unwrap();
    file.sync_data().unwrap();
    disk.sync_dir("").unwrap();
    file.write_at(4, b" lost").unwrap();
    disk.rename("a", "b").unwrap();
    disk.create("c").unwrap();

    let after = disk.after_crash(Loss::Unsynced);
    assert_eq!((names(&after), after.bytes_of("a").unwrap()), (vec!["a".to_owned()], b"kept".to_vec()));
    let after = disk.after_crash(Loss::Nothing);
    assert_eq!((names(&after).len(), after.bytes_of("b").unwrap()), (2, b"kept lost".to_vec()));
}

#[test]
fn a_synced_file_without_a_synced_name_is_gone() {
    let (disk, file) = with_file();
    file.write_at(0, b"x").unwrap();
    file.sync_all().unwrap();
    assert!(names(&disk.after_crash(Loss::Unsynced)).is_empty());
}

#[test]
fn a_directory_needs_its_parent_synced() {
    let disk = FaultDisk::new();
    disk.create_dir("d").unwrap();
    disk.create("d/f").unwrap().sync_all().unwrap();
    disk.sync_dir("d").unwrap();
    assert!(disk.after_crash(Loss::Unsynced).list("d").is_err());
    disk.sync_dir("").unwrap();
    assert_eq!(disk.after_crash(Loss::Unsynced).list("d").unwrap(), ["f"]);
}

#[test]
fn random_loss_tears_at_sectors_and_follows_its_seed() {
    let (disk, file) = with_file();
    file.write_at(0, &[1; 4 * SECTOR]).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir("").unwrap();
    file.write_at(0, &[2; 4 * SECTOR]).unwrap();
    let mut torn = 0;
    for seed in 0..64 {
        let bytes = disk.after_crash(Loss::Random(seed)).bytes_of("a").unwrap();
        assert_eq!(bytes, disk.after_crash(Loss::Random(seed)).bytes_of("a").unwrap());
        for sector in bytes.chunks(SECTOR) {
            assert!(sector.iter().all(|&b| b == sector[0]), "a sector is whole");
        }
        torn += usize::from(bytes.contains(&1) && bytes.contains(&2));
    }
    assert!(torn > 10, "{torn} of 64 were torn");
}

#[test]
fn a_failed_sync_is_not_made_good_by_the_next() {
    let (disk, file) = with_file();
    disk.sync_dir("").unwrap();
    disk.fail_sync_at(0);
    file.write_at(0, b"x").unwrap();
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
    file.sync_data().unwrap();
    assert_eq!(disk.after_crash(Loss::Unsynced).bytes_of("a").unwrap(), b"");
}

#[test]
fn quota_refuses_growth_and_can_be_raised() {
    let (disk, file) = with_file();
    disk.set_quota(10);
    file.write_at(0, &[0; 10]).unwrap();
    assert_eq!(file.write_at(5, &[0; 6]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.allocate(11).unwrap_err().kind(), io::ErrorKind::StorageFull);
    file.write_at(0, &[1; 10]).unwrap();
    disk.set_quota(11);
    file.allocate(11).unwrap();
    assert_eq!((disk.used(), disk.free_space().unwrap()), (11, 0));
    disk.remove("a").unwrap();
    assert_eq!(disk.free_space().unwrap(), 11);
}

#[test]
fn nothing_works_from_the_crash_on() {
    let (disk, file) = with_file();
    disk.sync_dir("").unwrap();
    let at = disk.ops() + 1;
    disk.crash_at(at);
    file.write_at(0, b"1").unwrap();
    assert!(!disk.crashed());
    assert!(file.sync_data().is_err());
    assert!(disk.crashed());
    assert!(file.read_at(0, &mut [0]).is_err());
    assert!(disk.list("").is_err());
    assert_eq!(disk.after_crash(Loss::Unsynced).bytes_of("a").unwrap(), b"");
    assert_eq!(disk.after_crash(Loss::Nothing).bytes_of("a").unwrap(), b"1");
    assert_eq!(disk.trace()[2].kind, OpKind::Write);
}

#[test]
fn after_a_restart_of_the_process_unsynced_bytes_are_seen_but_not_durable() {
    let (disk, file) = with_file();
    disk.sync_dir("").unwrap();
    disk.crash_at(disk.ops());
    assert!(file.write_at(0, b"x").is_err());
    disk.restart_process();
    assert_eq!(disk.bytes_of("a").unwrap(), b"x");
    assert_eq!(disk.after_crash(Loss::Unsynced).bytes_of("a").unwrap(), b"");
    disk.open("a").unwrap().sync_data().unwrap();
    assert_eq!(disk.after_crash(Loss::Unsynced).bytes_of("a").unwrap(), b"x");
}

#[test]
fn flips_and_cuts_are_durable() {
    let (disk, file) = with_file();
    disk.sync_dir("").unwrap();
    file.write_at(0, &[0; 3]).unwrap();
    file.sync_data().unwrap();
    disk.flip("a", 1, 3);
    disk.cut("a", 2);
    assert_eq!(disk.after_crash(Loss::Unsynced).bytes_of("a").unwrap(), [0, 8]);
}
