//! Segments outside the journal: what survives there for long is copied here, by queue class or by stream.
//!
//! Same file layout as the journal, grown instead of pre-allocated. What is appended may be pointed at once it is
//! synced; a journal frame then says where it moved. Every opening starts a new segment.

use std::sync::Arc;

use anymq_runtime::{DiskFile, Rng};
use anymq_types::Position;

use crate::error::{WriteError, is_full};
use crate::frame::{self, FRAME_HEADER, OWN};
use crate::group::{GROUP_HEADER, GroupCrc, GroupHeader};
use crate::log::Inner;
use crate::segment::{self, Class, Header, SEGMENT_HEADER, Segment};

/// Frames gathered before they are written, in bytes.
const BUFFER: usize = 1 << 20;
/// Largest frame body, in bytes.
const BODY_MAX: usize = 1 << 30;

/// Appends to segments of one class.
pub struct Archive {
    log: Arc<Inner>,
    class: Class,
    rng: Rng,
    current: Option<Current>,
}

struct Current {
    id: u32,
    salt: u32,
    path: String,
    file: Arc<dyn DiskFile>,
    /// Where the group being gathered starts.
    start: Position,
    group: Vec<u8>,
    frames: u32,
    crc: GroupCrc,
}

impl Archive {
    pub(crate) fn new(log: Arc<Inner>, class: Class) -> Result<Self, WriteError> {
        if class == Class::Journal {
            return Err(WriteError::NotAnArchive);
        }
        let rng = Rng::new(log.pending.lock().draw());
        Ok(Archive { log, class, rng, current: None })
    }

    /// Appends a frame. It can be read, and pointed at, after [`Archive::sync`]. After an error it was not appended.
    ///
    /// # Panics
    /// If `kind` is 0.
    pub fn append(&mut self, kind: u8, shard: u16, body: &[u8]) -> Result<Position, WriteError> {
        assert!(kind != OWN, "kind 0 is the log's own");
        if body.len() > BODY_MAX {
            return Err(WriteError::TooLarge { bytes: body.len(), max: BODY_MAX });
        }
        if self.current.as_ref().is_some_and(|c| c.group.len() >= BUFFER) {
            self.flush()?;
        }
        let segment_bytes = self.log.config.segment_bytes;
        if self.current.as_ref().is_some_and(|c| c.group.is_empty() && c.start.offset() >= segment_bytes) {
            self.end_segment()?;
        }
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let begun = begin(&self.log, self.class, self.rng.next_u32())?;
                self.current.insert(begun)
            }
        };
        if current.group.is_empty() {
            current.group.resize(GROUP_HEADER, 0);
            current.frames = 0;
            current.crc = GroupCrc::new();
        }
        let at = current.group.len();
        current.group.extend_from_slice(&[0; FRAME_HEADER]);
        current.group.extend_from_slice(body);
        frame::seal_header(&mut current.group[at..], current.salt, kind, 0, shard);
        current.crc.add(&current.group[at..]);
        current.frames += 1;
        Ok(current.start.plus(at as u32))
    }

    /// Makes everything appended durable and readable. A failed fsync fails the whole log.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.flush()?;
        let Some(current) = &self.current else { return Ok(()) };
        // Tells damage to the last group from one that was never finished; the next group takes its place.
        match seal(current) {
            Err(WriteError::Full) => {} // A help, not a promise.
            sealed => sealed?,
        }
        sync(&self.log, current)
    }

    /// Writes the group that was gathered.
    fn flush(&mut self) -> Result<(), WriteError> {
        let Some(current) = self.current.as_mut().filter(|c| !c.group.is_empty()) else { return Ok(()) };
        let header = GroupHeader {
            position: current.start,
            bytes: (current.group.len() - GROUP_HEADER) as u32,
            frames: current.frames,
            crc: current.crc.value(current.salt),
            seal: false,
        };
        header.write(&mut current.group, current.salt);
        let offset = u64::from(current.start.offset());
        let end = current.start.plus(current.group.len() as u32);
        let reserved = current.file.allocate(u64::from(end.offset()));
        reserved
            .and_then(|()| current.file.write_at(offset, &current.group))
            .map_err(WriteError::io(&current.path))?;
        current.group.clear();
        current.group.shrink_to(2 * BUFFER);
        current.start = end;
        self.log.segments.update(current.id, |s| s.bytes = u64::from(end.offset()));
        Ok(())
    }

    /// Ends the segment with a seal, so that its end is known.
    fn end_segment(&mut self) -> Result<(), WriteError> {
        let Some(current) = &self.current else { return Ok(()) };
        seal(current)?;
        sync(&self.log, current)?;
        self.log.segments.update(current.id, |s| s.sealed = true);
        self.current = None;
        Ok(())
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        if let Some(current) = &self.current {
            self.log.segments.update(current.id, |s| s.sealed = true);
        }
    }
}

/// Marks where the groups end.
fn seal(current: &Current) -> Result<(), WriteError> {
    let mut seal = [0; GROUP_HEADER];
    GroupHeader::seal(current.start).write(&mut seal, current.salt);
    let offset = u64::from(current.start.offset());
    current.file.write_at(offset, &seal).map_err(WriteError::io(&current.path))
}

fn sync(log: &Inner, current: &Current) -> Result<(), WriteError> {
    current.file.sync_data().map_err(|source| {
        log.fail(&format!("syncing {}: {source}", current.path));
        WriteError::Io { file: current.path.clone(), source }
    })
}

/// Makes a segment file: under another name until its header is durable.
fn begin(log: &Inner, class: Class, salt: u32) -> Result<Current, WriteError> {
    let id = log.segments.next_id();
    let path = segment::path(id, class);
    let unfinished = format!("{path}.new");
    let begun = (|| {
        let file = log.disk.create(&unfinished)?;
        let header = Header { class, identity: log.identity, id, salt, previous: Position(0) };
        file.write_at(0, &header.encode())?;
        file.sync_all()?;
        log.disk.rename(&unfinished, &path)?;
        log.disk.sync_dir(segment::DIR)?;
        Ok(file)
    })();
    let file = begun.map_err(|source| {
        // Best effort: opening removes unfinished files too.
        let _ = log.disk.remove(&unfinished);
        if is_full(&source) { WriteError::Full } else { WriteError::Io { file: path.clone(), source } }
    })?;
    let bytes = u64::from(SEGMENT_HEADER);
    log.segments.insert(id, Segment { class, salt, bytes, sealed: false, freed: None });
    let start = Position::new(id, SEGMENT_HEADER);
    Ok(Current { id, salt, path, file, start, group: Vec::new(), frames: 0, crc: GroupCrc::new() })
}
