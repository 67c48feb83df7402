//! A share group's place in a partition, as bytes: the bodies of journal frames of the kinds `SHARE` and `SHARE_TAKEN`, and of items of
//! snapshots.
//!
//! `vhost, name, partition, what, …`; integers LEB128, the name `length, bytes`.

use anymq_types::{Millis, QueueId, VhostId};

use super::partition::Changes;
use super::spans::{Death, State};
use crate::groups::durable::{byte, put_text, text};
use crate::journal::{Reader, put_varint};

/// `start`: nothing is known of what follows it.
const BEGIN: u8 = 0;
/// `start, count, (first, length, state, deliveries)*`; what is done has no deliveries.
const CHANGE: u8 = 1;
/// Nothing: the place is forgotten.
const FORGET: u8 = 2;

const AVAILABLE: u8 = 0;
const ACQUIRED: u8 = 1;
const DONE: u8 = 2;
const REJECTED: u8 = 3;
const TOO_OFTEN: u8 = 4;

/// A change to a share group's place in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It begins here, anew if there was one.
    Begin(u64),
    /// Offsets get another state, and everything before the first number is done.
    Change(u64, Changes),
    /// It is forgotten.
    Forget,
}

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Where<'a> {
    pub(crate) vhost: VhostId,
    pub(crate) group: &'a str,
    pub(crate) partition: QueueId,
}

impl Where<'_> {
    fn write(&self, what: u8, out: &mut Vec<u8>) {
        put_varint(out, self.vhost.0.into());
        put_text(out, self.group);
        put_varint(out, self.partition.0);
        out.push(what);
    }
}

/// Writes changes, in their order: a later one may be of offsets that an earlier one is of.
pub(crate) fn write_changes(at: &Where<'_>, start: u64, changes: &[(u64, u64, State)], out: &mut Vec<u8>) {
    at.write(CHANGE, out);
    put_varint(out, start);
    put_varint(out, changes.len() as u64);
    for (first, end, state) in changes {
        put_varint(out, *first);
        put_varint(out, end - first);
        let (mark, count) = match state {
            State::Available { count } => (AVAILABLE, *count),
            State::Acquired { count, .. } => (ACQUIRED, *count),
            State::Done => (DONE, 0),
            State::Dying { count, why: Death::Rejected } => (REJECTED, *count),
            State::Dying { count, why: Death::TooOften } => (TOO_OFTEN, *count),
        };
        out.push(mark);
        if mark != DONE {
            put_varint(out, count.into());
        }
    }
}

impl Place {
    pub(crate) fn write(&self, at: &Where<'_>, out: &mut Vec<u8>) {
        match self {
            Place::Begin(start) => {
                at.write(BEGIN, out);
                put_varint(out, *start);
            }
            Place::Change(start, changes) => write_changes(at, *start, changes, out),
            Place::Forget => at.write(FORGET, out),
        }
    }

    /// Reads a body; [`None`] if it is not one.
    pub(crate) fn parse(body: &[u8]) -> Option<(Where<'_>, Place)> {
        let mut r = Reader::new(body);
        let vhost = VhostId(r.varint()?.try_into().ok()?);
        let group = text(&mut r)?;
        let at = Where { vhost, group, partition: QueueId(r.varint()?) };
        let place = match byte(&mut r)? {
            BEGIN => Place::Begin(r.varint()?),
            CHANGE => {
                let start = r.varint()?;
                Place::Change(start, (0..r.varint()?).map(|_| change(&mut r)).collect::<Option<_>>()?)
            }
            FORGET => Place::Forget,
            _ => return None,
        };
        r.rest.is_empty().then_some((at, place))
    }
}

fn change(r: &mut Reader<'_>) -> Option<(u64, u64, State)> {
    let first = r.varint()?;
    let end = first.checked_add(r.varint()?)?;
    let mark = byte(r)?;
    let count = if mark == DONE { 0 } else { u16::try_from(r.varint()?).ok()? };
    let state = match mark {
        AVAILABLE => State::Available { count },
        ACQUIRED => State::Acquired { count, by: Default::default(), until: Millis(0) },
        DONE => State::Done,
        REJECTED => State::Dying { count, why: Death::Rejected },
        TOO_OFTEN => State::Dying { count, why: Death::TooOften },
        _ => return None,
    };
    Some((first, end, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip_and_cut_ones_are_refused() {
        let at = Where { vhost: VhostId(3), group: "gröup", partition: QueueId(300) };
        let taken = State::Acquired { count: 2, by: Default::default(), until: Millis(0) };
        let changes = vec![
            (5, 9, State::Done),
            (9, 10, State::Available { count: 4 }),
            (2, 3, taken),
            (0, u64::MAX, State::Dying { count: u16::MAX, why: Death::Rejected }),
            (7, 8, State::Dying { count: 5, why: Death::TooOften }),
        ];
        for place in [Place::Begin(u64::MAX), Place::Change(7, changes), Place::Forget] {
            let mut out = Vec::new();
            place.write(&at, &mut out);
            assert_eq!(Place::parse(&out), Some((at, place)));
            for len in 0..out.len() {
                assert_eq!(Place::parse(&out[..len]), None, "cut at {len}");
            }
            out.push(0);
            assert_eq!(Place::parse(&out), None, "something behind it");
        }
    }

    #[test]
    fn lies_do_not_parse() {
        let lies: [&[u8]; 4] = [
            &[CHANGE, 0, 0x7f],
            &[CHANGE, 0, 1, 1, 1, 9, 1],
            &[9],
            &[CHANGE, 0, 1, 1, 1, AVAILABLE, 0xff, 0xff, 4],
        ];
        for lie in lies {
            let mut out = vec![1, 1, b'g', 7];
            out.extend_from_slice(lie);
            assert_eq!(Place::parse(&out), None, "{lie:?}");
        }
    }
}
