//! The file that makes a directory a data directory: its format version and identity.

use anymq_runtime::{Disk, Rng};

use crate::error::OpenError;
use crate::segment::{self, VERSION};
use crate::snapshot;

/// The file.
pub(crate) const FILE: &str = "anymq.meta";
const UNFINISHED: &str = "anymq.meta.new";
const MAGIC: &[u8; 8] = b"ANYMQDIR";
const LEN: usize = 32;

fn encode(identity: u128) -> [u8; LEN] {
    let mut out = [0; LEN];
    out[..8].copy_from_slice(MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..28].copy_from_slice(&identity.to_le_bytes());
    let crc = crc_fast::crc32_iscsi(&out[..28]);
    out[28..].copy_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<u128, OpenError> {
    let damaged = || OpenError::Damaged { file: FILE.to_owned(), what: "it does not verify" };
    let bytes: &[u8; LEN] = bytes.try_into().map_err(|_| damaged())?;
    let crc = crc_fast::crc32_iscsi(&bytes[..28]).to_le_bytes();
    if &bytes[..8] != MAGIC || bytes[28..] != crc {
        return Err(damaged());
    }
    let version = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if version > VERSION {
        return Err(OpenError::NewerFormat { file: FILE.to_owned(), found: version, known: VERSION });
    }
    Ok(u128::from_le_bytes(bytes[12..28].try_into().expect("16 bytes")))
}

/// Identity of the data directory; `None` if it is none yet.
pub(crate) fn load(disk: &dyn Disk) -> Result<Option<u128>, OpenError> {
    if !disk.list("").map_err(OpenError::io("data directory"))?.iter().any(|name| name == FILE) {
        return Ok(None);
    }
    let file = disk.open(FILE).map_err(OpenError::io(FILE))?;
    let mut bytes = [0; LEN + 1];
    let len = file.read_at(0, &mut bytes).map_err(OpenError::io(FILE))?;
    decode(&bytes[..len]).map(Some)
}

/// Writes the file for `identity`, so that a crash leaves all of it or nothing.
pub(crate) fn store(disk: &dyn Disk, identity: u128) -> Result<(), OpenError> {
    let stored = (|| {
        if disk.list("")?.iter().any(|name| name == UNFINISHED) {
            disk.remove(UNFINISHED)?;
        }
        let file = disk.create(UNFINISHED)?;
        file.write_at(0, &encode(identity))?;
        file.sync_all()?;
        disk.rename(UNFINISHED, FILE)?;
        disk.sync_dir("")
    })();
    stored.map_err(OpenError::io(FILE))
}

/// Identity of the data directory, which is made one if it is empty.
pub(crate) fn load_or_create(disk: &dyn Disk, rng: &mut Rng) -> Result<u128, OpenError> {
    let identity = load(disk)?;
    for dir in [segment::DIR, snapshot::DIR] {
        disk.create_dir(dir).map_err(OpenError::io(dir))?;
        let names = disk.list(dir).map_err(OpenError::io(dir))?;
        if identity.is_none() && !names.is_empty() {
            return Err(OpenError::Damaged {
                file: FILE.to_owned(),
                what: "it is missing, but there are data",
            });
        }
    }
    disk.sync_dir("").map_err(OpenError::io("data directory"))?;
    match identity {
        Some(identity) => Ok(identity),
        None => {
            let identity = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
            store(disk, identity)?;
            Ok(identity)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_survives_and_every_bit_is_covered() {
        let bytes = encode(7 << 99);
        assert_eq!(decode(&bytes).unwrap(), 7 << 99);
        for byte in 0..LEN {
            for bit in 0..8 {
                let mut bad = bytes;
                bad[byte] ^= 1 << bit;
                assert!(matches!(decode(&bad), Err(OpenError::Damaged { .. })), "{byte}.{bit}");
            }
        }
    }

    #[test]
    fn other_lengths_and_newer_versions_are_refused() {
        let mut bytes = encode(1);
        assert!(decode(&bytes[..31]).is_err());
        bytes[8] = 9;
        let crc = crc_fast::crc32_iscsi(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(decode(&bytes), Err(OpenError::NewerFormat { found: 9, .. })));
    }
}
