//! Reading a file from front to back through a window, and walking the groups of a segment.

use std::io;
use std::sync::Arc;

use anymq_runtime::DiskFile;
use anymq_types::Position;

use crate::group::{GROUP_HEADER, GroupHeader};

/// Bytes read at once.
const WINDOW: usize = 1 << 20;

/// A window over a file.
pub(crate) struct Scanner {
    file: Arc<dyn DiskFile>,
    size: u64,
    base: u64,
    window: Vec<u8>,
}

impl Scanner {
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        let size = file.size()?;
        Ok(Scanner { file, size, base: 0, window: Vec::new() })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    /// `len` bytes at `at`; `None` if the file ends before.
    pub(crate) fn peek(&mut self, at: u64, len: usize) -> io::Result<Option<&[u8]>> {
        let end = at + len as u64;
        if end > self.size {
            return Ok(None);
        }
        let held = self.base..self.base + self.window.len() as u64;
        if at < held.start || end > held.end {
            let want = (len.max(WINDOW) as u64).min(self.size - at) as usize;
            self.window.resize(want, 0);
            self.base = at;
            self.file.read_exact_at(at, &mut self.window).inspect_err(|_| self.window.clear())?;
        }
        let from = (at - self.base) as usize;
        Ok(Some(&self.window[from..from + len]))
    }

    /// What stands at `at`, where a group, a seal, or nothing should start.
    pub(crate) fn header(&mut self, at: Position, salt: u32) -> io::Result<Option<GroupHeader>> {
        let bytes = self.peek(u64::from(at.offset()), GROUP_HEADER)?;
        Ok(bytes.and_then(|bytes| GroupHeader::parse(at, bytes, salt)))
    }

    /// The bytes of a group behind its header; `None` if the file ends before.
    pub(crate) fn group(&mut self, header: &GroupHeader) -> io::Result<Option<&[u8]>> {
        let at = u64::from(header.position.offset()) + GROUP_HEADER as u64;
        if at + u64::from(header.bytes) > u64::from(u32::MAX) {
            return Ok(None);
        }
        self.peek(at, header.bytes as usize)
    }

    /// The first position at or after `from` where a group header or seal of this segment verifies. Headers stand at
    /// any byte, so that every byte is tried.
    pub(crate) fn find_header(&mut self, from: Position, salt: u32) -> io::Result<Option<GroupHeader>> {
        let mut at = u64::from(from.offset());
        let last = self.size.min(u64::from(u32::MAX));
        while at + GROUP_HEADER as u64 <= last {
            let len = WINDOW.min((last - at) as usize);
            let Some(bytes) = self.peek(at, len)? else { return Ok(None) };
            if let Some(found) = find_in(bytes, Position::new(from.segment(), at as u32), salt) {
                return Ok(Some(found));
            }
            at += (len - GROUP_HEADER + 1) as u64;
        }
        Ok(None)
    }

    /// End of the last byte at or after `from` that is not zero; `from` if all are.
    pub(crate) fn used_end(&mut self, from: u64) -> io::Result<u64> {
        let (mut at, mut end) = (from, from);
        while at < self.size {
            let len = WINDOW.min((self.size - at) as usize);
            let Some(bytes) = self.peek(at, len)? else { break };
            if let Some(last) = bytes.iter().rposition(|&b| b != 0) {
                end = at + last as u64 + 1;
            }
            at += len as u64;
        }
        Ok(end)
    }
}

fn find_in(bytes: &[u8], start: Position, salt: u32) -> Option<GroupHeader> {
    if bytes.iter().all(|&b| b == 0) {
        return None;
    }
    // The high half of a header's own position is the segment's id, 16 bytes in: cheap to reject on.
    let id = start.segment().to_le_bytes();
    (0..=bytes.len() - GROUP_HEADER)
        .filter(|&at| bytes[at + 16..at + 20] == id)
        .find_map(|at| GroupHeader::parse(start.plus(at as u32), &bytes[at..], salt))
}
