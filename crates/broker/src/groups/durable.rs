//! What of groups outlives a restart, as bytes: the bodies of journal frames of kind `OFFSETS`, and of items of snapshots.
//!
//! `vhost, name, what, …`; texts are `length, bytes`, integers LEB128, signed ones folded (0, −1, 1, −2 …).

use anymq_types::{QueueId, VhostId};

use super::api::GroupKind;
use super::offsets_api::Committed;
use super::settings::GroupConfig;
use crate::journal::{Reader, put_varint};

/// `count, (partition, offset, epoch, metadata)*`.
const COMMIT: u8 = 0;
/// `count, partition*`.
const FORGET: u8 = 1;
/// Nothing: the group is gone.
const DELETE: u8 = 2;
/// `0` classic, `1` consumer, `2` share.
const KIND: u8 = 3;
/// `count, (name, value)*`: all settings of the group.
const CONFIG: u8 = 4;

/// A change to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Commit(Vec<(QueueId, Committed)>),
    Forget(Vec<QueueId>),
    Delete,
    Kind(GroupKind),
    Config(GroupConfig),
}

fn fold(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unfold(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn text<'a>(r: &mut Reader<'a>) -> Option<&'a str> {
    let len = usize::try_from(r.varint()?).ok()?;
    let (head, rest) = r.rest.split_at_checked(len)?;
    r.rest = rest;
    std::str::from_utf8(head).ok()
}

/// Writes offsets that were committed.
pub(crate) fn write_commit<'a>(
    vhost: VhostId,
    name: &str,
    offsets: impl ExactSizeIterator<Item = (QueueId, &'a Committed)>,
    out: &mut Vec<u8>,
) {
    put_head(vhost, name, COMMIT, out);
    put_varint(out, offsets.len() as u64);
    for (partition, committed) in offsets {
        put_varint(out, partition.0);
        put_varint(out, fold(committed.offset));
        put_varint(out, fold(committed.epoch.into()));
        put_text(out, &committed.metadata);
    }
}

fn put_head(vhost: VhostId, name: &str, what: u8, out: &mut Vec<u8>) {
    put_varint(out, vhost.0.into());
    put_text(out, name);
    out.push(what);
}

impl Change {
    pub(crate) fn write(&self, vhost: VhostId, name: &str, out: &mut Vec<u8>) {
        match self {
            Change::Commit(offsets) => {
                write_commit(vhost, name, offsets.iter().map(|(partition, c)| (*partition, c)), out);
            }
            Change::Forget(partitions) => {
                put_head(vhost, name, FORGET, out);
                put_varint(out, partitions.len() as u64);
                partitions.iter().for_each(|partition| put_varint(out, partition.0));
            }
            Change::Delete => put_head(vhost, name, DELETE, out),
            Change::Kind(kind) => {
                put_head(vhost, name, KIND, out);
                out.push(match kind {
                    GroupKind::Classic => 0,
                    GroupKind::Consumer => 1,
                    GroupKind::Share => 2,
                });
            }
            Change::Config(config) => {
                put_head(vhost, name, CONFIG, out);
                put_varint(out, config.len() as u64);
                for (name, value) in config {
                    put_text(out, name);
                    put_text(out, value);
                }
            }
        }
    }

    /// Reads a body; [`None`] if it is not one.
    pub(crate) fn parse(body: &[u8]) -> Option<(VhostId, &str, Change)> {
        let mut r = Reader::new(body);
        let vhost = VhostId(r.varint()?.try_into().ok()?);
        let name = text(&mut r)?;
        let change = match byte(&mut r)? {
            COMMIT => {
                let offsets = (0..r.varint()?).map(|_| Some((QueueId(r.varint()?), committed(&mut r)?)));
                Change::Commit(offsets.collect::<Option<_>>()?)
            }
            FORGET => {
                Change::Forget((0..r.varint()?).map(|_| r.varint().map(QueueId)).collect::<Option<_>>()?)
            }
            DELETE => Change::Delete,
            KIND => Change::Kind(match byte(&mut r)? {
                0 => GroupKind::Classic,
                1 => GroupKind::Consumer,
                2 => GroupKind::Share,
                _ => return None,
            }),
            CONFIG => {
                let pairs = (0..r.varint()?).map(|_| Some((text(&mut r)?.into(), text(&mut r)?.into())));
                Change::Config(pairs.collect::<Option<_>>()?)
            }
            _ => return None,
        };
        r.rest.is_empty().then_some((vhost, name, change))
    }
}

pub(crate) fn byte(r: &mut Reader<'_>) -> Option<u8> {
    let (&byte, rest) = r.rest.split_first()?;
    r.rest = rest;
    Some(byte)
}

fn committed(r: &mut Reader<'_>) -> Option<Committed> {
    let offset = unfold(r.varint()?);
    let epoch = i32::try_from(unfold(r.varint()?)).ok()?;
    Some(Committed { offset, epoch, metadata: text(r)?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_round_trip_and_cut_ones_are_refused() {
        let committed = |offset, epoch, note: &str| Committed { offset, epoch, metadata: note.into() };
        let changes = [
            Change::Commit(vec![
                (QueueId(1), committed(0, -1, "")),
                (QueueId(u64::MAX), committed(i64::MAX, i32::MAX, "nöte")),
                (QueueId(3), committed(i64::MIN, i32::MIN, "x")),
            ]),
            Change::Forget(vec![QueueId(7), QueueId(8)]),
            Change::Delete,
            Change::Kind(GroupKind::Consumer),
            Change::Kind(GroupKind::Classic),
            Change::Kind(GroupKind::Share),
            Change::Config(GroupConfig::new()),
            Change::Config([("a.b".into(), "1".into()), ("c".into(), "".into())].into()),
        ];
        for change in changes {
            let mut out = Vec::new();
            change.write(VhostId(2), "gröup", &mut out);
            assert_eq!(Change::parse(&out), Some((VhostId(2), "gröup", change)));
            for len in 0..out.len() {
                assert_eq!(Change::parse(&out[..len]), None, "cut at {len}");
            }
            out.push(0);
            assert_eq!(Change::parse(&out), None, "something behind it");
        }
    }

    #[test]
    fn counts_that_lie_and_kinds_of_the_future_do_not_parse() {
        for tail in [&[COMMIT, 0xff, 0xff, 0xff, 0xff, 0x0f][..], &[KIND, 3], &[9], &[FORGET, 0x7f, 1]] {
            let mut out = vec![1, 1, b'g'];
            out.extend_from_slice(tail);
            assert_eq!(Change::parse(&out), None);
        }
    }
}
