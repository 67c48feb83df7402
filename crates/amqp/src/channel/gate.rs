//! A channel's output while something that was said first is not allowed out yet: a reply that must wait for the disk, or
//! a fetched message that is still being read. Everything after it on the same channel waits behind it.

use std::collections::VecDeque;

use anymq_types::Position;

/// What a segment waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Nothing,
    /// This position on disk.
    Commit(Position),
    /// The message of this fetch.
    Fetch(u64),
}

#[derive(Debug)]
struct Segment {
    wait: Wait,
    bytes: Vec<u8>,
}

/// Output held back, in order. Open while empty. What it holds is bounded by what the outbox hands over and by the
/// replies to what one socket read contains: the connection stops reading while [`Gate::len`] is large.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    segments: VecDeque<Segment>,
}

impl Gate {
    /// Nothing is held back.
    pub(crate) fn is_open(&self) -> bool {
        self.segments.is_empty()
    }

    /// Bytes held back.
    pub(crate) fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes.len()).sum()
    }

    /// Where output goes: behind what is held back, or straight to `out`.
    pub(crate) fn sink<'a>(&'a mut self, out: &'a mut Vec<u8>) -> &'a mut Vec<u8> {
        match self.segments.back_mut() {
            Some(segment) => &mut segment.bytes,
            None => out,
        }
    }

    /// Holds what follows until `position` is on disk.
    pub(crate) fn hold_for_commit(&mut self, position: Position) {
        self.hold(Wait::Commit(position));
    }

    /// Holds what follows until the fetch `token` is answered.
    pub(crate) fn hold_for_fetch(&mut self, token: u64) {
        self.hold(Wait::Fetch(token));
    }

    fn hold(&mut self, wait: Wait) {
        self.segments.push_back(Segment { wait, bytes: Vec::new() });
    }

    /// Puts the answer to fetch `token` in its place. False if nothing waits for it.
    pub(crate) fn answer(&mut self, token: u64, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(segment) = self.segments.iter_mut().find(|segment| segment.wait == Wait::Fetch(token))
        else {
            return false;
        };
        let behind = std::mem::take(&mut segment.bytes);
        write(&mut segment.bytes);
        segment.bytes.extend_from_slice(&behind);
        segment.wait = Wait::Nothing;
        true
    }

    /// Moves to `out` what may go out now that `committed` is on disk.
    pub(crate) fn release(&mut self, committed: Position, out: &mut Vec<u8>) {
        while let Some(segment) = self.segments.front() {
            match segment.wait {
                Wait::Commit(position) if position > committed => return,
                Wait::Fetch(_) => return,
                Wait::Commit(_) | Wait::Nothing => {}
            }
            out.extend(self.segments.pop_front().into_iter().flat_map(|segment| segment.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_keeps_its_order() {
        let (mut gate, mut out) = (Gate::default(), Vec::new());
        gate.sink(&mut out).push(1);
        gate.hold_for_commit(Position(10));
        gate.sink(&mut out).push(2);
        gate.hold_for_fetch(77);
        gate.sink(&mut out).push(4);
        gate.hold_for_commit(Position(5));
        gate.sink(&mut out).push(5);
        assert_eq!((out.as_slice(), gate.len()), (&[1][..], 3));
        gate.release(Position(9), &mut out);
        assert_eq!(out, [1]);
        gate.release(Position(10), &mut out);
        assert_eq!(out, [1, 2]);
        assert!(!gate.answer(78, |_| unreachable!()));
        assert!(gate.answer(77, |bytes| bytes.push(3)));
        gate.release(Position(10), &mut out);
        assert_eq!((out.as_slice(), gate.is_open()), (&[1, 2, 3, 4, 5][..], true));
    }
}
